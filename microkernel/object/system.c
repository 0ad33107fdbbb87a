/* SPDX-License-Identifier: MIT
 * The system object.
 */
#include <arch/iommu.h>
#include <arch/timer.h>
#include <common/string.h>
#include <counters.h>
#include <debug.h>
#include <sched.h>
#include <syscall.h>
#include <system.h>

#define LOG_READ_MAX 2048

static struct object the_object = {.type = OBJECT_SYSTEM, .references = 1};
struct object *system_object = &the_object;

const struct boot_info *system_boot;
static uint64_t started_ns;

void system_init(const struct boot_info *info) {
    system_boot = info;
    the_object.account = account_root;
    started_ns = time_now();
}

static void describe_system(struct system_info *out) {
    *out = (struct system_info){
        .version = AXOLOTL_VERSION,
        .build = "x86-64",
        .memory_total = system_boot->memory_total,
        .memory_free = frame_free_count() * PAGE_SIZE,
        .memory_kernel = system_boot->memory_kernel,
        .boot_ns = started_ns,
        .calls = counters.calls,
        .commits = counters.commits,
        .dirty_pages = counters.dirty_pages,
        .irqs = counters.irqs,
        .faults = counters.faults,
        .resets = counters.resets,
        .unknown_calls = counters.unknown_calls,
        .cpus = cpu_count,
        .tsc_at_entry = clock.tsc_base,
        .log_head = log_head(),
    };
    for (uint32_t id = 0; id < cpu_count; id++) {
        out->switches += cpu_table[id]->switches;
    }
    out->tasks = (uint32_t)list_length(&task_all);
}

static status_t describe_task(uint32_t index, struct task_info *out) {
    LIST_FOR_EACH(link, &task_all) {
        if (index-- == 0) {
            task_describe(LIST_ENTRY(link, struct task, all_link), out);
            return OK;
        }
    }
    return E_NOT_FOUND;
}

static status_t describe_handle(struct handle_table *table, uint32_t slot,
                                struct handle_info *out) {
    const struct handle_entry *entry = handle_table_next(table, &slot);
    if (entry == NULL) {
        return E_NOT_FOUND;
    }
    *out = (struct handle_info){
        .handle = (slot - 1) | ((handle_t)entry->generation << 16),
        .type = entry->object->type,
        .rights = entry->rights,
        .initial = (entry->flags & ENTRY_INITIAL) != 0,
        .object_id = entry->object->id,
        .account_id = entry->object->account->object.id,
    };
    return OK;
}

static status_t describe_cpu(uint32_t index, struct cpu_info *out) {
    if (index >= cpu_count) {
        return E_NOT_FOUND;
    }
    const struct cpu *cpu = cpu_table[index];
    uint64_t idle = cpu->arch.current == NULL ? rdtsc() - cpu->switch_ticks : 0;
    *out = (struct cpu_info){
        .id = index,
        .apic_id = cpu->arch.apic_id,
        .idle_ns = ticks_to_ns(cpu->idle_ticks + idle),
        .switches = cpu->switches,
        .ipis = cpu->arch.count_ipi,
        .interrupts = cpu->arch.count_interrupt,
    };
    return OK;
}

int64_t sys_system_info(struct thread *thread) {
    union {
        struct system_info system;
        struct task_info task;
        struct irq_info irq;
        struct cpu_info cpu;
        struct handle_info handle;
    } answer;
    uint32_t index = (uint32_t)ARG(2);
    size_t size;
    memset(&answer, 0, sizeof(answer));
    switch ((uint32_t)ARG(1)) {
    case INFO_SYSTEM:
        size = sizeof(answer.system);
        describe_system(&answer.system);
        break;
    case INFO_TASK:
        size = sizeof(answer.task);
        TRY(describe_task(index, &answer.task));
        break;
    case INFO_IRQ:
        size = sizeof(answer.irq);
        TRY(irq_describe(index, &answer.irq));
        break;
    case INFO_CPU:
        size = sizeof(answer.cpu);
        TRY(describe_cpu(index, &answer.cpu));
        break;
    case INFO_HANDLE:
        size = sizeof(answer.handle);
        TRY(describe_handle(&thread->task->handles, index, &answer.handle));
        break;
    default:
        return E_INVALID;
    }
    size = ARG(4) < size ? ARG(4) : size;
    TRY(copy_to_user(ARG(3), &answer, size));
    return (int64_t)size;
}

/* Ports that the kernel drives itself. */
static const struct {
    uint16_t first, last;
} own_ports[] = {{0x20, 0x21}, {0xa0, 0xa1}, {0x40, 0x43}, {0xcf8, 0xcf8}, {0xcfc, 0xcff}};

status_t system_ioport(struct account *account, uint64_t base, uint64_t count,
                       struct ioport **out) {
    if (count == 0 || base > 0xffff || count > 0x10000 - base) {
        return E_RANGE;
    }
    for (unsigned i = 0; i < sizeof(own_ports) / sizeof(own_ports[0]); i++) {
        if (base <= own_ports[i].last && base + count > own_ports[i].first) {
            return E_RIGHTS;
        }
    }
    return ioport_create(account, (uint32_t)base, (uint32_t)count, out);
}

status_t system_memory(struct account *account, uint64_t base, uint64_t size, struct memory **out) {
    if (((base | size) & (PAGE_SIZE - 1)) != 0 || size == 0) {
        return E_INVALID;
    }
    if (base >= 1ull << 52 || size > (1ull << 52) - base) {
        return E_RANGE;
    }
    if (boot_memory_reserved(system_boot, base, size)) {
        return E_RIGHTS;
    }
    return memory_create_physical(account, base, size, MEMORY_DEVICE, out);
}

int64_t sys_system_iommu(struct thread *thread) {
    bool registers = !boot_memory_reserved(system_boot, ARG(1), PAGE_SIZE);
    return registers && ARG(1) % PAGE_SIZE == 0 ? iommu_start(ARG(1)) : E_INVALID;
}

int64_t sys_log_write(struct thread *thread) {
    char line[256];
    uint64_t length = ARG(2);
    if (length > sizeof(line)) {
        return E_RANGE;
    }
    TRY(copy_from_user(line, ARG(1), length));
    log_clean(line, length);
    kernel_log("%s: %.*s", thread->task->name, (int)length, line);
    return OK;
}

int64_t sys_log_read(struct thread *thread) {
    char bytes[LOG_READ_MAX];
    uint64_t position = ARG(1), size = ARG(3) < sizeof(bytes) ? ARG(3) : sizeof(bytes);
    size = log_read(&position, bytes, size);
    TRY(copy_to_user(ARG(2), bytes, size));
    thread->context.rdi = position;
    return (int64_t)size;
}
