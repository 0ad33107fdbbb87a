/* SPDX-License-Identifier: MIT
 * Changing what a CPU runs: thread, address space, FPU. All with the kernel lock held.
 */
#pragma once

#include <arch/cpu.h>
#include <arch/paging.h>

/* The slow part of arch_thread_switch: there is FPU state, or a base that is not 0. `next` may be
 * NULL. */
void arch_state_switch(struct arch_cpu *cpu, struct arch_context *next);

/* Loads the page tables of `space` if they are not loaded. `cpu` is this one, here and below. */
static inline void arch_space_switch(struct arch_cpu *cpu, struct arch_space *space) {
    struct arch_space *old = cpu->space;
    if (old != space) {
        uint64_t bit = cpu->bit;
        old->cpus &= ~bit;
        space->cpus |= bit;
        cpu->space = space;
        cr3_write(space->root);
    }
}

/* The kernel's own: while it is loaded, no user space's changes concern this CPU. */
extern struct arch_space kernel_space;

/*
 * Makes `next` the thread that this CPU leaves the kernel with; NULL: idle (the space stays
 * loaded). Does not change the address space. Costs nothing extra between threads without FPU state
 * and bases.
 */
static inline void arch_thread_switch(struct arch_cpu *cpu, struct thread *next) {
    cpu->current = next;
    struct arch_context *context = (struct arch_context *)next;
    if (UNLIKELY(context == NULL || (cpu->fpu_live | (uintptr_t)context->fpu | context->fs_base |
                                     cpu->fs_base | context->gs_base | cpu->gs_base) != 0)) {
        arch_state_switch(cpu, context);
    }
}

/* Bytes of an FPU area (alignment 64); thread_fpu_area_alloc provides one at first use (#NM). */
size_t arch_fpu_area_size(void);

/* Before an FPU area is freed or refilled from another image: the thread is not running. The area
 * is reset to the initial state if `keep`, else context->fpu becomes NULL. */
void arch_fpu_reset(struct arch_context *context, bool keep);

/* Copies the FPU state of `from` (not running, or current here) into the area of `to` (TASK_CLONE);
 * nothing to do if from->fpu is NULL. to->fpu has been allocated by the caller. */
void arch_fpu_copy(struct arch_context *to, struct arch_context *from);
