/* SPDX-License-Identifier: MIT */
/* Unit tests of format, list, parse and crc. */
#include "check.h"

#include <common/crc.h>
#include <common/format.h>
#include <common/list.h>
#include <common/parse.h>

#define CHECK_FORMAT(...)                                                                          \
    do {                                                                                           \
        char ours[80], theirs[80];                                                                 \
        CHECK_EQ(format(ours, sizeof ours, __VA_ARGS__),                                           \
                 snprintf(theirs, sizeof theirs, __VA_ARGS__));                                    \
        CHECK_STR(ours, theirs);                                                                   \
    } while (0)

TEST(format_matches_printf) {
    CHECK_FORMAT("plain");
    CHECK_FORMAT("%d %i %u", -5, 12, 4000000000u);
    CHECK_FORMAT("%5d|%-5d|%05d|%+d|% d", 42, 42, -42, 42, 42);
    CHECK_FORMAT("%x %X %#x %#X %08x %o", 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu, 8u);
    CHECK_FORMAT("%ld %lu %lx %lld %zu", INT64_MIN, UINT64_MAX, UINT64_MAX, -1ll, sizeof(int));
    CHECK_FORMAT("%s|%10s|%-10s|%.2s|%10.3s|", "text", "text", "text", "text", "text");
    CHECK_FORMAT("%.*s|%*d|%*d|", 3, "abcdef", 6, 1, -6, 1);
    CHECK_FORMAT("%c%c%%", 'a', 'b');
    CHECK_FORMAT("%.3d|%.0d|%8.3d|%-8.3dx", 7, 0, 7, 7);
    CHECK_FORMAT("%hhd %hd %hhu", 300, 70000, 511);
    CHECK_FORMAT("%p", (void *)0x1234);
}

TEST(format_cuts) {
    char buffer[6] = "zzzzz";
    CHECK_EQ(format(buffer, 4, "%s", "abcdef"), 6);
    CHECK_STR(buffer, "abc");
    CHECK_EQ(buffer[4], 'z');
    CHECK_EQ(format(NULL, 0, "%d", 1234), 4);
    size_t length = 0;
    format_append(buffer, sizeof buffer, &length, "ab%d", 1);
    CHECK_EQ(length, 3);
    format_append(buffer, sizeof buffer, &length, "long");
    CHECK_EQ(length, 5);
    CHECK_STR(buffer, "ab1lo");
    format_append(buffer, sizeof buffer, &length, "more");
    CHECK_STR(buffer, "ab1lo");
}

struct item {
    int value;
    struct list link;
};

TEST(list_order) {
    struct list head = LIST_INIT(head);
    struct item items[4];
    for (int i = 0; i < 4; i++) {
        items[i].value = i;
        list_init(&items[i].link);
        CHECK(list_unlinked(&items[i].link));
    }
    CHECK(list_empty(&head));
    CHECK(list_first(&head) == NULL);
    CHECK(list_pop_front(&head) == NULL);
    list_push_back(&head, &items[1].link);
    list_push_front(&head, &items[0].link);
    list_push_back(&head, &items[3].link);
    list_insert_before(&items[3].link, &items[2].link);
    int expected = 0;
    LIST_FOR_EACH(link, &head) {
        CHECK_EQ(LIST_ENTRY(link, struct item, link)->value, expected++);
    }
    CHECK_EQ(list_length(&head), 4);
    LIST_FOR_EACH_SAFE(link, &head) {
        if (LIST_ENTRY(link, struct item, link)->value % 2 == 0) {
            list_remove(link);
        }
    }
    CHECK_EQ(list_length(&head), 2);
    list_remove(&items[0].link);
    CHECK(list_pop_front(&head) == &items[1].link);
    CHECK_EQ(list_length(&head), 1);
}

static bool number(const char *text, uint64_t *value) {
    return parse_u64(text, strlen(text), value);
}

TEST(parse_numbers) {
    uint64_t value = 7;
    CHECK(number("0", &value) && value == 0);
    CHECK(number("18446744073709551615", &value) && value == UINT64_MAX);
    CHECK(number("0xFf", &value) && value == 255);
    value = 7;
    const char *bad[] = {"", "18446744073709551616", "0x", "-1", "+1", " 1", "1 ", "12a", "0x1g"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!number(bad[i], &value));
    }
    CHECK_EQ(value, 7);
    CHECK(parse_size("64K", 3, &value) && value == 65536);
    CHECK(parse_size("2m", 2, &value) && value == 2 << 20);
    CHECK(parse_size("12", 2, &value) && value == 12);
    CHECK(!parse_size("K", 1, &value));
    CHECK(!parse_size("17179869184G", 12, &value));
    CHECK(parse_hex("ffffffffffffffff", 16, &value) && value == UINT64_MAX);
    CHECK(!parse_hex("0ffffffffffffffff", 17, &value));
}

TEST(parse_addresses) {
    uint32_t address = 0;
    CHECK(parse_ipv4("10.0.2.15", 9, &address) && address == 0x0a00020f);
    CHECK(parse_ipv4("255.255.255.255", 15, &address) && address == UINT32_MAX);
    const char *bad[] = {"",         "1",      "1.2.3",    "1.2.3.",  "1.2.3.256",
                         "1.2.3.4.", "1..2.3", "1.2.3.4 ", "a.2.3.4", "1.2.3.0004"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!parse_ipv4(bad[i], strlen(bad[i]), &address));
    }
}

TEST(parse_words) {
    const char *text = "  one\ttwo  ", *cursor = text, *end = text + strlen(text), *word;
    size_t length = parse_word(&cursor, end, &word);
    CHECK(parse_equal(word, length, "one"));
    length = parse_word(&cursor, end, &word);
    CHECK(parse_equal(word, length, "two"));
    CHECK(!parse_equal(word, length, "tw"));
    CHECK_EQ(parse_word(&cursor, end, &word), 0);
}

TEST(crc_check_values) {
    CHECK_EQ(crc32(CRC32_START, "123456789", 9), 0xcbf43926);
    CHECK_EQ(crc32(crc32(CRC32_START, "1234", 4), "56789", 5), 0xcbf43926);
    CHECK_EQ(crc32(CRC32_START, "", 0), 0);
}
