/* SPDX-License-Identifier: MIT
 * Calls, answers, events and leases.
 */
#include <arch/timer.h>
#include <common/string.h>
#include <counters.h>
#include <debug.h>
#include <sched.h>
#include <syscall.h>

#define LEASE_COPY_MAX 0x40000ull /* bytes of one copy, which runs with interrupts off */

/* A message read from the sender, with the handles that it moves. */
struct outgoing {
    struct message *message;
    struct lease *leases; /* NULL: an answer, which has none */
    uint32_t moved_count;
    handle_t moved[MESSAGE_HANDLES];
};

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

static status_t read_handles(struct thread *thread, uint32_t count, struct outgoing *out) {
    struct handle_slot slots[MESSAGE_HANDLES];
    TRY(copy_from_user(slots, thread->message_buffer + offsetof(struct message_buffer, handles),
                       count * sizeof(slots[0])));
    for (uint32_t i = 0; i < count; i++) {
        bool move = (slots[i].rights & HANDLE_MOVE) != 0;
        struct handle_table *table = &thread->task->handles;
        struct object *object;
        status_t status =
            handle_lookup(table, slots[i].handle, OBJECT_NONE, move ? 0 : RIGHT_COPY, &object);
        for (uint32_t j = 0; move && j < out->moved_count; j++) {
            if (out->moved[j] == slots[i].handle) {
                status = E_HANDLE; /* it can go only once */
            }
        }
        if (status != OK) {
            message_drop_handles(out->message);
            return status;
        }
        const struct handle_entry *entry = handle_entry_find(table, slots[i].handle);
        object_handle_get(object);
        out->message->handles[i] = (struct message_handle){
            object, entry->rights & slots[i].rights & RIGHT_ALL, entry->epoch};
        if (move) {
            out->moved[out->moved_count++] = slots[i].handle;
        }
    }
    return OK;
}

/* Reads the current thread's registers and message buffer. On failure nothing is held. */
static status_t message_read(struct thread *thread, struct outgoing *out) {
    const struct arch_context *c = &thread->context;
    struct message *message = out->message;
    uint64_t tag = c->rsi;
    uint32_t words = TAG_WORDS(tag), leases = TAG_LEASES(tag), handles = TAG_HANDLES(tag);
    const uint64_t known = TAG(~0u, TAG_WORDS_MASK, TAG_LEASES_MASK, TAG_HANDLES_MASK) |
                           (out->leases != NULL ? TAG_FLAGS_MASK : 0);
    if (words > MESSAGE_WORDS || leases > (out->leases != NULL ? MESSAGE_LEASES : 0) ||
        handles > MESSAGE_HANDLES || (tag & ~known) != 0) {
        return E_INVALID;
    }
    message->tag = tag & ~TAG_FLAGS_MASK;
    message->words[0] = c->rdx;
    message->words[1] = c->r10;
    message->words[2] = c->r8;
    message->words[3] = c->r9;
    message->words[4] = c->r12;
    message->words[5] = c->r13;
    if (words > MESSAGE_REGISTER_WORDS) {
        TRY(copy_from_user(&message->words[MESSAGE_REGISTER_WORDS],
                           thread->message_buffer + MESSAGE_REGISTER_WORDS * 8,
                           (words - MESSAGE_REGISTER_WORDS) * 8));
    }
    if (leases != 0) {
        TRY(read_leases(thread, leases, out->leases));
    }
    return handles == 0 ? OK : read_handles(thread, handles, out);
}

/* The moved handles leave the sender: now, or at the commit. */
static status_t moved_close(struct thread *thread, const struct outgoing *out, bool stage) {
    struct task *task = thread->task;
    for (uint32_t i = 0; i < out->moved_count; i++) {
        if (!stage) {
            handle_remove(&task->handles, out->moved[i]);
            continue;
        }
        struct staged *close = staged_add(task, STAGED_CLOSE);
        if (close == NULL) {
            return E_QUOTA; /* earlier ones stay marked; the caller undoes */
        }
        close->handle = out->moved[i];
        handle_entry_find(&task->handles, out->moved[i])->flags |= ENTRY_CLOSING;
    }
    return OK;
}

/* Takes moved_close back as far as it came. */
static void moved_undo(struct thread *thread, const struct outgoing *out) {
    struct task *task = thread->task;
    for (uint32_t i = out->moved_count; i-- > 0;) {
        struct handle_entry *entry = handle_entry_find(&task->handles, out->moved[i]);
        if ((entry->flags & ENTRY_CLOSING) != 0) {
            struct staged *last = LIST_ENTRY(list_last(&task->staged), struct staged, link);
            staged_forget(task, last);
            entry->flags &= (uint16_t)(~ENTRY_CLOSING & 0xf);
        }
    }
}

/* ---- CALL ------------------------------------------------------------------------------------ */

static void call_deadline(struct timer_node *node) {
    struct call *call = LIST_ENTRY(node, struct call, timer);
    call->timed_out = true;
    call_cancel(call, E_TIMEOUT);
}

int64_t sys_call(struct thread *thread) {
    struct task *task = thread->task;
    struct session *session;
    LOOKUP(0, OBJECT_SESSION, RIGHT_CALL, &session);
    if (task->actor) {
        return E_NOT_STAGED;
    }
    if (thread->interrupted) {
        thread->interrupted = false;
        return E_INTR;
    }
    if (thread->call == NULL) {
        TRY(call_create(task->account, &thread->call));
    }
    struct call *call = thread->call;
    uint64_t deadline = 0;
    if ((ARG(1) & TAG_TIMEOUT) != 0) {
        TRY(copy_from_user(&deadline,
                           thread->message_buffer + offsetof(struct message_buffer, deadline), 8));
    }
    struct outgoing out = {.message = &call->request, .leases = call->leases};
    TRY(message_read(thread, &out));
    counters.calls++;
    call_rename(call);
    call->caller = task;
    call->thread = thread;
    call->priority = thread->effective;
    call->timed_out = false;
    sched_block(thread, THREAD_CALLING);
    status_t status = call_send(call, session);
    if (status != OK) {
        message_drop_handles(&call->request);
        call->thread = NULL;
        sched_unblock(thread);
        return status;
    }
    (void)moved_close(thread, &out, false);
    if ((ARG(1) & TAG_TIMEOUT) != 0 && call->thread != NULL) {
        call->timer.expired = call_deadline;
        timer_arm(&call->timer, deadline);
    }
    return SYSCALL_NO_RESULT;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Reads an answer into the call that the token names. */
static status_t answer_read(struct thread *thread, token_t token, struct outgoing *out,
                            struct call **found) {
    struct call *call = call_find(token, thread->task);
    if (call == NULL || call->answered) {
        return E_STALE;
    }
    out->message = &call->reply;
    TRY(message_read(thread, out));
    *found = call;
    return OK;
}

int64_t sys_reply(struct thread *thread) {
    struct call *call;
    struct outgoing out = {.leases = NULL};
    TRY(answer_read(thread, ARG(0), &out, &call));
    struct staged *staged = staged_add(thread->task, STAGED_REPLY);
    if (staged == NULL) {
        message_drop_handles(&call->reply);
        return E_QUOTA;
    }
    staged->call = call;
    staged->value = ARG(0);
    if (moved_close(thread, &out, true) != OK) {
        moved_undo(thread, &out);
        message_drop_handles(&call->reply);
        staged_forget(thread->task, staged);
        return E_QUOTA;
    }
    call->answered = true;
    return OK;
}

int64_t sys_commit_receive(struct thread *thread) {
    struct task *task = thread->task;
    uint32_t mask = (uint32_t)thread->context.r14;
    struct call *answered = NULL;
    struct outgoing out = {.leases = NULL};
    if (task->endpoint == NULL && task->notification == NULL && !task->actor) {
        return E_STATE;
    }
    if (task->receiver != NULL) {
        return E_BUSY;
    }
    if (ARG(0) != TOKEN_NONE) {
        status_t status = answer_read(thread, ARG(0), &out, &answered);
        if (status == OK) {
            status = moved_close(thread, &out, true);
            if (status != OK) {
                moved_undo(thread, &out);
                message_drop_handles(&answered->reply);
            }
        }
        if (status != OK && status != E_STALE) {
            return status;
        }
    }
    task->worker = thread;
    sched_account(cpu_here(), thread); /* the next turn starts at 0 */
    actor_commit(task);
    /* The commit may have ended the call's server side, if its own client died by it. */
    if (answered != NULL && call_find(ARG(0), task) == answered) {
        call_complete(answered);
    }
    if (task->state == TASK_DEAD) {
        return SYSCALL_NO_RESULT;
    }
    if (!actor_deliver(task, thread, mask)) {
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

int64_t sys_call_stage(struct thread *thread) {
    struct task *task = thread->task;
    struct session *session;
    struct call *call;
    LOOKUP(0, OBJECT_SESSION, RIGHT_CALL, &session);
    TRY(call_create(task->account, &call));
    struct outgoing out = {.message = &call->request, .leases = call->leases};
    status_t status = (ARG(1) & TAG_TIMEOUT) != 0 ? E_INVALID : message_read(thread, &out);
    struct staged *staged = status == OK ? staged_add(task, STAGED_CALL) : NULL;
    if (status == OK && staged == NULL) {
        status = E_QUOTA;
    }
    if (status != OK) {
        object_put(&call->object);
        return status;
    }
    staged->call = call;
    staged->object = &session->object;
    object_get(&session->object);
    call->caller = task;
    call->cookie = thread->context.r14;
    call->priority = thread->effective;
    if (moved_close(thread, &out, true) != OK) {
        moved_undo(thread, &out);
        call->caller = NULL;
        staged_forget(task, staged);
        object_put(&call->object);
        return E_QUOTA;
    }
    counters.calls++;
    thread->context.r14 = call_token(call);
    return OK;
}

int64_t sys_call_cancel(struct thread *thread) {
    struct call *call = call_find_outgoing(ARG(0), thread->task);
    if (call == NULL || call->state == CALL_DONE) {
        return E_STALE;
    }
    struct staged *staged = staged_add(thread->task, STAGED_CANCEL);
    if (staged == NULL) {
        return E_QUOTA;
    }
    staged->value = ARG(0);
    return OK;
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
    if (offset > lease->length || length > lease->length - offset || length > LEASE_COPY_MAX) {
        return E_RANGE;
    }
    if ((lease->access & access) == 0) {
        return E_RIGHTS;
    }
    if (!user_range_ok(address, length)) {
        return E_FAULT;
    }
    status_t status = access == LEASE_READ
                          ? task_copy_from(call->caller, lease->address + offset, address, length)
                          : task_copy_to(call->caller, lease->address + offset, address, length);
    return status == OK ? (int64_t)length : status;
}

int64_t sys_lease_read(struct thread *thread) {
    return lease_copy(thread, LEASE_READ);
}

int64_t sys_lease_write(struct thread *thread) {
    return lease_copy(thread, LEASE_WRITE);
}

/* ---- binding --------------------------------------------------------------------------------- */

int64_t sys_actor_bind(struct thread *thread) {
    struct task *task = thread->task;
    struct endpoint *endpoint = NULL;
    struct notification *notification = NULL;
    if (ARG_HANDLE(0) != HANDLE_NONE) {
        LOOKUP(0, OBJECT_ENDPOINT, RIGHT_RECEIVE, &endpoint);
    }
    if (ARG_HANDLE(1) != HANDLE_NONE) {
        LOOKUP(1, OBJECT_NOTIFICATION, RIGHT_WAIT, &notification);
    }
    if ((endpoint != NULL && endpoint->server != NULL && endpoint->server != task) ||
        (notification != NULL && ((notification->actor != NULL && notification->actor != task) ||
                                  notification->waiter != NULL))) {
        return E_BUSY;
    }
    if (endpoint != NULL && task->endpoint != endpoint) {
        if (task->endpoint != NULL) {
            if (!list_empty(&task->accepted) || task->turn.kind != EVENT_NONE) {
                return E_BUSY;
            }
            endpoint_unbind(task->endpoint);
        }
        object_get(&endpoint->object);
        task->endpoint = endpoint;
        endpoint->server = task;
    }
    if (notification != NULL && task->notification != notification) {
        if (task->notification != NULL) {
            task->notification->actor = NULL;
            object_put(&task->notification->object);
        }
        object_get(&notification->object);
        task->notification = notification;
        notification->actor = task;
    }
    task->worker = thread;
    return OK;
}
