/* SPDX-License-Identifier: MIT
 * Timers that send signals: alarm, setitimer, timer_create. They are proc's; here is only which of
 * them follow the wall clock.
 */
#include <ipc/time.h>

#include "process.h"
#include "timing.h"

#define ITIMER_REAL 0
#define TIMER_ABSTIME 1u
#define SIGEV_NONE 1
#define SIGEV_THREAD 2
#define SIGEV_THREAD_ID 4
#define HALF_SECOND (NS_PER_S / 2)

static uint64_t realtime; /* bit n: timer n is of CLOCK_REALTIME */
_Static_assert(PROC_ALARMS <= 64, "realtime");

/* ---- the one that every process has ---- */

static int64_t own(const struct proc_timer_request *request, struct proc_timer *before) {
    return error_of(
        call_simple(process.proc, PROC_ALARM, request, sizeof *request, before, sizeof *before));
}

int64_t call_alarm(struct thread *thread, const uint64_t *a) {
    const uint64_t seconds = (uint32_t)a[0];
    struct proc_timer_request request = {.set = 1};
    struct proc_timer before = {0, 0};
    (void)thread;
    request.timer.due_ns = seconds == 0 ? 0 : time_now_ns() + seconds * NS_PER_S;
    int64_t result = own(&request, &before);
    uint64_t left = before.due_ns;
    return result != 0                    ? result
           : left != 0 && left < NS_PER_S ? 1
                                          : (int64_t)((left + HALF_SECOND) / NS_PER_S);
}

struct itimerval {
    struct linux_timeval interval, value;
};

static struct linux_timeval timeval_of(uint64_t ns) {
    uint64_t us = ns == 0 ? 0 : ns < NS_PER_US ? 1 : ns / NS_PER_US;
    return (struct linux_timeval){(int64_t)(us / 1000000), (int64_t)(us % 1000000)};
}

static int64_t give_itimer(uint64_t user, const struct proc_timer *timer) {
    struct itimerval value = {timeval_of(timer->interval_ns), timeval_of(timer->due_ns)};
    return user_write(user, &value, sizeof value);
}

static bool ns_of(const struct linux_timeval *time, uint64_t *ns) {
    if (time->seconds < 0 || time->microseconds < 0 || time->microseconds >= 1000000) {
        return false;
    }
    *ns = time->seconds > TIMING_FOREVER
              ? TIMING_FOREVER * NS_PER_S
              : (uint64_t)time->seconds * NS_PER_S + (uint64_t)time->microseconds * NS_PER_US;
    return true;
}

int64_t call_setitimer(struct thread *thread, const uint64_t *a) {
    struct itimerval value = {{0, 0}, {0, 0}}; /* a null pointer stops it */
    struct proc_timer_request request = {.set = 1};
    struct proc_timer before = {0, 0};
    uint64_t ns;
    (void)thread;
    if (a[1] != 0 && user_read(&value, a[1], sizeof value) != 0) {
        return -EFAULT;
    }
    if (a[0] != ITIMER_REAL || !ns_of(&value.interval, &request.timer.interval_ns) ||
        !ns_of(&value.value, &ns)) {
        return -EINVAL;
    }
    request.timer.due_ns = timing_due(ns, false, false);
    int64_t result = own(&request, &before);
    return result != 0 || a[2] == 0 ? result : give_itimer(a[2], &before);
}

int64_t call_getitimer(struct thread *thread, const uint64_t *a) {
    const struct proc_timer_request request = {.set = 0};
    struct proc_timer now = {0, 0};
    (void)thread;
    int64_t result = a[0] != ITIMER_REAL ? -EINVAL : own(&request, &now);
    return result != 0 ? result : give_itimer(a[1], &now);
}

/* ---- those that it makes ---- */

int64_t call_timer_create(struct thread *thread, const uint64_t *a) {
    struct {
        uint64_t value;
        int32_t signal, notify, thread, pad[11];
    } event = {.signal = SIGALRM};
    struct proc_alarm_request request = {.number = a[1] == 0};
    struct proc_alarm reply;
    (void)thread;
    if (!timing_is_clock(a[0])) {
        return -EINVAL;
    }
    if ((a[1] != 0 && user_read(&event, a[1], sizeof event) != 0) || !user_ok(a[2], 4, true)) {
        return -EFAULT;
    }
    bool one = event.notify == SIGEV_THREAD_ID;
    if (event.notify < 0 || event.notify > SIGEV_THREAD_ID || event.notify == 3 ||
        (event.notify != SIGEV_NONE && (event.signal < 1 || event.signal > SIGNALS)) ||
        (one && thread_find(event.thread) == NULL)) {
        return -EINVAL;
    }
    request.signal = event.notify == SIGEV_NONE ? 0 : (uint64_t)event.signal;
    request.value = event.value;
    request.thread = one ? event.thread : 0;
    status_t status =
        call_simple(process.proc, PROC_ALARM_ADD, &request, sizeof request, &reply, sizeof reply);
    if (status != OK) {
        return status == E_NO_SPACE ? -EAGAIN : error_of(status);
    }
    uint64_t bit = 1ull << reply.number;
    if (timing_is_realtime(a[0])) {
        __atomic_fetch_or(&realtime, bit, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_and(&realtime, ~bit, __ATOMIC_RELAXED);
    }
    int32_t number = (int32_t)reply.number;
    return user_write(a[2], &number, sizeof number);
}

static int64_t set(uint64_t number, const struct proc_timer_request *timer,
                   struct proc_alarm_set_reply *reply) {
    struct proc_alarm_set_request request = {(uint32_t)number, *timer};
    status_t status =
        call_simple(process.proc, PROC_ALARM_SET, &request, sizeof request, reply, sizeof *reply);
    return status == E_NOT_FOUND ? -EINVAL : error_of(status);
}

int64_t call_timer_settime(struct thread *thread, const uint64_t *a) {
    struct proc_timer_request request = {.set = 1};
    struct proc_alarm_set_reply reply;
    (void)thread;
    if (a[2] == 0) {
        return -EINVAL;
    }
    bool wall = a[0] < PROC_ALARMS && (realtime >> a[0] & 1) != 0;
    int64_t result = timing_read_timer(a[2], (a[1] & TIMER_ABSTIME) != 0, wall, &request.timer);
    if (result == 0) {
        result = set(a[0], &request, &reply);
    }
    return result != 0 || a[3] == 0 ? result : timing_give_timer(a[3], &reply.timer);
}

int64_t call_timer_gettime(struct thread *thread, const uint64_t *a) {
    const struct proc_timer_request request = {.set = 0};
    struct proc_alarm_set_reply reply;
    (void)thread;
    int64_t result = set(a[0], &request, &reply);
    return result != 0 ? result : timing_give_timer(a[1], &reply.timer);
}

int64_t call_timer_getoverrun(struct thread *thread, const uint64_t *a) {
    const struct proc_timer_request request = {.set = 0};
    struct proc_alarm_set_reply reply;
    (void)thread;
    int64_t result = set(a[0], &request, &reply);
    return result != 0 ? result : (int64_t)reply.overrun;
}

int64_t call_timer_delete(struct thread *thread, const uint64_t *a) {
    struct proc_alarm request = {(uint32_t)a[0]};
    (void)thread;
    status_t status = call_simple(process.proc, PROC_ALARM_DROP, &request, sizeof request, NULL, 0);
    return status == E_NOT_FOUND ? -EINVAL : error_of(status);
}
