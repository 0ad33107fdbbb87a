/* SPDX-License-Identifier: MIT
 * What the boot loader and the firmware told, copied into kernel memory and checked.
 */
#pragma once

#include <arch/types.h>

#define BOOT_RANGES 64

struct boot_range {
    phys_t start, end; /* page-aligned, end exclusive */
};

struct boot_module_info {
    phys_t start;
    uint64_t size;     /* bytes; start need not be page-aligned (GRUB does align) */
    char command[128]; /* module2's text: name and arguments; cut if longer */
};

struct boot_info {
    char command_line[BOOT_COMMAND_LINE];
    bool verbose; /* the word "verbose" is on the command line */
    bool uefi;
    uint32_t range_count, module_count;
    /* RAM that is free for the frame allocator: without the kernel, the modules, the first MiB,
     * ACPI tables and what the architecture took. Sorted, disjoint, page-aligned. */
    struct boot_range ranges[BOOT_RANGES];
    struct boot_module_info modules[BOOT_MODULES];
    /* All RAM the firmware lists as usable, before anything was taken: SYSTEM_MEMORY refuses it. */
    uint32_t ram_count;
    struct boot_range ram[BOOT_RANGES];
    uint64_t memory_total;  /* bytes in ram[] */
    uint64_t memory_kernel; /* kernel image and boot-time tables */
    phys_t memory_end;      /* end of the highest range: the direct map reaches to here */
    struct framebuffer_info framebuffer;
    phys_t rsdp; /* physical address of the root table (XSDT or RSDT), 0: no ACPI */
    uint8_t rsdp_copy[40];
};

/* Whether [start, start+size) touches RAM, or registers that the kernel keeps (APICs, HPET). */
bool boot_memory_reserved(const struct boot_info *info, phys_t start, uint64_t size);

/* Second part of start-up, called by kernel_main when the frame allocator works: APICs, timer and
 * clock, then the application processors, each of which calls reschedule_interrupt. */
void arch_init_late(void);
