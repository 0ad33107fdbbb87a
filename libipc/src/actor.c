/* SPDX-License-Identifier: MIT */
/* The event loop of a server. */
#include <ipc/actor.h>

#include <ipc/handle.h>
#include <ipc/heap.h>
#include <ipc/log.h>
#include <ipc/memory.h>
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

_Noreturn void actor_abort(const char *why) {
    log_line("abort: %s", why);
    __builtin_trap();
}

void actor_must(status_t status) {
    if (status < 0) {
        log_line("abort: a system call has failed: %s", status_text(status));
        __builtin_trap();
    }
}

static _Noreturn void fail(const char *what, status_t status) {
    log_line("%s: %s", what, status_text(status));
    task_exit(-status);
}

/* The handler that has had the event. volatile: see handled(). */
static void (*volatile called)(struct event *);

static void run(void (*handler)(struct event *), struct event *event) {
    handler(event);
    called = handler;
}

/* Has the event worked on; returns the kind of event that this was work for. */
static uint32_t dispatch_event(const struct actor *actor, struct event *event) {
    called = NULL;
    switch (event->kind) {
    case EVENT_CALL:
        if (actor->call != NULL) {
            run(actor->call, event);
        } else {
            reply_status(event->token, E_UNSUPPORTED);
        }
        return EVENT_CALL;
    case EVENT_REPLY:
        if (actor->reply != NULL) {
            run(actor->reply, event);
        }
        return EVENT_REPLY;
    case EVENT_NOTIFY:
        if (actor->notify != NULL) {
            run(actor->notify, event);
        }
        return EVENT_NOTIFY;
    case EVENT_CLOSED:
        if (actor->closed != NULL) {
            run(actor->closed, event);
        }
        return EVENT_CLOSED;
    case EVENT_CANCEL:
        if (actor->cancel != NULL) {
            run(actor->cancel, event);
        } else {
            reply_status(event->token, E_CANCELLED);
        }
        return EVENT_CANCEL;
    default:
        if (actor->idle != NULL) {
            actor->idle();
        }
        return EVENT_NONE;
    }
}

/* Whether the handler for such events has been called; true if the actor has none. Both are read
 * anew: what the compiler would conclude from the branch over the call is what is checked here. */
static bool handled(const struct actor *actor, uint32_t kind) {
    static const uint8_t members[] = {
        [EVENT_CALL] = offsetof(struct actor, call),
        [EVENT_REPLY] = offsetof(struct actor, reply),
        [EVENT_NOTIFY] = offsetof(struct actor, notify),
        [EVENT_CLOSED] = offsetof(struct actor, closed),
        [EVENT_CANCEL] = offsetof(struct actor, cancel),
    };
    if (kind == EVENT_NONE) {
        return true;
    }
    const void *member = (const uint8_t *)actor + members[kind];
    return called == *(void (*const volatile *)(struct event *))member;
}

/* Whether what all state passes through does what it should: words, then a rest of bytes. */
static bool memory_is_copied(void) {
    static const uint64_t from[3] = {0x0123456789abcdef, 0xfedcba9876543210, 0x5555aaaa};
    uint64_t to[3] = {0, 0, 0};
    memcpy(to, from, 19);
    return to[0] == from[0] && to[1] == from[1] && to[2] == (from[2] & 0xffffff);
}

/* Ends the task when the state is unsound: the turn will not be committed. */
static void check_state(const struct actor *actor, bool full) {
    const char *wrong = !memory_is_copied()           ? "memory is not copied as it should be"
                        : full && !arena_heap_sound() ? "the arena's heap is damaged"
                                                      : NULL;
    if (wrong == NULL && actor->check != NULL) {
        wrong = actor->check(full);
    }
    if (wrong != NULL) {
        actor_abort(wrong);
    }
}

/* Maps the records; *size: bytes of them. */
static status_t map_records(handle_t records, uint32_t access, uint64_t *size) {
    struct memory_info information;
    status_t status = memory_info(records, &information);
    if (status != OK) {
        return status;
    }
    *size = information.size;
    return memory_map(TASK_SELF, records, 0, RECORDS_VA, information.size, access);
}

/* The life of a task that was made to export: the arena is a dead server's, the handle is the only
 * one. What it changes in the arena is never committed. */
static _Noreturn void export_state(const struct actor *actor, handle_t records) {
    struct records_writer writer;
    uint64_t size;
    if (actor->export == NULL || !created) {
        task_exit(-E_UNSUPPORTED);
    }
    status_t status = map_records(records, PROT_READ | PROT_WRITE, &size);
    if (status == OK) {
        records_begin(&writer, (void *)RECORDS_VA, size);
        actor->export(&writer);
        struct image_note note = image_note.data; /* it lies unaligned */
        status = records_end(&writer, &note);
    }
    task_exit(-status);
}

static status_t import_state(const struct actor *actor) {
    struct records_reader reader;
    uint64_t size;
    if (actor->import == NULL) {
        return E_UNSUPPORTED;
    }
    status_t status = map_records(program.records, PROT_READ, &size);
    if (status == OK) {
        status = records_open(&reader, (const void *)RECORDS_VA, size);
        if (status == OK) {
            status = actor->import(&reader);
        }
        (void)memory_unmap(TASK_SELF, RECORDS_VA, size);
    }
    return status;
}

/* The first state, from records or from nothing. */
static void create_state(const struct actor *actor) {
    status_t status = OK;
    if (program.records != HANDLE_NONE) {
        status = import_state(actor);
        if (status < 0) {
            fail("can't use the records", status);
        }
    } else if (actor->create != NULL) {
        status = actor->create();
        if (status < 0) {
            fail("can't start", status);
        }
    }
    created = true;
}

_Noreturn void actor_run(const struct actor *actor) {
    if (startup_handle("records") != HANDLE_NONE) {
        export_state(actor, startup_handle("records"));
    }
    status_t status = actor_bind(startup_handle("endpoint"), startup_handle("notification"));
    if (status != OK) {
        fail("can't bind", status);
    }
    actor_loop(actor);
}

_Noreturn void actor_loop(const struct actor *actor) {
    if (!created) {
        create_state(actor);
    }
    check_state(actor, true);
    /* Also by the old program that goes on because the new one did not: nobody else closes it. */
    handle_close(program.records);
    if (actor->start != NULL) {
        actor->start();
    }
    check_state(actor, ACTOR_CHECKS_ALL);
    static struct event event;
    for (;;) {
        event_receive(&event, receive_mask);
        uint32_t kind = dispatch_event(actor, &event);
        if (kind != event.kind) {
            actor_abort("an event was worked on as another kind"); /* a reply would be lost */
        }
        if (!handled(actor, kind)) {
            actor_abort("an event was left out");
        }
        event_finish(&event);
        check_state(actor, ACTOR_CHECKS_ALL);
    }
}
