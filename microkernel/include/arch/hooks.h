/* SPDX-License-Identifier: MIT
 * What the portable kernel provides to the architecture. Unless said otherwise they run with the
 * kernel lock held and interrupts off, and return to the exit path, which continues `current`.
 */
#pragma once

#include <arch/boot.h>
#include <arch/cpu.h>

/* ---- Start ------------------------------------------------------------------------------- */

/* sizeof(struct cpu), whose first member is struct arch_cpu; the rest starts zeroed. */
extern const size_t cpu_struct_size;

/* On the boot CPU, with paging, GDT, IDT, per-CPU data and the early log working; time and
 * interrupts work after arch_init_late. Chooses the first thread and returns: the exit path enters
 * it. `info` stays valid. */
void kernel_main(const struct boot_info *info);

/* ---- Entries from user mode -------------------------------------------------------------- */

/* The system calls by number; the last entry takes every greater number and foreign calls.
 * Arguments are in the thread's context. The result goes to rax, unless it is SYSCALL_NO_RESULT
 * (the context is set already, or will be when the thread runs again); with one, a handler may have
 * set rdi, rsi, rdx, r10, r8, r9 and r14 of the context, nothing else. */
#define SYSCALL_TABLE_SIZE 100
#define SYSCALL_NO_RESULT INT32_MIN
extern int64_t (*const syscall_table[SYSCALL_TABLE_SIZE])(struct thread *thread);

/* Page fault in user mode; error is the CPU's code (PAGE_FAULT_*). */
void page_fault_handle(struct thread *thread, uint64_t address, uint64_t error);
#define PAGE_FAULT_WRITE 2u
#define PAGE_FAULT_RESERVED 8u
#define PAGE_FAULT_EXECUTE 16u

/* Any other exception in user mode. #NM comes here only if no FPU area could be had. */
void exception_handle(struct thread *thread, uint32_t vector, uint64_t error);

/* ---- Interrupts (from user mode or idle) --------------------------------------------------- */

void irq_handle(uint32_t vector); /* device interrupt, see irq.h */
void timer_interrupt(void);       /* timer_program's deadline may have come */
void reschedule_interrupt(void);  /* arch_send_reschedule; a processor has started */

/* This CPU's thread was taken away (resched_forced). Clears the flag and chooses another. */
void schedule_forced(void);

/* ---- Memory ------------------------------------------------------------------------------ */

/* Fault inside copy_from_user/copy_to_user at a user address of the loaded space. true: resolved,
 * try again. */
bool vm_fault(uint64_t address, bool write);

/* A zeroed frame for a page table; 0 if the account cannot pay. */
phys_t page_table_alloc(struct account *account);
void page_table_free(struct account *account, phys_t table);

/* Zeroed memory of arch_fpu_area_size() bytes, 64-byte aligned; NULL if the account cannot pay. */
void *thread_fpu_area_alloc(struct thread *thread);

/* ---- Panic ------------------------------------------------------------------------------- */

/* Name of the task of a thread for the panic dump; called without the lock, must not fault. */
const char *thread_describe(const struct thread *thread);
