/* SPDX-License-Identifier: MIT
 * Counters: a number that is read and waited for. Writes add to it (eventfd) or time does
 * (timerfd). All is in the arena; one kernel timer serves the next of all deadlines, alarms' too.
 */
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/time.h>

#include "alarm.h"
#include "stream.h"
#include "ticks.h"
#include "waiter.h"

#define VALUE_MAX (UINT64_MAX - 1)

static uint32_t counter_index(const struct counter *counter) {
    return (uint32_t)(counter - proc.counters);
}

struct counter *counter_of_badge(uint64_t badge) {
    uint32_t index = badge_index(badge);
    struct counter *counter = index < COUNTERS ? &proc.counters[index] : NULL;
    return counter != NULL && counter->used && counter->serial == badge_serial(badge) ? counter
                                                                                      : NULL;
}

status_t counter_open(struct event *event, const struct proc_counter_request *request) {
    handle_t session;
    if (request->kind < PROC_COUNTER_EVENT || request->kind > PROC_COUNTER_TIMER ||
        request->value > VALUE_MAX) {
        return E_INVALID;
    }
    for (uint32_t i = 0; i < COUNTERS; i++) {
        struct counter *counter = &proc.counters[i];
        if (counter->used) {
            continue;
        }
        uint32_t serial = ++proc.serial;
        status_t status = session_create(startup_handle("endpoint"),
                                         badge_make(BADGE_COUNTER, serial, i), &session);
        if (status != OK) {
            return status;
        }
        *counter = (struct counter){.used = true,
                                    .serial = serial,
                                    .kind = (uint32_t)request->kind,
                                    .flags = (uint32_t)request->flags & O_NONBLOCK,
                                    .value = request->value};
        event_answer_handle(event, session, HANDLE_MOVE | RIGHT_CALL | RIGHT_COPY);
        return OK;
    }
    return E_NO_SPACE;
}

uint64_t counter_events(const struct counter *counter) {
    bool room = counter->kind != PROC_COUNTER_TIMER && counter->value < VALUE_MAX;
    return (counter->value != 0 ? POLLIN : 0) | (room ? POLLOUT : 0);
}

/* Gives the number, or one of it, to a reader. */
static status_t give(struct counter *counter, token_t token) {
    uint64_t taken = counter->kind == PROC_COUNTER_SEMAPHORE ? 1 : counter->value;
    status_t status = lease_write(token, 0, 0, &taken, sizeof taken);
    counter->value -= status == OK ? taken : 0;
    return status;
}

/* Serves who waits, as far as it goes. */
static void serve(struct counter *counter) {
    static const struct proc_io_reply eight = {sizeof(uint64_t)};
    uint32_t index = counter_index(counter);
    for (bool moved = true; moved;) {
        struct waiter *reader = waiter_next(NULL, WAITER_READ, BADGE_COUNTER, index);
        struct waiter *writer = waiter_next(NULL, WAITER_WRITE, BADGE_COUNTER, index);
        moved = false;
        if (reader != NULL && counter->value != 0) {
            status_t status = give(counter, reader->token);
            reply(reader->token, status, &eight, sizeof eight);
            waiter_remove(reader);
            moved = true;
        } else if (writer != NULL && writer->done <= VALUE_MAX - counter->value) {
            counter->value += writer->done;
            reply(writer->token, OK, &eight, sizeof eight);
            waiter_remove(writer);
            moved = true;
        }
    }
    waiter_poll(BADGE_COUNTER, index, counter_events(counter));
}

static status_t wait(const struct counter *counter, const struct event *event,
                     enum waiter_kind kind, uint64_t amount) {
    struct waiter *waiter = waiter_add(kind, counter_index(counter), event->token);
    if (waiter == NULL) {
        return E_BUSY;
    }
    waiter->stream = BADGE_COUNTER;
    waiter->done = amount;
    return 1; /* DISPATCH_PARKED */
}

static bool may_wait(const struct counter *counter, const struct proc_io_request *request) {
    return (counter->flags & O_NONBLOCK) == 0 && (request->flags & PROC_IO_NO_WAIT) == 0;
}

status_t counter_read(struct event *event, struct counter *counter,
                      const struct proc_io_request *request, struct proc_io_reply *answer) {
    if (request->length < sizeof counter->value) {
        return E_INVALID;
    }
    (void)counter_tick(counter, time_now_ns());
    if (counter->value == 0) {
        return may_wait(counter, request) ? wait(counter, event, WAITER_READ, 0) : E_WOULD_BLOCK;
    }
    status_t status = give(counter, event->token);
    answer->length = sizeof counter->value;
    serve(counter);
    if (counter->timer.due_ns != 0) {
        (void)timers_arm(); /* it rested until now */
    }
    return status;
}

status_t counter_write(struct event *event, struct counter *counter,
                       const struct proc_io_request *request, struct proc_io_reply *answer) {
    uint64_t amount;
    if (counter->kind == PROC_COUNTER_TIMER || request->length < sizeof amount) {
        return E_INVALID;
    }
    status_t status = lease_read(event->token, 0, 0, &amount, sizeof amount);
    if (status != OK || amount > VALUE_MAX) {
        return status != OK ? status : E_INVALID;
    }
    if (amount > VALUE_MAX - counter->value) {
        return may_wait(counter, request) ? wait(counter, event, WAITER_WRITE, amount)
                                          : E_WOULD_BLOCK;
    }
    counter->value += amount;
    answer->length = sizeof amount;
    serve(counter);
    return OK;
}

void counter_closed(struct counter *counter) {
    waiter_forget(BADGE_COUNTER, counter_index(counter));
    counter->used = false;
}

/* ---- time ---- */

status_t timers_arm(void) {
    if (proc.timer == HANDLE_NONE) {
        status_t status = timer_create(startup_handle("account"), startup_handle("notification"),
                                       BIT_TIMER, &proc.timer);
        if (status != OK) {
            return status;
        }
    }
    return timer_set(proc.timer, ticks_nearer(alarms_next(), counters_next()));
}

status_t counter_timer(struct counter *counter, const struct proc_timer_request *request,
                       struct proc_timer *answer) {
    if (counter->kind != PROC_COUNTER_TIMER) {
        return E_INVALID;
    }
    status_t status = ticks_set(&counter->timer, request, time_now_ns(), answer);
    if (status != OK || request->set == 0) {
        return status;
    }
    counter->value = 0;
    return timers_arm();
}

void counters_fire(void) {
    uint64_t now = time_now_ns();
    for (uint32_t i = 0; i < COUNTERS; i++) {
        struct counter *counter = &proc.counters[i];
        if (counter->used && counter_tick(counter, now)) {
            serve(counter);
        }
    }
    (void)timers_arm();
}
