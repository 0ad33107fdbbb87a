/* SPDX-License-Identifier: MIT
 * Clocks, sleeping, futexes.
 */
#pragma once
#include "personality.h"

/* A timespec of the program as ns; -EFAULT, -EINVAL. */
int64_t timing_read(uint64_t user, uint64_t *ns);

struct linux_timespec timing_spec(uint64_t ns);

linux_call call_nanosleep, call_clock_nanosleep, call_clock_gettime, call_clock_getres,
    call_gettimeofday, call_time, call_futex, call_sched_yield;
linux_call call_alarm, call_setitimer, call_getitimer;
