/* SPDX-License-Identifier: MIT
 * Host stand-in: one CPU, a clock that tests move.
 */
#pragma once

#include <stdint.h>

struct cpu;
struct thread;

extern uint64_t host_ticks;

struct cpu *cpu_self(void);
struct thread *cpu_current(void);

static inline void cr3_write(uint64_t root) {
    (void)root;
}

static inline uint64_t rdtsc(void) {
    return host_ticks;
}
