/* SPDX-License-Identifier: MIT */
/*
 * Time for lwIP and for us, in place of lwIP's timers: those allocate, and end the program when
 * there is no memory. All deadlines are absolute, in milliseconds.
 */
#include "net.h"

#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#define NS_PER_MS 1000000u

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
}

static bool tcp_wanted(void) {
    return tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL;
}

static bool igmp_wanted(void) {
    const struct netif *netif;
    NETIF_FOREACH(netif) {
        for (const struct igmp_group *group = netif_igmp_data(netif); group != NULL;
             group = group->next) {
            if (group->timer != 0) {
                return true;
            }
        }
    }
    return false;
}

static bool mld_wanted(void) {
    const struct netif *netif;
    NETIF_FOREACH(netif) {
        for (const struct mld_group *group = netif_mld6_data(netif); group != NULL;
             group = group->next) {
            if (group->timer != 0) {
                return true;
            }
        }
    }
    return false;
}

/* The fast ones of lwIP's periodic timers run only while they have something to do. */
static bool timer_wanted(lwip_cyclic_timer_handler handler) {
    return handler == tcp_tmr    ? tcp_wanted()
           : handler == igmp_tmr ? igmp_wanted()
           : handler == mld6_tmr ? mld_wanted()
                                 : true;
}

static void watch_timers(void) {
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        uint64_t *due = &net.cyclic_due_ms[i];
        if (!timer_wanted(lwip_cyclic_timers[i].handler)) {
            *due = TIMERS_NEVER;
        } else if (*due == TIMERS_NEVER) {
            *due = timers_now_ms() + lwip_cyclic_timers[i].interval_ms;
        }
    }
}

static bool begun; /* this life of the program has had its first look at TCP's timers */

void timers_run(void) {
    uint64_t now = timers_now_ms();
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        uint64_t *due = &net.cyclic_due_ms[i];
        if (*due <= now) {
            uint64_t next = *due + lwip_cyclic_timers[i].interval_ms;
            *due = next > now ? next : now + lwip_cyclic_timers[i].interval_ms;
            if (lwip_cyclic_timers[i].handler == tcp_tmr) {
                tcp_socket_patience();
                if (!begun) {
                    begun = true;
                    tcp_socket_hurry();
                }
            }
            lwip_cyclic_timers[i].handler();
        }
    }
    interface_tick(now);
    query_tick(now);
    clock_tick(now);
}

uint64_t timers_next_ms(void) {
    watch_timers();
    uint64_t next = interface_deadline();
    uint64_t query = query_deadline(), defer = defer_deadline(), clock = clock_deadline();
    next = query < next ? query : next;
    next = defer < next ? defer : next;
    next = clock < next ? clock : next;
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        next = net.cyclic_due_ms[i] < next ? net.cyclic_due_ms[i] : next;
    }
    return next;
}
