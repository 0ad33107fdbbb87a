/* SPDX-License-Identifier: MIT
 * The IOMMU, as far as it is not the kernel's (docs/spec/iommu.md): finds the units, has the kernel
 * put them in force, and reports accesses that they have blocked.
 */
#pragma once

#include <ipc/records.h>

#include "dmar.h"
#include "pci.h"

#define BIT_TIMER 1u

struct remap {
    bool confined; /* every unit is in force */
    uint32_t unit_count;
    uint64_t units[DMAR_UNITS];     /* physical addresses */
    handle_t registers[DMAR_UNITS]; /* memory */
    handle_t timer;
    uint32_t blocked[PCI_FUNCTIONS]; /* accesses of each function, as far as counted */
};

/* In a new instance: says in the log whether DMA is confined. */
void remap_create(struct remap *remap);
/* At every start. */
void remap_start(struct remap *remap);
/* After BIT_TIMER: takes the blocked accesses, and sets the timer again. */
void remap_poll(struct remap *remap, const struct pci_table *table);
