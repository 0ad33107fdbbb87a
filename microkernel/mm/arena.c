/* SPDX-License-Identifier: MIT
 * Arenas: commit and roll back.
 * Invariants: a page is mapped writable iff it is in the hot list; working and committed frames of
 * a page differ only if its dirty bit is set. An absent committed frame stands for zeroes.
 */
#include <arena.h>
#include <common/string.h>
#include <debug.h>
#include <task.h>

uint64_t arena_no_entry;

/* Everything that a turn could need: both images, their tables, the hot list. */
static status_t set_up(struct arena *arena, struct memory *memory) {
    struct account *account = memory->object.account;
    uint64_t pages = memory->size / PAGE_SIZE;
    arena->memory = memory;
    arena->hot_max = pages < ARENA_HOT_MAX ? (uint32_t)pages : ARENA_HOT_MAX;
    TRY(memory_create(account, memory->size, MEMORY_ARENA, &arena->committed));
    for (uint32_t i = 0; i * ARENA_HOT_CHUNK < arena->hot_max; i++) {
        arena->hot[i] = kmem_alloc(account, PAGE_SIZE);
        if (arena->hot[i] == NULL) {
            return E_QUOTA;
        }
        for (uint32_t j = 0; j < ARENA_HOT_CHUNK; j++) {
            arena->hot[i][j].entry = &arena_no_entry;
        }
    }
    for (uint64_t i = 0; i < pages; i += MEMORY_TABLE_PAGES) {
        TRY(memory_page_reserve(memory, i));
        TRY(memory_page_reserve(arena->committed, i));
    }
    return OK;
}

status_t arena_create(struct account *account, uint64_t size, struct memory **out) {
    struct memory *memory;
    TRY(memory_create(account, size, MEMORY_ARENA, &memory));
    memory->arena = kmem_alloc(account, sizeof(*memory->arena));
    status_t status = memory->arena == NULL ? E_QUOTA : set_up(memory->arena, memory);
    if (status != OK) {
        object_put(&memory->object);
        return status;
    }
    *out = memory;
    return OK;
}

void arena_destroy(struct arena *arena) {
    struct account *account = arena->memory->object.account;
    ASSERT(arena->task == NULL);
    for (uint32_t i = 0; i < ARENA_HOT_CHUNKS && arena->hot[i] != NULL; i++) {
        kmem_free(account, arena->hot[i], PAGE_SIZE);
    }
    object_put(OBJECT_OF(arena->committed));
    kmem_free(account, arena, sizeof(*arena));
}

static uint64_t address_of(uint64_t page) {
    return ARENA_VA + page * PAGE_SIZE;
}

void arena_keep(struct arena *arena, uint64_t page, uint64_t named) {
    phys_t committed = memory_page_peek(arena->committed, page);
    uint64_t at = 0, length = PAGE_SIZE;
    if (committed == 0) {
        committed = frame_alloc();
        memory_page_set(arena->committed, page, committed);
    } else if (named != 0) {
        at = ARENA_RANGE_OFFSET(named) % PAGE_SIZE;
        length = ARENA_RANGE_LENGTH(named);
    }
    memcpy(frame_bytes(committed) + at, frame_bytes(memory_page_peek(arena->memory, page)) + at,
           length);
}

static void copy_working(struct arena *arena, uint64_t page) {
    memcpy(phys_to_virt(memory_page_peek(arena->memory, page)),
           frame_bytes(memory_page_peek(arena->committed, page)), PAGE_SIZE);
}

static void cool(struct arena *arena, uint32_t index) {
    struct arena_hot *hot = arena_hot_at(arena, index);
    struct arena_hot *last = arena_hot_at(arena, --arena->hot_count);
    arch_entry_protect(hot->entry);
    arch_shootdown(&arena->task->space, address_of(hot->page), 1);
    *hot = *last;
    last->entry = &arena_no_entry;
}

status_t arena_touch(struct arena *arena, uint64_t page, phys_t frame) {
    struct arch_space *space = &arena->task->space;
    uint64_t address = address_of(page);
    for (uint32_t i = 0; i < arena->hot_count; i++) {
        if (arena_hot_at(arena, i)->page == page) {
            return OK;
        }
    }
    for (uint32_t i = 0; arena->hot_count == arena->hot_max && i < arena->hot_count; i++) {
        if (!arena_hot_dirty(arena_hot_at(arena, i))) {
            cool(arena, i);
        }
    }
    if (arena->hot_count == arena->hot_max) {
        return E_QUOTA; /* every one of them is dirty: the turn is too long */
    }
    TRY(arch_map(space, address, frame, PROT_READ | PROT_WRITE));
    *arena_hot_at(arena, arena->hot_count++) =
        (struct arena_hot){.entry = arch_entry(space, address), .page = (uint32_t)page};
    return OK;
}

uint64_t arena_named_page(uint64_t named) {
    uint64_t at = ARENA_RANGE_OFFSET(named), length = ARENA_RANGE_LENGTH(named);
    return length == 0 || at % PAGE_SIZE + length > PAGE_SIZE ? ~0ull : at / PAGE_SIZE;
}

uint32_t arena_commit(struct arena *arena, uint64_t named) {
    struct arch_space *space = &arena->task->space;
    uint64_t part = arena_named_page(named);
    uint32_t dirty = 0;
    for (uint32_t i = 0; ARENA_COMMITS && i < arena->hot_count; i++) {
        struct arena_hot *hot = arena_hot_at(arena, i);
        if (arena_hot_dirty(hot)) {
            arch_entry_clean(hot->entry);
            arch_shootdown(space, address_of(hot->page), 1);
            arena_keep(arena, hot->page, hot->page == part ? named : 0);
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
        if (arena_hot_dirty(hot)) {
            arch_entry_clean(hot->entry);
            copy_working(arena, hot->page);
        }
        cool(arena, arena->hot_count - 1);
    }
}
