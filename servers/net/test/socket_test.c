/* SPDX-License-Identifier: MIT */
/*
 * Sockets against a peer made by hand and over the loopback interface. The tests share one stack,
 * as lwIP has but one.
 */
#include "check.h"

#include <common/ip.h>

#include "sockets.h"

/* ---- TCP by hand -------------------------------------------------------------------------- */

TEST(tcp_sends_and_keeps_data_until_it_is_acknowledged) {
    char data[] = "hello, peer";
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    struct call *call = begin_io(socket, true, data, sizeof data, 0);
    CHECK(call->answered && call->status == OK && moved(call) == sizeof data);
    memset(data, 0, sizeof data);
    REQUIRE(wire_get_tcp(&frame, &segment));
    CHECK_EQ(segment.length, sizeof data);
    CHECK(memcmp(segment.data, "hello, peer", sizeof data) == 0);
    CHECK_EQ(net.transmit_blocks.used, 1);
    pass(4000); /* lost: it is sent again */
    REQUIRE(wire_get_tcp(&frame, &segment));
    CHECK_EQ(segment.length, sizeof data);
    CHECK(memcmp(segment.data, "hello, peer", sizeof data) == 0);
    peer.acknowledged += sizeof data;
    peer_send(ACK, NULL, 0);
    CHECK_EQ(net.transmit_blocks.used, 0);
    socket_closed(socket);
    turn();
    REQUIRE(wire_get_tcp(&frame, &segment));
    CHECK_EQ(segment.flags & FIN, FIN);
    peer.acknowledged++;
    peer_send(FIN | ACK, NULL, 0);
    pass(2 * TCP_MSL + 1000);
    CHECK_EQ(net.socket_count, 0);
}

TEST(tcp_receives_in_order_and_to_the_end) {
    uint8_t sent[2000], got[4000];
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (uint8_t)check_random();
    }
    struct call *call = begin_io(socket, false, got, sizeof got, NET_NO_WAIT);
    CHECK(call->answered && call->status == E_WOULD_BLOCK);
    call = begin_io(socket, false, got, 10, 0);
    struct call *second = begin_io(socket, false, got + 10, sizeof got - 10, 0);
    CHECK(!call->answered && !second->answered);
    peer.next += 1000; /* the second half first */
    peer_send(ACK, sent + 1000, 1000);
    peer.next -= 2000;
    CHECK(!call->answered);
    peer_send(ACK, sent, 1000);
    peer.next += 1000;
    REQUIRE(call->answered && second->answered);
    CHECK_EQ(moved(call), 10);
    CHECK_EQ(moved(second), 1990);
    CHECK(memcmp(got, sent, sizeof sent) == 0);
    CHECK_EQ(net.receive_blocks.used, 0);
    call = begin_io(socket, false, got, sizeof got, 0);
    peer_send(FIN | ACK, NULL, 0);
    CHECK(call->answered && call->status == OK && moved(call) == 0);
    call = begin_io(socket, false, got, sizeof got, 0);
    CHECK(call->answered && call->status == OK && moved(call) == 0);
    socket_closed(socket);
    turn();
    wire_clear();
    peer.acknowledged++;
    peer_send(ACK, NULL, 0);
    turn();
    CHECK_EQ(net.socket_count, 0);
}

TEST(tcp_orphan_delivers_what_was_sent) {
    char data[] = "last words";
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    (void)begin_io(socket, true, data, sizeof data, 0);
    socket_closed(socket);
    turn();
    wire_clear();
    CHECK_EQ(net.socket_count, 1);
    pass(3000); /* nothing came: again */
    REQUIRE(wire_get_tcp(&frame, &segment));
    CHECK(memcmp(segment.data, "last words", sizeof data) == 0);
    peer.acknowledged += sizeof data + 1;
    peer_send(ACK, NULL, 0);
    CHECK_EQ(net.socket_count, 0);
    CHECK_EQ(net.transmit_blocks.used, 0);
    peer_send(RST, NULL, 0);
}

#define SILENCE 40000u /* ms without a packet from the peer */

TEST(tcp_answer_outlives_a_silence) {
    char data[] = "the answer";
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    peer_send(FIN | ACK, NULL, 0);
    (void)begin_io(socket, true, data, sizeof data, 0);
    socket_closed(socket);
    turn();
    CHECK_EQ(tcp_active_pcbs->state, LAST_ACK);
    pass(SILENCE);
    wire_clear();
    pass(SILENCE);
    REQUIRE(wire_get_tcp(&frame, &segment));
    CHECK_EQ(segment.length, sizeof data);
    peer.acknowledged += sizeof data + 1;
    peer_send(ACK, NULL, 0);
    CHECK_EQ(net.socket_count, 0);

    wire_clear();
    socket = connected(); /* and one whose peer is gone */
    REQUIRE(socket != NULL);
    peer_send(FIN | ACK, NULL, 0);
    (void)begin_io(socket, true, data, sizeof data, 0);
    socket_closed(socket);
    pass(4 * SILENCE);
    CHECK_EQ(net.socket_count, 0);
}

/* Segments that are lost again and again wait longer each time, but not for the next life of a
 * driver. */
TEST(tcp_sends_again_soon_with_a_new_driver) {
    char data[] = "lost with the driver";
    uint64_t waited = 0;
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    (void)begin_io(socket, true, data, sizeof data, 0);
    while (tcp_active_pcbs->nrtx < 3 && waited < SILENCE) {
        pass(100);
        waited += 100;
    }
    CHECK_EQ(tcp_active_pcbs->rto, 24000 / TCP_SLOW_INTERVAL);
    waited = 0;
    wire_clear();
    world_driver();
    wire_clear();
    while (!wire_get_tcp(&frame, &segment) && waited < SILENCE) {
        pass(100);
        waited += 100;
    }
    CHECK(waited < 4000);
    CHECK_EQ(segment.length, sizeof data);
    peer.acknowledged += sizeof data;
    peer_send(ACK, NULL, 0);
    socket_closed(socket);
    turn();
    peer_send(RST, NULL, 0);
}

TEST(tcp_unread_data_resets_at_close) {
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    peer_send(ACK, (const uint8_t *)"unread", 6);
    wire_clear();
    socket_closed(socket);
    turn();
    uint32_t flags = 0;
    while (wire_get_tcp(&frame, &segment)) {
        flags |= segment.flags;
    }
    CHECK_EQ(flags & RST, RST);
    CHECK_EQ(net.socket_count, 0);
}

TEST(tcp_errors_reach_every_call) {
    uint8_t data[16] = {0};
    world_address();
    struct socket *socket = make(NET_TCP);
    struct call *call = begin_io(socket, false, data, sizeof data, 0);
    CHECK(call->answered && call->status == E_NOT_CONNECTED);
    call = begin_connect(socket, PEER_IP, 81);
    REQUIRE(wire_get_tcp(&frame, &segment));
    peer.our_port = segment.from_port;
    peer.peer_port = 81;
    peer.next = 0;
    peer.acknowledged = segment.sequence + 1;
    peer_send(RST | ACK, NULL, 0);
    CHECK(call->answered && call->status == E_CONN_REFUSED);
    socket_closed(socket);

    socket = connected();
    REQUIRE(socket != NULL);
    call = begin_io(socket, false, data, sizeof data, 0);
    struct call *poll = call_begin(NULL, 0);
    uint64_t ready = 0;
    const struct net_poll_request closed = {.events = NET_POLL_CLOSED};
    CHECK_EQ(socket_poll(socket, poll->token, &closed, &ready), DISPATCH_PARKED);
    peer_send(RST | ACK, NULL, 0);
    CHECK(call->answered && call->status == E_CONN_RESET);
    CHECK(poll->answered && poll->status == OK);
    call = begin_io(socket, true, data, sizeof data, 0);
    CHECK(call->answered && call->status == E_CONN_RESET);
    socket_closed(socket);
    CHECK_EQ(net.socket_count, 0);
}

TEST(tcp_connect_can_be_cancelled) {
    world_address();
    struct socket *socket = make(NET_TCP);
    struct call *call = begin_connect(socket, PEER_IP, 82);
    CHECK(!call->answered);
    net_cancel(socket->badge, call->token);
    turn();
    CHECK(call->answered && call->status == E_CANCELLED);
    call = begin_connect(socket, STRANGER_IP, 82);
    pass(120000);
    CHECK(call->answered && call->status == E_TIMEOUT);
    socket_closed(socket);
    CHECK_EQ(net.socket_count, 0);
}

TEST(tcp_window_stops_the_sender_and_calls_wait) {
    static uint8_t data[NET_IO_MAX];
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    size_t total = 0;
    struct call *call = NULL;
    do {
        call = begin_io(socket, true, data, sizeof data, NET_NO_WAIT);
        total += call->status == OK ? moved(call) : 0;
    } while (call->status == OK);
    CHECK_EQ(call->status, E_WOULD_BLOCK);
    CHECK_EQ(total, TCP_SND_BUF);
    call = begin_io(socket, true, data, sizeof data, 0);
    CHECK(!call->answered);
    uint32_t window = 0;
    while (wire_get_tcp(&frame, &segment)) {
        window += (uint32_t)segment.length;
    }
    CHECK(window > 0 && window <= 65535);
    net_cancel(socket->badge, call->token);
    CHECK(call->answered && call->status == E_CANCELLED);
    tcp_socket_abort(socket, E_CONN_ABORTED);
    socket_closed(socket);
    turn();
    CHECK_EQ(net.transmit_blocks.used, 0);
    CHECK_EQ(net.socket_count, 0);
}

/* A connection of the peer to our port; NULL when the SYN was not answered by SYN and ACK. */
static struct socket *visited(struct socket *listener, uint32_t sequence) {
    struct call *call = call_begin(NULL, 0);
    peer.our_port = 3000;
    peer.peer_port = 4000;
    peer.next = sequence;
    wire_clear();
    peer_send(SYN, NULL, 0);
    if (!wire_get_tcp(&frame, &segment) || segment.flags != (SYN | ACK)) {
        return NULL;
    }
    peer.acknowledged = segment.sequence + 1;
    call_result(call, socket_accept(listener, call->token, 0), NULL, 0);
    peer_send(ACK, NULL, 0);
    return call->answered && call->status == OK ? socket_find(call->session) : NULL;
}

TEST(tcp_handshake_outlives_a_silence) {
    world_address();
    struct socket *listener = listener_at(3001);
    wire_clear();
    peer.our_port = 3001;
    peer.peer_port = 4001;
    peer.next = 7000;
    peer.acknowledged = 0;
    peer_send(SYN, NULL, 0);
    REQUIRE(wire_get_tcp(&frame, &segment));
    CHECK_EQ(segment.flags, SYN | ACK);
    peer.acknowledged = segment.sequence + 1;
    pass(SILENCE);
    peer_send(ACK, NULL, 0);
    struct socket *socket = accept_from(listener);
    REQUIRE(socket != NULL);
    tcp_socket_abort(socket, E_CONN_ABORTED);
    socket_closed(socket);
    peer.our_port = 3001; /* and one that never comes */
    peer.next = 9000;
    peer_send(SYN, NULL, 0);
    CHECK(tcp_active_pcbs != NULL);
    pass(4 * SILENCE);
    CHECK(tcp_active_pcbs == NULL);
    socket_closed(listener);
    CHECK_EQ(net.socket_count, 0);
}

TEST(tcp_peer_may_come_again_from_the_same_port) {
    world_address();
    struct socket *listener = listener_at(3000);
    struct socket *socket = visited(listener, 7000);
    REQUIRE(socket != NULL);
    socket_closed(socket);
    turn();
    peer.acknowledged++;
    peer_send(FIN | ACK, NULL, 0);
    CHECK_EQ(tcp_tw_pcbs->remote_port, 4000);
    CHECK(visited(listener, 6000) == NULL); /* an old one, late */
    socket = visited(listener, 9000);
    REQUIRE(socket != NULL);
    tcp_socket_abort(socket, E_CONN_ABORTED);
    socket_closed(socket);
    socket_closed(listener);
    CHECK_EQ(net.socket_count, 0);
}

/* ---- Loopback ----------------------------------------------------------------------------- */

TEST(loopback_transfer_is_whole) {
    static uint8_t out[300000], in[sizeof out];
    world_address();
    pass(60000); /* what earlier tests left is gone */
    size_t before = world_allocations();
    struct socket *listener = listener_at(1234);
    struct socket *client = make(NET_TCP);
    struct call *waiting = call_begin(NULL, 0);
    call_result(waiting, socket_accept(listener, waiting->token, 0), NULL, 0);
    CHECK(!waiting->answered);
    struct call *call = begin_connect(client, LOOPBACK, 1234);
    CHECK(call->answered && call->status == OK);
    REQUIRE(waiting->answered && waiting->status == OK);
    struct socket *server = socket_find(waiting->session);
    REQUIRE(server != NULL);
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)check_random();
    }
    size_t sent = 0, got = 0;
    struct call *sending = NULL, *receiving = NULL;
    for (int round = 0; round < 100000 && got < sizeof out; round++) {
        if (sending == NULL && sent < sizeof out) {
            size_t size = 1 + check_random_below(sizeof out - sent);
            sending = begin_io(client, true, out + sent, size < NET_IO_MAX ? size : NET_IO_MAX, 0);
        }
        if (receiving == NULL) {
            size_t size = 1 + check_random_below(20000);
            receiving = begin_io(server, false, in + got,
                                 size < sizeof in - got ? size : sizeof in - got, 0);
        }
        pass(1);
        if (sending != NULL && sending->answered) {
            REQUIRE(sending->status == OK);
            sent += moved(sending);
            sending = NULL;
        }
        if (receiving != NULL && receiving->answered) {
            REQUIRE(receiving->status == OK);
            got += moved(receiving);
            receiving = NULL;
        }
    }
    CHECK_EQ(got, sizeof out);
    CHECK(memcmp(in, out, sizeof out) == 0);
    CHECK_EQ(socket_shutdown(client, NET_SHUTDOWN_WRITE), OK);
    turn();
    receiving = begin_io(server, false, in, 1, 0);
    CHECK(receiving->answered && receiving->status == OK && moved(receiving) == 0);
    call = begin_io(client, true, out, 1, 0);
    CHECK(call->answered && call->status == E_PIPE);
    socket_closed(server);
    socket_closed(client);
    socket_closed(listener);
    pass(2 * TCP_MSL + 2000);
    CHECK_EQ(net.socket_count, 0);
    CHECK_EQ(world_allocations(), before);
}

TEST(loopback_refuses_without_listener) {
    world_address();
    struct socket *client = make(NET_TCP);
    struct call *call = begin_connect(client, LOOPBACK, 4321);
    CHECK(call->answered && call->status == E_CONN_REFUSED);
    struct socket *listener = listener_at(4321);
    call = begin_connect(client, LOOPBACK, 4321); /* a second try on the same socket */
    CHECK(call->answered && call->status == OK);
    struct socket *second = make(NET_TCP);
    struct net_address address = {.port = 4321};
    CHECK_EQ(socket_bind(second, &address), OK);
    CHECK_EQ(socket_listen(second, 1), E_ADDRESS_IN_USE);
    socket_closed(second);
    socket_closed(listener); /* the connection in its queue is reset */
    turn();
    uint8_t byte;
    call = begin_io(client, false, &byte, 1, 0);
    CHECK(call->answered && call->status == E_CONN_RESET);
    socket_closed(client);
    CHECK_EQ(net.socket_count, 0);
}

TEST(backlog_and_accounts_are_limits) {
    static struct socket *sockets[NET_ACCOUNT_SOCKETS + 1];
    world_address();
    struct socket *listener = listener_at(999);
    for (int i = 0; i < 4; i++) {
        sockets[i] = make(NET_TCP);
        (void)begin_connect(sockets[i], LOOPBACK, 999);
    }
    CHECK(sockets[0]->connected && sockets[1]->connected && !sockets[3]->connected);
    CHECK(accept_from(listener) != NULL);
    pass(4000); /* a place is free: the next attempt succeeds */
    CHECK(sockets[2]->connected || sockets[3]->connected);
    for (int i = 0; i < 4; i++) {
        socket_closed(sockets[i]);
    }
    socket_closed(listener);
    pass(30000);
    for (uint32_t i = 0; i < NET_SOCKETS; i++) {
        if (net.sockets[i] != NULL) {
            socket_closed(net.sockets[i]);
        }
    }
    CHECK_EQ(net.socket_count, 0);
    uint32_t count = 0;
    while ((sockets[count] = make(NET_UDP)) != NULL) {
        count++;
    }
    CHECK_EQ(count, NET_ACCOUNT_SOCKETS);
    struct socket *other = NULL;
    CHECK_EQ(socket_create(ACCOUNT + 1, NULL, NET_UDP, &other), OK);
    REQUIRE(other != NULL && udp_socket_open(other) == OK);
    uint64_t badge = other->badge;
    socket_closed(other);
    CHECK(socket_find(badge) == NULL);
    while (count > 0) {
        socket_closed(sockets[--count]);
    }
    CHECK_EQ(net.socket_count, 0);
}

TEST(datagrams_keep_their_bounds) {
    uint8_t data[100], got[200];
    world_address();
    struct socket *socket = make(NET_UDP);
    struct net_address address = {.ip = v4(OUR_IP), .port = 5000};
    CHECK_EQ(socket_bind(socket, &address), OK);
    memset(data, 'd', sizeof data);
    struct call *call = begin_io(socket, false, got, sizeof got, 0);
    CHECK(!call->answered);
    frame_udp(&frame, PEER_IP, 77, OUR_IP, 5000, data, 60);
    wire_put(&frame);
    REQUIRE(call->answered && call->status == OK);
    CHECK_EQ(moved(call), 60);
    const struct net_io_reply *reply = (const void *)call->data;
    CHECK_EQ(ip_to_v4(reply->address.ip.bytes), PEER_IP);
    CHECK_EQ(reply->address.port, 77);
    for (int i = 0; i < 100; i++) {
        frame_udp(&frame, PEER_IP, 77, OUR_IP, 5000, data, 10);
        wire_put(&frame);
    }
    CHECK_EQ(socket->datagram_count, 64);
    struct net_io_request request = {.length = 20, .address = {.ip = v4(PEER_IP), .port = 9}};
    struct net_io_reply sent = {0};
    call = call_begin(data, sizeof data);
    wire_clear();
    call_result(call, socket_send(socket, call->token, &request, &sent), &sent, sizeof sent);
    turn();
    REQUIRE(wire_get_protocol(&frame, 17));
    CHECK(ip_checksums_valid(&frame));
    CHECK_EQ(get16(frame.bytes + DATA_AT), 5000);
    CHECK_EQ(get16(frame.bytes + DATA_AT + 4), 28);
    address.ip = v4(STRANGER_IP);
    struct socket *second = make(NET_UDP);
    CHECK_EQ(socket_bind(second, &address), E_ADDRESS);
    address.ip = v4(OUR_IP);
    CHECK_EQ(socket_bind(second, &address), E_ADDRESS_IN_USE);
    socket_closed(second);
    socket_closed(socket);
    CHECK_EQ(net.socket_count, 0);
}

/* ---- Driver ------------------------------------------------------------------------------- */

/* The driver takes no more frames, and all buffers are used. */
static void stall(void) {
    wire_holds = true;
    while (wire_interface->nic.free_count != 0) {
        struct pbuf *packet = pbuf_alloc(PBUF_RAW, 60, PBUF_RAM);
        memset(packet->payload, 0, 60);
        CHECK_EQ(nic_output(wire_interface, packet), ERR_OK);
        pbuf_free(packet);
    }
}

TEST(datagrams_and_pings_without_a_buffer_are_lost) {
    uint8_t data[20] = {0};
    world_address();
    struct socket *socket = make(NET_UDP);
    stall();
    struct net_io_request request = {.length = 20, .address = {.ip = v4(PEER_IP), .port = 9}};
    struct net_io_reply sent = {0};
    struct call *call = call_begin(data, sizeof data);
    CHECK_EQ(socket_send(socket, call->token, &request, &sent), OK);
    CHECK_EQ(sent.length, 20);
    struct net_ping_request ping = {.ip = v4(PEER_IP), .size = 8, .timeout_ns = 1000000000};
    call = call_begin(NULL, 0);
    call_result(call, query_ping(NULL, call->token, &ping), NULL, 0);
    CHECK(!call->answered);
    wire_holds = false;
    pass(1100);
    CHECK(call->answered && call->status == E_TIMEOUT);
    socket_closed(socket);
    CHECK_EQ(net.socket_count, 0);
}

TEST(segments_without_a_buffer_are_sent_later) {
    static uint8_t data[NET_IO_MAX];
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    stall();
    struct call *call = begin_io(socket, true, data, 100, 0);
    CHECK(call->answered && call->status == OK);
    wire_holds = false;
    turn();
    bool found = false;
    while (wire_get_tcp(&frame, &segment)) {
        found = found || segment.length == 100;
    }
    CHECK(found);
    tcp_socket_abort(socket, E_CONN_ABORTED);
    socket_closed(socket);
    CHECK_EQ(net.socket_count, 0);
}
