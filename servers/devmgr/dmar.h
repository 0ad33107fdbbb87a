/* SPDX-License-Identifier: MIT
 * The ACPI table DMAR (VT-d 3.3, chapter 8): where the units of the IOMMU are. Free of IPC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <axolotl/abi.h>

#define DMAR_UNITS 8
#define DMAR_SIZE 4096u /* longer tables are not read */

struct dmar {
    uint32_t unit_count;
    uint64_t units[DMAR_UNITS]; /* physical addresses of their registers */
    bool firmware;              /* the firmware wants memory reserved for devices of its own */
};

/* Reads physical memory; a status. */
typedef status_t dmar_read(uint64_t physical, void *to, size_t size);

/* Finds the table from the root pointer (40 bytes). E_NOT_FOUND: there is none; E_CHECKSUM: it is
 * damaged; E_UNSUPPORTED: too long, too many units, or one of another PCI segment. */
status_t dmar_find(dmar_read *read, const uint8_t rsdp[40], struct dmar *dmar);
