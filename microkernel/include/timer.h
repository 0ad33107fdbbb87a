/* SPDX-License-Identifier: MIT
 * Deadlines: one list of all armed timer nodes, served by the boot CPU's timer interrupt; and timer
 * objects, which signal a notification.
 */
#pragma once

#include "notification.h"
#include <common/list.h>

/* expired() runs under the kernel lock with the node disarmed. */
struct timer_node {
    struct list link;
    uint64_t deadline; /* ns; 0: not armed */
    void (*expired)(struct timer_node *node);
};

void timer_arm(struct timer_node *node, uint64_t deadline);
void timer_disarm(struct timer_node *node);
/* Runs everything that is due. */
void timer_run(uint64_t now);
/* The next deadline or UINT64_MAX. */
uint64_t timer_next(void);

struct timer {
    struct object object;
    struct timer_node node;
    struct notification *notification;
    uint64_t bits;
};

MUST_CHECK status_t timer_create(struct account *account, struct notification *notification,
                                 uint64_t bits, struct timer **out);
void timer_set(struct timer *timer, uint64_t deadline);
