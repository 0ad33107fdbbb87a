/* SPDX-License-Identifier: MIT
 * Pipes: rings of 64 KiB beside the arena. Bytes go into space that was free when the turn began,
 * so that a turn that is undone has destroyed nothing; writers that wait for space which this turn
 * has freed are served in the next one.
 */
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/startup.h>

#include "payload.h"
#include "stream.h"
#include "waiter.h"

#define END_READ 1u
#define END_WRITE 2u
#define END_PAIR 4u /* of a pair: the end that reads this pipe is held by somebody */

static uint32_t room_of(const struct pipe *pipe);

static uint32_t pipe_index(const struct pipe *pipe) {
    return (uint32_t)(pipe - proc.pipes);
}

static uint32_t end_of(uint32_t kind) {
    return kind == BADGE_READ ? END_READ : END_WRITE;
}

struct pipe *pipe_of_badge(uint64_t badge) {
    uint32_t index = badge_index(badge);
    if (index >= PIPES) {
        return NULL;
    }
    struct pipe *pipe = &proc.pipes[index];
    bool open = (pipe->used & end_of(badge_kind(badge))) != 0;
    return open && pipe->serial == badge_serial(badge) ? pipe : NULL;
}

/* Two sessions, for the caller of PIPE or PAIR. */
static status_t give_ends(struct event *event, const uint64_t badges[2]) {
    handle_t ends[2];
    for (uint32_t i = 0; i < 2; i++) {
        status_t status = session_create(startup_handle("endpoint"), badges[i], &ends[i]);
        if (status != OK) {
            if (i == 1) {
                handle_close(ends[0]);
            }
            return status;
        }
    }
    event_answer_handle(event, ends[0], HANDLE_MOVE | RIGHT_CALL | RIGHT_COPY);
    event_answer_handle(event, ends[1], HANDLE_MOVE | RIGHT_CALL | RIGHT_COPY);
    return OK;
}

/* An empty one with memory; it is the caller's when `used` is set. */
static status_t find_free(struct pipe **out) {
    for (uint32_t i = 0; i < PIPES; i++) {
        struct pipe *pipe = &proc.pipes[i];
        if (pipe->used != 0) {
            continue;
        }
        status_t status = pipe->mapped ? OK : payload_pipe(i);
        if (status != OK) {
            return status;
        }
        pipe->mapped = true;
        pipe->serial = ++proc.serial;
        pipe->head = pipe->count = 0;
        pipe->postponed = false;
        *out = pipe;
        return OK;
    }
    return E_NO_SPACE;
}

static void start_pipe(struct pipe *pipe, uint32_t used, uint64_t flags) {
    pipe->used = used;
    pipe->flags[0] = pipe->flags[1] = (uint32_t)flags & O_NONBLOCK;
}

status_t pipe_open(struct event *event, uint64_t flags) {
    struct pipe *pipe;
    status_t status = find_free(&pipe);
    if (status != OK) {
        return status;
    }
    const uint64_t badges[2] = {badge_make(BADGE_READ, pipe->serial, pipe_index(pipe)),
                                badge_make(BADGE_WRITE, pipe->serial, pipe_index(pipe))};
    status = give_ends(event, badges);
    if (status == OK) {
        start_pipe(pipe, END_READ | END_WRITE, flags);
    }
    return status;
}

/* ---- pairs: two pipes, whose ends are crossed ---- */

static bool is_pair(uint64_t badge) {
    return badge_kind(badge) == BADGE_PAIR;
}

status_t pair_open(struct event *event, uint64_t flags) {
    struct pipe *pipes[2];
    status_t status = find_free(&pipes[0]);
    if (status == OK) {
        start_pipe(pipes[0], END_READ | END_WRITE | END_PAIR, flags);
        status = find_free(&pipes[1]);
        pipes[0]->used = status == OK ? pipes[0]->used : 0;
    }
    if (status != OK) {
        return status;
    }
    const uint64_t badges[2] = {badge_make(BADGE_PAIR, pipes[0]->serial, pipe_index(pipes[0])),
                                badge_make(BADGE_PAIR, pipes[1]->serial, pipe_index(pipes[1]))};
    status = give_ends(event, badges);
    if (status != OK) {
        pipes[0]->used = 0;
        return status;
    }
    start_pipe(pipes[1], END_READ | END_WRITE | END_PAIR, flags);
    for (uint32_t i = 0; i < 2; i++) {
        pipes[i]->other = pipe_index(pipes[1 - i]);
        pipes[i]->other_serial = pipes[1 - i]->serial;
    }
    return OK;
}

struct pipe *pipe_read_by(uint64_t badge) {
    if (!is_pair(badge)) {
        return badge_kind(badge) == BADGE_READ ? pipe_of_badge(badge) : NULL;
    }
    uint32_t index = badge_index(badge);
    struct pipe *pipe = index < PIPES ? &proc.pipes[index] : NULL;
    return pipe != NULL && (pipe->used & END_PAIR) != 0 && pipe->serial == badge_serial(badge)
               ? pipe
               : NULL;
}

struct pipe *pipe_written_by(uint64_t badge) {
    if (!is_pair(badge)) {
        return badge_kind(badge) == BADGE_WRITE ? pipe_of_badge(badge) : NULL;
    }
    const struct pipe *own = pipe_read_by(badge);
    struct pipe *other = own == NULL ? NULL : &proc.pipes[own->other];
    return other != NULL && other->used != 0 && other->serial == own->other_serial ? other : NULL;
}

uint64_t pair_events(uint64_t badge) {
    const struct pipe *in = pipe_read_by(badge);
    const struct pipe *out = pipe_written_by(badge);
    bool no_more = in == NULL || (in->used & (END_READ | END_WRITE)) != (END_READ | END_WRITE);
    bool over = out == NULL || (out->used & (END_READ | END_WRITE)) != (END_READ | END_WRITE);
    return (no_more          ? POLLIN | POLLRDHUP
            : in->count != 0 ? POLLIN
                             : 0) |
           (over || room_of(out) >= PROC_PIPE_ATOMIC ? POLLOUT : 0) |
           (no_more && over ? POLLHUP : 0);
}

status_t pair_shutdown(uint64_t badge, int64_t how) {
    struct pipe *in = pipe_read_by(badge);
    struct pipe *out = pipe_written_by(badge);
    if (how < 0 || how > 2) {
        return E_INVALID;
    }
    if (how != 1 && in != NULL) {
        pipe_closed(in, BADGE_READ);
    }
    if (how != 0 && out != NULL) {
        pipe_closed(out, BADGE_WRITE);
    }
    return OK;
}

void pair_closed(uint64_t badge) {
    struct pipe *in = pipe_read_by(badge);
    (void)pair_shutdown(badge, 2);
    if (in != NULL) {
        in->used &= ~END_PAIR;
    }
}

/* Room that a write may use in this turn. */
static uint32_t room_of(const struct pipe *pipe) {
    uint32_t freed = pipe->freed_turn == actor_turn() ? pipe->freed : 0;
    return PROC_PIPE_SIZE - pipe->count - freed;
}

static void free_room(struct pipe *pipe, uint32_t length) {
    uint32_t index = pipe_index(pipe);
    pipe->head = (pipe->head + length) % PROC_PIPE_SIZE;
    pipe->count -= length;
    pipe->freed = length + (pipe->freed_turn == actor_turn() ? pipe->freed : 0);
    pipe->freed_turn = actor_turn();
    if (!pipe->postponed && length != 0 &&
        (waiter_next(NULL, WAITER_WRITE, BADGE_WRITE, index) != NULL ||
         waiter_next(NULL, WAITER_POLL, BADGE_WRITE, index) != NULL)) {
        pipe->postponed = true;
        (void)notification_signal(startup_handle("notification"), BIT_AGAIN);
    }
}

/* Ring to caller, in two pieces at most. */
static status_t give(const struct pipe *pipe, token_t token, uint32_t length) {
    const uint8_t *bytes = payload_of_pipe(pipe_index(pipe));
    uint32_t first = PROC_PIPE_SIZE - pipe->head;
    first = first < length ? first : length;
    status_t status = lease_write(token, 0, 0, bytes + pipe->head, first);
    if (status == OK && length > first) {
        status = lease_write(token, 0, first, bytes, length - first);
    }
    return status;
}

static status_t take(struct pipe *pipe, token_t token, uint64_t offset, uint32_t length) {
    uint8_t *bytes = payload_of_pipe(pipe_index(pipe));
    uint32_t tail = (pipe->head + pipe->count) % PROC_PIPE_SIZE;
    uint32_t first = PROC_PIPE_SIZE - tail;
    first = first < length ? first : length;
    status_t status = lease_read(token, 0, offset, bytes + tail, first);
    if (status == OK && length > first) {
        status = lease_read(token, 0, offset + first, bytes, length - first);
    }
    if (status == OK) {
        pipe->count += length;
    }
    return status;
}

static uint32_t least(uint64_t a, uint64_t b) {
    return (uint32_t)(a < b ? a : b);
}

/* Gives to waiting readers what is there. */
static void serve_readers(struct pipe *pipe) {
    uint32_t index = pipe_index(pipe);
    for (struct waiter *waiter;
         (waiter = waiter_next(NULL, WAITER_READ, BADGE_READ, index)) != NULL;) {
        if (pipe->count == 0 && (pipe->used & END_WRITE) != 0) {
            return;
        }
        uint32_t length = least(waiter->length, pipe->count);
        struct proc_io_reply answer = {.length = length};
        status_t status = length == 0 ? OK : give(pipe, waiter->token, length);
        if (status == OK) {
            free_room(pipe, length);
        }
        reply(waiter->token, status, &answer, sizeof answer);
        waiter_remove(waiter);
    }
}

/* How much of the rest of a write goes in now: small ones all or nothing. */
static uint32_t portion(const struct pipe *pipe, uint64_t length, uint64_t done) {
    uint32_t room = room_of(pipe);
    uint64_t rest = length - done;
    return length <= PROC_PIPE_ATOMIC && room < rest ? 0 : least(rest, room);
}

static void finish_write(struct waiter *waiter, status_t status) {
    struct proc_io_reply answer = {.length = waiter->done};
    reply(waiter->token, waiter->done != 0 ? OK : status, &answer, sizeof answer);
    waiter_remove(waiter);
}

static void serve_writers(struct pipe *pipe) {
    uint32_t index = pipe_index(pipe);
    for (struct waiter *waiter;
         (waiter = waiter_next(NULL, WAITER_WRITE, BADGE_WRITE, index)) != NULL;) {
        uint32_t length = portion(pipe, waiter->length, waiter->done);
        if (length == 0) {
            return;
        }
        status_t status = take(pipe, waiter->token, waiter->done, length);
        if (status != OK) {
            finish_write(waiter, status);
            continue;
        }
        waiter->done += length;
        if (waiter->done == waiter->length) {
            finish_write(waiter, OK);
        }
    }
}

void pipes_again(void) {
    for (uint32_t i = 0; i < PIPES; i++) {
        struct pipe *pipe = &proc.pipes[i];
        if (!pipe->postponed) {
            continue;
        }
        pipe->postponed = false;
        if (pipe->used != 0) {
            serve_writers(pipe);
            serve_readers(pipe);
            waiter_poll(BADGE_READ, i, pipe_events(pipe, BADGE_READ));
            waiter_poll(BADGE_WRITE, i, pipe_events(pipe, BADGE_WRITE));
        }
    }
}

void pipe_cancel(struct waiter *waiter) {
    if (waiter->kind == WAITER_WRITE) {
        finish_write(waiter, E_CANCELLED);
    } else {
        waiter_answer(waiter, E_CANCELLED);
    }
}

status_t pipe_read(struct event *event, struct pipe *pipe, const struct proc_io_request *request,
                   struct proc_io_reply *answer) {
    uint32_t index = pipe_index(pipe);
    bool waiting = waiter_next(NULL, WAITER_READ, BADGE_READ, index) != NULL;
    if (pipe->count == 0 || waiting || request->length == 0) {
        if ((pipe->used & (END_READ | END_WRITE)) != (END_READ | END_WRITE) ||
            request->length == 0) {
            return OK;
        }
        if ((pipe->flags[0] & O_NONBLOCK) != 0 || (request->flags & PROC_IO_NO_WAIT) != 0) {
            return E_WOULD_BLOCK;
        }
        struct waiter *waiter = waiter_add(WAITER_READ, index, event->token);
        if (waiter == NULL) {
            return E_BUSY;
        }
        waiter->stream = BADGE_READ;
        waiter->length = request->length;
        return 1; /* DISPATCH_PARKED */
    }
    uint32_t length = least(request->length, pipe->count);
    status_t status = give(pipe, event->token, length);
    if (status == OK) {
        free_room(pipe, length);
        answer->length = length;
    }
    return status;
}

status_t pipe_write(struct event *event, struct pipe *pipe, const struct proc_io_request *request,
                    struct proc_io_reply *answer) {
    uint32_t index = pipe_index(pipe);
    if ((pipe->used & (END_READ | END_WRITE)) != (END_READ | END_WRITE)) {
        return E_PIPE;
    }
    if (request->length == 0) {
        return OK;
    }
    bool waiting = waiter_next(NULL, WAITER_WRITE, BADGE_WRITE, index) != NULL;
    uint32_t length = waiting ? 0 : portion(pipe, request->length, 0);
    bool wait = (pipe->flags[1] & O_NONBLOCK) == 0 && (request->flags & PROC_IO_NO_WAIT) == 0;
    if (length < request->length && wait) {
        struct waiter *waiter = waiter_add(WAITER_WRITE, index, event->token);
        if (waiter == NULL) {
            return E_BUSY;
        }
        waiter->stream = BADGE_WRITE;
        waiter->length = request->length;
        if (!waiting) {
            serve_writers(pipe);
        }
    } else if (length == 0) {
        return E_WOULD_BLOCK;
    } else {
        status_t status = take(pipe, event->token, 0, length);
        if (status != OK) {
            return status;
        }
        answer->length = length;
    }
    serve_readers(pipe);
    waiter_poll(BADGE_READ, index, pipe_events(pipe, BADGE_READ));
    return length < request->length && wait ? 1 : OK;
}

uint64_t pipe_events(const struct pipe *pipe, uint32_t kind) {
    if (kind == BADGE_READ) {
        return (pipe->count != 0 ? POLLIN : 0) | ((pipe->used & END_WRITE) == 0 ? POLLHUP : 0);
    }
    return (room_of(pipe) >= PROC_PIPE_ATOMIC ? POLLOUT : 0) |
           ((pipe->used & END_READ) == 0 ? POLLERR : 0);
}

void pipe_closed(struct pipe *pipe, uint32_t kind) {
    uint32_t index = pipe_index(pipe);
    pipe->used &= ~end_of(kind);
    waiter_forget(kind, index);
    if (pipe->used == 0) {
        return;
    }
    if (kind == BADGE_WRITE) {
        serve_readers(pipe);
        waiter_poll(BADGE_READ, index, POLLHUP | pipe_events(pipe, BADGE_READ));
        return;
    }
    for (struct waiter *waiter;
         (waiter = waiter_next(NULL, WAITER_WRITE, BADGE_WRITE, index)) != NULL;) {
        finish_write(waiter, E_PIPE);
    }
    waiter_poll(BADGE_WRITE, index, POLLERR | pipe_events(pipe, BADGE_WRITE));
}
