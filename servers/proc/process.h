/* SPDX-License-Identifier: MIT
 * Processes: table, families, ends, signals. What has to happen outside goes through effects.h.
 */
#pragma once
#include "state.h"

uint32_t process_index(const struct process *process);
/* NULL: no such process (zombies count). */
struct process *process_find(int64_t pid);
/* The process of a session's badge, unless it has ended. */
struct process *process_of_badge(uint64_t badge);
/* A new one with the next free pid, EMBRYO; `parent` may be NULL. NULL: the table is full. */
struct process *process_create(const struct process *parent);
void process_free(struct process *process);
/* Keeps the arguments of its program, at most PROC_COMMAND_MAX bytes of them. */
void process_command(struct process *process, const char *arguments, uint32_t length);
int32_t process_new_pid(void);

/* The end of a process: it becomes a zombie, or vanishes when nobody will ask. */
void process_end(struct process *process, int32_t status);
void process_stop(struct process *process, int signal);
void process_continue(struct process *process);

/* E_NOT_FOUND: no child fits. OK with reply->pid 0: none has anything to tell yet. */
status_t process_wait(struct process *process, int64_t selector, uint64_t options,
                      struct proc_wait_reply *reply);

/* signal.c */
/* Sends a signal; what is ignored vanishes. False: the queue is full. */
bool signal_send(struct process *process, const struct signal_info *info);
void signal_group(int32_t pgid, int signal);
/* Takes the lowest that is not blocked, of those for any thread and for this one (0: for none),
 * and starts its timer again: `overrun` is what that has missed. */
struct signal_info signal_take(struct process *process, uint64_t blocked, int32_t thread,
                               uint64_t *overrun);
uint64_t signal_pending(const struct process *process);
/* A thread other than this for which alone something is pending, which was not said before; 0. */
int32_t signal_other(struct process *process, int32_t thread);
/* The signal that a timer (index + 1) has sent is pending. */
bool signal_of_alarm(const struct process *process, uint32_t alarm);
/* Takes it back. */
void signal_forget(struct process *process, uint32_t alarm);
/* exec: what was for one thread alone is gone with it. */
void signal_forget_threads(struct process *process);
status_t signal_kill(const struct process *sender, const struct proc_kill_request *request);

/* check.c: what is wrong with the state; NULL: nothing. */
const char *proc_check(bool full);

/* run.c, fork.c */
status_t group_set(struct process *process, int64_t pid, int64_t value);
