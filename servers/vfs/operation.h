/* SPDX-License-Identifier: MIT
 * The operations of the file protocol on the state, without messages. dispatch.c decodes calls for
 * them, the unit tests call them directly.
 */
#pragma once
#include "device.h"
#include "proc.h"
#include "session.h"

/* Who asks: the number in its root badge, the account that its sessions count against. */
struct client {
    uint64_t number;
    uint32_t account;
};

/* The normal form of a path that the client may use for `access` (POLICY_*). E_RIGHTS, and the
 * errors of path_normalise. */
MUST_CHECK status_t client_path(const struct client *client, const char *text, size_t size,
                                uint32_t access, struct path *path);

/* What OPEN found; the session is made by operation_open_finish. */
struct opening {
    uint32_t node;
    uint32_t flags;
};

/* Checks flags, path and rights; makes the file with FILE_OPEN_CREATE. */
MUST_CHECK status_t operation_open(struct vfs *vfs, const struct client *client,
                                   const struct file_open_request *request,
                                   struct opening *opening);

/* Makes the session, truncates with FILE_OPEN_TRUNCATE, fills the answer. */
MUST_CHECK status_t operation_open_finish(struct vfs *vfs, const struct client *client,
                                          const struct opening *opening, uint32_t *session,
                                          struct file_open_reply *answer);

/* The console device is the caller's business: E_UNSUPPORTED. */
MUST_CHECK status_t operation_read(struct vfs *vfs, struct session *session,
                                   const struct file_io_request *request,
                                   const struct transfer *transfer, struct file_io_reply *answer);
MUST_CHECK status_t operation_write(struct vfs *vfs, struct session *session,
                                    const struct file_io_request *request,
                                    const struct transfer *transfer, struct file_io_reply *answer);
MUST_CHECK status_t operation_seek(struct vfs *vfs, struct session *session,
                                   const struct file_seek_request *request,
                                   struct file_seek_reply *answer);
MUST_CHECK status_t operation_stat(struct vfs *vfs, const struct client *client,
                                   const struct file_path_request *request,
                                   struct file_stat *answer);
void operation_fstat(struct vfs *vfs, const struct session *session, struct file_stat *answer);
MUST_CHECK status_t operation_readdir(struct vfs *vfs, uint32_t session,
                                      const struct file_readdir_request *request,
                                      struct file_readdir_reply *answer);
MUST_CHECK status_t operation_mkdir(struct vfs *vfs, const struct client *client,
                                    const struct file_path_request *request);
MUST_CHECK status_t operation_unlink(struct vfs *vfs, const struct client *client,
                                     const struct file_path_request *request);
MUST_CHECK status_t operation_rmdir(struct vfs *vfs, const struct client *client,
                                    const struct file_path_request *request);
MUST_CHECK status_t operation_rename(struct vfs *vfs, const struct client *client,
                                     const struct file_rename_request *request);
MUST_CHECK status_t operation_truncate(struct vfs *vfs, struct session *session,
                                       const struct file_truncate_request *request);
/* `growth`: bytes that the store could still get. */
MUST_CHECK status_t operation_statfs(struct vfs *vfs, const struct client *client,
                                     const struct file_path_request *request, uint64_t growth,
                                     struct file_statfs *answer);

/* Makes the standard directories and mounts: /boot, /dev, /proc. The archive is attached already;
 * `damaged` and `skipped` as archive_index, whose status comes in *archive. */
MUST_CHECK status_t operation_layout(struct vfs *vfs, status_t *archive, uint32_t *skipped,
                                     uint64_t *damaged);
