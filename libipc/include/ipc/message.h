/* SPDX-License-Identifier: MIT */
/*
 * Calling a service. Data is sent as 64-bit words; zero words at its end are not sent, and a
 * receiver sees what was not sent as zero, so structures with text at their end cost what they
 * hold.
 */
#pragma once

#include <ipc/syscall.h>

/* The message buffer of the calling thread. */
struct message_buffer *message_buffer(void);

/* What a call carries. `size` is in bytes, <= 512; a size that is no multiple of 8 is padded.
 * Leases and handles stay the caller's; a handle with HANDLE_MOVE in its rights is the
 * receiver's when that has accepted the call, and the caller's again when it ends before. */
struct message {
    const void *data;
    size_t size;
    const struct lease *leases;
    const struct handle_slot *handles;
    uint32_t lease_count;
    uint32_t handle_count;
    uint64_t deadline; /* call(): absolute ns after which the call is cancelled; 0: none */
};

/* The answer. `data` (may be NULL) has room for `size` bytes: what the server sent beyond is
 * dropped, what it did not send is zero. Handles that come become the caller's. */
struct answer {
    void *data;
    size_t size;
    struct handle_slot handles[MESSAGE_HANDLES];
    uint32_t handle_count;
    uint32_t word_count; /* words that the server sent */
};

static inline struct lease lease_in(const void *address, size_t length) {
    return (struct lease){(uintptr_t)address, length, LEASE_READ, 0};
}

static inline struct lease lease_out(void *address, size_t length) {
    return (struct lease){(uintptr_t)address, length, LEASE_WRITE, 0};
}

/* Calls a session and waits for the answer. Returns the server's status, or one of the transport:
 * E_CLOSED, E_TIMEOUT, E_CANCELLED, E_INTR, E_POISON, E_RESET, E_CHECKSUM (the answer is not what
 * the server has sent), and the errors of a bad message.
 * answer may be NULL: handles that come are then closed. Blocking: not in actors. */
status_t call(handle_t session, uint32_t label, const struct message *message,
              struct answer *answer);

/* call() whose answer is one handle, which becomes the caller's. E_PROTOCOL: it is not. */
status_t call_handle(handle_t session, uint32_t label, const struct message *message,
                     struct answer *answer, handle_t *handle);

/* call() for the usual case: words only. `result` (may be NULL) gets `result_size` bytes. */
status_t call_words(handle_t session, uint32_t label, const void *data, size_t size, void *result,
                    size_t result_size);

/* Stages a call in an actor: it is made at the commit; its answer comes as EVENT_REPLY with
 * `cookie`. *token (may be NULL) names it for call_cancel. Leased memory must stay untouched until
 * the answer and must not be in the arena. E_QUOTA, E_HANDLE, E_RIGHTS, E_INVALID. */
MUST_CHECK status_t call_stage_message(handle_t session, uint32_t label,
                                       const struct message *message, uint64_t cookie,
                                       token_t *token);
MUST_CHECK status_t call_stage(handle_t session, uint32_t label, const void *data, size_t size,
                               uint64_t cookie);

/* Asks for a staged call back; its EVENT_REPLY still comes. E_STALE: already answered. Staged. */
status_t call_cancel(token_t token);

/* Number of words that `size` bytes at `data` need when zero words at the end are left out. */
uint32_t message_trim(const void *data, size_t size);
