/* SPDX-License-Identifier: MIT
 * Several CPUs: the kernel lock, TLB shootdown, start of the application processors.
 *
 * There is at most one shootdown at a time, since its sender holds the kernel lock until all have
 * answered. Who waits for the lock answers. The interrupt VECTOR_ENTER brings there a target that
 * is in user mode, idle, or on its way out of the kernel.
 */
#include <arch/hooks.h>
#include <arch/timer.h>
#include <common/string.h>
#include <debug.h>

#include "acpi.h"
#include "machine.h"
#include "panic.h"

#define FLUSH_PAGES 32u /* more than these: reload CR3 */

/* Test-and-set lock, 1: held; entry.asm takes and releases it. Not a queue: under a hypervisor the
 * CPU whose turn it is may be the one that does not run (docs/adr/0005). */
volatile uint32_t kernel_lock __attribute__((aligned(64)));

volatile uint8_t smp_active;

struct request {
    struct arch_space *space;
    uint64_t va;
    size_t pages; /* 0: all */
    bool unload;  /* leave the space for the kernel's own */
};

static struct request request;
static volatile uint64_t request_pending; /* CPUs that have not answered; written last */

struct arch_cpu *ap_starting;        /* for the trampoline */
static volatile uint32_t ap_arrived; /* id of the processor that came up last */

extern const char trampoline_start[], trampoline_gdt[], trampoline_long[], trampoline_end[];
extern uint32_t trampoline_gdt_base, trampoline_far, trampoline_root;
extern const char syscall_entry_smp[];

/* ---- Shootdown ---------------------------------------------------------------------------------
 */

static inline void request_apply(struct request wanted) {
    struct arch_cpu *cpu = arch_cpu_self();
    if (cpu->space != wanted.space) {
        return;
    }
    if (wanted.unload) {
        cpu->space = &kernel_space;
    }
    if (wanted.pages == 0 || wanted.pages > FLUSH_PAGES) {
        cr3_write(cpu->space->root);
        return;
    }
    for (size_t i = 0; i < wanted.pages; i++) {
        arch_invalidate(wanted.va + i * PAGE_SIZE);
    }
}

void arch_send_reschedule(uint32_t cpu) {
    apic_send(((struct arch_cpu *)cpu_table[cpu])->apic_id, APIC_FIXED | VECTOR_ENTER);
}

static void request_send(uint64_t others) {
    __atomic_store_n(&request_pending, others, __ATOMIC_RELEASE); /* after the request */
    for (uint64_t rest = others; rest != 0; rest &= rest - 1) {
        arch_send_reschedule((uint32_t)__builtin_ctzll(rest));
    }
    while (__atomic_load_n(&request_pending, __ATOMIC_ACQUIRE) != 0) {
        cpu_relax();
    }
}

/* On all CPUs that have the space loaded; returns when they have done it. */
static inline void request_run(struct request wanted) {
    uint64_t others = wanted.space->cpus & ~(1ull << cpu_id());
    request_apply(wanted);
    if (UNLIKELY(others != 0)) {
        request = wanted;
        request_send(others);
    }
}

void arch_shootdown(struct arch_space *space, uint64_t va, size_t pages) {
    request_run((struct request){space, va, pages, false});
}

void arch_space_unload(struct arch_space *space) {
    request_run((struct request){.space = space, .unload = true});
    space->cpus = 0;
}

static void request_answer(void) {
    uint64_t bit = 1ull << cpu_id();
    if ((request_pending & bit) != 0) {
        request_apply(request);
        __atomic_fetch_and(&request_pending, ~bit, __ATOMIC_RELEASE);
    }
}

/* ---- Lock and interrupts between CPUs
 * ------------------------------------------------------------ */

void kernel_lock_wait(void) {
    do {
        while (kernel_lock != 0) {
            request_answer();
            if (UNLIKELY(panicking)) {
                cpu_halt();
            }
            cpu_relax();
        }
    } while (__atomic_exchange_n(&kernel_lock, 1, __ATOMIC_ACQUIRE) != 0);
}

void arch_stop_cpu(uint32_t cpu) {
    struct arch_cpu *other = (struct arch_cpu *)cpu_table[cpu];
    if (other == arch_cpu_self() || other->in_kernel) {
        return;
    }
    arch_send_reschedule(cpu);
    while (!other->in_kernel) {
        cpu_relax();
    }
}

/* ---- Start -------------------------------------------------------------------------------------
 */

/* Called by boot.asm on the new processor's own stack. Returns to exit_to_user. */
void ap_start(struct cpu *self) {
    struct arch_cpu *cpu = (struct arch_cpu *)self; /* GS leads there only after cpu_init */
    cpu_init(self);
    apic_cpu_init();
    timer_cpu_init();
    msr_write(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry_smp);
    ap_arrived = cpu->id;
    kernel_lock_wait();
    reschedule_interrupt();
}

static bool ap_wait(uint32_t id, uint64_t microseconds) {
    uint64_t end = time_now() + microseconds * 1000;
    while (ap_arrived != id && time_now() < end) {
        cpu_relax();
    }
    return ap_arrived == id;
}

/* INIT, start-up, and a second start-up for hardware that needs it (SDM 3A 9.4.4). */
static bool ap_launch(uint32_t apic_id) {
    uint32_t startup = APIC_STARTUP | (uint32_t)(trampoline_page >> 12);
    ap_starting = (struct arch_cpu *)cpu_table[cpu_count];
    apic_send(apic_id, APIC_INIT);
    (void)ap_wait(ap_starting->id, 200); /* it cannot come yet, and needs the time */
    for (uint64_t patience = 10000; patience <= 1000000; patience *= 100) {
        apic_send(apic_id, startup);
        if (ap_wait(ap_starting->id, patience)) {
            return true;
        }
    }
    kernel_log("cpu: processor with APIC id %u does not start", apic_id);
    return false;
}

void smp_start(void) {
    uint32_t boot_id = arch_cpu_self()->apic_id;
    if (cpu_table[1] == NULL || trampoline_page == 0) {
        return;
    }
    kernel_lock = 1; /* we hold it */
    smp_active = 1;
    msr_write(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry_smp);
    trampoline_gdt_base = (uint32_t)trampoline_page + (uint32_t)(trampoline_gdt - trampoline_start);
    trampoline_far = (uint32_t)trampoline_page + (uint32_t)(trampoline_long - trampoline_start);
    trampoline_root = (uint32_t)kernel_space.root;
    memcpy(phys_to_virt(trampoline_page), trampoline_start,
           (size_t)(trampoline_end - trampoline_start));
    layout_identity(true);
    for (uint32_t i = 0; i < acpi.cpu_count && cpu_count < CPU_MAX; i++) {
        if (acpi.apic_ids[i] != boot_id && ap_launch(acpi.apic_ids[i])) {
            cpu_count++;
        }
    }
    layout_identity(false);
    kernel_log("cpu: %u of %u processors run", cpu_count, acpi.cpu_count);
}
