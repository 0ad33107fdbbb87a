/* SPDX-License-Identifier: MIT */
/*
 * The receiving side of an actor. A turn starts when event_receive returns and ends with the next
 * event_receive, which commits: only then do replies, staged calls and other staged outputs happen.
 * If the actor dies before, the same event comes again to its next incarnation, with the arena as
 * it was at the start of the turn.
 */
#pragma once

#include <ipc/message.h>

struct event {
    uint32_t kind;  /* enum event_kind */
    uint32_t label; /* CALL: operation; REPLY: status (see event_status) */
    uint64_t badge; /* CALL, CLOSED, CANCEL: of the session */
    token_t token;  /* CALL, CANCEL: names the call; REPLY: of our staged call */
    union {
        uint64_t cookie; /* REPLY: as given to call_stage */
        uint64_t bits;   /* NOTIFY */
    };
    uint32_t account; /* CALL: id of the caller's account */
    uint32_t attempt; /* CALL: rises by one with each delivery */
    uint32_t word_count;
    uint32_t lease_count;
    uint32_t sum;          /* that came with the message; 0: none */
    uint32_t handle_count; /* take those that are kept: event_take_handle */
    uint32_t answer_handle_count;
    uint32_t answer_size;                /* of the handler that has run; see ipc/dispatch.h */
    struct lease leases[MESSAGE_LEASES]; /* length and access; the address is meaningless */
    struct handle_slot handles[MESSAGE_HANDLES];
    struct handle_slot answer_handles[MESSAGE_HANDLES]; /* see event_answer_handle */
    uint64_t words[MESSAGE_WORDS];                      /* word_count of them are valid */
};

/* Commits the turn and waits for the next event. mask: RECEIVE_ALL, or without RECEIVE_CALL while
 * there is no room for new work; with RECEIVE_POLL it returns EVENT_NONE rather than wait. Cancel
 * and closed events always come. */
void event_receive(struct event *event, uint32_t mask);

/* Answers a call: status as label, `size` bytes (<= 512) as words. May be called for the call of
 * this turn or for a parked one; a stale token is ignored. The first short answer of a turn rides
 * on the commit's system call. A status that blames the caller (E_INVALID, E_RIGHTS...) ends the
 * program when it is the answer to the call of this turn at its first delivery: the next
 * incarnation looks at it again, and is believed (docs/adr/0011-a-refusal-is-looked-at-twice.md).
 */
void reply(token_t token, status_t status, const void *data, size_t size);

/* reply with handles: copies, their rights masked by .rights, or moved with HANDLE_MOVE. Returns an
 * error of the handles (E_HANDLE, E_RIGHTS), in which case nothing was answered. */
status_t reply_handles(token_t token, status_t status, const void *data, size_t size,
                       const struct handle_slot *handles, uint32_t count);

static inline void reply_status(token_t token, status_t status) {
    reply(token, status, NULL, 0);
}

/* The call of this turn will be answered later, or is answered already by its token. A turn that
 * ends without its call answered or kept ends the program. */
void event_keep(const struct event *event);

/* The answer to the call of this turn is an ordinary one, though its status blames the caller. */
static inline void event_sure(const struct event *event) {
    event_keep(event);
}

/* Copies the words of an event into a structure of `size` bytes, zero where nothing was sent.
 * E_MESSAGE_SIZE: more was sent than the structure holds. */
status_t event_data(const struct event *event, void *data, size_t size);

static inline status_t event_status(const struct event *event) {
    return (status_t)event->label;
}

/* Keeps the index-th handle of the message: it becomes the server's. HANDLE_NONE when the message
 * has none there. actor_run closes all handles that were not taken after each event, so a caller
 * can't fill the server's handle table. */
handle_t event_take_handle(struct event *event, uint32_t index);

/* Closes the handles that were not taken. For loops that don't use actor_run. */
void event_finish(struct event *event);

/* Adds a handle to the answer that dispatch (ipc/dispatch.h) sends for this event; at most 4. */
void event_answer_handle(struct event *event, handle_t handle, uint32_t rights);

/* Copy from or to the memory that the call lends: lease `index`, from byte `offset` of it; the
 * kernel does so many bytes at a time. E_STALE, E_RANGE, E_RIGHTS; E_FAULT: some may be copied. */
static inline MUST_CHECK status_t lease_read(token_t token, uint32_t index, uint64_t offset,
                                             void *to, size_t length) {
    size_t done = 0;
    do {
        int64_t result = syscall_6(SYS_LEASE_READ, token, index, offset + done,
                                   (uintptr_t)to + done, length - done, 0);
        if (result < 0) {
            return syscall_failure(result);
        }
        done += (size_t)result;
    } while (done < length);
    return OK;
}

static inline MUST_CHECK status_t lease_write(token_t token, uint32_t index, uint64_t offset,
                                              const void *from, size_t length) {
    size_t done = 0;
    do {
        int64_t result = syscall_6(SYS_LEASE_WRITE, token, index, offset + done,
                                   (uintptr_t)from + done, length - done, 0);
        if (result < 0) {
            return syscall_failure(result);
        }
        done += (size_t)result;
    } while (done < length);
    return OK;
}

/* Tells the kernel what this actor receives from; either may be HANDLE_NONE. E_BUSY. */
static inline status_t actor_bind(handle_t endpoint, handle_t notification) {
    return (status_t)syscall_2(SYS_ACTOR_BIND, endpoint, notification);
}

/* A number that differs in every turn of every incarnation of this task. */
uint64_t actor_turn(void);
