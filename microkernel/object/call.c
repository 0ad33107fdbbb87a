/* SPDX-License-Identifier: MIT
 * Calls: slots, queues, answers, cancellation. See call.h for the states.
 */
#include <call.h>
#include <common/string.h>
#include <debug.h>
#include <kmem.h>
#include <memory.h>
#include <sched.h>
#include <task.h>

/* Table of all calls by slot, two levels of pages; freed slots are linked through `free_next`.
 * Slots count from 1; 0 is none. */
#define SLOTS_PER_PAGE 256u
#define SLOT_PAGES 512u

struct slot {
    struct call *call;
    uint32_t sequence;
    uint32_t free_next;
};

static struct slot *slot_pages[SLOT_PAGES];
static uint32_t slot_page_count;
static uint32_t slot_free;

static struct slot *slot_at(uint32_t slot) {
    return &slot_pages[(slot - 1) / SLOTS_PER_PAGE][(slot - 1) % SLOTS_PER_PAGE];
}

static status_t slot_take(struct call *call) {
    if (slot_free == 0) {
        struct slot *page = slot_page_count == SLOT_PAGES
                                ? NULL
                                : kmem_alloc(account_root, SLOTS_PER_PAGE * sizeof(*page));
        if (page == NULL) {
            return E_QUOTA;
        }
        uint32_t first = slot_page_count * SLOTS_PER_PAGE + 1;
        slot_pages[slot_page_count++] = page;
        for (uint32_t i = SLOTS_PER_PAGE; i-- > 0;) {
            page[i].free_next = slot_free;
            slot_free = first + i;
        }
    }
    call->slot = slot_free;
    struct slot *slot = slot_at(call->slot);
    slot_free = slot->free_next;
    slot->call = call;
    call->sequence = slot->sequence;
    call_rename(call);
    return OK;
}

status_t call_create(struct account *account, struct call **out) {
    struct call *call = kmem_alloc_raw(account, sizeof(*call));
    if (call == NULL) {
        return E_QUOTA;
    }
    memset(call, 0, offsetof(struct call, request));
    memset(call->request.handles, 0, sizeof(call->request.handles));
    memset(call->reply.handles, 0, sizeof(call->reply.handles));
    status_t status = slot_take(call);
    if (status != OK) {
        kmem_free(account, call, sizeof(*call));
        return status;
    }
    call->object.type = OBJECT_CALL;
    call->object.size_class = (uint16_t)kmem_class(sizeof(*call));
    call->object.references = 1;
    call->object.account = account;
    call->caller_word = account->object.id << 32;
    object_get(&account->object);
    list_init(&call->link);
    list_init(&call->cancel_link);
    list_init(&call->caller_link);
    *out = call;
    return OK;
}

void call_destroy(struct object *object) {
    struct call *call = (struct call *)object;
    ASSERT(call->server == NULL && list_unlinked(&call->link) && list_unlinked(&call->cancel_link));
    timer_disarm(&call->timer);
    list_remove(&call->caller_link);
    message_drop_handles(&call->request);
    message_drop_handles(&call->reply);
    if (call->session != NULL) {
        object_put(&call->session->object);
    }
    if (call->page_memory != NULL) {
        object_put(&call->page_memory->object);
    }
    struct slot *slot = slot_at(call->slot);
    slot->call = NULL;
    slot->sequence = call->sequence;
    slot->free_next = slot_free;
    slot_free = call->slot;
}

static struct call *call_at(token_t token) {
    uint32_t slot = (uint32_t)token;
    if (slot - 1 >= slot_page_count * SLOTS_PER_PAGE) {
        return NULL;
    }
    struct call *call = slot_at(slot)->call;
    return call == NULL || call->sequence != token >> 32 ? NULL : call;
}

struct call *call_find(token_t token, const struct task *server) {
    struct call *call = call_at(token);
    return call == NULL || call->server != server ? NULL : call;
}

struct call *call_find_outgoing(token_t token, const struct task *caller) {
    struct call *call = call_at(token);
    return call == NULL || call->caller != caller || list_unlinked(&call->caller_link) ? NULL
                                                                                       : call;
}

void message_load(struct message *message, const struct arch_context *context) {
    message->tag = context->rsi;
    message->words[0] = context->rdx;
    message->words[1] = context->r10;
    message->words[2] = context->r8;
    message->words[3] = context->r9;
    message->words[4] = context->r12;
    message->words[5] = context->r13;
}

void message_store(const struct message *message, struct arch_context *context) {
    context->rsi = message->tag;
    context->rdx = message->words[0];
    context->r10 = message->words[1];
    context->r8 = message->words[2];
    context->r9 = message->words[3];
    context->r12 = message->words[4];
    context->r13 = message->words[5];
}

void message_drop_handles(struct message *message) {
    for (unsigned i = 0; i < MESSAGE_HANDLES; i++) {
        struct object *object = message->handles[i].object;
        message->handles[i].object = NULL;
        if (object != NULL) {
            object_handle_put(object);
        }
    }
}

static void queue_remove(struct call *call) {
    struct endpoint *endpoint = call->session->endpoint;
    list_remove(&call->link);
    if (list_empty(&endpoint->queues[call->priority])) {
        endpoint->ready &= ~(1u << call->priority);
    }
}

status_t call_send(struct call *call, struct session *session) {
    struct endpoint *endpoint = session->endpoint;
    if (endpoint->dead) {
        return E_CLOSED;
    }
    if (session_lost(session)) {
        return E_RESET;
    }
    object_get(&session->object);
    session->object.handles++; /* a call in progress keeps the session open */
    if (call->session != NULL) {
        object_put(&call->session->object);
    }
    call->session = session;
    call->state = CALL_QUEUED;
    call->attempt = 0;
    call->cancel = call->cancel_seen = call->timed_out = call->fast = false;
    list_push_back(&endpoint->queues[call->priority], &call->link);
    endpoint->ready |= 1u << call->priority;
    if (endpoint->server != NULL) {
        actor_wake(endpoint->server);
    }
    return OK;
}

/* The server side is through with the call. */
static void call_release_server(struct call *call) {
    if (call->state == CALL_QUEUED) {
        queue_remove(call);
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
    call->state = CALL_DONE;
    message_drop_handles(&call->request);
    if (--call->session->object.handles == 0) {
        session_no_handles(&call->session->object);
    }
}

static void answer_thread(struct call *call, status_t transport) {
    struct thread *thread = call->thread;
    struct arch_context *context = &thread->context;
    if (transport == OK && call->timed_out && (status_t)TAG_LABEL(call->reply.tag) == E_CANCELLED) {
        transport = E_TIMEOUT;
    }
    timer_disarm(&call->timer);
    call->thread = NULL;
    call->state = CALL_IDLE;
    context->rax = (uint64_t)(int64_t)transport;
    message_store(&call->reply, context);
    if (TAG_WORDS(call->reply.tag) > MESSAGE_REGISTER_WORDS || TAG_HANDLES(call->reply.tag) != 0) {
        thread_set_resume(thread, RESUME_ANSWER);
    }
    sched_wake_here(thread);
}

static void call_finish(struct call *call, status_t transport) {
    call_release_server(call);
    if (call->thread != NULL) {
        if (call->kind == CALL_KERNEL) {
            fault_answered(call->thread, transport);
        } else {
            answer_thread(call, transport);
        }
        return;
    }
    if (call->caller != NULL) {
        list_push_back(&call->caller->replies, &call->link);
        actor_wake(call->caller);
        return;
    }
    object_put(&call->object);
}

void call_complete(struct call *call) {
    call_finish(call, OK);
}

void call_fail(struct call *call, status_t status) {
    message_drop_handles(&call->reply);
    call->reply.tag = TAG(status, 0, 0, 0);
    call_finish(call, status);
}

void call_cancel(struct call *call, status_t status) {
    if (call->state == CALL_QUEUED) {
        call_fail(call, status);
    } else if ((call->state == CALL_TAKEN || call->state == CALL_ACCEPTED) && !call->cancel) {
        call->cancel = true;
        list_push_back(&call->session->endpoint->cancels, &call->cancel_link);
        actor_wake(call->server);
    }
}

void call_abandon(struct call *call) {
    timer_disarm(&call->timer);
    call->thread = NULL;
    call->caller = NULL;
    list_remove(&call->caller_link);
    switch (call->state) {
    case CALL_QUEUED:
        call_release_server(call);
        object_put(&call->object);
        break;
    case CALL_TAKEN:
    case CALL_ACCEPTED:
        call_cancel(call, E_CANCELLED);
        break;
    default: /* never sent, or answered and not consumed */
        list_remove(&call->link);
        object_put(&call->object);
        break;
    }
}

void call_requeue(struct call *call) {
    struct endpoint *endpoint = call->session->endpoint;
    ASSERT(call->state == CALL_TAKEN);
    call->state = CALL_QUEUED;
    call->server = NULL;
    call->answered = false;
    list_remove(&call->cancel_link);
    if (call->cancel) { /* nobody has seen it: give it back at once */
        call->cancel = false;
        list_push_front(&endpoint->queues[call->priority], &call->link);
        endpoint->ready |= 1u << call->priority;
        if (call->thread == NULL && call->caller == NULL) {
            call_release_server(call);
            object_put(&call->object);
        } else {
            call_fail(call, E_CANCELLED);
        }
        return;
    }
    if (call->fast) {
        call->fast = false;
        message_load(&call->request, &call->thread->context);
    }
    list_push_front(&endpoint->queues[call->priority], &call->link);
    endpoint->ready |= 1u << call->priority;
}
