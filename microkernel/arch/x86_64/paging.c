/* SPDX-License-Identifier: MIT
 * User page tables. Lock: the kernel lock. Invariant: walk_table is the table for walk_tag and is
 * still linked; whoever frees a table resets the tag. Kernel entries (256-511 of the root) are
 * copied at creation and never change afterwards in a way that adds root entries.
 */
#include "machine.h"

#include <arch/hooks.h>
#include <arch/paging.h>
#include <arch/switch.h>
#include <common/string.h>

#define WALK_NONE (~0ull)
#define TABLE_BITS (PTE_PRESENT | PTE_WRITE | PTE_USER)

static inline bool address_ok(uint64_t va) {
    return va - USER_LOWEST < USER_HIGHEST - USER_LOWEST;
}

static inline unsigned index_at(uint64_t va, unsigned level) {
    return (unsigned)(va >> (12 + 9 * level)) & 511;
}

static inline uint64_t entry_bits(uint32_t flags) {
    uint64_t bits = PTE_PRESENT | PTE_USER;
    bits |= (flags & PAGE_WRITE) != 0 ? PTE_WRITE : 0;
    bits |= (flags & PAGE_EXECUTE) == 0 ? PTE_NO_EXECUTE : 0;
    if (UNLIKELY((flags & (PAGE_UNCACHED | PAGE_WRITE_COMBINE)) != 0)) {
        bits |= (flags & PAGE_UNCACHED) != 0 ? PTE_UNCACHED : PTE_WRITE_COMBINE;
    }
    return bits;
}

static uint64_t *walk_tables(struct arch_space *space, uint64_t va, bool create) {
    if (!address_ok(va)) {
        return NULL;
    }
    uint64_t *table = phys_to_virt(space->root);
    for (unsigned level = 3; level > 0; level--) {
        uint64_t *entry = &table[index_at(va, level)];
        if ((*entry & PTE_PRESENT) == 0) {
            phys_t page = create ? page_table_alloc(space->account) : 0;
            if (page == 0) {
                return NULL;
            }
            *entry = page | TABLE_BITS;
        }
        table = phys_to_virt(*entry & PTE_ADDRESS);
    }
    space->walk_tag = va >> 21;
    space->walk_table = table;
    return &table[index_at(va, 0)];
}

/* The entry for va, with the tables to it. NULL: there is none; if `create`, the account can't pay.
 */
static inline uint64_t *walk(struct arch_space *space, uint64_t va, bool create) {
    return LIKELY(va >> 21 == space->walk_tag) ? &space->walk_table[index_at(va, 0)]
                                               : walk_tables(space, va, create);
}

uint64_t *arch_entry(struct arch_space *space, uint64_t va) {
    uint64_t *entry = walk(space, va, false);
    return entry != NULL && (*entry & PTE_PRESENT) != 0 ? entry : NULL;
}

static inline void invalidate_if_loaded(const struct arch_space *space, uint64_t va) {
    if (arch_cpu_self()->space == space) {
        arch_invalidate(va);
    }
}

status_t arch_space_create(struct arch_space *space, struct account *account) {
    phys_t root = page_table_alloc(account);
    if (root == 0) {
        return E_QUOTA;
    }
    uint64_t *table = phys_to_virt(root);
    memcpy(&table[256], &kernel_pml4[256], 256 * sizeof(table[0]));
    *space = (struct arch_space){.root = root, .walk_tag = WALK_NONE, .account = account};
    return OK;
}

/* Frees the table in frame `page`, which is of `level`, and every table below it. */
static void tables_free(struct arch_space *space, phys_t page, unsigned level) {
    const uint64_t *table = phys_to_virt(page);
    unsigned count = level == 3 ? 256 : level == 0 ? 0 : 512; /* the kernel's half is shared */
    for (unsigned i = 0; i < count; i++) {
        if (i % 4 == 0 && (table[i] | table[i + 1] | table[i + 2] | table[i + 3]) == 0) {
            i += 3;
        } else if ((table[i] & PTE_PRESENT) != 0) {
            tables_free(space, table[i] & PTE_ADDRESS, level - 1);
        }
    }
    page_table_free(space->account, page);
}

void arch_space_destroy(struct arch_space *space) {
    if (space->root != 0) {
        arch_space_unload(space);
        tables_free(space, space->root, 3);
    }
    *space = (struct arch_space){.walk_tag = WALK_NONE};
}

status_t arch_map(struct arch_space *space, uint64_t va, phys_t pa, uint32_t flags) {
    const uint32_t both = PAGE_WRITE | PAGE_EXECUTE;
    if (!address_ok(va) || ((va | pa) & (PAGE_SIZE - 1)) != 0 || (flags & both) == both) {
        return E_INVALID;
    }
    uint64_t *entry = walk(space, va, true);
    if (entry == NULL) {
        return E_QUOTA;
    }
    *entry = pa | entry_bits(flags);
    invalidate_if_loaded(space, va);
    return OK;
}

bool arch_unmap(struct arch_space *space, uint64_t va) {
    uint64_t *entry = arch_entry(space, va);
    if (entry == NULL) {
        return false;
    }
    *entry = 0;
    invalidate_if_loaded(space, va);
    return true;
}

uint64_t arch_next_mapped(struct arch_space *space, uint64_t start, uint64_t end) {
    while (start < end) {
        const uint64_t *table = phys_to_virt(space->root);
        unsigned level = 3;
        uint64_t entry;
        while (((entry = table[index_at(start, level)]) & PTE_PRESENT) != 0) {
            if (level == 0) {
                return start;
            }
            table = phys_to_virt(entry & PTE_ADDRESS);
            level--;
        }
        uint64_t size = 1ull << (12 + 9 * level);
        start = (start & ~(size - 1)) + size;
    }
    return end;
}
