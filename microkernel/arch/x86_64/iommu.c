/* SPDX-License-Identifier: MIT
 * Intel VT-d (Virtualization Technology for Directed I/O, 3.3; sections in brackets), legacy mode.
 * A device's table is the lower half of an address space, whose entries mean the same to a unit
 * [9.8]. All units share the root table. Changes are rare, so each forgets all that is cached.
 */
#include <account.h>
#include <arch/hooks.h>
#include <arch/iommu.h>
#include <common/string.h>

#include "machine.h"

/* Registers [11.4] in words of 32 bits; CONTEXT is the upper half. */
enum { VERSION = 0, CAPABILITY = 2, EXTENDED = 4, COMMAND = 6, STATUS, ROOT, CONTEXT = 11 };
#define TRANSLATE (1u << 31)
#define SET_ROOT (1u << 30)
#define COHERENT 1u
#define BUSY (1u << 31)
#define CONTEXT_GLOBAL (BUSY | 1u << 29)
#define IOTLB_GLOBAL (BUSY | 1u << 28 | 3u << 16) /* reads and writes drained */
#define UNITS 8

static volatile uint32_t *units[UNITS];
static uint32_t width; /* of addresses: 1: 39 bits, 2: 48 bits */
uint32_t iommu_units;
static _Alignas(PAGE_SIZE) uint64_t root[512];

static void command(volatile uint32_t *to, uint32_t value, const volatile uint32_t *from,
                    uint32_t mask, uint32_t answer) {
    *to = value;
    while ((*from & mask) != answer) {
        cpu_relax();
    }
}

void iommu_flush(void) {
    for (uint32_t i = 0; i < iommu_units; i++) {
        volatile uint32_t *unit = units[i], *iotlb = unit + (unit[EXTENDED] >> 8 & 0x3ff) * 4 + 3;
        if ((unit[EXTENDED] & COHERENT) == 0) {
            __asm__ volatile("wbinvd" ::: "memory");
        }
        command(&unit[CONTEXT], CONTEXT_GLOBAL, &unit[CONTEXT], BUSY, 0);
        command(iotlb, IOTLB_GLOBAL, iotlb, BUSY, 0);
    }
}

status_t iommu_start(phys_t registers) {
    volatile uint32_t *unit = arch_map_device(registers, PAGE_SIZE);
    for (uint32_t i = 0; i < iommu_units; i++) {
        if (units[i] == unit) {
            return OK;
        }
    }
    uint32_t wanted = iommu_units == 0 ? 3 : width, major = unit != NULL ? unit[VERSION] >> 4 : 0;
    uint32_t widths = major >= 1 && major <= 5 ? unit[CAPABILITY] >> 9 & wanted : 0;
    if (widths == 0 || iommu_units == UNITS || unit[STATUS] != 0) {
        return E_UNSUPPORTED; /* 6 has no invalidation by registers; or the firmware uses it */
    }
    width = widths & -widths;
    units[iommu_units++] = unit;
    unit[ROOT] = (uint32_t)kernel_virt_to_phys(root);
    unit[ROOT + 1] = (uint32_t)(kernel_virt_to_phys(root) >> 32);
    command(&unit[COMMAND], SET_ROOT, &unit[STATUS], SET_ROOT, SET_ROOT);
    iommu_flush();
    command(&unit[COMMAND], TRANSLATE, &unit[STATUS], TRANSLATE, TRANSLATE);
    return OK;
}

status_t iommu_confine(uint32_t name, const struct arch_space *space) {
    uint64_t *bus = &root[(name >> 8 & 0xff) * 2], *top = phys_to_virt(space->root), entry = 0;
    phys_t table = *bus != 0 ? *bus & PTE_ADDRESS : page_table_alloc(account_root);
    if (table == 0) {
        return E_QUOTA;
    }
    *bus = table | PTE_PRESENT;
    uint64_t *context = (uint64_t *)phys_to_virt(table) + (name & 0xff) * 2;
    if (space->root != 0) {
        memset(&top[256], 0, 256 * sizeof(top[0])); /* the kernel's half */
        context[1] = name >> 16 << 8 | width;
        entry = (width == 2 ? space->root : top[0] & PTE_ADDRESS) | PTE_PRESENT;
    }
    context[0] = entry;
    iommu_flush();
    return OK;
}
