/* SPDX-License-Identifier: MIT */
/* Internet addresses, against the host's inet_pton and inet_ntop. */
#include "check.h"

#include <arpa/inet.h>

#include <common/ip.h>

static void compare_text(const char *text) {
    uint8_t ours[IP_BYTES] = {0}, theirs[IP_BYTES] = {0};
    char shown[IP_TEXT];
    bool read = ip_parse(text, strlen(text), ours);
    if (!CHECK_EQ(read, inet_pton(AF_INET6, text, theirs) == 1)) {
        printf("# '%s'\n", text);
    }
    CHECK(memcmp(ours, theirs, IP_BYTES) == 0);
    if (read) {
        uint8_t again[IP_BYTES];
        (void)ip_format(shown, ours);
        CHECK(ip_parse(shown, strlen(shown), again) && memcmp(ours, again, IP_BYTES) == 0);
    }
}

TEST(ip_reads_what_the_host_reads) {
    static const char *const texts[] = {"::",
                                        "::1",
                                        "1::",
                                        "fe80::1",
                                        "1:2:3:4:5:6:7:8",
                                        "1:2:3:4:5:6:7::",
                                        "::2:3:4:5:6:7:8",
                                        "::ffff:1.2.3.4",
                                        "1:2:3:4:5:6:1.2.3.4",
                                        "64:ff9b::1.2.3.4",
                                        "ABCD:ef01::",
                                        "",
                                        ":",
                                        ":::",
                                        "1",
                                        "1:2",
                                        "1:2:3:4:5:6:7",
                                        "1:2:3:4:5:6:7:8:9",
                                        "1::2::3",
                                        ":1",
                                        "1:",
                                        "1:2:3:4:5:6:7:",
                                        "12345::",
                                        "g::",
                                        "::1.2.3",
                                        "::1.2.3.4:5",
                                        "1:2:3:4:5:6:7:1.2.3.4",
                                        "1.2.3.4:1::",
                                        "1:2:3:4::5:6:7:8",
                                        "::1.2.3.256",
                                        " ::1",
                                        "::1 ",
                                        "::-1",
                                        "1:::2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        compare_text(texts[i]);
    }
    static const char letters[] = "01ab:.:";
    for (int round = 0; round < 50000; round++) {
        char text[24];
        size_t length = check_random_below(sizeof text - 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = letters[check_random_below(sizeof letters - 1)];
        }
        text[length] = '\0';
        uint32_t v4;
        if (inet_pton(AF_INET, text, &v4) != 1) {
            compare_text(text);
        }
    }
}

TEST(ip_writes_what_the_host_writes) {
    for (int round = 0; round < 20000; round++) {
        uint8_t ip[IP_BYTES];
        char ours[IP_TEXT], theirs[INET6_ADDRSTRLEN];
        for (int i = 0; i < IP_BYTES; i += 2) {
            uint32_t group = check_random_below(3) == 0 ? (uint32_t)check_random() & 0xffff : 0;
            ip[i] = (uint8_t)(group >> 8);
            ip[i + 1] = (uint8_t)group;
        }
        ip[0] |= 0x20; /* not what the host writes with dots */
        REQUIRE(inet_ntop(AF_INET6, ip, theirs, sizeof theirs) != NULL);
        CHECK_STR(ip_format(ours, ip), theirs);
    }
}

TEST(ip_v4_is_mapped) {
    uint8_t ip[IP_BYTES], other[IP_BYTES];
    char text[IP_TEXT];
    REQUIRE(ip_parse("10.0.2.15", 9, ip));
    CHECK(ip_is_v4(ip));
    CHECK_EQ(ip_to_v4(ip), 0x0a00020f);
    CHECK_STR(ip_format(text, ip), "10.0.2.15");
    ip_from_v4(other, 0x0a000210);
    CHECK(ip_prefix_equal(ip, other, IP_MAPPED_BITS + 24));
    CHECK(ip_prefix_equal(ip, other, IP_MAPPED_BITS + 27));
    CHECK(!ip_prefix_equal(ip, other, IP_MAPPED_BITS + 28));
    CHECK(ip_prefix_equal(ip, ip, 128) && ip_prefix_equal(ip, other, 0));
    CHECK(!ip_is_any(ip) && !ip_is_loopback(ip) && !ip_is_multicast(ip));
    ip_from_v4(ip, 0);
    CHECK(ip_is_any(ip));
    ip_from_v4(ip, 0x7f010203);
    CHECK(ip_is_loopback(ip));
    ip_from_v4(ip, 0xe00000fb);
    CHECK(ip_is_multicast(ip));
    REQUIRE(ip_parse("ff02::fb", 8, ip));
    CHECK(ip_is_multicast(ip) && !ip_is_v4(ip));
    REQUIRE(ip_parse("::1", 3, ip));
    CHECK(ip_is_loopback(ip) && !ip_is_any(ip));
}
