/* SPDX-License-Identifier: MIT
 * Arenas: commit and roll back.
 * Invariants: a page is mapped writable iff it is in the hot list; working and committed frames of
 * a page differ only if its dirty bit is set. An absent committed frame stands for zeroes.
 */
#include "frame_table.h"
#include <arena.h>
#include <common/string.h>
#include <debug.h>
#include <task.h>

static uint64_t pages_of(const struct arena *arena) {
    return arena->memory->size / PAGE_SIZE;
}

/* Bytes charged beyond the memory object itself: both images, and the tables of both. */
static uint64_t reserve_of(uint64_t pages) {
    return 2 * pages * PAGE_SIZE;
}

/* Everything that a turn could need is allocated here: second levels of both tables, hot list. */
static status_t allocate_tables(struct arena *arena, struct account *account, uint64_t pages) {
    for (uint32_t i = 0; i * ARENA_HOT_CHUNK < arena->hot_max; i++) {
        arena->hot[i] = kmem_alloc(account, PAGE_SIZE);
        if (arena->hot[i] == NULL) {
            return E_QUOTA;
        }
    }
    for (uint64_t i = 0; i < pages; i += MEMORY_DIRECT_PAGES) {
        if (frame_table_entry(arena->memory->pages, pages, i, account) == NULL ||
            frame_table_entry(arena->committed, pages, i, account) == NULL) {
            return E_QUOTA;
        }
    }
    return OK;
}

status_t arena_create(struct account *account, uint64_t size, struct memory **out) {
    struct memory *memory;
    status_t status = memory_create(account, size, MEMORY_ARENA, &memory);
    if (status != OK) {
        return status;
    }
    uint64_t pages = memory->size / PAGE_SIZE;
    struct arena *arena = kmem_alloc(account, sizeof(*arena));
    uint64_t *committed = kmem_alloc(account, frame_table_root_size(pages));
    status = account_charge(account, reserve_of(pages));
    if (arena == NULL || committed == NULL || status != OK) {
        if (status == OK) {
            account_release(account, reserve_of(pages));
        }
        if (arena != NULL) {
            kmem_free(account, arena, sizeof(*arena));
        }
        if (committed != NULL) {
            kmem_free(account, committed, frame_table_root_size(pages));
        }
        object_put(&memory->object);
        return E_QUOTA;
    }
    arena->memory = memory;
    arena->committed = committed;
    arena->hot_max = pages < ARENA_HOT_MAX ? (uint32_t)pages : ARENA_HOT_MAX;
    memory->arena = arena;
    status = allocate_tables(arena, account, pages);
    if (status != OK) {
        object_put(&memory->object);
        return status;
    }
    *out = memory;
    return OK;
}

static uint64_t *committed_entry(struct arena *arena, uint64_t page) {
    return frame_table_entry(arena->committed, pages_of(arena), page, NULL);
}

static uint64_t *working_entry(struct arena *arena, uint64_t page) {
    return frame_table_entry(arena->memory->pages, pages_of(arena), page, NULL);
}

void arena_destroy(struct arena *arena) {
    struct account *account = arena->memory->object.account;
    uint64_t pages = pages_of(arena);
    ASSERT(arena->task == NULL);
    for (uint64_t page = 0; page < pages; page++) {
        uint64_t *entry = committed_entry(arena, page);
        if (entry != NULL && *entry != 0) {
            frame_free(*entry);
        }
    }
    frame_table_destroy(arena->committed, pages, account);
    for (uint32_t i = 0; i < ARENA_HOT_CHUNKS && arena->hot[i] != NULL; i++) {
        kmem_free(account, arena->hot[i], PAGE_SIZE);
    }
    kmem_free(account, arena, sizeof(*arena));
    account_release(account, reserve_of(pages));
}

static uint64_t address_of(uint64_t page) {
    return ARENA_VA + page * PAGE_SIZE;
}

static void copy_committed(struct arena *arena, uint64_t page) {
    uint64_t *committed = committed_entry(arena, page);
    if (*committed == 0) {
        *committed = frame_alloc();
    }
    memcpy(phys_to_virt(*committed), phys_to_virt(*working_entry(arena, page)), PAGE_SIZE);
}

static void copy_working(struct arena *arena, uint64_t page) {
    uint64_t committed = *committed_entry(arena, page);
    void *working = phys_to_virt(*working_entry(arena, page));
    if (committed == 0) {
        memset(working, 0, PAGE_SIZE);
    } else {
        memcpy(working, phys_to_virt(committed), PAGE_SIZE);
    }
}

static void cool(struct arena *arena, uint32_t index) {
    struct arch_space *space = &arena->task->space;
    uint64_t address = address_of(arena_hot_at(arena, index)->page);
    arch_protect(space, address, PROT_READ);
    arch_shootdown(space, address, 1);
    *arena_hot_at(arena, index) = *arena_hot_at(arena, --arena->hot_count);
}

status_t arena_touch(struct arena *arena, uint64_t page) {
    for (uint32_t i = 0; i < arena->hot_count; i++) {
        if (arena_hot_at(arena, i)->page == page) {
            return OK;
        }
    }
    if (arena->hot_count == arena->hot_max) {
        for (uint32_t i = 0; i < arena->hot_count; i++) {
            struct page_info info;
            if (arch_query(&arena->task->space, address_of(arena_hot_at(arena, i)->page), &info) &&
                !info.dirty) {
                cool(arena, i);
                break;
            }
        }
    }
    if (arena->hot_count == arena->hot_max) {
        return E_QUOTA; /* every one of them is dirty: the turn is too long */
    }
    *arena_hot_at(arena, arena->hot_count++) = (struct arena_hot){.page = (uint32_t)page};
    return OK; /* the entry is filled in by arena_touched, when the page is mapped */
}

void arena_touched(struct arena *arena) {
    struct arena_hot *hot = arena_hot_at(arena, arena->hot_count - 1);
    hot->entry = arch_entry(&arena->task->space, address_of(hot->page));
}

uint32_t arena_commit(struct arena *arena) {
    struct arch_space *space = &arena->task->space;
    uint32_t dirty = 0;
    for (uint32_t i = 0; i < arena->hot_count; i++) {
        struct arena_hot *hot = arena_hot_at(arena, i);
        if (arena_hot_dirty(hot)) {
            arch_entry_clean(hot->entry);
            arch_shootdown(space, address_of(hot->page), 1);
            copy_committed(arena, hot->page);
            hot->idle = 0;
            dirty++;
        } else if (++hot->idle >= ARENA_IDLE_TURNS) {
            cool(arena, i--);
        }
    }
    return dirty;
}

void arena_rollback(struct arena *arena) {
    while (arena->hot_count > 0) {
        const struct arena_hot *hot = arena_hot_at(arena, arena->hot_count - 1);
        if (hot->entry != NULL && arena_hot_dirty(hot)) {
            arch_entry_clean(hot->entry);
            copy_working(arena, hot->page);
        }
        cool(arena, arena->hot_count - 1);
    }
}

void arena_clear(struct arena *arena) {
    for (uint64_t page = 0; page < pages_of(arena); page++) {
        uint64_t *committed = committed_entry(arena, page);
        if (*committed != 0) {
            memset(phys_to_virt(*committed), 0, PAGE_SIZE);
        }
        if (*working_entry(arena, page) != 0) {
            memset(phys_to_virt(*working_entry(arena, page)), 0, PAGE_SIZE);
        }
    }
}

status_t arena_load(struct arena *arena, uint64_t offset, const void *from, uint64_t length) {
    status_t status = memory_copy_in(arena->memory, offset, from, length);
    if (status != OK || length == 0) {
        return status;
    }
    for (uint64_t page = offset / PAGE_SIZE; page <= (offset + length - 1) / PAGE_SIZE; page++) {
        copy_committed(arena, page);
    }
    return OK;
}
