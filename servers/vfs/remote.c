/* SPDX-License-Identifier: MIT
 * The table of other file servers.
 */
#include "remote.h"
#include <common/string.h>

const struct remote *remote_find(const struct vfs *vfs, const char *path) {
    const struct remote *found = NULL;
    for (uint32_t i = 0; i < VFS_REMOTES; i++) {
        const struct remote *remote = &vfs->remotes[i];
        if (remote->path[0] != '\0' && path_within(path, remote->path) &&
            (found == NULL || strlen(remote->path) > strlen(found->path))) {
            found = remote;
        }
    }
    return found;
}

status_t remote_add(struct vfs *vfs, const struct path *path, handle_t server) {
    const struct remote *outer = remote_find(vfs, path->text);
    struct place place;
    if (outer != NULL) {
        return strcmp(outer->path, path->text) == 0 ? E_EXISTS : E_UNSUPPORTED;
    }
    status_t status = tree_find_directory(vfs, path, &place);
    if (status != OK) {
        return status;
    }
    if (place.entry == 0) {
        return E_BUSY;
    }
    for (uint32_t i = 0; i < VFS_REMOTES; i++) {
        struct remote *remote = &vfs->remotes[i];
        if (remote->path[0] == '\0') {
            strlcpy(remote->path, path->text, sizeof remote->path);
            remote->server = server;
            vfs_seal(vfs);
            return OK;
        }
    }
    return E_NO_SPACE;
}

status_t remote_remove(struct vfs *vfs, const struct path *path, handle_t *server) {
    for (uint32_t i = 0; i < VFS_REMOTES; i++) {
        struct remote *remote = &vfs->remotes[i];
        if (remote->path[0] != '\0' && strcmp(remote->path, path->text) == 0) {
            *server = remote->server;
            *remote = (struct remote){0};
            vfs_seal(vfs);
            return OK;
        }
    }
    return E_NOT_FOUND;
}

void remote_path(const struct remote *remote, const struct path *path, char *text) {
    memset(text, 0, FILE_PATH_MAX);
    const char *rest = path->text + strlen(remote->path);
    size_t length = strlcpy(text, *rest == '\0' ? "/" : rest, FILE_PATH_MAX);
    if (path->directory && length > 1 && length + 1 < FILE_PATH_MAX) {
        text[length] = '/';
        text[length + 1] = '\0';
    }
}

bool remote_below(const struct vfs *vfs, const char *path) {
    bool below = false;
    for (uint32_t i = 0; i < VFS_REMOTES && !below; i++) {
        below = vfs->remotes[i].path[0] != '\0' && path_within(vfs->remotes[i].path, path);
    }
    return below;
}
