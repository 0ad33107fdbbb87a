/* SPDX-License-Identifier: MIT
 * A pretended architecture: page tables are arrays of entries, one CPU, no devices.
 */
#include <arch/boot.h>
#include <arch/hooks.h>
#include <arch/iommu.h>
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/pci.h>
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
static struct cpu the_cpu = {.arch.space = &kernel_space};

struct cpu *cpu_self(void) {
    return &the_cpu;
}

struct thread *cpu_current(void) {
    return the_cpu.arch.current;
}

struct cpu *cpu_table[CPU_MAX] = {&the_cpu};
uint32_t cpu_count = 1;

/* ---- page tables ------------------------------------------------------------------------------
 */

#define ENTRIES 4096

struct table {
    struct {
        uint64_t va;
        uint64_t entry; /* frame | flags; bit 0 present, bit 1 writable, 0x40 dirty */
        uint32_t flags;
    } slots[ENTRIES];
};

static struct table *table_of(const struct arch_space *space) {
    return (struct table *)(void *)space->walk_table;
}

const struct arch_space *host_iommu_space;
uint32_t host_iommu_name, host_pci_address;
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
    if (the_cpu.arch.space == space) {
        the_cpu.arch.space = &kernel_space;
    }
    free(table_of(space));
    page_table_free(space->account, space->root);
    *space = (struct arch_space){0};
}

static int find(const struct arch_space *space, uint64_t va) {
    struct table *table = table_of(space);
    for (int i = 0; table != NULL && i < ENTRIES; i++) {
        if (table->slots[i].entry != 0 && table->slots[i].va == (va & ~(PAGE_SIZE - 1))) {
            return i;
        }
    }
    return -1;
}

status_t arch_map(struct arch_space *space, uint64_t va, phys_t pa, uint32_t flags) {
    struct table *table = table_of(space);
    int slot = find(space, va);
    for (int i = 0; slot < 0 && i < ENTRIES; i++) {
        if (table->slots[i].entry == 0) {
            slot = i;
        }
    }
    if (slot < 0) {
        return E_QUOTA;
    }
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
    for (int i = 0; table != NULL && i < ENTRIES; i++) {
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

volatile void *arch_map_device(phys_t address, size_t size) {
    (void)address, (void)size;
    return NULL;
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
        uint64_t *entry = arch_entry(the_cpu.arch.space, address);
        while (entry == NULL || (store && (*entry & ARCH_ENTRY_WRITE) == 0)) {
            if (!vm_fault(address, store)) {
                return E_FAULT;
            }
            entry = arch_entry(the_cpu.arch.space, address);
        }
        unsigned char *page = phys_to_virt((*entry & ~(PAGE_SIZE - 1)) + within);
        if (store) {
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
    (void)cpu;
}

void arch_stop_cpu(uint32_t cpu) {
    (void)cpu;
    abort(); /* there is only one */
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

void irq_isa_line(uint32_t isa, struct irq_line *line) {
    *line = (struct irq_line){isa, false, false};
}

static bool vectors[IRQ_VECTOR_END];

status_t irq_route(const struct irq_line *line, uint32_t *vector) {
    *vector = IRQ_VECTOR_FIRST + line->gsi % 32;
    if (vectors[*vector]) {
        return E_BUSY;
    }
    vectors[*vector] = true;
    return OK;
}

status_t irq_route_message(uint32_t *vector, uint64_t *address, uint32_t *data) {
    (void)vector, (void)address, (void)data;
    return E_NO_SPACE;
}

void irq_release(uint32_t vector) {
    vectors[vector] = false;
}

void irq_mask(uint32_t vector, bool masked) {
    (void)vector, (void)masked;
}

uint32_t irq_gsi(uint32_t vector) {
    return vector - IRQ_VECTOR_FIRST;
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

uint32_t pci_config_read(uint32_t address, uint32_t offset, unsigned width) {
    if (address == host_pci_address && address != 0) {
        return 0;
    }
    (void)offset;
    return width == 4 ? ~0u : (1u << width * 8) - 1;
}

void pci_config_write(uint32_t address, uint32_t offset, unsigned width, uint32_t value) {
    (void)address, (void)offset, (void)width, (void)value;
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

void kernel_log(const char *text, ...) {
    (void)text;
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
