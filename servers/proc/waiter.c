/* SPDX-License-Identifier: MIT
 * Waiting calls: one list by age.
 */
#include "waiter.h"

#include <ipc/event.h>
#include <ipc/handle.h>
#include <ipc/object.h>

void waiter_init(void) {
    proc.first_waiter = proc.last_waiter = NONE;
}

struct waiter *waiter_add(enum waiter_kind kind, uint32_t object, token_t token) {
    for (uint16_t i = 0; i < WAITERS; i++) {
        struct waiter *waiter = &proc.waiters[i];
        if (waiter->kind != WAITER_FREE) {
            continue;
        }
        *waiter =
            (struct waiter){.kind = kind, .next = NONE, .object = (uint16_t)object, .token = token};
        if (proc.last_waiter == NONE) {
            proc.first_waiter = i;
        } else {
            proc.waiters[proc.last_waiter].next = i;
        }
        proc.last_waiter = i;
        return waiter;
    }
    return NULL;
}

void waiter_remove(struct waiter *waiter) {
    uint16_t index = (uint16_t)(waiter - proc.waiters);
    uint16_t before = NONE;
    for (uint16_t at = proc.first_waiter; at != index; at = proc.waiters[at].next) {
        before = at;
    }
    if (before == NONE) {
        proc.first_waiter = waiter->next;
    } else {
        proc.waiters[before].next = waiter->next;
    }
    if (proc.last_waiter == index) {
        proc.last_waiter = before;
    }
    handle_close(waiter->notification);
    *waiter = (struct waiter){.kind = WAITER_FREE};
}

struct waiter *waiter_next(struct waiter *from, enum waiter_kind kind, uint32_t stream,
                           uint32_t object) {
    uint16_t at = from == NULL ? proc.first_waiter : from->next;
    for (; at != NONE; at = proc.waiters[at].next) {
        struct waiter *waiter = &proc.waiters[at];
        if (waiter->kind == (uint32_t)kind && (stream == 0 || waiter->stream == stream) &&
            waiter->object == object) {
            return waiter;
        }
    }
    return NULL;
}

struct waiter *waiter_of_token(token_t token) {
    for (uint16_t at = proc.first_waiter; at != NONE; at = proc.waiters[at].next) {
        if (proc.waiters[at].token == token) {
            return &proc.waiters[at];
        }
    }
    return NULL;
}

void waiter_answer(struct waiter *waiter, status_t status) {
    reply_status(waiter->token, status);
    waiter_remove(waiter);
}

void waiter_poll(uint32_t stream, uint32_t object, uint64_t events) {
    struct waiter *waiter = waiter_next(NULL, WAITER_POLL, stream, object);
    while (waiter != NULL) {
        struct waiter *next = waiter_next(waiter, WAITER_POLL, stream, object);
        if ((waiter->done & events) != 0) {
            (void)notification_signal(waiter->notification, waiter->length);
            waiter_remove(waiter);
        }
        waiter = next;
    }
}

void waiter_replace(uint32_t stream, uint32_t object, uint64_t key) {
    struct waiter *waiter = waiter_next(NULL, WAITER_POLL, stream, object);
    while (waiter != NULL && waiter->selector != (int64_t)key) {
        waiter = waiter_next(waiter, WAITER_POLL, stream, object);
    }
    if (waiter != NULL) {
        waiter_remove(waiter);
    }
}

void waiter_forget(uint32_t stream, uint32_t object) {
    for (struct waiter *waiter;
         (waiter = waiter_next(NULL, WAITER_POLL, stream, object)) != NULL;) {
        waiter_remove(waiter);
    }
}
