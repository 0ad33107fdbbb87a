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

/* value * mult, which is a 32.32 fixed-point number. */
static inline uint64_t scale(uint64_t value, uint64_t mult) {
    return (uint64_t)(((unsigned __int128)value * mult) >> 32);
}

static inline uint64_t ticks_to_ns(uint64_t ticks) {
    return scale(ticks, clock.mult);
}

static inline uint64_t time_now(void) {
    return ticks_to_ns(rdtsc() - clock.tsc_base);
}

#define TIMER_NEVER (~0ull)

/* Calls timer_interrupt() on this CPU at `deadline` (ns) or soon after; at once if it has passed.
 * It may also come too early: then it has to be programmed again. One deadline per CPU, the last
 * call counts; TIMER_NEVER disarms. */
void timer_program(uint64_t deadline);
