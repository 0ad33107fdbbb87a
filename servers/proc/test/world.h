/* SPDX-License-Identifier: MIT */
/* What proc has around it in its host tests: a clock, and effects that only count. */
#pragma once

#include "../process.h"

extern uint64_t clock_ns; /* the time; tests set it */
extern struct seen {
    int interrupts, destroyed, told, continued, ended, lost, sessions;
} seen; /* how often each effect was wanted since start() */

/* A running process. */
struct process *make(struct process *parent);
/* Everything from the beginning: a session's leader. */
struct process *start(void);
void send(struct process *process, int signal);
/* The signal that the process takes; 0: none. */
int taken(struct process *process, uint64_t blocked);
