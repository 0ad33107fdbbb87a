/* SPDX-License-Identifier: MIT
 * Times of timers, and of counters that rise by time. However short an interval is, it costs one
 * event: a counter that nobody has read since it rose rests, and gets what it has missed when it is
 * read.
 */
#include "ticks.h"

#define TIME_MAX (UINT64_C(1) << 63) /* such an interval after now does not overflow */

uint64_t ticks_pass(struct proc_timer *timer, uint64_t now) {
    if (timer->due_ns == 0 || timer->due_ns > now) {
        return 0;
    }
    if (timer->interval_ns == 0) {
        timer->due_ns = 0;
        return 1;
    }
    uint64_t times = 1 + (now - timer->due_ns) / timer->interval_ns;
    timer->due_ns += times * timer->interval_ns;
    return times;
}

status_t ticks_set(struct proc_timer *timer, const struct proc_timer_request *request, uint64_t now,
                   struct proc_timer *before) {
    if (request->timer.due_ns > TIME_MAX || request->timer.interval_ns > TIME_MAX) {
        return E_INVALID;
    }
    struct proc_timer next = *timer;
    (void)ticks_pass(&next, now);
    *before = (struct proc_timer){.due_ns = next.due_ns == 0 ? 0 : next.due_ns - now,
                                  .interval_ns = timer->interval_ns};
    if (request->set != 0) {
        *timer = request->timer;
    }
    return OK;
}

uint64_t ticks_nearer(uint64_t one, uint64_t other) {
    return one == 0 || (other != 0 && other < one) ? other : one;
}

bool counter_tick(struct counter *counter, uint64_t now) {
    uint64_t times = ticks_pass(&counter->timer, now);
    counter->value += times;
    return times != 0;
}

uint64_t counters_next(void) {
    uint64_t next = 0;
    for (uint32_t i = 0; i < COUNTERS; i++) {
        const struct counter *counter = &proc.counters[i];
        if (counter->used && counter->value == 0) {
            next = ticks_nearer(next, counter->timer.due_ns);
        }
    }
    return next;
}
