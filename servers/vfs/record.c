/* SPDX-License-Identifier: MIT
 * Export and import. In records a node goes by its number in the exporter's pool (`old`); the
 * importer keeps in `scratch` what it is now. Blocks in use are claimed before anything can be
 * allocated, and nothing is written into them: if this program is given up, the old one needs them.
 */
#include "record.h"
#include "map.h"
#include <common/string.h>

enum {
    RECORD_GENERAL = 1,
    RECORD_STORE,
    RECORD_NODE,
    RECORD_MOUNT,
    RECORD_ENTRY,
    RECORD_SESSION,
    RECORD_PENDING,
    RECORD_REMOTE,
};

struct record_general {
    uint64_t node_number;
    uint32_t serial;
    uint32_t ids; /* beyond every `old` */
    uint32_t line_block, line_start, line_end;
};

struct record_store {
    uint32_t chunks, regions;
    uint16_t region[STORE_REGIONS];
};

struct record_node {
    uint32_t old, kind, mount;
    uint32_t mounted; /* what is mounted on it */
    uint64_t number, size, modified;
    uint64_t object; /* NODE_ARCHIVE, NODE_PROC, NODE_DEVICE */
    uint64_t cursor; /* NODE_DIRECTORY */
    uint32_t levels; /* NODE_FILE: 0: block i holds contents i; else the one block is a table */
    uint32_t blocks; /* numbers that follow */
};

struct record_mount {
    char path[FILE_PATH_MAX];
    char kind[16];
    uint32_t root, flags;
};

struct record_entry {
    uint32_t directory, node;
    uint64_t cursor;
    char name[FILE_NAME_MAX];
};

struct record_session {
    uint64_t badge, offset;
    uint32_t node, flags, account;
};

struct record_pending {
    uint32_t kind, node;
    uint64_t token, staged, length, index, flags;
    uint32_t block, account, cancelled;
};

struct record_remote {
    char path[FILE_PATH_MAX];
    handle_t server;
};

/* ---- Export ---------------------------------------------------------------------------------- */

static void export_general(const struct vfs *vfs, struct records_writer *records) {
    struct record_general general = {
        .node_number = vfs->node_number,
        .serial = vfs->serial,
        .ids = vfs->pool.untouched << 6,
        .line_block = vfs->line_block,
        .line_start = vfs->line_start,
        .line_end = vfs->line_end,
    };
    struct record_store store = {.chunks = vfs->store.chunks, .regions = vfs->store.regions};
    memcpy(store.region, vfs->store.region, sizeof store.region);
    record_put(records, RECORD_GENERAL, 1, &general, sizeof general);
    record_put(records, RECORD_STORE, 1, &store, sizeof store);
}

static uint64_t object_of(const struct node *node) {
    return node->kind == NODE_ARCHIVE ? node->archive : node->object;
}

static void export_node(const struct vfs *vfs, uint32_t id, struct records_writer *records) {
    const struct node *node = node_get(vfs, id);
    bool file = node->kind == NODE_FILE, directory = node->kind == NODE_DIRECTORY;
    struct record_node record = {
        .old = id,
        .kind = node->kind,
        .mount = node->mount,
        .mounted = node->mounted,
        .number = node->number,
        .size = node->size,
        .modified = node->modified,
        .object = file || directory ? 0 : object_of(node),
        .cursor = directory ? node->directory.cursor : 0,
        .levels = file ? node->file.levels : 0,
        .blocks = !file                    ? 0
                  : node->file.levels == 0 ? DIRECT_BLOCKS
                                           : 1,
    };
    uint8_t *to = record_add(records, RECORD_NODE, 1,
                             sizeof record + record.blocks * sizeof node->file.direct[0]);
    if (to != NULL) {
        memcpy(to, &record, sizeof record);
        memcpy(to + sizeof record, node->file.direct, record.blocks * sizeof node->file.direct[0]);
    }
}

static void export_entries(const struct vfs *vfs, uint32_t id, struct records_writer *records) {
    uint32_t left = vfs->pool.used[POOL_ENTRY] + vfs->pool.used[POOL_ENTRY_LONG];
    for (uint32_t at = node_get(vfs, id)->directory.first; at != 0 && left > 0; left--) {
        if (!pool_valid(&vfs->pool, POOL_ENTRY, at) &&
            !pool_valid(&vfs->pool, POOL_ENTRY_LONG, at)) {
            return; /* a damaged list: what came before is saved */
        }
        const struct entry *entry = entry_get(vfs, at);
        struct record_entry *to = record_add(records, RECORD_ENTRY, 1, sizeof *to);
        if (to == NULL || entry->length >= FILE_NAME_MAX) {
            return;
        }
        to->directory = id;
        to->node = entry->node;
        to->cursor = entry->cursor;
        memcpy(to->name, entry->name, entry->length);
        at = entry->next;
    }
}

static void export_sessions(const struct vfs *vfs, struct records_writer *records) {
    uint32_t id = 0;
    while (pool_next(&vfs->pool, POOL_SESSION, &id)) {
        const struct session *session = session_get(vfs, id);
        struct record_session record = {session->badge, session->offset, session->node,
                                        session->flags, session->account};
        record_put(records, RECORD_SESSION, 1, &record, sizeof record);
    }
    for (id = 0; pool_next(&vfs->pool, POOL_PENDING, &id);) {
        const struct pending *pending = pending_get(vfs, id);
        struct record_pending record = {
            pending->kind,  pending->node,  pending->token, pending->staged,  pending->length,
            pending->index, pending->flags, pending->block, pending->account, pending->cancelled};
        record_put(records, RECORD_PENDING, 1, &record, sizeof record);
    }
}

void vfs_export(const struct vfs *vfs, struct records_writer *records) {
    uint32_t id = 0;
    export_general(vfs, records);
    while (pool_next(&vfs->pool, POOL_NODE, &id)) {
        export_node(vfs, id, records);
    }
    for (uint32_t i = 0; i < vfs->mount_count && i < VFS_MOUNTS; i++) {
        const struct mount *mount = &vfs->mounts[i];
        struct record_mount record = {.root = mount->root, .flags = mount->flags};
        strlcpy(record.path, mount->path, sizeof record.path);
        strlcpy(record.kind, mount->kind, sizeof record.kind);
        record_put(records, RECORD_MOUNT, 1, &record, sizeof record);
    }
    for (id = 0; pool_next(&vfs->pool, POOL_NODE, &id);) {
        if (node_get(vfs, id)->kind == NODE_DIRECTORY) {
            export_entries(vfs, id, records);
        }
    }
    export_sessions(vfs, records);
    for (uint32_t i = 0; i < VFS_REMOTES; i++) {
        if (vfs->remotes[i].path[0] != '\0') {
            struct record_remote record = {.server = vfs->remotes[i].server};
            strlcpy(record.path, vfs->remotes[i].path, sizeof record.path);
            record_put(records, RECORD_REMOTE, 1, &record, sizeof record);
        }
    }
}

/* ---- Import ---------------------------------------------------------------------------------- */

struct import {
    struct vfs *vfs;
    uint32_t *now; /* by old number: the node's number, 0: there is none */
    uint32_t ids;
};

static uint32_t node_now(const struct import *import, uint32_t old) {
    return old < import->ids ? import->now[old] : 0;
}

/* Claims a block and, if it is a table, all that it names. `size`: blocks that the file has from
 * its place on. */
static bool claim(struct store *store, uint32_t block, uint32_t levels, uint64_t size) {
    if (block == 0) {
        return true;
    }
    if (!store_claim(store, block)) {
        return false;
    }
    const uint32_t *numbers = store_block(block);
    uint64_t span = levels == 2 ? LEAF_BLOCKS : 1;
    bool sound = size > 0;
    for (uint32_t i = 0; levels > 0 && i < LEAF_BLOCKS; i++) {
        sound &= claim(store, numbers[i], levels - 1, size > i * span ? size - i * span : 0);
    }
    return sound;
}

/* Block number i that follows a node's record. */
static uint32_t block_at(const struct record *record, uint32_t i) {
    uint32_t block;
    memcpy(&block, (const uint8_t *)record->data + sizeof(struct record_node) + i * sizeof block,
           sizeof block);
    return block;
}

static bool node_sound(const struct import *import, const struct record *record,
                       const struct record_node *from) {
    return record->length >= sizeof *from &&
           (record->length - sizeof *from) / sizeof(uint32_t) >= from->blocks && from->old != 0 &&
           from->old < import->ids && import->now[from->old] == 0 && from->kind != NODE_FREE &&
           from->kind <= NODE_DEVICE && from->mount < VFS_MOUNTS && from->levels <= 2 &&
           (from->kind == NODE_FILE || from->blocks == 0) &&
           (from->levels == 0 || from->blocks == 1) &&
           from->size <= (from->kind == NODE_FILE ? FILE_SIZE_MAX : UINT32_MAX);
}

/* First round: nodes, and the blocks of files. A file with a block that cannot be its own is left
 * out; what it holds stays claimed, since the old program may need it. */
static status_t import_node(struct import *import, const struct record *record) {
    struct record_node from;
    record_copy(record, &from, sizeof from);
    if (!node_sound(import, record, &from)) {
        return OK;
    }
    bool sound = true;
    uint64_t size = (from.size + BLOCK_SIZE - 1) / BLOCK_SIZE;
    for (uint32_t i = 0; i < from.blocks; i++) {
        sound &=
            claim(&import->vfs->store, block_at(record, i), from.levels, size > i ? size - i : 0);
    }
    if (!sound) {
        return OK;
    }
    uint32_t id;
    status_t status = node_create(import->vfs, (enum node_kind)from.kind, from.mount, &id);
    if (status != OK) {
        return status;
    }
    struct node *node = node_get(import->vfs, id);
    node->number = from.number;
    node->modified = 0; /* the contents are still to come */
    if (from.kind == NODE_ARCHIVE) {
        node->archive = from.object;
    } else if (from.kind == NODE_PROC || from.kind == NODE_DEVICE) {
        node->object = (uint32_t)from.object;
    }
    import->now[from.old] = id;
    return OK;
}

/* Second round: what a file's blocks are, now that all are claimed. */
static status_t import_contents(struct import *import, const struct record *record) {
    struct record_node from;
    record_copy(record, &from, sizeof from);
    uint32_t id = node_now(import, from.old);
    if (id == 0) {
        return OK;
    }
    struct node *node = node_get(import->vfs, id);
    if (node->modified != 0) {
        return OK; /* a second record of the same node: its blocks were not claimed */
    }
    node->modified = 1;
    node->size = from.size;
    if (from.kind == NODE_FILE && from.levels != 0) {
        node->file.levels = from.levels;
        node->file.direct[0] = block_at(record, 0);
        return OK;
    }
    for (uint32_t i = 0; i < from.blocks; i++) {
        uint32_t block = block_at(record, i);
        status_t status =
            block == 0 ? OK : map_set(&import->vfs->store, &node->file, i, block, BLOCK_SYSTEM);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

static void import_mount(struct import *import, const struct record *record) {
    struct vfs *vfs = import->vfs;
    struct record_mount from;
    record_copy(record, &from, sizeof from);
    uint32_t root = node_now(import, from.root);
    if (vfs->mount_count == VFS_MOUNTS || root == 0 || !record_text(from.path, sizeof from.path) ||
        !record_text(from.kind, sizeof from.kind)) {
        return;
    }
    struct mount *mount = &vfs->mounts[vfs->mount_count++];
    mount->root = root;
    mount->flags = from.flags;
    strlcpy(mount->path, from.path, sizeof mount->path);
    strlcpy(mount->kind, from.kind, sizeof mount->kind);
    node_get(vfs, root)->links++;
    if (vfs->mount_count == 1) {
        vfs->root = root;
    }
}

static status_t import_entry(struct import *import, const struct record *record) {
    struct vfs *vfs = import->vfs;
    struct record_entry from;
    record_copy(record, &from, sizeof from);
    uint32_t directory = node_now(import, from.directory);
    uint32_t id = node_now(import, from.node);
    size_t length = strnlen(from.name, sizeof from.name);
    if (directory == 0 || id == 0 || length == 0 || length >= FILE_NAME_MAX) {
        return OK;
    }
    struct node *into = node_get(vfs, directory);
    const struct node *node = node_get(vfs, id);
    if (into->kind != NODE_DIRECTORY || from.cursor <= into->directory.cursor ||
        (node->kind == NODE_DIRECTORY && (node->parent != 0 || id == vfs->root)) ||
        directory_find(vfs, directory, from.name, length) != 0) {
        return OK;
    }
    into->directory.cursor = from.cursor - 1;
    return directory_add(vfs, directory, from.name, length, id);
}

static status_t import_session(struct import *import, const struct record *record) {
    struct record_session from;
    uint32_t id;
    record_copy(record, &from, sizeof from);
    uint32_t node = node_now(import, from.node);
    if (node == 0 || session_find(import->vfs, from.badge, &id) != NULL) {
        return OK;
    }
    status_t status = session_adopt(import->vfs, node, from.badge, from.flags, from.account, &id);
    if (status == OK) {
        session_get(import->vfs, id)->offset = from.offset;
    }
    return status == E_QUOTA ? OK : status;
}

static status_t import_pending(struct import *import, const struct record *record) {
    struct record_pending from;
    uint32_t id;
    record_copy(record, &from, sizeof from);
    uint32_t node = node_now(import, from.node);
    if (from.kind == PENDING_NONE || from.kind > PENDING_FORWARD ||
        (from.kind == PENDING_SERVICES && node == 0) ||
        (from.kind == PENDING_CONSOLE_READ && !store_claim(&import->vfs->store, from.block))) {
        return OK;
    }
    status_t status = pending_create(import->vfs, (enum pending_kind)from.kind, from.token, &id);
    if (status != OK) {
        return status == E_BUSY ? OK : status;
    }
    struct pending *pending = pending_get(import->vfs, id);
    pending->node = node;
    pending->staged = from.staged;
    pending->length = from.length;
    pending->index = from.index;
    pending->flags = from.flags;
    pending->block = from.block;
    pending->account = from.account;
    pending->cancelled = from.cancelled;
    return OK;
}

static void import_remote(struct import *import, const struct record *record) {
    struct record_remote from;
    record_copy(record, &from, sizeof from);
    for (uint32_t i = 0; i < VFS_REMOTES && record_text(from.path, sizeof from.path); i++) {
        struct remote *remote = &import->vfs->remotes[i];
        if (remote->path[0] == '\0') {
            strlcpy(remote->path, from.path, sizeof remote->path);
            remote->server = from.server;
            return;
        }
    }
}

/* A node that nobody refers to goes; a directory with all that is in it. */
static void release(struct vfs *vfs, uint32_t id) {
    struct node *node = node_get(vfs, id);
    while ((node->links | node->opens) == 0 && node->kind == NODE_DIRECTORY &&
           node->directory.first != 0) {
        struct entry *entry = entry_get(vfs, node->directory.first);
        uint32_t child = entry->node;
        directory_remove(vfs, entry->id);
        release(vfs, child);
    }
    node_release(vfs, id);
}

/* Last round: what the operations above have changed on the way. */
static status_t import_finish_node(struct import *import, const struct record *record) {
    struct record_node from;
    record_copy(record, &from, sizeof from);
    uint32_t id = node_now(import, from.old);
    if (id == 0) {
        return OK;
    }
    struct node *node = node_get(import->vfs, id);
    uint32_t mounted = node_now(import, from.mounted);
    node->modified = from.modified;
    if (node->kind == NODE_DIRECTORY) {
        node->mounted =
            mounted != 0 && node_get(import->vfs, mounted)->kind == NODE_DIRECTORY ? mounted : 0;
        node->directory.cursor =
            from.cursor > node->directory.cursor ? from.cursor : node->directory.cursor;
    }
    if (from.number > import->vfs->node_number) {
        import->vfs->node_number = from.number;
    }
    return OK;
}

static bool being_made(const struct vfs *vfs, uint32_t node) {
    uint32_t at = vfs->pending;
    while (at != 0 && pending_get(vfs, at)->node != node) {
        at = pending_get(vfs, at)->next;
    }
    return at != 0;
}

static void release_unused(struct vfs *vfs) {
    uint32_t id = 0;
    while (pool_next(&vfs->pool, POOL_NODE, &id)) {
        if (!being_made(vfs, id)) {
            release(vfs, id);
        }
    }
}

static status_t import_one(struct import *import, const struct record *record) {
    switch (record->tag) {
    case RECORD_MOUNT:
        import_mount(import, record);
        return OK;
    case RECORD_ENTRY:
        return import_entry(import, record);
    case RECORD_SESSION:
        return import_session(import, record);
    case RECORD_REMOTE:
        import_remote(import, record);
        return OK;
    default:
        return OK;
    }
}

static bool find_record(struct records_reader *records, uint16_t tag, void *to, size_t size) {
    struct record record;
    records_rewind(records);
    while (record_next(records, &record)) {
        if (record.tag == tag) {
            record_copy(&record, to, size);
            return true;
        }
    }
    return false;
}

/* All records of a tag, in their order. */
static status_t each(struct import *import, struct records_reader *records, uint16_t tag,
                     status_t (*function)(struct import *, const struct record *)) {
    struct record record;
    status_t status = OK;
    records_rewind(records);
    while (status == OK && record_next(records, &record)) {
        if (tag == 0 || record.tag == tag) {
            status = function(import, &record);
        }
    }
    return status;
}

#define IDS_MAX (65536u << 6)

size_t vfs_import_scratch(struct records_reader *records) {
    struct record_general general;
    if (!find_record(records, RECORD_GENERAL, &general, sizeof general) || general.ids > IDS_MAX) {
        return 0;
    }
    return general.ids * sizeof(uint32_t);
}

static status_t import_general(struct vfs *vfs, const struct record_general *general,
                               struct records_reader *records) {
    struct record_store store;
    if (!find_record(records, RECORD_STORE, &store, sizeof store) ||
        !store_adopt(&vfs->store, store.chunks, store.region, store.regions)) {
        return E_FORMAT;
    }
    vfs->magic = VFS_MAGIC;
    vfs->serial = general->serial;
    if (general->line_start < general->line_end && general->line_end <= BLOCK_SIZE &&
        store_claim(&vfs->store, general->line_block)) {
        vfs->line_block = general->line_block;
        vfs->line_start = general->line_start;
        vfs->line_end = general->line_end;
    }
    return OK;
}

status_t vfs_import(struct vfs *vfs, void *base, size_t size, struct records_reader *records,
                    uint32_t *scratch) {
    struct record_general general;
    if (!find_record(records, RECORD_GENERAL, &general, sizeof general) || general.ids > IDS_MAX) {
        return E_FORMAT;
    }
    struct import import = {vfs, scratch, general.ids};
    memset(scratch, 0, general.ids * sizeof *scratch);
    pool_init(&vfs->pool, base, size);
    status_t status = import_general(vfs, &general, records);
    if (status == OK) {
        status = each(&import, records, RECORD_NODE, import_node);
    }
    if (status == OK) {
        status = each(&import, records, RECORD_PENDING, import_pending);
    }
    if (status == OK) {
        status = each(&import, records, RECORD_NODE, import_contents);
    }
    if (status == OK) {
        status = each(&import, records, 0, import_one);
    }
    if (status == OK &&
        (vfs->mount_count == 0 || node_get(vfs, vfs->root)->kind != NODE_DIRECTORY)) {
        status = E_FORMAT;
    }
    vfs->node_number = general.node_number;
    if (status == OK) {
        status = each(&import, records, RECORD_NODE, import_finish_node);
        release_unused(vfs);
        vfs->unowned_blocks = vfs_unowned_blocks(vfs);
        vfs_seal(vfs);
    }
    return status;
}
