/* SPDX-License-Identifier: MIT
 * Where am I, and when.
 */
#pragma once

#include <stdint.h>

struct cpu;
struct thread;

/* The CPU we run on. */
static inline struct cpu *cpu_self(void) {
    struct cpu *cpu;
    __asm__("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* The thread whose registers the exit will load; NULL: idle. */
static inline struct thread *cpu_current(void) {
    struct thread *thread;
    __asm__ volatile("mov %%gs:8, %0" : "=r"(thread));
    return thread;
}

/* Loads page tables. */
static inline void cr3_write(uint64_t root) {
    __asm__ volatile("mov %0, %%cr3" ::"r"(root) : "memory");
}

static inline uint64_t rdtsc(void) {
    uint64_t low, high; /* the upper halves become zero */
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return high << 32 | low;
}
