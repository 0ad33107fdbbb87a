/* SPDX-License-Identifier: MIT */
/*
 * Strict reading of numbers and words from text that need not end in NUL. A function that fails
 * returns false and leaves its result untouched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal, or hexadecimal after 0x. The whole text must be the number; no sign, no blanks. */
bool parse_u64(const char *text, size_t length, uint64_t *value);

/* A number with an optional binary suffix K, M or G (either case): "64K" is 65536. */
bool parse_size(const char *text, size_t length, uint64_t *value);

/* Hexadecimal digits without prefix, at most 16. */
bool parse_hex(const char *text, size_t length, uint64_t *value);

/* "a.b.c.d" with each part 0..255; *address is in host order (a in the top byte). */
bool parse_ipv4(const char *text, size_t length, uint32_t *address);

/*
 * Takes the next word (bytes that are neither space nor tab) from [*cursor, end). Stores its start,
 * moves *cursor behind it and returns its length; 0 when there is none.
 */
size_t parse_word(const char **cursor, const char *end, const char **word);

/* True when the `length` bytes at `text` spell exactly the NUL-terminated `word`. */
bool parse_equal(const char *text, size_t length, const char *word);
