/* SPDX-License-Identifier: MIT
 * Frame tables.
 */
#include "frame_table.h"

uint64_t *frame_table_entry(uint64_t *table, uint64_t pages, uint64_t index,
                            struct account *account) {
    if (pages <= MEMORY_DIRECT_PAGES) {
        return &table[index];
    }
    uint64_t *root = &table[index / MEMORY_DIRECT_PAGES];
    if (*root == 0) {
        void *level = account == NULL ? NULL : kmem_alloc(account, PAGE_SIZE);
        if (level == NULL) {
            return NULL;
        }
        *root = (uint64_t)(uintptr_t)level;
    }
    return &((uint64_t *)(uintptr_t)*root)[index % MEMORY_DIRECT_PAGES];
}

void frame_table_destroy(uint64_t *table, uint64_t pages, struct account *account) {
    if (pages > MEMORY_DIRECT_PAGES) {
        for (uint64_t i = 0; i < frame_table_root_size(pages) / 8; i++) {
            if (table[i] != 0) {
                kmem_free(account, (void *)(uintptr_t)table[i], PAGE_SIZE);
            }
        }
    }
    kmem_free(account, table, frame_table_root_size(pages));
}
