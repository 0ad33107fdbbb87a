/* SPDX-License-Identifier: MIT
 * Access to the memory of the loaded address space (arch_cpu.space). A fault calls vm_fault
 * (hooks.h) and tries again if that resolved it. E_FAULT: bad range or unresolved; bytes before the
 * fault may have been copied.
 */
#pragma once

#include <arch/types.h>

MUST_CHECK status_t copy_from_user(void *to, uint64_t from, size_t size);
MUST_CHECK status_t copy_to_user(uint64_t to, const void *from, size_t size);

/* The range lies in user space and does not wrap. size 0 is valid for any address. */
static inline bool user_range_ok(uint64_t address, size_t size) {
    return size == 0 ||
           (address >= USER_LOWEST && address < USER_HIGHEST && size <= USER_HIGHEST - address);
}
