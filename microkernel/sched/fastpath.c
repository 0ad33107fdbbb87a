/* SPDX-License-Identifier: MIT
 * The short call and the short answer between two tasks on one CPU: what CALL and COMMIT_RECEIVE do
 * in the common case, in one piece. Everything that is not exactly that case is left to the general
 * code, before anything has been changed.
 */
#include <arch/switch.h>
#include <counters.h>
#include <sched.h>

/* The session behind a handle with RIGHT_CALL, or NULL if anything is unusual. */
static inline struct session *session_of(struct task *task, handle_t handle) {
    uint32_t slot = handle & 0xffff;
    struct handle_table *table = &task->handles;
    if (UNLIKELY(slot >= table->page_count * HANDLE_PAGE_ENTRIES)) {
        return NULL;
    }
    const struct handle_entry *entry =
        &table->pages[slot / HANDLE_PAGE_ENTRIES][slot % HANDLE_PAGE_ENTRIES];
    struct object *object = entry->object;
    if (UNLIKELY(object == NULL || entry->generation != handle >> 16 ||
                 (entry->flags & (ENTRY_CLOSING | ENTRY_RESERVED)) != 0 ||
                 object->type != OBJECT_SESSION || entry->epoch != object->epoch ||
                 (entry->rights & RIGHT_CALL) == 0)) {
        return NULL;
    }
    return (struct session *)object;
}

/* Hands the CPU from `from`, which has just blocked, to `to`, which has just been unblocked. */
static inline void hand_over(struct cpu *cpu, struct thread *from, struct thread *to) {
    sched_account(cpu, from);
    to->state = THREAD_RUNNING;
    to->cpu = cpu->arch.id;
    to->task->switches++;
    cpu->switches++;
    arch_space_switch(&to->task->space);
    arch_thread_switch(to);
}

/* Six words and the tag: short messages have no more. */
#define SHORT(tag) (((tag) >> TAG_WORDS_SHIFT) <= MESSAGE_REGISTER_WORDS)

static inline void words_to_context(struct arch_context *to, const struct arch_context *from) {
    to->rsi = from->rsi;
    to->rdx = from->rdx;
    to->r10 = from->r10;
    to->r8 = from->r8;
    to->r9 = from->r9;
    to->r12 = from->r12;
    to->r13 = from->r13;
}

bool fast_call(struct thread *thread) {
    struct arch_context *c = &thread->context;
    struct task *task = thread->task;
    struct call *call = thread->call;
    struct session *session = session_of(task, (handle_t)c->rdi);
    if (UNLIKELY(session == NULL || call == NULL || !SHORT(c->rsi) || task->actor ||
                 thread->interrupted)) {
        return false;
    }
    struct endpoint *endpoint = session->endpoint;
    struct task *server = endpoint->server;
    struct cpu *cpu = cpu_here();
    if (UNLIKELY(server == NULL || cpu->choose || endpoint->dead ||
                 session->cold_epoch != endpoint->cold_epoch)) {
        return false;
    }
    struct thread *receiver = server->receiver;
    if (UNLIKELY(receiver == NULL || (receiver->receive_mask & RECEIVE_CALL) == 0 ||
                 !sched_allowed(receiver, cpu->arch.id))) {
        return false;
    }
    counters.calls++;
    call_rename(call);
    if (UNLIKELY(call->session != session)) {
        object_get(&session->object);
        object_put(OBJECT_OF(call->session));
        call->session = session;
    }
    session->object.handles++; /* as in call_send */
    uint8_t priority = thread->effective;
    call->state = CALL_TAKEN;
    call->priority = priority;
    call->cancel = call->timed_out = false;
    call->attempt = 0;
    call->thread = thread;
    call->caller = task;
    call->server = server;
    call->request.tag = c->rsi;
    uint64_t *words = call->request.words;
    words[0] = c->rdx, words[1] = c->r10, words[2] = c->r8;
    words[3] = c->r9, words[4] = c->r12, words[5] = c->r13;

    server->receiver = NULL;
    server->turn.kind = EVENT_CALL;
    server->turn.call = call;
    server->turn_start_ticks = server->cpu_ticks;
    if (receiver->effective < priority) {
        receiver->effective = priority;
    }
    struct arch_context *to = &receiver->context;
    to->rax = EVENT_CALL;
    to->rdi = session->badge;
    to->r14 = call_token(call);
    to->r15 = call->object.account->object.id << 32;
    words_to_context(to, c);
    thread->state = THREAD_CALLING;
    hand_over(cpu, thread, receiver);
    return true;
}

/* Nothing of the server's turn but its arena and the one answer waits for the commit, and nothing
 * else has come. */
static inline bool turn_is_plain(const struct task *task) {
    const struct endpoint *endpoint = task->endpoint;
    return LIKELY(list_empty(&task->staged) && list_empty(&task->kept_ports) &&
                  list_empty(&task->replies) && endpoint != NULL && endpoint->ready == 0 &&
                  list_empty(&endpoint->cancels) && list_empty(&endpoint->closed) &&
                  (task->notification == NULL || task->notification->bits == 0));
}

/* Some page is dirty, or it is time to look for idle ones. */
static inline bool arena_wants_commit(const struct arena *arena, uint64_t commits) {
    if (UNLIKELY(commits % ARENA_IDLE_TURNS == 0 || arena->hot_count > ARENA_HOT_CHUNK)) {
        return true;
    }
    const struct arena_hot *end = arena->hot[0] + arena->hot_count;
    for (const struct arena_hot *hot = arena->hot[0]; hot < end; hot++) {
        if (arena_hot_dirty(hot)) {
            return true;
        }
    }
    return false;
}

bool fast_commit_receive(struct thread *thread) {
    struct arch_context *c = &thread->context;
    struct task *task = thread->task;
    struct call *call = task->turn.call;
    if (UNLIKELY(call == NULL || task->turn.kind != EVENT_CALL || c->rdi != call_token(call) ||
                 !SHORT(c->rsi) || task->worker != thread)) {
        return false;
    }
    struct thread *caller = call->thread;
    struct cpu *cpu = cpu_here();
    if (UNLIKELY(caller == NULL || call->session->object.handles == 1 || call->kernel ||
                 call->answered || call->cancel || call->timer.deadline != 0 ||
                 TAG_HANDLES(call->request.tag) != 0 || (c->r14 & RECEIVE_POLL) != 0 ||
                 cpu->choose || task->receiver != NULL ||
                 cpu->ready >> caller->effective >> 1 != 0 ||
                 !sched_allowed(caller, cpu->arch.id) || !turn_is_plain(task))) {
        return false;
    }
    if (task->arena != NULL && arena_wants_commit(task->arena->arena, task->commits)) {
        counters.dirty_pages += arena_commit(task->arena->arena);
    }
    counters.commits++;
    task->commits++;
    task->turn.kind = EVENT_NONE;
    task->turn.call = NULL;
    task->receiver = thread;
    thread->receive_mask = (uint32_t)c->r14;
    thread->effective = thread->priority;
    thread->state = THREAD_RECEIVING;
    call->session->object.handles--;
    call->state = CALL_IDLE;
    call->server = NULL;
    call->thread = NULL;
    caller->context.rax = OK;
    words_to_context(&caller->context, c);
    hand_over(cpu, thread, caller);
    return true;
}
