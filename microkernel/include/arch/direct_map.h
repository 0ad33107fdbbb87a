/* SPDX-License-Identifier: MIT
 * All RAM, mapped read-write and never executable.
 */
#pragma once

#include <stdint.h>

#define DIRECT_MAP_BASE 0xffff800000000000ull

/* Pointer to RAM at a physical address, through the direct map. */
static inline void *phys_to_virt(phys_t address) {
    return (void *)(uintptr_t)(DIRECT_MAP_BASE + address);
}

/* Inverse of phys_to_virt; only for pointers into the direct map (not for kernel variables). */
static inline phys_t virt_to_phys(const void *pointer) {
    return (phys_t)(uintptr_t)pointer - DIRECT_MAP_BASE;
}
