/* SPDX-License-Identifier: MIT
 * Several CPUs: the kernel lock, TLB shootdown, start of the application processors.
 *
 * There is at most one shootdown at a time, since its sender holds the kernel lock. A target is
 * in user mode or idle (the interrupt reaches it), waiting for the lock (it polls), or on its way
 * out of the kernel (the interrupt reaches it right after).
 */
#include <arch/hooks.h>
#include <arch/paging.h>
#include <arch/panic.h>
#include <arch/smp.h>
#include <arch/timer.h>
#include <common/string.h>
#include <debug.h>

#include "acpi.h"
#include "machine.h"

#define FLUSH_PAGES 32u /* more than these: reload CR3 */

/* Test-and-set lock, 1: held; entry.asm takes and releases it. Not a queue: under a hypervisor the
 * CPU whose turn it is may be the one that does not run (docs/adr/0005). */
volatile uint32_t kernel_lock __attribute__((aligned(64)));

volatile uint8_t smp_active;

static struct {
    struct arch_space *space;
    uint64_t va;
    size_t pages;
    bool unload;
    volatile uint64_t pending; /* CPUs that have not answered; written last */
} shootdown __attribute__((aligned(64)));

static volatile uint32_t ap_arrived; /* id of the processor that came up last */

extern const char trampoline_start[], trampoline_end[];
extern const uint16_t trampoline_fields[7];
extern const char syscall_entry_smp[];

/* ---- Shootdown ---------------------------------------------------------------------------------
 */

static void flush_local(struct arch_space *space, uint64_t va, size_t pages) {
    struct arch_cpu *cpu = arch_cpu_self();
    if (cpu->space != space) {
        return;
    }
    if (pages == 0 || pages > FLUSH_PAGES) {
        cpu->count_cr3++;
        cr3_write(space->root);
        return;
    }
    for (size_t i = 0; i < pages; i++) {
        arch_invalidate(va + i * PAGE_SIZE);
    }
}

static void unload_local(struct arch_space *space) {
    struct arch_cpu *cpu = arch_cpu_self();
    if (cpu->space == space) {
        cpu->space = &kernel_space;
        cpu->count_cr3++;
        cr3_write(kernel_space.root);
    }
}

static void shootdown_answer(void) {
    uint64_t bit = 1ull << cpu_id();
    if ((shootdown.pending & bit) == 0) {
        return;
    }
    if (shootdown.unload) {
        unload_local(shootdown.space);
    } else {
        flush_local(shootdown.space, shootdown.va, shootdown.pages);
    }
    __atomic_fetch_and(&shootdown.pending, ~bit, __ATOMIC_RELEASE);
}

void shootdown_interrupt(void) {
    arch_cpu_self()->count_ipi++;
    apic_eoi();
    shootdown_answer();
}

static void shootdown_send(uint64_t targets) {
    __atomic_store_n(&shootdown.pending, targets, __ATOMIC_RELEASE); /* after the request */
    for (uint64_t rest = targets; rest != 0; rest &= rest - 1) {
        uint32_t id = (uint32_t)__builtin_ctzll(rest);
        apic_send(((struct arch_cpu *)cpu_table[id])->apic_id, APIC_FIXED | VECTOR_SHOOTDOWN);
    }
    while (__atomic_load_n(&shootdown.pending, __ATOMIC_ACQUIRE) != 0) {
        cpu_relax();
    }
}

void arch_shootdown(struct arch_space *space, uint64_t va, size_t pages) {
    uint64_t others = space->cpus & ~(1ull << cpu_id());
    flush_local(space, va, pages);
    if (UNLIKELY(others != 0)) {
        shootdown.space = space;
        shootdown.va = va;
        shootdown.pages = pages;
        shootdown.unload = false;
        shootdown_send(others);
    }
}

void arch_space_unload(struct arch_space *space) {
    uint64_t others = space->cpus & ~(1ull << cpu_id());
    unload_local(space);
    if (others != 0) {
        shootdown.space = space;
        shootdown.unload = true;
        shootdown_send(others);
    }
    space->cpus = 0;
}

/* ---- Lock and interrupts between CPUs
 * ------------------------------------------------------------ */

void kernel_lock_wait(void) {
    do {
        while (kernel_lock != 0) {
            shootdown_answer();
            if (UNLIKELY(panicking)) {
                cpu_halt();
            }
            cpu_relax();
        }
    } while (__atomic_exchange_n(&kernel_lock, 1, __ATOMIC_ACQUIRE) != 0);
}

void arch_send_reschedule(uint32_t cpu) {
    apic_send(((struct arch_cpu *)cpu_table[cpu])->apic_id, APIC_FIXED | VECTOR_RESCHEDULE);
}

void arch_stop_cpu(uint32_t cpu) {
    struct arch_cpu *other = (struct arch_cpu *)cpu_table[cpu];
    if (other == arch_cpu_self() || other->in_kernel) {
        return;
    }
    apic_send(other->apic_id, APIC_FIXED | VECTOR_STOP);
    while (!other->in_kernel) {
        cpu_relax();
    }
}

void arch_stop_others(void) {
    for (uint32_t i = 0; i < cpu_online; i++) {
        if (i != cpu_id()) {
            apic_send(((struct arch_cpu *)cpu_table[i])->apic_id, APIC_NMI);
        }
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
    kernel_ap_main();
}

static void put32(uint8_t *code, uint16_t offset, uint64_t value) {
    uint32_t low = (uint32_t)value;
    memcpy(code + offset, &low, sizeof(low));
}

static void put64(uint8_t *code, uint16_t offset, uint64_t value) {
    memcpy(code + offset, &value, sizeof(value));
}

static void trampoline_fill(phys_t page, const struct arch_cpu *cpu) {
    const uint16_t *fields = trampoline_fields;
    uint8_t *code = phys_to_virt(page);
    memcpy(code, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    put32(code, fields[0], page + fields[1]);
    put32(code, fields[2], page + fields[3]);
    put64(code, fields[4], kernel_space.root);
    put64(code, fields[5], cpu->kernel_stack);
    put64(code, fields[6], (uintptr_t)cpu);
}

static bool ap_wait(uint32_t id, uint64_t microseconds) {
    uint64_t end = time_now() + microseconds * 1000;
    while (ap_arrived != id && time_now() < end) {
        cpu_relax();
    }
    return ap_arrived == id;
}

/* INIT, start-up, and a second start-up for hardware that needs it (SDM 3A 9.4.4). */
static bool ap_launch(phys_t page, uint32_t apic_id) {
    struct arch_cpu *cpu = (struct arch_cpu *)cpu_table[cpu_online];
    uint32_t startup = APIC_STARTUP | (uint32_t)(page >> 12);
    trampoline_fill(page, cpu);
    apic_send(apic_id, APIC_INIT);
    time_delay(200);
    apic_send(apic_id, startup);
    if (!ap_wait(cpu->id, 10000)) {
        apic_send(apic_id, startup);
        if (!ap_wait(cpu->id, 1000000)) {
            kernel_log("cpu: processor with APIC id %u does not start", apic_id);
            return false;
        }
    }
    return true;
}

void smp_start(void) {
    uint32_t boot_id = arch_cpu_self()->apic_id;
    phys_t page = trampoline_page;
    if (cpu_table[1] == NULL || page == 0) {
        return;
    }
    kernel_lock = 1; /* we hold it */
    smp_active = 1;
    msr_write(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry_smp);
    layout_identity(true);
    for (uint32_t i = 0; i < acpi.cpu_count && cpu_online < CPU_MAX; i++) {
        if (acpi.apic_ids[i] != boot_id && ap_launch(page, acpi.apic_ids[i])) {
            cpu_online++;
        }
    }
    layout_identity(false);
    kernel_log("cpu: %u of %u processors run", cpu_online, acpi.cpu_count);
}
