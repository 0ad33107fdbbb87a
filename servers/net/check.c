/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the arena. Everything that is followed has a bound, since what is damaged may run
 * in circles.
 */
#include "record.h"

#include <common/string.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/udp.h>

#define LINKS_MAX 65536u /* longer than any list */

static bool blocks_plausible(const struct blocks *blocks) {
    return blocks->fresh <= blocks->count && blocks->used <= blocks->fresh && blocks->next != NULL;
}

static const char *check_quickly(void) {
    if (net.socket_count > NET_SOCKETS || net.socket_hint >= NET_SOCKETS ||
        net.starved_count > net.socket_count || net.ping_count > NET_PINGS ||
        net.resolve_count > NET_RESOLVES) {
        return "the sockets' numbers are wrong";
    }
    if (!blocks_plausible(&net.receive_blocks) || !blocks_plausible(&net.transmit_blocks)) {
        return "the payload's numbers are wrong";
    }
    if (net.dirty.next->prev != &net.dirty || net.deferred.next->prev != &net.deferred) {
        return "a list is damaged";
    }
    for (uint32_t i = 0; i < NET_INTERFACES; i++) {
        const struct nic *nic = &net.interfaces[i].nic;
        if (nic->transmit_count > NET_BUFFERS ||
            nic->free_count + nic->queue_count > nic->transmit_count) {
            return "an interface's numbers are wrong";
        }
    }
    return NULL;
}

/* Length of a list; UINT32_MAX: it leads astray. */
static uint32_t length_of(const struct list *head) {
    uint32_t length = 0;
    const struct list *link = head;
    do {
        if (link->next->prev != link || length++ > LINKS_MAX) {
            return UINT32_MAX;
        }
        link = link->next;
    } while (link != head);
    return length - 1;
}

/* ---- Sockets ----------------------------------------------------------------------------------
 */

static const char *check_requests(const struct socket *socket) {
    uint32_t requests = 0, watches = 0;
    if (length_of(&socket->requests) != socket->request_count + socket->watch_count ||
        socket->request_count > SOCKET_REQUESTS || socket->watch_count > SOCKET_WATCHES) {
        return "a socket's calls are damaged";
    }
    for (const struct list *l = socket->requests.next; l != &socket->requests; l = l->next) {
        bool watch = LIST_ENTRY(l, const struct request, link)->operation == NET_WATCH;
        requests += watch ? 0 : 1;
        watches += watch ? 1 : 0;
    }
    return requests != socket->request_count || watches != socket->watch_count
               ? "a socket's calls are damaged"
               : NULL;
}

static const char *check_received(const struct socket *socket) {
    uint32_t bytes = 0, links = 0;
    const struct pbuf *last = NULL;
    for (const struct pbuf *p = socket->receive_first; p != NULL; p = p->next) {
        if (p->ref == 0 || p->payload == NULL || links++ > LINKS_MAX) {
            return "received packets are damaged";
        }
        bytes += p->len;
        last = p;
    }
    if (bytes != socket->receive_bytes || (last != NULL && last != socket->receive_last)) {
        return "received packets are damaged";
    }
    links = 0;
    for (const struct datagram *d = socket->datagram_first; d != NULL; d = d->next) {
        if (d->packet == NULL || d->packet->ref == 0 || links++ > LINKS_MAX ||
            (d->next == NULL && d != socket->datagram_last)) {
            return "received datagrams are damaged";
        }
    }
    return links != socket->datagram_count ? "received datagrams are damaged" : NULL;
}

static const char *check_to_send(const struct socket *socket) {
    uint32_t data = 0, links = 0;
    for (const struct chunk *chunk = socket->chunk_first; chunk != NULL; chunk = chunk->next) {
        if (links++ > LINKS_MAX || chunk->used > TRANSMIT_BLOCK ||
            !blocks_in_use(&net.transmit_blocks, chunk->block) ||
            (chunk->next == NULL && chunk != socket->chunk_last)) {
            return "data to send is damaged";
        }
        data += chunk->used;
    }
    return data != socket->transmit_bytes + (data != 0 ? socket->acknowledged : 0)
               ? "data to send is damaged"
               : NULL;
}

static const char *check_socket(const struct socket *socket, uint32_t index) {
    if ((socket->badge & 0xffff) != index || (socket->kind != NET_TCP && socket->kind != NET_UDP) ||
        (socket->kind == NET_TCP ? socket->udp != NULL : socket->tcp != NULL)) {
        return "a damaged socket";
    }
    if (length_of(&socket->accept_link) == UINT32_MAX ||
        length_of(&socket->accept_queue) == UINT32_MAX || length_of(&socket->dirty) == UINT32_MAX) {
        return "a socket's lists are damaged";
    }
    const char *wrong = check_requests(socket);
    if (wrong == NULL) {
        wrong = check_received(socket);
    }
    return wrong == NULL ? check_to_send(socket) : wrong;
}

/* *connected: those that have a connection. */
static const char *check_sockets(uint32_t *connected) {
    uint32_t sockets = 0, starved = 0, charged = 0, policies = 0;
    for (uint32_t i = 0; i < NET_SOCKETS; i++) {
        const struct socket *socket = net.sockets[i];
        if (socket == NULL) {
            continue;
        }
        const char *wrong = check_socket(socket, i);
        if (wrong != NULL) {
            return wrong;
        }
        sockets++;
        starved += socket->starved;
        *connected += socket->tcp != NULL && socket->tcp->state != CLOSED;
    }
    for (uint32_t i = 0; i < NET_POLICIES; i++) {
        policies += net.policies[i] != NULL;
    }
    for (uint32_t i = 0; i < NET_ACCOUNTS; i++) {
        charged += net.accounts[i].sockets;
    }
    if (sockets != net.socket_count || starved != net.starved_count) {
        return "the sockets' count is wrong";
    }
    return charged != sockets + policies ? "the accounts' count is wrong" : NULL;
}

/* ---- lwIP's connections -----------------------------------------------------------------------
 */

static bool segments_sound(const struct tcp_seg *segment) {
    for (uint32_t links = 0; segment != NULL; segment = segment->next) {
        if (segment->p == NULL || segment->tcphdr == NULL || links++ > LINKS_MAX) {
            return false;
        }
    }
    return true;
}

/* Adds the sockets whose connections are in the list. Those that listen are shorter; one that is
 * not accepted yet still has its listener's socket. */
static const char *check_connections(const struct tcp_pcb *pcb, bool listen, uint32_t *owned) {
    for (uint32_t links = 0; pcb != NULL; pcb = pcb->next) {
        const struct socket *socket = pcb->callback_arg;
        if (links++ > LINKS_MAX || pcb->state > TIME_WAIT || (pcb->state == LISTEN) != listen) {
            return "a list of connections is damaged";
        }
        uint64_t index = socket != NULL ? socket->badge & 0xffff : 0;
        if (socket != NULL && (index >= NET_SOCKETS || net.sockets[index] != socket ||
                               (socket->tcp != pcb && !socket->listening))) {
            return "a connection and its socket disagree";
        }
        *owned += socket != NULL && socket->tcp == pcb;
        if (!listen && (!segments_sound(pcb->unsent) || !segments_sound(pcb->unacked) ||
                        !segments_sound(pcb->ooseq))) {
            return "a connection's segments are damaged";
        }
    }
    return NULL;
}

static const char *check_lwip(uint32_t connected) {
    uint32_t owned = 0, links = 0;
    const char *wrong = check_connections(tcp_active_pcbs, false, &owned);
    if (wrong == NULL) {
        wrong = check_connections(tcp_bound_pcbs, false, &owned);
    }
    if (wrong == NULL) {
        wrong = check_connections(tcp_tw_pcbs, false, &owned);
    }
    if (wrong == NULL) {
        wrong =
            check_connections((const struct tcp_pcb *)tcp_listen_pcbs.listen_pcbs, true, &owned);
    }
    if (wrong != NULL) {
        return wrong;
    }
    for (const struct udp_pcb *pcb = udp_pcbs; pcb != NULL; pcb = pcb->next) {
        if (links++ > LINKS_MAX) {
            return "a list of connections is damaged";
        }
    }
    return owned < connected ? "a socket's connection is lost" : NULL;
}

/* ---- The rest ---------------------------------------------------------------------------------
 */

static bool nic_sound(const struct nic *nic) {
    uint32_t count[3] = {0};
    for (uint32_t i = 0; i < nic->transmit_count; i++) {
        if (nic->state[i] > NIC_SENT) {
            return false;
        }
        count[nic->state[i]]++;
    }
    for (uint32_t i = 0; i < nic->free_count; i++) {
        if (nic->free[i] >= nic->transmit_count || nic->state[nic->free[i]] != NIC_FREE) {
            return false;
        }
    }
    for (uint32_t i = 0; i < nic->queue_count; i++) {
        uint32_t number = NETIF_FRAME_INDEX(nic->queue[i]) - nic->receive_count;
        if (number >= nic->transmit_count || nic->state[number] != NIC_QUEUED) {
            return false;
        }
    }
    return count[NIC_FREE] == nic->free_count && count[NIC_QUEUED] == nic->queue_count;
}

static const char *check_rest(void) {
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < NET_INTERFACES; i++) {
        if (!nic_sound(&net.interfaces[i].nic)) {
            return "an interface's buffers are damaged";
        }
    }
    if (!blocks_sound(&net.receive_blocks) || !blocks_sound(&net.transmit_blocks)) {
        return "the payload's lists are damaged";
    }
    for (uint32_t i = 0; i < NET_ACCOUNTS; i++) {
        blocks += net.accounts[i].blocks;
    }
    if (blocks != net.transmit_blocks.used) {
        return "the accounts' count is wrong";
    }
    return length_of(&net.dirty) == UINT32_MAX || length_of(&net.deferred) != net.deferred_count ||
                   length_of(&net.pings) != net.ping_count ||
                   length_of(&net.resolves) != net.resolve_count
               ? "a list is damaged"
               : NULL;
}

const char *net_check(bool full) {
    uint32_t connected = 0;
    const char *wrong = check_quickly();
    if (wrong == NULL && full) {
        wrong = check_sockets(&connected);
    }
    if (wrong == NULL && full) {
        wrong = check_lwip(connected);
    }
    return wrong == NULL && full ? check_rest() : wrong;
}
