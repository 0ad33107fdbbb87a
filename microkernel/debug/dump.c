/* SPDX-License-Identifier: MIT
 * Registers for the panic dump; the part of debug/ that knows the machine.
 */
#include "arch/x86_64/machine.h"
#include "panic.h"

#define KERNEL_LOWEST 0xffffffff40000000ull /* stacks and image, see layout.c */

bool arch_cpu_usable(void) {
    return msr_read(MSR_GS_BASE) != 0;
}

bool arch_stack_readable(uint64_t address) {
    return address >= KERNEL_LOWEST && (address & 7) == 0 && address < ~0ull - 16;
}

void arch_stop_others(void) {
    if (cpu_count > 1) {
        apic_send(0, APIC_NMI_OTHERS);
    }
}

static void print_control(void) {
    uint64_t cr0, cr2, cr3, cr4;
    __asm__ volatile("mov %%cr0, %0; mov %%cr2, %1; mov %%cr3, %2; mov %%cr4, %3"
                     : "=r"(cr0), "=r"(cr2), "=r"(cr3), "=r"(cr4));
    panic_print("CR0 %08lx CR2 %016lx CR3 %016lx CR4 %08lx\n", cr0, cr2, cr3, cr4);
}

void arch_dump_registers(void) {
    uint64_t rbx, rbp, rsp, r12, r13, r14, r15, flags;
    __asm__ volatile("mov %%rbx, %0; mov %%r12, %1; mov %%r13, %2; mov %%r14, %3; mov %%r15, %4"
                     : "=m"(rbx), "=m"(r12), "=m"(r13), "=m"(r14), "=m"(r15));
    __asm__ volatile("mov %%rbp, %0; mov %%rsp, %1; pushfq; popq %2"
                     : "=r"(rbp), "=r"(rsp), "=r"(flags));
    panic_print("RBX %016lx RBP %016lx RSP %016lx\n", rbx, rbp, rsp);
    panic_print("R12 %016lx R13 %016lx R14 %016lx\n", r12, r13, r14);
    panic_print("R15 %016lx RFL %016lx\n", r15, flags);
    print_control();
}

void panic_exception(const struct exception_frame *f, uint64_t address) {
    panic_begin();
    panic_print("Exception %lu in the kernel, error code 0x%lx, address 0x%lx\n", f->vector,
                f->error, address);
    panic_print_current();
    panic_print("RAX %016lx RBX %016lx RCX %016lx\n", f->rax, f->rbx, f->rcx);
    panic_print("RDX %016lx RSI %016lx RDI %016lx\n", f->rdx, f->rsi, f->rdi);
    panic_print("RBP %016lx RSP %016lx RIP %016lx\n", f->rbp, f->rsp, f->rip);
    panic_print("R8  %016lx R9  %016lx R10 %016lx\n", f->r8, f->r9, f->r10);
    panic_print("R11 %016lx R12 %016lx R13 %016lx\n", f->r11, f->r12, f->r13);
    panic_print("R14 %016lx R15 %016lx RFL %016lx\n", f->r14, f->r15, f->rflags);
    print_control();
    panic_backtrace(f->rip, f->rbp);
    panic_end();
}
