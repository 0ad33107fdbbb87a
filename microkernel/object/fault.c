/* SPDX-License-Identifier: MIT
 * Faults and exits become calls to the task's supervisor. The kernel itself is init's supervisor.
 */
#include <arch/hooks.h>
#include <arch/timer.h>
#include <common/string.h>
#include <counters.h>
#include <debug.h>
#include <foreign.h>
#include <sched.h>
#include <task.h>

static void describe(const struct thread *thread, struct fault_message *out, uint64_t vector,
                     uint64_t error, uint64_t address) {
    const struct arch_context *c = &thread->context;
    const struct task *task = thread->task;
    const struct turn *turn = &task->turn;
    *out = (struct fault_message){
        .task = task->object.id,
        .vector = vector,
        .error = error,
        .address = address,
        .rip = c->rip,
        .rsp = c->rsp,
        .rflags = c->rflags,
        .rax = c->rax,
        .rbx = c->rbx,
        .rcx = c->rcx,
        .rdx = c->rdx,
        .rsi = c->rsi,
        .rdi = c->rdi,
        .rbp = c->rbp,
        .r8 = c->r8,
        .r9 = c->r9,
        .r10 = c->r10,
        .r11 = c->r11,
        .r12 = c->r12,
        .r13 = c->r13,
        .r14 = c->r14,
        .r15 = c->r15,
        .event = turn->kind,
        .incarnation = task->incarnation,
    };
    if (turn->kind == EVENT_NOTIFY) {
        out->badge = turn->bits;
    } else if (turn->kind == EVENT_CLOSED) {
        out->badge = turn->session->badge;
    } else if (turn->kind == EVENT_REPLY) {
        out->badge = turn->call->cookie;
    } else if (turn->call != NULL) {
        out->badge = turn->call->session->badge;
        out->token = call_token(turn->call);
        out->attempt = turn->call->attempt;
        out->label = TAG_LABEL(turn->call->request.tag);
    }
}

/* init has nobody above it: its turn is rolled back; if the same turn faults again and again, its
 * event is dropped, then its state. */
static void restart_init(struct thread *thread) {
    static uint64_t last_commits;
    static unsigned streak;
    struct task *task = thread->task;
    streak = task->commits == last_commits ? streak + 1 : 0;
    last_commits = task->commits;
    if (streak > 8) {
        panic("init faults at every start");
    }
    task_reset(task, NULL,
               streak >= 6   ? RESET_COLD | RESET_DROP
               : streak >= 3 ? RESET_POISON | RESET_DROP
                             : 0,
               NULL);
}

status_t fault_slot(struct thread *thread, struct call **out) {
    if (thread->call == NULL) {
        status_t status = call_create(thread->task->account, &thread->call);
        if (status != OK) {
            return status;
        }
    }
    ASSERT(thread->call->thread == NULL);
    *out = thread->call;
    return OK;
}

status_t fault_call(struct thread *thread, struct session *session, uint64_t tag) {
    struct call *call = thread->call;
    call_rename(call);
    call->request.tag = tag;
    call->priority = thread->effective;
    call->kind = CALL_KERNEL;
    call->thread = thread;
    call->caller = thread->task;
    status_t status = call_send(call, session);
    if (status != OK) {
        call->thread = NULL;
        call->kind = CALL_PLAIN;
    }
    return status;
}

static status_t send(struct thread *thread, uint32_t label, const struct fault_message *message) {
    struct call *call;
    if (thread->task->supervisor == NULL) {
        return E_NOT_FOUND;
    }
    status_t status = fault_slot(thread, &call);
    if (status != OK) {
        return status;
    }
    memcpy(call->request.words, message, sizeof(*message));
    return fault_call(thread, thread->task->supervisor, TAG(label, sizeof(*message) / 8, 0, 0));
}

void fault_send(struct thread *thread, uint32_t label, uint64_t vector, uint64_t error,
                uint64_t address) {
    struct task *task = thread->task;
    struct fault_message message;
    describe(thread, &message, vector, error, address);
    sched_stop(thread, THREAD_FAULTED);
    if (label == FAULT_LABEL_EXIT) {
        kernel_log("%s: exited with code %ld", task->name, (long)error);
    } else {
        counters.faults++;
        kernel_log("%s: exception %lu error %lx address %lx rip %lx rsp %lx", task->name,
                   (unsigned long)vector, (unsigned long)error, (unsigned long)address,
                   (unsigned long)message.rip, (unsigned long)message.rsp);
    }
    if (task == task_init) {
        restart_init(thread);
    } else if (send(thread, label, &message) != OK) {
        task_kill(task, label == FAULT_LABEL_EXIT ? (int32_t)error : -(int32_t)vector);
    }
}

void fault_answered(struct thread *thread, status_t transport) {
    struct call *call = thread->call;
    call->thread = NULL;
    call->kind = CALL_PLAIN;
    call->state = CALL_IDLE;
    if (call->page_memory != NULL) {
        object_put(&call->page_memory->object);
        call->page_memory = NULL;
        if (transport != OK || TAG_LABEL(call->reply.tag) != FAULT_RESUME) {
            fault_send(thread, FAULT_LABEL_FAULT, 14, 4, call->request.words[1]);
            return;
        }
    }
    if (transport != OK) {
        task_kill(thread->task, transport); /* the supervisor is gone for good */
        return;
    }
    if (TAG_LABEL(call->reply.tag) == FAULT_RESUME && thread->state == THREAD_FAULTED) {
        if (TAG_WORDS(call->reply.tag) >= 2 && call->reply.words[0] != 0) {
            context_set_ip(&thread->context, call->reply.words[0]);
            thread->context.rsp = call->reply.words[1];
        }
        context_keep_all(&thread->context);
        sched_wake(thread);
    }
}

/* ---- hooks of the architecture -------------------------------------------------------------- */

bool vm_fault(uint64_t address, bool write) {
    struct thread *thread = cpu_current();
    return thread != NULL && memory_fault(thread->task, address, write, false) == OK;
}

void page_fault_handle(struct thread *thread, uint64_t address, uint64_t error) {
    status_t status = (error & PAGE_FAULT_RESERVED) != 0
                          ? E_FAULT
                          : memory_fault(thread->task, address, (error & PAGE_FAULT_WRITE) != 0,
                                         (error & PAGE_FAULT_EXECUTE) != 0);
    if (status == E_WOULD_BLOCK) {
        status = pager_request(thread, address, (error & PAGE_FAULT_WRITE) != 0);
    }
    if (status != OK) {
        foreign_fault(thread, status == E_QUOTA ? FAULT_VECTOR_QUOTA : 14, error, address);
    }
    sched_exit();
}

void exception_handle(struct thread *thread, uint32_t vector, uint64_t error) {
    foreign_fault(thread, vector, error, 0);
    sched_exit();
}

const char *thread_describe(const struct thread *thread) {
    return thread->task->name;
}
