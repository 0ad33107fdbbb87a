/* SPDX-License-Identifier: MIT
 * Address to symbol: borders, holes, addresses outside.
 */
#include <check.h>
#include <debug.h>

#include "symbols.h"

/* A text of 0x1000 bytes, as the linker script would bound it. */
__asm__(".globl image_start, image_text_end\n"
        ".section .rodata\n"
        "image_start: .zero 0x1000\n"
        "image_text_end: .byte 0\n"
        ".text\n");
extern const char image_start[];

const uint32_t symbol_count = 3;
const struct symbol symbol_table[] = {{0x10, 0}, {0x20, 6}, {0x800, 13}};
const char symbol_names[] = "first\0second\0third";

static const char *at(uint64_t offset, uint64_t *rest) {
    return symbol_lookup((uintptr_t)image_start + offset, rest);
}

TEST(borders) {
    uint64_t rest = 99;
    CHECK(at(0, &rest) == NULL);
    CHECK(at(0xf, &rest) == NULL);
    CHECK_EQ(rest, 99);
    CHECK_STR(at(0x10, &rest), "first");
    CHECK_EQ(rest, 0);
    CHECK_STR(at(0x1f, &rest), "first");
    CHECK_EQ(rest, 15);
    CHECK_STR(at(0x20, &rest), "second");
    CHECK_STR(at(0x7ff, &rest), "second");
    CHECK_STR(at(0x800, &rest), "third");
    CHECK_STR(at(0xfff, &rest), "third");
    CHECK_EQ(rest, 0x7ff);
}

TEST(outside) {
    uint64_t rest;
    CHECK(at(0x1000, &rest) == NULL);
    CHECK(symbol_lookup(0, &rest) == NULL);
    CHECK(symbol_lookup(~0ull, &rest) == NULL);
    CHECK(symbol_lookup((uintptr_t)image_start - 1, &rest) == NULL);
}
