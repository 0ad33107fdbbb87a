/* SPDX-License-Identifier: MIT */
/* A socket's payload as records: its data on the way to the peer, and what was received. */
#include "record.h"

#include <common/string.h>

#include <lwip/pbuf.h>

struct record_chunk {
    uint64_t socket;
    uint32_t block, used;
};

/* A piece of received data; the bytes follow when it lies in no block. */
struct record_packet {
    uint64_t socket;
    uint32_t block, offset, length;
    uint32_t more; /* the next piece belongs to the same datagram */
};

struct record_datagram {
    uint64_t socket;
    struct net_address from;
};

/* The block that the bytes lie in. */
static bool block_of(const uint8_t *payload, uint32_t *block, uint32_t *offset) {
    uint64_t from = (uintptr_t)payload - net.receive_blocks.base;
    *block = (uint32_t)(from / RECEIVE_BLOCK);
    *offset = (uint32_t)(from % RECEIVE_BLOCK);
    return (uintptr_t)payload >= net.receive_blocks.base &&
           from / RECEIVE_BLOCK < net.receive_blocks.count;
}

static void export_packet(uint64_t badge, const struct pbuf *packet, bool more,
                          struct records_writer *records) {
    struct record_packet record = {
        .socket = badge, .block = BLOCK_NONE, .length = packet->len, .more = more};
    bool inline_bytes = !block_of(packet->payload, &record.block, &record.offset);
    if (inline_bytes) {
        record.block = BLOCK_NONE;
        record.offset = 0;
    }
    uint8_t *to =
        record_add(records, RECORD_PACKET, 1, sizeof record + (inline_bytes ? packet->len : 0));
    if (to != NULL) {
        memcpy(to, &record, sizeof record);
        if (inline_bytes) {
            memcpy(to + sizeof record, packet->payload, packet->len);
        }
    }
}

void payload_export(const struct socket *socket, struct records_writer *records) {
    for (const struct chunk *chunk = socket->chunk_first; chunk != NULL; chunk = chunk->next) {
        struct record_chunk to = {socket->badge, chunk->block, chunk->used};
        record_put(records, RECORD_CHUNK, 1, &to, sizeof to);
    }
    for (const struct pbuf *p = socket->receive_first; p != NULL; p = p->next) {
        export_packet(socket->badge, p, false, records);
    }
    for (const struct datagram *d = socket->datagram_first; d != NULL; d = d->next) {
        struct record_datagram record = {socket->badge, d->from};
        record_put(records, RECORD_DATAGRAM, 1, &record, sizeof record);
        for (const struct pbuf *p = d->packet; p != NULL; p = p->next) {
            export_packet(socket->badge, p, p->next != NULL, records);
        }
    }
}

static void import_chunk(const struct record *record) {
    struct record_chunk from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = socket_find(from.socket);
    if (socket != NULL) {
        (void)payload_adopt_chunk(socket, from.block, from.used);
    }
}

/* The datagram whose pieces come next. */
static struct datagram *import_datagram(const struct record *record) {
    struct record_datagram from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = socket_find(from.socket);
    struct datagram *datagram = socket != NULL && socket->kind == NET_UDP
                                    ? port_allocate_zeroed(1, sizeof *datagram)
                                    : NULL;
    if (datagram != NULL) {
        datagram->from = from.from;
    }
    return datagram;
}

static void add_datagram(struct socket *socket, struct datagram *datagram) {
    if (socket->datagram_last != NULL) {
        socket->datagram_last->next = datagram;
    } else {
        socket->datagram_first = datagram;
    }
    socket->datagram_last = datagram;
    socket->datagram_count++;
}

static void add_stream(struct socket *socket, struct pbuf *packet) {
    if (socket->receive_last != NULL) {
        socket->receive_last->next = packet;
    } else {
        socket->receive_first = packet;
    }
    socket->receive_last = packet;
    socket->receive_bytes += packet->len;
}

/* *datagram: the one under construction, or NULL. */
static void import_packet(const struct record *record, struct datagram **datagram) {
    struct record_packet from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = socket_find(from.socket);
    struct pbuf *packet = NULL;
    if (socket == NULL || from.length > UINT16_MAX) {
        return;
    }
    if (from.block != BLOCK_NONE) {
        packet = payload_adopt_packet(from.block, from.offset, from.length);
    } else if (record->length >= sizeof from + from.length) {
        packet = pbuf_alloc(PBUF_RAW, (u16_t)from.length, PBUF_RAM);
        if (packet != NULL) {
            memcpy(packet->payload, (const uint8_t *)record->data + sizeof from, from.length);
        }
    }
    if (packet == NULL) {
        return;
    }
    if (*datagram == NULL && socket->kind == NET_TCP) {
        add_stream(socket, packet);
    } else if (*datagram != NULL) {
        if ((*datagram)->packet == NULL) {
            (*datagram)->packet = packet;
        } else {
            pbuf_cat((*datagram)->packet, packet);
        }
        if (from.more == 0) {
            add_datagram(socket, *datagram);
            *datagram = NULL;
        }
    } else {
        pbuf_free(packet);
    }
}

void payload_import(const struct record *record, struct datagram **datagram) {
    switch (record->tag) {
    case RECORD_CHUNK:
        import_chunk(record);
        break;
    case RECORD_DATAGRAM:
        port_free(*datagram);
        *datagram = import_datagram(record);
        break;
    case RECORD_PACKET:
        import_packet(record, datagram);
        break;
    default:
        break;
    }
}
