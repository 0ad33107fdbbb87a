/* SPDX-License-Identifier: MIT
 * Foreign threads: system calls, faults and interrupts of program code re-enter ring 3 at the
 * thread's upcall entry, with the program's registers in its upcall page. `foreign_active` says
 * that the thread is inside its upcall handler; a foreign system call or fault there is the
 * handler's own and goes to the supervisor.
 */
#include <arch/hooks.h>
#include <common/string.h>
#include <sched.h>
#include <syscall.h>

/* The registers of an upcall page are those of a context, in the same order. */
#define REGISTERS offsetof(struct upcall_page, reason)
_Static_assert(REGISTERS == offsetof(struct arch_context, fpu), "same registers");

static bool upcall(struct thread *thread, struct upcall_page *page) {
    struct arch_context *c = &thread->context;
    memcpy(page, c, REGISTERS);
    if (copy_to_user(thread->upcall_page, page, sizeof(*page)) != OK) {
        return false;
    }
    thread->foreign_active = true;
    context_set_ip(c, thread->upcall_entry);
    c->rdi = thread->upcall_page;
    return true;
}

void foreign_call(struct thread *thread) {
    struct upcall_page page = {.reason = UPCALL_SYSCALL};
    if (thread->upcall_entry == 0 || thread->foreign_active || !upcall(thread, &page)) {
        fault_send(thread, FAULT_LABEL_FAULT, FAULT_VECTOR_FOREIGN, thread->context.rax, 0);
    }
}

void foreign_fault(struct thread *thread, uint64_t vector, uint64_t error, uint64_t address) {
    struct upcall_page page = {
        .reason = UPCALL_FAULT, .vector = vector, .error = error, .address = address};
    if (thread->upcall_entry == 0 || thread->foreign_active || !upcall(thread, &page)) {
        fault_send(thread, FAULT_LABEL_FAULT, vector, error, address);
    }
}

void foreign_interrupt(struct thread *thread) {
    struct upcall_page page = {.reason = UPCALL_INTERRUPT};
    if (thread->upcall_entry != 0 && !thread->foreign_active && thread->interrupted) {
        thread->interrupted = false;
        if (!upcall(thread, &page)) {
            fault_send(thread, FAULT_LABEL_FAULT, 14, 6, thread->upcall_page);
        }
    }
}

int64_t sys_upcall_return(struct thread *thread) {
    struct upcall_page page;
    struct arch_context *c = &thread->context;
    if (!thread->foreign_active) {
        return E_STATE;
    }
    TRY(copy_from_user(&page, thread->upcall_page, sizeof(page)));
    TRY(context_set_bases(c, page.fs_base, page.gs_base));
    memcpy(c, &page, REGISTERS);
    context_set_ip(c, page.rip);
    context_set_flags(c, page.rflags);
    context_keep_all(c);
    thread->foreign_active = false;
    foreign_interrupt(thread);
    return SYSCALL_NO_RESULT;
}
