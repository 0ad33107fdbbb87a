/* SPDX-License-Identifier: MIT
 * Export, import and invariants of terminals. Records of version 1 hold screen, line and history as
 * the structures are now; who changes one of them raises its record's version and keeps the old
 * structure here, to read records of before.
 */
#include "record.h"

#include <common/string.h>

_Static_assert(sizeof(struct line) == 3092 && sizeof(struct history) == 16400 &&
                   sizeof(struct screen) == 49248 && sizeof(struct keys) == 28,
               "a changed structure needs another version of its record");

enum {
    RECORD_TERMINAL = 1,
    RECORD_LINE,
    RECORD_HISTORY,
    RECORD_SCREEN,
    RECORD_INPUT,
    RECORD_WRITER
};

struct record_terminal {
    uint64_t number;
    uint64_t reader_size, reader_token, interrupt_waiter, interrupts, return_time;
    uint32_t reader, reader_flags, line_shown, interrupt_pending;
    uint32_t prompt_rows[2];
    struct {
        uint32_t columns, origin, pending;
    } views[2];
    struct keys keys;
    char prompt[TERMINAL_PROMPT];
};

struct record_input {
    uint64_t number;
    uint32_t length, reserved;
    uint8_t bytes[TERMINAL_INPUT];
};

struct record_writer {
    uint64_t number, token;
    uint32_t length, done, leased, reserved;
    char text[TTY_INLINE];
};

/* Each of the large ones follows the number of its terminal. */
#define NUMBERED(type)                                                                             \
    struct {                                                                                       \
        uint64_t number;                                                                           \
        type value;                                                                                \
    }

/* ---- Invariants ------------------------------------------------------------------------------ */

static bool line_sound(const struct line *line) {
    return line->length < TTY_LINE_MAX && line->cursor <= line->length &&
           line->typed_length < TTY_LINE_MAX && line->killed_length < TTY_LINE_MAX;
}

static bool history_sound(const struct history *history) {
    return history->used <= HISTORY_BYTES && history->count <= history->used &&
           (history->used == 0 || history->text[history->used - 1] == '\0');
}

static bool screen_sound(const struct screen *screen) {
    return screen->rows > 0 && screen->rows <= SCREEN_ROWS_MAX && screen->columns > 0 &&
           screen->columns <= SCREEN_COLUMNS_MAX && screen->row < screen->rows &&
           screen->column < screen->columns && screen->saved_row < screen->rows &&
           screen->saved_column < screen->columns && screen->top < SCREEN_LINES &&
           screen->history <= (uint32_t)SCREEN_LINES - screen->rows &&
           screen->back <= screen->history && screen->state <= SCREEN_OSC &&
           screen->parameter_count <= SCREEN_PARAMETERS;
}

const char *terminal_check(const struct terminal *terminal) {
    if (!screen_sound(&terminal->screen)) {
        return "a screen is damaged";
    }
    if (!line_sound(&terminal->line) || !history_sound(&terminal->history)) {
        return "a line or its history is damaged";
    }
    if (terminal->input.bytes != terminal->input_bytes || terminal->input.size != TERMINAL_INPUT ||
        byte_queue_length(&terminal->input) > TERMINAL_INPUT) {
        return "a terminal's input is damaged";
    }
    return terminal->reader > READER_RAW || terminal->writer_count > TERMINAL_WRITERS ||
                   terminal->keys.parameter > 1
               ? "a terminal's numbers are wrong"
               : NULL;
}

/* ---- Export ---------------------------------------------------------------------------------- */

static void put_numbered(struct records_writer *records, uint16_t tag, uint64_t number,
                         const void *value, size_t size) {
    uint8_t *to = record_add(records, tag, 1, sizeof number + size);
    if (to != NULL) {
        memcpy(to, &number, sizeof number);
        memcpy(to + sizeof number, value, size);
    }
}

void terminal_export(const struct terminal *terminal, uint32_t number,
                     struct records_writer *records) {
    struct record_terminal *to = record_add(records, RECORD_TERMINAL, 1, sizeof *to);
    if (to != NULL) {
        to->number = number;
        to->reader = terminal->reader;
        to->reader_flags = terminal->reader_flags;
        to->reader_size = terminal->reader_size;
        to->reader_token = terminal->reader_token;
        to->interrupt_waiter = terminal->interrupt_waiter;
        to->interrupts = terminal->interrupts;
        to->return_time = terminal->return_time;
        to->line_shown = terminal->line_shown;
        to->interrupt_pending = terminal->interrupt_pending;
        to->keys = terminal->keys;
        memcpy(to->prompt, terminal->prompt, sizeof to->prompt);
        for (int i = 0; i < 2; i++) {
            to->prompt_rows[i] = terminal->prompt_rows[i];
            to->views[i].columns = terminal->views[i].columns;
            to->views[i].origin = terminal->views[i].origin;
            to->views[i].pending = terminal->views[i].pending;
        }
    }
    put_numbered(records, RECORD_LINE, number, &terminal->line, sizeof terminal->line);
    put_numbered(records, RECORD_HISTORY, number, &terminal->history, sizeof terminal->history);
    put_numbered(records, RECORD_SCREEN, number, &terminal->screen, sizeof terminal->screen);
    struct record_input *input = record_add(records, RECORD_INPUT, 1, sizeof *input);
    if (input != NULL) {
        struct byte_queue queue = terminal->input; /* a copy: it is emptied */
        input->number = number;
        while (input->length < TERMINAL_INPUT &&
               byte_queue_pop(&queue, &input->bytes[input->length])) {
            input->length++;
        }
    }
    for (uint32_t i = 0; i < terminal->writer_count && i < TERMINAL_WRITERS; i++) {
        const struct terminal_writer *writer = &terminal->writers[i];
        struct record_writer record = {
            .number = number,
            .token = writer->token,
            .length = writer->length,
            .done = writer->done,
            .leased = writer->leased,
        };
        memcpy(record.text, writer->text, sizeof record.text);
        record_put(records, RECORD_WRITER, 1, &record, sizeof record);
    }
}

/* ---- Import ---------------------------------------------------------------------------------- */

static void import_terminal(struct terminal *terminal, const struct record *record) {
    struct record_terminal from;
    record_copy(record, &from, sizeof from);
    if (from.reader > READER_RAW || !record_text(from.prompt, sizeof from.prompt) ||
        from.keys.parameter > 1) {
        return;
    }
    terminal->reader = from.reader;
    terminal->reader_flags = from.reader_flags;
    terminal->reader_size = from.reader_size;
    terminal->reader_token = from.reader != READER_NONE ? from.reader_token : TOKEN_NONE;
    terminal->interrupt_waiter = from.interrupt_waiter;
    terminal->interrupts = from.interrupts;
    terminal->return_time = from.return_time;
    terminal->line_shown = from.line_shown != 0;
    terminal->interrupt_pending = from.interrupt_pending != 0;
    terminal->keys = from.keys;
    memcpy(terminal->prompt, from.prompt, sizeof terminal->prompt);
    for (int i = 0; i < 2; i++) {
        terminal->prompt_rows[i] = from.prompt_rows[i];
        if (from.views[i].columns != 0 && from.views[i].origin < from.views[i].columns) {
            terminal->views[i] = (struct line_view){from.views[i].columns, from.views[i].origin,
                                                    from.views[i].pending != 0};
        }
    }
}

static void import_input(struct terminal *terminal, const struct record *record) {
    const struct record_input *from = record->data;
    if (record->length >= sizeof *from && from->length <= TERMINAL_INPUT) {
        for (uint32_t i = 0; i < from->length; i++) {
            (void)byte_queue_push(&terminal->input, from->bytes[i]);
        }
    }
}

static void import_writer(struct terminal *terminal, const struct record *record) {
    struct record_writer from;
    record_copy(record, &from, sizeof from);
    if (terminal->writer_count == TERMINAL_WRITERS || from.done > from.length ||
        (from.leased == 0 && from.length > TTY_INLINE)) {
        return;
    }
    struct terminal_writer *writer = &terminal->writers[terminal->writer_count++];
    *writer = (struct terminal_writer){
        .token = from.token, .length = from.length, .done = from.done, .leased = from.leased != 0};
    memcpy(writer->text, from.text, sizeof writer->text);
}

static void import_one(struct terminal *terminal, const struct record *record) {
    const NUMBERED(struct line) *line = record->data;
    const NUMBERED(struct history) *history = record->data;
    const NUMBERED(struct screen) *screen = record->data;
    switch (record->tag) {
    case RECORD_TERMINAL:
        import_terminal(terminal, record);
        break;
    case RECORD_LINE:
        if (record->length >= sizeof(uint64_t) + sizeof line->value && line_sound(&line->value)) {
            terminal->line = line->value;
        }
        break;
    case RECORD_HISTORY:
        if (record->length >= sizeof(uint64_t) + sizeof history->value &&
            history_sound(&history->value)) {
            terminal->history = history->value;
        }
        break;
    case RECORD_SCREEN:
        if (record->length >= sizeof(uint64_t) + sizeof screen->value &&
            screen_sound(&screen->value)) {
            terminal->screen = screen->value;
            screen_mark_all(&terminal->screen);
        }
        break;
    case RECORD_INPUT:
        import_input(terminal, record);
        break;
    case RECORD_WRITER:
        import_writer(terminal, record);
        break;
    default:
        break;
    }
}

void terminals_import(struct terminal *terminals, uint32_t count, struct records_reader *records) {
    struct record record;
    uint64_t number;
    for (records_rewind(records); record_next(records, &record);) {
        record_copy(&record, &number, sizeof number); /* all begin with it */
        if (record.tag < CONSOLE_RECORD && record.version == 1 && number < count) {
            import_one(&terminals[number], &record);
        }
    }
}
