/* SPDX-License-Identifier: MIT
 * The block map of a file. A changed leaf or root replaces its old version, so a change needs no
 * more blocks than it frees; that is what the store's reserve is for.
 */
#include "map.h"
#include <common/string.h>

static uint32_t *numbers(uint32_t block) {
    return store_block(block);
}

uint32_t map_get(const struct file_map *map, uint32_t index) {
    if (map->levels == 0) {
        return index < DIRECT_BLOCKS ? map->direct[index] : 0;
    }
    uint32_t leaf = map->direct[0];
    if (map->levels == 2) {
        leaf = numbers(leaf)[index / LEAF_BLOCKS];
    } else if (index >= LEAF_BLOCKS) {
        return 0;
    }
    return leaf == 0 ? 0 : numbers(leaf)[index % LEAF_BLOCKS];
}

/* A block of holes in *block. */
static status_t table_create(struct store *store, enum block_use use, uint32_t *block) {
    status_t status = store_allocate(store, use, block);
    if (status == OK) {
        memset(store_block(*block), 0, BLOCK_SIZE);
    }
    return status;
}

/* Makes *block writable in this turn: a copy, unless it is fresh. */
static status_t table_own(struct store *store, uint32_t *block) {
    if (store_fresh(*block)) {
        return OK;
    }
    uint32_t copy;
    status_t status = store_allocate(store, BLOCK_REPLACES, &copy);
    if (status != OK) {
        return status;
    }
    memcpy(store_block(copy), store_block(*block), BLOCK_SIZE);
    store_free(store, *block);
    *block = copy;
    return OK;
}

/* Adds levels until `index` fits. */
static status_t map_deepen(struct store *store, struct file_map *map, uint32_t index,
                           enum block_use use) {
    while ((map->levels == 0 && index >= DIRECT_BLOCKS) ||
           (map->levels == 1 && index >= LEAF_BLOCKS)) {
        uint32_t table;
        status_t status = table_create(store, use, &table);
        if (status != OK) {
            return status;
        }
        size_t count = map->levels == 0 ? DIRECT_BLOCKS : 1;
        memcpy(store_block(table), map->direct, count * sizeof map->direct[0]);
        memset(map->direct, 0, sizeof map->direct);
        map->direct[0] = table;
        map->levels++;
    }
    return OK;
}

status_t map_set(struct store *store, struct file_map *map, uint32_t index, uint32_t block,
                 enum block_use use) {
    DEBUG_ASSERT(use != BLOCK_REPLACES || map_get(map, index) != 0);
    if (index >= FILE_BLOCKS_MAX) {
        return E_RANGE;
    }
    status_t status = map_deepen(store, map, index, use);
    if (status != OK) {
        return status;
    }
    if (map->levels == 0) {
        map->direct[index] = block;
        return OK;
    }
    uint32_t *leaf = &map->direct[0];
    if (map->levels == 2) {
        status = table_own(store, &map->direct[0]);
        if (status != OK) {
            return status;
        }
        leaf = &numbers(map->direct[0])[index / LEAF_BLOCKS];
    }
    status = *leaf == 0 ? table_create(store, use, leaf) : table_own(store, leaf);
    if (status != OK) {
        return status;
    }
    numbers(*leaf)[index % LEAF_BLOCKS] = block;
    return OK;
}

/* Frees what a leaf or the node holds from `first` on. */
static void cut_numbers(struct store *store, uint32_t *table, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < count; i++) {
        if (table[i] != 0) {
            store_free(store, table[i]);
            table[i] = 0;
        }
    }
}

/* Frees a leaf and all it holds; it is not changed, so it need not be owned. */
static void leaf_free(struct store *store, uint32_t leaf) {
    for (uint32_t i = 0; i < LEAF_BLOCKS; i++) {
        if (numbers(leaf)[i] != 0) {
            store_free(store, numbers(leaf)[i]);
        }
    }
    store_free(store, leaf);
}

/* Cuts a leaf at `count` (0 < count); the leaf itself stays. */
static status_t leaf_cut(struct store *store, uint32_t *leaf, uint32_t count) {
    bool empty = true;
    for (uint32_t i = count; i < LEAF_BLOCKS && empty; i++) {
        empty = numbers(*leaf)[i] == 0;
    }
    if (empty) {
        return OK;
    }
    status_t status = table_own(store, leaf);
    if (status == OK) {
        cut_numbers(store, numbers(*leaf), count, LEAF_BLOCKS);
    }
    return status;
}

/* Cuts a two-level map at `count` (0 < count). */
static status_t root_cut(struct store *store, uint32_t *root, uint32_t count) {
    status_t status = table_own(store, root);
    uint32_t *leaves = numbers(*root);
    uint32_t keep = (count + LEAF_BLOCKS - 1) / LEAF_BLOCKS;
    if (status == OK && count % LEAF_BLOCKS != 0 && leaves[keep - 1] != 0) {
        status = leaf_cut(store, &leaves[keep - 1], count % LEAF_BLOCKS);
    }
    if (status != OK) {
        return status;
    }
    for (uint32_t i = keep; i < LEAF_BLOCKS; i++) {
        if (leaves[i] != 0) {
            leaf_free(store, leaves[i]);
            leaves[i] = 0;
        }
    }
    return OK;
}

static void map_free(struct store *store, struct file_map *map) {
    if (map->levels == 0) {
        cut_numbers(store, map->direct, 0, DIRECT_BLOCKS);
    } else if (map->levels == 1) {
        leaf_free(store, map->direct[0]);
    } else {
        const uint32_t *leaves = numbers(map->direct[0]);
        for (uint32_t i = 0; i < LEAF_BLOCKS; i++) {
            if (leaves[i] != 0) {
                leaf_free(store, leaves[i]);
            }
        }
        store_free(store, map->direct[0]);
    }
    memset(map, 0, sizeof *map);
}

status_t map_cut(struct store *store, struct file_map *map, uint32_t count) {
    if (count == 0) {
        map_free(store, map);
        return OK;
    }
    if (map->levels == 0) {
        cut_numbers(store, map->direct, count, DIRECT_BLOCKS);
        return OK;
    }
    if (map->levels == 1) {
        return count < LEAF_BLOCKS ? leaf_cut(store, &map->direct[0], count) : OK;
    }
    return root_cut(store, &map->direct[0], count);
}
