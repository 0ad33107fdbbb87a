/* SPDX-License-Identifier: MIT
 * Processes and threads of the program.
 */
#pragma once
#include <ipc/thread.h>

#include "personality.h"

/* status as wait(2) shows it. */
_Noreturn void process_exit(int status);
struct thread *thread_find(int32_t tid);
/* Makes it look at its signals. */
void thread_wake(struct thread *thread);
/* The calling thread, not the first, ends. */
_Noreturn void thread_leave(struct thread *thread);
/* Ends all threads but the caller, which must be the first: else false. */
bool threads_end(struct thread *thread);
extern struct thread first_thread;
/* The caller; the one with a stack of its own around that address. */
struct thread *thread_self(void);
static inline struct thread *thread_at(uint64_t stack) {
    uint64_t top = (stack & ~(THREAD_STACK_SIZE - 1)) + THREAD_STACK_SIZE - THREAD_TOP_SIZE;
    return (struct thread *)((top - sizeof(struct thread)) & ~63ull);
}

/* exec.c: replaces the program. `words`: strings, argc then envc of them, in the scratch memory. */
struct strings {
    uint64_t argc, envc;
    uint64_t used; /* bytes of text */
    char *text;
};
/* Where strings are gathered; NULL: no memory. */
char *exec_scratch(void);
int64_t exec_path(struct thread *thread, const char *path, struct strings *strings);

linux_call call_fork, call_vfork, call_clone, call_execve, call_exit, call_exit_group, call_wait4,
    call_waitid, call_getpid, call_getppid, call_gettid, call_setpgid, call_getpgid, call_getpgrp,
    call_setsid, call_getsid, call_set_tid_address, call_set_robust_list, call_arch_prctl,
    call_getrusage, call_times, call_zero, call_set_id, call_getgroups, call_getres_id, call_uname,
    call_sysinfo, call_getrandom, call_prlimit64, call_getrlimit, call_setrlimit,
    call_sched_getaffinity, call_prctl, call_getpriority, call_getcpu;
