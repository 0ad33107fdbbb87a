/* SPDX-License-Identifier: MIT
 * Scheduler. Invariants: a thread is in a queue of CPU thread->cpu iff READY; it is RUNNING iff it
 * is arch.current of CPU thread->cpu; both only where its affinity allows; `choose` is set whenever
 * a CPU's current may be the wrong one.
 */
#include <arch/hooks.h>
#include <arch/switch.h>
#include <arch/timer.h>
#include <debug.h>
#include <sched.h>
#include <trace.h>

const size_t cpu_struct_size = sizeof(struct cpu);

struct counters counters;

void sched_init(struct cpu *cpu) {
    for (unsigned i = 0; i < PRIORITIES; i++) {
        list_init(&cpu->queues[i]);
    }
    cpu->affinity = cpu->arch.id < 32 ? 1u << cpu->arch.id : ~0u;
    cpu->programmed = TIMER_NEVER;
    cpu->switch_ticks = rdtsc();
    cpu->choose = true;
}

static struct thread *entry_thread(struct list *link) {
    return LIST_ENTRY(link, struct thread, run_link);
}

static void enqueue(struct cpu *cpu, struct thread *thread, bool front) {
    struct list *queue = &cpu->queues[thread->effective];
    if (front) {
        list_push_front(queue, &thread->run_link);
    } else {
        list_push_back(queue, &thread->run_link);
    }
    cpu->ready |= 1u << thread->effective;
    thread->cpu = cpu->arch.id;
    thread->state = THREAD_READY;
}

static void dequeue(struct thread *thread) {
    struct cpu *cpu = cpu_table[thread->cpu];
    list_remove(&thread->run_link);
    if (list_empty(&cpu->queues[thread->effective])) {
        cpu->ready &= ~(1u << thread->effective);
    }
}

static int top_of(const struct cpu *cpu) {
    return cpu->ready == 0 ? -1 : 31 - __builtin_clz(cpu->ready);
}

static int current_priority(const struct cpu *cpu) {
    const struct thread *current = cpu->arch.current;
    return current != NULL && current->state == THREAD_RUNNING ? current->effective : -1;
}

static int busy_priority(const struct cpu *cpu) {
    int priority = current_priority(cpu), top = top_of(cpu);
    return top > priority ? top : priority;
}

bool sched_mask_valid(uint32_t mask) {
    return cpu_count >= 32 ? mask != 0 : (mask & ((1u << cpu_count) - 1)) != 0;
}

/* Where a woken thread goes: a CPU that it may run on at once if there is one. */
static struct cpu *place(const struct thread *thread) {
    if (cpu_count == 1) {
        return cpu_here();
    }
    struct cpu *home = cpu_table[thread->cpu];
    if (!sched_allowed(thread, home)) {
        home = NULL;
    }
    if (home != NULL && busy_priority(home) < thread->effective) {
        return home;
    }
    struct cpu *best = home;
    for (uint32_t id = 0; id < cpu_count; id++) {
        struct cpu *cpu = cpu_table[id];
        if (sched_allowed(thread, cpu) &&
            (best == NULL || busy_priority(cpu) < busy_priority(best))) {
            best = cpu;
        }
    }
    ASSERT(best != NULL); /* sched_mask_valid */
    return home != NULL && busy_priority(best) >= thread->effective ? home : best;
}

/* Makes the CPU choose again. */
static void look(struct cpu *cpu) {
    if (!cpu->choose) {
        cpu->choose = true;
        if (cpu != cpu_here()) {
            arch_send_reschedule(cpu->arch.id);
        }
    }
}

/* The thread was queued on `cpu`: should that CPU look? */
static void notice(struct cpu *cpu, const struct thread *thread) {
    int priority = current_priority(cpu);
    if (priority < thread->effective) {
        look(cpu);
    } else if (priority == thread->effective && cpu->slice_end == 0) {
        cpu->slice_end = time_now() + SLICE_NS; /* it has a rival now */
        if (cpu == cpu_here()) {
            sched_reprogram();
        } else {
            arch_send_reschedule(cpu->arch.id);
        }
    }
}

void sched_wake(struct thread *thread) {
    struct cpu *cpu = place(thread);
    enqueue(cpu, thread, false);
    notice(cpu, thread);
}

void sched_wake_here(struct thread *thread) {
    thread->cpu = cpu_here()->arch.id;
    sched_wake(thread);
}

void sched_block(struct thread *thread, enum thread_state state) {
    DEBUG_ASSERT(thread == cpu_current());
    thread->state = (uint8_t)state;
    cpu_here()->choose = true;
}

void sched_hold(struct cpu *cpu, struct thread *thread) {
    if (cpu->held == NULL) {
        object_get(&thread->object);
        cpu->held = thread;
    }
}

void sched_stop(struct thread *thread, enum thread_state state) {
    if (thread->state == THREAD_READY) {
        dequeue(thread);
    } else if (thread->state == THREAD_RUNNING) {
        struct cpu *cpu = cpu_table[thread->cpu];
        sched_account(cpu, &thread->task->cpu_ticks); /* before its turn counts anew */
        cpu->choose = true;
        if (cpu != cpu_here()) {
            arch_stop_cpu(thread->cpu);
            cpu->arch.resched_forced = 1;
            sched_hold(cpu, thread);
        }
    }
    thread->state = (uint8_t)state;
}

void sched_set_priority(struct thread *thread, uint32_t effective) {
    struct cpu *cpu = cpu_table[thread->cpu];
    if (thread->effective == effective) {
        return;
    }
    if (thread->state == THREAD_READY) {
        dequeue(thread);
        thread->effective = (uint8_t)effective;
        enqueue(cpu, thread, false);
        notice(cpu, thread);
        return;
    }
    thread->effective = (uint8_t)effective;
    if (thread->state == THREAD_RUNNING && top_of(cpu) > (int)effective) {
        look(cpu);
    }
}

void sched_rotate(struct thread *thread) {
    struct cpu *cpu = cpu_here();
    if (top_of(cpu) >= (int)thread->effective) {
        enqueue(cpu, thread, false);
        cpu->choose = true;
    }
}

void sched_look(const struct thread *thread) {
    if (thread->state == THREAD_RUNNING) {
        look(cpu_table[thread->cpu]);
    }
}

void sched_migrate(struct thread *thread) {
    if (!sched_allowed(thread, cpu_table[thread->cpu]) &&
        (thread->state == THREAD_READY || thread->state == THREAD_RUNNING)) {
        sched_stop(thread, THREAD_NEW);
        sched_wake(thread);
    }
}

/* Highest-priority thread queued elsewhere that may run here. */
static struct thread *steal(const struct cpu *thief) {
    struct thread *best = NULL;
    for (uint32_t id = 0; id < cpu_count; id++) {
        struct cpu *cpu = cpu_table[id];
        for (int priority = top_of(cpu); priority > (best == NULL ? -1 : best->effective);
             priority--) {
            LIST_FOR_EACH(link, &cpu->queues[priority]) {
                if (sched_allowed(entry_thread(link), thief)) {
                    best = entry_thread(link);
                    break;
                }
            }
        }
    }
    return best;
}

static void choose(struct cpu *cpu, struct thread *old, bool keep_old) {
    cpu->choose = false;
    struct thread *next = NULL;
    int top = top_of(cpu);
    if (keep_old) {
        if (top <= (int)old->effective) {
            return;
        }
        enqueue(cpu, old, true);
    }
    if (top >= 0) {
        next = entry_thread(cpu->queues[top].next);
    } else if (cpu_count > 1) {
        next = steal(cpu);
    }
    uint64_t now = time_now();
    sched_account(cpu, old != NULL ? &old->task->cpu_ticks : &cpu->idle_ticks);
    cpu->slice_end = 0;
    if (next != NULL) {
        dequeue(next);
        next->state = THREAD_RUNNING;
        next->cpu = cpu->arch.id;
        next->task->switches++;
        cpu->switches++;
        if (!list_empty(&cpu->queues[next->effective])) {
            cpu->slice_end = now + SLICE_NS;
        }
        arch_space_switch(&cpu->arch, &next->task->space);
    } else if (cpu_count > 1) {
        arch_space_switch(&cpu->arch, &kernel_space); /* an idle CPU is not asked to shoot down */
    }
    arch_thread_switch(&cpu->arch, next);
    note_switch(old, next);
    struct thread *held = cpu->held;
    if (UNLIKELY(held != NULL)) {
        cpu->held = NULL;
        object_put(&held->object);
    }
    if (cpu->slice_end != 0 || next == NULL || cpu->programmed < now) {
        sched_reprogram();
    }
}

void sched_reprogram(void) {
    struct cpu *cpu = cpu_here();
    uint64_t deadline = timer_next();
    if (cpu->slice_end != 0 && cpu->slice_end < deadline) {
        deadline = cpu->slice_end;
    }
    if (deadline != cpu->programmed) {
        cpu->programmed = deadline;
        timer_program(deadline);
    }
}

void sched_exit(void) {
    struct cpu *cpu = cpu_here();
    for (;;) {
        struct thread *current = cpu->arch.current;
        if (cpu->choose) {
            bool keep =
                current != NULL && current->state == THREAD_RUNNING && current->cpu == cpu->arch.id;
            choose(cpu, current, keep);
            current = cpu->arch.current;
        }
        if (LIKELY(current == NULL || current->resume == RESUME_NONE)) {
            return;
        }
        thread_resume_work(current);
    }
}

/* ---- hooks of the architecture -------------------------------------------------------------- */

void timer_interrupt(void) {
    struct cpu *cpu = cpu_here();
    uint64_t now = time_now();
    cpu->programmed = TIMER_NEVER;
    struct thread *current = cpu->arch.current;
    sched_account(cpu, current != NULL ? &current->task->cpu_ticks : &cpu->idle_ticks);
    timer_run(now);
    current = cpu->arch.current;
    if (cpu->slice_end != 0 && now >= cpu->slice_end && current != NULL &&
        current->state == THREAD_RUNNING) {
        cpu->slice_end = 0;
        sched_rotate(current);
    }
    sched_reprogram();
    sched_exit();
}

void reschedule_interrupt(void) {
    sched_reprogram();
    sched_exit();
}

void schedule_forced(void) {
    struct cpu *cpu = cpu_here();
    cpu->arch.resched_forced = 0;
    choose(cpu, cpu->arch.current, false);
    sched_exit();
}
