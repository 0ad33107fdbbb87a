/* SPDX-License-Identifier: MIT */
/*
 * Sockets and TCP connections as records. A connection's segments are made anew from the socket's
 * data and put in line as after a retransmission time-out: the peer may get some of it twice, which
 * TCP allows, and never another byte or a gap.
 */
#include "record.h"

#include <common/string.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

struct record_socket {
    uint64_t badge, watch_bits;
    uint64_t listener; /* badge, of one that waits to be accepted */
    uint32_t account, kind, policy, flags;
    uint32_t acknowledged;
    int32_t error;
    uint32_t watcher, watch_events, watch_told;
};

/* record_socket.flags */
enum {
    SOCKET_LISTENING = 1,
    SOCKET_CONNECTING = 2,
    SOCKET_CONNECTED = 4,
    SOCKET_END_OF_STREAM = 8,
    SOCKET_READ_CLOSED = 16,
    SOCKET_WRITE_CLOSED = 32,
    SOCKET_ORPHAN = 64,
    SOCKET_DEFERRED = 128,
    SOCKET_ABORT_AT_CLOSE = 256,
    SOCKET_NO_WAIT = 512,
};

/* What a connection's block of lwIP has, as 32-bit numbers. */
#define TCP_FIELDS(FIELD)                                                                          \
    FIELD(netif_idx)                                                                               \
    FIELD(so_options)                                                                              \
    FIELD(tos)                                                                                     \
    FIELD(ttl)                                                                                     \
    FIELD(prio)                                                                                    \
    FIELD(local_port)                                                                              \
    FIELD(remote_port)                                                                             \
    FIELD(polltmr)                                                                                 \
    FIELD(pollinterval)                                                                            \
    FIELD(rcv_nxt)                                                                                 \
    FIELD(rcv_wnd)                                                                                 \
    FIELD(rcv_ann_wnd)                                                                             \
    FIELD(rcv_ann_right_edge)                                                                      \
    FIELD(mss)                                                                                     \
    FIELD(sa)                                                                                      \
    FIELD(sv)                                                                                      \
    FIELD(rto)                                                                                     \
    FIELD(nrtx)                                                                                    \
    FIELD(lastack)                                                                                 \
    FIELD(cwnd)                                                                                    \
    FIELD(ssthresh)                                                                                \
    FIELD(snd_nxt)                                                                                 \
    FIELD(snd_wl1)                                                                                 \
    FIELD(snd_wl2)                                                                                 \
    FIELD(snd_wnd)                                                                                 \
    FIELD(snd_wnd_max)                                                                             \
    FIELD(bytes_acked)                                                                             \
    FIELD(keep_idle)                                                                               \
    FIELD(keep_intvl)                                                                              \
    FIELD(keep_cnt)                                                                                \
    FIELD(persist_cnt)                                                                             \
    FIELD(persist_backoff)                                                                         \
    FIELD(persist_probe)                                                                           \
    FIELD(keep_cnt_sent)                                                                           \
    FIELD(snd_scale)                                                                               \
    FIELD(rcv_scale)

struct record_tcp {
    uint64_t socket;   /* badge; 0: it ends without one */
    uint64_t listener; /* badge, in SYN_RCVD */
    struct record_ip local, remote;
    uint32_t state, flags, age; /* age: slow ticks since tmr */
    uint32_t snd_lbb;
    uint32_t backlog; /* LISTEN */
#define FIELD(name) uint32_t name;
    TCP_FIELDS(FIELD)
#undef FIELD
};

struct record_udp {
    uint64_t socket;
    struct record_ip local, remote;
    uint32_t local_port, remote_port, so_options, tos, ttl, flags, netif_idx, mcast_ttl;
    uint32_t mcast_ifindex;
};

struct record_request {
    uint64_t socket, token, length, events, flags;
    struct net_address address;
    uint32_t operation;
    handle_t notification;
    uint64_t key;
};

struct record_group {
    uint64_t socket;
    struct net_ip group;
    uint32_t interface;
};

/* Flags of a connection that say what it is, not what is under way. */
#define TCP_KEPT_FLAGS (TF_RXCLOSED | TF_NODELAY | TF_WND_SCALE | TF_SACK)

/* ---- Export ------------------------------------------------------------------------------- */

static uint32_t socket_flags(const struct socket *socket) {
    return (socket->listening ? SOCKET_LISTENING : 0u) |
           (socket->connecting ? SOCKET_CONNECTING : 0u) |
           (socket->connected ? SOCKET_CONNECTED : 0u) |
           (socket->end_of_stream ? SOCKET_END_OF_STREAM : 0u) |
           (socket->read_closed ? SOCKET_READ_CLOSED : 0u) |
           (socket->write_closed ? SOCKET_WRITE_CLOSED : 0u) |
           (socket->orphan ? SOCKET_ORPHAN : 0u) | (socket->deferred ? SOCKET_DEFERRED : 0u) |
           (socket->abort_at_close ? SOCKET_ABORT_AT_CLOSE : 0u) |
           (socket->no_wait ? SOCKET_NO_WAIT : 0u);
}

/* The sequence number behind all that was queued: lwIP does not count a FIN in snd_lbb which it has
 * added to a segment with data. */
static uint32_t queue_end(const struct tcp_pcb *pcb) {
    const struct tcp_seg *last = pcb->unsent != NULL ? pcb->unsent : pcb->unacked;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    return last == NULL ? pcb->snd_lbb : lwip_ntohl(last->tcphdr->seqno) + TCP_TCPLEN(last);
}

static void export_tcp(const struct tcp_pcb *pcb, uint64_t badge, struct records_writer *records) {
    struct record_tcp record = {
        .socket = badge,
        .local = record_ip_of(&pcb->local_ip),
        .remote = record_ip_of(&pcb->remote_ip),
        .state = pcb->state,
        .so_options = pcb->so_options,
        .tos = pcb->tos,
        .ttl = pcb->ttl,
        .netif_idx = pcb->netif_idx,
        .prio = pcb->prio,
        .local_port = pcb->local_port,
    };
    if (pcb->state == LISTEN) {
        record.backlog = ((const struct tcp_pcb_listen *)pcb)->backlog;
    } else {
#define FIELD(name) record.name = (uint32_t)pcb->name;
        TCP_FIELDS(FIELD)
#undef FIELD
        record.flags = pcb->flags;
        record.age = tcp_ticks - pcb->tmr;
        record.snd_lbb = queue_end(pcb);
        if (pcb->listener != NULL && pcb->listener->callback_arg != NULL) {
            record.listener = ((const struct socket *)pcb->listener->callback_arg)->badge;
        }
    }
    record_put(records, RECORD_TCP, 1, &record, sizeof record);
}

static void export_udp(const struct socket *socket, struct records_writer *records) {
    const struct udp_pcb *pcb = socket->udp;
    struct record_udp record = {
        .socket = socket->badge,
        .local = record_ip_of(&pcb->local_ip),
        .remote = record_ip_of(&pcb->remote_ip),
        .local_port = pcb->local_port,
        .remote_port = pcb->remote_port,
        .so_options = pcb->so_options,
        .tos = pcb->tos,
        .ttl = pcb->ttl,
        .flags = pcb->flags,
        .netif_idx = pcb->netif_idx,
        .mcast_ttl = pcb->mcast_ttl,
        .mcast_ifindex = pcb->mcast_ifindex,
    };
    record_put(records, RECORD_UDP, 1, &record, sizeof record);
}

static void export_socket(const struct socket *socket, struct records_writer *records) {
    struct record_socket record = {
        .badge = socket->badge,
        .watch_bits = socket->watch_bits,
        .listener = socket->listener != NULL ? socket->listener->badge : 0,
        .account = socket->account,
        .kind = socket->kind,
        .policy = record_policy_index(socket->policy),
        .flags = socket_flags(socket),
        .acknowledged = socket->acknowledged,
        .error = socket->error,
        .watcher = socket->watcher,
        .watch_events = socket->watch_events,
        .watch_told = socket->watch_told,
    };
    record_put(records, RECORD_SOCKET, 1, &record, sizeof record);
    for (const struct list *l = socket->requests.next; l != &socket->requests; l = l->next) {
        const struct request *request = LIST_ENTRY(l, struct request, link);
        struct record_request to = {socket->badge,      request->token,        request->length,
                                    request->events,    request->flags,        request->address,
                                    request->operation, request->notification, request->key};
        record_put(records, RECORD_REQUEST, 1, &to, sizeof to);
    }
    for (const struct membership *m = socket->groups; m != NULL; m = m->next) {
        struct record_group to = {socket->badge, m->group, m->interface};
        record_put(records, RECORD_GROUP, 1, &to, sizeof to);
    }
    payload_export(socket, records);
}

static bool has_socket(const struct tcp_pcb *pcb) {
    const struct socket *socket = pcb->callback_arg;
    return socket != NULL && socket->tcp == pcb;
}

void sockets_export(struct records_writer *records) {
    struct tcp_pcb *const lists[] = {tcp_active_pcbs, tcp_tw_pcbs};
    for (uint32_t i = 0; i < NET_SOCKETS; i++) {
        if (net.sockets[i] != NULL) {
            export_socket(net.sockets[i], records);
        }
    }
    for (int round = 0; round < 2; round++) { /* listeners first */
        for (uint32_t i = 0; i < NET_SOCKETS; i++) {
            const struct socket *socket = net.sockets[i];
            if (socket != NULL && socket->tcp != NULL && socket->listening == (round == 0)) {
                export_tcp(socket->tcp, socket->badge, records);
            } else if (socket != NULL && socket->udp != NULL && round == 0) {
                export_udp(socket, records);
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        for (const struct tcp_pcb *pcb = lists[i]; pcb != NULL; pcb = pcb->next) {
            if (!has_socket(pcb)) {
                export_tcp(pcb, 0, records);
            }
        }
    }
}

/* ---- Import ------------------------------------------------------------------------------- */

static void import_socket(const struct record *record) {
    struct record_socket from;
    struct socket *socket;
    record_copy(record, &from, sizeof from);
    if (socket_adopt(from.badge, from.account, record_policy(from.policy), from.kind, &socket) !=
        OK) {
        return;
    }
    uint32_t flags = from.flags;
    socket->error = from.error;
    socket->connecting = (flags & SOCKET_CONNECTING) != 0;
    socket->connected = (flags & SOCKET_CONNECTED) != 0;
    socket->end_of_stream = (flags & SOCKET_END_OF_STREAM) != 0;
    socket->read_closed = (flags & SOCKET_READ_CLOSED) != 0;
    socket->write_closed = (flags & SOCKET_WRITE_CLOSED) != 0;
    socket->orphan = (flags & SOCKET_ORPHAN) != 0;
    socket->deferred = (flags & SOCKET_DEFERRED) != 0;
    socket->abort_at_close = (flags & SOCKET_ABORT_AT_CLOSE) != 0;
    socket->no_wait = (flags & SOCKET_NO_WAIT) != 0;
    socket->acknowledged = from.acknowledged;
    socket->watcher = from.watcher;
    socket->watch_bits = from.watch_bits;
    socket->watch_events = from.watch_events;
    socket->watch_told = from.watch_told;
}

/* The operations that wait at a socket. */
static bool waits_at_socket(uint32_t operation) {
    return operation == NET_ACCEPT || operation == NET_CONNECT || operation == NET_SEND ||
           operation == NET_RECEIVE || operation == NET_POLL || operation == NET_WATCH;
}

static void import_request(const struct record *record) {
    struct record_request from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = socket_find(from.socket);
    bool watch = from.operation == NET_WATCH;
    bool room =
        socket != NULL && waits_at_socket(from.operation) &&
        (watch ? socket->watch_count < SOCKET_WATCHES : socket->request_count < SOCKET_REQUESTS);
    struct request *request = room ? port_allocate_zeroed(1, sizeof *request) : NULL;
    if (request == NULL && watch) {
        port_signal(from.notification, from.length);
        port_release(from.notification);
        return;
    }
    if (request == NULL) {
        port_answer(from.token, E_RESET, NULL, 0);
        return;
    }
    request->token = from.token;
    request->length = from.length;
    request->events = from.events;
    request->flags = from.flags;
    request->address = from.address;
    request->operation = from.operation;
    request->notification = from.notification;
    request->key = from.key;
    list_push_back(&socket->requests, &request->link);
    socket->watch_count += watch ? 1 : 0;
    socket->request_count += watch ? 0 : 1;
    socket_mark(socket);
}

static void import_group(const struct record *record) {
    struct record_group from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = socket_find(from.socket);
    struct net_group_request request = {
        .group = from.group, .interface = from.interface, .join = 1};
    if (socket != NULL && socket->udp != NULL && udp_socket_group(socket, &request) != OK) {
        port_log("a multicast group was lost");
    }
}

static void import_udp(const struct record *record) {
    struct record_udp from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = socket_find(from.socket);
    if (socket == NULL || socket->kind != NET_UDP || udp_socket_open(socket) != OK) {
        return;
    }
    struct udp_pcb *pcb = socket->udp;
    ip_addr_t local = record_ip_to(&from.local);
    pcb->so_options = (u8_t)from.so_options;
    pcb->tos = (u8_t)from.tos;
    pcb->ttl = (u8_t)from.ttl;
    if (from.local_port != 0) {
        (void)udp_bind(pcb, &local, (u16_t)from.local_port);
    }
    pcb->remote_ip = record_ip_to(&from.remote);
    pcb->remote_port = (u16_t)from.remote_port;
    pcb->flags = (u8_t)from.flags;
    pcb->netif_idx = (u8_t)from.netif_idx;
    pcb->mcast_ttl = (u8_t)from.mcast_ttl;
    pcb->mcast_ifindex = (u8_t)from.mcast_ifindex;
}

static bool import_listener(struct socket *socket, const struct record_tcp *from) {
    ip_addr_t local = record_ip_to(&from->local);
    if (socket == NULL || tcp_socket_open(socket) != OK) {
        return false;
    }
    socket->tcp->so_options = (u8_t)from->so_options;
    return tcp_bind(socket->tcp, &local, (u16_t)from->local_port) == ERR_OK &&
           tcp_socket_listen(socket, from->backlog) == OK;
}

/* Bytes of the socket that lwIP has not reported as acknowledged. */
static uint32_t unacknowledged(const struct socket *socket) {
    uint32_t bytes = 0;
    for (const struct chunk *c = socket->chunk_first; c != NULL; c = c->next) {
        bytes += c->used;
    }
    return bytes > socket->acknowledged ? bytes - socket->acknowledged : 0;
}

/* The sequence number of the first of these bytes: lwIP reports whole segments, so the peer may
 * have acknowledged more. */
static uint32_t first_sequence(const struct socket *socket, const struct record_tcp *from) {
    bool fin = (from->flags & TF_FIN) != 0 &&
               (from->state == FIN_WAIT_1 || from->state == CLOSING || from->state == LAST_ACK);
    return from->snd_lbb - (fin ? 1 : 0) - (socket != NULL ? unacknowledged(socket) : 0);
}

/* What has to be sent, from the first byte that the peer has not acknowledged. */
static bool queue_again(struct tcp_pcb *pcb, const struct socket *socket,
                        const struct record_tcp *from) {
    bool good = true;
    uint32_t skip = socket != NULL ? socket->acknowledged : 0;
    pcb->snd_lbb = first_sequence(socket, from);
    if (from->state == SYN_SENT || from->state == SYN_RCVD) {
        pcb->snd_lbb = from->lastack;
        pcb->state = (enum tcp_state)from->state;
        return tcp_enqueue_flags(pcb, from->state == SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK) ==
               ERR_OK;
    }
    if (!TCP_SEQ_LEQ(pcb->snd_lbb, from->lastack)) {
        return false;
    }
    pcb->state = ESTABLISHED;
    for (const struct chunk *c = socket != NULL ? socket->chunk_first : NULL; good && c != NULL;
         c = c->next) {
        const uint8_t *bytes = blocks_address(&net.transmit_blocks, c->block);
        good =
            skip <= c->used && tcp_write(pcb, bytes + skip, (u16_t)(c->used - skip), 0) == ERR_OK;
        skip = 0;
    }
    if (good && (from->flags & TF_FIN) != 0 && TCP_SEQ_LT(pcb->snd_lbb, from->snd_lbb)) {
        good = tcp_enqueue_flags(pcb, TCP_FIN) == ERR_OK; /* counted, not so by tcp_send_fin */
    }
    pcb->state = (enum tcp_state)from->state;
    return good && pcb->snd_lbb == from->snd_lbb;
}

static void set_fields(struct tcp_pcb *pcb, const struct record_tcp *from) {
#define FIELD(name) pcb->name = (__typeof__(pcb->name))from->name;
    TCP_FIELDS(FIELD)
#undef FIELD
    pcb->local_ip = record_ip_to(&from->local);
    pcb->remote_ip = record_ip_to(&from->remote);
    pcb->flags = (tcpflags_t)(from->flags & TCP_KEPT_FLAGS);
    pcb->tmr = tcp_ticks - from->age;
    pcb->rtime = 0;
}

/* Whether lwIP can work with these numbers. */
static bool tcp_sound(const struct record_tcp *from) {
    return from->mss != 0 && from->mss <= TCP_MSS && from->snd_scale <= 14 &&
           from->rcv_scale <= 14 && from->rcv_wnd <= TCP_WND && from->netif_idx <= UINT8_MAX &&
           from->rcv_ann_wnd <= TCP_WND && from->local_port <= UINT16_MAX &&
           from->remote_port <= UINT16_MAX && from->sa <= INT16_MAX && from->sv <= INT16_MAX &&
           from->rto <= INT16_MAX;
}

/* A connection is registered where lwIP keeps those of its state. */
static void enrol(struct tcp_pcb *pcb, const struct record_tcp *from) {
    if (from->state == TIME_WAIT) {
        TCP_REG(&tcp_tw_pcbs, pcb);
    } else if (from->state != CLOSED) {
        TCP_REG_ACTIVE(pcb);
    } else if (from->local_port != 0) {
        TCP_REG(&tcp_bound_pcbs, pcb);
    }
    pcb->flags |= (tcpflags_t)(from->flags & TF_FIN);
    struct socket *listener = from->listener != 0 ? socket_find(from->listener) : NULL;
    if (listener != NULL && listener->listening) {
        pcb->listener = (struct tcp_pcb_listen *)(void *)listener->tcp;
        if (from->state == SYN_RCVD) {
            pcb->callback_arg = listener;
        }
        if ((from->flags & TF_BACKLOGPEND) != 0) {
            pcb->flags |= TF_BACKLOGPEND;
            pcb->listener->accepts_pending++;
        }
    }
}

static bool import_connection(struct socket *socket, const struct record_tcp *from) {
    struct tcp_pcb *pcb = tcp_sound(from) ? tcp_alloc((u8_t)from->prio) : NULL;
    if (pcb == NULL) {
        return false;
    }
    set_fields(pcb, from);
    if (from->state != CLOSED && from->state != TIME_WAIT && !queue_again(pcb, socket, from)) {
        pcb->state = CLOSED;
        tcp_segs_free(pcb->unsent);
        pcb->unsent = NULL;
        memp_free(MEMP_TCP_PCB, pcb);
        return false;
    }
    if (pcb->unsent == NULL) { /* nothing to probe a closed window with */
        pcb->persist_cnt = pcb->persist_backoff = pcb->persist_probe = 0;
    }
    pcb->state = (enum tcp_state)from->state;
    enrol(pcb, from);
    if (socket != NULL) {
        tcp_socket_adopt(socket, pcb);
    }
    return true;
}

static void import_tcp(const struct record *record) {
    struct record_tcp from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = from.socket != 0 ? socket_find(from.socket) : NULL;
    if (from.state > TIME_WAIT || (from.socket != 0 && socket == NULL) ||
        (socket != NULL && (socket->tcp != NULL || socket->kind != NET_TCP))) {
        return;
    }
    bool good =
        from.state == LISTEN ? import_listener(socket, &from) : import_connection(socket, &from);
    if (!good && socket != NULL) {
        tcp_socket_abort(socket, E_CONN_ABORTED);
    }
}

/* Connections that wait in a listener's queue, in their order. */
static void import_queue(const struct record *record) {
    struct record_socket from;
    record_copy(record, &from, sizeof from);
    struct socket *socket = socket_find(from.badge);
    struct socket *listener = from.listener != 0 ? socket_find(from.listener) : NULL;
    if (socket != NULL && listener != NULL && listener->listening && socket != listener) {
        socket->listener = listener;
        list_push_back(&listener->accept_queue, &socket->accept_link);
        socket_mark(listener);
    }
}

static void import_protocols(const struct record *record) {
    switch (record->tag) {
    case RECORD_TCP:
        import_tcp(record);
        break;
    case RECORD_UDP:
        import_udp(record);
        break;
    default:
        break;
    }
}

void sockets_import(struct records_reader *records) {
    struct datagram *datagram = NULL;
    struct record record;
    for (records_rewind(records); record_next(records, &record);) {
        if (record.tag == RECORD_SOCKET) {
            import_socket(&record);
        } else if (record.tag == RECORD_REQUEST) {
            import_request(&record);
        } else {
            payload_import(&record, &datagram);
        }
    }
    port_free(datagram);
    for (records_rewind(records); record_next(records, &record);) {
        import_protocols(&record);
    }
    for (records_rewind(records); record_next(records, &record);) {
        if (record.tag == RECORD_SOCKET) {
            import_queue(&record);
        } else if (record.tag == RECORD_GROUP) {
            import_group(&record);
        }
    }
    for (uint32_t i = 0; i < NET_SOCKETS; i++) { /* carry on what was under way */
        struct socket *socket = net.sockets[i];
        if (socket != NULL) {
            socket->transmit_bytes -= socket->chunk_first != NULL ? socket->acknowledged : 0;
            socket_mark(socket);
        }
    }
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        (void)tcp_output(pcb);
    }
}
