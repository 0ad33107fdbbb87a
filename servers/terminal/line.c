/* SPDX-License-Identifier: MIT
 * Line editor: keys to changes of the text.
 */
#include "line.h"

#include <common/string.h>

#include "keys.h"
#include "utf8.h"

#define CONTROL(letter) ((letter) - '@')
#define KEY_RUBOUT 0x7f

void line_start(struct line *line, const struct history *history) {
    line->length = 0;
    line->cursor = 0;
    line->typed_length = 0;
    line->history_position = history->count;
}

static uint32_t line_previous(const struct line *line, uint32_t at) {
    while (at > 0 && utf8_is_continuation(line->text[--at])) {
    }
    return at;
}

static uint32_t line_next(const struct line *line, uint32_t at) {
    if (at < line->length) {
        at++;
    }
    while (at < line->length && utf8_is_continuation(line->text[at])) {
        at++;
    }
    return at;
}

static bool line_in_word(const struct line *line, uint32_t at) {
    return line->text[at] != ' ' && line->text[at] != '\t';
}

static uint32_t line_word_left(const struct line *line) {
    uint32_t at = line->cursor;
    while (at > 0 && !line_in_word(line, at - 1)) {
        at--;
    }
    while (at > 0 && line_in_word(line, at - 1)) {
        at--;
    }
    return at;
}

static uint32_t line_word_right(const struct line *line) {
    uint32_t at = line->cursor;
    while (at < line->length && !line_in_word(line, at)) {
        at++;
    }
    while (at < line->length && line_in_word(line, at)) {
        at++;
    }
    return at;
}

/* Text beyond the room is dropped without harm. */
static void line_insert(struct line *line, const char *text, uint32_t length) {
    if (length >= TTY_LINE_MAX - line->length) {
        return;
    }
    memmove(line->text + line->cursor + length, line->text + line->cursor,
            line->length - line->cursor);
    memcpy(line->text + line->cursor, text, length);
    line->length += length;
    line->cursor += length;
}

static void line_remove(struct line *line, uint32_t from, uint32_t to) {
    memmove(line->text + from, line->text + to, line->length - to);
    line->length -= to - from;
    line->cursor = from;
}

static void line_kill(struct line *line, uint32_t from, uint32_t to) {
    if (from < to) {
        memcpy(line->killed, line->text + from, to - from);
        line->killed_length = to - from;
        line_remove(line, from, to);
    }
}

static void line_replace(struct line *line, const char *text, uint32_t length) {
    memcpy(line->text, text, length);
    line->length = length;
    line->cursor = length;
}

/* Shows another line of the history; the one being typed is kept aside and comes back. */
static void line_walk(struct line *line, const struct history *history, bool up) {
    if (line->history_position > history->count) {
        line->history_position = history->count;
    }
    if (up ? line->history_position == 0 : line->history_position == history->count) {
        return;
    }
    if (line->history_position == history->count) {
        memcpy(line->typed, line->text, line->length);
        line->typed_length = line->length;
    }
    line->history_position += up ? (uint32_t)-1 : 1;
    if (line->history_position == history->count) {
        line_replace(line, line->typed, line->typed_length);
    } else {
        const char *text = history_line(history, line->history_position);
        line_replace(line, text, (uint32_t)strlen(text));
    }
}

static void line_swap_characters(struct line *line) {
    uint32_t second =
        line->cursor == line->length ? line_previous(line, line->cursor) : line->cursor;
    uint32_t first = line_previous(line, second);
    uint32_t end = line_next(line, second);
    if (first == second) {
        return;
    }
    char text[4];
    uint32_t size = second - first;
    memcpy(text, line->text + first, size);
    memmove(line->text + first, line->text + second, end - second);
    memcpy(line->text + first + (end - second), text, size);
    line->cursor = end;
}

/* Keys that only move the cursor. */
static bool line_motion(struct line *line, uint32_t key) {
    switch (key) {
    case KEY_LEFT:
    case CONTROL('B'):
        line->cursor = line_previous(line, line->cursor);
        return true;
    case KEY_RIGHT:
    case CONTROL('F'):
        line->cursor = line_next(line, line->cursor);
        return true;
    case KEY_HOME:
    case CONTROL('A'):
        line->cursor = 0;
        return true;
    case KEY_END:
    case CONTROL('E'):
        line->cursor = line->length;
        return true;
    case KEY_WORD_LEFT:
        line->cursor = line_word_left(line);
        return true;
    case KEY_WORD_RIGHT:
        line->cursor = line_word_right(line);
        return true;
    default:
        return false;
    }
}

static bool line_removal(struct line *line, uint32_t key) {
    switch (key) {
    case '\b':
    case KEY_RUBOUT:
        line_remove(line, line_previous(line, line->cursor), line->cursor);
        return true;
    case KEY_DELETE:
    case CONTROL('D'):
        line_remove(line, line->cursor, line_next(line, line->cursor));
        return true;
    case CONTROL('K'):
        line_kill(line, line->cursor, line->length);
        return true;
    case CONTROL('U'):
        line_kill(line, 0, line->cursor);
        return true;
    case CONTROL('W'):
    case KEY_WORD_RUBOUT:
        line_kill(line, line_word_left(line), line->cursor);
        return true;
    case KEY_WORD_DELETE:
        line_kill(line, line->cursor, line_word_right(line));
        return true;
    default:
        return false;
    }
}

static void line_edit(struct line *line, const struct history *history, uint32_t key) {
    if (line_motion(line, key) || line_removal(line, key)) {
        return;
    }
    switch (key) {
    case KEY_UP:
    case CONTROL('P'):
        line_walk(line, history, true);
        break;
    case KEY_DOWN:
    case CONTROL('N'):
        line_walk(line, history, false);
        break;
    case CONTROL('T'):
        line_swap_characters(line);
        break;
    case CONTROL('Y'):
        line_insert(line, line->killed, line->killed_length);
        break;
    case '\t':
        line_insert(line, " ", 1);
        break;
    default:
        if (key >= 32 && key < KEY_NONE) {
            char bytes[4];
            unsigned size = utf8_encode(key, bytes);
            line_insert(line, bytes, size);
        }
        break;
    }
}

enum line_result line_key(struct line *line, const struct history *history, uint32_t key,
                          struct line_change *change) {
    if (key == '\r' || key == '\n') {
        return LINE_ENTERED;
    }
    if (key == CONTROL('D') && line->length == 0) {
        return LINE_END;
    }
    if (key == CONTROL('L')) {
        return LINE_CLEAR;
    }
    char before[TTY_LINE_MAX];
    uint32_t length = line->length;
    memcpy(before, line->text, length);
    change->cursor_before = utf8_columns(line->text, line->cursor);
    change->width_before = utf8_columns(line->text, length);
    line_edit(line, history, key);
    uint32_t limit = length < line->length ? length : line->length;
    uint32_t same = 0;
    while (same < limit && before[same] == line->text[same]) {
        same++;
    }
    /* Never split a character that differs only in its last bytes. */
    while (same > 0 && same < line->length && utf8_is_continuation(line->text[same])) {
        same--;
    }
    while (same > 0 && same < length && utf8_is_continuation(before[same])) {
        same--;
    }
    change->same = same;
    return LINE_EDITED;
}
