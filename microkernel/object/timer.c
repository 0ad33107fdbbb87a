/* SPDX-License-Identifier: MIT
 * Armed deadlines in a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): arming is constant,
 * disarming and expiry logarithmic on average. `previous` is the parent of a first child or the
 * left sibling.
 */
#include <arch/timer.h>
#include <debug.h>
#include <sched.h>
#include <timer.h>

static struct timer_node *heap;

static struct timer_node *meld(struct timer_node *a, struct timer_node *b) {
    if (a == NULL || b == NULL) {
        return a == NULL ? b : a;
    }
    if (b->deadline < a->deadline) {
        struct timer_node *swap = a;
        a = b;
        b = swap;
    }
    b->previous = a;
    b->sibling = a->child;
    if (a->child != NULL) {
        a->child->previous = b;
    }
    a->child = b;
    return a;
}

/* Two-pass melding of a list of siblings, without recursion. */
static struct timer_node *meld_pairs(struct timer_node *first) {
    struct timer_node *pairs = NULL;
    while (first != NULL) {
        struct timer_node *a = first;
        struct timer_node *b = a->sibling;
        first = b == NULL ? NULL : b->sibling;
        a->sibling = NULL;
        if (b != NULL) {
            b->sibling = NULL;
        }
        struct timer_node *pair = meld(a, b);
        pair->sibling = pairs;
        pairs = pair;
    }
    struct timer_node *root = NULL;
    while (pairs != NULL) {
        struct timer_node *next = pairs->sibling;
        pairs->sibling = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

void timer_disarm(struct timer_node *node) {
    if (node->deadline == 0) {
        return;
    }
    if (node == heap) {
        heap = meld_pairs(node->child);
        if (heap != NULL) {
            heap->previous = NULL;
        }
    } else {
        if (node->previous->child == node) {
            node->previous->child = node->sibling;
        } else {
            node->previous->sibling = node->sibling;
        }
        if (node->sibling != NULL) {
            node->sibling->previous = node->previous;
        }
        heap = meld(heap, meld_pairs(node->child));
        heap->previous = NULL;
    }
    node->child = node->sibling = node->previous = NULL;
    node->deadline = 0;
}

void timer_arm(struct timer_node *node, uint64_t deadline) {
    timer_disarm(node);
    node->deadline = deadline == 0 ? 1 : deadline;
    heap = meld(heap, node);
    heap->previous = NULL;
    if (heap == node) {
        sched_reprogram();
    }
}

uint64_t timer_next(void) {
    return heap == NULL ? UINT64_MAX : heap->deadline;
}

uint64_t timer_run(uint64_t now) {
    while (heap != NULL && heap->deadline <= now) {
        struct timer_node *node = heap;
        timer_disarm(node);
        node->expired(node);
    }
    return timer_next();
}

static void timer_expired(struct timer_node *node) {
    struct timer *timer = LIST_ENTRY(node, struct timer, node);
    notification_signal(timer->notification, timer->bits);
}

status_t timer_create(struct account *account, struct notification *notification, uint64_t bits,
                      struct timer **out) {
    status_t status = object_create(OBJECT_TIMER, sizeof(struct timer), account, out);
    if (status == OK) {
        (*out)->node.expired = timer_expired;
        (*out)->notification = notification;
        (*out)->bits = bits;
        object_get(&notification->object);
    }
    return status;
}

void timer_set(struct timer *timer, uint64_t deadline) {
    if (deadline == 0) {
        timer_disarm(&timer->node);
    } else if (deadline <= time_now()) {
        timer_disarm(&timer->node);
        timer_expired(&timer->node);
    } else {
        timer_arm(&timer->node, deadline);
    }
}

void timer_no_handles(struct object *object) {
    timer_disarm(&((struct timer *)object)->node);
}

void timer_destroy(struct object *object) {
    struct timer *timer = (struct timer *)object;
    timer_disarm(&timer->node);
    object_put(&timer->notification->object);
}
