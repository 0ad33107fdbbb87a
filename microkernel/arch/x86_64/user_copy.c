/* SPDX-License-Identifier: MIT
 * Checked access to user memory; the copying itself is in entry.asm, the faults in trap.c.
 */
#include <arch/user_copy.h>

status_t user_copy(void *to, const void *from, size_t size);

status_t copy_from_user(void *to, uint64_t from, size_t size) {
    return user_range_ok(from, size) ? user_copy(to, (const void *)(uintptr_t)from, size) : E_FAULT;
}

status_t copy_to_user(uint64_t to, const void *from, size_t size) {
    return user_range_ok(to, size) ? user_copy((void *)(uintptr_t)to, from, size) : E_FAULT;
}
