/* SPDX-License-Identifier: MIT */
/* Internet addresses; see ip.h. */
#include <common/ip.h>

#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>

#define GROUPS 8

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_is_v4(const uint8_t ip[IP_BYTES]) {
    return memcmp(ip, mapped, sizeof mapped) == 0;
}

uint32_t ip_to_v4(const uint8_t ip[IP_BYTES]) {
    return (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 | (uint32_t)ip[14] << 8 | ip[15];
}

void ip_from_v4(uint8_t ip[IP_BYTES], uint32_t v4) {
    memcpy(ip, mapped, sizeof mapped);
    for (int i = 0; i < 4; i++) {
        ip[12 + i] = (uint8_t)(v4 >> (24 - 8 * i));
    }
}

bool ip_is_any(const uint8_t ip[IP_BYTES]) {
    static const uint8_t none[IP_BYTES];
    return memcmp(ip, none, IP_BYTES) == 0 || (ip_is_v4(ip) && ip_to_v4(ip) == 0);
}

bool ip_is_loopback(const uint8_t ip[IP_BYTES]) {
    static const uint8_t loopback[IP_BYTES] = {[15] = 1};
    return ip_is_v4(ip) ? ip[12] == 127 : memcmp(ip, loopback, IP_BYTES) == 0;
}

bool ip_is_multicast(const uint8_t ip[IP_BYTES]) {
    return ip_is_v4(ip) ? ip[12] >> 4 == 0xe : ip[0] == 0xff;
}

bool ip_prefix_equal(const uint8_t a[IP_BYTES], const uint8_t b[IP_BYTES], uint32_t bits) {
    uint32_t bytes = bits / 8;
    if (memcmp(a, b, bytes) != 0) {
        return false;
    }
    return bits % 8 == 0 || (a[bytes] ^ b[bytes]) >> (8 - bits % 8) == 0;
}

/* ---- Text --------------------------------------------------------------------------------- */

/* What was read of an IPv6 text: up to eight groups, and where "::" stood. */
struct groups {
    uint16_t value[GROUPS];
    uint32_t count;
    uint32_t gap; /* GROUPS + 1: there was none */
};

static bool add_v4(struct groups *groups, const char *text, size_t length) {
    uint32_t v4;
    if (groups->count > GROUPS - 2 || !parse_ipv4(text, length, &v4)) {
        return false;
    }
    groups->value[groups->count++] = (uint16_t)(v4 >> 16);
    groups->value[groups->count++] = (uint16_t)v4;
    return true;
}

static bool add_group(struct groups *groups, const char *text, size_t length) {
    uint64_t value;
    if (groups->count == GROUPS || length > 4 || !parse_hex(text, length, &value)) {
        return false;
    }
    groups->value[groups->count++] = (uint16_t)value;
    return true;
}

/* The length of the group at the front of the text. */
static size_t group_length(const char *text, size_t length) {
    size_t at = 0;
    while (at < length && text[at] != ':') {
        at++;
    }
    return at;
}

static bool read_groups(const char *text, size_t length, struct groups *groups) {
    size_t at = 0;
    if (length >= 2 && text[0] == ':' && text[1] == ':') {
        groups->gap = 0;
        at = 2;
    }
    while (at < length) {
        size_t size = group_length(text + at, length - at);
        bool last = at + size == length;
        if (last && memchr(text + at, '.', size) != NULL) {
            return add_v4(groups, text + at, size);
        }
        if (!add_group(groups, text + at, size)) {
            return false;
        }
        at += size;
        if (last) {
            return true;
        }
        at++;
        if (at < length && text[at] == ':') {
            if (groups->gap <= GROUPS) {
                return false;
            }
            groups->gap = groups->count;
            at++;
        } else if (at == length) {
            return false; /* a colon at the end */
        }
    }
    return groups->gap <= GROUPS;
}

bool ip_parse(const char *text, size_t length, uint8_t ip[IP_BYTES]) {
    struct groups groups = {.gap = GROUPS + 1};
    uint32_t v4;
    if (parse_ipv4(text, length, &v4)) {
        ip_from_v4(ip, v4);
        return true;
    }
    if (!read_groups(text, length, &groups)) {
        return false;
    }
    bool gap = groups.gap <= GROUPS;
    if (gap ? groups.count == GROUPS : groups.count != GROUPS) {
        return false;
    }
    uint32_t skip = GROUPS - groups.count;
    memset(ip, 0, IP_BYTES);
    for (uint32_t i = 0; i < groups.count; i++) {
        uint32_t to = gap && i >= groups.gap ? i + skip : i;
        ip[2 * to] = (uint8_t)(groups.value[i] >> 8);
        ip[2 * to + 1] = (uint8_t)groups.value[i];
    }
    return true;
}

static uint32_t group_at(const uint8_t ip[IP_BYTES], uint32_t group) {
    return (uint32_t)ip[2 * group] << 8 | ip[2 * group + 1];
}

/* The first of the longest runs of two or more zero groups; returns its length. */
static uint32_t longest_gap(const uint8_t ip[IP_BYTES], uint32_t *first) {
    uint32_t best = 1, run = 0;
    for (uint32_t i = 0; i < GROUPS; i++) {
        run = group_at(ip, i) == 0 ? run + 1 : 0;
        if (run > best) {
            best = run;
            *first = i + 1 - run;
        }
    }
    return best > 1 ? best : 0;
}

char *ip_format(char to[IP_TEXT], const uint8_t ip[IP_BYTES]) {
    uint32_t first = 0;
    size_t at = 0;
    if (ip_is_v4(ip)) {
        (void)format(to, IP_TEXT, "%u.%u.%u.%u", ip[12], ip[13], ip[14], ip[15]);
        return to;
    }
    uint32_t gap = longest_gap(ip, &first);
    to[0] = '\0';
    for (uint32_t i = 0; i < GROUPS; i++) {
        if (gap != 0 && i == first) {
            format_append(to, IP_TEXT, &at, "::");
            i += gap - 1;
            continue;
        }
        bool colon = i != 0 && (gap == 0 || i != first + gap);
        format_append(to, IP_TEXT, &at, "%s%x", colon ? ":" : "", group_at(ip, i));
    }
    return to;
}
