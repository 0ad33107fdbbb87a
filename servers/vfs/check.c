/* SPDX-License-Identifier: MIT
 * Invariants of the arena.
 */
#include "record.h"
#include <common/string.h>

static uint64_t frame_sum(const struct vfs *vfs) {
    uint64_t sum = sum_mix((uint64_t)vfs->root << 32 | vfs->mount_count, vfs->archive_size), text;
    sum = sum_mix(sum, (uintptr_t)vfs->pool.base + vfs->pool.pages);
    sum = sum_mix(sum, vfs->unowned_blocks);
    for (uint32_t i = 0; i < vfs->mount_count; i++) {
        const struct mount *mount = &vfs->mounts[i];
        memcpy(&text, mount->path, sizeof text); /* the beginning: it is done in each turn */
        sum = sum_mix(sum_mix(sum, (uint64_t)mount->root << 32 | mount->flags), text);
    }
    for (uint32_t i = 0; i < VFS_REMOTES; i++) {
        if (vfs->remotes[i].path[0] != '\0') {
            memcpy(&text, vfs->remotes[i].path, sizeof text);
            sum = sum_mix(sum_mix(sum, vfs->remotes[i].server), text);
        }
    }
    return sum;
}

void vfs_seal(struct vfs *vfs) {
    vfs->seal = frame_sum(vfs);
}

/* The head of the list of pending work, and what was the head before it. */
static bool pending_sound(const struct vfs *vfs) {
    const struct pool *pool = &vfs->pool;
    if (vfs->pending == 0) {
        return pool->used[POOL_PENDING] == 0;
    }
    if (pool->used[POOL_PENDING] == 0 || !pool_valid(pool, POOL_PENDING, vfs->pending)) {
        return false;
    }
    uint32_t next = pending_get(vfs, vfs->pending)->next;
    return next == 0 || pool_valid(pool, POOL_PENDING, next);
}

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
        store->free > store->chunks * CHUNK_BLOCKS || store->hint > store->chunks ||
        store->seal != store_sum(store)) {
        return "the store's numbers are wrong";
    }
    if (pool->untouched > pool->pages || pool->unused_pages >= pool->pages ||
        pool->used[POOL_PENDING] > VFS_PENDING_MAX) {
        return "the pool's numbers are wrong";
    }
    if (vfs->line_start > vfs->line_end || vfs->line_end > BLOCK_SIZE ||
        (vfs->line_block != 0) != (vfs->line_start < vfs->line_end)) {
        return "the console's line is wrong";
    }
    if (!pending_sound(vfs)) {
        return "the list of pending work is damaged";
    }
    if (vfs->seal != frame_sum(vfs)) {
        return "mounts or places have changed";
    }
    return NULL;
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

static bool entry_valid(const struct vfs *vfs, uint32_t id) {
    return pool_valid(&vfs->pool, POOL_ENTRY, id) || pool_valid(&vfs->pool, POOL_ENTRY_LONG, id);
}

/* Each chain ends and holds what belongs to it; together they hold everything. After that nothing
 * that follows a chain can run in circles. */
static const char *check_chains(const struct vfs *vfs) {
    const struct pool *pool = &vfs->pool;
    uint32_t names = pool->used[POOL_ENTRY] + pool->used[POOL_ENTRY_LONG];
    uint32_t sessions = pool->used[POOL_SESSION], pending = pool->used[POOL_PENDING];
    for (uint32_t i = 0; i < VFS_BUCKETS; i++) {
        for (uint32_t at = vfs->buckets[i]; at != 0; at = entry_get(vfs, at)->hash_next) {
            if (!entry_valid(vfs, at) || entry_get(vfs, at)->hash % VFS_BUCKETS != i ||
                names-- == 0) {
                return "a chain of names is damaged";
            }
        }
    }
    for (uint32_t i = 0; i < VFS_SESSION_BUCKETS; i++) {
        for (uint32_t at = vfs->session_buckets[i]; at != 0; at = session_get(vfs, at)->hash_next) {
            if (!pool_valid(pool, POOL_SESSION, at) ||
                (session_get(vfs, at)->badge >> 32) % VFS_SESSION_BUCKETS != i || sessions-- == 0) {
                return "a chain of sessions is damaged";
            }
        }
    }
    for (uint32_t at = vfs->pending; at != 0; at = pending_get(vfs, at)->next) {
        if (!pool_valid(pool, POOL_PENDING, at) || pending-- == 0 ||
            pending_get(vfs, at)->kind == PENDING_NONE ||
            pending_get(vfs, at)->kind > PENDING_FORWARD || pending_get(vfs, at)->cancelled > 1) {
            return "the list of pending work is damaged";
        }
    }
    return (names | sessions | pending) != 0 ? "a chain has lost something" : NULL;
}

/* A number for a node, such that sums of them hardly agree by chance. */
static uint64_t mark(uint32_t id) {
    uint64_t number = (id + 1ull) * 0x9e3779b97f4a7c15ull;
    return number ^ number >> 29;
}

/* What there is, for comparison with what refers to it. */
struct tally {
    uint32_t nodes, entries, sessions, listed, orphans;
    uint64_t links, opens;   /* sums of marks, as the nodes count */
    uint64_t linked, opened; /* ... and as it is */
};

static const char *check_directory(const struct vfs *vfs, uint32_t id, struct tally *tally) {
    const struct node *node = node_get(vfs, id);
    uint64_t cursor = 0;
    uint32_t count = 0, previous = 0;
    for (uint32_t at = node->directory.first; at != 0; at = entry_get(vfs, at)->next) {
        if (!entry_valid(vfs, at)) {
            return "a directory leads nowhere";
        }
        const struct entry *entry = entry_get(vfs, at);
        if (entry->id != at || entry->directory != id || entry->cursor <= cursor ||
            entry->prev != previous || entry->length == 0 || entry->length >= FILE_NAME_MAX ||
            !pool_valid(&vfs->pool, POOL_NODE, entry->node) ||
            directory_find(vfs, id, entry->name, entry->length) != at) {
            return "a damaged directory entry";
        }
        const struct node *child = node_get(vfs, entry->node);
        if (child->kind == NODE_DIRECTORY && child->parent != id) {
            return "a directory has another parent";
        }
        tally->linked += mark(entry->node);
        cursor = entry->cursor;
        previous = at;
        count++;
    }
    tally->entries += count;
    if (count != node->directory.count || previous != node->directory.last ||
        cursor > node->directory.cursor) {
        return "a directory's count is wrong";
    }
    previous = 0;
    for (uint32_t at = node->directory.sessions; at != 0; at = session_get(vfs, at)->next) {
        if (!pool_valid(&vfs->pool, POOL_SESSION, at) || session_get(vfs, at)->node != id ||
            session_get(vfs, at)->prev != previous) {
            return "a directory's sessions are damaged";
        }
        previous = at;
        tally->listed++;
    }
    return NULL;
}

static const char *check_nodes(const struct vfs *vfs, struct tally *tally) {
    uint32_t id = 0;
    while (pool_next(&vfs->pool, POOL_NODE, &id)) {
        const struct node *node = node_get(vfs, id);
        if (node->kind == NODE_FREE || node->kind > NODE_DEVICE || node->mount >= VFS_MOUNTS ||
            node->number > vfs->node_number ||
            (node->mounted != 0 && !pool_valid(&vfs->pool, POOL_NODE, node->mounted))) {
            return "a damaged node";
        }
        const char *wrong = node->kind == NODE_DIRECTORY ? check_directory(vfs, id, tally) : NULL;
        if (wrong != NULL) {
            return wrong;
        }
        tally->orphans += (node->links | node->opens) == 0;
        tally->links += node->links * mark(id);
        tally->opens += node->opens * mark(id);
        tally->nodes++;
    }
    for (uint32_t i = 0; i < vfs->mount_count; i++) {
        if (!pool_valid(&vfs->pool, POOL_NODE, vfs->mounts[i].root) ||
            strnlen(vfs->mounts[i].path, FILE_PATH_MAX) == FILE_PATH_MAX) {
            return "a damaged mount";
        }
        tally->linked += mark(vfs->mounts[i].root);
    }
    return NULL;
}

static const char *check_sessions(const struct vfs *vfs, struct tally *tally) {
    uint32_t charged = 0, in_directories = 0, id = 0;
    for (; pool_next(&vfs->pool, POOL_SESSION, &id); tally->sessions++) {
        const struct session *session = session_get(vfs, id);
        uint32_t found;
        if (!pool_valid(&vfs->pool, POOL_NODE, session->node) ||
            session_find(vfs, session->badge, &found) != session ||
            (session->place != 0 && !entry_valid(vfs, session->place))) {
            return "a damaged session";
        }
        in_directories += node_get(vfs, session->node)->kind == NODE_DIRECTORY;
        tally->opened += mark(session->node);
    }
    for (uint32_t i = 0; i < VFS_ACCOUNTS; i++) {
        charged += vfs->accounts[i].sessions;
    }
    return charged != tally->sessions || in_directories != tally->listed
               ? "the sessions' counts are wrong"
               : NULL;
}

static const char *check_tree(const struct vfs *vfs) {
    struct tally tally = {0};
    const char *wrong = check_nodes(vfs, &tally);
    if (wrong == NULL) {
        wrong = check_sessions(vfs, &tally);
    }
    if (wrong != NULL) {
        return wrong;
    }
    if (tally.nodes != vfs->pool.used[POOL_NODE] ||
        tally.sessions != vfs->pool.used[POOL_SESSION] ||
        tally.entries != vfs->pool.used[POOL_ENTRY] + vfs->pool.used[POOL_ENTRY_LONG]) {
        return "the pool's counts are wrong";
    }
    if (tally.orphans > vfs->pool.used[POOL_PENDING]) { /* files of /proc that are being made */
        return "a node that nothing refers to";
    }
    return tally.links != tally.linked || tally.opens != tally.opened
               ? "references and what they refer to differ"
               : NULL;
}

/* ---- Blocks -----------------------------------------------------------------------------------
 */

/* Blocks that something was found to hold; of one check. */
static struct {
    const struct store *store;
    uint32_t count;
    uint64_t blocks[STORE_CHUNKS];
} held;

/* False: the block can't be that one's. */
static bool hold(uint32_t block) {
    uint32_t chunk = (block - 1) / CHUNK_BLOCKS; /* 0 becomes large */
    uint64_t bit = 1ull << ((block - 1) % CHUNK_BLOCKS);
    if (chunk >= held.store->chunks || (held.store->used[chunk] & bit) == 0 ||
        (held.blocks[chunk] & bit) != 0) {
        return false;
    }
    held.blocks[chunk] |= bit;
    held.count++;
    return true;
}

/* `count` numbers, each of a block of 1024^level blocks' numbers or contents; `size`: blocks that
 * the file has from the first of them on. */
static bool hold_all(const uint32_t *numbers, uint32_t count, uint32_t level, uint64_t size) {
    uint64_t span = level == 0 ? 1 : level == 1 ? LEAF_BLOCKS : FILE_BLOCKS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (numbers[i] == 0) {
            continue;
        }
        if (i * span >= size || !hold(numbers[i]) ||
            (level > 0 &&
             !hold_all(store_block(numbers[i]), LEAF_BLOCKS, level - 1, size - i * span))) {
            return false;
        }
    }
    return true;
}

/* No block has two places where it belongs. */
static const char *check_blocks(const struct vfs *vfs) {
    uint32_t id = 0;
    held.store = &vfs->store;
    held.count = 0;
    memset(held.blocks, 0, vfs->store.chunks * sizeof held.blocks[0]);
    while (pool_next(&vfs->pool, POOL_NODE, &id)) {
        const struct node *node = node_get(vfs, id);
        if (node->kind != NODE_FILE) {
            continue;
        }
        const struct file_map *map = &node->file;
        if (map->levels > 2 || node->size > FILE_SIZE_MAX ||
            !hold_all(map->direct, map->levels == 0 ? DIRECT_BLOCKS : 1, map->levels,
                      (node->size + BLOCK_SIZE - 1) / BLOCK_SIZE)) {
            return "a file's block map is damaged";
        }
    }
    for (id = vfs->pending; id != 0; id = pending_get(vfs, id)->next) {
        uint32_t block = pending_get(vfs, id)->block;
        if (block != 0 && !hold(block)) {
            return "a block lent to the console is not ours";
        }
    }
    if (vfs->line_block != 0 && !hold(vfs->line_block)) {
        return "the block of the console's line is not ours";
    }
    return NULL;
}

uint32_t vfs_unowned_blocks(const struct vfs *vfs) {
    return check_blocks(vfs) != NULL
               ? 0
               : vfs->store.chunks * CHUNK_BLOCKS - vfs->store.free - held.count;
}

const char *vfs_check(const struct vfs *vfs, bool full) {
    const char *wrong = check_quickly(vfs);
    if (wrong != NULL || !full) {
        return wrong;
    }
    wrong = pool_sound(&vfs->pool) ? check_store(&vfs->store) : "the pool's pages are damaged";
    if (wrong == NULL) {
        wrong = check_chains(vfs);
    }
    if (wrong == NULL) {
        wrong = check_tree(vfs);
    }
    if (wrong != NULL || !store_attached()) {
        return wrong;
    }
    wrong = check_blocks(vfs);
    return wrong == NULL && vfs_unowned_blocks(vfs) != vfs->unowned_blocks
               ? "a block that belongs to nothing"
               : wrong;
}
