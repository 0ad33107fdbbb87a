/* SPDX-License-Identifier: MIT
 * Decoding of Ethernet, ARP, IPv4, IPv6, ICMP, UDP and TCP, as far as one line tells.
 */
#include "frame.h"

#include <common/format.h>
#include <common/ip.h>
#include <common/string.h>

#define TYPE_IP4 0x0800u
#define TYPE_ARP 0x0806u
#define TYPE_IP6 0x86ddu
#define PROTOCOL_ICMP 1u
#define PROTOCOL_IGMP 2u
#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u
#define PROTOCOL_FRAGMENT 44u
#define PROTOCOL_ICMP6 58u

/* What is left of a frame, and the line so far. */
struct view {
    const uint8_t *at;
    size_t left;
    char *text;
    size_t used;
};

static uint32_t get16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at) {
    return get16(at) << 16 | get16(at + 2);
}

static void say(struct view *view, const char *text, ...) __attribute__((format(printf, 2, 3)));
static void say(struct view *view, const char *text, ...) {
    va_list arguments;
    char part[FRAME_TEXT];
    va_start(arguments, text);
    (void)format_v(part, sizeof part, text, arguments);
    va_end(arguments);
    format_append(view->text, FRAME_TEXT, &view->used, "%s", part);
}

/* Moves on; false (and "cut") when not so much is left. */
static bool skip(struct view *view, size_t length) {
    if (view->left < length) {
        say(view, " cut");
        return false;
    }
    view->at += length;
    view->left -= length;
    return true;
}

static void say_ends(struct view *view, const char *from, const char *to, uint32_t protocol) {
    bool ports = (protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP) && view->left >= 4;
    if (ports) {
        say(view, " %s.%u > %s.%u", from, get16(view->at), to, get16(view->at + 2));
    } else {
        say(view, " %s > %s", from, to);
    }
}

static void say_tcp(struct view *view, size_t payload) {
    static const char letters[] = "FSRPAUEC";
    const uint8_t *tcp = view->at;
    char flags[9];
    size_t count = 0;
    if (view->left < 20) {
        say(view, " tcp cut");
        return;
    }
    for (uint32_t i = 0; i < 8; i++) {
        if ((tcp[13] >> i & 1) != 0) {
            flags[count++] = letters[i];
        }
    }
    flags[count] = '\0';
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    say(view, " tcp %s seq %u ack %u win %u len %lu", flags, get32(tcp + 4), get32(tcp + 8),
        get16(tcp + 14), (unsigned long)(payload > header ? payload - header : 0));
}

static void say_icmp(struct view *view, bool v6) {
    static const struct {
        uint8_t type, type6;
        const char *text;
    } names[] = {{8, 128, "echo request"},
                 {0, 129, "echo reply"},
                 {3, 1, "unreachable"},
                 {11, 3, "time exceeded"},
                 {255, 2, "packet too big"},
                 {255, 133, "router solicitation"},
                 {255, 134, "router advertisement"},
                 {255, 135, "neighbour solicitation"},
                 {255, 136, "neighbour advertisement"}};
    if (view->left < 8) {
        say(view, " icmp cut");
        return;
    }
    uint8_t type = view->at[0];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (type == (v6 ? names[i].type6 : names[i].type)) {
            say(view, " icmp%s %s", v6 ? "6" : "", names[i].text);
            if (i < 2) {
                say(view, " id %u seq %u", get16(view->at + 4), get16(view->at + 6));
            }
            return;
        }
    }
    say(view, " icmp%s type %u", v6 ? "6" : "", type);
}

static void say_payload(struct view *view, uint32_t protocol, size_t payload) {
    switch (protocol) {
    case PROTOCOL_TCP:
        say_tcp(view, payload);
        break;
    case PROTOCOL_UDP:
        say(view, " udp len %lu", (unsigned long)(payload > 8 ? payload - 8 : 0));
        break;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMP6:
        say_icmp(view, protocol == PROTOCOL_ICMP6);
        break;
    case PROTOCOL_IGMP:
        say(view, " igmp");
        break;
    case PROTOCOL_FRAGMENT:
        say(view, " fragment");
        break;
    default:
        say(view, " protocol %u", protocol);
    }
}

static void say_ip4(struct view *view) {
    const uint8_t *ip = view->at;
    uint8_t address[IP_BYTES];
    char from[IP_TEXT], to[IP_TEXT];
    size_t header = view->left > 0 ? (size_t)(ip[0] & 15) * 4 : 0;
    if (header < 20 || !skip(view, header)) {
        say(view, " ip cut");
        return;
    }
    ip_from_v4(address, get32(ip + 12));
    (void)ip_format(from, address);
    ip_from_v4(address, get32(ip + 16));
    (void)ip_format(to, address);
    size_t total = get16(ip + 2);
    uint32_t fragment = get16(ip + 6);
    if ((fragment & 0x1fff) != 0) {
        say(view, " %s > %s protocol %u fragment at %u", from, to, ip[9], (fragment & 0x1fff) * 8);
        return;
    }
    say_ends(view, from, to, ip[9]);
    say_payload(view, ip[9], total > header ? total - header : 0);
}

static void say_ip6(struct view *view) {
    const uint8_t *ip = view->at;
    char from[IP_TEXT], to[IP_TEXT];
    if (!skip(view, 40)) {
        return;
    }
    size_t payload = get16(ip + 4);
    uint32_t protocol = ip[6];
    if (protocol == 0 && view->left >= 8) { /* options for every hop */
        size_t length = ((size_t)view->at[1] + 1) * 8;
        protocol = view->at[0];
        payload = payload > length ? payload - length : 0;
        if (!skip(view, length)) {
            return;
        }
    }
    say_ends(view, ip_format(from, ip + 8), ip_format(to, ip + 24), protocol);
    say_payload(view, protocol, payload);
}

static void say_arp(struct view *view) {
    const uint8_t *arp = view->at;
    uint8_t address[IP_BYTES];
    char sender[IP_TEXT], target[IP_TEXT];
    if (!skip(view, 28)) {
        return;
    }
    ip_from_v4(address, get32(arp + 14));
    (void)ip_format(sender, address);
    ip_from_v4(address, get32(arp + 24));
    (void)ip_format(target, address);
    if (get16(arp + 6) == 1) {
        say(view, " arp who has %s tell %s", target, sender);
    } else {
        say(view, " arp %s is at %02x:%02x:%02x:%02x:%02x:%02x", sender, arp[8], arp[9], arp[10],
            arp[11], arp[12], arp[13]);
    }
}

char *frame_describe(char to[FRAME_TEXT], const uint8_t *bytes, size_t kept, size_t length) {
    struct view view = {.at = bytes, .left = kept, .text = to};
    to[0] = '\0';
    say(&view, "%lu bytes", (unsigned long)length);
    if (!skip(&view, 14)) {
        return to;
    }
    switch (get16(bytes + 12)) {
    case TYPE_IP4:
        say_ip4(&view);
        break;
    case TYPE_IP6:
        say_ip6(&view);
        break;
    case TYPE_ARP:
        say_arp(&view);
        break;
    default:
        say(&view, " type %04x", get16(bytes + 12));
    }
    return to;
}
