/* SPDX-License-Identifier: MIT
 * Processor state: the user registers of a thread, the per-CPU block, and small instructions.
 *
 * Model: one kernel stack per CPU. Every entry from user mode saves the registers into the current
 * thread's arch_context, every exit loads those of `current`, whoever that is by then. The kernel
 * runs with interrupts off and never blocks inside. current == NULL at exit means: idle.
 */
#pragma once

#include <arch/self.h>
#include <arch/types.h>

/*
 * User registers of a thread that is not executing in user mode. FIRST member of struct thread.
 * Order matters: the entry code and context_argument rely on it.
 */
struct arch_context {
    uint64_t rax;                        /* operation in, status out */
    uint64_t rdi, rsi;                   /* arguments and results 0, 1 */
    uint64_t rdx, r10, r8, r9, r12, r13; /* 2-7, which are also message words 0-5 */
    uint64_t r14, r15;                   /* 8, 9 */
    uint64_t rbx, rbp, rsp, rip, rflags;
    uint64_t rcx, r11;         /* not kept across a system call */
    uint64_t fs_base, gs_base; /* authoritative: user code can't write them itself */
    void *fpu;                 /* area of arch_fpu_area_size(), NULL: never used FPU */
    uint32_t fpu_cpu;          /* CPU whose registers hold *fpu too, or ~0 */
    uint8_t by_syscall;        /* may leave by sysret (rcx, r11 are free) */
    uint8_t reserved[3];
};
_Static_assert(offsetof(struct arch_context, rdx) == 24, "entry.asm");
_Static_assert(offsetof(struct arch_context, by_syscall) == 172, "entry.asm");

struct arch_space;

/* First member of struct cpu; GS points here while the kernel runs. */
struct arch_cpu {
    struct cpu *self;
    struct thread *current;    /* NULL: idle. Change it by arch_thread_switch only */
    uint64_t kernel_stack;     /* top; the same for every entry on this CPU */
    uint64_t user_rsp;         /* scratch of the syscall entry */
    struct arch_space *space;  /* page tables loaded now; never NULL after start */
    uint64_t fs_base, gs_base; /* values in the MSRs */
    struct thread *fpu_owner;  /* whose state the FPU registers hold; may be dead, see fpu_cpu */
    uint8_t fpu_live;          /* CR0.TS is clear: current may be changing the registers */
    /* Used only once several CPUs run: */
    volatile uint8_t in_kernel;      /* user registers are saved; set before the lock is taken */
    volatile uint8_t resched_forced; /* set under the lock by whoever took `current` away */
    volatile uint8_t idle;           /* in or near hlt */
    uint32_t id;                     /* 0..cpu_count-1; 0 is the boot CPU */
    uint32_t apic_id;
    uint64_t bit; /* 1 << id, for sets of CPUs */
    /* Told in struct cpu_info. */
    uint64_t count_interrupt, count_ipi;
};
_Static_assert(offsetof(struct arch_cpu, user_rsp) == 24, "entry.asm");
_Static_assert(offsetof(struct arch_cpu, in_kernel) == 65, "entry.asm");

/* ---- The CPU we run on ------------------------------------------------------------------- */

static inline struct arch_cpu *arch_cpu_self(void) {
    return (struct arch_cpu *)cpu_self();
}

static inline uint32_t cpu_id(void) {
    return arch_cpu_self()->id;
}

extern struct cpu *cpu_table[CPU_MAX]; /* by id, below cpu_count */
extern uint32_t cpu_count;             /* that run the kernel now: 1 until smp_start */

/* ---- Several CPUs ------------------------------------------------------------------------
 *
 * The entry code takes the kernel lock and the exit code releases it; C code runs with it held and
 * never touches it. A CPU that waits for the lock answers TLB shootdowns. With one CPU there is no
 * lock.
 */

/* Makes another CPU enter the kernel and call reschedule_interrupt() there. */
void arch_send_reschedule(uint32_t cpu);

/*
 * Takes the thread that runs on another CPU out of user mode: on return its registers are saved in
 * its context and that CPU is in the kernel, waiting for the lock. The caller then sets
 * cpu->arch.resched_forced, so that the other CPU drops whatever made it enter (but not a device
 * interrupt) and calls schedule_forced().
 */
void arch_stop_cpu(uint32_t cpu);

/* ---- Instructions ------------------------------------------------------------------------ */

static inline void cpu_relax(void) {
    __asm__ volatile("pause" ::: "memory");
}

/* Interrupts off, for ever. */
__attribute__((noreturn)) void cpu_halt(void);

/* ---- Registers of a thread --------------------------------------------------------------- */

#define RFLAGS_IF 0x200u
#define RFLAGS_FIXED 0x2u
#define RFLAGS_USER 0x240dd5u /* CF PF AF ZF SF TF DF OF AC ID: what a user may choose */

static inline void context_set_status(struct arch_context *context, status_t status) {
    context->rax = (uint64_t)(int64_t)status;
}

/* Arguments or results 0-9: rdi rsi rdx r10 r8 r9 r12 r13 r14 r15. */
static inline uint64_t context_argument(const struct arch_context *context, unsigned index) {
    return ((const uint64_t *)context)[1 + index]; /* behind rax */
}

/* Message words 0-5. */
static inline uint64_t *context_words(struct arch_context *context) {
    return (uint64_t *)context + offsetof(struct arch_context, rdx) / sizeof(uint64_t);
}

/* Where user execution goes on. An address outside user space becomes 0, which faults there. */
/* The thread makes its system call again. */
static inline void context_repeat(struct arch_context *context) {
    context->rip -= 2; /* the instruction's length */
}
static inline void context_set_ip(struct arch_context *context, uint64_t ip) {
    context->rip = ip < USER_HIGHEST ? ip : 0;
}

static inline void context_set_flags(struct arch_context *context, uint64_t flags) {
    context->rflags = (flags & RFLAGS_USER) | RFLAGS_IF | RFLAGS_FIXED;
}

/* Says that rcx and r11 of the context matter, so that the exit must not use sysret. */
static inline void context_keep_all(struct arch_context *context) {
    context->by_syscall = 0;
}

/* All registers zero but rip = entry, rsp = stack, rdi = argument; FPU area and bases kept. */
void context_init(struct arch_context *context, uint64_t entry, uint64_t stack, uint64_t argument);

/* FS and GS base of a thread. If it is current on this CPU, the registers are loaded as well; it
 * must not run on another CPU. E_INVALID: not below USER_HIGHEST. */
MUST_CHECK status_t context_set_bases(struct arch_context *context, uint64_t fs_base,
                                      uint64_t gs_base);
