/* SPDX-License-Identifier: MIT
 * Fixed-size objects in the arena. Invariant: a page of a kind is in that kind's `partial` list
 * exactly when it has room; a page without objects is in the free list or beyond `untouched`.
 */
#include "node.h"
#include "session.h"
#include "vfs.h"
#include <common/string.h>

#define SLOT_BITS 6u
#define SLOT_MASK ((1u << SLOT_BITS) - 1)

static const uint16_t object_size[POOL_KINDS] = {
    [POOL_NODE] = sizeof(struct node),       [POOL_ENTRY] = ENTRY_SIZE,
    [POOL_ENTRY_LONG] = ENTRY_SIZE_LONG,     [POOL_SESSION] = sizeof(struct session),
    [POOL_PENDING] = sizeof(struct pending),
};
_Static_assert(sizeof(struct node) >= 64 && ENTRY_SIZE >= 64 && sizeof(struct session) >= 64 &&
                   sizeof(struct pending) >= 64,
               "a page has at most 64 slots");

static struct pool_page *page_table(const struct pool *pool) {
    return (struct pool_page *)(void *)pool->base;
}

static uint32_t slots_per_page(enum pool_kind kind) {
    return (uint32_t)PAGE_SIZE / object_size[kind];
}

static uint8_t *object_at(const struct pool *pool, uint32_t page, uint32_t slot) {
    uint32_t size = object_size[page_table(pool)[page].kind];
    return pool->base + page * PAGE_SIZE + slot * size;
}

void pool_init(struct pool *pool, void *base, size_t size) {
    memset(pool, 0, sizeof *pool);
    size_t pages = size / PAGE_SIZE;
    if (pages > 65535) {
        pages = 65535;
    }
    size_t table = (pages * sizeof(struct pool_page) + PAGE_SIZE - 1) / PAGE_SIZE;
    ASSERT(pages > table);
    pool->base = base;
    pool->pages = (uint32_t)pages;
    pool->untouched = (uint16_t)table;
    pool->unused_pages = (uint32_t)(pages - table);
}

static void partial_add(struct pool *pool, uint16_t page) {
    struct pool_page *table = page_table(pool);
    uint16_t *head = &pool->partial[table[page].kind];
    table[page].next = *head;
    table[page].prev = 0;
    if (*head != 0) {
        table[*head].prev = page;
    }
    *head = page;
}

static void partial_remove(struct pool *pool, uint16_t page) {
    struct pool_page *table = page_table(pool);
    if (table[page].prev != 0) {
        table[table[page].prev].next = table[page].next;
    } else {
        pool->partial[table[page].kind] = table[page].next;
    }
    if (table[page].next != 0) {
        table[table[page].next].prev = table[page].prev;
    }
}

static bool page_take(struct pool *pool, enum pool_kind kind) {
    struct pool_page *table = page_table(pool);
    uint16_t page = pool->free;
    if (page != 0) {
        pool->free = table[page].next;
    } else if (pool->untouched < pool->pages) {
        page = pool->untouched++;
    } else {
        return false;
    }
    pool->unused_pages--;
    table[page] = (struct pool_page){.kind = (uint8_t)kind};
    partial_add(pool, page);
    return true;
}

static void page_return(struct pool *pool, uint16_t page) {
    struct pool_page *table = page_table(pool);
    partial_remove(pool, page);
    table[page] = (struct pool_page){.next = pool->free};
    pool->free = page;
    pool->unused_pages++;
}

status_t pool_allocate(struct pool *pool, enum pool_kind kind, uint32_t *id) {
    if (pool->partial[kind] == 0 && !page_take(pool, kind)) {
        return E_NO_SPACE;
    }
    uint16_t number = pool->partial[kind];
    struct pool_page *page = &page_table(pool)[number];
    uint32_t slot;
    if (page->free != 0) {
        slot = page->free - 1u;
        page->free = *object_at(pool, number, slot);
    } else {
        slot = page->touched++;
    }
    page->used++;
    if (page->used == slots_per_page(kind)) {
        partial_remove(pool, number);
    }
    pool->used[kind]++;
    memset(object_at(pool, number, slot), 0, object_size[kind]);
    *id = (uint32_t)number << SLOT_BITS | slot;
    return OK;
}

void pool_free(struct pool *pool, uint32_t id) {
    uint16_t number = (uint16_t)(id >> SLOT_BITS);
    uint32_t slot = id & SLOT_MASK;
    struct pool_page *page = &page_table(pool)[number];
    enum pool_kind kind = page->kind;
    ASSERT(kind != POOL_NONE && page->used > 0);
    memset(object_at(pool, number, slot), 0, object_size[kind]);
    *object_at(pool, number, slot) = page->free;
    page->free = (uint8_t)(slot + 1);
    if (page->used == slots_per_page(kind)) {
        partial_add(pool, number);
    }
    page->used--;
    pool->used[kind]--;
    if (page->used == 0) {
        page_return(pool, number);
    }
}

void *pool_get(const struct pool *pool, enum pool_kind kind, uint32_t id) {
    DEBUG_ASSERT(pool_valid(pool, kind, id));
    (void)kind;
    return object_at(pool, id >> SLOT_BITS, id & SLOT_MASK);
}

bool pool_valid(const struct pool *pool, enum pool_kind kind, uint32_t id) {
    uint32_t page = id >> SLOT_BITS;
    return page < pool->untouched && page_table(pool)[page].kind == kind &&
           (id & SLOT_MASK) < page_table(pool)[page].touched;
}

uint32_t pool_room(const struct pool *pool, enum pool_kind kind) {
    uint32_t room = pool->unused_pages * slots_per_page(kind);
    for (uint32_t page = pool->partial[kind]; page != 0; page = page_table(pool)[page].next) {
        room += slots_per_page(kind) - page_table(pool)[page].used;
    }
    return room;
}

/* One bit for each slot that was freed. */
static uint64_t freed_slots(const struct pool *pool, uint32_t page) {
    uint64_t freed = 0;
    for (uint32_t slot = page_table(pool)[page].free; slot != 0 && slot <= SLOT_MASK + 1;) {
        uint64_t bit = 1ull << (slot - 1);
        if ((freed & bit) != 0) {
            break; /* a damaged list */
        }
        freed |= bit;
        slot = *object_at(pool, page, slot - 1);
    }
    return freed;
}

bool pool_next(const struct pool *pool, enum pool_kind kind, uint32_t *id) {
    uint32_t page = *id >> SLOT_BITS;
    uint32_t slot = *id == 0 ? 0 : (*id & SLOT_MASK) + 1;
    for (; page < pool->untouched && page < pool->pages; page++, slot = 0) {
        const struct pool_page *head = &page_table(pool)[page];
        if (head->kind != kind) {
            continue;
        }
        uint64_t freed = freed_slots(pool, page);
        for (; slot < head->touched && slot < slots_per_page(kind); slot++) {
            if ((freed >> slot & 1) == 0) {
                *id = page << SLOT_BITS | slot;
                return true;
            }
        }
    }
    return false;
}

/* A page's numbers, and whether it has room. */
static bool page_sound(const struct pool *pool, uint32_t page, bool *room) {
    const struct pool_page *head = &page_table(pool)[page];
    uint32_t slots = slots_per_page(head->kind);
    uint64_t freed = freed_slots(pool, page);
    *room = head->used < slots;
    return head->touched <= slots && head->used > 0 &&
           head->used + count_bits(freed) == head->touched &&
           (head->touched > SLOT_MASK || freed >> head->touched == 0);
}

/* Length of a list of pages of a kind; UINT32_MAX: it leads astray. */
static uint32_t list_length(const struct pool *pool, uint16_t first, enum pool_kind kind) {
    uint32_t length = 0;
    uint16_t before = 0;
    for (uint16_t page = first; page != 0; page = page_table(pool)[page].next) {
        const struct pool_page *head = &page_table(pool)[page];
        if (page >= pool->untouched || head->kind != kind || length++ > pool->pages ||
            (kind != POOL_NONE && (head->prev != before || head->used >= slots_per_page(kind)))) {
            return UINT32_MAX;
        }
        before = page;
    }
    return length;
}

bool pool_sound(const struct pool *pool) {
    uint32_t used[POOL_KINDS] = {0}, partial[POOL_KINDS] = {0}, unused = 0;
    uint32_t first = (pool->pages * (uint32_t)sizeof(struct pool_page) + (uint32_t)PAGE_SIZE - 1) /
                     (uint32_t)PAGE_SIZE;
    for (uint32_t page = first; page < pool->untouched; page++) {
        uint32_t kind = page_table(pool)[page].kind;
        bool room = false;
        if (kind >= POOL_KINDS || (kind != POOL_NONE && !page_sound(pool, page, &room))) {
            return false;
        }
        used[kind] += page_table(pool)[page].used;
        partial[kind] += room;
        unused += kind == POOL_NONE;
    }
    for (enum pool_kind kind = POOL_NODE; kind < POOL_KINDS; kind++) {
        if (used[kind] != pool->used[kind] ||
            list_length(pool, pool->partial[kind], kind) != partial[kind]) {
            return false;
        }
    }
    return list_length(pool, pool->free, POOL_NONE) == unused &&
           pool->unused_pages == unused + pool->pages - pool->untouched;
}
