/* SPDX-License-Identifier: MIT
 * The operations of the file protocol. A request is checked whole before anything changes.
 */
#include "operation.h"
#include "archive.h"
#include <common/string.h>

#define OPEN_FLAGS                                                                                 \
    (FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_EXCLUSIVE |                   \
     FILE_OPEN_TRUNCATE | FILE_OPEN_APPEND | FILE_OPEN_DIRECTORY)

static status_t open_flags_check(uint64_t flags) {
    bool write = (flags & FILE_OPEN_WRITE) != 0;
    bool directory = (flags & FILE_OPEN_DIRECTORY) != 0;
    if ((flags & ~(uint64_t)OPEN_FLAGS) != 0 || (flags & (FILE_OPEN_READ | FILE_OPEN_WRITE)) == 0) {
        return E_INVALID;
    }
    if ((flags & (FILE_OPEN_TRUNCATE | FILE_OPEN_APPEND)) != 0 && !write) {
        return E_INVALID;
    }
    if (directory && (flags & (FILE_OPEN_CREATE | FILE_OPEN_WRITE)) != 0) {
        return write ? E_IS_DIRECTORY : E_INVALID;
    }
    return OK;
}

static status_t open_existing_check(const struct vfs *vfs, uint32_t id, uint64_t flags) {
    const struct node *node = node_get(vfs, id);
    bool create = (flags & FILE_OPEN_CREATE) != 0;
    if (create && (flags & FILE_OPEN_EXCLUSIVE) != 0) {
        return E_EXISTS;
    }
    if (node->kind != NODE_DIRECTORY) {
        if ((flags & FILE_OPEN_DIRECTORY) != 0) {
            return E_NOT_DIRECTORY;
        }
        bool read_only = (mount_flags(vfs, node) & MOUNT_READ_ONLY) != 0;
        return read_only && (flags & FILE_OPEN_WRITE) != 0 ? E_READ_ONLY : OK;
    }
    return create || (flags & FILE_OPEN_WRITE) != 0 ? E_IS_DIRECTORY : OK;
}

status_t operation_open(struct vfs *vfs, const struct path *path, uint64_t flags,
                        struct opening *opening) {
    struct place place;
    status_t status = open_flags_check(flags);
    if (status == OK) {
        status = tree_resolve(vfs, path, &place);
    }
    if (status != OK) {
        return status;
    }
    *opening = (struct opening){place.node, (uint32_t)flags};
    if (place.node != 0) {
        return open_existing_check(vfs, place.node, flags);
    }
    if ((flags & FILE_OPEN_CREATE) == 0) {
        return E_NOT_FOUND;
    }
    return path->directory ? E_IS_DIRECTORY : tree_create(vfs, &place, NODE_FILE, &opening->node);
}

static uint64_t node_type(const struct node *node) {
    switch (node->kind) {
    case NODE_DIRECTORY:
        return FILE_DIRECTORY;
    case NODE_DEVICE:
        return FILE_DEVICE;
    default:
        return FILE_REGULAR;
    }
}

status_t operation_open_finish(struct vfs *vfs, const struct opening *opening, uint32_t account,
                               uint32_t *session, struct file_open_reply *answer) {
    struct node *node = node_get(vfs, opening->node);
    status_t status = session_open(vfs, opening->node, opening->flags, account, session);
    if (status != OK) {
        return status;
    }
    if ((opening->flags & FILE_OPEN_TRUNCATE) != 0 && node->kind == NODE_FILE) {
        status = file_contents_resize(vfs, node, 0);
        if (status != OK) {
            session_close(vfs, *session);
            return status;
        }
    }
    answer->type = node_type(node);
    answer->size = node->size;
    return OK;
}

static uint64_t io_offset(const struct session *session, const struct file_io_request *request) {
    return request->offset == FILE_OFFSET_CURRENT ? session->offset : request->offset;
}

static size_t io_length(const struct file_io_request *request) {
    return request->length < FILE_IO_MAX ? (size_t)request->length : FILE_IO_MAX;
}

static void io_finish(struct session *session, const struct file_io_request *request,
                      uint64_t end) {
    if (request->offset == FILE_OFFSET_CURRENT) {
        session->offset = end;
    }
}

status_t operation_read(struct vfs *vfs, struct session *session,
                        const struct file_io_request *request, const struct transfer *transfer,
                        struct file_io_reply *answer) {
    struct node *node = node_get(vfs, session->node);
    uint64_t offset = io_offset(session, request);
    size_t length = io_length(request);
    if ((session->flags & FILE_OPEN_READ) == 0) {
        return E_RIGHTS;
    }
    status_t status = E_UNSUPPORTED;
    switch (node->kind) {
    case NODE_FILE:
        status = file_contents_read(vfs, node, offset, &length, transfer);
        break;
    case NODE_ARCHIVE:
        status = archive_read(node, offset, &length, transfer);
        break;
    case NODE_DEVICE:
        status = node->object == DEVICE_CONSOLE ? E_UNSUPPORTED
                                                : device_read(node->object, &length, transfer);
        break;
    case NODE_DIRECTORY:
        status = E_IS_DIRECTORY;
        break;
    default:
        break;
    }
    if (status == OK) {
        io_finish(session, request, offset + length);
        answer->length = length;
    }
    return status;
}

status_t operation_write(struct vfs *vfs, struct session *session,
                         const struct file_io_request *request, const struct transfer *transfer,
                         struct file_io_reply *answer) {
    struct node *node = node_get(vfs, session->node);
    uint64_t offset = io_offset(session, request);
    size_t length = io_length(request);
    if ((session->flags & FILE_OPEN_WRITE) == 0) {
        return E_RIGHTS;
    }
    if ((session->flags & FILE_OPEN_APPEND) != 0) {
        offset = node->size;
    }
    status_t status = E_UNSUPPORTED;
    if (node->kind == NODE_FILE) {
        status = file_contents_write(vfs, node, offset, &length, transfer);
    } else if (node->kind == NODE_DEVICE && node->object != DEVICE_CONSOLE) {
        status = device_write(node->object, &length);
    }
    if (status == OK) {
        io_finish(session, request, offset + length);
        answer->length = length;
    }
    return status;
}

status_t operation_seek(struct vfs *vfs, struct session *session,
                        const struct file_seek_request *request, struct file_seek_reply *answer) {
    const struct node *node = node_get(vfs, session->node);
    uint64_t base = 0;
    if (node->kind == NODE_DIRECTORY) {
        return E_IS_DIRECTORY;
    }
    if (request->whence == FILE_SEEK_CURRENT) {
        base = session->offset;
    } else if (request->whence == FILE_SEEK_END) {
        base = node->size;
    } else if (request->whence != FILE_SEEK_SET) {
        return E_INVALID;
    }
    /* base is at most INT64_MAX: offsets are, by this very check */
    int64_t offset;
    if (__builtin_add_overflow((int64_t)base, request->offset, &offset) || offset < 0) {
        return E_INVALID;
    }
    session->offset = (uint64_t)offset;
    answer->offset = session->offset;
    return OK;
}

static void node_stat(const struct vfs *vfs, uint32_t id, struct file_stat *answer) {
    const struct node *node = node_get(vfs, id);
    *answer = (struct file_stat){
        .type = node_type(node),
        .size = node->size,
        .id = node->number,
        .mount = node->mount,
        .modified = node->modified,
        .links = node->links,
        .flags = (mount_flags(vfs, node) & MOUNT_READ_ONLY) != 0 ? FILE_STAT_READ_ONLY : 0,
    };
}

status_t operation_stat(const struct vfs *vfs, const struct path *path, struct file_stat *answer) {
    struct place place;
    status_t status = tree_find(vfs, path, &place);
    if (status == OK) {
        node_stat(vfs, place.node, answer);
    }
    return status;
}

void operation_fstat(struct vfs *vfs, const struct session *session, struct file_stat *answer) {
    node_stat(vfs, session->node, answer);
}

static void entry_describe(const struct vfs *vfs, const struct entry *entry,
                           struct file_entry *answer) {
    const struct node *node = node_get(vfs, entry->node);
    answer->type = node_type(node);
    answer->size = node->size;
    memcpy(answer->name, entry->name, entry->length);
    answer->name[entry->length] = '\0';
}

status_t operation_readdir(struct vfs *vfs, uint32_t session_id,
                           const struct file_readdir_request *request,
                           struct file_readdir_reply *answer) {
    struct session *session = session_get(vfs, session_id);
    if (node_get(vfs, session->node)->kind != NODE_DIRECTORY) {
        return E_NOT_DIRECTORY;
    }
    uint32_t id = directory_after(vfs, session->node, request->cursor, session_id);
    answer->cursor = request->cursor;
    answer->count = 0;
    while (id != 0 && answer->count < sizeof answer->entries / sizeof answer->entries[0]) {
        const struct entry *entry = entry_get(vfs, id);
        entry_describe(vfs, entry, &answer->entries[answer->count++]);
        answer->cursor = entry->cursor;
        id = entry->next;
    }
    session->place = id;
    session->cursor = answer->cursor;
    return OK;
}

status_t operation_truncate(struct vfs *vfs, struct session *session,
                            const struct file_truncate_request *request) {
    struct node *node = node_get(vfs, session->node);
    if (node->kind == NODE_DIRECTORY) {
        return E_IS_DIRECTORY;
    }
    if ((session->flags & FILE_OPEN_WRITE) == 0) {
        return E_RIGHTS;
    }
    return node->kind == NODE_FILE ? file_contents_resize(vfs, node, request->size) : E_INVALID;
}

static uint64_t mount_files(const struct vfs *vfs, uint32_t mount) {
    uint64_t files = 0;
    for (uint32_t id = 0; pool_next(&vfs->pool, POOL_NODE, &id);) {
        files += node_get(vfs, id)->mount == mount;
    }
    return files;
}

status_t operation_statfs(const struct vfs *vfs, const struct path *path, uint64_t growth,
                          struct file_statfs *answer) {
    struct place place;
    status_t status = tree_find(vfs, path, &place);
    if (status != OK) {
        return status;
    }
    const struct mount *mount = &vfs->mounts[node_get(vfs, place.node)->mount];
    strlcpy(answer->kind, mount->kind, sizeof answer->kind);
    if (place.node == vfs->root || (mount->flags & MOUNT_FIXED) == 0) {
        const struct store *store = &vfs->store;
        uint64_t limit = (uint64_t)(STORE_CHUNKS - store->chunks) * CHUNK_SIZE;
        uint64_t more = growth < limit ? growth / CHUNK_SIZE * CHUNK_SIZE : limit;
        uint64_t free = (uint64_t)store->free * BLOCK_SIZE + more;
        uint64_t reserve = (uint64_t)STORE_RESERVE * BLOCK_SIZE;
        answer->total = (uint64_t)store->chunks * CHUNK_SIZE + more;
        answer->free = free > reserve ? free - reserve : 0;
    } else if (strcmp(mount->kind, "archive") == 0) {
        answer->total = vfs->archive_size;
    }
    answer->files = mount_files(vfs, node_get(vfs, place.node)->mount);
    answer->files_max = answer->files;
    if ((mount->flags & MOUNT_FIXED) == 0) {
        answer->files_max += pool_room(&vfs->pool, POOL_NODE);
    }
    return OK;
}

static status_t layout_directories(struct vfs *vfs) {
    static const char *const names[] = {"/bin", "/boot", "/dev", "/etc", "/home",
                                        "/mnt", "/proc", "/tmp", "/var"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct path path;
        status_t status = path_normalise(names[i], strlen(names[i]) + 1, &path);
        if (status == OK) {
            status = tree_mkdir(vfs, &path);
        }
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

static status_t copy_text(void *context, uint64_t offset, void *bytes, size_t length) {
    memcpy(bytes, (const char *)context + offset, length);
    return OK;
}

/* What C libraries read to find names of machines. */
static status_t layout_files(struct vfs *vfs) {
    static char hosts[] = "127.0.0.1 localhost axolotl\n::1 localhost\n";
    static char order[] = "hosts: files dns\n";
    static const struct {
        const char *path;
        char *text;
        size_t length;
    } files[] = {{"/etc/hosts", hosts, sizeof hosts - 1},
                 {"/etc/nsswitch.conf", order, sizeof order - 1}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct path path;
        struct place place;
        struct transfer transfer = {copy_text, files[i].text};
        size_t length = files[i].length;
        uint32_t id;
        status_t status = path_normalise(files[i].path, strlen(files[i].path) + 1, &path);
        if (status == OK) {
            status = tree_resolve(vfs, &path, &place);
        }
        if (status == OK) {
            status = tree_create(vfs, &place, NODE_FILE, &id);
        }
        if (status == OK) {
            status = file_contents_write(vfs, node_get(vfs, id), 0, &length, &transfer);
        }
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

status_t operation_layout(struct vfs *vfs, status_t *archive, uint32_t *skipped,
                          uint64_t *damaged) {
    uint32_t boot;
    uint32_t devices;
    uint32_t proc;
    status_t status = layout_directories(vfs);
    if (status != OK || (status = layout_files(vfs)) != OK ||
        (status = mount_add(vfs, "/boot", "archive", &boot)) != OK ||
        (status = mount_add(vfs, "/dev", "devices", &devices)) != OK ||
        (status = mount_add(vfs, "/proc", "proc", &proc)) != OK ||
        (status = device_populate(vfs, devices)) != OK ||
        (status = proc_populate(vfs, proc)) != OK) {
        return status;
    }
    *archive = archive_index(vfs, boot, skipped, damaged);
    mount_seal(vfs, boot, MOUNT_FIXED | MOUNT_READ_ONLY);
    mount_seal(vfs, devices, MOUNT_FIXED);
    mount_seal(vfs, proc, MOUNT_FIXED | MOUNT_READ_ONLY);
    return OK;
}
