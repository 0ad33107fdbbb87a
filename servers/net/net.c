/* SPDX-License-Identifier: MIT */
/* The whole: set-up, the end of each turn, cancelled calls. */
#include "socket.h"

#include <ipc/actor.h>

#include <lwip/init.h>

#define SETTLE_ROUNDS 16          /* of packets to ourselves in one turn */
#define STARVED_RETRY_NS 2000000u /* blocks freed in this turn can be used in the next */
#define NS_PER_MS 1000000u

ARENA struct net net;

void net_init(const struct settings *settings) {
    net.settings = *settings;
    net.settings.ntp = NULL; /* it points into the arguments */
    list_init(&net.dirty);
    for (int i = 0; i < 4; i++) {
        net.sequence_secret[i] = port_random();
    }
    lwip_init();
    query_init();
    defer_init();
    mdns_init();
    clock_init(settings->ntp);
}

static bool packets_to_ourselves(void) {
    const struct netif *netif;
    NETIF_FOREACH(netif) {
        if (netif->loop_first != NULL) {
            return true;
        }
    }
    return false;
}

static void retry_starved(void) {
    if (net.starved_count == 0 || blocks_available(&net.transmit_blocks) == 0) {
        return;
    }
    for (uint32_t i = 0; i < NET_SOCKETS; i++) {
        if (net.sockets[i] != NULL && net.sockets[i]->starved) {
            socket_mark(net.sockets[i]);
        }
    }
}

uint64_t net_settle(void) {
    bool more = true;
    timers_run();
    retry_starved();
    defer_settle();
    for (int round = 0; more && round < SETTLE_ROUNDS; round++) {
        sockets_settle();
        netif_poll_all();
        more = !list_empty(&net.dirty) || packets_to_ourselves();
    }
    for (int i = 0; i < NET_INTERFACES; i++) {
        nic_settle(&net.interfaces[i].nic);
    }
    uint64_t now = port_time_ns();
    if (more) {
        return now;
    }
    uint64_t due = timers_next_ms();
    uint64_t at = due == TIMERS_NEVER ? TIMERS_NEVER : due * NS_PER_MS;
    if (net.starved_count != 0 && at > now + STARVED_RETRY_NS) {
        at = now + STARVED_RETRY_NS;
    }
    return at;
}

void net_cancel(uint64_t badge, token_t token) {
    struct socket *socket = socket_find(badge);
    if (socket != NULL && socket_cancel(socket, token)) {
        return;
    }
    for (int i = 0; i < NET_INTERFACES; i++) {
        struct nic *nic = &net.interfaces[i].nic;
        if (nic->wait_token == token) {
            nic->wait_token = TOKEN_NONE;
            port_answer(token, E_CANCELLED, NULL, 0);
            return;
        }
    }
    if (!query_cancel(token) && !defer_cancel(token)) {
        port_answer(token, E_CANCELLED, NULL, 0);
    }
}
