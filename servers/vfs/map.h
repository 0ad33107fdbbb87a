/* SPDX-License-Identifier: MIT
 * Which block holds which part of a file: a small radix tree. The first blocks stand in the node
 * (in the arena); leaves and roots are blocks themselves, and are copied before they are changed
 * unless they were allocated in this turn.
 */
#pragma once
#include "node.h"

uint32_t map_get(const struct file_map *map, uint32_t index);

/* BLOCK_REPLACES: index holds a block already, which the caller frees. E_NO_SPACE, E_RANGE. */
MUST_CHECK status_t map_set(struct store *store, struct file_map *map, uint32_t index,
                            uint32_t block, enum block_use use);

/* Frees every block from index `count` on. E_NO_SPACE only if even the reserve is empty; then
 * nothing has changed. */
MUST_CHECK status_t map_cut(struct store *store, struct file_map *map, uint32_t count);
