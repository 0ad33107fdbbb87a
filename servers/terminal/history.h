/* SPDX-License-Identifier: MIT
 * The lines that were entered at a terminal, packed one after the other, each ending in NUL. When
 * there is no room the oldest go: at least HISTORY_LINES lines of full length always fit.
 */
#pragma once

#include <stdint.h>

#include <proto/tty.h>

#define HISTORY_LINES 16
#define HISTORY_BYTES (HISTORY_LINES * TTY_LINE_MAX)

struct history {
    uint32_t used;  /* bytes of text */
    uint32_t count; /* lines in text */
    uint64_t first; /* number since boot of the oldest kept line, from 1 */
    char text[HISTORY_BYTES];
};

void history_init(struct history *history);

/* Adds a line; an empty one and a repetition of the last are left out. */
void history_add(struct history *history, const char *line, uint32_t length);

/* The index-th line, 0 the oldest; NULL past the end. NUL-terminated. */
const char *history_line(const struct history *history, uint32_t index);
