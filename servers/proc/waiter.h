/* SPDX-License-Identifier: MIT
 * Calls that are not answered yet, and poll subscriptions, in the order in which they came.
 */
#pragma once
#include "state.h"

void waiter_init(void);
/* Appends one; the rest of its fields are zero. NULL: no room (E_BUSY to the caller). */
struct waiter *waiter_add(enum waiter_kind kind, uint32_t object, token_t token);
void waiter_remove(struct waiter *waiter);
/* The next after `from` (NULL: from the start) of a kind on an object; stream 0: any. */
struct waiter *waiter_next(struct waiter *from, enum waiter_kind kind, uint32_t stream,
                           uint32_t object);
struct waiter *waiter_of_token(token_t token);
/* Answers with a status and forgets it. */
void waiter_answer(struct waiter *waiter, status_t status);
/* Signals the polls of a stream for which an event of `events` holds, and forgets them. */
void waiter_poll(uint32_t stream, uint32_t object, uint64_t events);
/* Forgets the poll of a stream with that key. */
void waiter_replace(uint32_t stream, uint32_t object, uint64_t key);
/* Forgets all polls of a stream that is gone. */
void waiter_forget(uint32_t stream, uint32_t object);
