/* SPDX-License-Identifier: MIT
 * Clocks, sleeping, futexes.
 */
#include "timing.h"

#include <ipc/object.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "signals.h"

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME 7
#define TIMER_ABSTIME 1

struct linux_timespec timing_spec(uint64_t ns) {
    return (struct linux_timespec){(int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S)};
}

int64_t timing_read(uint64_t user, uint64_t *ns) {
    struct linux_timespec time;
    *ns = 0;
    if (user_read(&time, user, sizeof time) != 0) {
        return -EFAULT;
    }
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= (int64_t)NS_PER_S) {
        return -EINVAL;
    }
    *ns = time.seconds > TIMING_FOREVER
              ? TIMING_FOREVER * NS_PER_S
              : (uint64_t)time.seconds * NS_PER_S + (uint64_t)time.nanoseconds;
    return 0;
}

bool timing_is_clock(uint64_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
}

bool timing_is_realtime(uint64_t clock) {
    return clock == CLOCK_REALTIME;
}

uint64_t timing_due(uint64_t ns, bool absolute, bool wall) {
    uint64_t now = time_now_ns();
    if (ns == 0 || !absolute) {
        return ns == 0 ? 0 : now + ns;
    }
    uint64_t base =
        wall ? time_wall_ns() - now : 0; /* of the clock, when the machine's time was 0 */
    return ns > base ? ns - base : 1;
}

int64_t timing_read_timer(uint64_t user, bool absolute, bool wall, struct proc_timer *timer) {
    uint64_t ns;
    int64_t result = timing_read(user, &timer->interval_ns);
    if (result == 0) {
        result = timing_read(user + sizeof(struct linux_timespec), &ns);
    }
    if (result == 0) {
        timer->due_ns = timing_due(ns, absolute, wall);
    }
    return result;
}

int64_t timing_give_timer(uint64_t user, const struct proc_timer *timer) {
    struct linux_timespec to[2] = {timing_spec(timer->interval_ns), timing_spec(timer->due_ns)};
    return user_write(user, to, sizeof to);
}

static int64_t clock_read(uint64_t clock, uint64_t *ns) {
    switch (clock) {
    case CLOCK_REALTIME:
    case 5: /* REALTIME_COARSE */
        *ns = time_wall_ns();
        return 0;
    case 1: /* MONOTONIC */
    case 4: /* MONOTONIC_RAW */
    case 6: /* MONOTONIC_COARSE */
    case 7: /* BOOTTIME */
        *ns = time_now_ns();
        return 0;
    case 2:   /* PROCESS_CPUTIME_ID */
    case 3: { /* THREAD_CPUTIME_ID */
        struct proc_pid request = {process.pid};
        struct proc_list_reply reply = {0};
        status_t status =
            call_simple(process.proc, PROC_LIST, &request, sizeof request, &reply, sizeof reply);
        *ns = reply.cpu_ns;
        return error_of(status);
    }
    default:
        return -EINVAL;
    }
}

int64_t call_clock_gettime(struct thread *thread, const uint64_t *a) {
    uint64_t ns;
    (void)thread;
    int64_t result = clock_read(a[0], &ns);
    if (result == 0) {
        struct linux_timespec time = timing_spec(ns);
        result = user_write(a[1], &time, sizeof time);
    }
    return result;
}

int64_t call_clock_getres(struct thread *thread, const uint64_t *a) {
    uint64_t ns;
    struct linux_timespec one = {0, 1};
    (void)thread;
    int64_t result = clock_read(a[0], &ns);
    return result != 0 || a[1] == 0 ? result : user_write(a[1], &one, sizeof one);
}

int64_t call_gettimeofday(struct thread *thread, const uint64_t *a) {
    uint64_t ns = time_wall_ns();
    struct linux_timeval time = {(int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S / NS_PER_US)};
    (void)thread;
    return a[0] == 0 ? 0 : user_write(a[0], &time, sizeof time);
}

int64_t call_time(struct thread *thread, const uint64_t *a) {
    int64_t now = (int64_t)(time_wall_ns() / NS_PER_S);
    (void)thread;
    return a[0] != 0 && user_write(a[0], &now, sizeof now) != 0 ? -EFAULT : now;
}

static int64_t sleep_until(struct thread *thread, uint64_t deadline, uint64_t rest) {
    while (thread_sleep_until(deadline) == E_INTR) {
        if (!signal_waiting(thread)) {
            continue;
        }
        uint64_t now = time_now_ns();
        struct linux_timespec time = timing_spec(deadline > now ? deadline - now : 0);
        if (rest != 0) {
            (void)user_write(rest, &time, sizeof time);
        }
        return -EINTR;
    }
    return 0;
}

int64_t call_nanosleep(struct thread *thread, const uint64_t *a) {
    uint64_t ns;
    int64_t result = timing_read(a[0], &ns);
    return result != 0 ? result : sleep_until(thread, time_now_ns() + ns, a[1]);
}

int64_t call_clock_nanosleep(struct thread *thread, const uint64_t *a) {
    uint64_t ns;
    uint64_t clock;
    int64_t result = timing_read(a[2], &ns);
    if (result == 0) {
        result = clock_read(a[0], &clock);
    }
    if (result != 0) {
        return result;
    }
    if ((a[1] & TIMER_ABSTIME) == 0) {
        return sleep_until(thread, time_now_ns() + ns, a[3]);
    }
    return sleep_until(thread, time_now_ns() + (ns > clock ? ns - clock : 0), 0);
}

int64_t call_sched_yield(struct thread *thread, const uint64_t *a) {
    (void)thread;
    (void)a;
    thread_yield();
    return 0;
}

/* ---- futex ---- */

enum {
    FUTEX_WAIT,
    FUTEX_WAKE,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10
};
#define FUTEX_COMMAND 0x7fu
#define FUTEX_CLOCK_REALTIME 256u

static int64_t wait_futex(struct thread *thread, const uint64_t *a, uint32_t command) {
    uint64_t deadline = DEADLINE_NONE;
    if (a[3] != 0) {
        uint64_t ns;
        int64_t result = timing_read(a[3], &ns);
        if (result != 0) {
            return result;
        }
        uint64_t now = time_now_ns();
        uint64_t base = (a[1] & FUTEX_CLOCK_REALTIME) != 0 ? time_wall_ns() : now;
        deadline = command == FUTEX_WAIT ? now + ns : now + (ns > base ? ns - base : 0);
    }
    for (;;) {
        status_t status = futex_wait((const uint32_t *)(uintptr_t)a[0], (uint32_t)a[2], deadline);
        if (status != E_INTR) {
            return status == E_WOULD_BLOCK ? -EAGAIN : error_of(status);
        }
        if (signal_waiting(thread)) {
            return a[3] != 0 ? -EINTR : RESTART_BY_FLAG;
        }
    }
}

int64_t call_futex(struct thread *thread, const uint64_t *a) {
    uint32_t command = (uint32_t)a[1] & FUTEX_COMMAND;
    if ((a[0] & 3) != 0) {
        return -EINVAL;
    }
    if (!user_ok(a[0], 4, false)) {
        return -EFAULT;
    }
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return wait_futex(thread, a, command);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return futex_wake((const uint32_t *)(uintptr_t)a[0], (uint32_t)a[2]);
    case FUTEX_CMP_REQUEUE:
        if (*(volatile uint32_t *)(uintptr_t)a[0] != (uint32_t)a[5]) {
            return -EAGAIN;
        }
        return futex_wake((const uint32_t *)(uintptr_t)a[0], UINT32_MAX >> 1);
    case FUTEX_REQUEUE: /* those that would move wake, and find that they have to wait again */
        return futex_wake((const uint32_t *)(uintptr_t)a[0], UINT32_MAX >> 1);
    default:
        return -ENOSYS;
    }
}
