/* SPDX-License-Identifier: MIT
 * Directories: entries in one hash table over (directory, name), and in each directory a list by
 * ascending cursor. New entries go to its end, so a cursor never shows an old entry twice.
 */
#include "node.h"
#include "session.h"
#include <common/string.h>

struct entry *entry_get(const struct vfs *vfs, uint32_t id) {
    const struct pool *pool = &vfs->pool;
    enum pool_kind kind = pool_valid(pool, POOL_ENTRY, id) ? POOL_ENTRY : POOL_ENTRY_LONG;
    return pool_get(pool, kind, id);
}

/* FNV-1a over the directory's number and the name. */
static uint32_t name_hash(uint32_t directory, const char *name, size_t length) {
    uint32_t hash = (2166136261u ^ directory) * 16777619u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    }
    return hash;
}

uint32_t directory_find(const struct vfs *vfs, uint32_t directory, const char *name,
                        size_t length) {
    uint32_t hash = name_hash(directory, name, length);
    uint32_t id = vfs->buckets[hash % VFS_BUCKETS];
    while (id != 0) {
        const struct entry *entry = entry_get(vfs, id);
        if (entry->hash == hash && entry->directory == directory && entry->length == length &&
            memcmp(entry->name, name, length) == 0) {
            return id;
        }
        id = entry->hash_next;
    }
    return 0;
}

static void list_append(struct vfs *vfs, struct directory *directory, uint32_t id) {
    struct entry *entry = entry_get(vfs, id);
    entry->cursor = ++directory->cursor;
    entry->prev = directory->last;
    if (directory->last != 0) {
        entry_get(vfs, directory->last)->next = id;
    } else {
        directory->first = id;
    }
    directory->last = id;
    directory->count++;
}

status_t directory_add(struct vfs *vfs, uint32_t directory, const char *name, size_t length,
                       uint32_t node_id) {
    ASSERT(length > 0 && length < FILE_NAME_MAX);
    enum pool_kind kind = length <= ENTRY_SHORT ? POOL_ENTRY : POOL_ENTRY_LONG;
    uint32_t id;
    status_t status = pool_allocate(&vfs->pool, kind, &id);
    if (status != OK) {
        return status;
    }
    struct entry *entry = entry_get(vfs, id);
    entry->id = id;
    entry->node = node_id;
    entry->directory = directory;
    entry->hash = name_hash(directory, name, length);
    entry->length = (uint8_t)length;
    memcpy(entry->name, name, length);
    uint32_t *bucket = &vfs->buckets[entry->hash % VFS_BUCKETS];
    entry->hash_next = *bucket;
    *bucket = id;

    struct node *parent = node_get(vfs, directory);
    list_append(vfs, &parent->directory, id);
    parent->modified = vfs_time();
    struct node *node = node_get(vfs, node_id);
    node->links++;
    if (node->kind == NODE_DIRECTORY) {
        node->parent = directory;
    }
    return OK;
}

static void hash_remove(struct vfs *vfs, const struct entry *entry) {
    uint32_t *link = &vfs->buckets[entry->hash % VFS_BUCKETS];
    while (*link != entry->id) {
        ASSERT(*link != 0);
        link = &entry_get(vfs, *link)->hash_next;
    }
    *link = entry->hash_next;
}

static void list_remove(struct vfs *vfs, struct directory *directory, const struct entry *entry) {
    if (entry->prev != 0) {
        entry_get(vfs, entry->prev)->next = entry->next;
    } else {
        directory->first = entry->next;
    }
    if (entry->next != 0) {
        entry_get(vfs, entry->next)->prev = entry->prev;
    } else {
        directory->last = entry->prev;
    }
    directory->count--;
}

void directory_remove(struct vfs *vfs, uint32_t id) {
    struct entry *entry = entry_get(vfs, id);
    struct node *parent = node_get(vfs, entry->directory);
    uint32_t session = parent->directory.sessions;
    while (session != 0) {
        struct session *reader = session_get(vfs, session);
        if (reader->place == id) {
            reader->place = entry->next;
        }
        session = reader->next;
    }
    hash_remove(vfs, entry);
    list_remove(vfs, &parent->directory, entry);
    parent->modified = vfs_time();
    struct node *node = node_get(vfs, entry->node);
    node->links--;
    if (node->kind == NODE_DIRECTORY) {
        node->parent = 0;
    }
    pool_free(&vfs->pool, id);
}

uint32_t directory_after(const struct vfs *vfs, uint32_t directory, uint64_t cursor,
                         uint32_t session_id) {
    uint32_t id = node_get(vfs, directory)->directory.first;
    if (session_id != 0) {
        const struct session *session = session_get(vfs, session_id);
        if (session->place != 0 && session->cursor == cursor) {
            id = session->place;
        }
    }
    while (id != 0) {
        const struct entry *entry = entry_get(vfs, id);
        if (entry->cursor > cursor) {
            break;
        }
        id = entry->next;
    }
    return id;
}
