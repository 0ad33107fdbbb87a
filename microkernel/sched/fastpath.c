/* SPDX-License-Identifier: MIT
 * The short call and the short answer between two tasks on one CPU: what CALL and COMMIT_RECEIVE do
 * in the common case, in one piece. Everything that is not exactly that case is left to the general
 * code, before anything has been changed.
 *
 * The entry code calls these with all user registers saved, so this file is compiled with every
 * register free to use (meson.build). They return the context that holds the message: the exit
 * loads the tag and the six words from there, into the registers of the thread that is current by
 * then. So a message is stored once, by the sender's entry, and never copied.
 */
#include <arch/switch.h>
#include <sched.h>
#include <system.h>
#include <trace.h>

/* What an entry's word must be, and which bits of it matter. */
#define ENTRY_WANTED ((uint64_t)RIGHT_CALL << ENTRY_RIGHTS_SHIFT)
#define ENTRY_LOOKED_AT                                                                            \
    (~0ull << ENTRY_GENERATION_SHIFT | UINT32_MAX | ENTRY_WANTED |                                 \
     (uint64_t)(ENTRY_CLOSING | ENTRY_RESERVED) << ENTRY_FLAGS_SHIFT)

/* The session behind a handle with RIGHT_CALL, or NULL if anything is unusual. */
static inline struct session *session_of(struct task *task, handle_t handle) {
    uint32_t slot = handle & 0xffff;
    struct handle_table *table = &task->handles;
    if (UNLIKELY(slot >= table->page_count * HANDLE_PAGE_ENTRIES)) {
        return NULL;
    }
    const struct handle_entry *entry = handle_entry_at(table, slot);
    struct object *object = entry->object;
    if (UNLIKELY(object == NULL || object->type != OBJECT_SESSION ||
                 (entry->word & ENTRY_LOOKED_AT) !=
                     ((uint64_t)(handle >> 16) << ENTRY_GENERATION_SHIFT | ENTRY_WANTED |
                      object->epoch))) {
        return NULL;
    }
    return (struct session *)object;
}

/* Hands the CPU from a thread of `from`, which has just blocked, to `to`, which was blocked. */
static inline void hand_over(struct cpu *cpu, struct task *from, struct thread *to) {
    struct task *task = to->task;
    sched_account(cpu, &from->cpu_ticks);
    to->state = THREAD_RUNNING;
    to->cpu = cpu->arch.id;
    task->switches++;
    cpu->switches++;
    arch_space_switch(&cpu->arch, &task->space);
    arch_thread_switch(&cpu->arch, to);
}

/* Six words and the tag: short messages have no more. */
#define SHORT(tag) (((tag) >> TAG_WORDS_SHIFT) <= MESSAGE_REGISTER_WORDS)

/* The flags of a call that is TAKEN and in no way special: priority and `fast` left out. */
#define TAKEN_PLAIN(call) (((call)->flags & 0xff00ffffffff00ffull) == CALL_TAKEN)
/* The flags of a call that the fast path has just made. */
#define TAKEN_FAST(priority) (CALL_TAKEN | (uint64_t)(priority) << 8 | 1ull << 48)
_Static_assert(offsetof(struct call, priority) == offsetof(struct call, flags) + 1 &&
                   offsetof(struct call, fast) == offsetof(struct call, flags) + 6,
               "TAKEN_PLAIN, TAKEN_FAST");

struct arch_context *fast_call(struct thread *thread) {
    struct arch_context *c = &thread->context;
    struct task *task = thread->task;
    struct call *call = thread->call;
    struct session *session = session_of(task, (handle_t)c->rdi);
    if (UNLIKELY(session == NULL || call == NULL || !SHORT(c->rsi))) {
        return NULL;
    }
    struct endpoint *endpoint = session->endpoint;
    struct task *server = endpoint->server;
    if (UNLIKELY(server == NULL || (task->actor | thread->interrupted | endpoint->dead) != 0 ||
                 session->cold_epoch != endpoint->cold_epoch)) {
        return NULL;
    }
    struct cpu *cpu = cpu_here();
    struct thread *receiver = server->receiver;
    if (UNLIKELY(receiver == NULL || (receiver->receive_mask & RECEIVE_CALL) == 0 ||
                 !sched_allowed(receiver, cpu))) {
        return NULL;
    }
    call->sequence++;
    if (UNLIKELY(call->session != session)) {
        object_get(&session->object);
        object_put(OBJECT_OF(call->session));
        call->session = session;
    }
    session->object.handles++; /* as in call_send */
    uint8_t priority = thread->effective;
    call->flags = TAKEN_FAST(priority);
    call->attempt = 0;
    call->thread = thread;
    call->caller = task;
    call->server = server;
    call->request.tag = c->rsi;

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
    to->r15 = call->caller_word;
    thread->state = THREAD_CALLING;
    hand_over(cpu, task, receiver);
    note_fast_call(thread, receiver);
    return c;
}

/* Some page is dirty, or it is time to look for idle ones. */
static inline bool arena_wants_commit(const struct arena *arena, uint64_t commits) {
    return UNLIKELY(commits % ARENA_IDLE_TURNS == 0 || arena->hot_count > ARENA_HOT_CHUNK) ||
           arena_dirty(arena, arena->hot_count);
}

/* What the general code does: wait for nothing, and check what a server has named. */
#define RECEIVE_SLOW (RECEIVE_POLL | (ARENA_CHECKS ? RECEIVE_NAMED : 0))

struct arch_context *fast_commit_receive(struct thread *thread) {
    struct arch_context *c = &thread->context;
    struct task *task = thread->task;
    struct call *call = task->turn.call;
    if (UNLIKELY(call == NULL || c->rdi != call_token(call) || !TAKEN_PLAIN(call) ||
                 !SHORT(c->rsi) || task->pending || task->worker != thread)) {
        return NULL;
    }
    struct thread *caller =
        call->thread; /* not dead: that would have made the call a cancelled one */
    struct cpu *cpu = cpu_here();
    struct session *session = call->session;
    uint32_t mask = (uint32_t)c->r14;
    if (UNLIKELY(session->object.handles == 1 || (mask & RECEIVE_SLOW) != 0 ||
                 cpu->ready >> caller->effective >> 1 != 0 || !sched_allowed(caller, cpu))) {
        return NULL;
    }
    if (task->arena != NULL && arena_wants_commit(task->arena->arena, task->commits)) {
        counters.dirty_pages += arena_commit(task->arena->arena, receive_named(c));
    }
    count_commit(task);
    task->turn.kind = EVENT_NONE;
    task->turn.call = NULL;
    task->receiver = thread;
    thread->receive_mask = mask;
    thread->effective = thread->priority;
    thread->state = THREAD_RECEIVING;
    session->object.handles--;
    call->flags = CALL_IDLE;
    call->server = NULL;
    call->thread = NULL;
    caller->context.rax = OK;
    hand_over(cpu, task, caller);
    note_fast_answer(thread, caller);
    return c;
}
