/* SPDX-License-Identifier: MIT
 * Upcalls. `foreign_active` says that the thread is inside its upcall handler; a foreign system
 * call or fault there is the handler's own and goes to the supervisor.
 */
#include <arch/hooks.h>
#include <arch/user_copy.h>
#include <foreign.h>
#include <sched.h>

static bool upcall(struct thread *thread, struct upcall_page *page) {
    struct arch_context *c = &thread->context;
    page->rax = c->rax, page->rbx = c->rbx, page->rcx = c->rcx, page->rdx = c->rdx;
    page->rsi = c->rsi, page->rdi = c->rdi, page->rbp = c->rbp, page->rsp = c->rsp;
    page->r8 = c->r8, page->r9 = c->r9, page->r10 = c->r10, page->r11 = c->r11;
    page->r12 = c->r12, page->r13 = c->r13, page->r14 = c->r14, page->r15 = c->r15;
    page->rip = c->rip, page->rflags = c->rflags;
    page->fs_base = c->fs_base, page->gs_base = c->gs_base;
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
    sched_exit();
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

status_t foreign_return(struct thread *thread) {
    struct upcall_page page;
    struct arch_context *c = &thread->context;
    if (!thread->foreign_active) {
        return E_STATE;
    }
    status_t status = copy_from_user(&page, thread->upcall_page, sizeof(page));
    if (status == OK) {
        status = context_set_bases(c, page.fs_base, page.gs_base);
    }
    if (status != OK) {
        return status;
    }
    c->rax = page.rax, c->rbx = page.rbx, c->rcx = page.rcx, c->rdx = page.rdx;
    c->rsi = page.rsi, c->rdi = page.rdi, c->rbp = page.rbp, c->rsp = page.rsp;
    c->r8 = page.r8, c->r9 = page.r9, c->r10 = page.r10, c->r11 = page.r11;
    c->r12 = page.r12, c->r13 = page.r13, c->r14 = page.r14, c->r15 = page.r15;
    context_set_ip(c, page.rip);
    context_set_flags(c, page.rflags);
    context_keep_all(c);
    thread->foreign_active = false;
    foreign_interrupt(thread);
    return OK;
}
