/* SPDX-License-Identifier: MIT
 * A pretended architecture: page tables are arrays of entries, one CPU or two, of which the tests
 * say which one the kernel runs on.
 */
#include <arch/boot.h>
#include <arch/hooks.h>
#include <arch/iommu.h>
#include <arch/paging.h>
#include <arch/port.h>
#include <arch/switch.h>
#include <arch/timer.h>
#include <arch/user_copy.h>
#include <debug.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

uint64_t host_ticks = 1000;
unsigned char *host_ram;
struct clock clock = {.mult = 1ull << 32, .tsc_hz = 1000000000};
struct arch_space kernel_space;
static struct cpu cpus[HOST_CPUS] = {
    {.arch = {.space = &kernel_space, .bit = 1}},
    {.arch = {.space = &kernel_space, .bit = 2, .id = 1}},
};
static struct cpu *here = &cpus[0];
static bool rescheduled[HOST_CPUS]; /* an arch_send_reschedule that has not come yet */

struct cpu *cpu_self(void) {
    return here;
}

struct thread *cpu_current(void) {
    return here->arch.current;
}

struct cpu *cpu_table[CPU_MAX] = {&cpus[0], &cpus[1]};
uint32_t cpu_count = 1;

void host_cpu_enter(uint32_t id) {
    here = &cpus[id];
    if (here->arch.resched_forced != 0) {
        rescheduled[id] = false;
        schedule_forced();
    } else if (rescheduled[id]) {
        rescheduled[id] = false;
        reschedule_interrupt();
    }
}

/* ---- page tables ------------------------------------------------------------------------------
 */

#define ENTRIES 4096

struct table {
    int end; /* no slot in use from here on */
    struct {
        uint64_t va;
        uint64_t entry; /* frame | flags; bit 0 present, bit 1 writable, 0x40 dirty */
        uint32_t flags;
    } slots[ENTRIES];
};

/* The real ones read whatever is in frame 0 when there is no root. */
static struct table *table_of(const struct arch_space *space) {
    if (space->root == 0) {
        abort();
    }
    return (struct table *)(void *)space->walk_table;
}

const struct arch_space *host_iommu_space;
uint32_t host_iommu_name;
uint64_t host_iommu_free;

status_t arch_space_create(struct arch_space *space, struct account *account) {
    phys_t root = page_table_alloc(account);
    if (root == 0) {
        return E_QUOTA;
    }
    *space = (struct arch_space){.root = root, .account = account};
    struct table *table = calloc(1, sizeof(*table));
    space->walk_table = (uint64_t *)(void *)table;
    return OK;
}

void arch_space_destroy(struct arch_space *space) {
    if (space->root == 0) {
        return;
    }
    for (unsigned i = 0; i < HOST_CPUS; i++) {
        if (cpus[i].arch.space == space) {
            cpus[i].arch.space = &kernel_space;
        }
    }
    free(table_of(space));
    page_table_free(space->account, space->root);
    *space = (struct arch_space){0};
}

static int find(const struct arch_space *space, uint64_t va) {
    struct table *table = table_of(space);
    for (int i = 0; i < table->end; i++) {
        if (table->slots[i].entry != 0 && table->slots[i].va == (va & ~(PAGE_SIZE - 1))) {
            return i;
        }
    }
    return -1;
}

unsigned host_map_fails;

status_t arch_map(struct arch_space *space, uint64_t va, phys_t pa, uint32_t flags) {
    struct table *table = table_of(space);
    int slot = find(space, va);
    if (host_map_fails != 0 && --host_map_fails == 0) {
        return E_QUOTA;
    }
    for (int i = 0; slot < 0 && i < ENTRIES; i++) {
        if (table->slots[i].entry == 0) {
            slot = i;
        }
    }
    if (slot < 0) {
        return E_QUOTA;
    }
    table->end = slot < table->end ? table->end : slot + 1;
    table->slots[slot].va = va;
    table->slots[slot].flags = flags;
    table->slots[slot].entry = pa | 1 | ((flags & PAGE_WRITE) != 0 ? ARCH_ENTRY_WRITE : 0);
    return OK;
}

bool host_mapped(struct arch_space *space, uint64_t va, uint32_t rights) {
    int slot = find(space, va);
    return slot >= 0 && (table_of(space)->slots[slot].flags & rights) == rights &&
           ((rights & PAGE_WRITE) == 0 ||
            (table_of(space)->slots[slot].entry & ARCH_ENTRY_WRITE) != 0);
}

bool arch_unmap(struct arch_space *space, uint64_t va) {
    int slot = find(space, va);
    if (slot >= 0) {
        table_of(space)->slots[slot].entry = 0;
    }
    return slot >= 0;
}

uint64_t *arch_entry(struct arch_space *space, uint64_t va) {
    int slot = find(space, va);
    return slot < 0 ? NULL : &table_of(space)->slots[slot].entry;
}

uint64_t arch_next_mapped(struct arch_space *space, uint64_t start, uint64_t end) {
    struct table *table = table_of(space);
    uint64_t best = end;
    for (int i = 0; i < table->end; i++) {
        if (table->slots[i].entry != 0 && table->slots[i].va >= start &&
            table->slots[i].va < best) {
            best = table->slots[i].va;
        }
    }
    return best;
}

void arch_shootdown(struct arch_space *space, uint64_t va, size_t pages) {
    (void)space, (void)va, (void)pages;
}

/* ---- user memory ------------------------------------------------------------------------------
 */

static status_t user_access(uint64_t address, void *buffer, size_t size, bool store) {
    unsigned char *bytes = buffer;
    if (!user_range_ok(address, size)) {
        return E_FAULT;
    }
    while (size > 0) {
        uint64_t within = address % PAGE_SIZE;
        size_t step = PAGE_SIZE - within < size ? PAGE_SIZE - within : size;
        uint64_t *entry = arch_entry(here->arch.space, address);
        while (entry == NULL || (store && (*entry & ARCH_ENTRY_WRITE) == 0)) {
            if (!vm_fault(address, store)) {
                return E_FAULT;
            }
            entry = arch_entry(here->arch.space, address);
        }
        phys_t frame = *entry & ~(PAGE_SIZE - 1);
        unsigned char *page = phys_to_virt(frame + within);
        if (frame >= HOST_RAM) { /* a device: it takes everything and says nothing */
            if (!store) {
                memset(bytes, 0xff, step);
            }
        } else if (store) {
            memcpy(page, bytes, step);
            *entry |= ARCH_ENTRY_DIRTY;
        } else {
            memcpy(bytes, page, step);
        }
        address += step, bytes += step, size -= step;
    }
    return OK;
}

status_t copy_from_user(void *to, uint64_t from, size_t size) {
    return user_access(from, to, size, false);
}

status_t copy_to_user(uint64_t to, const void *from, size_t size) {
    return user_access(to, (void *)(uintptr_t)from, size, true);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

void context_init(struct arch_context *context, uint64_t entry, uint64_t stack, uint64_t argument) {
    void *fpu = context->fpu;
    *context = (struct arch_context){.rip = entry, .rsp = stack, .rdi = argument, .fpu = fpu};
}

status_t context_set_bases(struct arch_context *context, uint64_t fs_base, uint64_t gs_base) {
    if (fs_base >= USER_HIGHEST || gs_base >= USER_HIGHEST) {
        return E_INVALID;
    }
    context->fs_base = fs_base;
    context->gs_base = gs_base;
    return OK;
}

void arch_state_switch(struct arch_cpu *cpu, struct arch_context *next) {
    (void)cpu, (void)next;
}

size_t arch_fpu_area_size(void) {
    return 832;
}

void arch_fpu_reset(struct arch_context *context, bool keep) {
    if (!keep) {
        context->fpu = NULL;
    }
}

void arch_fpu_copy(struct arch_context *to, struct arch_context *from) {
    memcpy(to->fpu, from->fpu, arch_fpu_area_size());
}

void arch_send_reschedule(uint32_t cpu) {
    rescheduled[cpu] = true;
}

void arch_stop_cpu(uint32_t cpu) {
    if (&cpus[cpu] == here) {
        abort();
    } /* else: its thread runs nothing */
}

void timer_program(uint64_t deadline) {
    (void)deadline;
}

/* ---- the rest of the machine
 * --------------------------------------------------------------------- */

static char fifo[256];
static unsigned fifo_length, fifo_next;
char host_port_log[256];
unsigned host_port_log_length;

void host_fifo_put(const char *bytes) {
    fifo_length = (unsigned)strlen(bytes);
    memcpy(fifo, bytes, fifo_length);
    fifo_next = 0;
}

uint32_t port_read(uint16_t port, unsigned width) {
    (void)width;
    if (port == 0x105) { /* status: data ready */
        return fifo_next < fifo_length;
    }
    return port == 0x100 && fifo_next < fifo_length ? (unsigned char)fifo[fifo_next++] : 0xff;
}

void port_write(uint16_t port, unsigned width, uint32_t value) {
    (void)port, (void)width;
    if (host_port_log_length < sizeof(host_port_log) - 1) {
        host_port_log[host_port_log_length++] = (char)value;
    }
}

uint32_t iommu_units;
status_t iommu_start(phys_t registers) {
    (void)registers;
    iommu_units = 1;
    return OK;
}

status_t iommu_confine(uint32_t name, const struct arch_space *space) {
    host_iommu_name = name;
    host_iommu_space = space->root != 0 ? space : NULL;
    iommu_flush();
    return OK;
}

void iommu_flush(void) {
    host_iommu_free = frame_free_count();
}

bool boot_memory_reserved(const struct boot_info *info, phys_t start, uint64_t size) {
    (void)info;
    return start < HOST_RAM && start + size > 0;
}

/* ---- log and panic
 * ------------------------------------------------------------------------------- */

void panic(const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    vfprintf(stderr, text, arguments);
    fputc('\n', stderr);
    abort();
}

char host_log[256];

void kernel_log(const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    vsnprintf(host_log, sizeof(host_log), text, arguments);
    va_end(arguments);
}

void log_clean(char *text, size_t length) {
    (void)text, (void)length;
}

void log_console(bool on) {
    (void)on;
}

uint64_t log_head(void) {
    return 0;
}

size_t log_read(uint64_t *position, char *to, size_t size) {
    (void)position, (void)to, (void)size;
    return 0;
}
