/* SPDX-License-Identifier: MIT
 * What handlers share; handles, notifications, timers, accounts.
 */
#include <syscall.h>

int64_t give_handle(struct thread *thread, struct object *object, uint32_t rights) {
    handle_t handle;
    TRY(staged_handle(thread->task, object, rights, &handle));
    return handle;
}

int64_t give_new(struct thread *thread, struct object *object, uint32_t rights) {
    object->flags |= thread->task->actor ? OBJECT_PROVISIONAL : 0;
    int64_t handle = give_handle(thread, object, rights);
    if (handle < 0 && object->type == OBJECT_TASK) {
        task_kill((struct task *)object, (status_t)handle);
    }
    object_put(object);
    return handle;
}

status_t effect(struct thread *thread, const struct staged *template) {
    if (thread->task->actor) {
        return staged_effect(thread->task, template);
    }
    staged_apply(thread->task, template);
    return OK;
}

/* ---- handles --------------------------------------------------------------------------------- */

int64_t sys_handle_close(struct thread *thread) {
    struct object *object;
    status_t status = handle_lookup(&thread->task->handles, ARG_HANDLE(0), OBJECT_NONE, 0, &object);
    if (status != OK && status != E_REVOKED) { /* a revoked handle can still be given up */
        return status;
    }
    if (!thread->task->actor) {
        handle_remove(&thread->task->handles, ARG_HANDLE(0));
        return OK;
    }
    TRY(staged_effect(thread->task,
                      &(struct staged){.kind = STAGED_CLOSE, .handle = ARG_HANDLE(0)}));
    handle_entry_find(&thread->task->handles, ARG_HANDLE(0))->flags |= ENTRY_CLOSING;
    return OK;
}

int64_t sys_handle_copy(struct thread *thread, struct object *object) {
    const struct handle_entry *entry = handle_entry_find(&thread->task->handles, ARG_HANDLE(0));
    return give_handle(thread, object, entry->rights & (uint32_t)ARG(1));
}

int64_t sys_handle_revoke(struct thread *thread, struct object *object) {
    return effect(
        thread, &(struct staged){.kind = STAGED_REVOKE, .object = object, .handle = ARG_HANDLE(0)});
}

int64_t sys_handle_info(struct thread *thread, struct object *object) {
    const struct handle_entry *entry = handle_entry_find(&thread->task->handles, ARG_HANDLE(0));
    thread->context.rdi = entry->rights;
    thread->context.rsi = object->id;
    return object->type;
}

int64_t sys_handle_grant(struct thread *thread, struct task *target, struct object *object) {
    handle_t handle;
    if (target->state == TASK_DEAD) {
        return E_STATE;
    }
    const struct handle_entry *entry = handle_entry_find(&thread->task->handles, ARG_HANDLE(1));
    bool stage = thread->task->actor && (target->object.flags & OBJECT_PROVISIONAL) == 0;
    uint32_t flags = (target->started ? 0 : ENTRY_INITIAL) | (stage ? ENTRY_RESERVED : 0);
    TRY(handle_install(&target->handles, object, entry->rights & (uint32_t)ARG(2), flags, &handle));
    if (stage) {
        status_t status = effect(
            thread,
            &(struct staged){.kind = STAGED_GRANT, .object = &target->object, .handle = handle});
        if (status != OK) {
            handle_remove(&target->handles, handle);
            return status;
        }
    }
    return handle;
}

/* ---- notifications and timers ---------------------------------------------------------------- */

int64_t sys_notification_signal(struct thread *thread, struct notification *notification) {
    return effect(
        thread,
        &(struct staged){.kind = STAGED_SIGNAL, .object = &notification->object, .value = ARG(1)});
}

int64_t sys_notification_wait(struct thread *thread, struct notification *notification) {
    uint64_t mask = ARG(1);
    if (notification->actor != NULL || notification->waiter != NULL) {
        return E_BUSY;
    }
    uint64_t taken = notification->bits & mask;
    if (taken != 0) {
        notification->bits &= ~taken;
        thread->context.rdi = taken;
        return OK;
    }
    TRY(thread_wait(thread, THREAD_WAITING, ARG(2)));
    notification->waiter = thread;
    notification->waiter_mask = mask;
    thread->waiting = notification;
    object_get(&notification->object);
    return SYSCALL_NO_RESULT;
}

int64_t sys_timer_set(struct thread *thread, struct timer *timer) {
    return effect(
        thread, &(struct staged){.kind = STAGED_TIMER, .object = &timer->object, .value = ARG(1)});
}

/* ---- accounts -------------------------------------------------------------------------------- */

int64_t sys_account_info(struct thread *thread, struct account *account) {
    thread->context.rdi = account_usage(account);
    thread->context.rsi = account->limit;
    thread->context.rdx = account->object.id;
    return OK;
}
