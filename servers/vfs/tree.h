/* SPDX-License-Identifier: MIT
 * The name space: lookup across mounts, and the operations that change names.
 */
#pragma once
#include "node.h"
#include "path.h"

/* What a path names. */
struct place {
    uint32_t node;      /* 0: no such name, but its directory exists */
    uint32_t directory; /* 0: the path names a mount's root */
    uint32_t entry;     /* 0: no such name, or a mount's root */
    const char *name;   /* last component, within the path */
    size_t length;
};

/* E_NOT_FOUND: a directory on the way is missing; E_NOT_DIRECTORY: something on the way, or the
 * last component of a path that asks for a directory, is none. */
MUST_CHECK status_t tree_resolve(const struct vfs *vfs, const struct path *path,
                                 struct place *place);

/* The same for a name that must be there: E_NOT_FOUND. And for a directory: E_NOT_DIRECTORY. */
MUST_CHECK status_t tree_find(const struct vfs *vfs, const struct path *path, struct place *place);
MUST_CHECK status_t tree_find_directory(const struct vfs *vfs, const struct path *path,
                                        struct place *place);

/* A new node of that kind at an unused name. E_READ_ONLY, E_NO_SPACE. */
MUST_CHECK status_t tree_create(struct vfs *vfs, const struct place *place, enum node_kind kind,
                                uint32_t *node);
MUST_CHECK status_t tree_mkdir(struct vfs *vfs, const struct path *path);
MUST_CHECK status_t tree_unlink(struct vfs *vfs, const struct path *path);
MUST_CHECK status_t tree_rmdir(struct vfs *vfs, const struct path *path);

/* As POSIX; E_UNSUPPORTED between mounts, E_INVALID into itself, E_BUSY for a mount's root. */
MUST_CHECK status_t tree_rename(struct vfs *vfs, const struct path *from, const struct path *to);

/* An empty file system of `kind` on the existing directory `path`; its root is ready to be filled
 * until `mount_seal` gives it its flags. */
MUST_CHECK status_t mount_add(struct vfs *vfs, const char *path, const char *kind, uint32_t *mount);
void mount_seal(struct vfs *vfs, uint32_t mount, uint32_t flags);

static inline uint32_t mount_flags(const struct vfs *vfs, const struct node *node) {
    return vfs->mounts[node->mount].flags;
}
