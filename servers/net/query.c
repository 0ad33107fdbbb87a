/* SPDX-License-Identifier: MIT */
/* Ping and names. */
#include <common/ip.h>
#include <common/string.h>

#include <ipc/dispatch.h>

#include "socket.h"

#include <lwip/dns.h>
#include <lwip/icmp.h>
#include <lwip/icmp6.h>
#include <lwip/inet_chksum.h>
#include <lwip/prot/icmp6.h>
#include <lwip/prot/ip6.h>
#include <lwip/raw.h>

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
static bool read_quoted_echo(const struct pbuf *packet, uint32_t offset, bool v6,
                             struct icmp_echo_hdr *echo) {
    uint8_t first;
    offset += sizeof(struct icmp_echo_hdr);
    if (pbuf_copy_partial(packet, &first, 1, (u16_t)offset) != 1) {
        return false;
    }
    offset += v6 ? IP6_HLEN : (first & 15u) * 4;
    return read_echo(packet, offset, echo) && echo->type == (v6 ? ICMP6_TYPE_EREQ : ICMP_ECHO);
}

/* Whether an ICMP message answers a ping, or says that its packet got nowhere. */
static bool is_answer(const struct pbuf *packet, uint32_t offset, bool v6,
                      struct icmp_echo_hdr *echo, bool *unreachable) {
    if (!read_echo(packet, offset, echo)) {
        return false;
    }
    *unreachable = v6 ? echo->type == ICMP6_TYPE_DUR || echo->type == ICMP6_TYPE_TE
                      : echo->type == ICMP_DUR || echo->type == ICMP_TE;
    return *unreachable ? read_quoted_echo(packet, offset, v6, echo)
                        : echo->type == (v6 ? ICMP6_TYPE_EREP : ICMP_ER);
}

static bool is_too_big(const struct icmp_echo_hdr *message, bool v6) {
    return v6 ? message->type == ICMP6_TYPE_PTB
              : message->type == ICMP_DUR && message->code == ICMP_DUR_FRAG;
}

/* Sees every ICMP packet before lwIP does, and leaves it to lwIP unless it is for a ping, or a lie.
 */
static u8_t on_icmp(void *argument, struct raw_pcb *pcb, struct pbuf *packet,
                    const ip_addr_t *from) {
    bool v6 = argument != NULL, unreachable;
    const struct ip_hdr *header = packet->payload;
    const struct ip6_hdr *header6 = packet->payload;
    uint32_t offset = v6 ? IP6_HLEN : IPH_HL_BYTES(header);
    struct icmp_echo_hdr echo;
    (void)pcb;
    if (read_echo(packet, offset, &echo) && is_too_big(&echo, v6) &&
        !path_too_big(packet, offset, v6)) {
        pbuf_free(packet);
        return 1;
    }
    if (!is_answer(packet, offset, v6, &echo, &unreachable)) {
        return 0;
    }
    struct ping *ping = ping_find(lwip_ntohs(echo.id), lwip_ntohs(echo.seqno));
    if (ping == NULL || (IP_IS_V6_VAL(ping->ip) != 0) != v6) {
        return 0;
    }
    struct net_ping_reply reply = {
        .rtt_ns = port_time_ns() - ping->sent_ns,
        .hop_limit = v6 ? IP6H_HOPLIM(header6) : IPH_TTL(header),
        .size = packet->tot_len - offset - sizeof echo,
    };
    ip_from_lwip(from, &reply.ip);
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
    bool v6 = IP_IS_V6_VAL(ping->ip);
    struct icmp_echo_hdr *echo = packet->payload;
    *echo = (struct icmp_echo_hdr){.type = v6 ? ICMP6_TYPE_EREQ : ICMP_ECHO,
                                   .id = lwip_htons(ping->id),
                                   .seqno = lwip_htons(ping->sequence)};
    uint8_t *data = (uint8_t *)(echo + 1);
    for (uint64_t i = 0; i < ping->size; i++) {
        data[i] = (uint8_t)i;
    }
    echo->chksum = v6 ? 0 : inet_chksum(echo, packet->len); /* v6: the pcb does it */
    return packet;
}

static status_t ping_send(const struct ping *ping) {
    struct pbuf *packet = ping_packet(ping);
    if (packet == NULL) {
        return E_QUOTA;
    }
    struct raw_pcb *pcb = IP_IS_V6_VAL(ping->ip) ? net.ping6_pcb : net.ping_pcb;
    status_t status = status_of_packet(raw_sendto(pcb, packet, &ping->ip));
    pbuf_free(packet);
    return status;
}

/* What forbids a ping; OK: nothing. */
static status_t ping_valid(struct policy *policy, const struct net_ping_request *request) {
    struct net_address address = {.ip = request->ip};
    if (ip_is_any(request->ip.bytes) ||
        (request->interface != 0 && netif_get_by_index((u8_t)request->interface) == NULL)) {
        return E_ADDRESS;
    }
    if (request->size > PING_SIZE_MAX) {
        return E_MESSAGE_SIZE;
    }
    if (net.ping_count >= NET_PINGS) {
        return E_BUSY;
    }
    return policy_check(policy, NET_ACTION_CONNECT, NET_ICMP, &address);
}

status_t query_ping(struct policy *policy, token_t token, const struct net_ping_request *request) {
    uint64_t timeout_ms = request->timeout_ns / NS_PER_MS;
    timeout_ms = timeout_ms < PING_TIMEOUT_MAX_MS ? timeout_ms + 1 : PING_TIMEOUT_MAX_MS;
    status_t status = ping_valid(policy, request);
    if (status != OK) {
        return status;
    }
    if (defer_wanted(&request->ip)) {
        return defer_ping(policy, token, request);
    }
    struct ping *ping = port_allocate_zeroed(1, sizeof *ping);
    if (ping == NULL) {
        return E_QUOTA;
    }
    *ping = (struct ping){.token = token,
                          .sent_ns = port_time_ns(),
                          .due_ms = timers_now_ms() + timeout_ms,
                          .id = ++net.ping_id,
                          .sequence = (uint16_t)request->sequence,
                          .size = request->size};
    ip_to_lwip(&request->ip, request->interface, &ping->ip);
    status = ping_send(ping);
    if (status != OK) {
        port_free(ping);
        return status;
    }
    list_push_back(&net.pings, &ping->link);
    net.ping_count++;
    return DISPATCH_PARKED;
}

/* ---- Names -------------------------------------------------------------------------------- */

static status_t dns_status(err_t error) {
    switch (error) {
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

static void on_resolved(const char *name, const ip_addr_t *address, void *argument) {
    struct resolve *resolve = argument;
    ip_addr_t second;
    if (address == NULL && resolve->family == 0 && resolve->token != TOKEN_NONE) {
        resolve->family = 6; /* a name without IPv4 addresses */
        status_t status = dns_status(dns_gethostbyname_addrtype(name, &second, on_resolved, resolve,
                                                                LWIP_DNS_ADDRTYPE_IPV6));
        if (status == DISPATCH_PARKED) {
            return;
        }
        address = status == OK ? &second : NULL;
    }
    if (resolve->token != TOKEN_NONE) {
        bool unanswered = timers_now_ms() - resolve->start_ms >= RESOLVE_UNANSWERED_MS;
        struct net_resolve_reply reply = {0};
        status_t status = unanswered ? E_TIMEOUT : E_NOT_FOUND;
        if (address != NULL) {
            reply.count = 1;
            ip_from_lwip(address, &reply.ips[0]);
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
    u8_t type = resolve->family == 6 ? LWIP_DNS_ADDRTYPE_IPV6 : LWIP_DNS_ADDRTYPE_IPV4;
    return dns_status(dns_gethostbyname_addrtype(name, address, on_resolved, resolve, type));
}

bool query_resolves_here(const char *name) {
    struct net_ip ip;
    return ip_parse(name, strlen(name), ip.bytes) || strcmp(name, "localhost") == 0;
}

/* Numbers are names of themselves, if they are of the family. */
static bool resolve_number(const struct net_resolve_request *request, struct net_ip *ip) {
    return ip_parse(request->name, strlen(request->name), ip->bytes) &&
           (request->family == 0 || (request->family == 4) == ip_is_v4(ip->bytes));
}

static status_t resolve_begin(token_t token, const struct net_resolve_request *request,
                              struct net_resolve_reply *answer) {
    struct resolve *resolve = port_allocate_zeroed(1, sizeof *resolve);
    if (resolve == NULL) {
        return E_QUOTA;
    }
    resolve->token = token;
    resolve->family = (uint32_t)request->family;
    resolve->request = *request;
    resolve->start_ms = timers_now_ms();
    list_push_back(&net.resolves, &resolve->link);
    net.resolve_count++;
    ip_addr_t found = {0};
    status_t status = resolve_ask(resolve, request->name, &found);
    if (status != DISPATCH_PARKED) {
        answer->count = status == OK;
        ip_from_lwip(&found, &answer->ips[0]);
        list_remove(&resolve->link);
        net.resolve_count--;
        port_free(resolve);
    }
    return status;
}

status_t query_resolve(token_t token, const struct net_resolve_request *request,
                       struct net_resolve_reply *answer) {
    const char *name = request->name;
    if (request->family != 0 && request->family != 4 && request->family != 6) {
        return E_INVALID;
    }
    if (resolve_number(request, &answer->ips[0])) {
        answer->count = 1;
        return OK;
    }
    if (!name_valid(name)) {
        return E_INVALID;
    }
    if (net.resolve_count >= NET_RESOLVES) {
        return E_BUSY;
    }
    struct net_ip elsewhere;
    ip_from_v4(elsewhere.bytes, UINT32_MAX);
    if (!query_resolves_here(name) && defer_wanted(&elsewhere)) {
        return defer_resolve(token, request);
    }
    return resolve_begin(token, request, answer);
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
    net.ping6_pcb = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);
    if (net.ping_pcb == NULL || net.ping6_pcb == NULL) {
        port_abort("no memory for ping");
    }
    net.ping6_pcb->chksum_reqd = 1;
    net.ping6_pcb->chksum_offset = 2;
    raw_recv(net.ping_pcb, on_icmp, NULL);
    raw_recv(net.ping6_pcb, on_icmp, net.ping6_pcb);
}
