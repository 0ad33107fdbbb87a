/* SPDX-License-Identifier: MIT
 * Clocks, sleeping, futexes.
 */
#pragma once
#include "personality.h"

/* A timespec of the program as ns; -EFAULT, -EINVAL. */
int64_t timing_read(uint64_t user, uint64_t *ns);

struct linux_timespec timing_spec(uint64_t ns);

#define TIMING_FOREVER (1ll << 32) /* seconds: longer times are cut to this */
/* The clock can have timers; its absolute times are of the wall clock. */
bool timing_is_clock(uint64_t clock);
bool timing_is_realtime(uint64_t clock);
/* When a timer is due in the machine's time that is set to `ns` now; 0, never, for 0. */
uint64_t timing_due(uint64_t ns, bool absolute, bool wall);
/* A struct itimerspec of the program: to set, -EFAULT or -EINVAL; and with the time left. */
int64_t timing_read_timer(uint64_t user, bool absolute, bool wall, struct proc_timer *timer);
int64_t timing_give_timer(uint64_t user, const struct proc_timer *timer);

linux_call call_nanosleep, call_clock_nanosleep, call_clock_gettime, call_clock_getres,
    call_gettimeofday, call_time, call_futex, call_sched_yield;
linux_call call_alarm, call_setitimer, call_getitimer, call_timer_create, call_timer_settime,
    call_timer_gettime, call_timer_getoverrun, call_timer_delete;
