/* SPDX-License-Identifier: MIT
 * A terminal: screen, type-ahead, line discipline. Free of IPC: it says what became of a
 * read (enum terminal_outcome) and dispatch.c answers the caller. Lives in the arena.
 *
 * Everything that is shown goes through terminal_write or the line's echo to the screen and, for
 * the terminal that is mirrored on the serial line, to that line's queue. Echo must always have
 * room there: writers leave TERMINAL_ECHO_ROOM bytes of it free.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <axolotl/abi.h>
#include <proto/tty.h>

#include "byte_queue.h"
#include "history.h"
#include "keys.h"
#include "line.h"
#include "screen.h"

#define TERMINAL_BREAK 3 /* Ctrl-C */
#define TERMINAL_INPUT 4096
#define TERMINAL_ECHO_ROOM 4096
#define TERMINAL_WRITE_PIECE 512
#define TERMINAL_WRITERS 8
#define TERMINAL_PROMPT 256
#define SERIAL_COLUMNS 80 /* what a serial terminal is taken to have */

enum terminal_reader { READER_NONE, READER_LINE, READER_RAW };

enum terminal_outcome {
    OUTCOME_NONE,
    OUTCOME_LINE,        /* the reader gets line.text */
    OUTCOME_END,         /* Ctrl-D on an empty line */
    OUTCOME_INTERRUPTED, /* Ctrl-C while a line was read */
    OUTCOME_BREAK,       /* Ctrl-C while none was read */
};

/* A WRITE that waits for room. */
struct terminal_writer {
    token_t token;
    uint32_t length, done;
    bool leased; /* the text is in lease 0, else here */
    char text[TTY_INLINE];
};

struct terminal {
    struct byte_queue *serial; /* NULL: not mirrored */
    uint32_t reader;           /* enum terminal_reader */
    uint32_t reader_flags;     /* TTY_READ_* */
    uint64_t reader_size;      /* bytes that the reader takes */
    token_t reader_token;
    bool quiet;             /* what is typed is shown elsewhere: no echo here */
    bool line_shown;        /* prompt and line are on the screen */
    bool interrupt_pending; /* Ctrl-C that no WAIT_INTERRUPT has heard of */
    token_t interrupt_waiter;
    uint64_t interrupts;  /* Ctrl-C since boot */
    uint64_t return_time; /* when the last carriage return came, ns */
    uint32_t writer_count;
    uint32_t prompt_rows[2];
    struct line_view views[2]; /* screen, serial */
    struct keys keys;
    struct byte_queue input;
    char prompt[TERMINAL_PROMPT];
    struct line line;
    struct history history;
    struct terminal_writer writers[TERMINAL_WRITERS]; /* in the order of their coming */
    uint8_t input_bytes[TERMINAL_INPUT];
    struct screen screen;
};

void terminal_init(struct terminal *terminal, uint32_t columns, uint32_t rows,
                   struct byte_queue *serial);

/* Bytes of text that may be written now; a line feed counts twice on the serial line. */
bool terminal_has_room(const struct terminal *terminal, uint32_t length);

/* Shows text; the caller has asked for room. A line being edited is put out of the way first. */
void terminal_write(struct terminal *terminal, const char *text, size_t length);

/* Appends to a serial queue with line feeds as CR LF; bytes beyond the room are lost. */
void serial_queue_text(struct byte_queue *queue, const char *text, size_t length);

/* Takes a typed byte. Ctrl-C acts at once unless a raw read waits; the rest is queued. */
enum terminal_outcome terminal_receive(struct terminal *terminal, uint8_t byte, uint64_t now);

/* Starts reading a line. */
void terminal_read_line(struct terminal *terminal, const char *prompt, uint32_t flags);

/* Puts prompt and line out of sight and keeps them for the next read. */
void terminal_stop_reading(struct terminal *terminal);

/* Edits with the input at hand. After an outcome other than OUTCOME_NONE nothing is read. */
enum terminal_outcome terminal_step(struct terminal *terminal);

/* Raw input: returns the number of bytes taken. */
size_t terminal_take(struct terminal *terminal, char *to, size_t size);

/* The terminal has another size: within SCREEN_COLUMNS_MAX and SCREEN_ROWS_MAX. The screen is
 * cleared, the serial side is not: what shows it has put its text in order itself. */
void terminal_resize(struct terminal *terminal, uint32_t columns, uint32_t rows);

/* Clears screen and serial terminal. */
void terminal_clear(struct terminal *terminal);
