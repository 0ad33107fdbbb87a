/* SPDX-License-Identifier: MIT
 * Host stand-in: physical memory is one array.
 */
#pragma once

#include <stdint.h>

extern unsigned char *host_ram;

static inline void *phys_to_virt(uint64_t address) {
    return host_ram + address;
}

static inline uint64_t virt_to_phys(const void *pointer) {
    return (uint64_t)((const unsigned char *)pointer - host_ram);
}
