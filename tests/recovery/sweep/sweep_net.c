/* SPDX-License-Identifier: MIT
 * Operations of proto/net.h, on the loopback interface where they allow it, and those of
 * proto/netif.h, which the network driver makes when there is traffic.
 */
#include <client/init.h>
#include <client/net.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/thread.h>
#include <ipc/time.h>
#include <proto/netif.h>

#include "rows.h"

#define PORT 4000u
#define LOOPBACK 0x7f000001u
#define GATEWAY 0x0a000202u
#define NOBODY 0x0a00024du
#define PIECE 300u
#define PATIENCE (20 * NS_PER_MS) /* the server has mostly heard of the call by then */
#define NET_TIMER 1u              /* notification bits of servers/net and drivers/netdev */
#define DRIVER_INTERRUPT 1u

static handle_t net, listener, server, client;
static uint8_t pattern[PIECE], bytes[PIECE];

/* Leaves nothing in TIME_WAIT; the other end may have done so already. */
static void abort_at_close(handle_t socket) {
    (void)net_option_set(socket, NET_OPTION_ABORT, 1);
    handle_close(socket);
}

static handle_t make(uint64_t kind) {
    handle_t made = HANDLE_NONE;
    GOOD(net_socket(net, kind, &made));
    return made;
}

static void make_pair(handle_t *from, handle_t *to) {
    struct net_address address = net_address_v4(LOOPBACK, PORT);
    *from = make(NET_TCP);
    GOOD(net_connect(*from, &address, 0, 0));
    GOOD(net_accept(listener, 0, to, NULL));
}

static void prepare(void) {
    if (net != HANDLE_NONE) {
        return;
    }
    net = startup_handle("net");
    listener = make(NET_TCP);
    GOOD(net_bind_port(listener, PORT));
    GOOD(net_listen(listener, 8));
    make_pair(&client, &server);
}

/* Bytes that differ from those before: what comes twice is seen with the next piece at the latest.
 */
static void give(handle_t from) {
    static uint32_t number;
    number++;
    for (size_t i = 0; i < PIECE; i++) {
        pattern[i] = (uint8_t)(i * 7 + number);
    }
    GOOD(net_send_all(from, pattern, PIECE, 0));
}

/* What was given, and nothing behind it. */
static void take(handle_t to) {
    size_t done = 0;
    memset(bytes, 0, PIECE);
    for (size_t count = 0; count < PIECE; count += done) {
        if (!GOOD(net_receive(to, bytes + count, PIECE - count, 0, 0, &done)) || done == 0) {
            break;
        }
    }
    EQUAL(memcmp(bytes, pattern, PIECE), 0);
    EQUAL(net_receive(to, bytes, PIECE, NET_NO_WAIT, 0, &done), E_WOULD_BLOCK);
}

static void pass(handle_t from, handle_t to) {
    give(from);
    take(to);
}

static void send(void) {
    prepare();
    pass(client, server);
    pass(server, client);
}

static void send_datagram(void) {
    prepare();
    static uint32_t round;
    struct net_address address = net_address_v4(LOOPBACK, PORT), from;
    size_t done = 0;
    handle_t receiver = make(NET_UDP), sender = make(NET_UDP);
    GOOD(net_bind(receiver, &address));
    round++;
    GOOD(net_send_to(sender, &round, sizeof round, 0, &address, &done));
    uint32_t got = 0;
    GOOD(net_receive_from(receiver, &got, sizeof got, 0, 0, &from, &done));
    EQUAL(got, round);
    EQUAL(net_receive_from(receiver, &got, sizeof got, NET_NO_WAIT, 0, &from, &done),
          E_WOULD_BLOCK);
    handle_close(receiver);
    handle_close(sender);
}

/* A receiver that gives up; what comes afterwards is not lost with it. */
static void give_up(void) {
    prepare();
    size_t done = 0;
    EQUAL(net_receive(server, bytes, PIECE, 0, time_now_ns() + PATIENCE, &done), E_TIMEOUT);
    pass(client, server);
}

static void connect(void) {
    prepare();
    handle_t from, to;
    make_pair(&from, &to);
    struct net_address local = {.port = 0}, peer = {.port = 0};
    GOOD(net_local(from, &local));
    GOOD(net_peer(to, &peer));
    EQUAL(local.port, peer.port);
    EQUAL(net_accept(listener, NET_NO_WAIT, &(handle_t){0}, NULL), E_WOULD_BLOCK);
    pass(from, to);
    abort_at_close(from);
    abort_at_close(to);
}

static void listen(void) {
    prepare();
    static uint32_t port = 10000;
    struct net_address local = {.port = 0};
    handle_t socket = make(NET_TCP), from = make(NET_TCP), to = HANDLE_NONE;
    port++;
    GOOD(net_bind_port(socket, port));
    GOOD(net_local(socket, &local));
    EQUAL(local.port, port);
    GOOD(net_listen(socket, 3));
    uint64_t listening = 0;
    GOOD(net_option_get(socket, NET_OPTION_LISTENING, &listening));
    EQUAL(listening, 1);
    local = net_address_v4(LOOPBACK, port);
    GOOD(net_connect(from, &local, 0, 0));
    GOOD(net_accept(socket, 0, &to, NULL));
    abort_at_close(from);
    abort_at_close(to);
    handle_close(socket);
}

/* The other direction of a connection that is half closed goes on. */
static void shutdown(void) {
    prepare();
    handle_t from, to;
    size_t done = 1;
    make_pair(&from, &to);
    GOOD(net_shutdown(from, NET_SHUTDOWN_WRITE));
    GOOD(net_receive(to, bytes, PIECE, 0, 0, &done));
    EQUAL(done, 0);
    pass(to, from);
    abort_at_close(to);
    handle_close(from);
}

static void option(void) {
    prepare();
    static uint64_t value;
    uint64_t got = 0;
    value = 1 - value;
    GOOD(net_option_set(client, NET_OPTION_NODELAY, value));
    GOOD(net_option_get(client, NET_OPTION_NODELAY, &got));
    EQUAL(got, value);
}

static void poll(void) {
    prepare();
    uint64_t ready = 0;
    GOOD(net_poll(server, NET_POLL_READ, NET_NO_WAIT, 0, &ready));
    EQUAL(ready & NET_POLL_READ, 0);
    give(client);
    GOOD(net_poll(server, NET_POLL_READ, 0, 0, &ready));
    EQUAL(ready & NET_POLL_READ, NET_POLL_READ);
    take(server);
}

/* The bits come when there is something, and once. */
static void watch(void) {
    prepare();
    uint64_t ready = 0, bits = 0;
    handle_t notification = HANDLE_NONE;
    GOOD(notification_create(startup_handle("account"), &notification));
    GOOD(net_watch(server, NET_POLL_READ, notification, 4, &ready));
    EQUAL(ready & NET_POLL_READ, 0);
    EQUAL(notification_wait(notification, 4, 0, &bits), E_TIMEOUT);
    give(client);
    GOOD(notification_wait(notification, 4, DEADLINE_NONE, &bits));
    take(server);
    GOOD(net_watch(server, 0, HANDLE_NONE, 0, &ready));
    handle_close(notification);
}

static void group(void) {
    prepare();
    static const struct net_address address = {
        .ip = {{[10] = 0xff, [11] = 0xff, [12] = 239, [13] = 1, [14] = 2, [15] = 3}}};
    struct net_group_request request = {address.ip, 0, 1};
    handle_t socket = make(NET_UDP);
    GOOD(net_group(socket, &request));
    request.join = 0;
    GOOD(net_group(socket, &request));
    EQUAL(net_group(socket, &request) == OK, false);
    handle_close(socket);
}

static void resolve(void) {
    prepare();
    struct net_resolve_reply reply = {.count = 0};
    GOOD(net_resolve(net, "10.0.2.77", 4, &reply));
    EQUAL(reply.count, 1);
    EQUAL(reply.ips[0].bytes[15], 77);
    GOOD(net_resolve(net, "localhost", 4, &reply));
    EQUAL(reply.ips[0].bytes[12], 127);
}

static status_t ping_to(uint32_t address, uint64_t timeout, struct net_ping_reply *reply) {
    static uint32_t sequence;
    struct net_ping_request request = {.ip = net_address_v4(address, 0).ip,
                                       .sequence = ++sequence,
                                       .size = 56,
                                       .timeout_ns = timeout};
    return net_ping(net, &request, reply);
}

static void ping(void) {
    prepare();
    struct net_ping_reply reply = {.size = 0};
    GOOD(ping_to(LOOPBACK, 60 * NS_PER_S, &reply));
    EQUAL(reply.size, 56);
}

/* net's timer says that no answer has come. */
static void time_out(void) {
    prepare();
    struct net_ping_reply reply;
    EQUAL(ping_to(NOBODY, PATIENCE, &reply), E_TIMEOUT);
    echo();
}

static void interface(void) {
    prepare();
    struct net_interface first = {.number = 0}, again = {.number = 0};
    GOOD(net_interface(net, 0, &first));
    GOOD(net_interface(net, 0, &again));
    EQUAL(first.number, again.number);
    EQUAL(memcmp(&first.ip, &again.ip, sizeof first.ip), 0);
    EQUAL(net_interface(net, 99, &again), E_NOT_FOUND);
}

static void neighbour(void) {
    prepare();
    struct net_neighbour entry = {.state = 0};
    bool found = false;
    echo();
    for (uint64_t i = 0; net_neighbour(net, i, &entry) == OK; i++) {
        found = found || entry.ip.bytes[15] == (GATEWAY & 0xff);
    }
    EQUAL(found, true);
}

/* The listener and both ends of the connection. */
static void connection(void) {
    prepare();
    struct net_connection entry = {.state = 0};
    uint32_t found = 0;
    for (uint64_t i = 0; net_connection(net, i, &entry) == OK; i++) {
        bool ours =
            entry.kind == NET_TCP && (entry.local.port == PORT || entry.remote.port == PORT);
        found += ours && (entry.state == NET_LISTENING || entry.state == NET_ESTABLISHED);
    }
    EQUAL(found, 3);
}

static void configure(void) {
    prepare();
    static uint8_t last;
    struct net_interface now = {.number = 0};
    GOOD(net_interface(net, 0, &now));
    struct net_configure_request request = {.action = NET_CONFIGURE_DNS, .interface = 1};
    memcpy(request.dns, now.dns, sizeof request.dns);
    request.dns[1] = net_address_v4(0x0a000200u + ++last, 0).ip;
    GOOD(net_configure(net, &request));
    GOOD(net_interface(net, 0, &now));
    EQUAL(now.dns[1].bytes[15], last);
}

static void counters(void) {
    prepare();
    struct net_counters before = {0}, after = {0};
    GOOD(net_counters(net, &before));
    handle_t socket = make(NET_UDP);
    GOOD(net_counters(net, &after));
    EQUAL(after.sockets, before.sockets + 1);
    handle_close(socket);
}

static void route(void) {
    prepare();
    struct net_route entry = {.interface = 0};
    GOOD(net_route(net, 0, &entry));
    EQUAL(net_route(net, 99, &entry), E_NOT_FOUND);
}

/* A session that is restricted to this machine connects on it. */
static void restrict_(void) {
    prepare();
    struct net_restrict_request request = {.mode = NET_MODE_LOOPBACK};
    struct net_address address = net_address_v4(LOOPBACK, PORT);
    handle_t restricted = HANDLE_NONE, from = HANDLE_NONE, to = HANDLE_NONE;
    GOOD(net_restrict(net, &request, &restricted));
    GOOD(net_socket(restricted, NET_TCP, &from));
    GOOD(net_connect(from, &address, 0, 0));
    GOOD(net_accept(listener, 0, &to, NULL));
    pass(from, to);
    abort_at_close(from);
    abort_at_close(to);
    handle_close(restricted);
}

/* What passes is recorded. */
static void capture(void) {
    prepare();
    static uint8_t records[4096];
    uint64_t cursor = 0;
    size_t length = 0;
    GOOD(net_capture(net, 1, 64));
    echo();
    GOOD(net_frames(net, &cursor, records, sizeof records, &length));
    EQUAL(length > sizeof(struct net_frame), true);
    GOOD(net_capture(net, 0, 0));
}

static void clock(void) {
    prepare();
    struct net_clock now = {.stratum = 0};
    status_t status = net_clock(net, &now);
    EQUAL(status == OK || status == E_UNAVAILABLE, true);
}

void echo(void) {
    prepare();
    if (sweep.port == 0) {
        refuse("no echo server");
        return;
    }
    struct net_address address = net_address_v4(GATEWAY, (uint32_t)sweep.port);
    handle_t socket = make(NET_TCP);
    GOOD(net_connect(socket, &address, 0, 0));
    pass(socket, socket);
    abort_at_close(socket);
}

/* The Ethernet interface; a zero generation: there is none. */
static struct net_interface ethernet(void) {
    struct net_interface entry = {.number = 0};
    for (uint64_t i = 0; net_interface(net, i, &entry) == OK; i++) {
        if (entry.driver_generation != 0) {
            return entry;
        }
    }
    return (struct net_interface){.number = 0};
}

/* A driver that starts anew gets its device again, says HELLO and asks for the groups. */
void restart_driver(void) {
    prepare();
    struct net_interface before = ethernet(), after = before;
    GOOD(init_kill(startup_handle("init"), "e1000"));
    uint64_t end = time_now_ns() + 60 * NS_PER_S;
    while ((after.driver_generation == before.driver_generation || after.link == 0) &&
           time_now_ns() < end) {
        (void)thread_sleep(NS_PER_MS);
        after = ethernet();
    }
    EQUAL(after.driver_generation != before.driver_generation, true);
    EQUAL(after.link, 1);
    EQUAL(memcmp(after.mac, before.mac, sizeof after.mac), 0);
    echo();
}

/* The cable is pulled and put back. */
static void link(void) {
    prepare();
    for (uint32_t up = 0; up < 2; up++) {
        sweep_wish(SWEEP_CABLE);
        while (ethernet().link != up) {
            (void)thread_sleep(10 * NS_PER_MS);
        }
    }
}

static void filter(void) {
    group();
    echo();
}

#define hello restart_driver
#define accept connect
#define bind listen
#define receive send
#define local connect
#define peer connect
#define frames capture
#define NET_ROW(number, NAME, name, request, answer)                                               \
    {"net", "net", #NAME, EVENT_CALL, number, name},
#define socket connect
#define restrict restrict_
static const struct sweep_row net_rows[] = {
    NET_PROTOCOL(NET_ROW)
#undef receive
#define receive echo
#define transmit_wait echo
#define NETIF_ROW(number, NAME, name, request, answer)                                             \
    {"net", "netif", #NAME, EVENT_CALL, number, name},
        NETIF_PROTOCOL(NETIF_ROW){"net", "net", "SEND", EVENT_CALL, NET_SEND, send_datagram},
    {"net", "", "a receiver gives up", EVENT_CANCEL, 0, give_up},
    {"net", "", "a socket is closed", EVENT_CLOSED, 0, listen},
    {"net", "", "a timer", EVENT_NOTIFY, NET_TIMER, time_out},
    {"e1000", "", "an interrupt", EVENT_NOTIFY, DRIVER_INTERRUPT, echo},
    {"e1000", "", "an answer of net", EVENT_REPLY, 0, echo},
};
ROWS(net_rows);
