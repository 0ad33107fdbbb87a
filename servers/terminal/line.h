/* SPDX-License-Identifier: MIT
 * Line editor: the text being typed, the cursor in it, the history it walks through. It knows no
 * terminal: after a key it says what changed (struct line_change), and line_echo turns that into
 * the shortest text and ANSI sequences for a terminal of a given width.
 *
 * Invariants: cursor <= length < TTY_LINE_MAX; cursor lies on the first byte of a character.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <proto/tty.h>

#include "history.h"

struct line {
    uint32_t length, cursor;   /* bytes */
    uint32_t history_position; /* index of the shown line; history->count: the line being typed */
    uint32_t typed_length;     /* the line being typed while another is shown */
    uint32_t killed_length;    /* for Ctrl-Y */
    char text[TTY_LINE_MAX];
    char typed[TTY_LINE_MAX];
    char killed[TTY_LINE_MAX];
};

enum line_result {
    LINE_EDITED,  /* the change tells what to show */
    LINE_ENTERED, /* Enter */
    LINE_END,     /* Ctrl-D on an empty line */
    LINE_CLEAR,   /* Ctrl-L */
};

/* Columns, counted from the first character of the line. */
struct line_change {
    uint32_t cursor_before, width_before;
    uint32_t same; /* bytes at the start of the text that did not change */
};

/* Forgets the text; the history position becomes the end. */
void line_start(struct line *line, const struct history *history);

enum line_result line_key(struct line *line, const struct history *history, uint32_t key,
                          struct line_change *change);

/* One terminal that shows the line. */
struct line_view {
    uint32_t columns; /* width of the terminal */
    uint32_t origin;  /* column of the first character of the line, below columns */
    bool pending;     /* the last column was printed and the terminal has not wrapped yet */
};

/* Longest text that line_echo and its relatives store: the line, a few moves and erasures. */
#define LINE_ECHO_MAX (TTY_LINE_MAX + 128)

/* Text that brings the terminal from the state before the change to the present one. Returns its
 * length, as the others do. */
size_t line_echo(const struct line *line, const struct line_change *change, struct line_view *view,
                 char out[LINE_ECHO_MAX]);

/* The whole line with its cursor, from the origin. */
size_t line_show(const struct line *line, struct line_view *view, char out[LINE_ECHO_MAX]);

/* Moves from the cursor behind the end of the line. */
size_t line_leave(const struct line *line, struct line_view *view, char out[LINE_ECHO_MAX]);

/* Moves from the cursor to the first column, prompt_rows above the row in which the line starts,
 * and clears from there. */
size_t line_hide(const struct line *line, struct line_view *view, uint32_t prompt_rows,
                 char out[LINE_ECHO_MAX]);
