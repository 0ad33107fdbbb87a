/* SPDX-License-Identifier: MIT */
/* Invariants of the arena. */
#include "record.h"

static bool blocks_sound(const struct blocks *blocks) {
    return blocks->fresh <= blocks->count && blocks->used <= blocks->fresh && blocks->next != NULL;
}

static const char *check_socket(const struct socket *socket, uint32_t index) {
    uint32_t requests = 0, watches = 0, bytes = 0, data = 0;
    if ((socket->badge & 0xffff) != index || (socket->kind != NET_TCP && socket->kind != NET_UDP)) {
        return "a damaged socket";
    }
    for (const struct list *l = socket->requests.next; l != &socket->requests; l = l->next) {
        bool watch = LIST_ENTRY(l, const struct request, link)->operation == NET_WATCH;
        requests += watch ? 0 : 1;
        watches += watch ? 1 : 0;
        if (requests > SOCKET_REQUESTS || watches > SOCKET_WATCHES || l->next->prev != l) {
            return "a socket's calls are damaged";
        }
    }
    for (const struct pbuf *p = socket->receive_first; p != NULL; p = p->next) {
        bytes += p->len;
    }
    for (const struct chunk *chunk = socket->chunk_first; chunk != NULL; chunk = chunk->next) {
        data += chunk->used;
    }
    if (requests != socket->request_count || watches != socket->watch_count ||
        bytes != socket->receive_bytes ||
        data != socket->transmit_bytes + (data != 0 ? socket->acknowledged : 0)) {
        return "a socket's counts are wrong";
    }
    return NULL;
}

const char *net_check(bool full) {
    uint32_t sockets = 0;
    if (net.socket_count > NET_SOCKETS || net.socket_hint >= NET_SOCKETS ||
        net.starved_count > net.socket_count) {
        return "the sockets' numbers are wrong";
    }
    if (!blocks_sound(&net.receive_blocks) || !blocks_sound(&net.transmit_blocks)) {
        return "the payload's numbers are wrong";
    }
    if (net.dirty.next->prev != &net.dirty || net.deferred.next->prev != &net.deferred) {
        return "a list is damaged";
    }
    for (uint32_t i = 0; full && i < NET_SOCKETS; i++) {
        if (net.sockets[i] != NULL) {
            const char *wrong = check_socket(net.sockets[i], i);
            if (wrong != NULL) {
                return wrong;
            }
            sockets++;
        }
    }
    return full && sockets != net.socket_count ? "the sockets' count is wrong" : NULL;
}
