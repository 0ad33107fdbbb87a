/* SPDX-License-Identifier: MIT
 * What entry.asm calls for exceptions and interrupts.
 */
#include "machine.h"
#include "panic.h"

#include <arch/hooks.h>

extern const char user_copy[], user_copy_end[], user_copy_fault[];

static void exception_user(uint32_t vector, uint64_t error, uint64_t address) {
    struct thread *thread = cpu_current();
    if (vector == VECTOR_PAGE_FAULT) {
        page_fault_handle(thread, address, error);
    } else if (vector != VECTOR_NO_FPU || !fpu_first_use(thread)) {
        exception_handle(thread, vector, error);
    }
}

/* From user mode or idle, lock held; error and address (CR2) count only for exceptions. */
void trap_user(uint32_t vector, uint64_t error, uint64_t address) {
    if (vector < VECTOR_FIRST_INTERRUPT) {
        exception_user(vector, error, address);
        return;
    }
    struct arch_cpu *cpu = arch_cpu_self();
    cpu->count_interrupt++;
    if (vector == VECTOR_TIMER) {
        apic_eoi();
        timer_interrupt();
    } else if (vector == VECTOR_ENTER) { /* what else it is for happened on the way here */
        cpu->count_ipi++;
        apic_eoi();
        reschedule_interrupt();
    } else {
        irq_interrupt(vector);
    }
}

static bool user_copy_fixup(struct exception_frame *frame, uint64_t address) {
    if (frame->rip < (uintptr_t)user_copy || frame->rip >= (uintptr_t)user_copy_end) {
        return false;
    }
    bool user = address >= USER_LOWEST && address < USER_HIGHEST;
    if (!user || !vm_fault(address, (frame->error & PAGE_FAULT_WRITE) != 0)) {
        frame->rip = (uintptr_t)user_copy_fault;
    }
    return true;
}

/* In the kernel. NMI, machine check and double fault may interrupt anything, at any time and with
 * or without the lock, so these touch nothing that it protects. */
void trap_kernel(struct exception_frame *frame, uint64_t address) {
    if (frame->vector == VECTOR_NMI) { /* a stray one: nothing to do */
        if (panicking) {
            cpu_halt();
        }
    } else if (frame->vector == VECTOR_DEBUG) {
        /* A user's single step that a mov to ss delayed into the kernel's first instruction. */
        __asm__ volatile("mov %0, %%dr6" ::"r"(0ull));
        frame->rflags &= ~0x100ull;
    } else if (frame->vector != VECTOR_PAGE_FAULT || !user_copy_fixup(frame, address)) {
        panic_exception(frame, address);
    }
}
