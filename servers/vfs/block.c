/* SPDX-License-Identifier: MIT
 * The block store. Invariant: a bit is set in turn.fresh only if it is set in store->used, and in
 * turn.freed only if it is clear there. [turn.low, turn.high) covers every chunk with such a bit.
 */
#include "block.h"
#include "vfs.h"
#include <common/string.h>

/* Of the current turn only; outside the arena on purpose. */
static struct {
    uint8_t *base;
    const struct store_memory *memory;
    uint32_t low, high;
    uint32_t freed_count;
    uint64_t fresh[STORE_CHUNKS];
    uint64_t freed[STORE_CHUNKS];
} turn;

void store_attach(void *base, const struct store_memory *memory) {
    memset(&turn, 0, sizeof turn);
    turn.base = base;
    turn.memory = memory;
    turn.low = STORE_CHUNKS;
}

bool store_attached(void) {
    return turn.base != NULL;
}

void store_turn_begin(void) {
    for (uint32_t chunk = turn.low; chunk < turn.high; chunk++) {
        turn.fresh[chunk] = 0;
        turn.freed[chunk] = 0;
    }
    turn.low = STORE_CHUNKS;
    turn.high = 0;
    turn.freed_count = 0;
}

static void turn_touch(uint32_t chunk) {
    if (chunk < turn.low) {
        turn.low = chunk;
    }
    if (chunk >= turn.high) {
        turn.high = chunk + 1;
    }
}

uint64_t store_sum(const struct store *store) {
    uint64_t sum = sum_mix(store->chunks, store->regions);
    for (uint32_t i = 0; i < store->regions; i++) {
        sum = sum_mix(sum, store->region[i]);
    }
    return sum;
}

/* Steps grow with the store so that a large one has few mappings; near the quota they shrink. */
static bool store_grow(struct store *store) {
    uint32_t count = store->chunks / 4;
    count = count < 1 ? 1 : count > REGION_CHUNKS ? REGION_CHUNKS : count;
    if (count > STORE_CHUNKS - store->chunks) {
        count = STORE_CHUNKS - store->chunks;
    }
    if (store->regions == STORE_REGIONS) {
        return false;
    }
    for (; count > 0; count /= 2) {
        if (turn.memory->grow(store->chunks, count) == OK) {
            store->region[store->regions++] = (uint16_t)store->chunks;
            store->chunks += count;
            store->free += count * CHUNK_BLOCKS;
            store->seal = store_sum(store);
            return true;
        }
    }
    return false;
}

/* At most this many regions are given back in one turn. */
#define SHRINK_REGIONS 4u

/* Whether the last region can go: it is not used, and a quarter of the rest is free. */
static bool region_spare(const struct store *store) {
    uint32_t first = store->region[store->regions - 1];
    for (uint32_t chunk = first; chunk < store->chunks; chunk++) {
        if (store->used[chunk] != 0 || turn.fresh[chunk] != 0) {
            return false;
        }
    }
    uint32_t free = store->free - (store->chunks - first) * CHUNK_BLOCKS;
    return free >= STORE_RESERVE + CHUNK_BLOCKS / 2 && free >= first * CHUNK_BLOCKS / 4;
}

void store_turn_end(struct store *store) {
    for (uint32_t i = 0; i < SHRINK_REGIONS && store->regions > 1; i++) {
        uint32_t first = store->region[store->regions - 1];
        if (!region_spare(store)) {
            break;
        }
        turn.memory->shrink(first, store->chunks - first);
        store->free -= (store->chunks - first) * CHUNK_BLOCKS;
        store->chunks = first;
        store->regions--;
        store->seal = store_sum(store);
        if (store->hint > first) {
            store->hint = first;
        }
    }
}

/* Takes the first block that is free now and was not freed in this turn. Low blocks first, so that
 * the upper regions become free. */
static bool store_take(struct store *store, uint32_t *block) {
    while (store->hint < store->chunks && store->used[store->hint] == UINT64_MAX) {
        store->hint++;
    }
    for (uint32_t chunk = store->hint; chunk < store->chunks; chunk++) {
        uint64_t available = ~(store->used[chunk] | turn.freed[chunk]);
        if (available == 0) {
            continue;
        }
        uint64_t bit = available & -available;
        store->used[chunk] |= bit;
        turn.fresh[chunk] |= bit;
        turn_touch(chunk);
        store->free--;
        *block = chunk * CHUNK_BLOCKS + (uint32_t)__builtin_ctzll(bit) + 1;
        return true;
    }
    return false;
}

status_t store_allocate(struct store *store, enum block_use use, uint32_t *block) {
    while (store->free - turn.freed_count <= (uint32_t)use) {
        if (!store_grow(store)) {
            return E_NO_SPACE;
        }
    }
    bool taken = store_take(store, block);
    ASSERT(taken);
    return OK;
}

void store_free(struct store *store, uint32_t block) {
    uint32_t chunk = (block - 1) / CHUNK_BLOCKS;
    uint64_t bit = 1ull << ((block - 1) % CHUNK_BLOCKS);
    ASSERT(block != 0 && chunk < store->chunks && (store->used[chunk] & bit) != 0);
    store->used[chunk] &= ~bit;
    store->free++;
    if (chunk < store->hint) {
        store->hint = chunk;
    }
    if ((turn.fresh[chunk] & bit) != 0) {
        turn.fresh[chunk] &= ~bit;
    } else {
        turn.freed[chunk] |= bit;
        turn.freed_count++;
        turn_touch(chunk);
    }
}

bool store_adopt(struct store *store, uint32_t chunks, const uint16_t *region, uint32_t regions) {
    if (chunks > STORE_CHUNKS || regions > STORE_REGIONS || (chunks != 0) != (regions != 0)) {
        return false;
    }
    for (uint32_t i = 0; i < regions; i++) {
        if (region[i] >= chunks || (i == 0 ? region[i] != 0 : region[i] <= region[i - 1])) {
            return false;
        }
        store->region[i] = region[i];
    }
    store->chunks = chunks;
    store->regions = regions;
    store->free = chunks * CHUNK_BLOCKS;
    store->seal = store_sum(store);
    return true;
}

bool store_claim(struct store *store, uint32_t block) {
    uint32_t chunk = (block - 1) / CHUNK_BLOCKS;
    uint64_t bit = 1ull << ((block - 1) % CHUNK_BLOCKS);
    if (block == 0 || chunk >= store->chunks || (store->used[chunk] & bit) != 0) {
        return false;
    }
    store->used[chunk] |= bit;
    store->free--;
    return true;
}

bool store_fresh(uint32_t block) {
    return (turn.fresh[(block - 1) / CHUNK_BLOCKS] >> ((block - 1) % CHUNK_BLOCKS) & 1) != 0;
}

void *store_block(uint32_t block) {
    DEBUG_ASSERT(block != 0 && block <= STORE_CHUNKS * CHUNK_BLOCKS);
    return turn.base + (uint64_t)(block - 1) * BLOCK_SIZE;
}
