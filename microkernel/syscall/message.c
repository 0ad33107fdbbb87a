/* SPDX-License-Identifier: MIT
 * Calls, answers, events and leases.
 */
#include <arch/timer.h>
#include <arena_check.h>
#include <common/string.h>
#include <sched.h>
#include <syscall.h>

static status_t read_leases(struct thread *thread, uint32_t count, struct lease *leases) {
    TRY(copy_from_user(leases, thread->message_buffer + offsetof(struct message_buffer, leases),
                       count * sizeof(*leases)));
    for (uint32_t i = 0; i < count; i++) {
        const struct lease *lease = &leases[i];
        bool arena = lease->address < ARENA_VA_END && lease->address + lease->length > ARENA_VA;
        if (!user_range_ok(lease->address, lease->length) || lease->access == 0 ||
            (lease->access & ~(LEASE_READ | LEASE_WRITE)) != 0 ||
            (arena && lease->length > 0 && thread->task->actor)) {
            return E_INVALID;
        }
    }
    return OK;
}

/* A handle that is moved is hidden until it is the receiver's, or the sender's again. */
static status_t read_handles(struct thread *thread, uint32_t count, struct message *message) {
    struct handle_slot slots[MESSAGE_HANDLES];
    struct handle_table *table = &thread->task->handles;
    TRY(copy_from_user(slots, thread->message_buffer + offsetof(struct message_buffer, handles),
                       count * sizeof(slots[0])));
    for (uint32_t i = 0; i < count; i++) {
        bool move = (slots[i].rights & HANDLE_MOVE) != 0;
        struct object *object;
        TRY(handle_lookup(table, slots[i].handle, OBJECT_NONE, move ? 0 : RIGHT_COPY, &object));
        struct handle_entry *entry = handle_entry_find(table, slots[i].handle);
        object_handle_get(object);
        message->handles[i] =
            (struct message_handle){.object = object,
                                    .rights = entry->rights & slots[i].rights & RIGHT_ALL,
                                    .epoch = entry->epoch};
        if (move) {
            entry->flags |= ENTRY_CLOSING;
            message->handles[i].sender = thread->task;
            message->handles[i].moved = slots[i].handle;
            object_get(&thread->task->object);
        }
    }
    return OK;
}

static status_t read_parts(struct thread *thread, struct message *message, struct lease *leases) {
    uint64_t tag = thread->context.rsi;
    uint32_t words = TAG_WORDS(tag), lease_count = TAG_LEASES(tag), handles = TAG_HANDLES(tag);
    const uint64_t known = ~0u | TAG(0, TAG_WORDS_MASK, TAG_LEASES_MASK, TAG_HANDLES_MASK) |
                           (leases != NULL ? TAG_FLAGS_MASK : 0);
    if (words > MESSAGE_WORDS || lease_count > (leases != NULL ? MESSAGE_LEASES : 0) ||
        handles > MESSAGE_HANDLES || (tag & ~known) != 0) {
        return E_INVALID;
    }
    message_load(message, &thread->context);
    message->tag &= ~TAG_FLAGS_MASK;
    if (words > MESSAGE_REGISTER_WORDS) {
        TRY(copy_from_user(&message->words[MESSAGE_REGISTER_WORDS],
                           thread->message_buffer + MESSAGE_REGISTER_WORDS * 8,
                           (words - MESSAGE_REGISTER_WORDS) * 8));
    }
    if (lease_count != 0) {
        TRY(read_leases(thread, lease_count, leases));
    }
    return handles == 0 ? OK : read_handles(thread, handles, message);
}

/* Reads the current thread's registers and message buffer; leases NULL: an answer, which has none.
 * On failure nothing is held. */
static status_t message_read(struct thread *thread, struct message *message, struct lease *leases) {
    status_t status = read_parts(thread, message, leases);
    if (status != OK) {
        message_drop_handles(message, false);
    }
    return status;
}

/* ---- CALL ------------------------------------------------------------------------------------ */

int64_t sys_call(struct thread *thread, struct session *session) {
    struct task *task = thread->task;
    TRY(thread_take_interrupt(thread));
    if (thread->call == NULL) {
        TRY(call_create(task->account, &thread->call));
    }
    struct call *call = thread->call;
    uint64_t timed = ARG(1) & TAG_TIMEOUT, deadline = 0;
    if (timed != 0) {
        TRY(copy_from_user(&deadline,
                           thread->message_buffer + offsetof(struct message_buffer, deadline), 8));
    }
    TRY(message_read(thread, &call->request, call->leases));
    call->sequence++;
    call->caller = task;
    call->thread = thread;
    call->priority = thread->effective;
    call->kind = timed != 0 || TAG_HANDLES(ARG(1)) != 0 ? CALL_SPECIAL : CALL_PLAIN;
    sched_block(thread, THREAD_CALLING);
    status_t status = call_send(call, session);
    if (status != OK) {
        call->thread = NULL;
        thread->state = THREAD_RUNNING;
        return status;
    }
    if (timed != 0 && call->thread != NULL) {
        timer_arm(&thread->timer, deadline);
    }
    return SYSCALL_NO_RESULT;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Reads an answer into the call that argument 0 names. */
static status_t answer_read(struct thread *thread, struct call **out) {
    struct call *call = call_find(ARG(0), thread->task);
    if (call == NULL || call->answered) {
        return E_STALE;
    }
    TRY(message_read(thread, &call->reply, NULL));
    *out = call;
    return OK;
}

int64_t sys_reply(struct thread *thread) {
    struct call *call;
    TRY(answer_read(thread, &call));
    status_t status = staged_effect(
        thread->task, &(struct staged){.kind = STAGED_REPLY, .value = ARG(0), .call = call});
    if (status != OK) {
        message_drop_handles(&call->reply, false);
    }
    call->answered = status == OK;
    return status;
}

int64_t sys_commit_receive(struct thread *thread) {
    struct task *task = thread->task;
    uint32_t mask = (uint32_t)thread->context.r14;
    struct call *answered = NULL;
    if (task->endpoint == NULL && task->notification == NULL && !task->actor) {
        return E_STATE;
    }
    if (task->receiver != NULL) {
        return E_BUSY;
    }
    uint64_t named = receive_named(&thread->context);
    if (ARENA_CHECKS && arena_check_named(thread, named)) {
        return SYSCALL_NO_RESULT;
    }
    if (ARG(0) != TOKEN_NONE) {
        status_t status = answer_read(thread, &answered);
        if (status != OK && status != E_STALE) {
            return status;
        }
    }
    task->worker = thread;
    sched_account(cpu_here(), &task->cpu_ticks); /* the next turn starts at 0 */
    bool worked = task->turn.kind != EVENT_NONE;
    actor_commit(task, named);
    /* The commit may have ended the call's server side, if its own client died by it. */
    if (answered != NULL && call_find(ARG(0), task) == answered) {
        call_finish(answered, OK);
    }
    if (task->state == TASK_DEAD) {
        return SYSCALL_NO_RESULT;
    }
    bool delivered = actor_deliver(task, thread, mask);
    if (task->back_ns == 0 && (worked || !delivered)) {
        task->back_ns = time_now();
    }
    task->pending = actor_pending(task);
    if (!delivered) {
        if ((mask & RECEIVE_POLL) != 0) {
            task->turn_start_ticks = task->cpu_ticks;
            return EVENT_NONE;
        }
        task->receiver = thread;
        thread->receive_mask = mask;
        actor_update_priority(task);
        sched_block(thread, THREAD_RECEIVING);
    }
    return SYSCALL_NO_RESULT;
}

/* ---- staged calls ---------------------------------------------------------------------------- */

int64_t sys_call_stage(struct thread *thread, struct session *session) {
    struct task *task = thread->task;
    struct call *call;
    if ((ARG(1) & TAG_TIMEOUT) != 0) {
        return E_INVALID;
    }
    TRY(call_create(task->account, &call));
    status_t status = message_read(thread, &call->request, call->leases);
    if (status == OK) {
        status = staged_effect(
            task, &(struct staged){.kind = STAGED_CALL, .object = &session->object, .call = call});
    }
    if (status != OK) {
        object_put(&call->object);
        return status;
    }
    object_handle_get(&session->object); /* until it is sent: that keeps the session open */
    call->caller = task;
    call->cookie = thread->context.r14;
    call->kind = CALL_SPECIAL;
    call->priority = thread->effective;
    thread->context.r14 = call_token(call);
    return OK;
}

int64_t sys_call_cancel(struct thread *thread) {
    struct call *call = call_find_outgoing(ARG(0), thread->task);
    if (call == NULL || call->state == CALL_DONE) {
        return E_STALE;
    }
    return staged_effect(thread->task, &(struct staged){.kind = STAGED_CANCEL, .value = ARG(0)});
}

/* ---- leases ---------------------------------------------------------------------------------- */

static int64_t lease_copy(struct thread *thread, uint32_t access) {
    struct call *call = call_find(ARG(0), thread->task);
    if (call == NULL || call->caller == NULL) {
        return E_STALE;
    }
    uint64_t index = ARG(1), offset = ARG(2), address = ARG(3), length = ARG(4);
    if (index >= TAG_LEASES(call->request.tag)) {
        return E_RANGE;
    }
    const struct lease *lease = &call->leases[index];
    if (offset > lease->length || length > lease->length - offset) {
        return E_RANGE;
    }
    if ((lease->access & access) == 0) {
        return E_RIGHTS;
    }
    if (!user_range_ok(address, length)) {
        return E_FAULT;
    }
    length = length < COPY_MAX ? length : COPY_MAX;
    TRY(task_copy(call->caller, lease->address + offset, address, length, access == LEASE_WRITE));
    return (int64_t)length;
}

int64_t sys_lease_read(struct thread *thread) {
    return lease_copy(thread, LEASE_READ);
}

int64_t sys_lease_write(struct thread *thread) {
    return lease_copy(thread, LEASE_WRITE);
}

/* ---- binding --------------------------------------------------------------------------------- */

int64_t sys_actor_bind(struct thread *thread, struct endpoint *endpoint,
                       struct notification *notification) {
    struct task *task = thread->task;
    if ((endpoint != NULL && endpoint->server != NULL && endpoint->server != task) ||
        (notification != NULL && ((notification->actor != NULL && notification->actor != task) ||
                                  notification->waiter != NULL))) {
        return E_BUSY;
    }
    if (endpoint != NULL && task->endpoint != endpoint) {
        if (task->endpoint != NULL &&
            (!list_empty(&task->accepted) || task->turn.kind != EVENT_NONE)) {
            return E_BUSY;
        }
        endpoint_bind(endpoint, task);
    }
    if (notification != NULL && task->notification != notification) {
        notification_bind(notification, task);
    }
    task->worker = thread;
    task->pending = true;
    return OK;
}
