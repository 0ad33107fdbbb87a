/* SPDX-License-Identifier: MIT */
/* The stack under frames of any kind and short of memory. The tests share one stack. */
#include "check.h"

#include "../record.h"
#include "sockets.h"

static void make_any_frame(void) {
    uint8_t payload[1200];
    size_t length = check_random_below(sizeof payload);
    for (size_t i = 0; i < length; i++) {
        payload[i] = (uint8_t)check_random();
    }
    struct segment any = {.from_port = (uint32_t)check_random_below(3) + 79,
                          .to_port = check_random_below(2) == 0 ? 1234 : 80,
                          .sequence = (uint32_t)check_random(),
                          .acknowledgement = (uint32_t)check_random(),
                          .flags = (uint32_t)check_random_below(64),
                          .window = (uint32_t)check_random_below(65536),
                          .data = payload,
                          .length = length};
    switch (check_random_below(5)) {
    case 0:
        frame_arp(&frame, (uint32_t)check_random_below(3), PEER_IP, OUR_IP);
        break;
    case 1:
        frame_icmp(&frame, PEER_IP, (uint32_t)check_random_below(20), 1, 1, payload, length);
        break;
    case 2:
        frame_udp(&frame, PEER_IP, check_random_below(2) == 0 ? 53 : 67, OUR_IP,
                  check_random_below(2) == 0 ? 68 : 5000, payload, length);
        break;
    case 3:
        frame_tcp(&frame, &any);
        break;
    default:
        frame_ip(&frame, (uint32_t)check_random_below(20), PEER_IP, OUR_IP, payload, length);
        put16(frame.bytes + IP_AT + 6, (uint32_t)check_random_below(0x4000)); /* fragments */
        put16(frame.bytes + IP_AT + 10, 0);
        put16(frame.bytes + IP_AT + 10, (uint16_t)~net_checksum(frame.bytes + IP_AT, 20));
        uint8_t *sum = frame.bytes + IP_AT + 10;
        uint8_t swap = sum[0];
        sum[0] = sum[1];
        sum[1] = swap;
        break;
    }
}

/* ---- Short memory ------------------------------------------------------------------------- */

static uint32_t waiting_connections(void) {
    uint32_t count = 0;
    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
        count++;
    }
    return count;
}

/* One connection over the loopback that ends in TIME_WAIT. */
static void visit(struct socket *listener, uint32_t port) {
    struct socket *client = make(NET_TCP);
    (void)begin_connect(client, LOOPBACK, port);
    struct socket *server = accept_from(listener);
    if (CHECK(server != NULL)) {
        socket_closed(server);
        turn();
    }
    socket_closed(client);
    turn();
}

TEST(connections_that_are_over_give_way) {
    world_address();
    pass(60000);
    struct socket *listener = listener_at(2000);
    for (int i = 0; i < 10; i++) {
        visit(listener, 2000);
    }
    CHECK_EQ(waiting_connections(), 10);
    world_memory_low = true;
    visit(listener, 2000);
    world_memory_low = false;
    CHECK(waiting_connections() < 5);
    uint32_t before = waiting_connections();
    world_allocations_left = 0;
    frame_icmp(&frame, PEER_IP, 8, 1, 2, "x", 1);
    wire_put(&frame);
    world_allocations_left = SIZE_MAX;
    CHECK(waiting_connections() < before);
    CHECK(wire_get_protocol(&frame, 1)); /* it was answered from what became free */
    socket_closed(listener);
    CHECK_EQ(net.socket_count, 0);
}

#define MUCH (15 * TRANSMIT_BLOCK)

/* A socket of this account with a connection, which takes as much as it may. */
static size_t send_much(uint32_t whose, struct socket **socket) {
    static uint8_t data[MUCH];
    wire_clear();
    account = whose;
    *socket = connected();
    struct call *call = begin_io(*socket, true, data, sizeof data, 0);
    account = ACCOUNT;
    CHECK(net_check(true) == NULL);
    return call->answered && call->status == OK ? moved(call) : 0;
}

TEST(an_account_leaves_blocks_for_others) {
    struct socket *greedy[64], *others[2];
    uint32_t count = 0;
    world_address();
    while (count < 63 && send_much(ACCOUNT, &greedy[count]) == MUCH) {
        count++;
    }
    CHECK(count < 63);
    CHECK_EQ(blocks_available(&net.transmit_blocks), net.transmit_blocks.count / 4);
    CHECK_EQ(send_much(ACCOUNT + 1, &others[0]), MUCH);
    CHECK_EQ(send_much(ACCOUNT + 2, &others[1]), MUCH);
    for (uint32_t i = 0; i < count + 3; i++) {
        struct socket *socket = i <= count ? greedy[i] : others[i - count - 1];
        tcp_socket_abort(socket, E_CONN_ABORTED);
        socket_closed(socket);
    }
    turn();
    CHECK_EQ(net.socket_count, 0);
    CHECK_EQ(net.transmit_blocks.used, 0);
}

TEST(allocations_may_fail_anywhere) {
    static uint8_t data[20000];
    world_address();
    pass(60000);
    size_t before = world_allocations();
    for (size_t left = 0; left < 60; left++) {
        world_allocations_left = left;
        struct socket *client = make(NET_TCP), *listener = make(NET_TCP);
        struct net_address address = {.port = 2001};
        if (client != NULL && listener != NULL && socket_bind(listener, &address) == OK &&
            socket_listen(listener, 2) == OK) {
            (void)begin_connect(client, LOOPBACK, 2001);
            struct socket *server = accept_from(listener);
            (void)begin_io(client, true, data, sizeof data, NET_NO_WAIT);
            if (server != NULL) {
                (void)begin_io(server, false, data, sizeof data, NET_NO_WAIT);
            }
        }
        make_any_frame();
        wire_put(&frame);
        world_allocations_left = SIZE_MAX;
        for (uint32_t i = 0; i < NET_SOCKETS; i++) {
            if (net.sockets[i] != NULL && net.sockets[i]->listener == NULL) {
                socket_closed(net.sockets[i]);
            }
        }
        pass(300000);
    }
    CHECK_EQ(net.socket_count, 0);
    CHECK_EQ(net.transmit_blocks.used, 0);
    CHECK_EQ(net.receive_blocks.used, 0);
    CHECK_EQ(world_allocations(), before);
}

/* ---- Anything at all ---------------------------------------------------------------------- */

TEST(damaged_frames_do_no_harm) {
    world_address();
    struct socket *listener = listener_at(1234);
    struct socket *udp = make(NET_UDP);
    struct net_address address = {.port = 5000};
    CHECK_EQ(socket_bind(udp, &address), OK);
    for (int round = 0; round < 60000; round++) {
        make_any_frame();
        for (uint64_t changes = check_random_below(4); changes > 0; changes--) {
            frame.bytes[check_random_below(frame.length < 80 ? frame.length : 80)] =
                (uint8_t)check_random();
        }
        if (check_random_below(8) == 0) {
            frame.length = 14 + check_random_below(frame.length - 13);
        }
        wire_put(&frame);
        wire_clear();
    }
    socket_closed(listener);
    socket_closed(udp);
    pass(120000);
    CHECK_EQ(net.socket_count, 0);
    CHECK_EQ(net.receive_blocks.used, 0);
    world_address();
    frame_icmp(&frame, PEER_IP, 8, 1, 2, "still there", 11);
    wire_put(&frame);
    CHECK(wire_get_protocol(&frame, 1));
}
