/* SPDX-License-Identifier: MIT
 * nettest: the network tests itself, from the loopback interface outwards.
 */
#include <client/net.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/status.h>
#include <ipc/time.h>

#include "shell.h"

#define PORT 7 /* echo's: nobody serves it here */
#define BYTES 65536u
#define LIMIT (10 * NS_PER_S)

static char out[BYTES], in[BYTES];

struct ends {
    handle_t listener, client, server;
};

static void ends_close(struct ends *ends) {
    handle_close(ends->client);
    handle_close(ends->server);
    handle_close(ends->listener);
}

static struct net_address loopback(bool v6, uint32_t port) {
    struct net_address address = net_address_v4(0x7f000001, port);
    if (v6) {
        memset(&address.ip, 0, sizeof address.ip);
        address.ip.bytes[15] = 1;
    }
    return address;
}

static status_t ends_open(handle_t net, bool v6, struct ends *ends) {
    struct net_address address = loopback(v6, PORT);
    uint64_t ready;
    status_t status = net_socket(net, NET_TCP, &ends->listener);
    status = status == OK ? net_socket(net, NET_TCP, &ends->client) : status;
    status = status == OK ? net_bind(ends->listener, &address) : status;
    status = status == OK ? net_listen(ends->listener, 1) : status;
    status = status == OK ? net_connect(ends->client, &address, NET_NO_WAIT, 0) : status;
    if (status != E_WOULD_BLOCK) {
        return status == OK ? E_STATE : status;
    }
    status = net_poll(ends->client, NET_POLL_WRITE, 0, time_now_ns() + LIMIT, &ready);
    return status == OK ? net_accept(ends->listener, 0, &ends->server, NULL) : status;
}

/* Sends and receives by turns: one thread is both ends. */
static status_t exchange(struct ends *ends) {
    size_t sent = 0, received = 0;
    for (size_t i = 0; i < BYTES; i++) {
        out[i] = (char)(i * 7 + i / 251);
    }
    while (received < BYTES) {
        size_t done = 0;
        status_t status = sent < BYTES
                              ? net_send(ends->client, out + sent, BYTES - sent, NET_NO_WAIT, &done)
                              : E_WOULD_BLOCK;
        sent += status == OK ? done : 0;
        if (status == OK || status == E_WOULD_BLOCK) {
            status = net_receive(ends->server, in + received, BYTES - received, 0,
                                 time_now_ns() + LIMIT, &done);
        }
        if (status != OK || done == 0) {
            return status != OK ? status : E_CLOSED;
        }
        received += done;
    }
    return memcmp(in, out, BYTES) == 0 ? OK : E_CHECKSUM;
}

static status_t test_tcp(handle_t net, bool v6) {
    struct ends ends = {0};
    status_t status = ends_open(net, v6, &ends);
    status = status == OK ? exchange(&ends) : status;
    ends_close(&ends);
    return status;
}

static status_t test_udp(handle_t net, bool v6) {
    struct net_address address = loopback(v6, PORT), from;
    handle_t server = HANDLE_NONE, client = HANDLE_NONE;
    size_t done = 0;
    status_t status = net_socket(net, NET_UDP, &server);
    status = status == OK ? net_socket(net, NET_UDP, &client) : status;
    status = status == OK ? net_bind(server, &address) : status;
    status = status == OK ? net_send_to(client, "datagram", 8, 0, &address, &done) : status;
    status = status == OK
                 ? net_receive_from(server, in, BYTES, 0, time_now_ns() + LIMIT, &from, &done)
                 : status;
    handle_close(server);
    handle_close(client);
    return status != OK ? status : done == 8 && memcmp(in, "datagram", 8) == 0 ? OK : E_CHECKSUM;
}

/* A notification says when a connection comes. */
static status_t test_watch(handle_t net, handle_t account) {
    handle_t notification, listener = HANDLE_NONE, client = HANDLE_NONE;
    struct net_address address = loopback(true, PORT);
    uint64_t ready = 0, bits = 0;
    status_t status = notification_create(account, &notification);
    if (status != OK) {
        return status;
    }
    status = net_socket(net, NET_TCP, &listener);
    status = status == OK ? net_socket(net, NET_TCP, &client) : status;
    status = status == OK ? net_bind(listener, &address) : status;
    status = status == OK ? net_listen(listener, 1) : status;
    status = status == OK ? net_watch(listener, NET_POLL_READ, notification, 2, &ready) : status;
    status = status == OK ? net_connect(client, &address, 0, time_now_ns() + LIMIT) : status;
    status =
        status == OK ? notification_wait(notification, 2, time_now_ns() + LIMIT, &bits) : status;
    handle_close(listener);
    handle_close(client);
    handle_close(notification);
    return status != OK ? status : bits == 2 && ready == 0 ? OK : E_STATE;
}

/* A restricted session can reach loopback only. */
static status_t test_rules(handle_t net) {
    struct net_restrict_request request = {.mode = NET_MODE_LOOPBACK};
    struct net_address far = net_address_v4(0xc0000201, 80); /* RFC 5737 */
    handle_t restricted, socket;
    status_t status = net_restrict(net, &request, &restricted);
    if (status != OK) {
        return status;
    }
    status = test_udp(restricted, false);
    if (status == OK && (status = net_socket(restricted, NET_TCP, &socket)) == OK) {
        status = net_connect(socket, &far, NET_NO_WAIT, 0) == E_RIGHTS ? OK : E_STATE;
        handle_close(socket);
    }
    handle_close(restricted);
    return status;
}

static status_t ping(handle_t net, const struct net_ip *ip, uint32_t interface) {
    struct net_ping_request request = {
        .ip = *ip, .interface = interface, .size = 32, .timeout_ns = 2 * NS_PER_S};
    struct net_ping_reply reply;
    return net_ping(net, &request, &reply);
}

static status_t test_gateway(handle_t net, bool v6) {
    struct net_interface info;
    status_t status = net_interface(net, 0, &info);
    const struct net_ip *ip = v6 ? &info.router : &info.gateway;
    if (status != OK || ip_is_any(ip->bytes)) {
        return status != OK ? status : E_UNAVAILABLE;
    }
    return ping(net, ip, info.number);
}

static bool report(struct shell *shell, const char *what, status_t status) {
    if (status == E_UNAVAILABLE) {
        print(shell, "skip %s: there is none\n", what);
    } else {
        print(shell, "%s %s%s%s\n", status == OK ? "ok  " : "FAIL", what, status == OK ? "" : ": ",
              status == OK ? "" : status_text(status));
    }
    print_flush(shell);
    return status == OK || status == E_UNAVAILABLE;
}

static int run_nettest(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    handle_t net = shell->net;
    bool good = report(shell, "tcp over ipv4", test_tcp(net, false));
    good &= report(shell, "tcp over ipv6", test_tcp(net, true));
    good &= report(shell, "udp over ipv4", test_udp(net, false));
    good &= report(shell, "udp over ipv6", test_udp(net, true));
    good &= report(shell, "readiness", test_watch(net, shell->account));
    good &= report(shell, "rules", test_rules(net));
    good &= report(shell, "gateway", test_gateway(net, false));
    good &= report(shell, "ipv6 router", test_gateway(net, true));
    return good ? 0 : STATUS_FAILED;
}

const struct command commands_nettest[] = {
    {"nettest", run_nettest, "", "Tests the network, from the loopback interface outwards."},
    {NULL, NULL, NULL, NULL},
};
