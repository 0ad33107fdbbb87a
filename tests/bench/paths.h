/* SPDX-License-Identifier: MIT
 * The paths that are measured alone (paths.c) and among many tasks and handles (growth.c).
 */
#pragma once

#include "peer.h"

void measure_null(uint64_t argument);

/* A notification without a waiter and to a waiter above, and a yield. */
bool run_switches(void);

/* Makes what the lives of tasks and threads need. */
bool lives_prepare(void);
void measure_task_life(uint64_t argument);   /* created, started, exited, its end awaited, closed */
void measure_thread_life(uint64_t argument); /* created, run, its end awaited */

/* The same paths among more and more tasks, and what long queues cost. `arena_session`: of
 * benchserver. */
bool run_growth(handle_t arena_session);

/* How late a thread wakes up at most, by what the kernel is doing (longest.c). */
bool run_longest(void);
