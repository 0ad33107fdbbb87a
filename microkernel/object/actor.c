/* SPDX-License-Identifier: MIT
 * Actors: what a turn takes, commits and gives back. A turn has exactly one event.
 */
#include <arch/user_copy.h>
#include <common/string.h>
#include <debug.h>
#include <machine.h>
#include <sched.h>
#include <staged.h>
#include <trace.h>

void message_deliver(struct thread *thread, const struct message *message,
                     enum thread_resume resume) {
    thread->context.rsi = message->tag;
    memcpy(context_words(&thread->context), message->words, MESSAGE_REGISTER_WORDS * 8);
    if (message->tag >> TAG_WORDS_SHIFT > MESSAGE_REGISTER_WORDS) { /* or leases or handles */
        thread_set_resume(thread, resume);
    }
}

uint64_t turn_badge(const struct turn *turn) {
    return turn->kind == EVENT_NOTIFY   ? turn->bits
           : turn->kind == EVENT_CLOSED ? turn->session->badge
           : turn->kind == EVENT_REPLY  ? turn->call->cookie
           : turn->call != NULL         ? turn->call->session->badge
                                        : 0;
}

static void deliver_call(struct task *task, struct thread *thread) {
    struct endpoint *endpoint = task->endpoint;
    struct list *first = endpoint->queues[endpoint_top(endpoint)].next;
    struct call *call = LIST_ENTRY(first, struct call, link);
    call_unqueue(call);
    call->state = CALL_TAKEN;
    call->server = task;
    task->turn = (struct turn){.kind = EVENT_CALL, .call = call};
    thread->context.r15 = (call->attempt & 0xffff) | call->caller_word;
    message_deliver(thread, &call->request, RESUME_EVENT);
}

bool actor_deliver(struct task *task, struct thread *thread, uint32_t mask) {
    struct endpoint *endpoint = task->endpoint;
    struct arch_context *context = &thread->context;
    struct turn *turn = &task->turn;
    DEBUG_ASSERT(turn->kind == EVENT_NONE);
    if (endpoint != NULL && !list_empty(&endpoint->cancels)) {
        struct list *first = list_pop_front(&endpoint->cancels);
        struct call *call = LIST_ENTRY(first, struct call, cancel_link);
        *turn = (struct turn){.kind = EVENT_CANCEL, .call = call};
    } else if (endpoint != NULL && !list_empty(&endpoint->closed)) {
        struct list *first = list_pop_front(&endpoint->closed);
        struct session *session = LIST_ENTRY(first, struct session, closed_link);
        *turn = (struct turn){.kind = EVENT_CLOSED, .session = session};
    } else if ((mask & RECEIVE_REPLY) != 0 && !list_empty(&task->replies)) {
        struct call *call = LIST_ENTRY(list_pop_front(&task->replies), struct call, link);
        *turn = (struct turn){.kind = EVENT_REPLY, .call = call};
        message_deliver(thread, &call->reply, RESUME_EVENT);
    } else if ((mask & RECEIVE_NOTIFY) != 0 && task->notification != NULL &&
               task->notification->bits != 0) {
        *turn = (struct turn){.kind = EVENT_NOTIFY, .bits = task->notification->bits};
        task->notification->bits = 0;
    } else if ((mask & RECEIVE_CALL) != 0 && endpoint != NULL && endpoint->ready != 0) {
        deliver_call(task, thread);
    } else {
        return false;
    }
    context->rax = turn->kind;
    context->rdi = turn_badge(turn);
    if (turn->call != NULL) {
        context->r14 = call_token(turn->call);
    }
    task->turn_start_ticks = task->cpu_ticks;
    note_event(task, thread);
    actor_update_priority(task);
    return true;
}

bool actor_pending(const struct task *task) {
    const struct endpoint *endpoint = task->endpoint;
    return task->back_ns == 0 || !list_empty(&task->staged) || !list_empty(&task->kept_ports) ||
           !list_empty(&task->replies) ||
           (task->notification != NULL && task->notification->bits != 0) ||
           (endpoint != NULL && (endpoint->ready != 0 || !list_empty(&endpoint->cancels) ||
                                 !list_empty(&endpoint->closed)));
}

void actor_wake(struct task *task) {
    struct thread *thread = task->receiver;
    if (thread == NULL) {
        task->pending = true;
        actor_update_priority(task);
    } else if (actor_deliver(task, thread, thread->receive_mask)) {
        task->receiver = NULL;
        sched_wake_here(thread);
    } else {
        task->pending = true;
    }
}

void actor_update_priority(struct task *task) {
    struct thread *thread = task->worker;
    if (thread == NULL) {
        return;
    }
    int effective = thread->priority;
    if (task->endpoint != NULL && endpoint_top(task->endpoint) > effective) {
        effective = endpoint_top(task->endpoint);
    }
    if (task->turn.call != NULL && task->turn.kind == EVENT_CALL &&
        task->turn.call->priority > effective) {
        effective = task->turn.call->priority;
    }
    sched_set_priority(thread, (uint32_t)effective); /* nothing to do if it is that */
}

/* What the turn took is used up. */
static void consume(struct task *task) {
    struct turn turn = task->turn;
    task->turn = (struct turn){.kind = EVENT_NONE};
    if (turn.kind == EVENT_CALL && turn.call != NULL) {
        turn.call->state = CALL_ACCEPTED;
        list_push_back(&task->accepted, &turn.call->link);
        message_drop_handles(&turn.call->request, true);
    } else if (turn.kind == EVENT_REPLY) {
        object_put(&turn.call->object);
    } else if (turn.kind == EVENT_CLOSED) {
        object_put(&turn.session->object);
    }
}

void actor_commit(struct task *task, uint64_t named) {
    if (task->arena != NULL) {
        counters.dirty_pages += arena_commit(task->arena->arena, named);
    }
    note_commit(task);
    for (struct list *link; (link = list_pop_front(&task->kept_ports)) != NULL;) {
        ioport_commit(LIST_ENTRY(link, struct ioport, kept_link));
    }
    consume(task);
    staged_commit(task);
}

/* The event goes back to where it came from, as the first of its kind. */
static void give_back(struct task *task, uint32_t flags) {
    struct turn turn = task->turn;
    if (turn.kind != EVENT_CALL && (flags & RESET_DROP) != 0) {
        consume(task);
        return;
    }
    task->turn = (struct turn){.kind = EVENT_NONE};
    if (turn.kind == EVENT_NOTIFY) {
        task->notification->bits |= turn.bits;
    } else if (turn.kind == EVENT_CLOSED) {
        list_push_front(&task->endpoint->closed, &turn.session->closed_link);
    } else if (turn.call == NULL) {
        return; /* none, or it is gone */
    } else if (turn.kind == EVENT_REPLY) {
        list_push_front(&task->replies, &turn.call->link);
    } else if (turn.kind == EVENT_CANCEL) {
        list_push_front(&task->endpoint->cancels, &turn.call->cancel_link);
    } else if ((flags & (RESET_POISON | RESET_COLD)) != 0) {
        call_finish(turn.call, (flags & RESET_POISON) != 0 ? E_POISON : E_RESET);
    } else {
        turn.call->attempt++;
        call_requeue(turn.call);
    }
}

void actor_undo(struct task *task, uint32_t flags) {
    staged_rollback(task, &task->staged);
    for (struct list *link; (link = list_pop_front(&task->kept_ports)) != NULL;) {
        ioport_rollback(LIST_ENTRY(link, struct ioport, kept_link));
    }
    if (task->arena != NULL) {
        arena_rollback(task->arena->arena);
    }
    give_back(task, flags);
}

/* ---- what registers can't carry ------------------------------------------------------------- */

/* Gives the task handles to the message's objects; a full table gives HANDLE_NONE. */
static void install_handles(struct task *task, const struct message *message,
                            struct handle_slot slots[MESSAGE_HANDLES]) {
    for (uint32_t i = 0; i < TAG_HANDLES(message->tag); i++) {
        const struct message_handle *from = &message->handles[i];
        slots[i] = (struct handle_slot){HANDLE_NONE, from->rights};
        if (from->object == NULL || from->epoch != from->object->epoch ||
            staged_handle(task, from->object, from->rights, &slots[i].handle) != OK) {
            slots[i].handle = HANDLE_NONE;
        }
    }
}

static status_t store_message(struct thread *thread, const struct message *message,
                              const struct lease *leases) {
    uint64_t buffer = thread->message_buffer;
    uint32_t words = TAG_WORDS(message->tag);
    if (words > MESSAGE_REGISTER_WORDS) {
        TRY(copy_to_user(buffer + MESSAGE_REGISTER_WORDS * 8,
                         &message->words[MESSAGE_REGISTER_WORDS],
                         (words - MESSAGE_REGISTER_WORDS) * 8));
    }
    if (leases != NULL && TAG_LEASES(message->tag) != 0) {
        TRY(copy_to_user(buffer + offsetof(struct message_buffer, leases), leases,
                         TAG_LEASES(message->tag) * sizeof(struct lease)));
    }
    if (TAG_HANDLES(message->tag) != 0) {
        struct handle_slot slots[MESSAGE_HANDLES];
        install_handles(thread->task, message, slots);
        TRY(copy_to_user(buffer + offsetof(struct message_buffer, handles), slots,
                         TAG_HANDLES(message->tag) * sizeof(struct handle_slot)));
    }
    return OK;
}

void thread_resume_work(struct thread *thread) {
    struct task *task = thread->task;
    uint8_t resume = thread->resume;
    status_t status = OK;
    thread->resume = RESUME_NONE;
    if (resume == RESUME_INTERRUPT) {
        foreign_interrupt(thread);
    } else if (resume == RESUME_ANSWER) {
        status = store_message(thread, &thread->call->reply, NULL);
        message_drop_handles(&thread->call->reply, false);
    } else if (task->turn.call != NULL) {
        struct call *call = task->turn.call;
        status = task->turn.kind == EVENT_REPLY
                     ? store_message(thread, &call->reply, NULL)
                     : store_message(thread, &call->request, call->leases);
    }
    if (status != OK) { /* the message buffer is not there: the thread's own fault */
        fault_send(thread, FAULT_LABEL_FAULT, 14, 6, thread->message_buffer);
    }
}
