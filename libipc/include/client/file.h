/* SPDX-License-Identifier: MIT */
/*
 * File protocol (proto/file.h) for programs that may block. `vfs` is the session wired by the
 * manifest; `file` is a session that file_open gave, to be closed with handle_close. Errors are
 * those of the protocol and of call().
 */
#pragma once

#include <ipc/message.h>
#include <proto/file.h>

/* Opens `path` (absolute). *file becomes the caller's. information may be NULL.
 * E_NOT_FOUND, E_EXISTS, E_IS_DIRECTORY, E_NOT_DIRECTORY, E_READ_ONLY, E_NAME_TOO_LONG. */
MUST_CHECK status_t file_open(handle_t vfs, const char *path, uint64_t flags, handle_t *file,
                              struct file_open_reply *information);

/* Moves up to `length` bytes at `offset`, or at the session's offset with FILE_OFFSET_CURRENT.
 * *done: bytes moved; reading stops at the end of the file, writing when the space ends. An error
 * after some bytes were moved is reported by the next call. done may be NULL: then anything short
 * of `length` is E_IO. */
status_t file_read(handle_t file, uint64_t offset, void *buffer, size_t length, size_t *done);
status_t file_write(handle_t file, uint64_t offset, const void *buffer, size_t length,
                    size_t *done);

/* position may be NULL. */
status_t file_seek(handle_t file, int64_t offset, uint64_t whence, uint64_t *position);

status_t file_stat(handle_t vfs, const char *path, struct file_stat *stat);
status_t file_fstat(handle_t file, struct file_stat *stat);

/* The next entries of an open directory; cursor 0 starts, entries->cursor goes on, count 0 ends. */
status_t file_readdir(handle_t directory, uint64_t cursor, struct file_readdir_reply *entries);

status_t file_mkdir(handle_t vfs, const char *path);
status_t file_unlink(handle_t vfs, const char *path);
status_t file_rmdir(handle_t vfs, const char *path);
status_t file_rename(handle_t vfs, const char *from, const char *to);
status_t file_truncate(handle_t file, uint64_t size);
status_t file_statfs(handle_t vfs, const char *path, struct file_statfs *statfs);
status_t file_sync(handle_t file);

/* Makes what `server`, a session of this protocol, serves appear at the existing directory `path`.
 * `server` stays the caller's (needs RIGHT_COPY). */
status_t file_mount(handle_t vfs, const char *path, handle_t server);
status_t file_unmount(handle_t vfs, const char *path);
