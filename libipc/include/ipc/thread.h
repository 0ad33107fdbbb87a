/* SPDX-License-Identifier: MIT */
/* Threads of plain programs. An actor has one thread only. */
#pragma once

#include <ipc/syscall.h>

#define THREAD_STACK_SIZE 0x10000ull /* with a guard page below and the message buffer on top */
/* Stacks of further threads: blocks of that size, aligned to it, from here on. */
#define THREAD_STACKS_VA 0x0000600000000000ull
#define THREAD_STACKS_MAX 64
#define THREAD_TOP_SIZE 768 /* at the top of each, for the message buffer */

/* Starts entry(argument) at `priority`; when it returns the thread ends. *thread (may be NULL) gets
 * the handle. Stacks come from the own account and are reused after thread_join only.
 * E_QUOTA, E_INVALID, E_RIGHTS. */
MUST_CHECK status_t thread_create(void (*entry)(void *argument), void *argument, uint32_t priority,
                                  handle_t *thread);

_Noreturn static inline void thread_exit(void) {
    for (;;) {
        syscall_2(SYS_THREAD_EXIT, 0, 0);
    }
}

static inline void thread_yield(void) {
    syscall_2(SYS_THREAD_YIELD, 0, 0);
}

/* Priority (0..31) and CPU mask (0: unchanged) of a thread; HANDLE_NONE: the caller. */
static inline status_t thread_schedule(handle_t thread, uint32_t priority, uint32_t affinity) {
    return (status_t)syscall_4(SYS_THREAD_SCHEDULE, thread, priority, affinity, 0);
}

/* Makes the thread's present or next blocking call return E_INTR. */
static inline status_t thread_interrupt(handle_t thread) {
    return (status_t)syscall_2(SYS_THREAD_INTERRUPT, thread, 0);
}

/* Waits while *word == expected; E_WOULD_BLOCK when it is not, E_TIMEOUT, E_INTR. */
static inline status_t futex_wait(const uint32_t *word, uint32_t expected, uint64_t deadline) {
    return (status_t)syscall_4(SYS_FUTEX_WAIT, (uintptr_t)word, expected, deadline, 0);
}

/* Wakes at most `count` waiters; returns how many. */
static inline int64_t futex_wake(const uint32_t *word, uint32_t count) {
    return syscall_2(SYS_FUTEX_WAKE, (uintptr_t)word, count);
}
