/* SPDX-License-Identifier: MIT
 * Notifications. Bits stay set until somebody takes them.
 */
#include <notification.h>
#include <sched.h>

status_t notification_create(struct account *account, struct notification **out) {
    return object_create(OBJECT_NOTIFICATION, sizeof(struct notification), account, out);
}

void notification_bind(struct notification *notification, struct task *task) {
    struct notification *old = task->notification;
    task->notification = notification;
    if (notification != NULL) {
        object_get(&notification->object);
        notification->actor = task;
    }
    if (old != NULL) {
        old->actor = NULL;
        object_put(&old->object);
    }
}

void notification_signal(struct notification *notification, uint64_t bits) {
    notification->bits |= bits;
    if (notification->actor != NULL) {
        actor_wake(notification->actor);
        return;
    }
    struct thread *thread = notification->waiter;
    if (thread != NULL && (notification->bits & notification->waiter_mask) != 0) {
        thread->context.rdi = notification->bits & notification->waiter_mask;
        notification->bits &= ~notification->waiter_mask;
        thread_release(thread, OK);
    }
}
