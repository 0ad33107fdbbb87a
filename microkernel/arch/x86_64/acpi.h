/* SPDX-License-Identifier: MIT
 * Reader of the static ACPI tables that the kernel needs: MADT, HPET, FADT, MCFG. No AML.
 */
#pragma once

#include <arch/irq.h>

#define ACPI_IO_APICS 8
#define ISA_LINES 16u

struct acpi_io_apic {
    phys_t address;
    uint32_t gsi_base;
};

struct acpi_info {
    phys_t root; /* XSDT or RSDT; 0: none that is valid */
    bool madt;   /* there is one */
    uint32_t cpu_count;
    uint32_t apic_ids[CPU_MAX]; /* enabled processors, in MADT order */
    uint32_t io_apic_count;
    struct acpi_io_apic io_apics[ACPI_IO_APICS];
    struct irq_line isa[ISA_LINES]; /* with the overrides */
    phys_t hpet;
    phys_t ecam;            /* memory-mapped configuration space of PCI segment 0 from bus 0 on */
    uint64_t ecam_size;     /* 0: none */
    uint16_t pm_timer_port; /* 0: none */
};
extern struct acpi_info acpi;

/* Pointer to `size` bytes of physical memory for reading; NULL if they can't be there. */
const void *acpi_memory(phys_t address, size_t size);

/* Fills *info (zeroed) from the RSDP. Broken tables are skipped. */
void acpi_parse(struct acpi_info *info, const uint8_t rsdp[40]);
