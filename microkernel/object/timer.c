/* SPDX-License-Identifier: MIT
 * Armed deadlines, in a list by time.
 */
#include <arch/timer.h>
#include <sched.h>
#include <timer.h>

static struct list armed = LIST_INIT(armed);

static struct timer_node *node_of(struct list *link) {
    return LIST_ENTRY(link, struct timer_node, link);
}

void timer_disarm(struct timer_node *node) {
    if (node->deadline != 0) {
        list_remove(&node->link);
        node->deadline = 0;
    }
}

void timer_arm(struct timer_node *node, uint64_t deadline) {
    timer_disarm(node);
    node->deadline = deadline == 0 ? 1 : deadline;
    struct list *before = armed.prev; /* from the end: most deadlines are later than the others */
    while (before != &armed && node_of(before)->deadline > node->deadline) {
        before = before->prev;
    }
    list_push_front(before, &node->link);
    if (armed.next == &node->link) {
        sched_reprogram();
    }
}

uint64_t timer_next(void) {
    return list_empty(&armed) ? UINT64_MAX : node_of(armed.next)->deadline;
}

void timer_run(uint64_t now) {
    while (timer_next() <= now) {
        struct timer_node *node = node_of(armed.next);
        timer_disarm(node);
        node->expired(node);
    }
}

static void timer_expired(struct timer_node *node) {
    struct timer *timer = LIST_ENTRY(node, struct timer, node);
    notification_signal(timer->notification, timer->bits);
}

status_t timer_create(struct account *account, struct notification *notification, uint64_t bits,
                      struct timer **out) {
    struct timer *timer;
    TRY(object_create(OBJECT_TIMER, sizeof(*timer), account, &timer));
    timer->node.expired = timer_expired;
    timer->notification = notification;
    timer->bits = bits;
    object_get(&notification->object);
    *out = timer;
    return OK;
}

void timer_set(struct timer *timer, uint64_t deadline) {
    timer_disarm(&timer->node);
    if (deadline > time_now()) {
        timer_arm(&timer->node, deadline);
    } else if (deadline != 0) {
        timer_expired(&timer->node);
    }
}

void timer_destroy(struct object *object) {
    struct timer *timer = (struct timer *)object;
    timer_disarm(&timer->node);
    object_put(&timer->notification->object);
}
