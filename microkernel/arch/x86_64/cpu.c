/* SPDX-License-Identifier: MIT
 * One processor: features, descriptor tables, control registers, its struct cpu and stacks.
 * Written once at start, read-only afterwards.
 */
#include "machine.h"

#include <arch/hooks.h>
#include <common/string.h>

#define SELECTOR_TSS 0x30u
#define STACK_PAGES 4u
#define STACK_SLOT 16u /* pages of the stack window per CPU, guard pages included */
#define IST_COUNT 4u

_Static_assert(offsetof(struct arch_context, rsp) == 104 &&
                   offsetof(struct arch_context, rip) == 112 &&
                   offsetof(struct arch_context, r11) == 136 &&
                   offsetof(struct arch_context, rbp) == 96 &&
                   offsetof(struct arch_cpu, kernel_stack) == 16 &&
                   offsetof(struct arch_cpu, idle) == 67,
               "entry.asm");
_Static_assert(E_FAULT == -5 && (SYSCALL_NATIVE | SYS_CALL) == 0x80000001 &&
                   (SYSCALL_NATIVE | SYS_COMMIT_RECEIVE) == 0x80000002,
               "entry.asm");

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM 3A 8.7");

struct gate {
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset1;
    uint32_t offset2, reserved;
};

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct smap_site {
    int32_t offset; /* from smap_sites; three bytes there are a nop */
    uint32_t opcode;
};

extern const char vector_stubs[];
extern const char syscall_entry_single[];
extern const struct smap_site smap_sites[], smap_sites_end[];

struct cpu_features cpu_features;
struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count = 1;

/* User 64-bit code follows user data: sysret adds 8 and 16 to STAR's base (0x1b). */
static uint64_t gdt[6 + 2 * CPU_MAX] = {
    0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0x00cff3000000ffff, 0x00affb000000ffff,
};
static struct tss tss_table[CPU_MAX];
static struct gate idt[256];

void cpu_halt(void) {
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

void cpu_features_detect(void) {
    uint32_t r[4];
    cpuid(0, 0, r);
    uint32_t leaves = r[0];
    cpuid(1, 0, r);
    cpu_features.cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu_features.cr4 |= (r[2] & 1u << 26) != 0 ? CR4_OSXSAVE : 0;
    cpu_features.tsc_deadline = (r[2] & 1u << 24) != 0;
    if (leaves >= 7) {
        cpuid(7, 0, r);
        cpu_features.cr4 |= (r[1] & 1u << 7) != 0 ? CR4_SMEP : 0;
        cpu_features.cr4 |= (r[1] & 1u << 20) != 0 ? CR4_SMAP : 0;
        cpu_features.cr4 |= (r[2] & 1u << 2) != 0 ? CR4_UMIP : 0;
    }
    cpuid(0x80000001, 0, r);
    cpu_features.page_1g = (r[3] & 1u << 26) != 0;
    cpu_features.fpu_size = 512;
    cpu_features.xsave = (cpu_features.cr4 & CR4_OSXSAVE) != 0;
    if (cpu_features.xsave) {
        cpuid(0xd, 0, r);
        cpu_features.fpu_mask = ((uint64_t)r[3] << 32 | r[0]) & 0xe7; /* x87 SSE AVX AVX-512 */
        cpuid(0xd, 1, r);
        cpu_features.xsaveopt = (r[0] & 1) != 0;
    }
}

/* Rewrites the nops of entry.asm; the text is still writable through the direct map. */
static void smap_patch(void) {
    for (const struct smap_site *site = smap_sites; site < smap_sites_end; site++) {
        const char *code = (const char *)smap_sites + site->offset;
        const uint8_t opcode[] = {0x0f, 0x01, (uint8_t)site->opcode};
        memcpy(phys_to_virt(kernel_virt_to_phys(code)), opcode, sizeof(opcode));
    }
}

static void idt_fill(void) {
    static const uint8_t stacks[256] = {[VECTOR_DOUBLE_FAULT] = 1,
                                        [VECTOR_NMI] = 2,
                                        [VECTOR_MACHINE_CHECK] = 3,
                                        [VECTOR_DEBUG] = 4};
    for (unsigned vector = 0; vector < 256; vector++) {
        uint64_t stub = (uint64_t)(uintptr_t)vector_stubs + vector * 16;
        idt[vector] = (struct gate){
            .offset0 = (uint16_t)stub,
            .selector = 0x08,
            .ist = stacks[vector],
            .type = vector == 3 ? 0xee : 0x8e, /* int3 is for everyone */
            .offset1 = (uint16_t)(stub >> 16),
            .offset2 = (uint32_t)(stub >> 32),
        };
    }
}

void cpu_create(uint32_t id) {
    struct cpu *cpu = boot_alloc((cpu_struct_size + PAGE_SIZE - 1) / PAGE_SIZE);
    struct arch_cpu *arch = (struct arch_cpu *)cpu;
    struct tss *tss = &tss_table[id];
    uint32_t slot = id * STACK_SLOT + 1;
    arch->self = cpu;
    arch->id = id;
    arch->bit = 1ull << id;
    arch->space = &kernel_space;
    arch->in_kernel = 1;
    arch->kernel_stack = layout_stack(slot, STACK_PAGES);
    tss->rsp[0] = arch->kernel_stack;
    tss->io_map = sizeof(struct tss);
    slot += STACK_PAGES + 1;
    for (unsigned i = 0; i < IST_COUNT; i++, slot += 2) {
        /* The word above the frame leads the handler to its struct cpu, whatever GS is. */
        uint64_t *top = (uint64_t *)(uintptr_t)layout_stack(slot, 1) - 2;
        *top = (uint64_t)(uintptr_t)cpu;
        tss->ist[i] = (uint64_t)(uintptr_t)top;
    }
    uint64_t base = (uint64_t)(uintptr_t)tss;
    gdt[6 + 2 * id] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
                      (base >> 24 & 0xff) << 56;
    gdt[7 + 2 * id] = base >> 32;
    cpu_table[id] = cpu;
}

static void tables_load(const struct arch_cpu *cpu) {
    struct table_register gdtr = {sizeof(gdt) - 1, (uint64_t)(uintptr_t)gdt};
    struct table_register idtr = {sizeof(idt) - 1, (uint64_t)(uintptr_t)idt};
    __asm__ volatile("lgdt %0; lidt %1; lldt %w2; ltr %w3" ::"m"(gdtr), "m"(idtr), "r"(0),
                     "r"(SELECTOR_TSS + 16 * cpu->id)
                     : "memory");
    __asm__ volatile(
        "mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %0, %%fs; mov %0, %%gs" ::"r"(0));
    /* CS has the same value as in the boot GDT; the others mean nothing in 64-bit mode. */
}

static void control_init(void) {
    cr4_write(cpu_features.cr4);
    if (cpu_features.xsave) {
        uint32_t r[4];
        __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)cpu_features.fpu_mask),
                         "d"((uint32_t)(cpu_features.fpu_mask >> 32)));
        cpuid(0xd, 0, r); /* the size for what XCR0 enables now */
        cpu_features.fpu_size = r[1];
    }
    cr0_write(cr0_read() | CR0_TS);
    __asm__ volatile("mov %0, %%dr7" ::"r"(0x400ull));
}

void cpu_init(struct cpu *self) {
    struct arch_cpu *cpu = (struct arch_cpu *)self;
    if (cpu->id == 0) {
        idt_fill();
        if ((cpu_features.cr4 & CR4_SMAP) != 0) {
            smap_patch();
        }
    }
    tables_load(cpu);
    control_init();
    msr_write(MSR_GS_BASE, (uint64_t)(uintptr_t)self);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_PAT, 0x0007040600070106ull);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
    msr_write(MSR_STAR, 0x1bull << 48 | 0x08ull << 32);
    msr_write(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry_single);
    msr_write(MSR_SFMASK, 0x47700); /* AC NT IOPL DF IF TF */
}

void context_init(struct arch_context *context, uint64_t entry, uint64_t stack, uint64_t argument) {
    *context = (struct arch_context){.rdi = argument,
                                     .rsp = stack,
                                     .fs_base = context->fs_base,
                                     .gs_base = context->gs_base,
                                     .fpu = context->fpu,
                                     .fpu_cpu = ~0u};
    context_set_ip(context, entry);
    context_set_flags(context, 0);
}

void bases_load(struct arch_cpu *cpu, const struct arch_context *next) {
    if ((cpu->fs_base | next->fs_base) != 0) {
        cpu->fs_base = next->fs_base;
        msr_write(MSR_FS_BASE, next->fs_base);
    }
    if ((cpu->gs_base | next->gs_base) != 0) {
        cpu->gs_base = next->gs_base;
        msr_write(MSR_KERNEL_GS_BASE, next->gs_base); /* where it is while the kernel runs */
    }
}

status_t context_set_bases(struct arch_context *context, uint64_t fs_base, uint64_t gs_base) {
    struct arch_cpu *cpu = arch_cpu_self();
    if (fs_base >= USER_HIGHEST || gs_base >= USER_HIGHEST) {
        return E_INVALID;
    }
    context->fs_base = fs_base;
    context->gs_base = gs_base;
    bool loaded = cpu->fs_base == fs_base && cpu->gs_base == gs_base;
    if ((struct arch_context *)cpu->current == context && !loaded) {
        bases_load(cpu, context);
    }
    return OK;
}
