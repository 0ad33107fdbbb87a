/* SPDX-License-Identifier: MIT
 * The block store: 4 KiB blocks of file data beside the arena. Which blocks are in use stands in
 * the arena (struct store) and rolls back with it; the blocks themselves do not. Hence the rules:
 *   - a block that the committed state uses is never written, except bytes beyond the committed
 *     end of its file (file.c knows that end);
 *   - a block freed in a turn cannot be allocated in the same turn;
 *   - a block allocated in a turn may be written freely in that turn.
 * What belongs to the current turn only (`fresh`, `freed`) is kept outside the arena: a reset
 * empties it, and so does store_turn_begin after a commit.
 */
#pragma once
#include "pool.h"

#define BLOCK_SIZE 4096u
#define CHUNK_BLOCKS 64u /* one bitmap word */
#define CHUNK_SIZE (CHUNK_BLOCKS * BLOCK_SIZE)
#define STORE_CHUNKS 4096u /* 1 GiB */
#define REGION_CHUNKS 16u  /* largest growth step: 4 MiB */
#define STORE_REGIONS 512u

/* What a block is for. Blocks are kept back: 8 for the small texts of the system (/proc can be read
 * when the file system is full) and 24 for blocks that replace one that is freed in the same turn
 * (a full file system can be overwritten and cut). */
enum block_use { BLOCK_CONTENTS = 32, BLOCK_SYSTEM = 24, BLOCK_REPLACES = 0 };
#define STORE_RESERVE 32u

/* Arena part. Block b (from 1) lies at base + (b - 1) * BLOCK_SIZE. */
struct store {
    uint32_t chunks; /* chunks with memory behind them */
    uint32_t free;   /* blocks in these chunks whose `used` bit is clear */
    uint32_t hint;   /* no chunk below has a free block */
    uint32_t regions;
    uint16_t region[STORE_REGIONS]; /* first chunk of each; each is one memory object */
    uint64_t seal;                  /* store_sum of when the regions changed */
    uint64_t used[STORE_CHUNKS];
};

/* How the store gets memory and gives it back, `count` chunks from chunk `first` on. */
struct store_memory {
    status_t (*grow)(uint32_t first, uint32_t count); /* zeroed; E_QUOTA */
    void (*shrink)(uint32_t first, uint32_t count);   /* from the commit on: they are not used */
};

/* Called once per incarnation, before anything else. */
void store_attach(void *base, const struct store_memory *memory);

/* Whether it was: blocks can be looked at. */
bool store_attached(void);

/* Called at the start of each turn, after the commit of the one before. */
void store_turn_begin(void);

/* Called at the end of each turn: gives memory back that is not used any more, keeping enough for
 * some growth. */
void store_turn_end(struct store *store);

/* Content undefined. E_NO_SPACE. */
MUST_CHECK status_t store_allocate(struct store *store, enum block_use use, uint32_t *block);
void store_free(struct store *store, uint32_t block);

/* For an import, before anything is allocated: the memory that is there already (`regions` numbers
 * of first chunks), and a block that is in use. False: the numbers can't be right. */
MUST_CHECK bool store_adopt(struct store *store, uint32_t chunks, const uint16_t *region,
                            uint32_t regions);
MUST_CHECK bool store_claim(struct store *store, uint32_t block);

/* Whether the block was allocated in this turn. */
bool store_fresh(uint32_t block);

/* Of the numbers that say where there is memory: an import has them from nowhere else. */
uint64_t store_sum(const struct store *store);

void *store_block(uint32_t block);
