/* SPDX-License-Identifier: MIT
 * What an AI says is text for a terminal, never control of one: the filter passes whole, valid
 * UTF-8 characters, line feeds and tabs, drops other control characters (so no escape sequence
 * gets through) and puts U+FFFD for what is no UTF-8. Works on pieces cut anywhere.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* All zero is its start. */
struct text_filter {
    uint8_t have, need; /* bytes of an unfinished character */
    uint8_t pending[4];
};

/* Most that `count` bytes can become, with the rest of an earlier piece. */
#define TEXT_GROWTH(count) (3 * (count) + 6)

/* Returns the number of bytes written to out, at most TEXT_GROWTH(count). */
size_t text_filter(struct text_filter *filter, const uint8_t *bytes, size_t count, uint8_t *out);

/* The text has ended: an unfinished character becomes U+FFFD. At most 3 bytes. */
size_t text_finish(struct text_filter *filter, uint8_t *out);

/* Longest prefix of text, at most size bytes, that does not end inside a character. */
size_t text_prefix(const uint8_t *text, size_t length, size_t size);

/* Trims, turns runs of white space and control characters into one space; in place; returns the
 * new length. */
size_t text_one_line(uint8_t *text, size_t length);
