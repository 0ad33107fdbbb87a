/* SPDX-License-Identifier: MIT
 * The operations of the file protocol on the state, without messages; those that only change names
 * are in tree.h. serve.c finds out who asks and for what, the unit tests call them directly.
 */
#pragma once
#include "device.h"
#include "proc.h"
#include "session.h"

/* What OPEN found; the session is made by operation_open_finish. */
struct opening {
    uint32_t node;
    uint32_t flags;
};

/* Checks flags and path; makes the file with FILE_OPEN_CREATE. */
MUST_CHECK status_t operation_open(struct vfs *vfs, const struct path *path, uint64_t flags,
                                   struct opening *opening);

/* Makes the session, which counts against the account, truncates with FILE_OPEN_TRUNCATE, fills the
 * answer. */
MUST_CHECK status_t operation_open_finish(struct vfs *vfs, const struct opening *opening,
                                          uint32_t account, uint32_t *session,
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
MUST_CHECK status_t operation_stat(const struct vfs *vfs, const struct path *path,
                                   struct file_stat *answer);
void operation_fstat(struct vfs *vfs, const struct session *session, struct file_stat *answer);
MUST_CHECK status_t operation_readdir(struct vfs *vfs, uint32_t session,
                                      const struct file_readdir_request *request,
                                      struct file_readdir_reply *answer);
MUST_CHECK status_t operation_truncate(struct vfs *vfs, struct session *session,
                                       const struct file_truncate_request *request);
/* `growth`: bytes that the store could still get. */
MUST_CHECK status_t operation_statfs(const struct vfs *vfs, const struct path *path,
                                     uint64_t growth, struct file_statfs *answer);

/* Makes the standard directories and mounts: /boot, /dev, /proc. The archive is attached already;
 * `damaged` and `skipped` as archive_index, whose status comes in *archive. */
MUST_CHECK status_t operation_layout(struct vfs *vfs, status_t *archive, uint32_t *skipped,
                                     uint64_t *damaged);
