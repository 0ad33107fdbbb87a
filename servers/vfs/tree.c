/* SPDX-License-Identifier: MIT
 * The name space. Every change checks first and acts when nothing can fail any more.
 */
#include "tree.h"
#include <common/string.h>

/* The root of what is mounted on the node, or the node itself. */
static uint32_t mounted_root(const struct vfs *vfs, uint32_t id) {
    const struct node *node = node_get(vfs, id);
    while (node->mounted != 0) {
        id = node->mounted;
        node = node_get(vfs, id);
    }
    return id;
}

status_t tree_resolve(const struct vfs *vfs, const struct path *path, struct place *place) {
    *place = (struct place){.node = mounted_root(vfs, vfs->root)};
    const char *at = path->text + 1;
    while (*at != '\0') {
        if (place->node == 0) {
            return E_NOT_FOUND;
        }
        if (node_get(vfs, place->node)->kind != NODE_DIRECTORY) {
            return E_NOT_DIRECTORY;
        }
        const char *end = strchr(at, '/');
        size_t length = end == NULL ? strlen(at) : (size_t)(end - at);
        *place = (struct place){.directory = place->node, .name = at, .length = length};
        place->entry = directory_find(vfs, place->directory, at, length);
        if (place->entry != 0) {
            uint32_t child = entry_get(vfs, place->entry)->node;
            place->node = mounted_root(vfs, child);
            if (place->node != child) {
                place->directory = place->entry = 0;
            }
        }
        at += length;
        at += *at == '/';
    }
    if (path->directory && place->node != 0 && node_get(vfs, place->node)->kind != NODE_DIRECTORY) {
        return E_NOT_DIRECTORY;
    }
    return OK;
}

status_t tree_find(const struct vfs *vfs, const struct path *path, struct place *place) {
    status_t status = tree_resolve(vfs, path, place);
    return status == OK && place->node == 0 ? E_NOT_FOUND : status;
}

status_t tree_find_directory(const struct vfs *vfs, const struct path *path, struct place *place) {
    status_t status = tree_find(vfs, path, place);
    if (status != OK) {
        return status;
    }
    return node_get(vfs, place->node)->kind == NODE_DIRECTORY ? OK : E_NOT_DIRECTORY;
}

static bool names_fixed(const struct vfs *vfs, uint32_t directory) {
    return (mount_flags(vfs, node_get(vfs, directory)) & MOUNT_FIXED) != 0;
}

status_t tree_create(struct vfs *vfs, const struct place *place, enum node_kind kind,
                     uint32_t *id) {
    ASSERT(place->node == 0 && place->directory != 0);
    const struct node *directory = node_get(vfs, place->directory);
    if (names_fixed(vfs, place->directory)) {
        return E_READ_ONLY;
    }
    if (directory->links == 0) {
        return E_NOT_FOUND;
    }
    status_t status = node_create(vfs, kind, directory->mount, id);
    if (status != OK) {
        return status;
    }
    status = directory_add(vfs, place->directory, place->name, place->length, *id);
    if (status != OK) {
        node_release(vfs, *id);
    }
    return status;
}

status_t tree_mkdir(struct vfs *vfs, const struct path *path) {
    struct place place;
    status_t status = tree_resolve(vfs, path, &place);
    if (place.node != 0 && (status == OK || status == E_NOT_DIRECTORY)) {
        /* a file in the middle of the path is E_NOT_DIRECTORY, one at its end E_EXISTS */
        bool whole = place.name == NULL || place.name[place.length] == '\0';
        return whole ? E_EXISTS : E_NOT_DIRECTORY;
    }
    uint32_t id;
    return status != OK ? status : tree_create(vfs, &place, NODE_DIRECTORY, &id);
}

/* Finds an entry that may be taken away. */
static status_t resolve_removable(const struct vfs *vfs, const struct path *path,
                                  struct place *place) {
    status_t status = tree_find(vfs, path, place);
    if (status != OK) {
        return status;
    }
    if (place->entry == 0) {
        return E_BUSY;
    }
    return names_fixed(vfs, place->directory) ? E_READ_ONLY : OK;
}

static void remove_place(struct vfs *vfs, const struct place *place) {
    directory_remove(vfs, place->entry);
    node_release(vfs, place->node);
}

status_t tree_unlink(struct vfs *vfs, const struct path *path) {
    struct place place;
    status_t status = resolve_removable(vfs, path, &place);
    if (status == E_BUSY) {
        return E_IS_DIRECTORY;
    }
    if (status != OK) {
        return status;
    }
    if (node_get(vfs, place.node)->kind == NODE_DIRECTORY) {
        return E_IS_DIRECTORY;
    }
    remove_place(vfs, &place);
    return OK;
}

status_t tree_rmdir(struct vfs *vfs, const struct path *path) {
    struct place place;
    status_t status = resolve_removable(vfs, path, &place);
    if (status != OK) {
        return status;
    }
    const struct node *node = node_get(vfs, place.node);
    if (node->kind != NODE_DIRECTORY) {
        return E_NOT_DIRECTORY;
    }
    if (node->directory.count != 0) {
        return E_NOT_EMPTY;
    }
    remove_place(vfs, &place);
    return OK;
}

/* Whether `directory` is `ancestor` or lies below it. */
static bool directory_below(const struct vfs *vfs, uint32_t directory, uint32_t ancestor) {
    while (directory != 0 && directory != ancestor) {
        directory = node_get(vfs, directory)->parent;
    }
    return directory != 0;
}

/* What the target of a rename, if it is there, forbids. */
static status_t rename_over(const struct vfs *vfs, const struct node *node,
                            const struct place *to) {
    if (to->node == 0) {
        return OK;
    }
    if (to->entry == 0) {
        return E_BUSY;
    }
    const struct node *old = node_get(vfs, to->node);
    if (node->kind == NODE_DIRECTORY) {
        if (old->kind != NODE_DIRECTORY) {
            return E_NOT_DIRECTORY;
        }
        return old->directory.count != 0 ? E_NOT_EMPTY : OK;
    }
    return old->kind == NODE_DIRECTORY ? E_IS_DIRECTORY : OK;
}

static status_t rename_check(const struct vfs *vfs, const struct place *from,
                             const struct place *to, const struct path *target) {
    const struct node *node = node_get(vfs, from->node);
    if (to->node == 0 && target->directory && node->kind != NODE_DIRECTORY) {
        return E_NOT_DIRECTORY;
    }
    if (to->directory == 0) {
        return E_BUSY;
    }
    const struct node *directory = node_get(vfs, to->directory);
    if (directory->mount != node->mount) {
        return E_UNSUPPORTED;
    }
    if (names_fixed(vfs, to->directory)) {
        return E_READ_ONLY;
    }
    if (node->kind == NODE_DIRECTORY && directory_below(vfs, to->directory, from->node)) {
        return E_INVALID;
    }
    return rename_over(vfs, node, to);
}

status_t tree_rename(struct vfs *vfs, const struct path *from_path, const struct path *to_path) {
    struct place from = {0};
    struct place to = {0};
    status_t status = resolve_removable(vfs, from_path, &from);
    if (status == OK) {
        status = tree_resolve(vfs, to_path, &to);
    }
    if (status != OK || from.node == to.node) {
        return status;
    }
    status = rename_check(vfs, &from, &to, to_path);
    if (status != OK) {
        return status;
    }
    /* Names are unique, so the old target goes first. The new entry has the same name, hence the
     * same size: with an old target there is always room for it. */
    uint32_t old = to.node;
    if (old != 0) {
        node_get(vfs, old)->links++;
        directory_remove(vfs, to.entry);
    }
    status = directory_add(vfs, to.directory, to.name, to.length, from.node);
    if (old != 0) {
        node_get(vfs, old)->links--;
        ASSERT(status == OK);
        node_release(vfs, old);
    }
    if (status != OK) {
        return status;
    }
    directory_remove(vfs, from.entry);
    struct node *node = node_get(vfs, from.node);
    if (node->kind == NODE_DIRECTORY) {
        node->parent = to.directory;
    }
    return OK;
}

status_t mount_add(struct vfs *vfs, const char *path, const char *kind, uint32_t *mount) {
    struct path normal;
    struct place place;
    if (vfs->mount_count == VFS_MOUNTS) {
        return E_NO_SPACE;
    }
    status_t status = path_normalise(path, strlen(path) + 1, &normal);
    if (status == OK) {
        status = tree_find_directory(vfs, &normal, &place);
    }
    if (status != OK) {
        return status;
    }
    *mount = vfs->mount_count;
    struct mount *entry = &vfs->mounts[*mount];
    status = node_create(vfs, NODE_DIRECTORY, *mount, &entry->root);
    if (status != OK) {
        return status;
    }
    node_get(vfs, entry->root)->links = 1;
    node_get(vfs, place.node)->mounted = entry->root;
    strlcpy(entry->path, normal.text, sizeof entry->path);
    strlcpy(entry->kind, kind, sizeof entry->kind);
    vfs->mount_count++;
    vfs_seal(vfs);
    return OK;
}

void mount_seal(struct vfs *vfs, uint32_t mount, uint32_t flags) {
    vfs->mounts[mount].flags = flags;
    vfs_seal(vfs);
}
