/* SPDX-License-Identifier: MIT
 * Waiting for a word of memory, keyed by (memory object, offset).
 */
#pragma once

#include "task.h"

/* The current thread waits while the word at `address` is `expected`. Returns the status to give at
 * once, or E_BUSY when the thread has been blocked. */
status_t futex_wait(struct thread *thread, uint64_t address, uint32_t expected, uint64_t deadline);
/* Number of threads woken, or a negative status. */
int64_t futex_wake(struct task *task, uint64_t address, uint32_t count);
/* The thread stops waiting. */
void futex_forget(struct thread *thread);
