/* SPDX-License-Identifier: MIT
 * What happens in the kernel: counted always, and recorded while tracing is on, for which each of
 * these takes two instructions when it is off. Spec: docs/spec/trace.md.
 */
#pragma once

#include <counters.h>
#include <task.h>

extern bool trace_on;
extern struct memory *trace_ring; /* the records; NULL: none; holds a reference */

/* Stops, and lets the ring go. */
void trace_drop(void);

void trace_call(const struct call *call);
void trace_fast_call(const struct thread *thread, const struct thread *receiver);
void trace_event(const struct task *task, const struct thread *thread);
void trace_answer(const struct call *call, status_t transport);
void trace_fast_answer(const struct thread *thread, const struct thread *caller);
void trace_commit(const struct task *task);
void trace_switch(const struct thread *old, const struct thread *next);
void trace_irq(uint32_t vector);
void trace_fault(const struct thread *thread, uint64_t vector, uint64_t address);
void trace_page_fault(const struct thread *thread, uint64_t address, uint64_t error);
void trace_reset(const struct task *task, uint64_t flags);
void trace_death(const struct task *task);

#define RECORD(function, ...)                                                                      \
    do {                                                                                           \
        if (UNLIKELY(trace_on)) {                                                                  \
            function(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)

/* A call was put into its endpoint's queue; its server may not know yet. */
static inline void note_call(const struct call *call) {
    counters.calls++;
    RECORD(trace_call, call);
}

/* A call was sent and taken, and the CPU handed over. */
static inline void note_fast_call(const struct thread *thread, const struct thread *receiver) {
    counters.calls++;
    RECORD(trace_fast_call, thread, receiver);
}

/* The task's turn has begun; the thread will see its event. */
static inline void note_event(const struct task *task, const struct thread *thread) {
    RECORD(trace_event, task, thread);
}

/* The call is about to be finished. */
static inline void note_answer(const struct call *call, status_t transport) {
    RECORD(trace_answer, call, transport);
}

static inline void count_commit(struct task *task) {
    counters.commits++;
    task->commits++;
}

/* Pages are committed and counted, the outbox is not. */
static inline void note_commit(struct task *task) {
    count_commit(task);
    RECORD(trace_commit, task);
}

/* The turn was committed, counted already, its call answered, and the CPU handed over. */
static inline void note_fast_answer(const struct thread *thread, const struct thread *caller) {
    RECORD(trace_fast_answer, thread, caller);
}

static inline void note_switch(const struct thread *old, const struct thread *next) {
    RECORD(trace_switch, old, next);
}

static inline void note_irq(uint32_t vector) {
    counters.irqs++;
    RECORD(trace_irq, vector);
}

/* One that its task is told of or dies of. */
static inline void note_fault(const struct thread *thread, uint64_t vector, uint64_t address) {
    counters.faults++;
    RECORD(trace_fault, thread, vector, address);
}

/* Any of ring 3, before it is looked into. */
static inline void note_page_fault(const struct thread *thread, uint64_t address, uint64_t error) {
    RECORD(trace_page_fault, thread, address, error);
}

static inline void note_reset(const struct task *task, uint64_t flags) {
    counters.resets++;
    RECORD(trace_reset, task, flags);
}

static inline void note_death(const struct task *task) {
    RECORD(trace_death, task);
}
