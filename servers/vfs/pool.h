/* SPDX-License-Identifier: MIT
 * Fixed-size objects in the arena, named by 32-bit numbers. Pages are given to one kind of object
 * and come back when their last object is freed, so no kind can starve the others for ever.
 * An object's number is page << 6 | slot; 0 names no object. Everything here lies in the arena.
 */
#pragma once
#include <axolotl/abi.h>
#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum pool_kind {
    POOL_NONE = 0,
    POOL_NODE,
    POOL_ENTRY,
    POOL_ENTRY_LONG,
    POOL_SESSION,
    POOL_PENDING,
    POOL_KINDS,
};

/* Without a library's or the processor's help. */
static inline uint32_t count_bits(uint64_t word) {
    uint32_t count = 0;
    for (; word != 0; word &= word - 1) {
        count++;
    }
    return count;
}

/* One per page, in the first pages of the range. */
struct pool_page {
    uint8_t kind;    /* enum pool_kind */
    uint8_t used;    /* objects in use */
    uint8_t free;    /* 1 + slot of the first freed object; its first byte names the next */
    uint8_t touched; /* slots from here on were never used */
    uint16_t next;   /* free page, or page of the same kind with room */
    uint16_t prev;
};
_Static_assert(sizeof(struct pool_page) == 8, "page table entry");

struct pool {
    uint8_t *base; /* page-aligned start of the range */
    uint32_t pages;
    uint32_t unused_pages;
    uint16_t free; /* first free page below `untouched` */
    uint16_t untouched;
    uint16_t partial[POOL_KINDS]; /* first page of the kind with room */
    uint32_t used[POOL_KINDS];
};

/* The range must hold zeros. At most 65535 pages are used. */
void pool_init(struct pool *pool, void *base, size_t size);

/* A zeroed object; its number in *id. E_NO_SPACE. */
MUST_CHECK status_t pool_allocate(struct pool *pool, enum pool_kind kind, uint32_t *id);
void pool_free(struct pool *pool, uint32_t id);

/* The object `id`, which must be in use and of that kind. */
void *pool_get(const struct pool *pool, enum pool_kind kind, uint32_t id);

/* The next object in use of that kind after *id (0: the first). False: there is none. */
bool pool_next(const struct pool *pool, enum pool_kind kind, uint32_t *id);

/* Whether `id`, a number from outside, names an object in use of that kind's pages. */
bool pool_valid(const struct pool *pool, enum pool_kind kind, uint32_t id);

/* Whether the pages and their lists are as the invariant says. */
bool pool_sound(const struct pool *pool);

/* How many more objects of the kind there is room for. */
uint32_t pool_room(const struct pool *pool, enum pool_kind kind);
