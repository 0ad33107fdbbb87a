/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets over lwIP's callbacks. Data on its way out lies in the socket's chunks until the peer
 * has acknowledged it, also when the program has closed the socket: then the socket is an orphan
 * that ends with the last acknowledgement.
 */
#include "socket.h"

#include <common/string.h>
#include <ipc/dispatch.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip4.h>
#include <lwip/tcp.h>

/* A parked SEND goes on when this much fits: not a call for each acknowledgement. */
#define SEND_ROOM (TCP_SND_BUF / 2)
#define WRITE_ROOM TCP_SNDLOWAT /* the same for readiness */
/* What one write may add to lwIP's queue of buffers. */
#define QUEUE_RESERVE 8u
/* The end of a connection, or the answer to its beginning, is sent again and again, each time after
 * twice as long, until that would be more than a minute. */
#define PATIENCE (60000 / TCP_SLOW_INTERVAL)

static void detach(struct socket *socket) {
    struct tcp_pcb *pcb = socket->tcp;
    tcp_arg(pcb, NULL);
    if (!socket->listening) {
        tcp_recv(pcb, NULL);
        tcp_sent(pcb, NULL);
        tcp_err(pcb, NULL);
    }
    socket->tcp = NULL;
}

/* ---- What lwIP tells --------------------------------------------------------------------- */

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *packet, err_t error) {
    struct socket *socket = argument;
    (void)error;
    if (packet == NULL) {
        socket->end_of_stream = true;
    } else if (socket->read_closed) {
        tcp_recved(pcb, packet->tot_len);
        pbuf_free(packet);
    } else {
        socket->receive_bytes += packet->tot_len;
        if (socket->receive_last != NULL) {
            socket->receive_last->next = packet;
        } else {
            socket->receive_first = packet;
        }
        while (packet->next != NULL) {
            packet = packet->next;
        }
        socket->receive_last = packet;
    }
    socket_mark(socket);
    return ERR_OK;
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t length) {
    struct socket *socket = argument;
    (void)pcb;
    payload_acknowledge(socket, length);
    if (socket->orphan && socket->transmit_bytes == 0) {
        detach(socket);
    }
    socket_mark(socket);
    return ERR_OK;
}

/* lwIP has freed the pcb. */
static void on_error(void *argument, err_t error) {
    struct socket *socket = argument;
    socket->tcp = NULL;
    if (error == ERR_CLSD) {
        socket->end_of_stream = true;
    } else if (socket->connecting) {
        socket->error = error == ERR_RST ? E_CONN_REFUSED : E_TIMEOUT;
    } else {
        socket->error = error == ERR_RST ? E_CONN_RESET : E_CONN_ABORTED;
    }
    socket->connecting = false;
    payload_release(socket);
    socket_mark(socket);
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t error) {
    struct socket *socket = argument;
    (void)pcb;
    (void)error;
    socket->connecting = false;
    socket->connected = true;
    socket_mark(socket);
    return ERR_OK;
}

static void attach(struct socket *socket, struct tcp_pcb *pcb) {
    socket->tcp = pcb;
    tcp_arg(pcb, socket);
    tcp_recv(pcb, on_receive);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
}

void tcp_socket_adopt(struct socket *socket, struct tcp_pcb *pcb) {
    attach(socket, pcb);
    pcb->connected = on_connected;
}

/* Ends of a TCP packet that is as it came: nothing of it has been checked. */
static bool read_ends(const struct pbuf *frame, ip_addr_t *from, ip_addr_t *to,
                      struct tcp_hdr *header) {
    const uint8_t *ip = (const uint8_t *)frame->payload + SIZEOF_ETH_HDR;
    uint32_t offset;
    memset(from, 0, sizeof *from);
    memset(to, 0, sizeof *to);
    if (frame->len >= SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN && ip[-2] == 0x08 && ip[-1] == 0 &&
        ip[0] == 0x45 && ip[9] == IP_PROTO_TCP) {
        memcpy(ip_2_ip4(from), ip + 12, sizeof(ip4_addr_t));
        memcpy(ip_2_ip4(to), ip + 16, sizeof(ip4_addr_t));
        offset = IP_HLEN;
    } else if (frame->len >= SIZEOF_ETH_HDR + IP6_HLEN + TCP_HLEN && ip[-2] == 0x86 &&
               ip[-1] == 0xdd && ip[6] == IP6_NEXTH_TCP) {
        IP_SET_TYPE(from, IPADDR_TYPE_V6);
        IP_SET_TYPE(to, IPADDR_TYPE_V6);
        memcpy(ip_2_ip6(from)->addr, ip + 8, 16);
        memcpy(ip_2_ip6(to)->addr, ip + 24, 16);
        offset = IP6_HLEN;
    } else {
        return false;
    }
    memcpy(header, ip + offset, sizeof *header);
    return true;
}

/* The connection in TIME_WAIT that this packet opens anew, NULL for none. Forgetting such a
 * connection early is no harm. */
static struct tcp_pcb *reopened(const ip_addr_t *from, const ip_addr_t *to,
                                const struct tcp_hdr *header) {
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->remote_port == lwip_ntohs(header->src) &&
            pcb->local_port == lwip_ntohs(header->dest) &&
            ip_addr_cmp_zoneless(&pcb->remote_ip, from) &&
            ip_addr_cmp_zoneless(&pcb->local_ip, to) &&
            TCP_SEQ_GT(lwip_ntohl(header->seqno), pcb->rcv_nxt)) {
            return pcb;
        }
    }
    return NULL;
}

void tcp_socket_before(const struct pbuf *frame) {
    ip_addr_t from, to;
    struct tcp_hdr header;
    if (tcp_tw_pcbs == NULL || !read_ends(frame, &from, &to, &header) ||
        (TCPH_FLAGS(&header) & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN) {
        return;
    }
    struct tcp_pcb *pcb = reopened(&from, &to, &header);
    if (pcb != NULL) {
        tcp_abort(pcb);
    }
}

bool tcp_socket_relieve(void) {
    struct tcp_pcb *oldest = tcp_tw_pcbs; /* the newest is first */
    uint32_t count = 0;
    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
        count++;
        oldest = count % 2 == 0 ? oldest->next : oldest;
    }
    while (oldest != NULL) {
        struct tcp_pcb *next = oldest->next;
        tcp_abort(oldest);
        oldest = next;
    }
    return count != 0;
}

/* lwIP forgets a connection, without a word to the peer, that has heard nothing for 2 MSL in
 * LAST_ACK or for 20 s in SYN_RCVD, and with it what the program has sent before it closed. No
 * driver, or a few packets lost in a row, take longer. */
void tcp_socket_patience(void) {
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if ((pcb->state == LAST_ACK || pcb->state == SYN_RCVD) && pcb->rto <= PATIENCE) {
            pcb->tmr = tcp_ticks;
        }
    }
}

/* What was lost with a driver or a stack says nothing about the network: the waits that grew
 * meanwhile (RFC 6298, 5.5; RFC 9293, 3.8.6.1) begin again from the measured time, and so does the
 * count after which a connection is given up. */
void tcp_socket_hurry(void) {
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->nrtx != 0 && pcb->state != SYN_SENT) {
            pcb->nrtx = 0;
            pcb->rto = (s16_t)((pcb->sa >> 3) + pcb->sv);
        }
        if (pcb->persist_backoff > 1) {
            pcb->persist_backoff = 1;
            pcb->persist_probe = 0;
        }
    }
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    struct socket *listener = argument;
    struct socket *socket;
    struct net_address peer;
    if (error != ERR_OK || pcb == NULL || listener == NULL) {
        return ERR_VAL;
    }
    address_from_lwip(&pcb->remote_ip, pcb->remote_port, &peer);
    if (policy_check(listener->policy, NET_ACTION_ACCEPT, NET_TCP, &peer) != OK) {
        return ERR_VAL;
    }
    if (port_memory_low()) {
        (void)tcp_socket_relieve();
    }
    if (socket_create(listener->account, listener->policy, NET_TCP, &socket) != OK) {
        return ERR_MEM;
    }
    attach(socket, pcb);
    tcp_backlog_delayed(pcb);
    socket->connected = true;
    socket->listener = listener;
    list_push_back(&listener->accept_queue, &socket->accept_link);
    socket_mark(listener);
    return ERR_OK;
}

/* ---- Life --------------------------------------------------------------------------------- */

status_t tcp_socket_open(struct socket *socket) {
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (pcb == NULL) {
        return E_QUOTA;
    }
    ip_set_option(pcb, SOF_REUSEADDR);
    attach(socket, pcb);
    socket->error = OK;
    return OK;
}

void tcp_socket_abort(struct socket *socket, status_t error) {
    struct tcp_pcb *pcb = socket->tcp;
    if (pcb != NULL) {
        bool listening = socket->listening;
        detach(socket);
        if (listening) {
            (void)tcp_close(pcb);
        } else {
            tcp_abort(pcb);
        }
    }
    socket->connecting = false;
    socket->connected = false;
    socket->error = error;
    payload_release(socket);
}

/* The peer is sending what nobody will read: tell it by a reset. */
static bool has_unread(const struct socket *socket) {
    const struct tcp_pcb *pcb = socket->tcp;
    return (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT) &&
           (socket->receive_bytes != 0 || pcb->refused_data != NULL ||
            pcb->rcv_wnd != TCP_WND_MAX(pcb));
}

void tcp_socket_close(struct socket *socket) {
    struct tcp_pcb *pcb = socket->tcp;
    if (pcb == NULL) {
        return;
    }
    if (socket->listening || pcb->state == CLOSED || pcb->state == SYN_SENT) {
        detach(socket);
        (void)tcp_close(pcb);
        return;
    }
    if (socket->abort_at_close || has_unread(socket)) {
        tcp_socket_abort(socket, E_CONN_ABORTED);
        return;
    }
    (void)tcp_close(pcb);
    if (socket->tcp != NULL && socket->transmit_bytes == 0) {
        detach(socket);
    }
}

status_t tcp_socket_bind(struct socket *socket, const struct net_address *address) {
    if (socket->tcp == NULL || socket->tcp->state != CLOSED || socket->tcp->local_port != 0) {
        return E_STATE;
    }
    ip_addr_t ip;
    if (!address_to_lwip(address, &ip)) {
        return E_ADDRESS;
    }
    if (IP_IS_ANY_TYPE_VAL(ip)) {
        IP_SET_TYPE_VAL(ip, IP_GET_TYPE(&socket->tcp->local_ip)); /* V6_ONLY has made it IPv6's */
    }
    return status_of(tcp_bind(socket->tcp, &ip, address->port));
}

status_t tcp_socket_listen(struct socket *socket, uint64_t backlog) {
    if (socket->tcp == NULL || socket->listening || socket->tcp->state != CLOSED) {
        return E_STATE;
    }
    err_t error = ERR_OK;
    u8_t limit = (u8_t)(backlog == 0 ? 1 : backlog < 255 ? backlog : 255);
    struct tcp_pcb *pcb = tcp_listen_with_backlog_and_err(socket->tcp, limit, &error);
    if (pcb == NULL) {
        return status_of(error);
    }
    socket->tcp = pcb;
    socket->listening = true;
    tcp_arg(pcb, socket);
    tcp_accept(pcb, on_accept);
    return OK;
}

void tcp_socket_accepted(struct socket *socket) {
    socket->listener = NULL;
    if (socket->tcp != NULL) {
        tcp_backlog_accepted(socket->tcp);
    }
}

status_t tcp_socket_connect(struct socket *socket, const struct net_address *address) {
    if (socket->connected) {
        return E_IS_CONNECTED;
    }
    if (socket->connecting || socket->listening) {
        return socket->connecting ? E_BUSY : E_STATE;
    }
    if (port_memory_low()) {
        (void)tcp_socket_relieve();
    }
    if (socket->tcp == NULL) {
        status_t status = tcp_socket_open(socket);
        if (status != OK) {
            return status;
        }
    }
    ip_addr_t ip;
    if (!address_to_lwip(address, &ip) || !IP_ADDR_PCB_VERSION_MATCH(socket->tcp, &ip)) {
        return E_ADDRESS;
    }
    err_t error = tcp_connect(socket->tcp, &ip, address->port, on_connected);
    if (error != ERR_OK) {
        return status_of(error);
    }
    socket->error = OK;
    socket->connecting = true;
    return OK;
}

status_t tcp_socket_connected(const struct socket *socket) {
    if (socket->connected) {
        return OK;
    }
    return socket->connecting || socket->deferred ? E_WOULD_BLOCK
           : socket->error != OK                  ? socket->error
                                                  : E_NOT_CONNECTED;
}

/* ---- Data --------------------------------------------------------------------------------- */

static status_t can_send(const struct socket *socket) {
    if (socket->error != OK) {
        return socket->error;
    }
    if (socket->write_closed) {
        return E_PIPE;
    }
    if (!socket->connected) {
        return E_NOT_CONNECTED;
    }
    return socket->tcp != NULL ? OK : E_PIPE;
}

/* Bytes that lwIP would take now. */
static uint32_t send_room(const struct tcp_pcb *pcb) {
    if (pcb->snd_queuelen + QUEUE_RESERVE > TCP_SND_QUEUELEN) {
        return 0;
    }
    return tcp_sndbuf(pcb);
}

/* Appends the next piece of the lease; *done grows. */
static status_t send_piece(struct socket *socket, token_t token, uint32_t wanted, uint32_t *done) {
    void *at;
    uint32_t piece;
    status_t status = payload_append(socket, token, *done, wanted - *done, &at, &piece);
    if (status != OK) {
        return status;
    }
    u8_t flags = *done + piece < wanted ? TCP_WRITE_FLAG_MORE : 0;
    if (tcp_write(socket->tcp, at, (u16_t)piece, flags) != ERR_OK) {
        payload_retract(socket, piece);
        return E_WOULD_BLOCK;
    }
    *done += piece;
    return OK;
}

status_t tcp_socket_send(struct socket *socket, token_t token, uint64_t length, bool parked,
                         struct net_io_reply *reply) {
    status_t status = can_send(socket);
    if (status != OK || length == 0) {
        return status;
    }
    uint32_t room = send_room(socket->tcp);
    if (room == 0 || (parked && room < SEND_ROOM && room < length)) {
        return E_WOULD_BLOCK;
    }
    uint32_t wanted = length < room ? (uint32_t)length : room;
    uint32_t done = 0;
    while (done < wanted && send_room(socket->tcp) != 0) {
        status = send_piece(socket, token, wanted, &done);
        if (status != OK) {
            break;
        }
    }
    if (done == 0) {
        return status != OK ? status : E_WOULD_BLOCK;
    }
    (void)tcp_output(socket->tcp);
    reply->length = done;
    return OK;
}

/* Copies one packet's data, or as much as fits, to the lease. */
static status_t receive_piece(struct socket *socket, token_t token, uint64_t length,
                              uint64_t *done) {
    struct pbuf *packet = socket->receive_first;
    uint32_t piece = packet->len;
    if (length - *done < piece) {
        piece = (uint32_t)(length - *done);
    }
    status_t status = port_lease_write(token, *done, packet->payload, piece);
    if (status != OK) {
        return status;
    }
    *done += piece;
    socket->receive_bytes -= piece;
    if (piece < packet->len) {
        (void)pbuf_remove_header(packet, piece);
        return OK;
    }
    socket->receive_first = packet->next;
    if (packet->next == NULL) {
        socket->receive_last = NULL;
    }
    packet->next = NULL;
    pbuf_free(packet);
    return OK;
}

/* Copies what is there and leaves it. */
static status_t peek(const struct socket *socket, const struct request *request, uint64_t *done) {
    for (const struct pbuf *packet = socket->receive_first;
         packet != NULL && *done < request->length; packet = packet->next) {
        uint64_t rest = request->length - *done;
        uint64_t piece = packet->len < rest ? packet->len : rest;
        status_t status = port_lease_write(request->token, *done, packet->payload, piece);
        if (status != OK) {
            return status;
        }
        *done += piece;
    }
    return OK;
}

status_t tcp_socket_receive(struct socket *socket, const struct request *request,
                            struct net_io_reply *reply) {
    if (request->length == 0) {
        return E_INVALID;
    }
    if (socket->receive_first == NULL) {
        if (socket->end_of_stream || socket->read_closed) {
            return OK;
        }
        if (socket->error != OK) {
            return socket->error;
        }
        return socket->connected ? E_WOULD_BLOCK : E_NOT_CONNECTED;
    }
    if ((request->flags & NET_PEEK) != 0) {
        return peek(socket, request, &reply->length);
    }
    uint64_t done = 0;
    status_t status = OK;
    while (status == OK && done < request->length && socket->receive_first != NULL) {
        status = receive_piece(socket, request->token, request->length, &done);
    }
    if (done == 0) {
        return status;
    }
    for (uint64_t rest = done; socket->tcp != NULL && rest != 0;) {
        u16_t part = (u16_t)(rest < 0xffff ? rest : 0xffff);
        tcp_recved(socket->tcp, part);
        rest -= part;
    }
    reply->length = done;
    return OK;
}

status_t tcp_socket_shutdown(struct socket *socket, uint64_t how) {
    if (!socket->connected) {
        return E_NOT_CONNECTED;
    }
    if ((how & NET_SHUTDOWN_READ) != 0 && !socket->read_closed) {
        socket->read_closed = true;
        for (uint32_t rest = socket->receive_bytes; socket->tcp != NULL && rest != 0;) {
            u16_t part = (u16_t)(rest < 0xffff ? rest : 0xffff);
            tcp_recved(socket->tcp, part);
            rest -= part;
        }
    }
    if ((how & NET_SHUTDOWN_WRITE) != 0 && !socket->write_closed) {
        socket->write_closed = true;
        return socket->tcp != NULL ? status_of(tcp_shutdown(socket->tcp, 0, 1)) : OK;
    }
    return OK;
}

uint64_t tcp_socket_ready(const struct socket *socket) {
    uint64_t ready = 0;
    if (socket->listening) {
        return list_empty(&socket->accept_queue) ? 0 : NET_POLL_READ;
    }
    bool ended = socket->error != OK || (socket->connected && socket->tcp == NULL);
    if (socket->receive_bytes != 0 || socket->end_of_stream || socket->read_closed || ended) {
        ready |= NET_POLL_READ;
    }
    if (ended ||
        (socket->connected &&
         (socket->write_closed || (!socket->starved && send_room(socket->tcp) >= WRITE_ROOM)))) {
        ready |= NET_POLL_WRITE;
    }
    if (ended || socket->end_of_stream) {
        ready |= NET_POLL_CLOSED;
    }
    if (socket->error != OK) {
        ready |= NET_POLL_ERROR;
    }
    return ready;
}
