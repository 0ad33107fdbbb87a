/* SPDX-License-Identifier: MIT */
/* The event loop of a server. */
#include <ipc/actor.h>

#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>

#include "program.h"

/* Becomes true with the commit that makes the created state last. */
ARENA static bool created;

static uint32_t receive_mask = RECEIVE_ALL;

void actor_set_mask(uint32_t mask) {
    receive_mask = mask;
}

uint64_t actor_incarnation(void) {
    return program.incarnation;
}

uint32_t actor_reset_flags(void) {
    return program.reset_flags;
}

_Noreturn void actor_abort(const char *why) {
    log_line("abort: %s", why);
    __builtin_trap();
}

static _Noreturn void fail(const char *what, status_t status) {
    log_line("%s: %s", what, status_text(status));
    task_exit(-status);
}

static void dispatch_event(const struct actor *actor, struct event *event) {
    switch (event->kind) {
    case EVENT_CALL:
        if (actor->call != NULL) {
            actor->call(event);
        } else {
            reply_status(event->token, E_UNSUPPORTED);
        }
        break;
    case EVENT_REPLY:
        if (actor->reply != NULL) {
            actor->reply(event);
        }
        break;
    case EVENT_NOTIFY:
        if (actor->notify != NULL) {
            actor->notify(event);
        }
        break;
    case EVENT_CLOSED:
        if (actor->closed != NULL) {
            actor->closed(event);
        }
        break;
    case EVENT_CANCEL:
        if (actor->cancel != NULL) {
            actor->cancel(event);
        } else {
            reply_status(event->token, E_CANCELLED);
        }
        break;
    default:
        if (actor->idle != NULL) {
            actor->idle();
        }
        break;
    }
}

_Noreturn void actor_run(const struct actor *actor) {
    status_t status = actor_bind(startup_handle("endpoint"), startup_handle("notification"));
    if (status != OK) {
        fail("can't bind", status);
    }
    actor_loop(actor);
}

_Noreturn void actor_loop(const struct actor *actor) {
    if (!created) {
        status_t status = actor->create != NULL ? actor->create() : OK;
        if (status < 0) {
            fail("can't start", status);
        }
        created = true;
    }
    if (actor->start != NULL) {
        actor->start();
    }
    static struct event event;
    for (;;) {
        event_receive(&event, receive_mask);
        dispatch_event(actor, &event);
        event_finish(&event);
    }
}
