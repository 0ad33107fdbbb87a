/* SPDX-License-Identifier: MIT
 * Effects of an actor's turn that wait for its commit, and creations that a reset must undo. Kept
 * in order; everything that could fail was done when the record was made.
 */
#pragma once

#include "call.h"

enum staged_kind {
    STAGED_REPLY,           /* call: answer it; value = token */
    STAGED_CALL,            /* call + session: send it */
    STAGED_CANCEL,          /* value = token of an outgoing call */
    STAGED_CLOSE,           /* handle */
    STAGED_REVOKE,          /* object */
    STAGED_GRANT,           /* object = task, handle reserved there */
    STAGED_SIGNAL,          /* object = notification, value = bits */
    STAGED_TIMER,           /* object = timer, value = deadline */
    STAGED_START,           /* object = task */
    STAGED_RESET,           /* object = task, other = image, third = arena, value = flags */
    STAGED_DESTROY,         /* object = task */
    STAGED_SUPERVISE,       /* object = task, other = session, third = notification, value = bits */
    STAGED_INTERRUPT,       /* object = thread */
    STAGED_SUPPLY,          /* value = token, object = memory, other = paged memory, page */
    STAGED_UNMAP,           /* mapping */
    STAGED_PORT_WRITE,      /* object = ioport, offset, flags = width, value = length bytes */
    STAGED_CREATED_HANDLE,  /* handle: undo by closing */
    STAGED_CREATED_MAPPING, /* mapping: undo by unmapping */
};

struct staged {
    struct list link;
    uint8_t kind; /* enum staged_kind */
    uint8_t length;
    uint16_t offset;
    uint32_t flags;
    handle_t handle;
    uint32_t page;
    uint64_t value;
    struct object *object, *other, *third; /* hold references */
    struct call *call;
    struct mapping *mapping;
};

/* A copy of the record at the end of the list. E_QUOTA. */
MUST_CHECK status_t staged_effect(struct task *task, const struct staged *template);
/* A handle in the task's table, provisional in an actor. E_NO_HANDLES, E_QUOTA. */
MUST_CHECK status_t staged_handle(struct task *task, struct object *object, uint32_t rights,
                                  handle_t *out);
/* Applies and frees every record, in order. */
void staged_commit(struct task *task);
/* Undoes and frees every record behind `mark`, which is one of them or the list, latest first. */
void staged_rollback(struct task *task, const struct list *mark);
/* Applies one effect now (plain tasks); the record is on the caller's stack. */
void staged_apply(struct task *task, const struct staged *staged);
