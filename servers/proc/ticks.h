/* SPDX-License-Identifier: MIT
 * Times of timers: struct proc_timer with an absolute due_ns, 0 for never.
 */
#pragma once
#include "state.h"

/* Sets it anew, if asked to; *before is what it was, with the time left. E_INVALID: times that
 * never come. */
status_t ticks_set(struct proc_timer *timer, const struct proc_timer_request *request, uint64_t now,
                   struct proc_timer *before);
/* Moves it to its first time after `now`; how many there were until then. */
uint64_t ticks_pass(struct proc_timer *timer, uint64_t now);
/* The nearer of two times, of which 0 is never. */
uint64_t ticks_nearer(uint64_t one, uint64_t other);

/* Adds what has passed to a counter; false: nothing has. */
bool counter_tick(struct counter *counter, uint64_t now);
/* When a counter that is 0 rises next; 0: none does. */
uint64_t counters_next(void);
