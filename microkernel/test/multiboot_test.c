/* SPDX-License-Identifier: MIT
 * The Multiboot2 reader against well-formed, odd, truncated and random information.
 */
#include <check.h>

#include "multiboot.h"

#define INFO_LIMIT 4096

static uint8_t data[INFO_LIMIT];
static size_t used;
static struct boot_info info;

static void begin(void) {
    memset(data, 0, sizeof(data));
    memset(&info, 0, sizeof(info));
    used = 8;
}

static void put(const void *bytes, size_t size) {
    memcpy(data + used, bytes, size);
    used += size;
}

static void put32(uint32_t value) {
    put(&value, sizeof(value));
}

static void put64(uint64_t value) {
    put(&value, sizeof(value));
}

static void tag(uint32_t type, const void *content, size_t size) {
    put32(type);
    put32((uint32_t)size + 8);
    put(content, size);
    used = (used + 7) & ~(size_t)7;
}

/* Parses a copy of exactly the right size, so that ASan sees a read beyond. */
static void parse(size_t size) {
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    multiboot_parse(&info, copy, size);
    free(copy);
}

static void memory_map(const uint64_t (*entries)[3], size_t count) {
    put32(6);
    put32((uint32_t)(16 + 24 * count));
    put32(24);
    put32(0);
    for (size_t i = 0; i < count; i++) {
        put64(entries[i][0]);
        put64(entries[i][1]);
        put64(entries[i][2]);
    }
}

TEST(command_line_and_verbose) {
    begin();
    tag(1, "rescue verbose", 15);
    parse(used);
    CHECK_STR(info.command_line, "rescue verbose");
    CHECK(info.verbose);
    begin();
    tag(1, "notverbose verbosely", 21);
    parse(used);
    CHECK(!info.verbose);
}

TEST(command_line_without_end_or_too_long) {
    char text[600];
    memset(text, 'x', sizeof(text));
    begin();
    tag(1, text, 8);
    parse(used);
    CHECK_STR(info.command_line, "xxxxxxxx");
    begin();
    tag(1, text, sizeof(text));
    parse(used);
    CHECK_EQ(strlen(info.command_line), BOOT_COMMAND_LINE - 1);
}

TEST(modules) {
    struct {
        uint32_t start, end;
        char text[16];
    } module = {0x300000, 0x300123, "console a b"};
    begin();
    tag(3, &module, sizeof(module));
    module.start = 5;
    module.end = 4; /* left out */
    tag(3, &module, sizeof(module));
    tag(3, &module, 4); /* too short */
    parse(used);
    REQUIRE(info.module_count == 1);
    CHECK_EQ(info.modules[0].start, 0x300000);
    CHECK_EQ(info.modules[0].size, 0x123);
    CHECK_STR(info.modules[0].command, "console a b");
}

TEST(more_modules_than_fit) {
    const uint32_t module[2] = {0x300000, 0x301000};
    begin();
    for (int i = 0; i < BOOT_MODULES + 5; i++) {
        tag(3, module, sizeof(module));
    }
    parse(used);
    CHECK_EQ(info.module_count, BOOT_MODULES);
}

TEST(memory_map_unsorted_overlapping) {
    static const uint64_t map[][3] = {
        {0x100000000, 0x40000000, 1},    {0x100000, 0x700000, 1}, {0, 0x9fc00, 1},
        {0x700800, 0x200000, 1},         {0x300000, 0x1001, 2},   {0x500000, 0, 1},
        {0xfffffffffffff000, 0x5000, 1},
    };
    begin();
    memory_map(map, 7);
    parse(used);
    REQUIRE(info.ram_count == 4);
    CHECK_EQ(info.ram[0].start, 0);
    CHECK_EQ(info.ram[0].end, 0x9f000);
    CHECK_EQ(info.ram[1].start, 0x100000);
    CHECK_EQ(info.ram[1].end, 0x300000);
    CHECK_EQ(info.ram[2].start, 0x302000);
    CHECK_EQ(info.ram[2].end, 0x900000);
    CHECK_EQ(info.ram[3].start, 0x100000000);
    CHECK_EQ(info.memory_end, 0x140000000);
    CHECK_EQ(info.memory_total, 0x9f000 + 0x200000 + 0x5fe000 + 0x40000000);
}

TEST(memory_map_entry_beyond_the_address_space) {
    static const uint64_t map[][3] = {{0x100000, ~0ull, 1}};
    begin();
    memory_map(map, 1);
    parse(used);
    REQUIRE(info.ram_count == 1);
    CHECK_EQ(info.ram[0].end, 1ull << 46);
}

TEST(ranges_are_cut) {
    static const uint64_t map[][3] = {{0x100000, 0x100000, 1}};
    begin();
    memory_map(map, 1);
    parse(used);
    boot_range_remove(&info, 0x140100, 0x140200);
    REQUIRE(info.range_count == 2);
    CHECK_EQ(info.ranges[0].end, 0x140000);
    CHECK_EQ(info.ranges[1].start, 0x141000);
    boot_range_remove(&info, 0, 0x140000);
    REQUIRE(info.range_count == 1);
    boot_range_remove(&info, 0x1ff000, 0x300000);
    CHECK_EQ(info.ranges[0].end, 0x1ff000);
    boot_range_remove(&info, 0, ~0ull - 4095);
    CHECK_EQ(info.range_count, 0);
}

TEST(ranges_never_overflow) {
    static const uint64_t map[][3] = {{0x100000, 0x10000000, 1}};
    begin();
    memory_map(map, 1);
    parse(used);
    for (uint64_t i = 1; i < 3 * BOOT_RANGES; i++) {
        boot_range_remove(&info, 0x100000 + i * 0x2000, 0x101000 + i * 0x2000);
        CHECK(info.range_count <= BOOT_RANGES);
    }
    for (uint32_t i = 0; i < info.range_count; i++) { /* what was removed stays removed */
        for (uint64_t j = 1; j < 3 * BOOT_RANGES; j++) {
            uint64_t page = 0x100000 + j * 0x2000;
            CHECK(page < info.ranges[i].start || page >= info.ranges[i].end);
        }
    }
}

struct framebuffer {
    uint64_t address;
    uint32_t pitch, width, height;
    uint8_t bpp, type;
    uint16_t reserved;
    uint8_t colours[6];
} __attribute__((packed));

TEST(framebuffer_kinds) {
    struct framebuffer tag_rgb = {0xfd000000, 3200, 800, 600, 32, 1, 0, {16, 8, 8, 8, 0, 8}};
    begin();
    tag(8, &tag_rgb, sizeof(tag_rgb));
    parse(used);
    CHECK_EQ(info.framebuffer.type, FRAMEBUFFER_RGB);
    CHECK_EQ(info.framebuffer.width, 800);
    CHECK_EQ(info.framebuffer.red_shift, 16);
    struct framebuffer text = {0xb8000, 160, 80, 25, 16, 2, 0, {0}};
    begin();
    tag(8, &text, 22);
    parse(used);
    CHECK_EQ(info.framebuffer.type, FRAMEBUFFER_TEXT);
    text.type = 0; /* indexed: not believed */
    begin();
    tag(8, &text, 22);
    parse(used);
    CHECK_EQ(info.framebuffer.type, FRAMEBUFFER_NONE);
    tag_rgb.pitch = 100; /* lines longer than the pitch */
    begin();
    tag(8, &tag_rgb, sizeof(tag_rgb));
    parse(used);
    CHECK_EQ(info.framebuffer.type, FRAMEBUFFER_NONE);
}

TEST(new_rsdp_wins) {
    uint8_t old[20] = "RSD PTR old", new[36] = "RSD PTR new";
    new[15] = 2;
    begin();
    tag(15, new, sizeof(new));
    tag(14, old, sizeof(old));
    parse(used);
    CHECK(memcmp(info.rsdp_copy, "RSD PTR new", 11) == 0);
}

TEST(every_truncation_is_harmless) {
    static const uint64_t map[][3] = {{0x100000, 0x700000, 1}, {0x200000, 0x1000, 2}};
    const struct framebuffer text = {0xb8000, 160, 80, 25, 16, 2, 0, {0}};
    const uint32_t module[4] = {0x300000, 0x301000, 0x41414141, 0};
    begin();
    tag(1, "quiet", 6);
    tag(3, module, sizeof(module));
    memory_map(map, 2);
    tag(8, &text, sizeof(text));
    tag(15, text.colours, 6);
    size_t whole = used;
    for (size_t size = 0; size <= whole; size++) {
        memset(&info, 0, sizeof(info));
        parse(size);
    }
    CHECK_EQ(info.module_count, 1);
}

TEST(random_information) {
    for (int round = 0; round < 20000; round++) {
        begin();
        size_t size = 8 + check_random_below(400);
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)check_random();
        }
        for (size_t at = 8; at + 8 < size; at += 8 * (1 + check_random_below(6))) {
            uint32_t head[2] = {(uint32_t)check_random_below(20), (uint32_t)check_random_below(64)};
            memcpy(data + at, head, sizeof(head));
        }
        parse(size);
        CHECK(info.ram_count <= BOOT_RANGES);
        for (uint32_t i = 1; i < info.ram_count; i++) {
            CHECK(info.ram[i - 1].end < info.ram[i].start);
        }
    }
}
