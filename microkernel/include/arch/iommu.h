/* SPDX-License-Identifier: MIT
 * DMA remapping: which memory a device reaches. Kernel lock held.
 */
#pragma once

#include <arch/paging.h>

/* Puts the unit with these registers in force, for good: what it sees of the devices is blocked.
 * Nothing happens when it is already. E_UNSUPPORTED: no unit, of an unknown kind, in use, or one
 * too many. */
MUST_CHECK status_t iommu_start(phys_t registers);
extern uint32_t iommu_units; /* in force */

/* The device of this name (see device_create) reaches what the space maps, nothing if that has no
 * tables. What was mapped before the call counts. E_QUOTA. */
status_t iommu_confine(uint32_t name, const struct arch_space *space);

/* Forgets what the units have cached. On return no access to what was unmapped is on its way. */
void iommu_flush(void);
