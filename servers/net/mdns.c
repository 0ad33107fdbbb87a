/* SPDX-License-Identifier: MIT */
/*
 * Multicast DNS (RFC 6762) as far as a host needs it: questions for the addresses of axolotl.local
 * are answered, by multicast, or to the asker alone when it wants that. No probing, no services.
 */
#include <common/ip.h>
#include <common/string.h>

#include "socket.h"

#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <lwip/prot/dns.h>
#include <lwip/udp.h>

#define MDNS_PORT 5353u
#define MESSAGE_MAX 512u
#define QUESTIONS_MAX 16u
#define POINTERS_MAX 8
#define LABEL_MAX 63u
#define HEADER 12u
#define TTL_S 120u
#define TYPE_ANY 255u
#define CLASS_IN 1u
#define CLASS_ANY 255u
#define TOP_BIT 0x8000u /* of a class: answer alone, or in an answer: forget the old ones */
#define FLAGS_ANSWER 0x8400u

/* The name, as labels. */
static const uint8_t our_name[] = "\7axolotl\5local";

static const ip_addr_t group4 = IPADDR4_INIT_BYTES(224, 0, 0, 251);
static const ip_addr_t group6 = IPADDR6_INIT_HOST(0xff020000u, 0, 0, 0xfb);

struct message {
    uint8_t bytes[MESSAGE_MAX];
    uint32_t length;
};

static uint32_t get16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Reads the name at *at and moves behind it. False: malformed. */
static bool read_name(const struct message *message, uint32_t *at, bool *ours) {
    uint32_t place = *at, expected = 0;
    int pointers = 0;
    *ours = true;
    for (;;) {
        if (place >= message->length) {
            return false;
        }
        uint32_t size = message->bytes[place];
        if (size >= 0xc0) {
            if (place + 2 > message->length || ++pointers > POINTERS_MAX) {
                return false;
            }
            *at = pointers == 1 ? place + 2 : *at;
            place = get16(message->bytes + place) & 0x3fff;
            continue;
        }
        if (size > LABEL_MAX || place + 1 + size > message->length) {
            return false;
        }
        for (uint32_t i = 0; i <= size; i++) {
            *ours = *ours && expected < sizeof our_name &&
                    lower(message->bytes[place + i]) == our_name[expected];
            expected++;
        }
        place += 1 + size;
        if (size == 0) {
            *at = pointers == 0 ? place : *at;
            *ours = *ours && expected == sizeof our_name;
            return true;
        }
    }
}

/* What the questions of a message ask of us. */
struct wanted {
    bool v4, v6;
    bool alone; /* a question asks for an answer to the asker only */
};

static bool read_questions(const struct message *message, struct wanted *wanted) {
    uint32_t count = get16(message->bytes + 4), at = HEADER;
    if (message->length < HEADER || (get16(message->bytes + 2) & 0xf800) != 0 ||
        count > QUESTIONS_MAX) {
        return false;
    }
    for (; count > 0; count--) {
        bool ours;
        if (!read_name(message, &at, &ours) || at + 4 > message->length) {
            return false;
        }
        uint32_t type = get16(message->bytes + at), class = get16(message->bytes + at + 2);
        at += 4;
        uint32_t plain = class & ~TOP_BIT;
        if (ours && (plain == CLASS_IN || plain == CLASS_ANY)) {
            wanted->v4 = wanted->v4 || type == DNS_RRTYPE_A || type == TYPE_ANY;
            wanted->v6 = wanted->v6 || type == DNS_RRTYPE_AAAA || type == TYPE_ANY;
            wanted->alone = wanted->alone || (class & TOP_BIT) != 0;
        }
    }
    return wanted->v4 || wanted->v6;
}

static void put16(struct message *message, uint32_t value) {
    message->bytes[message->length++] = (uint8_t)(value >> 8);
    message->bytes[message->length++] = (uint8_t)value;
}

static void put_bytes(struct message *message, const void *bytes, uint32_t length) {
    memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

static void put_record(struct message *message, uint32_t type, const void *data, uint32_t length,
                       bool legacy) {
    put_bytes(message, our_name, sizeof our_name);
    put16(message, type);
    put16(message, CLASS_IN | (legacy ? 0 : TOP_BIT));
    put16(message, 0);
    put16(message, legacy ? 10 : TTL_S);
    put16(message, length);
    put_bytes(message, data, length);
    message->bytes[7]++; /* answers */
}

static void put_addresses(struct message *message, const struct netif *netif,
                          const struct wanted *wanted, bool legacy) {
    if (wanted->v4 && !ip4_addr_isany(netif_ip4_addr(netif))) {
        put_record(message, DNS_RRTYPE_A, netif_ip4_addr(netif), 4, legacy);
    }
    for (s8_t i = 0; wanted->v6 && i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i))) {
            put_record(message, DNS_RRTYPE_AAAA, netif_ip6_addr(netif, i)->addr, 16, legacy);
        }
    }
}

static void send(struct netif *netif, const struct message *message, const ip_addr_t *to,
                 u16_t port) {
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, (u16_t)message->length, PBUF_RAM);
    if (packet != NULL) {
        memcpy(packet->payload, message->bytes, message->length);
        (void)udp_sendto_if(net.mdns_pcb, packet, to, port, netif);
        pbuf_free(packet);
    }
}

/* An asker from another port than 5353 knows no mDNS: it gets its question back (6.7). */
static void answer(struct netif *netif, const struct message *question, const struct wanted *wanted,
                   const ip_addr_t *from, u16_t port) {
    bool legacy = port != MDNS_PORT;
    struct message message = {.length = HEADER};
    if (legacy) {
        if (get16(question->bytes + 4) != 1) {
            return;
        }
        memcpy(message.bytes, question->bytes, 2);
        message.bytes[5] = 1;
        put_bytes(&message, our_name, sizeof our_name);
        put16(&message, !wanted->v6 ? DNS_RRTYPE_A : !wanted->v4 ? DNS_RRTYPE_AAAA : TYPE_ANY);
        put16(&message, CLASS_IN);
    }
    message.bytes[2] = FLAGS_ANSWER >> 8;
    put_addresses(&message, netif, wanted, legacy);
    if (message.bytes[7] == 0) {
        return;
    }
    const ip_addr_t *group = IP_IS_V6(from) ? &group6 : &group4;
    send(netif, &message, legacy || wanted->alone ? from : group, port);
}

static void on_message(void *argument, struct udp_pcb *pcb, struct pbuf *packet,
                       const ip_addr_t *from, u16_t port) {
    struct message message;
    struct wanted wanted = {0};
    struct netif *netif = ip_current_input_netif();
    (void)argument;
    (void)pcb;
    message.length = pbuf_copy_partial(packet, message.bytes, MESSAGE_MAX, 0);
    if (message.length >= HEADER && netif_is_link_up(netif) && read_questions(&message, &wanted)) {
        answer(netif, &message, &wanted, from, port);
    }
    pbuf_free(packet);
}

void mdns_join(struct netif *netif) {
    ip_addr_t group = group6;
    ip6_addr_assign_zone(ip_2_ip6(&group), IP6_MULTICAST, netif);
    (void)igmp_joingroup_netif(netif, ip_2_ip4(&group4));
    (void)mld6_joingroup_netif(netif, ip_2_ip6(&group));
}

void mdns_init(void) {
    net.mdns_pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (net.mdns_pcb == NULL) {
        port_abort("no memory for names");
    }
    ip_set_option(net.mdns_pcb, SOF_REUSEADDR); /* programs may listen too */
    if (udp_bind(net.mdns_pcb, IP_ANY_TYPE, MDNS_PORT) != ERR_OK) {
        port_abort("the port of mDNS is taken");
    }
    net.mdns_pcb->ttl = 255;
    udp_set_multicast_ttl(net.mdns_pcb, 255);
    udp_recv(net.mdns_pcb, on_message, NULL);
}
