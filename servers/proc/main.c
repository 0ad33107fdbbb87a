/* SPDX-License-Identifier: MIT
 * The process server: set-up and events. All lasting state is `proc`.
 */
#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/startup.h>

#include "alarm.h"
#include "process.h"
#include "server.h"
#include "stream.h"
#include "waiter.h"

ACTOR_IMAGE("proc", 1, 1, PROTOCOL("proc", PROC_PROTOCOL_VERSION));

ARENA struct proc proc;

static status_t create(void) {
    proc.magic = PROC_MAGIC;
    proc.last_pid = 1;
    waiter_init();
    alarms_init();
    return OK;
}

/* A fault or exit of a process's task that its personality did not tell us of. */
static void fault(struct event *event) {
    struct process *process = process_of_badge(event->badge);
    struct fault_message message;
    int32_t status = SIGNAL_KILL;
    if (event->label == FAULT_LABEL_EXIT) {
        status = (int32_t)(event->words[2] & 0xff) << 8;
    } else if (event_data(event, &message, sizeof message) == OK &&
               message.vector != FAULT_VECTOR_QUOTA) {
        status = message.vector == 0 || message.vector == 16 || message.vector == 19 ? SIGNAL_FPE
                 : message.vector == 6                                               ? SIGNAL_ILL
                                                                                     : SIGNAL_SEGV;
    }
    reply_status(event->token, OK);
    if (process != NULL) {
        process_end(process, status);
    }
}

static void on_call(struct event *event) {
    if (badge_kind(event->badge) == BADGE_SUPERVISOR) {
        fault(event);
    } else {
        dispatch(event);
    }
    terminals_finish();
}

static void on_reply(struct event *event) {
    uint32_t index = (uint32_t)event->cookie & 0xffff;
    struct terminal *terminal = index < TERMINALS ? &proc.terminals[index] : NULL;
    if (terminal != NULL && terminal->used != 0 &&
        event->cookie == COOKIE(event->cookie >> 60, terminal)) {
        switch (event->cookie >> 60) {
        case COOKIE_TYPED:
            terminal_typed(terminal, event);
            break;
        case COOKIE_WRITTEN:
            terminal_written(terminal, event);
            break;
        case COOKIE_SIZE:
            terminal_size(terminal, event);
            break;
        default:
            break;
        }
    }
    terminals_finish();
}

static void on_notify(struct event *event) {
    if ((event->bits & BIT_AGAIN) != 0) {
        pipes_again();
    }
    if ((event->bits & BIT_TIMER) != 0) {
        alarms_fire();
        counters_fire();
    }
    terminals_finish();
}

static void on_closed(struct event *event) {
    struct process *process;
    struct pipe *pipe;
    struct terminal *terminal;
    struct counter *counter;
    switch (badge_kind(event->badge)) {
    case BADGE_PROCESS: /* it ended without saying so */
        process = process_of_badge(event->badge);
        if (process != NULL) {
            process_end(process, SIGNAL_KILL);
        }
        break;
    case BADGE_READ:
    case BADGE_WRITE:
        pipe = pipe_of_badge(event->badge);
        if (pipe != NULL) {
            pipe_closed(pipe, badge_kind(event->badge));
        }
        break;
    case BADGE_TERMINAL:
        terminal = terminal_of_badge(event->badge);
        if (terminal != NULL) {
            terminal_closed(terminal);
        }
        break;
    case BADGE_PAIR:
        pair_closed(event->badge);
        break;
    case BADGE_COUNTER:
        counter = counter_of_badge(event->badge);
        if (counter != NULL) {
            counter_closed(counter);
        }
        break;
    default:
        break;
    }
    terminals_finish();
}

static void on_cancel(struct event *event) {
    struct waiter *waiter = waiter_of_token(event->token);
    if (waiter == NULL) {
        reply_status(event->token, E_CANCELLED);
    } else if (waiter->kind == WAITER_WRITE && waiter->stream == BADGE_WRITE) {
        pipe_cancel(waiter);
    } else {
        waiter_answer(waiter, E_CANCELLED);
    }
    terminals_finish();
}

int main(void) {
    static const struct actor actor = {
        .create = create,
        .call = on_call,
        .reply = on_reply,
        .notify = on_notify,
        .closed = on_closed,
        .cancel = on_cancel,
        .check = proc_check,
    };
    actor_run(&actor);
}
