/* SPDX-License-Identifier: MIT
 * Start-up of the boot CPU in C: from boot.asm to kernel_main, and arch_init_late.
 */
#include <debug.h>

#include "acpi.h"
#include "console.h"
#include "machine.h"
#include "multiboot.h"

#define LOW_RESERVED 0x100000u /* BIOS data, video memory, the trampoline */
#define TRAMPOLINE_LOWEST 0x1000u
#define TRAMPOLINE_END 0xa0000u
#define KERNEL_OWNED_SIZE 0x1000u

extern const char image_start[], image_end[];

struct acpi_info acpi;
phys_t trampoline_page;

/* A free page below 640 KiB, where the loader may have put modules. 0: none, hence one CPU. */
static phys_t low_page(void) {
    for (uint32_t i = 0; i < boot_info.range_count; i++) {
        phys_t start = boot_info.ranges[i].start;
        start = start < TRAMPOLINE_LOWEST ? TRAMPOLINE_LOWEST : start;
        if (start < boot_info.ranges[i].end && start < TRAMPOLINE_END) {
            return start;
        }
    }
    return 0;
}

static void memory_reserve(phys_t image) {
    boot_range_remove(&boot_info, image, image + (uint64_t)(image_end - image_start));
    boot_info.memory_kernel = (uint64_t)(image_end - image_start);
    for (uint32_t i = 0; i < boot_info.module_count; i++) {
        const struct boot_module_info *module = &boot_info.modules[i];
        boot_range_remove(&boot_info, module->start, module->start + module->size);
    }
    trampoline_page = low_page();
    boot_range_remove(&boot_info, 0, LOW_RESERVED);
}

static bool overlaps(phys_t start, uint64_t size, phys_t other, uint64_t other_size) {
    return start < other + other_size && other < start + size;
}

bool boot_memory_reserved(const struct boot_info *info, phys_t start, uint64_t size) {
    if (start + size < start) {
        return true;
    }
    for (uint32_t i = 0; i < info->ram_count; i++) {
        if (overlaps(start, size, info->ram[i].start, info->ram[i].end - info->ram[i].start)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < acpi.io_apic_count; i++) {
        if (overlaps(start, size, acpi.io_apics[i].address, KERNEL_OWNED_SIZE)) {
            return true;
        }
    }
    return overlaps(start, size, 0xfec00000, KERNEL_OWNED_SIZE) ||
           overlaps(start, size, 0xfee00000, 0x100000) ||
           overlaps(start, size, acpi.ecam, acpi.ecam_size) ||
           (acpi.hpet != 0 && overlaps(start, size, acpi.hpet, KERNEL_OWNED_SIZE));
}

/* One struct cpu for each processor that the MADT lists, made while boot memory can be taken. */
static void cpus_create(void) {
    uint32_t count = acpi.cpu_count == 0 ? 1 : acpi.cpu_count;
    for (uint32_t id = 0; id < count; id++) {
        cpu_create(id);
    }
}

const struct boot_info *arch_start(uint32_t magic, phys_t information, phys_t image) {
    console_init();
    kernel_log("Axolotl starts, image at 0x%lx", image);
    if (magic != MULTIBOOT_LOADER_MAGIC) {
        panic("not started by a Multiboot2 loader (magic 0x%x)", magic);
    }
    cpu_features_detect();
    const void *data = phys_to_virt(information);
    multiboot_parse(&boot_info, data, *(const uint32_t *)data);
    memory_reserve(image);
    layout_init(image);
    acpi_parse(&acpi, boot_info.rsdp_copy);
    boot_info.rsdp = acpi.root;
    cpus_create();
    cpu_init(cpu_table[0]);
    log_boot(&boot_info);
    return &boot_info;
}

void arch_init_late(void) {
    apic_init();
    timer_init();
    smp_start();
}
