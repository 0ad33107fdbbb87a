/* SPDX-License-Identifier: MIT
 * What entry.asm calls for exceptions and interrupts. Lock held but in exception_paranoid, which
 * may interrupt anything and therefore touches nothing.
 */
#include "trap.h"

#include <arch/hooks.h>
#include <arch/panic.h>
#include <debug.h>

#include "machine.h"

extern const char user_copy[], user_copy_end[], user_copy_fault[];

void exception_user(uint32_t vector, uint64_t error, uint64_t address) {
    struct thread *thread = cpu_current();
    switch (vector) {
    case VECTOR_PAGE_FAULT:
        page_fault_handle(thread, address, error);
        break;
    case VECTOR_NO_FPU:
        if (!fpu_first_use(thread)) {
            exception_handle(thread, vector, error);
        }
        break;
    default:
        exception_handle(thread, vector, error);
        break;
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

void exception_kernel(struct exception_frame *frame, uint64_t address) {
    if (frame->vector == VECTOR_PAGE_FAULT && user_copy_fixup(frame, address)) {
        return;
    }
    panic_exception(frame, address);
}

void exception_paranoid(struct exception_frame *frame, uint64_t address) {
    switch (frame->vector) {
    case VECTOR_NMI:
        if (panicking) {
            cpu_halt();
        }
        arch_cpu_self()->count_interrupt++; /* a stray one: nothing to do */
        break;
    case VECTOR_DEBUG:
        /* A user's single step that a mov to ss delayed into the kernel's first instruction. */
        __asm__ volatile("mov %0, %%dr6" ::"r"(0ull));
        frame->rflags &= ~0x100ull;
        break;
    default:
        panic_exception(frame, address);
    }
}

void interrupt_dispatch(uint32_t vector) {
    struct arch_cpu *cpu = arch_cpu_self();
    cpu->count_interrupt++;
    switch (vector) {
    case VECTOR_TIMER:
        apic_eoi();
        timer_expired();
        break;
    case VECTOR_RESCHEDULE:
        cpu->count_ipi++;
        apic_eoi();
        reschedule_interrupt();
        break;
    case VECTOR_STOP:
        cpu->count_ipi++;
        apic_eoi();
        break;
    default:
        irq_interrupt(vector);
        break;
    }
}
