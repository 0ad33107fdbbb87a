/* SPDX-License-Identifier: MIT
 * The whole lasting state of the file server: one struct vfs in the arena, and the pool's pages
 * behind it. File contents lie in blocks beside the arena (block.h).
 */
#pragma once
#include "block.h"
#include "pool.h"
#include <proto/file.h>

/* Always on. The inconsistent server stops and is restarted from its last commit. */
_Noreturn void vfs_abort(const char *condition);
#define ASSERT(condition) ((condition) ? (void)0 : vfs_abort(#condition))
#ifdef NDEBUG
#define DEBUG_ASSERT(condition) ((void)sizeof(condition))
#else
#define DEBUG_ASSERT(condition) ASSERT(condition)
#endif

#ifndef VFS_BUCKETS
#define VFS_BUCKETS 2048u
#endif
#define VFS_MOUNTS 8u
#define VFS_REMOTES 8u
#define VFS_SESSION_BUCKETS 256u
#define VFS_ACCOUNTS 64u
#define VFS_SESSIONS_PER_ACCOUNT 256u
#define VFS_PENDING_MAX 64u

#define MOUNT_FIXED 1u     /* no names can be added, removed or changed */
#define MOUNT_READ_ONLY 2u /* file contents cannot change either */

struct mount {
    char path[FILE_PATH_MAX];
    char kind[16];
    uint32_t root; /* node */
    uint32_t flags;
};

/* A directory below which another file server answers. */
struct remote {
    char path[FILE_PATH_MAX]; /* normal; "": the slot is free */
    handle_t server;          /* a session on it */
    uint32_t reserved;
};

/* Open sessions of one account; sessions == 0: the slot is free. */
struct account_usage {
    uint32_t account;
    uint32_t sessions;
};

struct vfs {
    uint64_t magic;
    uint32_t root; /* node of "/" */
    uint32_t mount_count;
    uint32_t serial;  /* of the last session */
    uint32_t pending; /* list of work that waits for other servers */
    uint64_t archive_size;
    uint32_t line_block; /* rest of a line typed at /dev/console, 0: none */
    uint32_t line_start, line_end;
    uint64_t node_number;    /* of the last node made */
    uint32_t unowned_blocks; /* in use, of files that an import had to leave out */
    uint64_t seal;           /* vfs_seal */
    struct pool pool;
    struct store store;
    uint32_t session_buckets[VFS_SESSION_BUCKETS]; /* by serial */
    uint32_t buckets[VFS_BUCKETS];                 /* entries by (directory, name) */
    struct mount mounts[VFS_MOUNTS];
    struct remote remotes[VFS_REMOTES];
    struct account_usage accounts[VFS_ACCOUNTS];
};
#define VFS_MAGIC 0x73662d6c6f78610aull

/* How file contents move between a block and the caller: `length` bytes at `bytes`, `offset` bytes
 * into the caller's buffer. E_FAULT and the like stop the transfer. */
struct transfer {
    status_t (*move)(void *context, uint64_t offset, void *bytes, size_t length);
    void *context;
};

/* Makes an empty file system: a root directory, nothing else. `vfs` must be zero, [base, +size) is
 * its page range, zero as well. `serial` must not be that of an earlier life of the server, whose
 * clients may still be there. */
MUST_CHECK status_t vfs_create(struct vfs *vfs, void *base, size_t size, uint32_t serial);

/* A step of a sum. Zero over zeroes is zero. */
static inline uint64_t sum_mix(uint64_t sum, uint64_t word) {
    return (sum ^ word) * 0x100000001b3u;
}

/* Must follow each change of root, mounts, remotes, the archive's size, unowned_blocks or where the
 * pool lies: the check before each commit compares. */
void vfs_seal(struct vfs *vfs);

/* ns since boot, for time stamps. */
uint64_t vfs_time(void);
