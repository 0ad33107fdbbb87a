/* SPDX-License-Identifier: MIT
 * Line editor: what to send so that a terminal shows the line. Positions are columns counted from
 * the left margin of the row in which the line starts; a position that is a multiple of the width
 * and was reached by printing is "pending": the terminal still stands in the row before.
 */
#include <common/format.h>
#include <common/string.h>

#include "line.h"
#include "utf8.h"

struct echo {
    char *out;
    size_t length;
    uint32_t columns;
    uint32_t at; /* position */
    bool pending;
};

static void echo_text(struct echo *echo, const char *text, size_t length) {
    if (length == 0 || length > LINE_ECHO_MAX - echo->length) {
        return;
    }
    memcpy(echo->out + echo->length, text, length);
    echo->length += length;
}

static void echo_sequence(struct echo *echo, uint32_t count, char final) {
    char text[16];
    if (count != 0) {
        size_t length = count == 1 ? format(text, sizeof(text), "\33[%c", final)
                                   : format(text, sizeof(text), "\33[%u%c", count, final);
        echo_text(echo, text, length);
    }
}

static void echo_print(struct echo *echo, const char *text, uint32_t length) {
    if (length != 0) {
        echo_text(echo, text, length);
        echo->at += utf8_columns(text, length);
        echo->pending = echo->at % echo->columns == 0;
    }
}

static uint32_t echo_row(const struct echo *echo) {
    return echo->at / echo->columns - echo->pending;
}

static void echo_move(struct echo *echo, uint32_t to) {
    if (to == echo->at) {
        return;
    }
    uint32_t row = echo_row(echo);
    uint32_t to_row = to / echo->columns;
    if (row == to_row && !echo->pending && to < echo->at && echo->at - to <= 4) {
        echo_text(echo, "\b\b\b\b", echo->at - to);
    } else {
        echo_sequence(echo, row > to_row ? row - to_row : 0, 'A');
        if (row == to_row && !echo->pending) {
            echo_sequence(echo, to > echo->at ? to - echo->at : 0, 'C');
            echo_sequence(echo, to < echo->at ? echo->at - to : 0, 'D');
        } else {
            /* The row below may not exist yet at the bottom of the screen: a line feed makes it. */
            for (; row < to_row; row++) {
                echo_text(echo, "\n", 1);
            }
            echo_text(echo, "\r", 1);
            echo_sequence(echo, to % echo->columns, 'C');
        }
    }
    echo->at = to;
    echo->pending = false;
}

static void echo_erase(struct echo *echo, uint32_t count) {
    if (count == 0) {
        return;
    }
    if (echo->pending) { /* what is to go starts in the row below, so there is one */
        echo_text(echo, "\r\n", 2);
        echo->pending = false;
    }
    bool one_row = echo->at % echo->columns + count < echo->columns;
    echo_text(echo, one_row && count == 1 ? " \b" : "\33[J", one_row && count == 1 ? 2 : 3);
}

static size_t echo_finish(struct echo *echo, struct line_view *view, uint32_t to) {
    echo_move(echo, to);
    view->pending = echo->pending;
    return echo->length;
}

static struct echo echo_start(const struct line_view *view, char *out, uint32_t column) {
    return (struct echo){.out = out,
                         .columns = view->columns,
                         .at = view->origin + column,
                         .pending = view->pending};
}

static uint32_t line_cursor_column(const struct line *line) {
    return utf8_columns(line->text, line->cursor);
}

size_t line_echo(const struct line *line, const struct line_change *change, struct line_view *view,
                 char out[LINE_ECHO_MAX]) {
    uint32_t width = utf8_columns(line->text, line->length);
    struct echo echo = echo_start(view, out, change->cursor_before);
    if (change->same < line->length || width < change->width_before) {
        echo_move(&echo, view->origin + utf8_columns(line->text, change->same));
        echo_print(&echo, line->text + change->same, line->length - change->same);
        echo_erase(&echo, width < change->width_before ? change->width_before - width : 0);
    }
    return echo_finish(&echo, view, view->origin + line_cursor_column(line));
}

size_t line_show(const struct line *line, struct line_view *view, char out[LINE_ECHO_MAX]) {
    view->pending = false;
    struct echo echo = echo_start(view, out, 0);
    echo_print(&echo, line->text, line->length);
    return echo_finish(&echo, view, view->origin + line_cursor_column(line));
}

size_t line_leave(const struct line *line, struct line_view *view, char out[LINE_ECHO_MAX]) {
    struct echo echo = echo_start(view, out, line_cursor_column(line));
    return echo_finish(&echo, view, view->origin + utf8_columns(line->text, line->length));
}

size_t line_hide(const struct line *line, struct line_view *view, uint32_t prompt_rows,
                 char out[LINE_ECHO_MAX]) {
    struct echo echo = echo_start(view, out, line_cursor_column(line));
    echo_sequence(&echo, echo_row(&echo) + prompt_rows, 'A');
    echo_text(&echo, "\r\33[J", 4);
    view->pending = false;
    return echo.length;
}
