/* SPDX-License-Identifier: MIT
 * Invariants of the arena.
 */
#include "record.h"

static const char *check_quickly(const struct vfs *vfs) {
    const struct store *store = &vfs->store;
    const struct pool *pool = &vfs->pool;
    if (vfs->magic != VFS_MAGIC) {
        return "the arena is not vfs's";
    }
    if (vfs->mount_count == 0 || vfs->mount_count > VFS_MOUNTS ||
        !pool_valid(pool, POOL_NODE, vfs->root)) {
        return "no root directory";
    }
    if (store->chunks > STORE_CHUNKS || store->regions > STORE_REGIONS ||
        store->free > store->chunks * CHUNK_BLOCKS || store->hint > store->chunks) {
        return "the store's numbers are wrong";
    }
    if (pool->untouched > pool->pages || pool->unused_pages >= pool->pages ||
        pool->used[POOL_PENDING] > VFS_PENDING_MAX) {
        return "the pool's numbers are wrong";
    }
    if (vfs->line_start > vfs->line_end || vfs->line_end > BLOCK_SIZE) {
        return "the console's line is wrong";
    }
    return NULL;
}

static uint32_t count_bits(uint64_t word) {
    uint32_t count = 0;
    for (; word != 0; word &= word - 1) {
        count++;
    }
    return count;
}

static const char *check_store(const struct store *store) {
    uint32_t used = 0;
    for (uint32_t chunk = 0; chunk < store->chunks; chunk++) {
        if (chunk < store->hint && store->used[chunk] != UINT64_MAX) {
            return "a free block below the hint";
        }
        uint64_t word = store->used[chunk];
        used += word == UINT64_MAX ? CHUNK_BLOCKS : count_bits(word);
    }
    return used + store->free != store->chunks * CHUNK_BLOCKS ? "the store's count is wrong" : NULL;
}

static const char *check_directory(const struct vfs *vfs, uint32_t id, uint32_t *entries) {
    const struct node *node = node_get(vfs, id);
    uint64_t cursor = 0;
    uint32_t count = 0, previous = 0;
    for (uint32_t at = node->directory.first; at != 0; at = entry_get(vfs, at)->next) {
        if (!pool_valid(&vfs->pool, POOL_ENTRY, at) &&
            !pool_valid(&vfs->pool, POOL_ENTRY_LONG, at)) {
            return "a directory leads nowhere";
        }
        const struct entry *entry = entry_get(vfs, at);
        if (entry->id != at || entry->directory != id || entry->cursor <= cursor ||
            entry->prev != previous || entry->length == 0 || entry->length >= FILE_NAME_MAX ||
            !pool_valid(&vfs->pool, POOL_NODE, entry->node)) {
            return "a damaged directory entry";
        }
        cursor = entry->cursor;
        previous = at;
        count++;
    }
    *entries += count;
    return count != node->directory.count || previous != node->directory.last
               ? "a directory's count is wrong"
               : NULL;
}

static const char *check_nodes(const struct vfs *vfs) {
    uint32_t id = 0, nodes = 0, orphans = 0, entries = 0, sessions = 0;
    uint64_t links = 0, opens = 0;
    while (pool_next(&vfs->pool, POOL_NODE, &id)) {
        const struct node *node = node_get(vfs, id);
        if (node->kind == NODE_FREE || node->kind > NODE_DEVICE || node->mount >= VFS_MOUNTS ||
            node->number > vfs->node_number || (node->kind == NODE_FILE && node->file.levels > 2)) {
            return "a damaged node";
        }
        const char *wrong =
            node->kind == NODE_DIRECTORY ? check_directory(vfs, id, &entries) : NULL;
        if (wrong != NULL) {
            return wrong;
        }
        orphans += (node->links | node->opens) == 0;
        links += node->links;
        opens += node->opens;
        nodes++;
    }
    for (id = 0; pool_next(&vfs->pool, POOL_SESSION, &id); sessions++) {
        const struct session *session = session_get(vfs, id);
        uint32_t found;
        if (!pool_valid(&vfs->pool, POOL_NODE, session->node) ||
            session_find(vfs, session->badge, &found) != session) {
            return "a damaged session";
        }
    }
    if (nodes != vfs->pool.used[POOL_NODE] || sessions != vfs->pool.used[POOL_SESSION] ||
        entries != vfs->pool.used[POOL_ENTRY] + vfs->pool.used[POOL_ENTRY_LONG]) {
        return "the pool's counts are wrong";
    }
    if (orphans > vfs->pool.used[POOL_PENDING]) { /* files of /proc that are being made */
        return "a node that nothing refers to";
    }
    return links != entries + vfs->mount_count || opens != sessions
               ? "references and what they refer to differ"
               : NULL;
}

const char *vfs_check(const struct vfs *vfs, bool full) {
    const char *wrong = check_quickly(vfs);
    if (wrong == NULL && full) {
        wrong = check_store(&vfs->store);
    }
    return wrong == NULL && full ? check_nodes(vfs) : wrong;
}
