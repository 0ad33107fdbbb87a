/* SPDX-License-Identifier: MIT
 * Handles, endpoints, sessions, notifications, timers, accounts.
 */
#include <arch/timer.h>
#include <sched.h>
#include <syscall.h>

int64_t sys_handle_close(struct thread *thread) {
    struct object *object;
    status_t status = handle_lookup(&thread->task->handles, ARG_HANDLE(0), OBJECT_NONE, 0, &object);
    if (status != OK && status != E_REVOKED) { /* a revoked handle can still be given up */
        return status;
    }
    struct handle_entry *entry = handle_entry_find(&thread->task->handles, ARG_HANDLE(0));
    struct staged close = {.kind = STAGED_CLOSE, .handle = ARG_HANDLE(0)};
    TRY(effect(thread, &close));
    if (thread->task->actor) {
        entry->flags |= ENTRY_CLOSING;
    }
    return OK;
}

int64_t sys_handle_copy(struct thread *thread) {
    struct object *object;
    LOOKUP(0, OBJECT_NONE, RIGHT_COPY, &object);
    const struct handle_entry *entry = handle_entry_find(&thread->task->handles, ARG_HANDLE(0));
    return give_handle(thread, object, entry->rights & (uint32_t)ARG(1), false);
}

int64_t sys_handle_revoke(struct thread *thread) {
    struct object *object;
    LOOKUP(0, OBJECT_NONE, RIGHT_REVOKE, &object);
    struct staged revoke = {.kind = STAGED_REVOKE, .object = object, .handle = ARG_HANDLE(0)};
    return effect(thread, &revoke);
}

int64_t sys_handle_info(struct thread *thread) {
    struct object *object;
    LOOKUP(0, OBJECT_NONE, 0, &object);
    const struct handle_entry *entry = handle_entry_find(&thread->task->handles, ARG_HANDLE(0));
    thread->context.rdi = entry->rights;
    thread->context.rsi = object->id;
    return object->type;
}

int64_t sys_handle_grant(struct thread *thread) {
    struct task *target;
    struct object *object;
    handle_t handle;
    LOOKUP(0, OBJECT_TASK, RIGHT_MANAGE, &target);
    LOOKUP(1, OBJECT_NONE, RIGHT_COPY, &object);
    if (target->state == TASK_DEAD) {
        return E_STATE;
    }
    const struct handle_entry *entry = handle_entry_find(&thread->task->handles, ARG_HANDLE(1));
    bool stage = thread->task->actor && (target->object.flags & OBJECT_PROVISIONAL) == 0;
    uint32_t flags = (target->started ? 0 : ENTRY_INITIAL) | (stage ? ENTRY_RESERVED : 0);
    TRY(handle_install(&target->handles, object, entry->rights & (uint32_t)ARG(2), flags, &handle));
    if (stage) {
        struct staged grant = {.kind = STAGED_GRANT, .object = &target->object, .handle = handle};
        status_t status = effect(thread, &grant);
        if (status != OK) {
            handle_remove(&target->handles, handle);
            return status;
        }
    }
    return handle;
}

/* ---- endpoints and sessions ------------------------------------------------------------------ */

int64_t sys_endpoint_create(struct thread *thread) {
    struct account *account;
    struct endpoint *endpoint;
    LOOKUP(0, OBJECT_ACCOUNT, RIGHT_CHARGE, &account);
    TRY(endpoint_create(account, &endpoint));
    return give_handle(thread, &endpoint->object, RIGHT_ALL, true);
}

int64_t sys_session_create(struct thread *thread) {
    struct endpoint *endpoint;
    struct session *session;
    LOOKUP(0, OBJECT_ENDPOINT, RIGHT_MINT, &endpoint);
    struct account *account = endpoint->object.account;
    if (ARG_HANDLE(2) != HANDLE_NONE) {
        LOOKUP(2, OBJECT_ACCOUNT, RIGHT_CHARGE, &account);
    }
    TRY(session_create(account, endpoint, ARG(1), &session));
    return give_handle(thread, &session->object, RIGHT_CALL | RIGHT_COPY | RIGHT_REVOKE, true);
}

/* ---- notifications and timers ---------------------------------------------------------------- */

int64_t sys_notification_create(struct thread *thread) {
    struct account *account;
    struct notification *notification;
    LOOKUP(0, OBJECT_ACCOUNT, RIGHT_CHARGE, &account);
    TRY(notification_create(account, &notification));
    return give_handle(thread, &notification->object, RIGHT_ALL, true);
}

int64_t sys_notification_signal(struct thread *thread) {
    struct notification *notification;
    LOOKUP(0, OBJECT_NOTIFICATION, RIGHT_SIGNAL, &notification);
    struct staged signal = {
        .kind = STAGED_SIGNAL, .object = &notification->object, .value = ARG(1)};
    return effect(thread, &signal);
}

int64_t sys_notification_wait(struct thread *thread) {
    struct notification *notification;
    LOOKUP(0, OBJECT_NOTIFICATION, RIGHT_WAIT, &notification);
    uint64_t mask = ARG(1), deadline = ARG(2);
    if (thread->task->actor) {
        return E_NOT_STAGED;
    }
    if (notification->actor != NULL || notification->waiter != NULL) {
        return E_BUSY;
    }
    uint64_t taken = notification->bits & mask;
    if (taken != 0) {
        notification->bits &= ~taken;
        thread->context.rdi = taken;
        return OK;
    }
    if (deadline != ~0ull && (deadline == 0 || deadline <= time_now())) {
        return E_TIMEOUT;
    }
    if (thread->interrupted) {
        thread->interrupted = false;
        return E_INTR;
    }
    notification->waiter = thread;
    notification->waiter_mask = mask;
    thread->waiting = notification;
    object_get(&notification->object);
    if (deadline != ~0ull) {
        timer_arm(&thread->timer, deadline);
    }
    sched_block(thread, THREAD_WAITING);
    return SYSCALL_NO_RESULT;
}

int64_t sys_timer_create(struct thread *thread) {
    struct account *account;
    struct notification *notification;
    struct timer *timer;
    LOOKUP(0, OBJECT_ACCOUNT, RIGHT_CHARGE, &account);
    LOOKUP(1, OBJECT_NOTIFICATION, RIGHT_SIGNAL, &notification);
    TRY(timer_create(account, notification, ARG(2), &timer));
    return give_handle(thread, &timer->object, RIGHT_ALL, true);
}

int64_t sys_timer_set(struct thread *thread) {
    struct timer *timer;
    LOOKUP(0, OBJECT_TIMER, RIGHT_MANAGE, &timer);
    struct staged set = {.kind = STAGED_TIMER, .object = &timer->object, .value = ARG(1)};
    return effect(thread, &set);
}

/* ---- accounts -------------------------------------------------------------------------------- */

int64_t sys_account_create(struct thread *thread) {
    struct account *parent, *account;
    LOOKUP(0, OBJECT_ACCOUNT, RIGHT_CHARGE, &parent);
    TRY(account_create(parent, ARG(1), &account));
    return give_handle(thread, &account->object, RIGHT_ALL, true);
}

int64_t sys_account_info(struct thread *thread) {
    struct account *account;
    LOOKUP(0, OBJECT_ACCOUNT, 0, &account);
    thread->context.rdi = account_usage(account);
    thread->context.rsi = account->limit;
    thread->context.rdx = account->object.id;
    return OK;
}
