/* SPDX-License-Identifier: MIT
 * Virtual terminal: where screen, type-ahead and line editor meet.
 */
#include "terminal.h"

#include <common/string.h>

#include "utf8.h"

#define RETURN_WINDOW 50000000ull /* ns in which a line feed belongs to the return before it */
#define CLEAR_SEQUENCE "\33[H\33[2J\33[3J"

enum { VIEW_SCREEN, VIEW_SERIAL };

void terminal_init(struct terminal *terminal, uint32_t columns, uint32_t rows,
                   struct byte_queue *serial) {
    memset(terminal, 0, sizeof(*terminal));
    terminal->serial = serial;
    byte_queue_init(&terminal->input, terminal->input_bytes, TERMINAL_INPUT);
    history_init(&terminal->history);
    line_start(&terminal->line, &terminal->history);
    screen_init(&terminal->screen, columns, rows);
    terminal->views[VIEW_SCREEN].columns = columns;
    terminal->views[VIEW_SERIAL].columns = SERIAL_COLUMNS;
}

/* ---- Output ------------------------------------------------------------------------------- */

void serial_queue_text(struct byte_queue *queue, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        uint8_t before = byte_queue_at(queue, queue->tail - 1);
        if (text[i] == '\n' && before != '\r') {
            byte_queue_push(queue, '\r');
        }
        byte_queue_push(queue, (uint8_t)text[i]);
    }
}

static void terminal_view_write(struct terminal *terminal, uint32_t view, const char *text,
                                size_t length) {
    if (view == VIEW_SCREEN) {
        screen_write(&terminal->screen, text, length);
    } else if (terminal->serial != NULL) {
        serial_queue_text(terminal->serial, text, length);
    }
}

static void terminal_show(struct terminal *terminal, const char *text, size_t length) {
    terminal_view_write(terminal, VIEW_SCREEN, text, length);
    terminal_view_write(terminal, VIEW_SERIAL, text, length);
}

static bool echoes(const struct terminal *terminal) {
    return (terminal->reader_flags & TTY_READ_NO_ECHO) == 0 && !terminal->quiet;
}

static bool terminal_echo_room(const struct terminal *terminal) {
    return terminal->serial == NULL || byte_queue_room(terminal->serial) >= TERMINAL_ECHO_ROOM / 2;
}

bool terminal_has_room(const struct terminal *terminal, uint32_t length) {
    return terminal->serial == NULL ||
           byte_queue_room(terminal->serial) >= TERMINAL_ECHO_ROOM + 2 * length;
}

/* Rows below its first and last column of text that ends in a prompt. */
static void prompt_measure(const char *prompt, uint32_t columns, uint32_t *rows, uint32_t *column) {
    *rows = 0;
    *column = 0;
    for (const char *at = prompt; *at != 0; at++) {
        if (at[0] == 0x1b && at[1] == '[') {
            for (at += 2; *at != 0 && (*at < 0x40 || *at > 0x7e); at++) {
            }
            if (*at == 0) {
                break;
            }
            continue;
        }
        if (*at == '\n' || *at == '\r') {
            *rows += *at == '\n';
            *column = 0;
        } else if ((uint8_t)*at >= 32 && !utf8_is_continuation(*at)) {
            *rows += *column == columns;
            *column = *column == columns ? 1 : *column + 1;
        }
    }
}

static void terminal_show_line(struct terminal *terminal) {
    char text[LINE_ECHO_MAX];
    bool echo = echoes(terminal);
    if (terminal->prompt[0] != 0 && terminal->screen.column != 0) {
        terminal_show(terminal, "\n", 1);
    }
    uint32_t start = terminal->screen.column; /* not 0: a program wrote its own prompt */
    for (uint32_t i = 0; i < 2; i++) {
        struct line_view *view = &terminal->views[i];
        terminal_view_write(terminal, i, terminal->prompt, strlen(terminal->prompt));
        prompt_measure(terminal->prompt, view->columns, &terminal->prompt_rows[i], &view->origin);
        if (terminal->prompt[0] == 0) {
            view->origin = start % view->columns;
        }
        if (view->origin == view->columns) {
            terminal_view_write(terminal, i, "\r\n", 2);
            terminal->prompt_rows[i]++;
            view->origin = 0;
        }
        if (echo) {
            terminal_view_write(terminal, i, text, line_show(&terminal->line, view, text));
        }
    }
    terminal->line_shown = true;
}

static void terminal_hide_line(struct terminal *terminal) {
    char text[LINE_ECHO_MAX];
    if (!terminal->line_shown) {
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        size_t length =
            line_hide(&terminal->line, &terminal->views[i], terminal->prompt_rows[i], text);
        terminal_view_write(terminal, i, text, length);
    }
    terminal->line_shown = false;
}

void terminal_write(struct terminal *terminal, const char *text, size_t length) {
    terminal_hide_line(terminal);
    terminal_show(terminal, text, length);
}

void terminal_clear(struct terminal *terminal) {
    terminal->line_shown = false;
    terminal_show(terminal, CLEAR_SEQUENCE, sizeof(CLEAR_SEQUENCE) - 1);
}

void terminal_resize(struct terminal *terminal, uint32_t columns, uint32_t rows) {
    terminal_hide_line(terminal); /* by the old width; the next step shows it again */
    uint16_t column = terminal->screen.column;
    screen_init(&terminal->screen, columns, rows);
    terminal->screen.column = column < columns ? column : 0;
    terminal->views[VIEW_SCREEN].columns = terminal->views[VIEW_SERIAL].columns = columns;
}

/* ---- Line discipline ---------------------------------------------------------------------- */

void terminal_read_line(struct terminal *terminal, const char *prompt, uint32_t flags) {
    strlcpy(terminal->prompt, prompt, sizeof(terminal->prompt));
    terminal->reader = READER_LINE;
    terminal->reader_flags = flags;
    terminal->line_shown = false;
    terminal->interrupt_pending = false;
}

void terminal_stop_reading(struct terminal *terminal) {
    terminal_hide_line(terminal);
    terminal->reader = READER_NONE;
    terminal->reader_token = TOKEN_NONE;
}

/* Moves behind the line and says how it ended; the line's text stays until the next read. */
static void terminal_finish_line(struct terminal *terminal, const char *ending) {
    char text[LINE_ECHO_MAX];
    for (uint32_t i = 0; i < 2 && terminal->line_shown; i++) {
        if (echoes(terminal)) {
            size_t length = line_leave(&terminal->line, &terminal->views[i], text);
            terminal_view_write(terminal, i, text, length);
        }
    }
    terminal_show(terminal, ending, strlen(ending));
    terminal->reader = READER_NONE;
    terminal->line_shown = false;
}

static enum terminal_outcome terminal_key(struct terminal *terminal, uint32_t key) {
    char text[LINE_ECHO_MAX];
    struct line_change change;
    struct line *line = &terminal->line;
    switch (line_key(line, &terminal->history, key, &change)) {
    case LINE_ENTERED:
        terminal_finish_line(terminal, "\n");
        if (terminal->reader_flags & TTY_READ_HISTORY) {
            history_add(&terminal->history, line->text, line->length);
        }
        return OUTCOME_LINE;
    case LINE_END:
        terminal_finish_line(terminal, "\n");
        return OUTCOME_END;
    case LINE_CLEAR:
        terminal_show(terminal, "\33[H\33[2J", 7);
        terminal_show_line(terminal);
        return OUTCOME_NONE;
    default:
        break;
    }
    for (uint32_t i = 0; i < 2 && echoes(terminal); i++) {
        terminal_view_write(terminal, i, text, line_echo(line, &change, &terminal->views[i], text));
    }
    return OUTCOME_NONE;
}

enum terminal_outcome terminal_step(struct terminal *terminal) {
    if (terminal->reader != READER_LINE || !terminal_echo_room(terminal)) {
        return OUTCOME_NONE;
    }
    if (!terminal->line_shown) {
        if (terminal->writer_count != 0) {
            return OUTCOME_NONE;
        }
        terminal_show_line(terminal);
    }
    uint8_t byte;
    while (terminal_echo_room(terminal) && byte_queue_pop(&terminal->input, &byte)) {
        uint32_t key = keys_feed(&terminal->keys, byte);
        if (key != KEY_NONE) {
            enum terminal_outcome outcome = terminal_key(terminal, key);
            if (outcome != OUTCOME_NONE) {
                return outcome;
            }
        }
    }
    return OUTCOME_NONE;
}

static enum terminal_outcome terminal_interrupt(struct terminal *terminal) {
    byte_queue_clear(&terminal->input);
    memset(&terminal->keys, 0, sizeof(terminal->keys));
    terminal->interrupts++;
    if (terminal->reader == READER_LINE) {
        terminal_finish_line(terminal, "^C\n");
        line_start(&terminal->line, &terminal->history);
        return OUTCOME_INTERRUPTED;
    }
    if (terminal_echo_room(terminal)) {
        terminal_show(terminal, "^C\n", 3);
    }
    terminal->interrupt_pending = true;
    return OUTCOME_BREAK;
}

enum terminal_outcome terminal_receive(struct terminal *terminal, uint8_t byte, uint64_t now) {
    if (byte == TERMINAL_BREAK && terminal->reader != READER_RAW) {
        return terminal_interrupt(terminal);
    }
    bool pair = byte == '\n' && terminal->reader != READER_RAW && terminal->return_time != 0 &&
                now - terminal->return_time < RETURN_WINDOW;
    terminal->return_time = byte == '\r' ? now : 0;
    if (!pair) {
        byte_queue_push(&terminal->input, byte);
    }
    return OUTCOME_NONE;
}

size_t terminal_take(struct terminal *terminal, char *to, size_t size) {
    size_t count = 0;
    uint8_t byte;
    while (count < size && byte_queue_pop(&terminal->input, &byte)) {
        to[count++] = (char)byte;
    }
    return count;
}
