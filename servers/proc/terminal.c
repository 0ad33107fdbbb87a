/* SPDX-License-Identifier: MIT
 * Terminals of Linux programs: a line discipline (tty.c) between them and a terminal of console,
 * whose bytes are read raw. Who may read and who gets signals is decided here.
 */
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/startup.h>

#include "effects.h"
#include "payload.h"
#include "process.h"
#include "stream.h"
#include "waiter.h"

#define LFLAG_ICANON 02u
#define LFLAG_TOSTOP 0400u

uint32_t terminal_index(const struct terminal *terminal) {
    return (uint32_t)(terminal - proc.terminals);
}

struct terminal *terminal_of_badge(uint64_t badge) {
    uint32_t index = badge_index(badge);
    if (index >= TERMINALS) {
        return NULL;
    }
    struct terminal *terminal = &proc.terminals[index];
    return terminal->used != 0 && terminal->serial == badge_serial(badge) ? terminal : NULL;
}

status_t terminal_create(handle_t console, struct terminal **out) {
    status_t status = payload_terminals();
    for (uint32_t i = 0; i < TERMINALS && status == OK; i++) {
        struct terminal *terminal = &proc.terminals[i];
        if (terminal->used != 0) {
            continue;
        }
        *terminal = (struct terminal){.used = 1, .serial = ++proc.serial, .console = console};
        tty_init(&terminal->tty);
        *out = terminal;
        return call_stage(console, TTY_SIZE, NULL, 0, COOKIE(COOKIE_SIZE, terminal));
    }
    return status == OK ? E_NO_SPACE : status;
}

status_t terminal_session(struct terminal *terminal, handle_t *session) {
    status_t status = session_create(
        startup_handle("endpoint"),
        badge_make(BADGE_TERMINAL, terminal->serial, terminal_index(terminal)), session);
    if (status == OK) {
        terminal->used++; /* each session closes once */
    }
    return status;
}

static void terminal_free(struct terminal *terminal) {
    waiter_forget(BADGE_TERMINAL, terminal_index(terminal));
    handle_close(terminal->console);
    *terminal = (struct terminal){.used = 0};
}

/* The creator's share of `used` ends with the leader, the others with the sessions. */
static void drop(struct terminal *terminal) {
    if (--terminal->used == 0) {
        terminal_free(terminal);
    }
}

void terminal_closed(struct terminal *terminal) {
    drop(terminal);
}

/* ---- input ---- */

/* What a read of `waiter` or of this call gets; false: it has to wait. */
static bool give(struct terminal *terminal, token_t token, uint64_t length, status_t *status,
                 struct proc_io_reply *answer) {
    uint8_t bytes[TTY_INPUT];
    bool now = true;
    size_t count = tty_available(&terminal->tty, length < TTY_INPUT ? length : TTY_INPUT, &now);
    if (!now) {
        return false;
    }
    tty_peek(&terminal->tty, bytes, count);
    *status = count == 0 ? OK : lease_write(token, 0, 0, bytes, count);
    if (*status == OK) {
        tty_take(&terminal->tty, count);
        answer->length = count;
    }
    return true;
}

static void serve_readers(struct terminal *terminal) {
    uint32_t index = terminal_index(terminal);
    for (struct waiter *waiter;
         (waiter = waiter_next(NULL, WAITER_READ, BADGE_TERMINAL, index)) != NULL;) {
        struct proc_io_reply answer = {0};
        status_t status = OK;
        if (!terminal->hung && !give(terminal, waiter->token, waiter->length, &status, &answer)) {
            break;
        }
        reply(waiter->token, status, &answer, sizeof answer);
        waiter_remove(waiter);
    }
    waiter_poll(BADGE_TERMINAL, index, terminal_events(terminal));
}

void terminal_typed(struct terminal *terminal, const struct event *event) {
    struct tty_io_reply answer = {0};
    terminal->reading = false;
    terminal->read_token = TOKEN_NONE;
    if (event_status(event) != OK || event->word_count == 0) {
        if (event_status(event) != E_CANCELLED) {
            terminal->always = false; /* somebody else reads there, or the terminal is gone */
        }
        return;
    }
    answer.length = event->words[0];
    size_t length = answer.length < TYPED_SIZE ? answer.length : TYPED_SIZE;
    uint64_t signals = tty_input(&terminal->tty, payload_typed(terminal_index(terminal)), length);
    for (int signal = 1; signal <= SIGNAL_TSTP; signal++) {
        if ((signals & SIGNAL_BIT(signal)) != 0 && terminal->foreground > 0) {
            signal_group(terminal->foreground, signal);
        }
    }
    serve_readers(terminal);
}

static void ask(struct terminal *terminal) {
    uint32_t index = terminal_index(terminal);
    struct lease lease = lease_out(payload_typed(index), TYPED_SIZE);
    struct tty_read_request request = {.flags = 0};
    struct message message = {
        .data = &request, .size = sizeof request.flags, .leases = &lease, .lease_count = 1};
    terminal->reading =
        call_stage_message(terminal->console, TTY_READ, &message, COOKIE(COOKIE_TYPED, terminal),
                           &terminal->read_token) == OK;
}

void terminal_hang_up(struct terminal *terminal) {
    terminal->hung = true;
    if (terminal->reading) {
        (void)call_cancel(terminal->read_token);
    }
    serve_readers(terminal);
    drop(terminal);
}

/* A process outside the foreground group: it is stopped, or refused when it can't be. */
static status_t background(const struct terminal *terminal, int64_t pid, uint64_t flags,
                           int signal) {
    const struct process *process = process_find(pid);
    if (process == NULL || process->sid != terminal->sid || process->pgid == terminal->foreground) {
        return OK;
    }
    if ((flags & PROC_IO_NO_STOP) != 0) {
        return signal == SIGNAL_TTIN ? E_IO : OK;
    }
    signal_group(process->pgid, signal);
    return E_INTR;
}

status_t terminal_read(struct event *event, struct terminal *terminal,
                       const struct proc_io_request *request, struct proc_io_reply *answer) {
    status_t status = background(terminal, request->pid, request->flags, SIGNAL_TTIN);
    if (status != OK || terminal->hung) {
        return status;
    }
    uint32_t index = terminal_index(terminal);
    bool waiting = waiter_next(NULL, WAITER_READ, BADGE_TERMINAL, index) != NULL;
    if (!waiting && give(terminal, event->token, request->length, &status, answer)) {
        return status;
    }
    if ((terminal->flags & O_NONBLOCK) != 0 || (request->flags & PROC_IO_NO_WAIT) != 0) {
        terminal_wanted(terminal);
        return E_WOULD_BLOCK;
    }
    struct waiter *waiter = waiter_add(WAITER_READ, index, event->token);
    if (waiter == NULL) {
        return E_BUSY;
    }
    waiter->stream = BADGE_TERMINAL;
    waiter->length = request->length;
    return 1; /* DISPATCH_PARKED */
}

void terminal_wanted(struct terminal *terminal) {
    if (!terminal->reading && !terminal->hung) {
        ask(terminal);
    }
}

uint64_t terminal_events(const struct terminal *terminal) {
    bool now = false;
    size_t count = tty_available(&terminal->tty, 1, &now);
    bool input = terminal->hung ||
                 (now && (count != 0 || (terminal->tty.termios.lflag & LFLAG_ICANON) != 0));
    return (input ? POLLIN : 0) | (terminal->writing ? 0 : POLLOUT) |
           (terminal->hung ? POLLHUP : 0);
}

/* ---- output ---- */

/* Sends what the payload page holds from out_offset on. */
static void send(struct terminal *terminal) {
    const uint8_t *text = payload_output(terminal_index(terminal)) + terminal->out_offset;
    struct lease lease = lease_in(text, terminal->out_length - terminal->out_offset);
    struct tty_io_request request = {.length = lease.length};
    struct message message = {
        .data = &request, .size = sizeof request.length, .leases = &lease, .lease_count = 1};
    terminal->writing = call_stage_message(terminal->console, TTY_WRITE, &message,
                                           COOKIE(COOKIE_WRITTEN, terminal), NULL) == OK;
}

/* Fills the page with echo, then with the caller's text; *taken of that. */
static status_t fill(struct terminal *terminal, token_t token, uint64_t offset, uint64_t length,
                     uint32_t *taken) {
    uint8_t *page = payload_output(terminal_index(terminal));
    uint32_t start = (uint32_t)tty_echo(&terminal->tty, page, TTY_ECHO);
    uint64_t room = OUTPUT_SIZE - start;
    *taken = (uint32_t)(length < room ? length : room);
    status_t status = *taken == 0 ? OK : lease_read(token, 0, offset, page + start, *taken);
    if (status != OK) {
        *taken = 0;
    }
    terminal->out_offset = 0;
    terminal->out_length = start + *taken;
    if (terminal->out_length != 0) {
        send(terminal);
    }
    return status;
}

static void serve_writers(struct terminal *terminal) {
    uint32_t index = terminal_index(terminal);
    struct waiter *waiter = waiter_next(NULL, WAITER_WRITE, BADGE_TERMINAL, index);
    while (waiter != NULL && !terminal->writing) {
        struct waiter *next = waiter_next(waiter, WAITER_WRITE, BADGE_TERMINAL, index);
        uint32_t taken;
        struct proc_io_reply answer;
        status_t status = fill(terminal, waiter->token, 0, waiter->length, &taken);
        answer.length = taken;
        reply(waiter->token, status, &answer, sizeof answer);
        waiter_remove(waiter);
        waiter = next;
    }
    if (!terminal->writing) {
        waiter_poll(BADGE_TERMINAL, index, terminal_events(terminal));
    }
}

void terminal_written(struct terminal *terminal, const struct event *event) {
    uint64_t taken = event_status(event) == OK && event->word_count != 0 ? event->words[0] : 0;
    uint32_t rest = terminal->out_length - terminal->out_offset;
    terminal->writing = false;
    if (taken != 0 && taken < rest) {
        terminal->out_offset += (uint32_t)taken;
        send(terminal);
        return;
    }
    serve_writers(terminal);
}

status_t terminal_write(struct event *event, struct terminal *terminal,
                        const struct proc_io_request *request, struct proc_io_reply *answer) {
    if ((terminal->tty.termios.lflag & LFLAG_TOSTOP) != 0) {
        status_t status = background(terminal, request->pid, request->flags, SIGNAL_TTOU);
        if (status != OK) {
            return status;
        }
    }
    if (request->length == 0) {
        return OK;
    }
    if (!terminal->writing) {
        uint32_t taken;
        status_t status = fill(terminal, event->token, 0, request->length, &taken);
        answer->length = taken;
        return status;
    }
    if ((terminal->flags & O_NONBLOCK) != 0) {
        return E_WOULD_BLOCK;
    }
    struct waiter *waiter = waiter_add(WAITER_WRITE, terminal_index(terminal), event->token);
    if (waiter == NULL) {
        return E_BUSY;
    }
    waiter->stream = BADGE_TERMINAL;
    waiter->length = request->length;
    return 1; /* DISPATCH_PARKED */
}

void terminal_size(struct terminal *terminal, const struct event *event) {
    struct tty_size size;
    if (event_status(event) == OK && event_data(event, &size, sizeof size) == OK) {
        terminal->number = (uint32_t)size.terminal;
        terminal->tty.columns = (uint32_t)size.columns;
        terminal->tty.rows = (uint32_t)size.rows;
    }
}

void terminals_finish(void) {
    for (uint32_t i = 0; i < TERMINALS; i++) {
        struct terminal *terminal = &proc.terminals[i];
        if (terminal->used == 0) {
            continue;
        }
        if (!terminal->writing && terminal->tty.echo_head != terminal->tty.echo_tail) {
            uint32_t taken;
            (void)fill(terminal, TOKEN_NONE, 0, 0, &taken);
        }
        if (!terminal->reading && !terminal->hung &&
            (terminal->always || waiter_next(NULL, WAITER_READ, BADGE_TERMINAL, i) != NULL)) {
            ask(terminal);
        }
    }
}

/* ---- settings ---- */

status_t terminal_termios(struct terminal *terminal, const struct proc_termios_request *request,
                          struct proc_termios *answer) {
    if (request->set != 0) {
        terminal->always = true; /* it is used interactively */
        if (request->set == 3) {
            tty_flush(&terminal->tty);
        }
        tty_set(&terminal->tty, &request->termios);
        serve_readers(terminal);
    }
    *answer = terminal->tty.termios;
    return OK;
}

static status_t set_foreground(struct terminal *terminal,
                               const struct proc_control_request *request) {
    const struct process *process = process_find(request->pid);
    if (process == NULL || process->sid != terminal->sid) {
        return E_UNSUPPORTED; /* ENOTTY */
    }
    status_t status = background(terminal, request->pid, request->flags, SIGNAL_TTOU);
    if (status != OK) {
        return status;
    }
    for (uint32_t i = 0; i < PROCESSES; i++) {
        const struct process *member = &proc.processes[i];
        if (member->state != PROCESS_FREE && member->pgid == request->a) {
            if (member->sid != terminal->sid) {
                return E_RIGHTS;
            }
            terminal->foreground = (int32_t)request->a;
            terminal->always = true;
            return OK;
        }
    }
    return E_RIGHTS;
}

static void set_window(struct terminal *terminal, const struct proc_control_request *request) {
    struct tty *tty = &terminal->tty;
    bool same = tty->rows == (uint32_t)request->a && tty->columns == (uint32_t)request->b;
    tty->rows = (uint32_t)request->a & 0xffff;
    tty->columns = (uint32_t)request->b & 0xffff;
    if (!same && terminal->foreground > 0) {
        signal_group(terminal->foreground, SIGNAL_WINCH);
    }
}

status_t terminal_control(struct terminal *terminal, const struct proc_control_request *request,
                          struct proc_control_reply *answer) {
    switch (request->what) {
    case PROC_WINDOW_GET:
        answer->a = terminal->tty.rows;
        answer->b = terminal->tty.columns;
        return OK;
    case PROC_WINDOW_SET:
        set_window(terminal, request);
        return OK;
    case PROC_FOREGROUND_GET:
        answer->a = terminal->foreground;
        return OK;
    case PROC_FOREGROUND_SET:
        return set_foreground(terminal, request);
    case PROC_SESSION_GET:
        answer->a = terminal->sid;
        return OK;
    case PROC_FLUSH:
        if (request->a != 1) {
            tty_flush(&terminal->tty);
        }
        return OK;
    default:
        return E_INVALID;
    }
}
