/* SPDX-License-Identifier: MIT */
/*
 * Each invariant of the arena is seen when it is broken. (That all hold after every turn is seen in
 * the other tests: wire.c looks.)
 */
#include "check.h"

#include "sockets.h"

#include "../record.h"

#include <lwip/udp.h>

/* A connection to the peer with data that waits in both directions, a receiver of datagrams with
 * two of them, and one with a call that waits. */
static struct socket *socket, *receiver, *waiter;

static void build(void) {
    static char data[] = "not acknowledged", got[10];
    if (socket != NULL) {
        return; /* what the tests break they put back */
    }
    world_address();
    socket = connected();
    REQUIRE(socket != NULL);
    (void)begin_io(socket, true, data, sizeof data, 0);
    peer_send(ACK, "unread", 6);
    peer_send(ACK, "unread", 6);
    receiver = make(NET_UDP);
    struct net_address address = {.ip = v4(OUR_IP), .port = 5000};
    REQUIRE(socket_bind(receiver, &address) == OK);
    for (int i = 0; i < 2; i++) {
        frame_udp(&frame, PEER_IP, 77, OUR_IP, 5000, (const uint8_t *)"text", 4);
        wire_put(&frame);
    }
    waiter = make(NET_UDP);
    address.port = 5001;
    REQUIRE(socket_bind(waiter, &address) == OK);
    REQUIRE(!begin_io(waiter, false, got, sizeof got, 0)->answered);
    REQUIRE(socket->receive_first != NULL && socket->chunk_first != NULL &&
            socket->tcp->unacked != NULL && receiver->datagram_count == 2);
}

/* Breaks something that is put back afterwards, so that one world does for all. */
#define BREAKS(place, value, expected)                                                             \
    do {                                                                                           \
        CHECK(net_check(true) == NULL);                                                            \
        __auto_type before = (place);                                                              \
        (place) = (value);                                                                         \
        const char *wrong = net_check(true);                                                       \
        if (wrong == NULL || strcmp(wrong, expected) != 0) {                                       \
            printf("# " #place ": %s\n", wrong != NULL ? wrong : "not seen");                      \
            CHECK(false);                                                                          \
        }                                                                                          \
        (place) = before;                                                                          \
    } while (0)

TEST(broken_numbers_are_seen) {
    build();
    BREAKS(net.socket_count, NET_SOCKETS + 1, "the sockets' numbers are wrong");
    BREAKS(net.socket_count, net.socket_count + 1, "the sockets' count is wrong");
    BREAKS(net.socket_hint, NET_SOCKETS, "the sockets' numbers are wrong");
    BREAKS(net.starved_count, 1, "the sockets' count is wrong");
    BREAKS(net.ping_count, NET_PINGS + 1, "the sockets' numbers are wrong");
    BREAKS(net.resolve_count, NET_RESOLVES + 1, "the sockets' numbers are wrong");
    BREAKS(net.accounts[0].sockets, net.accounts[0].sockets + 1, "the accounts' count is wrong");
    BREAKS(net.accounts[0].blocks, net.accounts[0].blocks + 1, "the accounts' count is wrong");
    BREAKS(net.receive_blocks.fresh, net.receive_blocks.count + 1,
           "the payload's numbers are wrong");
    BREAKS(net.transmit_blocks.used, net.transmit_blocks.used + 1,
           "the payload's numbers are wrong");
    BREAKS(net.transmit_blocks.used, net.transmit_blocks.used - 1,
           "the payload's lists are damaged");
}

TEST(broken_lists_are_seen) {
    build();
    BREAKS(net.dirty.next, &socket->accept_link, "a list is damaged");
    BREAKS(net.deferred.next, &socket->accept_link, "a list is damaged");
    BREAKS(net.deferred_count, 1, "a list is damaged");
    BREAKS(net.ping_count, 1, "a list is damaged");
    BREAKS(net.resolve_count, 1, "a list is damaged");
    BREAKS(socket->dirty.next, &socket->accept_link, "a socket's lists are damaged");
    BREAKS(socket->accept_link.prev, &socket->dirty, "a socket's lists are damaged");
    BREAKS(waiter->requests.next->next, waiter->requests.next, "a socket's calls are damaged");
    BREAKS(waiter->request_count, 2, "a socket's calls are damaged");
}

TEST(a_broken_socket_is_seen) {
    build();
    BREAKS(socket->badge, socket->badge + 1, "a damaged socket");
    BREAKS(socket->kind, 77, "a damaged socket");
    BREAKS(socket->udp, receiver->udp, "a damaged socket");
    BREAKS(socket->receive_bytes, socket->receive_bytes + 1, "received packets are damaged");
    BREAKS(socket->receive_first->next, socket->receive_first, "received packets are damaged");
    BREAKS(socket->receive_first->payload, NULL, "received packets are damaged");
    BREAKS(socket->receive_last, socket->receive_first, "received packets are damaged");
    BREAKS(receiver->datagram_count, 1, "received datagrams are damaged");
    BREAKS(receiver->datagram_first->next, receiver->datagram_first,
           "received datagrams are damaged");
    BREAKS(receiver->datagram_first->packet, NULL, "received datagrams are damaged");
    BREAKS(socket->chunk_first->block, socket->chunk_first->block + 1, "data to send is damaged");
    BREAKS(socket->chunk_first->used, TRANSMIT_BLOCK + 1, "data to send is damaged");
    BREAKS(socket->chunk_first->next, socket->chunk_first, "data to send is damaged");
    BREAKS(socket->transmit_bytes, 0, "data to send is damaged");
}

TEST(a_broken_connection_is_seen) {
    build();
    BREAKS(socket->tcp->next, socket->tcp, "a list of connections is damaged");
    BREAKS(socket->tcp->state, LISTEN, "a list of connections is damaged");
    BREAKS(socket->tcp->callback_arg, receiver, "a connection and its socket disagree");
    BREAKS(socket->tcp->callback_arg, NULL, "a socket's connection is lost");
    BREAKS(socket->tcp->unacked->next, socket->tcp->unacked, "a connection's segments are damaged");
    BREAKS(socket->tcp->unacked->p, NULL, "a connection's segments are damaged");
    BREAKS(receiver->udp->next, receiver->udp, "a list of connections is damaged");
}

TEST(a_broken_interface_is_seen) {
    build();
    struct nic *nic = &net.interfaces[0].nic;
    BREAKS(nic->transmit_count, NET_BUFFERS + 1, "an interface's numbers are wrong");
    BREAKS(nic->free_count, nic->transmit_count + 1, "an interface's numbers are wrong");
    BREAKS(nic->free_count, nic->free_count - 1, "an interface's buffers are damaged");
    BREAKS(nic->free[0], NET_BUFFERS, "an interface's buffers are damaged");
    BREAKS(nic->state[nic->free[0]], 7, "an interface's buffers are damaged");
    BREAKS(nic->state[nic->free[0]], NIC_SENT, "an interface's buffers are damaged");
}
