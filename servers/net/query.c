/* SPDX-License-Identifier: MIT */
/* Ping, names, and the lists and counters that programs may read. */
#include <common/parse.h>
#include <common/string.h>

#include <ipc/dispatch.h>

#include "socket.h"

#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/raw.h>
#include <lwip/stats.h>
#include <lwip/udp.h>

#define PING_SIZE_MAX 65000u
#define PING_TIMEOUT_MAX_MS 600000u
#define NS_PER_MS 1000000u
/* lwIP says only "no address". When it took this long, no server has answered. */
#define RESOLVE_UNANSWERED_MS 4000u

/* ---- Ping --------------------------------------------------------------------------------- */

static void ping_finish(struct ping *ping, status_t status, const struct net_ping_reply *reply) {
    port_answer(ping->token, status, reply, reply != NULL ? sizeof *reply : 0);
    list_remove(&ping->link);
    net.ping_count--;
    port_free(ping);
}

void query_tick(uint64_t now_ms) {
    struct list *link = net.pings.next;
    while (link != &net.pings) {
        struct ping *ping = LIST_ENTRY(link, struct ping, link);
        link = link->next;
        if (ping->due_ms <= now_ms) {
            ping_finish(ping, E_TIMEOUT, NULL);
        }
    }
}

uint64_t query_deadline(void) {
    uint64_t next = TIMERS_NEVER;
    for (const struct list *link = net.pings.next; link != &net.pings; link = link->next) {
        const struct ping *ping = LIST_ENTRY(link, const struct ping, link);
        next = ping->due_ms < next ? ping->due_ms : next;
    }
    return next;
}

static struct ping *ping_find(uint16_t id, uint16_t sequence) {
    for (struct list *link = net.pings.next; link != &net.pings; link = link->next) {
        struct ping *ping = LIST_ENTRY(link, struct ping, link);
        if (ping->id == id && ping->sequence == sequence) {
            return ping;
        }
    }
    return NULL;
}

static bool read_echo(const struct pbuf *packet, uint32_t offset, struct icmp_echo_hdr *echo) {
    return pbuf_copy_partial(packet, echo, sizeof *echo, (u16_t)offset) == sizeof *echo;
}

/* The echo header of the packet that an error message is about. */
static bool read_quoted_echo(const struct pbuf *packet, uint32_t offset,
                             struct icmp_echo_hdr *echo) {
    uint8_t first;
    offset += sizeof(struct icmp_echo_hdr);
    if (pbuf_copy_partial(packet, &first, 1, (u16_t)offset) != 1) {
        return false;
    }
    return read_echo(packet, offset + (first & 15u) * 4, echo) && echo->type == ICMP_ECHO;
}

/* Sees every ICMP packet before lwIP does, and leaves it to lwIP unless it is for a ping. */
static u8_t on_icmp(void *argument, struct raw_pcb *pcb, struct pbuf *packet,
                    const ip_addr_t *from) {
    const struct ip_hdr *header = packet->payload;
    uint32_t offset = IPH_HL_BYTES(header);
    struct icmp_echo_hdr echo;
    (void)argument;
    (void)pcb;
    if (!read_echo(packet, offset, &echo)) {
        return 0;
    }
    bool unreachable = echo.type == ICMP_DUR;
    if (unreachable ? !read_quoted_echo(packet, offset, &echo) : echo.type != ICMP_ER) {
        return 0;
    }
    struct ping *ping = ping_find(lwip_ntohs(echo.id), lwip_ntohs(echo.seqno));
    if (ping == NULL) {
        return 0;
    }
    struct net_ping_reply reply = {
        .rtt_ns = port_time_ns() - ping->sent_ns,
        .ip = lwip_ntohl(from->addr),
        .ttl = IPH_TTL(header),
        .size = packet->tot_len - offset - sizeof echo,
    };
    ping_finish(ping, unreachable ? E_HOST_UNREACHABLE : OK, unreachable ? NULL : &reply);
    pbuf_free(packet);
    return 1;
}

static struct pbuf *ping_packet(const struct ping *ping) {
    struct pbuf *packet =
        pbuf_alloc(PBUF_IP, (u16_t)(sizeof(struct icmp_echo_hdr) + ping->size), PBUF_RAM);
    if (packet == NULL) {
        return NULL;
    }
    struct icmp_echo_hdr *echo = packet->payload;
    *echo = (struct icmp_echo_hdr){
        .type = ICMP_ECHO, .id = lwip_htons(ping->id), .seqno = lwip_htons(ping->sequence)};
    uint8_t *data = (uint8_t *)(echo + 1);
    for (uint64_t i = 0; i < ping->size; i++) {
        data[i] = (uint8_t)i;
    }
    echo->chksum = inet_chksum(echo, packet->len);
    return packet;
}

static status_t ping_send(const struct ping *ping) {
    struct pbuf *packet = ping_packet(ping);
    if (packet == NULL) {
        return E_QUOTA;
    }
    ip_addr_t to = {.addr = lwip_htonl(ping->ip)};
    status_t status = status_of(raw_sendto(net.ping_pcb, packet, &to));
    pbuf_free(packet);
    return status;
}

status_t query_ping(token_t token, const struct net_ping_request *request) {
    uint64_t timeout_ms = request->timeout_ns / NS_PER_MS;
    timeout_ms = timeout_ms < PING_TIMEOUT_MAX_MS ? timeout_ms + 1 : PING_TIMEOUT_MAX_MS;
    if (request->ip == 0) {
        return E_ADDRESS;
    }
    if (request->size > PING_SIZE_MAX) {
        return E_MESSAGE_SIZE;
    }
    if (net.ping_count >= NET_PINGS) {
        return E_BUSY;
    }
    if (defer_wanted(request->ip)) {
        return defer_ping(token, request);
    }
    struct ping *ping = port_allocate_zeroed(1, sizeof *ping);
    if (ping == NULL) {
        return E_QUOTA;
    }
    *ping = (struct ping){.token = token,
                          .sent_ns = port_time_ns(),
                          .due_ms = timers_now_ms() + timeout_ms,
                          .ip = request->ip,
                          .id = ++net.ping_id,
                          .sequence = (uint16_t)request->sequence,
                          .size = request->size};
    status_t status = ping_send(ping);
    if (status != OK) {
        port_free(ping);
        return status;
    }
    list_push_back(&net.pings, &ping->link);
    net.ping_count++;
    return DISPATCH_PARKED;
}

/* ---- Names -------------------------------------------------------------------------------- */

static void on_resolved(const char *name, const ip_addr_t *address, void *argument) {
    struct resolve *resolve = argument;
    (void)name;
    if (resolve->token != TOKEN_NONE) {
        bool unanswered = timers_now_ms() - resolve->start_ms >= RESOLVE_UNANSWERED_MS;
        struct net_address reply = {0};
        status_t status = unanswered ? E_TIMEOUT : E_NOT_FOUND;
        if (address != NULL) {
            reply.ip = lwip_ntohl(address->addr);
            status = OK;
        }
        port_answer(resolve->token, status, &reply, sizeof reply);
    }
    list_remove(&resolve->link);
    net.resolve_count--;
    port_free(resolve);
}

/* Letters, digits, hyphens, underscores in labels of 1 to 63; not only digits and dots. */
static bool name_valid(const char *name) {
    uint32_t label = 0;
    bool letters = false;
    for (; *name != '\0'; name++) {
        char c = *name;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        if (c == '.' ? label == 0 : (!letter && (c < '0' || c > '9')) || label == 63) {
            return false;
        }
        label = c == '.' ? 0 : label + 1;
        letters = letters || letter;
    }
    return letters;
}

static status_t resolve_ask(struct resolve *resolve, const char *name, ip_addr_t *address) {
    switch (dns_gethostbyname(name, address, on_resolved, resolve)) {
    case ERR_OK:
        return OK;
    case ERR_INPROGRESS:
        return DISPATCH_PARKED;
    case ERR_VAL:
        return E_UNAVAILABLE; /* no name server is known */
    case ERR_MEM:
        return E_BUSY;
    default:
        return E_INVALID;
    }
}

status_t query_resolve(token_t token, const struct net_resolve_request *request,
                       struct net_address *address) {
    const char *name = request->name;
    if (parse_ipv4(name, strlen(name), &address->ip)) {
        return OK;
    }
    if (!name_valid(name)) {
        return E_INVALID;
    }
    if (net.resolve_count >= NET_RESOLVES) {
        return E_BUSY;
    }
    if (strcmp(name, "localhost") != 0 && defer_wanted(UINT32_MAX)) {
        return defer_resolve(token, request);
    }
    struct resolve *resolve = port_allocate_zeroed(1, sizeof *resolve);
    if (resolve == NULL) {
        return E_QUOTA;
    }
    resolve->token = token;
    resolve->start_ms = timers_now_ms();
    list_push_back(&net.resolves, &resolve->link);
    net.resolve_count++;
    ip_addr_t found = {0};
    status_t status = resolve_ask(resolve, name, &found);
    if (status != DISPATCH_PARKED) {
        address->ip = lwip_ntohl(found.addr);
        list_remove(&resolve->link);
        net.resolve_count--;
        port_free(resolve);
    }
    return status;
}

bool query_cancel(token_t token) {
    for (struct list *link = net.pings.next; link != &net.pings; link = link->next) {
        struct ping *ping = LIST_ENTRY(link, struct ping, link);
        if (ping->token == token) {
            ping_finish(ping, E_CANCELLED, NULL);
            return true;
        }
    }
    for (struct list *link = net.resolves.next; link != &net.resolves; link = link->next) {
        struct resolve *resolve = LIST_ENTRY(link, struct resolve, link);
        if (resolve->token == token) {
            port_answer(token, E_CANCELLED, NULL, 0);
            resolve->token = TOKEN_NONE;
            return true;
        }
    }
    return false;
}

void query_init(void) {
    list_init(&net.pings);
    list_init(&net.resolves);
    net.ping_id = (uint16_t)port_random();
    net.ping_pcb = raw_new(IP_PROTO_ICMP);
    if (net.ping_pcb == NULL) {
        port_abort("no memory for ping");
    }
    raw_recv(net.ping_pcb, on_icmp, NULL);
}

/* ---- Lists -------------------------------------------------------------------------------- */

status_t query_arp(uint64_t index, struct net_arp_entry *entry) {
    for (size_t i = 0; i < ARP_TABLE_SIZE; i++) {
        ip4_addr_t *ip;
        struct netif *netif;
        struct eth_addr *mac;
        if (etharp_get_entry(i, &ip, &netif, &mac) && index-- == 0) {
            entry->ip = lwip_ntohl(ip->addr);
            entry->state = 1;
            memcpy(entry->mac, mac, ETH_HWADDR_LEN);
            return OK;
        }
    }
    return E_NOT_FOUND;
}

/* The socket behind a pcb, for the length of its queues; NULL for the stack's own. */
static void fill_tcp(const struct tcp_pcb *pcb, struct net_connection *connection) {
    connection->kind = NET_TCP;
    connection->state = (uint32_t)pcb->state;
    connection->local_ip = lwip_ntohl(pcb->local_ip.addr);
    connection->local_port = pcb->local_port;
    if (pcb->state == LISTEN) {
        return;
    }
    connection->remote_ip = lwip_ntohl(pcb->remote_ip.addr);
    connection->remote_port = pcb->remote_port;
    const struct socket *socket = pcb->state != TIME_WAIT ? pcb->callback_arg : NULL;
    if (socket != NULL) {
        connection->receive_queue = socket->receive_bytes;
        connection->send_queue = socket->transmit_bytes;
    }
}

static bool find_tcp(const struct tcp_pcb *pcb, uint64_t *index,
                     struct net_connection *connection) {
    for (; pcb != NULL; pcb = pcb->next) {
        if ((*index)-- == 0) {
            fill_tcp(pcb, connection);
            return true;
        }
    }
    return false;
}

status_t query_connection(uint64_t index, struct net_connection *connection) {
    if (find_tcp(tcp_listen_pcbs.pcbs, &index, connection) ||
        find_tcp(tcp_active_pcbs, &index, connection) ||
        find_tcp(tcp_tw_pcbs, &index, connection)) {
        return OK;
    }
    for (const struct udp_pcb *pcb = udp_pcbs; pcb != NULL; pcb = pcb->next) {
        if (index-- == 0) {
            connection->kind = NET_UDP;
            connection->local_ip = lwip_ntohl(pcb->local_ip.addr);
            connection->local_port = pcb->local_port;
            connection->remote_ip = lwip_ntohl(pcb->remote_ip.addr);
            connection->remote_port = pcb->remote_port;
            return OK;
        }
    }
    return E_NOT_FOUND;
}

static void count_frames(struct net_counters *counters) {
    for (int i = 0; i < NET_INTERFACES; i++) {
        const struct interface *interface = &net.interfaces[i];
        counters->link_rx += interface->receive_packets;
        counters->link_tx += interface->transmit_packets;
        counters->link_drop += interface->receive_dropped + interface->transmit_dropped;
    }
}

void query_counters(struct net_counters *counters) {
    const struct stats_ *stats = &lwip_stats;
    count_frames(counters);
    counters->arp_rx = stats->etharp.recv;
    counters->arp_tx = stats->etharp.xmit;
    counters->ip_rx = stats->ip.recv;
    counters->ip_tx = stats->ip.xmit;
    counters->ip_drop = stats->ip.drop + stats->ip_frag.drop;
    counters->ip_checksum = stats->ip.chkerr;
    counters->icmp_rx = stats->icmp.recv;
    counters->icmp_tx = stats->icmp.xmit;
    counters->udp_rx = stats->udp.recv;
    counters->udp_tx = stats->udp.xmit;
    counters->udp_drop = stats->udp.drop;
    counters->tcp_rx = stats->tcp.recv;
    counters->tcp_tx = stats->tcp.xmit;
    counters->tcp_drop = stats->tcp.drop;
    counters->tcp_checksum = stats->tcp.chkerr;
    counters->tcp_retransmit = stats->mib2.tcpretranssegs;
    counters->sockets = net.socket_count;
    counters->sockets_max = NET_SOCKETS;
    port_memory(&counters->memory_used, &counters->memory_max);
}
