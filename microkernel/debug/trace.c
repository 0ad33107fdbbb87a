/* SPDX-License-Identifier: MIT
 * The trace: a ring of records in a memory object, which is there only from TRACE_START to
 * TRACE_DROP. Lock: the kernel lock. Invariant: while trace_on, the ring has all its frames.
 */
#include "trace.h"

#include <arch/timer.h>
#include <axolotl/trace.h>
#include <common/string.h>
#include <frame.h>
#include <sched.h>
#include <syscall.h>

#define PAGE_RECORDS (PAGE_SIZE / sizeof(struct trace_record))
#define RING_PAGES (TRACE_RECORDS / PAGE_RECORDS)

bool trace_on;
struct memory *trace_ring;
static uint64_t head; /* records written since the start */
static uint64_t last_time;
static uint64_t pages_seen; /* counters.dirty_pages at the last commit */

static struct trace_record *place_of(uint64_t position) {
    uint64_t at = position % TRACE_RECORDS;
    phys_t frame = memory_page_peek(trace_ring, at / PAGE_RECORDS);
    return (struct trace_record *)frame_bytes(frame) + at % PAGE_RECORDS;
}

/* The clocks of two CPUs may differ a little; the order is that of the lock. */
static void put(struct trace_record record) {
    uint64_t now = time_now();
    last_time = now > last_time ? now : last_time;
    record.time = last_time;
    record.cpu = (uint8_t)cpu_here()->arch.id;
    *place_of(head++) = record;
}

static uint32_t id_of(const struct object *object) {
    return object == NULL ? 0 : (uint32_t)object->id;
}

static uint32_t task_id(const struct task *task) {
    return id_of(OBJECT_OF(task));
}

/* A record of a thread, NULL: none, and its task. */
static struct trace_record of_thread(enum trace_kind kind, const struct thread *thread) {
    return (struct trace_record){
        .kind = (uint8_t)kind,
        .task = thread == NULL ? 0 : task_id(thread->task),
        .thread = id_of(OBJECT_OF(thread)),
    };
}

/* One of a task, NULL: none, and the thread in it that receives. */
static struct trace_record of_task(enum trace_kind kind, const struct task *task) {
    return (struct trace_record){
        .kind = (uint8_t)kind,
        .task = task_id(task),
        .thread = task == NULL ? 0 : id_of(OBJECT_OF(task->worker)),
    };
}

/* ---- what happens ---------------------------------------------------------------------------- */

void trace_call(const struct call *call) {
    struct trace_record record = of_thread(TRACE_CALL, call->thread);
    record.task = task_id(call->caller);
    record.other = task_id(call->session->endpoint->server);
    record.detail = (uint16_t)TAG_LABEL(call->request.tag);
    record.value = call_token(call);
    put(record);
}

void trace_event(const struct task *task, const struct thread *thread) {
    const struct turn *turn = &task->turn;
    struct trace_record record = of_thread(TRACE_EVENT, thread);
    record.detail = turn->kind;
    record.value = turn->call == NULL ? turn_badge(turn) : call_token(turn->call);
    if (turn->call != NULL && turn->kind != EVENT_REPLY) {
        record.other = task_id(turn->call->caller);
    }
    put(record);
}

void trace_answer(const struct call *call, status_t transport) {
    struct trace_record record = of_task(TRACE_ANSWER, call->server);
    record.other = task_id(call->caller);
    record.detail = (uint16_t)(transport == OK ? TAG_LABEL(call->reply.tag) : (uint32_t)transport);
    record.value = call_token(call);
    put(record);
}

void trace_commit(const struct task *task) {
    struct trace_record record = of_task(TRACE_COMMIT, task);
    record.value = counters.dirty_pages - pages_seen;
    pages_seen = counters.dirty_pages;
    put(record);
}

void trace_switch(const struct thread *old, const struct thread *next) {
    struct trace_record record = of_thread(TRACE_SWITCH, next);
    record.other = id_of(OBJECT_OF(old));
    record.detail = old == NULL ? 0 : old->state;
    put(record);
}

void trace_fast_call(const struct thread *thread, const struct thread *receiver) {
    trace_call(thread->call);
    trace_event(receiver->task, receiver);
    trace_switch(thread, receiver);
}

void trace_fast_answer(const struct thread *thread, const struct thread *caller) {
    struct trace_record record = of_thread(TRACE_ANSWER, thread);
    trace_commit(thread->task);
    record.other = task_id(caller->task);
    record.detail = (uint16_t)TAG_LABEL(thread->context.rsi);
    record.value = call_token(caller->call);
    put(record);
    trace_switch(thread, caller);
}

void trace_irq(uint32_t vector) {
    struct trace_record record = of_thread(TRACE_IRQ, cpu_current());
    record.value = vector;
    put(record);
}

void trace_fault(const struct thread *thread, uint64_t vector, uint64_t address) {
    struct trace_record record = of_thread(TRACE_FAULT, thread);
    record.detail = (uint16_t)vector;
    record.value = address;
    put(record);
}

void trace_page_fault(const struct thread *thread, uint64_t address, uint64_t error) {
    struct trace_record record = of_thread(TRACE_PAGE_FAULT, thread);
    record.detail = (uint16_t)error;
    record.value = address;
    put(record);
}

void trace_reset(const struct task *task, uint64_t flags) {
    struct trace_record record = of_task(TRACE_RESET, task);
    record.value = flags;
    put(record);
}

void trace_death(const struct task *task) {
    struct trace_record record = {.kind = TRACE_DEATH, .task = task_id(task)};
    record.detail = (uint16_t)task->exit_code;
    memcpy(record.name, task->name, TRACE_NAME);
    put(record);
}

/* ---- TRACE, TRACE_READ ---------------------------------------------------------------------- */

void trace_drop(void) {
    trace_on = false;
    object_put(OBJECT_OF(trace_ring));
    trace_ring = NULL;
    head = 0;
}

static status_t ring_create(struct account *account, struct memory **out) {
    struct memory *ring;
    phys_t frame;
    TRY(memory_create(account, RING_PAGES * PAGE_SIZE, MEMORY_ANONYMOUS, &ring));
    for (uint64_t i = 0; i < RING_PAGES; i++) {
        status_t status = memory_page(ring, i, true, &frame);
        if (status != OK) {
            object_put(&ring->object);
            return status;
        }
    }
    *out = ring;
    return OK;
}

static status_t start(struct account *account) {
    struct memory *ring = trace_ring;
    if (ring == NULL || ring->object.account != account) {
        TRY(ring_create(account, &ring));
        trace_drop();
        trace_ring = ring;
    }
    head = 0;
    pages_seen = counters.dirty_pages;
    trace_on = true;
    return OK;
}

int64_t sys_trace(struct thread *thread, struct account *account) {
    switch (ARG(2)) {
    case TRACE_START:
        return account == NULL ? E_INVALID : start(account);
    case TRACE_STOP:
        trace_on = false;
        return OK;
    case TRACE_DROP:
        trace_drop();
        return OK;
    default:
        return E_INVALID;
    }
}

/* As many as lie together. */
int64_t sys_trace_read(struct thread *thread) {
    uint64_t oldest = head > TRACE_RECORDS ? head - TRACE_RECORDS : 0;
    uint64_t position = ARG(1) < oldest ? oldest : ARG(1);
    uint64_t count = ARG(3) / sizeof(struct trace_record);
    uint64_t together = PAGE_RECORDS - position % PAGE_RECORDS;
    uint64_t there = position < head ? head - position : 0;
    count = count < together ? count : together;
    count = count < there ? count : there;
    if (count != 0) {
        TRY(copy_to_user(ARG(2), place_of(position), count * sizeof(struct trace_record)));
    }
    thread->context.rdi = position;
    return (int64_t)count;
}
