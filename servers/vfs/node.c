/* SPDX-License-Identifier: MIT
 * Nodes: creation and the end of those that nothing refers to.
 */
#include "node.h"
#include <common/string.h>

struct node *node_get(const struct vfs *vfs, uint32_t id) {
    return pool_get(&vfs->pool, POOL_NODE, id);
}

status_t node_create(struct vfs *vfs, enum node_kind kind, uint32_t mount, uint32_t *id) {
    status_t status = pool_allocate(&vfs->pool, POOL_NODE, id);
    if (status != OK) {
        return status;
    }
    struct node *node = node_get(vfs, *id);
    node->kind = kind;
    node->mount = mount;
    node->number = ++vfs->node_number;
    node->modified = vfs_time();
    return OK;
}

void node_release(struct vfs *vfs, uint32_t id) {
    struct node *node = node_get(vfs, id);
    if (node->links != 0 || node->opens != 0) {
        return;
    }
    if (node->kind == NODE_FILE) {
        file_contents_free(vfs, node);
    }
    ASSERT(node->kind != NODE_DIRECTORY ||
           (node->directory.count == 0 && node->directory.sessions == 0));
    pool_free(&vfs->pool, id);
}

status_t vfs_create(struct vfs *vfs, void *base, size_t size, uint32_t serial) {
    pool_init(&vfs->pool, base, size);
    vfs->magic = VFS_MAGIC;
    vfs->serial = serial;
    status_t status = node_create(vfs, NODE_DIRECTORY, 0, &vfs->root);
    if (status != OK) {
        return status;
    }
    node_get(vfs, vfs->root)->links = 1;
    struct mount *mount = &vfs->mounts[vfs->mount_count++];
    *mount = (struct mount){.path = "/", .kind = "ramfs", .root = vfs->root};
    vfs_seal(vfs);
    return OK;
}
