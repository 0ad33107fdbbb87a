/* SPDX-License-Identifier: MIT
 * Private to arch/x86_64: registers, bits and functions that its files share.
 */
#pragma once

#include <arch/boot.h>
#include <arch/switch.h>

/* ---- Registers --------------------------------------------------------------------------- */

#define MSR_APIC_BASE 0x1bu
#define MSR_PAT 0x277u
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u /* + register offset >> 4 */
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE 0x1u

#define CR0_TS 0x8u
#define CR4_OSFXSR 0x200u
#define CR4_OSXMMEXCPT 0x400u
#define CR4_UMIP 0x800u
#define CR4_PGE 0x80u
#define CR4_PAE 0x20u
#define CR4_OSXSAVE 0x40000u
#define CR4_SMEP 0x100000u
#define CR4_SMAP 0x200000u

static inline uint64_t msr_read(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(subleaf));
}

static inline uint64_t cr0_read(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline void cr0_write(uint64_t value) {
    __asm__ volatile("mov %0, %%cr0" ::"r"(value) : "memory");
}

static inline void cr4_write(uint64_t value) {
    __asm__ volatile("mov %0, %%cr4" ::"r"(value) : "memory");
}

/* Loads the FS and GS bases of `next`, but 0 over 0: a program that loads a selector makes its base
 * 0, so that others are there for sure only when they have just been written. cpu.c */
void bases_load(struct arch_cpu *cpu, const struct arch_context *next);

/* ---- Page-table entries (SDM 3A 4.5) ------------------------------------------------------- */

#define PTE_PRESENT 0x1ull
#define PTE_WRITE 0x2ull
#define PTE_USER 0x4ull
#define PTE_WRITE_COMBINE 0x8ull /* PWT; arch_cpu_init sets PAT entry 1 to write-combining */
#define PTE_UNCACHED 0x10ull     /* PCD: PAT entry 2, UC- */
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY 0x40ull
#define PTE_LARGE 0x80ull
#define PTE_GLOBAL 0x100ull
#define PTE_NO_EXECUTE 0x8000000000000000ull
#define PTE_ADDRESS 0x000ffffffffff000ull

/* ---- Vectors ------------------------------------------------------------------------------- */

#define VECTOR_DEBUG 1u
#define VECTOR_NMI 2u
#define VECTOR_NO_FPU 7u
#define VECTOR_DOUBLE_FAULT 8u
#define VECTOR_PAGE_FAULT 14u
#define VECTOR_MACHINE_CHECK 18u
#define VECTOR_FIRST_INTERRUPT 32u
#define VECTOR_LEGACY 0x20u /* 8259, masked and unused */
#define VECTOR_TIMER 0xf0u
#define VECTOR_ENTER 0xf1u /* come and wait for the lock: to be stopped, to shoot down, to look */
#define VECTOR_SPURIOUS 0xffu

/* ---- Local APIC, SDM 3A table 11-1 ----------------------------------------------------------- */

enum {
    LAPIC_ID = 0x20,
    LAPIC_TASK_PRIORITY = 0x80,
    LAPIC_EOI = 0xb0,
    LAPIC_SPURIOUS = 0xf0,
    LAPIC_COMMAND = 0x300,
    LAPIC_COMMAND_HIGH = 0x310,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_LVT_ERROR = 0x370,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_COUNT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
};
#define LAPIC_ENABLE 0x100u
#define LVT_MASKED 0x10000u
#define LVT_NMI 0x400u
#define LVT_TSC_DEADLINE 0x40000u

/* What entry.asm pushes for an exception in the kernel. */
struct exception_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct exception_frame) == 176, "entry.asm");

/* ---- start.c --------------------------------------------------------------------------------- */

extern phys_t trampoline_page; /* below 640 KiB; 0: none */
const struct boot_info *arch_start(uint32_t magic, phys_t information, phys_t image);

/* ---- cpu.c ----------------------------------------------------------------------------------- */

struct cpu_features {
    bool xsave, xsaveopt, page_1g, tsc_deadline;
    uint64_t cr4;      /* what CR4 is to be */
    uint32_t fpu_size; /* bytes of a save area */
    uint64_t fpu_mask; /* XCR0 */
};
extern struct cpu_features cpu_features;

void cpu_features_detect(void);

/* Loads GDT, TSS, IDT, MSRs and control registers for `cpu`, whose id and stacks are set. */
void cpu_init(struct cpu *cpu);

/* Allocates struct cpu `id` with its stacks, from boot memory. */
void cpu_create(uint32_t id);

/* ---- layout.c -------------------------------------------------------------------------------- */

extern uint64_t kernel_pml4[512];
extern struct boot_info boot_info;

/* Final kernel mappings: rights of the image's sections, direct map of all RAM. */
void layout_init(phys_t image);

/* Zeroed, contiguous pages taken from boot_info.ranges for good; only before kernel_main. */
void *boot_alloc(size_t pages);

/* Maps new pages into slot `slot` of the kernel-stack window; top of the stack. */
uint64_t layout_stack(uint32_t slot, size_t pages);

phys_t kernel_virt_to_phys(const void *pointer);

/* Identity mapping of the first 2 MiB while application processors start. */
void layout_identity(bool on);

/* ---- apic.c ---------------------------------------------------------------------------------- */

void apic_init(void);     /* boot CPU: finds the APICs, masks every line */
void apic_cpu_init(void); /* each CPU: enables its local APIC */
void apic_eoi(void);
uint32_t lapic_read(uint32_t offset);
void lapic_write(uint32_t offset, uint32_t value);
void apic_send(uint32_t apic_id, uint32_t command);
void irq_interrupt(uint32_t vector);
#define APIC_INIT 0x4500u
#define APIC_STARTUP 0x4600u
#define APIC_NMI_OTHERS 0xc4400u
#define APIC_FIXED 0x4000u

/* ---- smp.c ----------------------------------------------------------------------------------- */

/* Makes every CPU that has the space loaded load the kernel's own. */
void arch_space_unload(struct arch_space *space);

/* ---- timer.c, smp.c, trap.c ------------------------------------------------------------------ */

/* fpu.c: first FPU instruction of a thread; false if its account cannot pay for the area. */
bool fpu_first_use(struct thread *thread);

void timer_init(void);
void kernel_lock_wait(void);
void ap_start(struct cpu *self);
void timer_cpu_init(void);
void smp_start(void);

void trap_user(uint32_t vector, uint64_t error, uint64_t address);
void trap_kernel(struct exception_frame *frame, uint64_t address);

/* debug/dump.c: panic with the registers of the frame. */
__attribute__((noreturn)) void panic_exception(const struct exception_frame *frame,
                                               uint64_t address);

extern volatile uint8_t smp_active;
extern uint64_t boot_tsc;
