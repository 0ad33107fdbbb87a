/* SPDX-License-Identifier: MIT
 * File protocol. Served by vfs. Two kinds of session: a *directory service* session (wired by the
 * manifest, root badge) on which paths are opened, and *file* sessions, one per open file, which
 * OPEN answers with. Paths are absolute, NUL-terminated, at most FILE_PATH_MAX bytes with the NUL.
 */
#pragma once
#include <axolotl/abi.h>

#define FILE_PROTOCOL_VERSION 1
#define FILE_PATH_MAX 256
#define FILE_NAME_MAX 128 /* one component, with the NUL */
#define FILE_IO_MAX                                                                                \
    65536 /* bytes that one READ or WRITE moves at most; the rest by further calls */

#define FILE_PROTOCOL(OP)                                                                          \
    OP(1, OPEN, open, struct file_open_request, struct file_open_reply)                            \
    OP(2, READ, read, struct file_io_request, struct file_io_reply)                                \
    OP(3, WRITE, write, struct file_io_request, struct file_io_reply)                              \
    OP(4, SEEK, seek, struct file_seek_request, struct file_seek_reply)                            \
    OP(5, STAT, stat, struct file_path_request, struct file_stat)                                  \
    OP(6, FSTAT, fstat, struct file_empty, struct file_stat)                                       \
    OP(7, READDIR, readdir, struct file_readdir_request, struct file_readdir_reply)                \
    OP(8, MKDIR, mkdir, struct file_path_request, struct file_empty)                               \
    OP(9, UNLINK, unlink, struct file_path_request, struct file_empty)                             \
    OP(10, RMDIR, rmdir, struct file_path_request, struct file_empty)                              \
    OP(11, RENAME, rename, struct file_rename_request, struct file_empty)                          \
    OP(12, TRUNCATE, truncate, struct file_truncate_request, struct file_empty)                    \
    OP(13, STATFS, statfs, struct file_path_request, struct file_statfs)                           \
    OP(14, SYNC, sync, struct file_empty, struct file_empty)                                       \
    OP(15, MOUNT, mount, struct file_path_request, struct file_empty)                              \
    OP(16, UNMOUNT, unmount, struct file_path_request, struct file_empty)

enum file_operation {
    FILE_OPEN = 1,
    FILE_READ,
    FILE_WRITE,
    FILE_SEEK,
    FILE_STAT,
    FILE_FSTAT,
    FILE_READDIR,
    FILE_MKDIR,
    FILE_UNLINK,
    FILE_RMDIR,
    FILE_RENAME,
    FILE_TRUNCATE,
    FILE_STATFS,
    FILE_SYNC,
    FILE_MOUNT, /* with one handle: a session on another file server */
    FILE_UNMOUNT,
};

struct file_empty {
    uint64_t reserved;
};

#define FILE_OPEN_READ 1u
#define FILE_OPEN_WRITE 2u
#define FILE_OPEN_CREATE 4u
#define FILE_OPEN_EXCLUSIVE 8u /* with CREATE: E_EXISTS if it is there */
#define FILE_OPEN_TRUNCATE 16u
#define FILE_OPEN_APPEND 32u    /* every write goes to the end */
#define FILE_OPEN_DIRECTORY 64u /* E_NOT_DIRECTORY otherwise */

/* Trailing part of the path array that is not used is not sent. */
struct file_open_request {
    uint64_t flags;
    char path[FILE_PATH_MAX];
};

/* One handle: the file session. */
struct file_open_reply {
    uint64_t type; /* enum file_type */
    uint64_t size;
};

struct file_path_request {
    char path[FILE_PATH_MAX];
};

enum file_type { FILE_REGULAR = 1, FILE_DIRECTORY = 2, FILE_DEVICE = 3 };

/* READ: lease 0 is LEASE_WRITE (the buffer); WRITE: lease 0 is LEASE_READ.
 * offset FILE_OFFSET_CURRENT: at the session's offset, which moves on. */
#define FILE_OFFSET_CURRENT UINT64_MAX
struct file_io_request {
    uint64_t offset;
    uint64_t length;
};

struct file_io_reply {
    uint64_t length; /* bytes moved; READ: 0 at the end of the file */
};

enum { FILE_SEEK_SET = 0, FILE_SEEK_CURRENT = 1, FILE_SEEK_END = 2 };
struct file_seek_request {
    int64_t offset;
    uint64_t whence;
};

struct file_seek_reply {
    uint64_t offset;
};

struct file_stat {
    uint64_t type;
    uint64_t size;
    uint64_t id;       /* unique among existing files of the mount */
    uint64_t mount;    /* number of the mount */
    uint64_t modified; /* ns since boot */
    uint64_t links;
    uint64_t flags; /* FILE_STAT_READ_ONLY */
};
#define FILE_STAT_READ_ONLY 1u

/* On a directory session. cursor 0 starts; every reply gives the next. Entries removed or added
 * meanwhile may or may not show; all others show exactly once. count 0: the end. */
struct file_readdir_request {
    uint64_t cursor;
};

struct file_entry {
    uint64_t type;
    uint64_t size;
    char name[FILE_NAME_MAX];
};

struct file_readdir_reply {
    uint64_t cursor;
    uint64_t count; /* 0 to 3 */
    struct file_entry entries[3];
};

struct file_rename_request {
    uint64_t split; /* offset of the second path in paths */
    char paths[480];
};

/* On a file session. */
struct file_truncate_request {
    uint64_t size;
};

struct file_statfs {
    uint64_t total; /* bytes */
    uint64_t free;
    uint64_t files;
    uint64_t files_max;
    char kind[16];
};
