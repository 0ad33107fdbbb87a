/* SPDX-License-Identifier: MIT
 * Calls: slots, queues, answers, cancellation. See call.h for the states.
 */
#include <call.h>
#include <common/string.h>
#include <debug.h>
#include <sched.h>
#include <trace.h>

/* All calls, to be found by their slots: numbers that come again only after all others. */
#define BUCKETS 1024u
static struct call *buckets[BUCKETS];

/* The link to the call with this slot; NULL there: none has it. */
static struct call **place_of(uint32_t slot) {
    struct call **place = &buckets[slot % BUCKETS];
    while (*place != NULL && (*place)->slot != slot) {
        place = &(*place)->next;
    }
    return place;
}

status_t call_create(struct account *account, struct call **out) {
    static uint32_t last_slot;
    struct call *call, **place;
    TRY(object_create(OBJECT_CALL, sizeof(*call), account, &call));
    do {
        call->slot = ++last_slot;
        place = place_of(call->slot);
    } while (*place != NULL || call->slot == 0);
    *place = call;
    call->caller_word = account->object.id << 32;
    list_init(&call->link);
    list_init(&call->cancel_link);
    list_init(&call->caller_link);
    *out = call;
    return OK;
}

void call_destroy(struct object *object) {
    struct call *call = (struct call *)object;
    ASSERT(call->server == NULL && list_unlinked(&call->link) && list_unlinked(&call->cancel_link));
    list_remove(&call->caller_link);
    message_drop_handles(&call->request, false);
    message_drop_handles(&call->reply, false);
    object_put(OBJECT_OF(call->session));
    object_put(OBJECT_OF(call->page_memory));
    *place_of(call->slot) = call->next;
}

static struct call *call_at(token_t token) {
    struct call *call = *place_of((uint32_t)token);
    return call == NULL || call->sequence != token >> 32 ? NULL : call;
}

struct call *call_find(token_t token, const struct task *server) {
    struct call *call = call_at(token);
    return call == NULL || call->server != server ? NULL : call;
}

struct call *call_find_outgoing(token_t token, const struct task *caller) {
    struct call *call = call_at(token);
    bool known = call != NULL && call->caller == caller && !list_unlinked(&call->caller_link);
    return known ? call : NULL;
}

void message_load(struct message *message, struct arch_context *context) {
    message->tag = context->rsi;
    memcpy(message->words, context_words(context), MESSAGE_REGISTER_WORDS * 8);
}

void message_settle(struct message *message, bool moved) {
    for (unsigned i = 0; i < TAG_HANDLES(message->tag); i++) {
        struct task *sender = message->handles[i].sender;
        if (sender != NULL) {
            message->handles[i].sender = NULL;
            if (moved) {
                handle_remove(&sender->handles, message->handles[i].moved);
            } else {
                handle_entry_clear(&sender->handles, message->handles[i].moved, ENTRY_CLOSING);
            }
            object_put(&sender->object);
        }
    }
}

void message_drop_handles(struct message *message, bool moved) {
    uint32_t count = TAG_HANDLES(message->tag);
    struct object *objects[TAG_HANDLES_MASK];
    message_settle(message, moved);
    for (uint32_t i = 0; i < count; i++) {
        objects[i] = message->handles[i].object;
        message->handles[i].object = NULL;
    }
    while (count > 0) { /* last: the message may go with its handles */
        object_handle_put(objects[--count]);
    }
}

void call_unqueue(struct call *call) {
    struct endpoint *endpoint = call->session->endpoint;
    list_remove(&call->link);
    if (list_empty(&endpoint->queues[call->priority])) {
        endpoint->ready &= ~(1u << call->priority);
    }
}

status_t call_send(struct call *call, struct session *session) {
    struct endpoint *endpoint = session->endpoint;
    status_t status = endpoint->dead ? E_CLOSED : session_lost(session) ? E_RESET : OK;
    if (status != OK) {
        message_drop_handles(&call->request, false);
        return status;
    }
    object_get(&session->object);
    session->object.handles++; /* a call in progress keeps the session open */
    object_put(OBJECT_OF(call->session));
    call->session = session;
    call->state = CALL_QUEUED;
    call->attempt = 0;
    call->cancel = call->timed_out = call->fast = false;
    list_push_back(&endpoint->queues[call->priority], &call->link);
    endpoint->ready |= 1u << call->priority;
    note_call(call);
    if (endpoint->server != NULL) {
        actor_wake(endpoint->server);
    }
    return OK;
}

static void answer_thread(struct call *call, status_t transport) {
    struct thread *thread = call->thread;
    if (transport == OK && call->timed_out && (status_t)TAG_LABEL(call->reply.tag) == E_CANCELLED) {
        transport = E_TIMEOUT;
    }
    timer_disarm(&thread->timer);
    call->thread = NULL;
    call->state = CALL_IDLE;
    context_set_status(&thread->context, transport);
    message_deliver(thread, &call->reply, RESUME_ANSWER);
    sched_wake_here(thread);
}

void call_finish(struct call *call, status_t transport) {
    note_answer(call, transport);
    if (call->state == CALL_QUEUED) {
        call_unqueue(call);
    } else {
        list_remove(&call->link); /* accepted */
        list_remove(&call->cancel_link);
    }
    if (call->server != NULL && call->server->turn.call == call &&
        call->server->turn.kind != EVENT_REPLY) {
        call->server->turn.call = NULL;
    }
    call->server = NULL;
    call->answered = false;
    /* Handles that go may take the caller along, which is to leave the call alone then. */
    call->state = CALL_ACCEPTED;
    call->cancel = true;
    message_drop_handles(&call->request, false);
    if (transport != OK || call->kind == CALL_KERNEL) { /* the kernel has no use for handles */
        message_drop_handles(&call->reply, transport == OK);
    } else {
        message_settle(&call->reply, true);
    }
    call->state = CALL_DONE;
    call->reply.tag = transport == OK ? call->reply.tag : TAG(transport, 0, 0, 0);
    if (--call->session->object.handles == 0) {
        session_no_handles(&call->session->object);
    }
    if (call->thread != NULL && call->kind == CALL_KERNEL) {
        fault_answered(call->thread, transport);
    } else if (call->thread != NULL) {
        answer_thread(call, transport);
    } else if (call->caller != NULL) {
        list_push_back(&call->caller->replies, &call->link);
        actor_wake(call->caller);
    } else {
        object_put(&call->object);
    }
}

void call_cancel(struct call *call, status_t status) {
    if (call->state == CALL_QUEUED) {
        call_finish(call, status);
    } else if ((call->state == CALL_TAKEN || call->state == CALL_ACCEPTED) && !call->cancel) {
        call->cancel = true;
        list_push_back(&call->session->endpoint->cancels, &call->cancel_link);
        actor_wake(call->server);
    }
}

void call_abandon(struct call *call) {
    call->thread = NULL;
    call->caller = NULL;
    list_remove(&call->caller_link);
    if (call->state == CALL_IDLE || call->state == CALL_DONE) {
        list_remove(&call->link); /* of the answers that were not consumed */
        object_put(&call->object);
    } else {
        call_cancel(call, E_CANCELLED);
    }
}

void call_requeue(struct call *call) {
    struct endpoint *endpoint = call->session->endpoint;
    ASSERT(call->state == CALL_TAKEN);
    call->state = CALL_QUEUED;
    call->server = NULL;
    call->answered = false;
    list_remove(&call->cancel_link);
    list_push_front(&endpoint->queues[call->priority], &call->link);
    endpoint->ready |= 1u << call->priority;
    if (call->cancel) { /* nobody has seen it: give it back at once */
        call->cancel = false;
        call_finish(call, E_CANCELLED);
    } else if (call->fast) {
        call->fast = false;
        message_load(&call->request, &call->thread->context);
    }
}
