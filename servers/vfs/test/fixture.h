/* SPDX-License-Identifier: MIT
 * A file server without a kernel: arena and block store in host memory, commits and roll backs by
 * copying the arena. The block store is never rolled back; at every commit and roll back all blocks
 * that are not in use are overwritten, so that a wrong reference shows.
 */
#pragma once
#include "../archive.h"
#include "../operation.h"
#include "../policy.h"
#include "../record.h"
#include <setjmp.h>

#define FIXTURE_ARENA (768u * 1024)

struct fixture {
    struct vfs vfs;
    _Alignas(4096) uint8_t pool[FIXTURE_ARENA];
};

extern struct fixture *fixture;
extern struct proc_source fixture_source;
extern uint64_t fixture_now; /* ns; goes on at each look */

/* A new file system whose store may grow to `chunks` chunks. */
void fixture_start(uint32_t chunks);
void fixture_stop(void);

/* What a commit and a kill do. fixture_commit returns the number of arena pages that changed. */
uint32_t fixture_commit(void);
void fixture_roll_back(void);

/* The committed state as records, to be freed; and an empty arena filled from records. */
void *fixture_records(size_t *size);
status_t fixture_import(const void *space, size_t size);

/* Chunks that were given back. */
extern uint32_t fixture_shrunk;

/* After this many transfers the server "dies": longjmp to fixture_death. 0: never. */
extern uint32_t fixture_fuse;
extern jmp_buf fixture_death;

/* Walks everything and checks every invariant; prints the one that is broken. */
bool fixture_consistent(void);

/* Shorthands on the operations. Files are sessions. */
status_t do_open(const char *path, uint64_t flags, uint32_t *session);
status_t do_read(uint32_t session, uint64_t offset, void *to, size_t length, size_t *done);
status_t do_write(uint32_t session, uint64_t offset, const void *from, size_t length, size_t *done);
status_t do_mkdir(const char *path);
status_t do_unlink(const char *path);
status_t do_rmdir(const char *path);
status_t do_rename(const char *from, const char *to);
status_t do_stat(const char *path, struct file_stat *stat);
status_t do_statfs(const char *path, struct file_statfs *statfs);
status_t do_truncate(uint32_t session, uint64_t size);
void do_close(uint32_t session);

/* A file with that text, open for all; 0: that failed. And the text of an open file; NULL. */
uint32_t do_make(const char *path, const char *text);
const char *do_text(uint32_t session);
