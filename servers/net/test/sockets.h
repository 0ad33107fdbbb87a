/* SPDX-License-Identifier: MIT */
/* Sockets for the tests, and a TCP peer made by hand. Included once, after check.h. */
#pragma once

#include "wire.h"

#include <ipc/dispatch.h>

#include <lwip/priv/tcp_priv.h>

#define ACCOUNT 7u
#define LOOPBACK 0x7f000001u

static struct frame frame;
static struct segment segment;

static uint32_t account = ACCOUNT; /* of the sockets that are made */

/* ---- Calls --------------------------------------------------------------------- */

static inline struct socket *make(uint32_t kind) {
    struct socket *socket;
    if (socket_create(account, NULL, kind, &socket) != OK) {
        return NULL;
    }
    status_t status = kind == NET_TCP ? tcp_socket_open(socket) : udp_socket_open(socket);
    return status == OK ? socket : NULL;
}

static inline struct call *begin_connect(struct socket *socket, uint32_t ip, uint32_t port) {
    struct net_address address = {.ip = v4(ip), .port = (uint16_t)port};
    struct call *call = call_begin(NULL, 0);
    call_result(call, socket_connect(socket, call->token, &address, 0), NULL, 0);
    turn();
    return call;
}

static inline struct call *begin_io(struct socket *socket, bool send, void *data, size_t length,
                                    uint64_t flags) {
    struct net_io_request request = {.length = length, .flags = flags};
    struct net_io_reply reply = {0};
    struct call *call = call_begin(data, length);
    status_t status = send ? socket_send(socket, call->token, &request, &reply)
                           : socket_receive(socket, call->token, &request, &reply);
    call_result(call, status, &reply, sizeof reply);
    turn();
    return call;
}

static inline size_t moved(const struct call *call) {
    return ((const struct net_io_reply *)(const void *)call->data)->length;
}

/* The peer's end of a TCP connection. */
static struct { uint32_t our_port, peer_port, next, acknowledged; } peer;

static inline void peer_send(uint32_t flags, const void *data, size_t length) {
    struct segment out = {.from_port = peer.peer_port,
                          .to_port = peer.our_port,
                          .sequence = peer.next,
                          .acknowledgement = peer.acknowledged,
                          .flags = flags,
                          .window = 65535,
                          .data = data,
                          .length = length};
    struct frame out_frame;
    frame_tcp(&out_frame, &out);
    peer.next += (uint32_t)length + ((flags & (SYN | FIN)) != 0);
    wire_put(&out_frame);
}

/* A socket connected to the peer's port 80; NULL after a failed check. */
static inline struct socket *connected(void) {
    struct socket *socket = make(NET_TCP);
    struct call *call = begin_connect(socket, PEER_IP, 80);
    CHECK(!call->answered);
    if (!CHECK(wire_get_tcp(&frame, &segment)) || !CHECK_EQ(segment.flags, SYN)) {
        return NULL;
    }
    peer.our_port = segment.from_port;
    peer.peer_port = 80;
    peer.next = 1000;
    peer.acknowledged = segment.sequence + 1;
    peer_send(SYN | ACK, NULL, 0);
    CHECK(call->answered && call->status == OK);
    CHECK(wire_get_tcp(&frame, &segment));
    CHECK_EQ(segment.flags, ACK);
    return socket;
}

static inline struct socket *listener_at(uint32_t port) {
    struct socket *listener = make(NET_TCP);
    struct net_address address = {.port = (uint16_t)port};
    CHECK_EQ(socket_bind(listener, &address), OK);
    CHECK_EQ(socket_listen(listener, 2), OK);
    return listener;
}

static inline struct socket *accept_from(struct socket *listener) {
    struct call *call = call_begin(NULL, 0);
    call_result(call, socket_accept(listener, call->token, 0), NULL, 0);
    turn();
    return call->answered && call->status == OK ? socket_find(call->session) : NULL;
}
