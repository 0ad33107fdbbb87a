/* SPDX-License-Identifier: MIT */
/* Frames of the peer, and what those that were sent say. */
#include <string.h>

#include "wire.h"

const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};
const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};

uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t get32(const uint8_t *at) {
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

/* A plain sum, not the one under test. */
static uint32_t sum(const uint8_t *at, size_t length) {
    uint32_t total = 0;
    for (size_t i = 0; i < length; i++) {
        total += i % 2 == 0 ? (uint32_t)at[i] << 8 : at[i];
    }
    return total;
}

static uint16_t fold(uint32_t total) {
    while (total >> 16 != 0) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)~total;
}

static uint32_t pseudo_sum(const struct frame *frame) {
    const uint8_t *ip = frame->bytes + IP_AT;
    return sum(ip + 12, 8) + ip[9] + (uint32_t)(get16(ip + 2) - 20);
}

static void ethernet(struct frame *frame, uint32_t type) {
    memset(frame->bytes, 0, 60);
    memcpy(frame->bytes, our_mac, 6);
    memcpy(frame->bytes + 6, peer_mac, 6);
    put16(frame->bytes + 12, type);
}

void frame_arp(struct frame *frame, uint32_t operation, uint32_t sender, uint32_t target) {
    uint8_t *arp = frame->bytes + IP_AT;
    ethernet(frame, 0x0806);
    put16(arp, 1);
    put16(arp + 2, 0x0800);
    arp[4] = 6;
    arp[5] = 4;
    put16(arp + 6, operation);
    memcpy(arp + 8, peer_mac, 6);
    put32(arp + 14, sender);
    memcpy(arp + 18, our_mac, 6);
    put32(arp + 24, target);
    frame->length = 60;
}

void frame_ip(struct frame *frame, uint32_t protocol, uint32_t from, uint32_t to,
              const void *payload, size_t length) {
    uint8_t *ip = frame->bytes + IP_AT;
    ethernet(frame, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(20 + length));
    ip[8] = 63;
    ip[9] = (uint8_t)protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put16(ip + 10, fold(sum(ip, 20)));
    memmove(ip + 20, payload, length);
    frame->length = 34 + length < 60 ? 60 : 34 + length;
}

void frame_udp(struct frame *frame, uint32_t from, uint32_t from_port, uint32_t to,
               uint32_t to_port, const void *payload, size_t length) {
    uint8_t udp[FRAME_MAX] = {0};
    put16(udp, from_port);
    put16(udp + 2, to_port);
    put16(udp + 4, (uint32_t)(8 + length));
    memcpy(udp + 8, payload, length);
    frame_ip(frame, 17, from, to, udp, 8 + length);
    put16(frame->bytes + DATA_AT + 6,
          fold(pseudo_sum(frame) + sum(frame->bytes + DATA_AT, 8 + length)));
}

void frame_icmp(struct frame *frame, uint32_t from, uint32_t type, uint32_t id, uint32_t sequence,
                const void *payload, size_t length) {
    uint8_t icmp[FRAME_MAX] = {0};
    icmp[0] = (uint8_t)type;
    put16(icmp + 4, id);
    put16(icmp + 6, sequence);
    memcpy(icmp + 8, payload, length);
    put16(icmp + 2, fold(sum(icmp, 8 + length)));
    frame_ip(frame, 1, from, OUR_IP, icmp, 8 + length);
}

#define IP6_HEADER 40
void frame_icmp6(struct frame *frame, const uint8_t *message, size_t length) {
    static const uint8_t router[16] = {0xfe, 0x80, [15] = 2}, all_nodes[16] = {0xff, 2, [15] = 1};
    uint8_t *ip = frame->bytes + IP_AT;
    ethernet(frame, 0x86dd);
    memset(ip, 0, IP6_HEADER);
    ip[0] = 0x60;
    put16(ip + 4, (uint32_t)length);
    ip[6] = 58;
    ip[7] = 255;
    memcpy(ip + 8, router, sizeof router);
    memcpy(ip + 24, all_nodes, sizeof all_nodes);
    memcpy(ip + IP6_HEADER, message, length);
    put16(ip + IP6_HEADER + 2, 0);
    uint32_t total = sum(ip + 8, 32) + 58 + (uint32_t)length + sum(ip + IP6_HEADER, length);
    put16(ip + IP6_HEADER + 2, fold(total));
    frame->length = IP_AT + IP6_HEADER + length;
}

void frame_router(struct frame *frame) {
    uint8_t message[56] = {134, [4] = 64, [6] = 7, [7] = 8}; /* lifetime 1800 s */
    uint8_t *option = message + 16;
    option[0] = 1; /* source link-layer address */
    option[1] = 1;
    memcpy(option + 2, peer_mac, sizeof peer_mac);
    option += 8;
    option[0] = 3; /* prefix information */
    option[1] = 4;
    option[2] = 64;
    option[3] = 0xc0; /* on the link, for addresses */
    put32(option + 4, 7200);
    put32(option + 8, 3600);
    put32(option + 16, 0x20010db8);
    frame_icmp6(frame, message, sizeof message);
}

void frame_tcp(struct frame *frame, const struct segment *segment) {
    uint8_t tcp[FRAME_MAX] = {0};
    put16(tcp, segment->from_port);
    put16(tcp + 2, segment->to_port);
    put32(tcp + 4, segment->sequence);
    put32(tcp + 8, segment->acknowledgement);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)segment->flags;
    put16(tcp + 14, segment->window);
    if (segment->length != 0) {
        memcpy(tcp + 20, segment->data, segment->length);
    }
    frame_ip(frame, 6, PEER_IP, OUR_IP, tcp, 20 + segment->length);
    put16(frame->bytes + DATA_AT + 16,
          fold(pseudo_sum(frame) + sum(frame->bytes + DATA_AT, 20 + segment->length)));
}

bool ip_checksums_valid(const struct frame *frame) {
    const uint8_t *ip = frame->bytes + IP_AT;
    uint32_t length = (uint32_t)get16(ip + 2) - 20;
    if (fold(sum(ip, 20)) != 0 || IP_AT + 20 + length > frame->length) {
        return false;
    }
    uint32_t total = sum(frame->bytes + DATA_AT, length);
    return fold(ip[9] == 1 ? total : total + pseudo_sum(frame)) == 0;
}

bool wire_get_protocol(struct frame *frame, uint32_t protocol) {
    while (wire_get(frame)) {
        bool arp = get16(frame->bytes + 12) == 0x0806;
        if (protocol == 0 ? arp : !arp && frame->bytes[IP_AT + 9] == protocol) {
            return true;
        }
    }
    return false;
}

bool wire_get_tcp(struct frame *frame, struct segment *segment) {
    if (!wire_get_protocol(frame, 6) || !ip_checksums_valid(frame)) {
        return false;
    }
    const uint8_t *tcp = frame->bytes + DATA_AT;
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    *segment = (struct segment){
        .from_port = get16(tcp),
        .to_port = get16(tcp + 2),
        .sequence = get32(tcp + 4),
        .acknowledgement = get32(tcp + 8),
        .flags = tcp[13] & 0x1fu,
        .window = get16(tcp + 14),
        .data = tcp + header,
        .length = (size_t)get16(frame->bytes + IP_AT + 2) - 20 - header,
    };
    return true;
}
