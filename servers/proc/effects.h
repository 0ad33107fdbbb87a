/* SPDX-License-Identifier: MIT
 * What the logic of proc does to the world; tests of the logic bring their own.
 */
#pragma once
#include "state.h"

void effect_interrupt(handle_t task);
void effect_destroy(struct process *process);
/* CPU time that the task has used. */
uint64_t effect_cpu_ns(handle_t task);
uint64_t effect_now(void);
/* The kernel's timer goes off when the next counter or alarm is due. E_QUOTA: there is none. */
status_t effect_timer(void);
void effect_close(handle_t handle);
/* Answers calls that wait for this change. */
void effect_child_changed(struct process *parent);
void effect_run_ended(struct process *process);
void effect_continued(struct process *process);
/* Its parent ended before it was complete: it must give up. */
void effect_child_lost(struct process *child);
/* The leader of a session ended. */
void effect_session_ended(struct process *leader);
