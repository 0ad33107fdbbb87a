/* SPDX-License-Identifier: MIT
 * Local APIC (xAPIC, or x2APIC where the firmware left it on), I/O APICs, and the routing of device
 * interrupts to vectors. Lock: the kernel lock; registers of the local APIC belong to their CPU.
 */
#include <arch/hooks.h>
#include <arch/port.h>
#include <debug.h>

#include "acpi.h"
#include "machine.h"

#define COMMAND_PENDING 0x1000u
#define DIVIDE_BY_1 0xbu
#define APIC_BASE_ENABLE 0x800u
#define APIC_BASE_X2 0x400u

#define IO_APIC_VERSION 1u
#define IO_APIC_REDIRECTION 0x10u
#define REDIRECTION_LOW_ACTIVE 0x2000u
#define REDIRECTION_LEVEL 0x8000u
#define REDIRECTION_MASKED 0x10000u

#define LINES (IRQ_VECTOR_END - IRQ_VECTOR_FIRST)
#define GSI_NONE (~0u)

struct line {
    bool used;
    struct irq_line wired; /* gsi GSI_NONE: message-signalled */
};

struct io_apic {
    volatile uint32_t *registers;
    uint32_t gsi_base, count;
};

static struct line lines[LINES]; /* of vector IRQ_VECTOR_FIRST + index */
static struct io_apic io_apics[ACPI_IO_APICS];
static uint32_t io_apic_count;
static volatile uint32_t *lapic; /* NULL: x2APIC */

uint32_t lapic_read(uint32_t offset) {
    return lapic != NULL ? lapic[offset / 4] : (uint32_t)msr_read(MSR_X2APIC + offset / 16);
}

void lapic_write(uint32_t offset, uint32_t value) {
    if (LIKELY(lapic != NULL)) {
        lapic[offset / 4] = value;
    } else {
        msr_write(MSR_X2APIC + offset / 16, value);
    }
}

void apic_eoi(void) {
    lapic_write(LAPIC_EOI, 0);
}

void apic_send(uint32_t apic_id, uint32_t command) {
    if (lapic == NULL) {
        msr_write(MSR_X2APIC + LAPIC_COMMAND / 16, (uint64_t)apic_id << 32 | command);
        return;
    }
    while ((lapic_read(LAPIC_COMMAND) & COMMAND_PENDING) != 0) {
        cpu_relax();
    }
    lapic_write(LAPIC_COMMAND_HIGH, apic_id << 24);
    lapic_write(LAPIC_COMMAND, command);
}

void apic_cpu_init(void) {
    lapic_write(LAPIC_TASK_PRIORITY, 0);
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, cpu_id() == 0 ? LVT_NMI : LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | VECTOR_SPURIOUS);
    uint32_t id = lapic_read(LAPIC_ID);
    arch_cpu_self()->apic_id = lapic != NULL ? id >> 24 : id;
}

/* ---- I/O APIC -------------------------------------------------------------------------------- */

static uint32_t io_apic_read(const struct io_apic *apic, uint32_t index) {
    apic->registers[0] = index;
    return apic->registers[4];
}

static void io_apic_write(const struct io_apic *apic, uint32_t index, uint32_t value) {
    apic->registers[0] = index;
    apic->registers[4] = value;
}

static const struct io_apic *io_apic_of(uint32_t gsi) {
    for (uint32_t i = 0; i < io_apic_count; i++) {
        if (gsi - io_apics[i].gsi_base < io_apics[i].count) {
            return &io_apics[i];
        }
    }
    return NULL;
}

static void io_apic_add(phys_t address, uint32_t gsi_base) {
    struct io_apic *apic = &io_apics[io_apic_count];
    apic->registers = arch_map_device(address, PAGE_SIZE);
    if (apic->registers == NULL) {
        return;
    }
    uint32_t version = io_apic_read(apic, IO_APIC_VERSION);
    if (version == ~0u || (version & 0xff) == 0) {
        return;
    }
    apic->gsi_base = gsi_base;
    apic->count = (version >> 16 & 0xff) + 1;
    for (uint32_t i = 0; i < apic->count; i++) {
        io_apic_write(apic, IO_APIC_REDIRECTION + 2 * i, REDIRECTION_MASKED);
    }
    io_apic_count++;
}

/* Both 8259 chips masked. Even so they may raise spurious interrupts, on vectors of their own. */
static void pic_disable(void) {
    static const uint8_t words[] = {0x11, VECTOR_LEGACY, 4, 1, 0xff};
    static const uint8_t second[] = {0x11, VECTOR_LEGACY + 8, 2, 1, 0xff};
    for (unsigned i = 0; i < sizeof(words); i++) {
        port_out8(i == 0 ? 0x20 : 0x21, words[i]);
        port_out8(i == 0 ? 0xa0 : 0xa1, second[i]);
    }
}

void apic_init(void) {
    uint64_t base = msr_read(MSR_APIC_BASE);
    if ((base & APIC_BASE_X2) == 0) {
        msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
        lapic = arch_map_device(base & PTE_ADDRESS, PAGE_SIZE);
        ASSERT(lapic != NULL);
    }
    for (uint32_t i = 0; i < acpi.io_apic_count; i++) {
        io_apic_add(acpi.io_apics[i].address, acpi.io_apics[i].gsi_base);
    }
    if (!acpi.madt) { /* the place where chipsets have it, if it is there */
        io_apic_add(0xfec00000, 0);
    }
    if (io_apic_count == 0) {
        panic("there is no I/O APIC");
    }
    pic_disable();
    apic_cpu_init();
    kernel_log("interrupts: %s, %u I/O APICs", lapic != NULL ? "xAPIC" : "x2APIC", io_apic_count);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static inline uint32_t line_vector(const struct line *line) {
    return IRQ_VECTOR_FIRST + (uint32_t)(line - lines);
}

static void redirection_write(const struct line *line, uint32_t flags) {
    const struct io_apic *apic = io_apic_of(line->wired.gsi);
    if (apic != NULL) {
        flags |= line_vector(line) | (line->wired.level ? REDIRECTION_LEVEL : 0) |
                 (line->wired.active_low ? REDIRECTION_LOW_ACTIVE : 0);
        io_apic_write(apic, IO_APIC_REDIRECTION + 2 * (line->wired.gsi - apic->gsi_base), flags);
    }
}

void irq_isa_line(uint32_t isa, struct irq_line *line) {
    *line = acpi.isa[isa];
}

/* The one that is in use for the GSI, or one that is free. */
static struct line *line_find(bool used, uint32_t gsi) {
    for (struct line *line = lines; line < lines + LINES; line++) {
        if (line->used == used && (!used || line->wired.gsi == gsi)) {
            return line;
        }
    }
    return NULL;
}

status_t irq_route(const struct irq_line *wanted, uint32_t *vector) {
    const struct io_apic *apic = io_apic_of(wanted->gsi);
    if (apic == NULL) {
        return E_NOT_FOUND;
    }
    if (line_find(true, wanted->gsi) != NULL) {
        return E_BUSY;
    }
    struct line *line = line_find(false, GSI_NONE);
    if (line == NULL) {
        return E_NO_SPACE;
    }
    *line = (struct line){true, *wanted};
    uint32_t high = IO_APIC_REDIRECTION + 2 * (wanted->gsi - apic->gsi_base) + 1;
    io_apic_write(apic, high, ((struct arch_cpu *)cpu_table[0])->apic_id << 24);
    redirection_write(line, REDIRECTION_MASKED);
    *vector = line_vector(line);
    return OK;
}

status_t irq_route_message(uint32_t *vector, uint64_t *address, uint32_t *data) {
    struct line *line = line_find(false, GSI_NONE);
    if (line == NULL) {
        return E_NO_SPACE;
    }
    *line = (struct line){true, {.gsi = GSI_NONE}};
    *vector = line_vector(line);
    *address = 0xfee00000u | (uint64_t)((struct arch_cpu *)cpu_table[0])->apic_id << 12;
    *data = *vector;
    return OK;
}

void irq_mask(uint32_t vector, bool masked) {
    const struct line *line = &lines[vector - IRQ_VECTOR_FIRST];
    if (line->used && line->wired.gsi != GSI_NONE) {
        redirection_write(line, masked ? REDIRECTION_MASKED : 0);
    }
}

void irq_release(uint32_t vector) {
    irq_mask(vector, true);
    lines[vector - IRQ_VECTOR_FIRST].used = false;
}

uint32_t irq_gsi(uint32_t vector) {
    return lines[vector - IRQ_VECTOR_FIRST].wired.gsi;
}

void irq_interrupt(uint32_t vector) {
    if (vector < IRQ_VECTOR_FIRST || vector >= IRQ_VECTOR_END) {
        return; /* spurious: the local APIC's, or a masked 8259's; no acknowledgement */
    }
    const struct line *line = &lines[vector - IRQ_VECTOR_FIRST];
    if (line->wired.level) {
        irq_mask(vector, true); /* before the EOI, or it would come again at once */
    }
    apic_eoi();
    if (line->used) {
        irq_handle(vector);
    }
}
