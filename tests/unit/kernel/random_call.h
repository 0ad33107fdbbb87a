/* SPDX-License-Identifier: MIT
 * Random system calls: mostly such as may succeed, with handles, tokens and addresses that mean
 * something to the thread's task.
 */
#pragma once

#include <task.h>

/* A number in 0..limit-1 of a sequence that the seed, never 0, decides. */
extern uint64_t random_seed;
uint64_t below(uint64_t limit);

/* Where the memory lies that calls copy from and to, and where they map some. */
#define RANDOM_WINDOW 0x700000ull
#define RANDOM_WINDOW_PAGES 16u

/* A handle of the task's of a type, OBJECT_NONE: any; HANDLE_NONE: it has none. */
handle_t random_handle(struct task *task, enum object_type type);
/* Which call a thread makes. */
uint32_t random_operation(const struct thread *thread);
const char *random_operation_name(uint32_t op); /* NULL: there is no such call */
/* Its ten arguments, and now and then what the thread's message buffer holds. */
void random_arguments(struct thread *thread, uint32_t op, uint64_t arguments[10]);
