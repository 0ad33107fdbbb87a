/* SPDX-License-Identifier: MIT */
/*
 * Intrusive, circular, doubly linked list. A `struct list` is either a head or a link inside an
 * element. A link that is in no list points to itself, so removal is always safe and idempotent.
 * No locking: the owner of the list has the lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_INIT(name)                                                                            \
    { &(name), &(name) }

/* The element of type `type` whose member `member` is the link `link`. */
#define LIST_ENTRY(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *head) {
    head->next = head;
    head->prev = head;
}

static inline bool list_empty(const struct list *head) {
    return head->next == head;
}

/* True for a link that was initialised and is in no list. */
static inline bool list_unlinked(const struct list *link) {
    return link->next == link;
}

static inline void list_insert_between(struct list *link, struct list *prev, struct list *next) {
    link->prev = prev;
    link->next = next;
    prev->next = link;
    next->prev = link;
}

static inline void list_push_front(struct list *head, struct list *link) {
    list_insert_between(link, head, head->next);
}

static inline void list_push_back(struct list *head, struct list *link) {
    list_insert_between(link, head->prev, head);
}

/* Inserts `link` just before `position`, which may be the head (then it becomes the last). */
static inline void list_insert_before(struct list *position, struct list *link) {
    list_insert_between(link, position->prev, position);
}

static inline void list_remove(struct list *link) {
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* NULL when the list is empty. */
static inline struct list *list_first(const struct list *head) {
    return list_empty(head) ? NULL : head->next;
}

static inline struct list *list_pop_front(struct list *head) {
    struct list *link = list_first(head);
    if (link != NULL) {
        list_remove(link);
    }
    return link;
}

/* Number of elements; walks the list. */
static inline size_t list_length(const struct list *head) {
    size_t count = 0;
    for (const struct list *link = head->next; link != head; link = link->next) {
        count++;
    }
    return count;
}

/* Walks the links of a list. The body must not remove `link`; LIST_FOR_EACH_SAFE allows that. */
#define LIST_FOR_EACH(link, head)                                                                  \
    for (struct list *link = (head)->next; link != (head); link = link->next)

#define LIST_FOR_EACH_SAFE(link, head)                                                             \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head);              \
         link = link##_next, link##_next = link->next)
