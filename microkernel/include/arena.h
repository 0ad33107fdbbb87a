/* SPDX-License-Identifier: MIT
 * Arenas: memory with a committed image. The frames of `memory` are the working ones, those of
 * `committed` are of the last commit (absent: still zero). A page is mapped writable only while it
 * is in the hot list; the commit looks at the hot pages' dirty bits and copies the dirty ones.
 * Charged twice its size at creation, so that neither a write nor a commit can fail.
 */
#pragma once

#include "memory.h"

#define ARENA_HOT_CHUNK 256u /* entries of the hot list in one frame */
#define ARENA_HOT_CHUNKS 16u
#define ARENA_HOT_MAX (ARENA_HOT_CHUNK * ARENA_HOT_CHUNKS) /* pages that one turn may change */
#define ARENA_IDLE_TURNS 64 /* clean turns after which a hot page is write-protected again */

struct arena_hot {
    uint64_t
        *entry; /* its page-table entry; of a free place arena_no_entry, which is never dirty */
    uint32_t page;
    uint32_t idle; /* turns without a change */
};

struct arena {
    struct memory *memory;
    struct task *task;        /* mapped there, NULL: free */
    struct memory *committed; /* of kind MEMORY_ARENA as well */
    struct arena_hot *hot[ARENA_HOT_CHUNKS];
    uint32_t hot_count, hot_max;
    bool loaded; /* has its initial content */
};

MUST_CHECK status_t arena_create(struct account *account, uint64_t size, struct memory **out);
void arena_destroy(struct arena *arena);
/* Write fault on a page: it is mapped writable and hot. E_QUOTA: the turn has changed ARENA_HOT_MAX
 * pages, or no room for a page table. */
MUST_CHECK status_t arena_touch(struct arena *arena, uint64_t page, phys_t frame);
static inline struct arena_hot *arena_hot_at(const struct arena *arena, uint32_t index) {
    return &arena->hot[index / ARENA_HOT_CHUNK][index % ARENA_HOT_CHUNK];
}
static inline bool arena_hot_dirty(const struct arena_hot *hot) {
    return (*(volatile uint64_t *)hot->entry & ARCH_ENTRY_DIRTY) != 0;
}
extern uint64_t arena_no_entry;
/* ARENA_COMMITS is meson's option `commits`: without, nothing is found to be dirty. */
/* Whether one of the first `count` hot pages, at most a chunk, is dirty. */
static inline bool arena_dirty(const struct arena *arena, uint32_t count) {
    const struct arena_hot *end = arena->hot[0] + count;
    uint64_t bits = 0;
    for (const struct arena_hot *hot = arena->hot[0]; hot < end; hot += 4) {
        bits |= *hot[0].entry | *hot[1].entry | *hot[2].entry | *hot[3].entry;
    }
    return ARENA_COMMITS && (bits & ARCH_ENTRY_DIRTY) != 0;
}
/* Makes the working pages the committed image; returns the number of pages copied. Of the page that
 * holds `named`, an ARENA_RANGE, only that is copied; 0 or a range that is in no single page names
 * nothing. */
uint32_t arena_commit(struct arena *arena, uint64_t named);
/* The page that `named` lies in; ~0: in no single one. */
uint64_t arena_named_page(uint64_t named);
/* Working pages = committed image; every page is write-protected again. */
void arena_rollback(struct arena *arena);
/* Makes a page that is there committed as it is, or of one that was before only `named`, unless 0,
 * a range in it. */
void arena_keep(struct arena *arena, uint64_t page, uint64_t named);
