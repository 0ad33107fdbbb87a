/* SPDX-License-Identifier: MIT */
/* Path MTU discovery: what a router says of a segment, and what a liar does. */
#include "check.h"

#include <common/ip.h>

#include "sockets.h"

#define SENT 8000u
#define MSS 1460u
#define ROUTER_IP 0x0a000009u

static uint8_t data[SENT], got[SENT];
static uint32_t first; /* sequence number of data[0] */

/* A connection with all of `data` on its way in segments of MSS; their frames are lost. */
static struct socket *with_data(void) {
    world_address();
    struct socket *socket = connected();
    if (socket == NULL) {
        return NULL;
    }
    socket->tcp->mss = MSS; /* the peer's SYN had no options */
    socket->tcp->cwnd = 2 * SENT;
    tcp_nagle_disable(socket->tcp);
    first = peer.acknowledged;
    for (uint32_t i = 0; i < SENT; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    struct call *call = begin_io(socket, true, data, SENT, 0);
    CHECK(call->answered && call->status == OK && moved(call) == SENT);
    wire_clear();
    return socket;
}

static void end(struct socket *socket) {
    tcp_socket_abort(socket, E_CONN_ABORTED);
    socket_closed(socket);
    turn();
    wire_clear();
    CHECK_EQ(net.socket_count, 0);
    CHECK_EQ(net.transmit_blocks.used, 0);
}

/* "Fragmentation needed", about a segment of ours of 1500 bytes. */
static void complain(uint32_t mtu, uint32_t port, uint32_t sequence) {
    uint8_t quoted[28] = {0x45, [8] = 60, [9] = 6};
    struct frame out;
    put16(quoted + 2, 1500);
    put32(quoted + 12, OUR_IP);
    put32(quoted + 16, PEER_IP);
    put16(quoted + 20, port);
    put16(quoted + 22, peer.peer_port);
    put32(quoted + 24, sequence);
    frame_icmp(&out, ROUTER_IP, 3, 0, mtu, quoted, sizeof quoted);
    uint8_t *icmp = out.bytes + DATA_AT;
    icmp[1] = 4;
    put16(icmp + 2, get16(icmp + 2) - 4); /* the code's part of the sum */
    wire_put(&out);
}

/* Takes the segments that were sent; returns their number. */
static uint32_t take(uint32_t longest) {
    uint32_t count = 0;
    memset(got, 0, sizeof got);
    while (wire_get_tcp(&frame, &segment)) {
        uint32_t at = segment.sequence - first;
        count++;
        CHECK(segment.length <= longest);
        bool may_fragment = get16(frame.bytes + IP_AT + 2) <= 552;
        CHECK_EQ(get16(frame.bytes + IP_AT + 6), may_fragment ? 0 : 0x4000);
        if (CHECK(at + segment.length <= SENT)) {
            memcpy(got + at, segment.data, segment.length);
        }
    }
    return count;
}

TEST(a_narrow_path_gets_short_segments) {
    struct socket *socket = with_data();
    REQUIRE(socket != NULL);
    complain(1300, peer.our_port, first);
    CHECK_EQ(socket->tcp->mss, 1300 - 40);
    CHECK_EQ(take(1260), 11); /* five cut in two, and the last */
    CHECK(memcmp(got, data, SENT) == 0);
    complain(1300, peer.our_port, first + MSS); /* about the same flight */
    CHECK_EQ(take(1260), 0);
    complain(1280, peer.our_port, first); /* and narrower still */
    CHECK_EQ(take(1240), 16);
    CHECK(memcmp(got, data, SENT) == 0);
    peer.acknowledged += SENT;
    peer_send(ACK, NULL, 0);
    CHECK_EQ(net.transmit_blocks.used, 0);
    CHECK_EQ(socket->tcp->snd_queuelen, 0);
    end(socket);
}

TEST(a_very_narrow_path_may_fragment) {
    static const uint32_t told[] = {68, 0, 551};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct socket *socket = with_data();
        REQUIRE(socket != NULL);
        complain(told[i], peer.our_port, first + 2 * MSS);
        CHECK_EQ(take(512), 17);
        CHECK(memcmp(got, data, SENT) == 0);
        end(socket);
    }
}

TEST(what_has_not_been_sent_is_cut_too) {
    struct socket *socket = with_data();
    REQUIRE(socket != NULL);
    peer.acknowledged += MSS;
    peer_send(ACK, NULL, 0);
    socket->tcp->cwnd = MSS; /* the rest has to wait */
    wire_clear();
    complain(1000, peer.our_port, first + MSS);
    CHECK_EQ(take(960), 2);
    while (peer.acknowledged < first + SENT) {
        REQUIRE(socket->tcp->unacked != NULL);
        peer.acknowledged += socket->tcp->unacked->len;
        peer_send(ACK, NULL, 0);
        CHECK(take(960) != 0 || socket->tcp->unsent == NULL);
    }
    CHECK_EQ(peer.acknowledged, first + SENT);
    end(socket);
}

TEST(liars_are_not_believed) {
    struct socket *socket = with_data();
    REQUIRE(socket != NULL);
    complain(600, peer.our_port, first - 1);    /* acknowledged long ago */
    complain(600, peer.our_port, first + SENT); /* not sent yet */
    complain(600, peer.our_port + 1, first);
    complain(1500, peer.our_port, first); /* it would have fitted */
    complain(9000, peer.our_port, first);
    CHECK_EQ(take(MSS), 0);
    CHECK_EQ(socket->tcp->mss, MSS);
    uint8_t damaged[28] = {0x45, [8] = 60, [9] = 6};
    frame_icmp(&frame, ROUTER_IP, 3, 0, 600, damaged, sizeof damaged);
    put16(damaged + 2, 1500);
    put32(damaged + 12, OUR_IP);
    put32(damaged + 16, PEER_IP);
    put16(damaged + 20, peer.our_port);
    put16(damaged + 22, peer.peer_port);
    put32(damaged + 24, first);
    memcpy(frame.bytes + DATA_AT + 8, damaged, sizeof damaged); /* behind the checksum's back */
    frame.bytes[DATA_AT + 1] = 4;
    wire_put(&frame);
    CHECK_EQ(socket->tcp->mss, MSS);
    complain(600, peer.our_port, first); /* the same with its checksum */
    CHECK_EQ(socket->tcp->mss, 560);
    end(socket);
}

TEST(memory_that_is_short_delays_only) {
    struct socket *socket = with_data();
    REQUIRE(socket != NULL);
    complain(1400, peer.our_port, first);
    (void)take(1360);
    world_allocations_left = 3; /* the message itself takes two */
    complain(700, peer.our_port, first);
    world_allocations_left = SIZE_MAX;
    (void)take(MSS);
    complain(700, peer.our_port, first);
    CHECK(take(660) != 0);
    CHECK(memcmp(got, data, SENT) == 0);
    end(socket);
}
