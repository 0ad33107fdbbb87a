/* SPDX-License-Identifier: MIT */
/*
 * Time for lwIP and for us, in place of lwIP's timers: those allocate, and end the program when
 * there is no memory. All deadlines are absolute, in milliseconds.
 */
#include "net.h"

#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#define NS_PER_MS 1000000u
#define TCP_TIMER 0 /* the first of lwIP's periodic timers; it runs while there are connections */

uint64_t timers_now_ms(void) {
    return port_time_ns() / NS_PER_MS;
}

u32_t sys_now(void) {
    return (u32_t)timers_now_ms();
}

/* Called by lwip_init. */
void sys_timeouts_init(void) {
    if (lwip_num_cyclic_timers > NET_CYCLIC_TIMERS) {
        port_abort("lwIP has more timers than there is room for");
    }
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        net.cyclic_due_ms[i] = timers_now_ms() + lwip_cyclic_timers[i].interval_ms;
    }
    net.cyclic_due_ms[TCP_TIMER] = TIMERS_NEVER;
}

static void watch_connections(void) {
    bool wanted = tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL;
    uint64_t *due = &net.cyclic_due_ms[TCP_TIMER];
    if (!wanted) {
        *due = TIMERS_NEVER;
    } else if (*due == TIMERS_NEVER) {
        *due = timers_now_ms() + lwip_cyclic_timers[TCP_TIMER].interval_ms;
    }
}

void timers_run(void) {
    uint64_t now = timers_now_ms();
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        uint64_t *due = &net.cyclic_due_ms[i];
        if (*due <= now) {
            uint64_t next = *due + lwip_cyclic_timers[i].interval_ms;
            *due = next > now ? next : now + lwip_cyclic_timers[i].interval_ms;
            lwip_cyclic_timers[i].handler();
        }
    }
    interface_tick(now);
    query_tick(now);
}

uint64_t timers_next_ms(void) {
    watch_connections();
    uint64_t next = interface_deadline();
    uint64_t query = query_deadline(), defer = defer_deadline();
    next = query < next ? query : next;
    next = defer < next ? defer : next;
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        next = net.cyclic_due_ms[i] < next ? net.cyclic_due_ms[i] : next;
    }
    return next;
}
