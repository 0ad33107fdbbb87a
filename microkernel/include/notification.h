/* SPDX-License-Identifier: MIT
 * Notifications: 64 sticky bits. Set by signals, timers and interrupts; taken by the actor that is
 * bound to it or by one waiting thread.
 */
#pragma once

#include "object.h"

struct task;
struct thread;

struct notification {
    struct object object;
    uint64_t bits;
    struct task *actor;    /* bound: bits become EVENT_NOTIFY of this task */
    struct thread *waiter; /* in NOTIFICATION_WAIT */
    uint64_t waiter_mask;
};

MUST_CHECK status_t notification_create(struct account *account, struct notification **out);
/* Binds the task to a notification, or NULL, instead of the one that it has. */
void notification_bind(struct notification *notification, struct task *task);
void notification_signal(struct notification *notification, uint64_t bits);
