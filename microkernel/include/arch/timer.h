/* SPDX-License-Identifier: MIT
 * Time: nanoseconds since boot from the TSC, and one one-shot timer per CPU.
 */
#pragma once

#include <arch/cpu.h>

/* What user code needs to compute the same time: see struct clock_page. */
struct clock {
    uint64_t tsc_base; /* TSC at kernel entry, which is time 0 */
    uint64_t mult;     /* ns per tick, 32.32 */
    uint64_t tsc_hz;
};
extern struct clock clock;

static inline uint64_t time_now(void) {
    return (uint64_t)(((unsigned __int128)(rdtsc() - clock.tsc_base) * clock.mult) >> 32);
}

static inline uint64_t ticks_to_ns(uint64_t ticks) {
    return (uint64_t)(((unsigned __int128)ticks * clock.mult) >> 32);
}

#define TIMER_NEVER (~0ull)

/* Calls timer_interrupt() on this CPU at `deadline` (ns) or soon after; at once if it has passed.
 * One deadline per CPU, the last call counts; TIMER_NEVER disarms. */
void timer_program(uint64_t deadline);
