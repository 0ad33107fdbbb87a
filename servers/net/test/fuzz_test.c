/* SPDX-License-Identifier: MIT */
/*
 * Frames of every kind of IPv6, and of what rides on UDP, damaged anywhere and given sound
 * checksums again, so that they get past the first look. The sanitizers watch. NET_FRAMES in the
 * environment says how many; the long campaign asks for millions.
 */
#include "check.h"

#include <lwip/priv/nd6_priv.h>
#include <lwip/stats.h>

#include "sockets.h"

#define FRAMES_DEFAULT 200000u
#define IP6 40u
#define ROOM 1400u

static uint8_t message[ROOM];

static uint32_t some(uint32_t limit) {
    return (uint32_t)check_random_below(limit);
}

static void put_random(uint8_t *to, size_t length) {
    for (size_t i = 0; i < length; i++) {
        to[i] = (uint8_t)check_random();
    }
}

/* ---- Bodies ------------------------------------------------------------------------------- */

/* Options of neighbour discovery: kinds that are known more often than others. */
static size_t put_options(uint8_t *to, size_t room) {
    static const uint8_t kinds[] = {1, 2, 3, 4, 5, 25, 31};
    size_t at = 0;
    while (room - at >= 40 && some(4) != 0) {
        uint8_t units = (uint8_t)(some(8) == 0 ? some(256) : 1 + some(4));
        put_random(to + at, 8u * (units < 5 ? units : 1));
        to[at] = some(8) == 0 ? (uint8_t)check_random() : kinds[some(sizeof kinds)];
        to[at + 1] = units;
        if (to[at] == 3) {
            to[at + 2] = 64;
            to[at + 3] = 0xc0;
        }
        at += 8u * (units != 0 && units < 5 ? units : 1);
    }
    return at;
}

static size_t make_icmp6(void) {
    static const uint8_t types[] = {1, 2, 3, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137};
    static const uint8_t fixed[] = {8, 8, 8, 8, 8, 24, 24, 24, 8, 16, 24, 24, 40};
    uint32_t which = some(sizeof types);
    size_t length = fixed[which];
    put_random(message, length);
    message[0] = types[which];
    message[1] = 0;
    if (which >= 10) { /* solicitation, advertisement, redirect: of us or of the router */
        static const uint8_t ours[16] = {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1};
        memcpy(message + 8, ours, sizeof ours);
        message[8 + 15] = (uint8_t)(1 + some(3));
    }
    if (which >= 8) {
        return length + put_options(message + length, 300);
    }
    size_t more = some(200);
    put_random(message + length, more);
    if (which < 3 && more >= IP6) { /* a quoted packet of ours */
        message[length] = 0x60;
        message[length + 6] = (uint8_t[]){6, 17, 58}[some(3)];
    }
    return length + more;
}

static size_t make_udp(void) {
    static const uint16_t ports[] = {53, 67, 68, 123, 5353, 5000, 547};
    static const char query[] = "\7axolotl\5local\0\0\377\0\1\300\14\0\1\200\1";
    size_t data = some(300);
    put_random(message + 8, data);
    if (data >= 60) {
        memset(message + 8, 0, 12);
        message[8 + 5] = (uint8_t)some(4);
        message[8 + 7] = (uint8_t)some(4);
        message[8 + 2] = some(2) == 0 ? 0x84 : 0;
        memcpy(message + 20, query, sizeof query - 1);
    }
    put16(message, ports[some(7)]);
    put16(message + 2, ports[some(7)]);
    put16(message + 4, (uint32_t)(8 + data));
    put16(message + 6, 0);
    return 8 + data;
}

static size_t make_tcp(void) {
    uint32_t words = 5 + (some(2) == 0 ? some(11) : 0);
    size_t data = some(3) == 0 ? some(1000) : 0;
    put_random(message, 4 * words + data);
    put16(message, 4000 + some(4));
    put16(message + 2, 1234);
    message[12] = (uint8_t)(words << 4);
    message[13] &= 0x3f;
    return 4 * words + data;
}

/* ---- Frames ------------------------------------------------------------------------------- */

/* Headers between IPv6's and the body; moves the body up. Returns the first header's number. */
static uint8_t add_headers(uint8_t next, size_t *length) {
    static const uint8_t numbers[] = {0, 60, 43, 44};
    while (some(4) == 0 && *length + 64 < ROOM) {
        uint8_t number = numbers[some(4)];
        size_t size = number == 44 ? 8 : 8u * (1 + some(3));
        memmove(message + size, message, *length);
        put_random(message, size);
        message[0] = next;
        message[1] = (uint8_t)(number == 44 ? 0 : size / 8 - 1);
        if (number == 44) { /* pieces that may fit together */
            put16(message + 2, some(6) * 64 | some(2));
            put32(message + 4, some(3));
        }
        *length += size;
        next = number;
    }
    return next;
}

static void put_checksum(uint8_t *ip, uint8_t protocol, size_t length) {
    size_t place = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
    uint32_t total = protocol + (uint32_t)length;
    if (length < place + 2) {
        return;
    }
    put16(ip + IP6 + place, 0);
    for (size_t i = 8; i < IP6 + length; i++) {
        total += i % 2 == 0 ? (uint32_t)ip[i] << 8 : ip[i];
    }
    while (total >> 16 != 0) {
        total = (total & 0xffff) + (total >> 16);
    }
    put16(ip + IP6 + place, ~total & 0xffff);
}

static void make_frame6(void) {
    static const uint8_t sources[3][16] = {
        {0xfe, 0x80, [15] = 2}, {0x20, 1, 0xd, 0xb8, [15] = 9}, {0}};
    static const uint8_t targets[3][16] = {
        {0xff, 2, [15] = 1}, {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1}, {0xff, 2, [15] = 0xfb}};
    uint32_t kind = some(4);
    uint8_t protocol = kind < 2 ? 58 : kind == 2 ? 17 : 6;
    size_t length = kind < 2 ? make_icmp6() : kind == 2 ? make_udp() : make_tcp();
    uint8_t next = add_headers(protocol, &length);
    frame_icmp6(&frame, message, length); /* Ethernet and addresses */
    uint8_t *ip = frame.bytes + IP_AT;
    ip[6] = next;
    ip[7] = some(8) == 0 ? 64 : 255;
    memcpy(ip + 8, sources[some(3)], 16);
    memcpy(ip + 24, targets[some(3)], 16);
    for (uint32_t changes = some(3); changes > 0; changes--) {
        ip[some((uint32_t)(IP6 + length))] = (uint8_t)check_random();
    }
    if (next == protocol && some(16) != 0) {
        put_checksum(ip, protocol, length);
    }
    if (some(16) == 0) {
        frame.length = 14 + some((uint32_t)frame.length - 13);
    }
}

static void make_frame4(void) {
    size_t length = make_udp();
    for (uint32_t changes = some(3); changes > 0 && length > 8; changes--) {
        message[8 + some((uint32_t)length - 8)] = (uint8_t)check_random();
    }
    frame_udp(&frame, PEER_IP, get16(message), some(2) == 0 ? OUR_IP : 0xe00000fb,
              get16(message + 2), message + 8, length - 8);
}

TEST(frames_of_every_kind_do_no_harm) {
    const char *wanted = getenv("NET_FRAMES");
    uint64_t rounds = wanted != NULL ? strtoull(wanted, NULL, 10) : FRAMES_DEFAULT;
    world_address();
    frame_router(&frame);
    wire_put(&frame);
    pass(60000);
    size_t before = world_allocations();
    struct socket *listener = listener_at(1234), *udp = make(NET_UDP);
    struct net_address address = {.port = 5000};
    CHECK_EQ(socket_bind(udp, &address), OK);
    for (uint64_t round = 0; round < rounds; round++) {
        if (some(8) == 0) {
            make_frame4();
        } else {
            make_frame6();
        }
        wire_put(&frame);
        wire_clear();
        if (some(64) == 0) {
            pass(some(3000));
        }
        if (round % 64 == 0) { /* somebody has claimed it */
            netif_ip6_addr_set_state(&wire_interface->netif, 0, IP6_ADDR_PREFERRED);
        }
    }
    CHECK(lwip_stats.nd6.recv > rounds / 100 && lwip_stats.icmp6.recv > rounds / 100);
    CHECK(lwip_stats.tcp.recv > rounds / 100 && lwip_stats.udp.recv > rounds / 100);
    CHECK(lwip_stats.mld6.recv > rounds / 1000 && lwip_stats.ip6_frag.recv > rounds / 1000);
    socket_closed(listener);
    socket_closed(udp);
    pass(300000);
    CHECK_EQ(net.socket_count, 0);
    CHECK_EQ(net.receive_blocks.used, 0);
    uint32_t waiting = 0; /* packets for neighbours that are being asked for */
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        waiting += neighbor_cache[i].q != NULL;
    }
    CHECK_EQ(waiting, 0);
    CHECK(world_allocations() <= before + 16); /* routers that were heard of, groups */
    world_address();
    frame_icmp(&frame, PEER_IP, 8, 1, 2, "still there", 11);
    wire_put(&frame);
    CHECK(wire_get_protocol(&frame, 1));
    frame_router(&frame);
    wire_put(&frame);
    pass(3000);
    struct net_route route;
    CHECK_EQ(list_route(3, &route), OK);
}
