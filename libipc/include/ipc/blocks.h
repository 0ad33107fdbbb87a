/* SPDX-License-Identifier: MIT */
/*
 * Fixed-size payload blocks beside the arena. The bookkeeping lies in the arena, the payload does
 * not, so writing payload costs nothing at the commit. To keep a roll back sound:
 *  - bytes that no committed state refers to may be written in place (a fresh block, or an append
 *    beyond the committed size); anything else goes to a new block;
 *  - a block freed in a turn is not given out again before the next turn: this file sees to that.
 * Fresh blocks hold old bytes; clear what may be seen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_NONE UINT32_MAX

struct blocks {
    uint64_t base;    /* address of block 0 */
    uint32_t size;    /* bytes in a block */
    uint32_t count;   /* blocks in all */
    uint32_t fresh;   /* blocks from here on were never used */
    uint32_t free;    /* head of the free list */
    uint32_t pending; /* head and tail of those freed in turn pending_turn */
    uint32_t pending_tail;
    uint64_t pending_turn;
    uint32_t used;
    uint32_t reserved;
    uint32_t *next; /* in the arena: one entry a block */
};

/* Prepares `count` blocks of `size` bytes at `base`, which must be mapped; `next` is an array of
 * count entries in the arena. */
void blocks_init(struct blocks *blocks, void *base, uint32_t size, uint32_t count, uint32_t *next);

/* For an import, after blocks_init: of the first `fresh` blocks, which were used before, those that
 * are claimed are in use; blocks_adopted makes the others free. False: it cannot be in use. */
void blocks_adopt(struct blocks *blocks, uint32_t fresh);
bool blocks_claim(struct blocks *blocks, uint32_t index);
void blocks_adopted(struct blocks *blocks);

/* A block's index; BLOCK_NONE when all are in use or were freed in this very turn. */
uint32_t blocks_allocate(struct blocks *blocks);

/* Gives a block back from the next turn on. Freeing twice ends the task. */
void blocks_free(struct blocks *blocks, uint32_t index);

/* Blocks that are not in use, including those freed in this turn. */
uint32_t blocks_available(const struct blocks *blocks);

/* Whether all this is as it must be: what is free and what is in use are all that was ever used. */
bool blocks_sound(const struct blocks *blocks);
/* Whether the block is in use. */
bool blocks_in_use(const struct blocks *blocks, uint32_t index);

static inline void *blocks_address(const struct blocks *blocks, uint32_t index) {
    return (void *)(uintptr_t)(blocks->base + (uint64_t)index * blocks->size);
}
