/* SPDX-License-Identifier: MIT
 * Faults and exits become calls to the task's supervisor, touches of absent pages of paged memory
 * calls to its pager: in the name of the thread, which waits. The kernel itself is init's
 * supervisor.
 */
#include <arch/hooks.h>
#include <common/string.h>
#include <debug.h>
#include <sched.h>
#include <trace.h>

/* The general registers of a fault message are those of a context, in the same order. */
#define REGISTERS offsetof(struct arch_context, fs_base)
_Static_assert(REGISTERS ==
                   offsetof(struct fault_message, event) - offsetof(struct fault_message, rax),
               "same registers");

static void describe(const struct thread *thread, struct fault_message *out, uint64_t vector,
                     uint64_t error, uint64_t address) {
    const struct task *task = thread->task;
    const struct turn *turn = &task->turn;
    *out = (struct fault_message){
        .task = task->object.id,
        .vector = vector,
        .error = error,
        .address = address,
        .event = turn->kind,
        .badge = turn_badge(turn),
        .incarnation = task->incarnation,
    };
    memcpy(&out->rax, &thread->context, REGISTERS);
    if (turn->call != NULL && turn->kind != EVENT_REPLY) {
        out->token = call_token(turn->call);
        out->attempt = turn->call->attempt;
        out->label = TAG_LABEL(turn->call->request.tag);
    }
}

/* init has nobody above it: its turn is rolled back; if it faults again and again before it has
 * ended a turn, or at the same place in its first one or in the same call, its event is dropped and
 * then its state; a death that it is told of is given to a new state first. */
static void restart_init(struct thread *thread, const struct fault_message *fault) {
    static uint64_t last_commits, last_place, last_token;
    static unsigned streak;
    static const uint32_t ladder[2][3] = {{0, RESET_POISON | RESET_DROP, RESET_STATE | RESET_DROP},
                                          {0, RESET_STATE, RESET_STATE | RESET_POISON}};
    struct task *task = thread->task;
    uint64_t ended = task->commits - last_commits;
    bool again = ended == 1 || (fault->token != TOKEN_NONE && fault->token == last_token);
    streak = ended == 0 || (fault->rip == last_place && again) ? streak + 1 : 1;
    last_commits = task->commits;
    last_place = fault->rip;
    last_token = fault->token;
    if (streak > 8) {
        panic("init faults at every start");
    }
    bool death = task->turn.kind == EVENT_CALL && task->turn.call->kind == CALL_KERNEL;
    task_reset(task, NULL, ladder[death][streak / 3], NULL);
    task->exit_code = fault->vector == 0 ? (int32_t)fault->error : -(int32_t)fault->vector;
}

/* Sends `count` words of the kernel in the name of the thread, which is stopped until they are
 * answered. */
static status_t fault_call(struct thread *thread, struct session *session, uint32_t label,
                           const void *words, uint32_t count) {
    if (session == NULL) {
        return E_NOT_FOUND;
    }
    if (thread->call == NULL) {
        TRY(call_create(thread->task->account, &thread->call));
    }
    struct call *call = thread->call;
    ASSERT(call->thread == NULL);
    call->sequence++;
    call->request.tag = TAG(label, count, 0, 0);
    memcpy(call->request.words, words, count * sizeof(uint64_t));
    call->priority = thread->effective;
    call->caller = thread->task;
    TRY(call_send(call, session));
    call->kind = CALL_KERNEL;
    call->thread = thread;
    sched_stop(thread, label == FAULT_LABEL_PAGE ? THREAD_PAGING : THREAD_FAULTED);
    return OK;
}

void fault_send(struct thread *thread, uint32_t label, uint64_t vector, uint64_t error,
                uint64_t address) {
    struct task *task = thread->task;
    struct fault_message message;
    describe(thread, &message, vector, error, address);
    if (label == FAULT_LABEL_EXIT) {
        kernel_log("%s: exited with code %ld", task->name, (long)error);
    } else {
        note_fault(thread, vector, address);
        kernel_log("%s: exception %lu error %lx address %lx rip %lx rsp %lx", task->name,
                   (unsigned long)vector, (unsigned long)error, (unsigned long)address,
                   (unsigned long)message.rip, (unsigned long)message.rsp);
    }
    if (task == task_init) {
        restart_init(thread, &message);
    } else if (fault_call(thread, task->supervisor, label, &message, sizeof(message) / 8) != OK) {
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
    bool stands = thread->state == THREAD_FAULTED || thread->state == THREAD_PAGING;
    if (TAG_LABEL(call->reply.tag) == FAULT_RESUME && stands) {
        if (TAG_WORDS(call->reply.tag) >= 2 && call->reply.words[0] != 0) {
            context_set_ip(&thread->context, call->reply.words[0]);
            thread->context.rsp = call->reply.words[1];
        }
        context_keep_all(&thread->context);
        sched_wake(thread);
    }
}

/* ---- paged memory ---------------------------------------------------------------------------- */

/* Asks the pager for the page at `address`. E_FAULT: there is none; E_QUOTA, E_CLOSED. */
static status_t pager_request(struct thread *thread, uint64_t address, bool write) {
    const struct mapping *mapping = mapping_find(thread->task, address);
    struct memory *memory = mapping->memory;
    uint64_t offset = (mapping->offset + (address - mapping->address)) & ~(PAGE_SIZE - 1);
    struct page_message message = {memory->object.id, offset, write};
    TRY(fault_call(thread, memory->pager, FAULT_LABEL_PAGE, &message, sizeof(message) / 8));
    thread->call->page_memory = memory;
    thread->call->page_index = offset / PAGE_SIZE;
    object_get(&memory->object);
    return OK;
}

void pager_supply(struct call *call, struct memory *source, uint64_t index) {
    struct memory *memory = call->page_memory;
    if (memory_page_peek(memory, call->page_index) == 0) {
        phys_t frame = frame_alloc();
        memcpy(phys_to_virt(frame), frame_bytes(memory_page_peek(source, index)), PAGE_SIZE);
        memory_page_set(memory, call->page_index, frame); /* MEMORY_SUPPLY made the table */
    } else { /* two threads touched it; the first answer counts */
        account_release(memory->object.account, PAGE_SIZE);
    }
    call->reply.tag = TAG(FAULT_RESUME, 0, 0, 0);
    call_finish(call, OK);
}

/* ---- hooks of the architecture -------------------------------------------------------------- */

bool vm_fault(uint64_t address, bool write) {
    struct thread *thread = cpu_current();
    return thread != NULL && memory_fault(thread->task, address, write, false) == OK;
}

void page_fault_handle(struct thread *thread, uint64_t address, uint64_t error) {
    note_page_fault(thread, address, error);
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
