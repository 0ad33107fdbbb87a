/* SPDX-License-Identifier: MIT */
/* Clock and sleep. Times are ns since boot unless said otherwise. */
#pragma once

#include <ipc/syscall.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

/* Time since boot; no kernel entry, never goes backwards on one CPU. */
uint64_t time_now_ns(void);

/* Wall clock, ns since 1970-01-01 UTC; 0 when the machine has no clock. */
uint64_t time_wall_ns(void);

/* Sleeps until the absolute time. E_INTR. Blocking: not in actors. */
static inline status_t thread_sleep_until(uint64_t time_ns) {
    return (status_t)syscall_2(SYS_THREAD_SLEEP, time_ns, 0);
}

static inline status_t thread_sleep(uint64_t duration_ns) {
    return thread_sleep_until(time_now_ns() + duration_ns);
}
