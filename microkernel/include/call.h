/* SPDX-License-Identifier: MIT
 * Endpoints, sessions and calls.
 *
 * A call goes QUEUED (at its endpoint) -> TAKEN (delivered in the current turn of the server)
 * -> ACCEPTED (that turn was committed without an answer) -> done. The request is kept unchanged
 * until the answer, so that it can be delivered again. Invariants: a QUEUED call is in exactly one
 * queue of its endpoint; a TAKEN call is its server's turn.call; an ACCEPTED call is in its
 * server's `accepted` list; a call in the endpoint's `cancels` list has `cancel` set and is TAKEN
 * or ACCEPTED.
 */
#pragma once

#include "object.h"
#include "timer.h"
#include <common/list.h>

struct arch_context;
struct memory;
struct task;
struct thread;

#define PRIORITIES 32

struct endpoint {
    struct object object;
    struct task *server;            /* bound to it, NULL: callers wait */
    uint32_t ready;                 /* bitmap of non-empty queues */
    uint32_t cold_epoch;            /* sessions minted before the last cold start are lost */
    struct list queues[PRIORITIES]; /* of calls, by priority, oldest first */
    struct list cancels;            /* of calls whose server has not seen the cancel */
    struct list closed;             /* of sessions without handles */
    bool dead;                      /* no handle with RECEIVE exists any more */
};

struct session {
    struct object object;
    struct endpoint *endpoint;
    uint64_t badge;
    uint32_t cold_epoch;
    struct list closed_link;
};

enum call_state { CALL_IDLE = 0, CALL_QUEUED, CALL_TAKEN, CALL_ACCEPTED, CALL_DONE };

/* SPECIAL: staged, or with a deadline or handles. KERNEL: a fault or exit message. */
enum call_kind { CALL_PLAIN = 0, CALL_SPECIAL, CALL_KERNEL };

struct message_handle {
    struct object *object; /* NULL: none; holds a handle count */
    struct task *sender;   /* whose entry `moved` is hidden until it goes; NULL; a reference */
    handle_t moved;
    uint32_t rights, epoch;
};

struct message {
    uint64_t tag;
    uint64_t words[MESSAGE_WORDS];
    struct message_handle handles[MESSAGE_HANDLES];
};

struct call {
    struct object object;
    struct list link;        /* queue, accepted, replies */
    struct list cancel_link; /* endpoint->cancels */
    struct list caller_link; /* caller_task->outgoing, for staged calls */
    union {
        struct {
            uint8_t state; /* enum call_state */
            uint8_t priority;
            bool cancel; /* the caller asked to have it back */
            bool timed_out;
            bool answered; /* an answer is staged in this turn */
            uint8_t kind;  /* enum call_kind */
            bool fast; /* TAKEN, by the fast path; its words are still in the caller's registers */
            uint8_t pad;
        };
        uint64_t flags; /* all of them at once, for the fast path */
    };
    uint32_t attempt;
    /* The token. Each use of a slot has a sequence number of its own, so that old tokens are stale;
     * slots count from 1, so that it is never TOKEN_NONE. */
    uint32_t slot, sequence;
    struct call *next; /* in its bucket of all calls */
    uint64_t cookie;
    uint64_t caller_word;       /* what a server learns of the caller: its account's id, shifted */
    struct memory *page_memory; /* a page-in call: the page that is wanted; holds a reference */
    uint64_t page_index;
    struct thread *thread;   /* blocked in CALL; NULL: staged, or the caller is dead */
    struct task *caller;     /* whose address space the leases are in; NULL: dead */
    struct session *session; /* holds a reference */
    struct task *server;     /* TAKEN or ACCEPTED there */
    struct lease leases[MESSAGE_LEASES];
    struct message request;
    struct message reply;
};

MUST_CHECK status_t endpoint_create(struct account *account, struct endpoint **out);
/* Binds the task to an endpoint, or NULL, instead of the one that it has. */
void endpoint_bind(struct endpoint *endpoint, struct task *task);
/* The server has lost its state: sessions that it minted are lost, with the calls queued on them.
 */
void endpoint_forget(struct endpoint *endpoint);
bool session_lost(const struct session *session);
/* account NULL: the endpoint's pays. */
MUST_CHECK status_t session_create(struct endpoint *endpoint, struct account *account,
                                   uint64_t badge, struct session **out);

MUST_CHECK status_t call_create(struct account *account, struct call **out);
static inline token_t call_token(const struct call *call) {
    return ((uint64_t)call->sequence << 32) | call->slot;
}
/* The call that a server holds under this token, or NULL. */
struct call *call_find(token_t token, const struct task *server);
/* The call that a task staged under this token, or NULL. */
struct call *call_find_outgoing(token_t token, const struct task *caller);

/* Sends a filled call to its session's endpoint; a waiting server gets it at once. E_CLOSED,
 * E_RESET: not sent, its handles are the sender's again. */
MUST_CHECK status_t call_send(struct call *call, struct session *session);
/* The server side is done with the call. OK: the caller gets the answer in call->reply; else one
 * made here, with this status, and no handles. */
void call_finish(struct call *call, status_t status);
/* The caller wants the call back. A QUEUED call is completed with `status` at once. */
void call_cancel(struct call *call, status_t status);
/* The caller's thread or task ends: leases end, the server is told. */
void call_abandon(struct call *call);
/* Takes a QUEUED call out of its queue. */
void call_unqueue(struct call *call);
/* Puts a TAKEN call back to the front of its queue. */
void call_requeue(struct call *call);
/* Handles that are to be moved leave their sender's table for good, if `moved`, else are there
 * again. */
void message_settle(struct message *message, bool moved);
/* Settles them, and lets the handles go. */
void message_drop_handles(struct message *message, bool moved);
/* Takes what registers carry: the tag and the first six words. */
void message_load(struct message *message, struct arch_context *context);

/* Highest priority among the endpoint's queued calls, -1: none. */
static inline int endpoint_top(const struct endpoint *endpoint) {
    return endpoint->ready == 0 ? -1 : 31 - __builtin_clz(endpoint->ready);
}
