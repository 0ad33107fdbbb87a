/* SPDX-License-Identifier: MIT
 * Signals: what the process does about them. Which ones are pending is proc's to know, but for
 * those sent to one thread.
 */
#pragma once
#include "personality.h"

/* A signal is to be delivered to the thread (it is taken for that); the others that wait are
 * ignored or done. */
bool signal_waiting(struct thread *thread);
/* Before the program goes on: runs handlers, default actions. `result` is that of the call that
 * just ended; when it asks for a restart, `number` is put back. */
void signal_deliver(struct thread *thread, int64_t result, uint64_t number);
/* One caused by the thread itself. */
void signal_self(struct thread *thread, int signal);
void signal_fault(struct thread *thread);
/* Signals that the process ignores by its wish, and those that have a handler. */
void signal_sets(uint64_t *ignored, uint64_t *caught);
bool signal_blocked_or_ignored(const struct thread *thread, int signal);
/* A mask (address, size; 0: none) for the time of this call. */
int64_t signal_suspend_with(struct thread *thread, uint64_t user, uint64_t size);
void signals_exec(void);
void signals_forked(struct thread *thread);

linux_call call_rt_sigaction, call_rt_sigprocmask, call_rt_sigpending, call_rt_sigsuspend,
    call_rt_sigreturn, call_sigaltstack, call_kill, call_tkill, call_tgkill, call_pause,
    call_rt_sigtimedwait, call_rt_sigqueueinfo, call_rt_tgsigqueueinfo;
