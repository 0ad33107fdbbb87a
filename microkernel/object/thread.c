/* SPDX-License-Identifier: MIT
 * Threads: creation, end, and taking them out of whatever they wait for.
 */
#include <arch/hooks.h>
#include <arch/switch.h>
#include <arch/timer.h>
#include <sched.h>
#include <task.h>

static void sleep_over(struct timer_node *node) {
    struct thread *thread = LIST_ENTRY(node, struct thread, timer);
    if (thread->state == THREAD_CALLING) {
        thread->call->timed_out = true;
        call_cancel(thread->call, E_TIMEOUT);
    } else {
        thread_release(thread, thread->state == THREAD_SLEEPING ? OK : E_TIMEOUT);
    }
}

status_t thread_create(struct task *task, uint64_t entry, uint64_t stack, uint64_t argument,
                       uint64_t buffer, uint32_t priority, struct thread **out) {
    struct thread *thread = kmem_alloc(task->account, sizeof(*thread));
    if (thread == NULL) {
        return E_QUOTA;
    }
    object_init(&thread->object, OBJECT_THREAD, sizeof(*thread), task->account);
    thread->context.fpu_cpu = ~0u;
    context_init(&thread->context, entry, stack, argument);
    thread->task = task;
    object_get(&task->object);
    thread->state = THREAD_NEW;
    thread->priority = thread->effective = (uint8_t)priority;
    thread->affinity = ~0u;
    thread->message_buffer = buffer;
    thread->timer.expired = sleep_over;
    list_init(&thread->run_link);
    list_init(&thread->futex_link);
    list_push_back(&task->threads, &thread->task_link); /* the list's reference */
    task->thread_count++;
    *out = thread;
    return OK;
}

void thread_destroy(struct object *object) {
    struct thread *thread = thread_of(object);
    void *area = thread->context.fpu;
    if (area != NULL) {
        arch_fpu_reset(&thread->context, false);
        kmem_free(object->account, area, arch_fpu_area_size());
    }
    object_put(&thread->task->object);
}

void *thread_fpu_area_alloc(struct thread *thread) {
    return kmem_alloc(thread->task->account, arch_fpu_area_size());
}

void thread_detach(struct thread *thread) {
    if (thread->state == THREAD_READY || thread->state == THREAD_RUNNING) {
        sched_stop(thread, THREAD_NEW);
    }
    if (thread->task->receiver == thread) {
        thread->task->receiver = NULL;
    }
    if (thread->waiting != NULL) {
        thread->waiting->waiter = NULL;
        object_put(&thread->waiting->object);
        thread->waiting = NULL;
    }
    futex_forget(thread);
    timer_disarm(&thread->timer);
}

status_t thread_wait(struct thread *thread, enum thread_state state, uint64_t deadline) {
    if (deadline <= time_now()) {
        return E_TIMEOUT;
    }
    TRY(thread_take_interrupt(thread));
    if (deadline != TIMER_NEVER) {
        timer_arm(&thread->timer, deadline);
    }
    sched_block(thread, state);
    return OK;
}

void thread_release(struct thread *thread, status_t status) {
    thread_detach(thread);
    context_set_status(&thread->context, status);
    sched_wake(thread);
}

void thread_abandon_call(struct thread *thread) {
    struct call *call = thread->call;
    thread->call = NULL; /* a new one is made when it is needed */
    if (call != NULL) {
        call_abandon(call); /* last: it may end the task */
    }
}

void thread_kill(struct thread *thread) {
    if (thread->state == THREAD_DEAD) {
        return;
    }
    struct task *task = thread->task;
    if (thread == cpu_current()) {
        sched_hold(cpu_here(), thread); /* the way out of the kernel still looks at it */
    }
    thread_detach(thread);
    thread->state = THREAD_DEAD;
    thread_abandon_call(thread);
    thread->resume = RESUME_NONE;
    if (task->worker == thread) {
        task->worker = NULL;
    }
    if (task->main == thread) {
        task->main = NULL;
    }
    list_remove(&thread->task_link);
    task->thread_count--;
    object_put(&thread->object);
}

void thread_interrupt(struct thread *thread) {
    thread->interrupted = true;
    if (thread->state == THREAD_CALLING) {
        /* A handler must learn of it also when the answer is no E_CANCELLED. */
        thread->interrupted = thread->upcall_entry != 0;
        call_cancel(thread->call, E_INTR);
    } else if (thread->state == THREAD_WAITING || thread->state == THREAD_SLEEPING) {
        thread->interrupted = false;
        thread_release(thread, E_INTR);
    } else if ((thread->state == THREAD_READY || thread->state == THREAD_RUNNING) &&
               thread->upcall_entry != 0 && !thread->foreign_active &&
               thread->resume == RESUME_NONE) {
        thread->resume = RESUME_INTERRUPT;
        sched_look(thread);
    }
}
