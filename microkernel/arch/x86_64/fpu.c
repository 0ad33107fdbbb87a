/* SPDX-License-Identifier: MIT
 * FPU, SSE and AVX state. CR0.TS is set while the current thread has no live state; its first
 * FPU instruction raises #NM, which allocates the area. From then on the state is saved when the
 * thread is switched out and loaded when it is switched in, unless this CPU still holds it.
 * fpu_cpu names the CPU whose registers equal *fpu; only that CPU's fpu_owner may be trusted, and
 * only together.
 */
#include "machine.h"

#include <arch/hooks.h>
#include <common/string.h>

#define FPU_NOWHERE (~0u)
#define FCW_DEFAULT 0x37fu
#define MXCSR_DEFAULT 0x1f80u
#define OFFSET_MXCSR 24u

size_t arch_fpu_area_size(void) {
    return (cpu_features.fpu_size + 63u) & ~63u;
}

static void state_save(void *area) {
    uint32_t low = (uint32_t)cpu_features.fpu_mask, high = (uint32_t)(cpu_features.fpu_mask >> 32);
    if (cpu_features.xsaveopt) {
        __asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(low), "d"(high) : "memory");
    } else if (cpu_features.xsave) {
        __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(low), "d"(high) : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
    }
}

static void state_load(const void *area) {
    if (cpu_features.xsave) {
        __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"((uint32_t)cpu_features.fpu_mask),
                         "d"((uint32_t)(cpu_features.fpu_mask >> 32))
                         : "memory");
    } else {
        __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
    }
}

/* Zero but for the control words: with XSAVE's header zero too, that is the initial state. */
static void area_init(uint8_t *area) {
    const uint16_t control = FCW_DEFAULT;
    const uint32_t mxcsr = MXCSR_DEFAULT;
    memset(area, 0, arch_fpu_area_size());
    memcpy(area, &control, sizeof(control));
    memcpy(area + OFFSET_MXCSR, &mxcsr, sizeof(mxcsr));
}

static void leave(struct arch_cpu *cpu) {
    struct arch_context *context = (struct arch_context *)cpu->fpu_owner;
    cpu->fpu_live = 0;
    if (context != NULL && context->fpu != NULL) {
        state_save(context->fpu);
    }
    cr0_write(cr0_read() | CR0_TS);
}

static void enter(struct arch_cpu *cpu, struct arch_context *next) {
    __asm__ volatile("clts");
    if ((struct arch_context *)cpu->fpu_owner != next || next->fpu_cpu != cpu->id) {
        state_load(next->fpu);
        cpu->fpu_owner = (struct thread *)next;
        next->fpu_cpu = cpu->id;
    }
    cpu->fpu_live = 1;
}

void arch_state_switch(struct arch_cpu *cpu, struct arch_context *next) {
    if (cpu->fpu_live) {
        leave(cpu);
    }
    if (next == NULL) {
        return;
    }
    if (next->fpu != NULL) {
        enter(cpu, next);
    }
    bases_load(cpu, next);
}

/* #NM in user mode: false if no area could be had. */
bool fpu_first_use(struct thread *thread) {
    struct arch_context *context = (struct arch_context *)thread;
    if (context->fpu == NULL) {
        context->fpu = thread_fpu_area_alloc(thread);
        if (context->fpu == NULL) {
            return false;
        }
        area_init(context->fpu);
    }
    context->fpu_cpu = FPU_NOWHERE;
    enter(arch_cpu_self(), context);
    return true;
}

/* No CPU's registers belong to the context any more. A CPU that was stopped with them live stays
 * fpu_live without an owner, and saves nothing when it switches. */
static void state_drop(struct arch_context *context) {
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct arch_cpu *cpu = (struct arch_cpu *)cpu_table[i];
        if ((struct arch_context *)cpu->fpu_owner == context) {
            cpu->fpu_owner = NULL;
        }
    }
    context->fpu_cpu = FPU_NOWHERE;
}

void arch_fpu_reset(struct arch_context *context, bool keep) {
    if (context->fpu == NULL) {
        return;
    }
    state_drop(context);
    if (keep) {
        area_init(context->fpu);
        if ((struct arch_context *)cpu_current() == context) {
            enter(arch_cpu_self(), context);
        }
    } else {
        context->fpu = NULL;
    }
}

void arch_fpu_copy(struct arch_context *to, struct arch_context *from) {
    struct arch_cpu *cpu = arch_cpu_self();
    if (from->fpu == NULL) {
        return;
    }
    if (cpu->fpu_live && (struct arch_context *)cpu->fpu_owner == from) {
        state_save(from->fpu);
    }
    memcpy(to->fpu, from->fpu, arch_fpu_area_size());
    to->fpu_cpu = FPU_NOWHERE;
}
