/* SPDX-License-Identifier: MIT
 * Mounts of other file servers. Paths are resolved as text, so the longest mount that a path lies
 * within decides; below it the other server answers, and files opened there are its sessions.
 */
#pragma once
#include "tree.h"

/* The mount that the path lies within; NULL: it is ours. */
const struct remote *remote_find(const struct vfs *vfs, const char *path);

/* Mounts on an existing directory of ours. E_EXISTS: there is one already; E_NO_SPACE; errors of
 * tree_resolve; E_UNSUPPORTED: the path lies within another mount. */
MUST_CHECK status_t remote_add(struct vfs *vfs, const struct path *path, handle_t server);

/* Takes the mount away; *server is the caller's to close. E_NOT_FOUND. */
MUST_CHECK status_t remote_remove(struct vfs *vfs, const struct path *path, handle_t *server);

/* The path as the other server knows it, into FILE_PATH_MAX bytes. */
void remote_path(const struct remote *remote, const struct path *path, char *text);

/* Whether the directory `path` has a mount in it, so that it can't be renamed. */
bool remote_below(const struct vfs *vfs, const char *path);
