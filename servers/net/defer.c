/* SPDX-License-Identifier: MIT */
/*
 * Patience while the network comes up: what needs an address waits until DHCP has answered or been
 * given up, rather than fail because it was asked a second after power-on.
 */
#include <ipc/dispatch.h>

#include "socket.h"

#define DEFERRED 64u
#define DRIVER_MS 3000u /* a driver that has not come by then is not awaited */

struct deferred {
    struct list link;
    token_t token;
    uint64_t badge;
    uint32_t operation; /* NET_CONNECT, NET_PING, NET_RESOLVE */
    union {
        struct net_address address;
        struct net_ping_request ping;
        struct net_resolve_request resolve;
    };
};

void defer_init(void) {
    list_init(&net.deferred);
    net.start_ms = timers_now_ms();
}

static bool configuring(void) {
    bool any = false;
    for (int i = 0; i < NET_INTERFACES; i++) {
        const struct interface *interface = &net.interfaces[i];
        if (interface->used && interface->dhcp && !interface->gave_up &&
            netif_is_link_up(&interface->netif) &&
            ip4_addr_isany_val(*netif_ip4_addr(&interface->netif))) {
            return true;
        }
        any = any || interface->used;
    }
    return !any && timers_now_ms() - net.start_ms < DRIVER_MS;
}

uint64_t defer_deadline(void) {
    uint64_t end = net.start_ms + DRIVER_MS;
    return !list_empty(&net.deferred) && timers_now_ms() < end ? end : TIMERS_NEVER;
}

bool defer_wanted(uint32_t ip) {
    return !address_is_local(ip) && configuring();
}

static status_t defer(const struct deferred *request) {
    if (net.deferred_count >= DEFERRED) {
        return E_BUSY;
    }
    struct deferred *deferred = port_allocate(sizeof *deferred);
    if (deferred == NULL) {
        return E_QUOTA;
    }
    *deferred = *request;
    list_push_back(&net.deferred, &deferred->link);
    net.deferred_count++;
    return DISPATCH_PARKED;
}

status_t defer_connect(uint64_t badge, token_t token, const struct net_address *address) {
    struct deferred request = {
        .token = token, .badge = badge, .operation = NET_CONNECT, .address = *address};
    return defer(&request);
}

status_t defer_ping(token_t token, const struct net_ping_request *ping) {
    struct deferred request = {.token = token, .operation = NET_PING, .ping = *ping};
    return defer(&request);
}

status_t defer_resolve(token_t token, const struct net_resolve_request *resolve) {
    struct deferred request = {.token = token, .operation = NET_RESOLVE, .resolve = *resolve};
    return defer(&request);
}

static void drop(struct deferred *deferred) {
    list_remove(&deferred->link);
    net.deferred_count--;
    port_free(deferred);
}

static status_t carry_out(const struct deferred *deferred, struct net_address *reply) {
    struct socket *socket;
    switch (deferred->operation) {
    case NET_CONNECT:
        socket = socket_find(deferred->badge);
        return socket != NULL ? socket_connect(socket, deferred->token, &deferred->address)
                              : E_CLOSED;
    case NET_PING:
        return query_ping(deferred->token, &deferred->ping);
    default:
        return query_resolve(deferred->token, &deferred->resolve, reply);
    }
}

void defer_settle(void) {
    if (list_empty(&net.deferred) || configuring()) {
        return;
    }
    while (!list_empty(&net.deferred)) {
        struct deferred *deferred = LIST_ENTRY(net.deferred.next, struct deferred, link);
        struct net_address reply = {0};
        status_t status = carry_out(deferred, &reply);
        if (status != DISPATCH_PARKED) {
            port_answer(deferred->token, status, &reply, sizeof reply);
        }
        drop(deferred);
    }
}

bool defer_cancel(token_t token) {
    for (struct list *link = net.deferred.next; link != &net.deferred; link = link->next) {
        struct deferred *deferred = LIST_ENTRY(link, struct deferred, link);
        if (deferred->token == token) {
            port_answer(token, E_CANCELLED, NULL, 0);
            drop(deferred);
            return true;
        }
    }
    return false;
}
