/* SPDX-License-Identifier: MIT
 * Table from page index to frame: an array for small memories, two levels above that.
 */
#pragma once

#include <kmem.h>
#include <memory.h>

/* Bytes of the first level. */
static inline size_t frame_table_root_size(uint64_t pages) {
    return 8 * (pages <= MEMORY_DIRECT_PAGES
                    ? pages
                    : (pages + MEMORY_DIRECT_PAGES - 1) / MEMORY_DIRECT_PAGES);
}

/* The entry, or NULL if its second level is absent and `account` is NULL or can't pay. */
uint64_t *frame_table_entry(uint64_t *table, uint64_t pages, uint64_t index,
                            struct account *account);
/* Frees second levels and root; the frames themselves are the caller's. */
void frame_table_destroy(uint64_t *table, uint64_t pages, struct account *account);
