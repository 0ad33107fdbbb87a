/* SPDX-License-Identifier: MIT */
/*
 * Patience while the network comes up: what needs an address waits until DHCP has answered or been
 * given up, rather than fail because it was asked a second after power-on.
 */
#include <common/ip.h>

#include <ipc/dispatch.h>

#include "socket.h"

#define DEFERRED 64u
#define DRIVER_MS 3000u /* a driver that has not come by then is not awaited */

void defer_init(void) {
    list_init(&net.deferred);
    net.start_ms = timers_now_ms();
}

/* No driver has come yet, and one may. */
static bool awaiting_driver(void) {
    for (int i = 0; i < NET_INTERFACES; i++) {
        if (net.interfaces[i].used) {
            return false;
        }
    }
    return timers_now_ms() - net.start_ms < DRIVER_MS;
}

/* An interface that asks for its IPv4 address. */
static bool configuring(void) {
    for (int i = 0; i < NET_INTERFACES; i++) {
        const struct interface *interface = &net.interfaces[i];
        if (interface->used && interface->dhcp && !interface->gave_up &&
            netif_is_link_up(&interface->netif) &&
            ip4_addr_isany_val(*netif_ip4_addr(&interface->netif))) {
            return true;
        }
    }
    return awaiting_driver();
}

static bool has_ip6(const struct netif *netif) {
    for (s8_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i))) {
            return true;
        }
    }
    return false;
}

/* An interface that may yet hear from a router. */
static bool configuring6(void) {
    uint64_t now = timers_now_ms();
    for (int i = 0; i < NET_INTERFACES; i++) {
        const struct interface *interface = &net.interfaces[i];
        if (interface->used && now < interface->wait6_ms && netif_is_link_up(&interface->netif) &&
            !has_ip6(&interface->netif)) {
            return true;
        }
    }
    return awaiting_driver();
}

uint64_t defer_deadline(void) {
    uint64_t now = timers_now_ms(), end = net.start_ms + DRIVER_MS;
    if (list_empty(&net.deferred)) {
        return TIMERS_NEVER;
    }
    uint64_t next = now < end ? end : TIMERS_NEVER;
    for (int i = 0; i < NET_INTERFACES; i++) {
        uint64_t until = net.interfaces[i].used ? net.interfaces[i].wait6_ms : 0;
        next = now < until && until < next ? until : next;
    }
    return next;
}

bool defer_wanted(const struct net_ip *ip) {
    return !ip_is_ours(ip) && (ip_is_v4(ip->bytes) ? configuring() : configuring6());
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

status_t defer_ping(struct policy *policy, token_t token, const struct net_ping_request *ping) {
    struct deferred request = {
        .token = token, .policy = policy, .operation = NET_PING, .ping = *ping};
    status_t status = defer(&request);
    if (status == DISPATCH_PARKED) {
        (void)policy_hold(policy);
    }
    return status;
}

status_t defer_resolve(token_t token, const struct net_resolve_request *resolve) {
    struct deferred request = {.token = token, .operation = NET_RESOLVE, .resolve = *resolve};
    return defer(&request);
}

static void drop(struct deferred *deferred) {
    list_remove(&deferred->link);
    policy_release(deferred->policy);
    net.deferred_count--;
    port_free(deferred);
}

/* A CONNECT goes on; without a call its outcome is the socket's. */
static status_t carry_on(const struct deferred *deferred) {
    struct socket *socket = socket_find(deferred->badge);
    if (socket == NULL) {
        return E_CLOSED;
    }
    bool nobody = deferred->token == TOKEN_NONE;
    socket->deferred = false;
    status_t status =
        socket_connect(socket, deferred->token, &deferred->address, nobody ? NET_NO_WAIT : 0);
    if (nobody && status != E_WOULD_BLOCK) {
        socket->error = status;
        socket_mark(socket);
    }
    return status;
}

static status_t carry_out(const struct deferred *deferred, struct net_resolve_reply *reply) {
    switch (deferred->operation) {
    case NET_CONNECT:
        return carry_on(deferred);
    case NET_PING:
        return query_ping(deferred->policy, deferred->token, &deferred->ping);
    default:
        return query_resolve(deferred->token, &deferred->resolve, reply);
    }
}

static bool waits_still(const struct deferred *deferred) {
    switch (deferred->operation) {
    case NET_CONNECT:
        return defer_wanted(&deferred->address.ip);
    case NET_PING:
        return defer_wanted(&deferred->ping.ip);
    default:
        return configuring();
    }
}

void defer_settle(void) {
    struct list *link = net.deferred.next;
    while (link != &net.deferred) {
        struct deferred *deferred = LIST_ENTRY(link, struct deferred, link);
        struct net_resolve_reply reply = {0};
        link = link->next;
        if (waits_still(deferred)) {
            continue;
        }
        status_t status = carry_out(deferred, &reply);
        if (status != DISPATCH_PARKED && deferred->token != TOKEN_NONE) {
            port_answer(deferred->token, status, &reply,
                        deferred->operation == NET_RESOLVE ? sizeof reply : 0);
        }
        drop(deferred);
    }
}

bool defer_cancel(token_t token) {
    for (struct list *link = net.deferred.next; link != &net.deferred; link = link->next) {
        struct deferred *deferred = LIST_ENTRY(link, struct deferred, link);
        if (deferred->token == token) {
            struct socket *socket = socket_find(deferred->badge);
            if (socket != NULL) {
                socket->deferred = false;
            }
            port_answer(token, E_CANCELLED, NULL, 0);
            drop(deferred);
            return true;
        }
    }
    return false;
}
