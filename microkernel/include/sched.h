/* SPDX-License-Identifier: MIT
 * Fixed-priority round robin, one set of queues per CPU. A thread is in a queue iff READY.
 * An idle CPU takes work from others; a woken thread goes to its last CPU if it may run there at
 * once, else to an idle CPU, else waits where it ran last.
 */
#pragma once

#include "task.h"

#define SLICE_NS 10000000ull

struct cpu {
    struct arch_cpu arch;  /* first */
    bool choose;           /* something changed: choose a thread at the exit */
    uint32_t ready;        /* bitmap of non-empty queues */
    uint32_t affinity;     /* its bit in a thread's affinity; all for a CPU that has none */
    uint64_t slice_end;    /* of the current thread; 0: it has no rival, no slice runs */
    uint64_t programmed;   /* deadline that the timer was set to */
    struct thread *held;   /* see sched_hold */
    uint64_t switch_ticks; /* when the current thread or idling began, TSC */
    uint64_t idle_ticks, switches;
    struct list queues[PRIORITIES];
};

/* Before anything is queued on that CPU, which may be as soon as it counts in cpu_count. */
void sched_init(struct cpu *cpu);
/* Blocked or stopped -> READY. May make a CPU reschedule. */
void sched_wake(struct thread *thread);
/* The same, preferring this CPU: its caller is about to block or has just been answered. */
void sched_wake_here(struct thread *thread);
/* The current thread blocks; another is chosen at the exit from the kernel. */
void sched_block(struct thread *thread, enum thread_state state);
/* READY or RUNNING -> `state`, wherever it is; on return it executes nowhere. */
void sched_stop(struct thread *thread, enum thread_state state);
/* The CPU's current thread was ended or taken away: keeps it in being until another is chosen. */
void sched_hold(struct cpu *cpu, struct thread *thread);
void sched_set_priority(struct thread *thread, uint32_t effective);
void sched_rotate(struct thread *thread);
/* Whether a CPU of the mask is there: a thread without one could never be placed. */
bool sched_mask_valid(uint32_t mask);
/* The thread's affinity changed: it leaves a CPU that it may not run on any more. */
void sched_migrate(struct thread *thread);
/* `resume` of a thread was set: the CPU that runs it, if one does, looks at it now. */
void sched_look(const struct thread *thread);
/* Last thing of every entry into the kernel: makes the CPU's current thread the right one and does
 * its pending work in its own address space. */
void sched_exit(void);
/* Sets this CPU's timer to the next deadline. */
void sched_reprogram(void);

/* Fast paths of CALL and COMMIT_RECEIVE: the context from which the exit loads the message for the
 * thread that is current now. NULL: nothing was done, use the general code. */
struct arch_context *fast_call(struct thread *thread);
struct arch_context *fast_commit_receive(struct thread *thread);

/* Whether the thread's affinity allows the CPU. */
static inline bool sched_allowed(const struct thread *thread, const struct cpu *cpu) {
    return (thread->affinity & cpu->affinity) != 0;
}

static inline struct cpu *cpu_here(void) {
    return cpu_self();
}

/* Work for the thread to do before it runs on; the exit looks at it when it looks at `choose`. */
static inline void thread_set_resume(struct thread *thread, enum thread_resume resume) {
    thread->resume = (uint8_t)resume;
    cpu_here()->choose = true;
}

/* The time since the last switch goes to `ticks`: of the task that ran, or of idling. */
static inline void sched_account(struct cpu *cpu, uint64_t *ticks) {
    uint64_t now = rdtsc();
    uint64_t elapsed = now - cpu->switch_ticks;
    cpu->switch_ticks = now;
    *ticks += elapsed;
}
