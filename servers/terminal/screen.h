/* SPDX-License-Identifier: MIT
 * A terminal's screen: cells, cursor, colours and the lines that scrolled off, fed with bytes of
 * text and a subset of ANSI sequences (docs/spec/tty.md). Lines lie in a ring, so that scrolling
 * changes one line and not the whole screen. Lives in the arena; holds no address.
 *
 * Invariants: row < rows, column < columns; back <= history <= SCREEN_LINES - rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "utf8.h"

#define SCREEN_COLUMNS_MAX 128
#define SCREEN_ROWS_MAX 48
#define SCREEN_LINES 192 /* rows and scrollback together */
#define SCREEN_PARAMETERS 8
#define SCREEN_TAB 8

/* Low byte: code of page 437; high byte: VGA attribute (background << 4 | foreground). */
typedef uint16_t cell_t;
#define CELL(code, attribute) ((cell_t)((uint8_t)(code) | (attribute) << 8))

enum screen_state { SCREEN_TEXT, SCREEN_ESCAPE, SCREEN_CSI, SCREEN_SKIP_ONE, SCREEN_OSC };

struct screen {
    uint16_t columns, rows;
    uint16_t row, column;
    uint16_t saved_row, saved_column;
    bool wrap_pending; /* the last column was written, the next character goes to a new line */
    bool cursor_visible;
    uint8_t foreground, background; /* VGA colours */
    bool bold, inverse;
    uint32_t top;     /* ring index of row 0 */
    uint32_t history; /* lines above row 0 that hold text */
    uint32_t back;    /* lines that the view is scrolled back */
    uint64_t dirty;   /* bit n: row n of the view may differ from what is displayed */
    uint32_t state;   /* enum screen_state */
    uint32_t parameter_count;
    uint32_t parameters[SCREEN_PARAMETERS];
    bool private_sequence;
    struct utf8_decoder utf8;
    cell_t cells[SCREEN_LINES][SCREEN_COLUMNS_MAX];
};

void screen_init(struct screen *screen, uint32_t columns, uint32_t rows);

/* Shows text. A line feed also returns to column 0. */
void screen_write(struct screen *screen, const char *text, size_t length);

/* Scrolls the view back (positive) or forward (negative) by lines. True when it moved. */
bool screen_scroll_view(struct screen *screen, int32_t lines);

/* The cells of a row of the view. */
const cell_t *screen_view_row(const struct screen *screen, uint32_t row);

void screen_mark_all(struct screen *screen);
