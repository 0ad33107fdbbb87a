/* SPDX-License-Identifier: MIT */
/*
 * Endpoints, sessions, notifications, timers, accounts, images and tasks. Every created object is
 * charged to `account` (RIGHT_CHARGE); the caller owns the handle it gets. All creations may return
 * E_QUOTA and E_NO_HANDLES. In an actor a creation is undone if it dies before the turn's commit.
 * Spec: docs/spec/syscalls.md.
 */
#pragma once

#include <ipc/syscall.h>

static inline MUST_CHECK status_t endpoint_create(handle_t account, handle_t *endpoint) {
    return syscall_handle(syscall_2(SYS_ENDPOINT_CREATE, account, 0), endpoint);
}

/* A session with `badge` (top bit clear: BADGE_ROOT is the supervisor's) on an endpoint with
 * RIGHT_MINT. account HANDLE_NONE: the endpoint's. When its last handle goes, the endpoint's server
 * gets EVENT_CLOSED with the badge. */
static inline MUST_CHECK status_t session_create_charged(handle_t endpoint, uint64_t badge,
                                                         handle_t account, handle_t *session) {
    return syscall_handle(syscall_4(SYS_SESSION_CREATE, endpoint, badge, account, 0), session);
}

static inline MUST_CHECK status_t session_create(handle_t endpoint, uint64_t badge,
                                                 handle_t *session) {
    return session_create_charged(endpoint, badge, HANDLE_NONE, session);
}

static inline MUST_CHECK status_t notification_create(handle_t account, handle_t *notification) {
    return syscall_handle(syscall_2(SYS_NOTIFICATION_CREATE, account, 0), notification);
}

/* Sets bits (RIGHT_SIGNAL). Staged in an actor. */
static inline status_t notification_signal(handle_t notification, uint64_t bits) {
    return (status_t)syscall_2(SYS_NOTIFICATION_SIGNAL, notification, bits);
}

#define DEADLINE_NONE UINT64_MAX

/* Waits (RIGHT_WAIT) until one of the bits in `mask` is set; *bits gets those set, which are then
 * clear. deadline: absolute ns; 0 polls, DEADLINE_NONE waits for ever. E_TIMEOUT, E_BUSY (bound to
 * an actor), E_INTR. Blocking: not in actors. */
static inline status_t notification_wait(handle_t notification, uint64_t mask, uint64_t deadline,
                                         uint64_t *bits) {
    struct syscall_results results =
        syscall_results(SYS_NOTIFICATION_WAIT, notification, mask, deadline, 0, 0);
    if (results.rax < 0) {
        return syscall_failure(results.rax);
    }
    *bits = results.rdi;
    return OK;
}

/* A timer that sets `bits` of `notification` (RIGHT_SIGNAL) when it fires. */
static inline MUST_CHECK status_t timer_create(handle_t account, handle_t notification,
                                               uint64_t bits, handle_t *timer) {
    return syscall_handle(syscall_4(SYS_TIMER_CREATE, account, notification, bits, 0), timer);
}

/* Arms the timer for an absolute time in ns (time_now_ns); 0 disarms; the past fires at once.
 * Staged in an actor. */
static inline status_t timer_set(handle_t timer, uint64_t time_ns) {
    return (status_t)syscall_2(SYS_TIMER_SET, timer, time_ns);
}

/* A child account with `limit` bytes taken from the parent. */
static inline MUST_CHECK status_t account_create(handle_t parent, uint64_t limit,
                                                 handle_t *account) {
    return syscall_handle(syscall_2(SYS_ACCOUNT_CREATE, parent, limit), account);
}

struct account_information {
    uint64_t used;  /* bytes charged */
    uint64_t limit; /* bytes */
    uint64_t id;
};

static inline status_t account_info(handle_t account, struct account_information *information) {
    struct syscall_results results = syscall_results(SYS_ACCOUNT_INFO, account, 0, 0, 0, 0);
    if (results.rax < 0) {
        return syscall_failure(results.rax);
    }
    *information = (struct account_information){results.rdi, results.rsi, results.rdx};
    return OK;
}

/* A program image from the first `length` bytes of a memory that holds an ELF64 file (copied).
 * E_FORMAT: not a static x86-64 ELF, truncated, or with segments that the rules forbid. */
static inline MUST_CHECK status_t image_create(handle_t account, handle_t memory, uint64_t length,
                                               handle_t *image) {
    return syscall_handle(syscall_4(SYS_IMAGE_CREATE, account, memory, length, 0), image);
}

static inline status_t image_info(handle_t image, struct image_info *information) {
    return (status_t)syscall_2(SYS_IMAGE_INFO, image, (uintptr_t)information);
}

static inline MUST_CHECK status_t task_create(const struct task_create *parameters,
                                              handle_t *task) {
    return syscall_handle(syscall_2(SYS_TASK_CREATE, (uintptr_t)parameters, 0), task);
}

/* Starts the main thread of a new or stopped task (RIGHT_MANAGE). E_STATE. Staged in an actor. */
static inline status_t task_start(handle_t task) {
    return (status_t)syscall_2(SYS_TASK_START, task, 0);
}

/* Rolls the task back to its last commit and starts it again; flags RESET_*. image HANDLE_NONE:
 * keep the present one; a new one keeps the arena unless RESET_COLD is given. E_STATE: own or dead
 * task; E_INVALID: the image wants a larger arena; E_QUOTA. Staged in an actor. */
static inline status_t task_reset(handle_t task, handle_t image, uint32_t flags) {
    return (status_t)syscall_4(SYS_TASK_RESET, task, image, flags, 0);
}

/* The same with another arena, of the size that `image` wants or more, that no task has. The old
 * one keeps its last committed content. `word` comes to the program with the flags. */
static inline status_t task_reset_arena(handle_t task, handle_t image, uint32_t flags,
                                        handle_t arena, uint32_t word) {
    return (status_t)syscall_4(SYS_TASK_RESET, task, image, flags | (uint64_t)word << 32, arena);
}

/* Ends the task for good; calls that it took are answered E_RESET. Staged in an actor. */
static inline status_t task_destroy(handle_t task) {
    return (status_t)syscall_2(SYS_TASK_DESTROY, task, 0);
}

static inline status_t task_info(handle_t task, struct task_info *information) {
    return (status_t)syscall_2(SYS_TASK_INFO, task, (uintptr_t)information);
}

/* Sends the task's faults and exits to `session`, its end to bits of `notification`; either may be
 * HANDLE_NONE. Staged in an actor. */
static inline status_t task_supervise(handle_t task, handle_t session, handle_t notification,
                                      uint64_t bits) {
    return (status_t)syscall_4(SYS_TASK_SUPERVISE, task, session, notification, bits);
}

/* Ends the calling task, or stops it for its supervisor to decide. */
_Noreturn static inline void task_exit(int code) {
    for (;;) {
        syscall_2(SYS_TASK_EXIT, (uint64_t)(int64_t)code, 0);
    }
}
