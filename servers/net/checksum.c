/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071), 8 bytes a step, and initial sequence numbers (RFC 6528).
 */
#include <common/string.h>

#include "net.h"

#include <lwip/ip_addr.h>

static uint64_t add_carry(uint64_t sum, uint64_t value) {
    sum += value;
    return sum + (sum < value);
}

static uint64_t load(const uint8_t *from, size_t size) {
    uint64_t value = 0;
    memcpy(&value, from, size);
    return value;
}

uint16_t net_checksum(const void *data, int length) {
    const uint8_t *from = data;
    size_t rest = (size_t)length;
    uint64_t sum = 0;
    for (; rest >= 32; rest -= 32, from += 32) {
        sum = add_carry(sum, load(from, 8));
        sum = add_carry(sum, load(from + 8, 8));
        sum = add_carry(sum, load(from + 16, 8));
        sum = add_carry(sum, load(from + 24, 8));
    }
    for (; rest >= 8; rest -= 8, from += 8) {
        sum = add_carry(sum, load(from, 8));
    }
    sum = add_carry(sum, load(from, rest));
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint32_t rotate(uint32_t value, unsigned bits) {
    return value << bits | value >> (32 - bits);
}

static void mix(uint32_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 5) ^ v[0];
    v[0] = rotate(v[0], 16);
    v[2] += v[3];
    v[3] = rotate(v[3], 8) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 7) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 13) ^ v[2];
    v[2] = rotate(v[2], 16);
}

static void absorb(uint32_t v[4], uint32_t word) {
    v[3] ^= word;
    mix(v);
    mix(v);
    v[0] ^= word;
}

static void absorb_address(uint32_t v[4], const ip_addr_t *ip) {
    const uint32_t *words = ip_2_ip6(ip)->addr;
    for (int i = 0; i < (IP_IS_V6(ip) ? 4 : 1); i++) {
        absorb(v, words[i]);
    }
}

/* HalfSipHash-2-4 of the connection's ends under a secret, plus a clock of 4 us. */
uint32_t port_initial_sequence(const struct ip_addr *local, uint16_t local_port,
                               const struct ip_addr *remote, uint16_t remote_port) {
    uint32_t v[4] = {net.sequence_secret[0], net.sequence_secret[1],
                     net.sequence_secret[0] ^ 0x6c796765u, net.sequence_secret[1] ^ 0x74656462u};
    absorb_address(v, local);
    absorb_address(v, remote);
    absorb(v, (uint32_t)local_port << 16 | remote_port);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        mix(v);
    }
    return (v[1] ^ v[3]) + (uint32_t)(port_time_ns() / 4000);
}
