/* SPDX-License-Identifier: MIT */
/*
 * Packet payload beside the arena. A received TCP or UDP frame is copied into a fresh block, which
 * lwIP sees as a PBUF_REF. What a program sends is appended to the blocks of its socket, and lwIP
 * refers to it until the peer has acknowledged it. No byte that a committed state refers to is
 * written: headers that lwIP edits later (fragments, small packets) stay in the arena.
 */
#include <common/string.h>

#include "net.h"

#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>

/* Below, a copy in the arena is cheaper than a block for each packet. */
#define SMALL_FRAME 512u

/* Shorter frames are filled up: lwIP's ARP relies on it. */
#define FRAME_MIN 60u

struct block_packet {
    struct pbuf_custom custom;
    uint32_t block;
};

static void block_packet_free(struct pbuf *packet) {
    struct block_packet *holder = (struct block_packet *)packet;
    blocks_free(&net.receive_blocks, holder->block);
    port_free(holder);
}

/* lwIP writes into the headers of fragments while it collects them, over several turns. The headers
 * are a copy: the frame may change under our eyes. */
#define HEADERS (SIZEOF_ETH_HDR + IP6_HLEN)
static bool may_lie_in_block(const uint8_t *headers) {
    const uint8_t *ip = headers + SIZEOF_ETH_HDR;
    uint8_t protocol;
    if (headers[12] == 0x08 && headers[13] == 0x00) {
        uint32_t fragment = (uint32_t)(ip[6] << 8 | ip[7]) & (IP_MF | IP_OFFMASK);
        protocol = fragment == 0 ? ip[9] : 0;
    } else if (headers[12] == 0x86 && headers[13] == 0xdd) {
        protocol = ip[6]; /* without extension headers */
    } else {
        return false;
    }
    return protocol == IP_PROTO_TCP || protocol == IP_PROTO_UDP;
}

static struct pbuf *block_packet_create(const uint8_t *headers, const uint8_t *frame,
                                        uint32_t length) {
    struct block_packet *holder = port_allocate(sizeof *holder);
    if (holder == NULL) {
        return NULL;
    }
    holder->block = blocks_allocate(&net.receive_blocks);
    if (holder->block == BLOCK_NONE) {
        port_free(holder);
        return NULL;
    }
    uint8_t *payload = blocks_address(&net.receive_blocks, holder->block);
    memcpy(payload, headers, HEADERS);
    memcpy(payload + HEADERS, frame + HEADERS, length - HEADERS);
    holder->custom.custom_free_function = block_packet_free;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &holder->custom, payload,
                               RECEIVE_BLOCK);
}

struct pbuf *payload_adopt_packet(uint32_t block, uint32_t offset, uint32_t length) {
    struct block_packet *holder = port_allocate(sizeof *holder);
    if (holder == NULL || offset > RECEIVE_BLOCK || length > RECEIVE_BLOCK - offset ||
        !blocks_claim(&net.receive_blocks, block)) {
        port_free(holder);
        return NULL;
    }
    holder->block = block;
    holder->custom.custom_free_function = block_packet_free;
    uint8_t *payload = (uint8_t *)blocks_address(&net.receive_blocks, block) + offset;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &holder->custom, payload,
                               (u16_t)(RECEIVE_BLOCK - offset));
}

struct pbuf *payload_packet(const uint8_t *frame, uint32_t length) {
    if (length >= SMALL_FRAME) {
        uint8_t headers[HEADERS];
        memcpy(headers, frame, HEADERS);
        struct pbuf *packet =
            may_lie_in_block(headers) ? block_packet_create(headers, frame, length) : NULL;
        if (packet != NULL) {
            return packet;
        }
    }
    size_t size = length < FRAME_MIN ? FRAME_MIN : length;
    struct pbuf *packet;
    do {
        packet = pbuf_alloc(PBUF_RAW, (u16_t)size, PBUF_RAM);
    } while (packet == NULL && tcp_socket_relieve());
    if (packet != NULL) {
        memcpy(packet->payload, frame, length);
        memset((uint8_t *)packet->payload + length, 0, size - length);
    }
    return packet;
}

static void chunk_append(struct socket *socket, struct chunk *chunk) {
    if (socket->chunk_last != NULL) {
        socket->chunk_last->next = chunk;
    } else {
        socket->chunk_first = chunk;
    }
    socket->chunk_last = chunk;
}

bool payload_adopt_chunk(struct socket *socket, uint32_t block, uint32_t used) {
    struct chunk *chunk = port_allocate_zeroed(1, sizeof *chunk);
    if (chunk == NULL || used > TRANSMIT_BLOCK || !blocks_claim(&net.transmit_blocks, block)) {
        port_free(chunk);
        return false;
    }
    chunk->block = block;
    chunk->used = used;
    account_take_block(socket->account);
    chunk_append(socket, chunk);
    socket->transmit_bytes += used;
    return true;
}

/* The chunk that has room for more, a new one if need be. */
static struct chunk *chunk_open(struct socket *socket) {
    struct chunk *last = socket->chunk_last;
    if (last != NULL && last->used < TRANSMIT_BLOCK) {
        return last;
    }
    struct chunk *chunk =
        account_may_take_block(socket->account) ? port_allocate_zeroed(1, sizeof *chunk) : NULL;
    if (chunk == NULL) {
        return NULL;
    }
    chunk->block = blocks_allocate(&net.transmit_blocks);
    if (chunk->block == BLOCK_NONE) {
        port_free(chunk);
        return NULL;
    }
    account_take_block(socket->account);
    chunk_append(socket, chunk);
    return chunk;
}

static void chunk_drop_first(struct socket *socket) {
    struct chunk *chunk = socket->chunk_first;
    socket->chunk_first = chunk->next;
    if (chunk->next == NULL) {
        socket->chunk_last = NULL;
    }
    blocks_free(&net.transmit_blocks, chunk->block);
    account_release_block(socket->account);
    port_free(chunk);
}

status_t payload_append(struct socket *socket, token_t token, uint64_t offset, uint32_t length,
                        void **at, uint32_t *done) {
    struct chunk *chunk = chunk_open(socket);
    if (chunk == NULL) {
        return E_NO_SPACE;
    }
    uint32_t room = TRANSMIT_BLOCK - chunk->used;
    uint32_t piece = length < room ? length : room;
    uint8_t *to = (uint8_t *)blocks_address(&net.transmit_blocks, chunk->block) + chunk->used;
    status_t status = port_lease_read(token, offset, to, piece);
    if (status != OK) {
        payload_acknowledge(socket, 0);
        return status;
    }
    chunk->used += piece;
    socket->transmit_bytes += piece;
    *at = to;
    *done = piece;
    return OK;
}

void payload_retract(struct socket *socket, uint32_t length) {
    struct chunk *last = socket->chunk_last;
    if (last != NULL && last->used >= length) {
        last->used -= length;
        socket->transmit_bytes -= length;
        payload_acknowledge(socket, 0);
    } else {
        port_abort("payload was retracted that is not there");
    }
}

void payload_acknowledge(struct socket *socket, uint32_t length) {
    if (length > socket->transmit_bytes) {
        port_abort("more was acknowledged than was sent");
    }
    socket->transmit_bytes -= length;
    socket->acknowledged += length;
    while (socket->chunk_first != NULL && socket->acknowledged >= socket->chunk_first->used) {
        socket->acknowledged -= socket->chunk_first->used;
        chunk_drop_first(socket);
    }
}

void payload_release(struct socket *socket) {
    while (socket->chunk_first != NULL) {
        chunk_drop_first(socket);
    }
    socket->acknowledged = 0;
    socket->transmit_bytes = 0;
}
