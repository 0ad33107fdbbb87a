/* SPDX-License-Identifier: MIT
 * The operations on streams: which kind of stream does what.
 */
#include "stream.h"

#include <ipc/dispatch.h>
#include <ipc/handle.h>

#include "server.h"
#include "waiter.h"

#define OP(number, NAME, name, request, reply) DISPATCH_DECLARE(handle_##name, request, reply)
PROC_PROTOCOL(OP)
#undef OP

status_t handle_timer(struct event *event, const struct proc_timer_request *request,
                      struct proc_timer *answer) {
    if (badge_kind(event->badge) != BADGE_COUNTER) {
        return E_UNSUPPORTED;
    }
    struct counter *counter = counter_of_badge(event->badge);
    return counter == NULL ? E_RESET : counter_timer(counter, request, answer);
}

static status_t check_lease(const struct event *event, const struct proc_io_request *request,
                            uint32_t access) {
    if (event->lease_count != 1 || (event->leases[0].access & access) == 0) {
        return E_INVALID;
    }
    return request->length > event->leases[0].length ? E_RANGE : OK;
}

status_t handle_read(struct event *event, const struct proc_io_request *request,
                     struct proc_io_reply *answer) {
    status_t status = check_lease(event, request, LEASE_WRITE);
    if (status != OK) {
        return status;
    }
    if (badge_kind(event->badge) == BADGE_READ || badge_kind(event->badge) == BADGE_PAIR) {
        struct pipe *pipe = pipe_read_by(event->badge);
        return pipe == NULL ? E_RESET : pipe_read(event, pipe, request, answer);
    }
    if (badge_kind(event->badge) == BADGE_TERMINAL) {
        struct terminal *terminal = terminal_of_badge(event->badge);
        return terminal == NULL ? E_RESET : terminal_read(event, terminal, request, answer);
    }
    if (badge_kind(event->badge) == BADGE_COUNTER) {
        struct counter *counter = counter_of_badge(event->badge);
        return counter == NULL ? E_RESET : counter_read(event, counter, request, answer);
    }
    return E_UNSUPPORTED;
}

status_t handle_write(struct event *event, const struct proc_io_request *request,
                      struct proc_io_reply *answer) {
    status_t status = check_lease(event, request, LEASE_READ);
    if (status != OK) {
        return status;
    }
    if (badge_kind(event->badge) == BADGE_PAIR && pipe_written_by(event->badge) == NULL) {
        return E_PIPE;
    }
    if (badge_kind(event->badge) == BADGE_WRITE || badge_kind(event->badge) == BADGE_PAIR) {
        struct pipe *pipe = pipe_written_by(event->badge);
        return pipe == NULL ? E_RESET : pipe_write(event, pipe, request, answer);
    }
    if (badge_kind(event->badge) == BADGE_TERMINAL) {
        struct terminal *terminal = terminal_of_badge(event->badge);
        return terminal == NULL ? E_RESET : terminal_write(event, terminal, request, answer);
    }
    if (badge_kind(event->badge) == BADGE_COUNTER) {
        struct counter *counter = counter_of_badge(event->badge);
        return counter == NULL ? E_RESET : counter_write(event, counter, request, answer);
    }
    return E_UNSUPPORTED;
}

/* What holds on a stream now; false: it is none. */
static bool stream_events(uint64_t badge, uint64_t *events) {
    uint32_t kind = badge_kind(badge);
    if (kind == BADGE_TERMINAL) {
        struct terminal *terminal = terminal_of_badge(badge);
        *events = terminal == NULL ? POLLHUP : terminal_events(terminal);
        return true;
    }
    if (kind == BADGE_PAIR) {
        *events = pair_events(badge);
        return true;
    }
    if (kind == BADGE_COUNTER) {
        const struct counter *counter = counter_of_badge(badge);
        *events = counter == NULL ? POLLHUP : counter_events(counter);
        return true;
    }
    if (kind != BADGE_READ && kind != BADGE_WRITE) {
        return false;
    }
    const struct pipe *pipe = pipe_of_badge(badge);
    *events = pipe == NULL ? POLLHUP : pipe_events(pipe, kind);
    return true;
}

/* Tells once when something of what is asked for holds; takes the notification. */
static status_t subscribe(uint32_t stream, uint32_t object, const struct proc_poll_request *request,
                          handle_t notification) {
    waiter_replace(stream, object, request->key);
    struct waiter *waiter = waiter_add(WAITER_POLL, object, TOKEN_NONE);
    if (waiter == NULL) {
        handle_close(notification);
        return E_BUSY;
    }
    waiter->stream = stream;
    waiter->notification = notification;
    waiter->length = request->bits;
    waiter->done = request->events | POLLERR | POLLHUP;
    waiter->selector = (int64_t)request->key;
    return OK;
}

status_t handle_poll(struct event *event, const struct proc_poll_request *request,
                     struct proc_flags *answer) {
    uint64_t events;
    uint64_t wanted = request->events | POLLERR | POLLHUP;
    if (!stream_events(event->badge, &events)) {
        return E_UNSUPPORTED;
    }
    answer->flags = events & wanted;
    if ((request->events & POLLIN) != 0 && (events & POLLIN) == 0 &&
        badge_kind(event->badge) == BADGE_TERMINAL) {
        struct terminal *terminal = terminal_of_badge(event->badge);
        if (terminal != NULL) {
            terminal_wanted(terminal);
        }
    }
    if (answer->flags != 0 || event->handle_count == 0) {
        return OK;
    }
    if (badge_kind(event->badge) != BADGE_PAIR) {
        return subscribe(badge_kind(event->badge), badge_index(event->badge), request,
                         event_take_handle(event, 0));
    }
    const struct pipe *out = pipe_written_by(event->badge);
    handle_t copy;
    status_t status = OK;
    if (out != NULL && (request->events & POLLOUT) != 0) {
        status = handle_copy(event->handles[0].handle, RIGHT_SIGNAL, &copy);
        if (status == OK) {
            status = subscribe(BADGE_WRITE, (uint32_t)(out - proc.pipes), request, copy);
        }
    }
    return status != OK ? status
                        : subscribe(BADGE_READ, badge_index(event->badge), request,
                                    event_take_handle(event, 0));
}

status_t handle_flags(struct event *event, const struct proc_flags_request *request,
                      struct proc_flags *answer) {
    uint32_t kind = badge_kind(event->badge);
    uint32_t *flags = NULL;
    if (kind == BADGE_TERMINAL) {
        struct terminal *terminal = terminal_of_badge(event->badge);
        flags = terminal == NULL ? NULL : &terminal->flags;
    } else if (kind == BADGE_COUNTER) {
        struct counter *counter = counter_of_badge(event->badge);
        flags = counter == NULL ? NULL : &counter->flags;
    } else if (kind == BADGE_PAIR) {
        struct pipe *in = pipe_read_by(event->badge);
        flags = in == NULL ? NULL : &in->flags[0];
    } else if (kind == BADGE_READ || kind == BADGE_WRITE) {
        struct pipe *pipe = pipe_of_badge(event->badge);
        flags = pipe == NULL ? NULL : &pipe->flags[kind == BADGE_READ ? 0 : 1];
    }
    if (flags == NULL) {
        return E_UNSUPPORTED;
    }
    if (request->set != 0) {
        *flags = (uint32_t)request->flags & O_NONBLOCK;
    }
    struct pipe *out = kind == BADGE_PAIR ? pipe_written_by(event->badge) : NULL;
    if (out != NULL) {
        out->flags[1] = *flags;
    }
    answer->flags = *flags;
    return OK;
}

status_t handle_state(struct event *event, const struct proc_empty *request,
                      struct proc_state_reply *answer) {
    (void)request;
    answer->id = event->badge & 0xffffffffffffull;
    if (badge_kind(event->badge) == BADGE_TERMINAL) {
        struct terminal *terminal = terminal_of_badge(event->badge);
        answer->kind = PROC_STREAM_TERMINAL;
        answer->available = terminal == NULL ? 0 : tty_count(&terminal->tty);
        answer->number = terminal == NULL ? 0 : terminal->number;
        return OK;
    }
    if (badge_kind(event->badge) == BADGE_COUNTER) {
        answer->kind = PROC_STREAM_COUNTER;
        return OK;
    }
    if (badge_kind(event->badge) == BADGE_PAIR) {
        const struct pipe *in = pipe_read_by(event->badge);
        answer->kind = PROC_STREAM_PAIR;
        answer->available = in == NULL ? 0 : in->count;
        return OK;
    }
    bool read = badge_kind(event->badge) == BADGE_READ;
    if (!read && badge_kind(event->badge) != BADGE_WRITE) {
        return E_UNSUPPORTED;
    }
    const struct pipe *pipe = pipe_of_badge(event->badge);
    answer->kind = read ? PROC_STREAM_READ : PROC_STREAM_WRITE;
    answer->available = pipe == NULL ? 0 : pipe->count;
    return OK;
}

status_t handle_termios(struct event *event, const struct proc_termios_request *request,
                        struct proc_termios *answer) {
    struct terminal *terminal =
        badge_kind(event->badge) == BADGE_TERMINAL ? terminal_of_badge(event->badge) : NULL;
    return terminal == NULL ? E_UNSUPPORTED : terminal_termios(terminal, request, answer);
}

status_t handle_control(struct event *event, const struct proc_control_request *request,
                        struct proc_control_reply *answer) {
    if (badge_kind(event->badge) == BADGE_PAIR && request->what == PROC_SHUTDOWN) {
        return pair_shutdown(event->badge, request->a);
    }
    struct terminal *terminal =
        badge_kind(event->badge) == BADGE_TERMINAL ? terminal_of_badge(event->badge) : NULL;
    return terminal == NULL ? E_UNSUPPORTED : terminal_control(terminal, request, answer);
}
