/* SPDX-License-Identifier: MIT
 * Terminal protocol: decoding, parked calls, answers. What a terminal does with text and keys is
 * in terminal.c.
 */
#include "protocol.h"

#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/dispatch.h>
#include <ipc/time.h>

#define RAW_PIECE 512

#define OP(number, NAME, name, request, reply) DISPATCH_DECLARE(handle_##name, request, reply)
TTY_PROTOCOL(OP)
#undef OP

/* Of the call of this turn. */
static struct terminal *called;

/* ---- Writing ------------------------------------------------------------------------------ */

/* Shows as much of a text as there is room for. Negative: the lent memory can't be read. */
static status_t writer_advance(struct terminal *terminal, struct terminal_writer *writer) {
    while (writer->done < writer->length) {
        char buffer[TERMINAL_WRITE_PIECE];
        const char *text = writer->text + writer->done;
        uint32_t length = writer->length - writer->done;
        length = length < sizeof(buffer) ? length : (uint32_t)sizeof(buffer);
        if (!terminal_has_room(terminal, length)) {
            return OK;
        }
        if (writer->leased) {
            status_t status = lease_read(writer->token, 0, writer->done, buffer, length);
            if (status != OK) {
                return status;
            }
            text = buffer;
        }
        terminal_write(terminal, text, length);
        writer->done += length;
    }
    return OK;
}

static void writer_answer(const struct terminal_writer *writer, status_t status) {
    struct tty_io_reply answer = {.length = writer->done};
    reply(writer->token, status, &answer, sizeof(answer));
}

static void writer_remove(struct terminal *terminal, uint32_t index) {
    terminal->writer_count--;
    memmove(&terminal->writers[index], &terminal->writers[index + 1],
            (terminal->writer_count - index) * sizeof(terminal->writers[0]));
}

static void pump_writers(struct terminal *terminal) {
    while (terminal->writer_count != 0) {
        struct terminal_writer *writer = &terminal->writers[0];
        status_t status = writer_advance(terminal, writer);
        if (status == OK && writer->done < writer->length) {
            return;
        }
        writer_answer(writer, status);
        writer_remove(terminal, 0);
    }
}

status_t handle_write(struct event *event, const struct tty_io_request *request,
                      struct tty_io_reply *answer) {
    struct terminal *terminal = called;
    bool leased = event->lease_count != 0;
    uint64_t limit = leased ? event->leases[0].length : TTY_INLINE;
    if (request->length > limit) {
        return E_INVALID;
    }
    if (leased && (event->leases[0].access & LEASE_READ) == 0) {
        return E_RIGHTS;
    }
    if (terminal->writer_count == TERMINAL_WRITERS) {
        return E_BUSY;
    }
    (void)answer;
    struct terminal_writer *writer = &terminal->writers[terminal->writer_count++];
    writer->token = event->token;
    writer->length = (uint32_t)(request->length < TTY_WRITE_MAX ? request->length : TTY_WRITE_MAX);
    writer->done = 0;
    writer->leased = leased;
    if (!leased) {
        memcpy(writer->text, request->text, writer->length);
    }
    return DISPATCH_PARKED; /* the pump answers, in this turn if there is room */
}

status_t handle_clear(struct event *event, const struct tty_empty *request,
                      struct tty_empty *answer) {
    struct terminal *terminal = called;
    (void)event;
    (void)request;
    (void)answer;
    terminal_clear(terminal);
    return OK;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static status_t reader_check(const struct event *event, const struct tty_read_request *request,
                             struct terminal *terminal) {
    if (event->lease_count == 0 || !dispatch_text_valid(request->prompt, sizeof(request->prompt))) {
        return E_INVALID;
    }
    if ((event->leases[0].access & LEASE_WRITE) == 0) {
        return E_RIGHTS;
    }
    if (terminal->reader != READER_NONE) {
        return E_BUSY;
    }
    terminal->reader_token = event->token;
    terminal->reader_size = event->leases[0].length;
    return OK;
}

status_t handle_read_line(struct event *event, const struct tty_read_request *request,
                          struct tty_io_reply *answer) {
    struct terminal *terminal = called;
    status_t status = reader_check(event, request, terminal);
    (void)answer;
    if (status != OK) {
        return status;
    }
    terminal_read_line(terminal, request->prompt, (uint32_t)request->flags);
    return DISPATCH_PARKED;
}

status_t handle_read(struct event *event, const struct tty_read_request *request,
                     struct tty_io_reply *answer) {
    struct terminal *terminal = called;
    status_t status = reader_check(event, request, terminal);
    (void)answer;
    if (status != OK) {
        return status;
    }
    terminal->reader = READER_RAW;
    return DISPATCH_PARKED;
}

/* Answers the reader of a line that has ended, or of raw input that is taken. */
static void reader_end(struct terminal *terminal, status_t status, uint64_t length) {
    struct tty_io_reply answer = {.length = length};
    if (terminal->reader != READER_NONE) {
        actor_abort("a reader is answered that goes on");
    }
    reply(terminal->reader_token, status, &answer, sizeof(answer));
    terminal->reader_token = TOKEN_NONE;
}

/* Gives the reader its bytes. A reader that is gone loses nothing that others could want. */
static void reader_answer(struct terminal *terminal, const char *text, uint64_t length) {
    status_t status = OK;
    if (length != 0) {
        status = lease_write(terminal->reader_token, 0, 0, text, length);
    }
    reader_end(terminal, status, length);
}

static void interrupt_tell(struct terminal *terminal) {
    if (terminal->interrupt_pending && terminal->interrupt_waiter != TOKEN_NONE) {
        reply_status(terminal->interrupt_waiter, OK);
        terminal->interrupt_waiter = TOKEN_NONE;
        terminal->interrupt_pending = false;
    }
}

static void outcome_deliver(struct terminal *terminal, enum terminal_outcome outcome) {
    struct line *line = &terminal->line;
    uint64_t size = terminal->reader_size;
    switch (outcome) {
    case OUTCOME_LINE:
        reader_answer(terminal, line->text, line->length < size ? line->length : size);
        line_start(line, &terminal->history);
        break;
    case OUTCOME_END:
        reader_end(terminal, E_CLOSED, 0);
        break;
    case OUTCOME_INTERRUPTED:
        reader_end(terminal, E_INTR, 0);
        break;
    case OUTCOME_BREAK:
        interrupt_tell(terminal);
        break;
    default:
        break;
    }
}

/* Whether the input has all that was typed since its tail was at `place`, in that order; two bytes
 * may mean more, and lie there or not. */
static bool is_kept(const struct byte_queue *input, uint32_t place, const uint8_t *bytes,
                    uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (place != input->tail && byte_queue_at(input, place) == bytes[i]) {
            place++;
        } else if (bytes[i] != TERMINAL_BREAK && bytes[i] != '\n') {
            return false;
        }
    }
    return place == input->tail;
}

void terminal_typed(struct terminal *terminal, const uint8_t *bytes, uint32_t count) {
    uint32_t tail = terminal->input.tail;
    for (uint32_t i = 0; i < count; i++) {
        outcome_deliver(terminal, terminal_receive(terminal, bytes[i], time_now_ns()));
    }
    __asm__ volatile("" : "+r"(count)::"memory"); /* the compiler does not know what was done */
    if (!is_kept(&terminal->input, tail, bytes, count)) {
        actor_abort("a typed byte is lost");
    }
}

status_t handle_wait_interrupt(struct event *event, const struct tty_empty *request,
                               struct tty_empty *answer) {
    struct terminal *terminal = called;
    (void)request;
    (void)answer;
    if (terminal->interrupt_waiter != TOKEN_NONE) {
        return E_BUSY;
    }
    terminal->interrupt_waiter = event->token;
    interrupt_tell(terminal);
    return DISPATCH_PARKED;
}

status_t handle_poll_interrupt(struct event *event, const struct tty_empty *request,
                               struct tty_interrupts *answer) {
    struct terminal *terminal = called;
    (void)event;
    (void)request;
    answer->count = terminal->interrupts;
    return OK;
}

/* ---- The rest ----------------------------------------------------------------------------- */

status_t handle_size(struct event *event, const struct tty_empty *request,
                     struct tty_size *answer) {
    struct terminal *terminal = called;
    (void)request;
    answer->columns = terminal->screen.columns;
    answer->rows = terminal->screen.rows;
    answer->terminal = event->badge & TTY_BADGE_NUMBER;
    return OK;
}

status_t handle_history(struct event *event, const struct tty_history_request *request,
                        struct tty_history_reply *answer) {
    struct terminal *terminal = called;
    (void)event;
    const struct history *history = &terminal->history;
    const char *line =
        request->index < history->count ? history_line(history, (uint32_t)request->index) : NULL;
    if (line == NULL) {
        return E_NOT_FOUND;
    }
    answer->number = history->first + request->index;
    strlcpy(answer->line, line, sizeof(answer->line));
    return OK;
}

void terminal_call(struct event *event, struct terminal *terminal) {
    if (terminal == NULL) {
        reply_status(event->token, E_INVALID);
        return;
    }
    called = terminal;
    switch (event->label) {
#define OP(number, NAME, name, request, reply) DISPATCH_CASE(number, handle_##name, request, reply)
        TTY_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
    }
}

void terminal_cancel(struct terminal *terminal, token_t token) {
    if (terminal->reader != READER_NONE && terminal->reader_token == token) {
        terminal_stop_reading(terminal);
    }
    if (terminal->interrupt_waiter == token) {
        terminal->interrupt_waiter = TOKEN_NONE;
    }
    for (uint32_t i = 0; i < terminal->writer_count; i++) {
        if (terminal->writers[i].token == token) {
            writer_remove(terminal, i);
            break;
        }
    }
}

void terminal_pump(struct terminal *terminal) {
    pump_writers(terminal);
    outcome_deliver(terminal, terminal_step(terminal));
    if (terminal->reader == READER_RAW && byte_queue_length(&terminal->input) != 0) {
        char bytes[RAW_PIECE];
        uint64_t size = terminal->reader_size < RAW_PIECE ? terminal->reader_size : RAW_PIECE;
        terminal->reader = READER_NONE;
        reader_answer(terminal, bytes, terminal_take(terminal, bytes, size));
    }
}

void terminal_hang_up(struct terminal *terminal, status_t status) {
    if (terminal->reader != READER_NONE) {
        terminal->reader = READER_NONE;
        reader_end(terminal, status, 0);
    }
    if (terminal->interrupt_waiter != TOKEN_NONE) {
        reply_status(terminal->interrupt_waiter, status);
        terminal->interrupt_waiter = TOKEN_NONE;
    }
    while (terminal->writer_count != 0) {
        writer_answer(&terminal->writers[0], status);
        writer_remove(terminal, 0);
    }
}
