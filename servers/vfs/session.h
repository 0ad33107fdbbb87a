/* SPDX-License-Identifier: MIT
 * Open files: one session each. The badge of the kernel's session object is serial << 32 | number;
 * a session that came over from another layout has another number than its badge says.
 * Offset and flags live here, so whoever holds the handle shares them.
 */
#pragma once
#include "vfs.h"

struct session {
    uint64_t badge;
    uint64_t offset;
    uint32_t node;
    uint32_t flags; /* FILE_OPEN_* */
    uint32_t account;
    uint32_t next, prev; /* others on the same directory */
    uint32_t place;      /* directory: entry at which the next READDIR goes on, 0: unknown */
    uint64_t cursor;     /* directory: cursor for which `place` holds */
    uint32_t hash_next;  /* others in the same bucket */
    uint32_t reserved[3];
};

/* Work that waits for another server's answer. Found by the token of the staged call. */
enum pending_kind {
    PENDING_NONE = 0,
    PENDING_SERVICES,
    PENDING_CONSOLE_READ,
    PENDING_CONSOLE_WRITE,
    PENDING_FORWARD, /* the answer of another file server is the answer */
};

struct pending {
    uint32_t kind;   /* enum pending_kind */
    uint32_t node;   /* PENDING_SERVICES: the file being made */
    token_t token;   /* the client's call */
    token_t staged;  /* our call */
    uint64_t length; /* PENDING_CONSOLE_*: bytes asked for */
    uint64_t index;  /* PENDING_SERVICES: which service was asked for */
    uint64_t flags;  /* PENDING_SERVICES: of the open */
    uint32_t block;  /* PENDING_CONSOLE_READ: lent to the console */
    uint32_t account;
    uint32_t next; /* all pending work */
    uint32_t cancelled;
};

struct session *session_get(const struct vfs *vfs, uint32_t id);

/* Finds the session of a badge; NULL when there is none. */
struct session *session_find(const struct vfs *vfs, uint64_t badge, uint32_t *id);

/* E_NO_SPACE; E_QUOTA: the account has VFS_SESSIONS_PER_ACCOUNT already. */
MUST_CHECK status_t session_open(struct vfs *vfs, uint32_t node, uint32_t flags, uint32_t account,
                                 uint32_t *id);
/* The same with a badge that a client has already. */
MUST_CHECK status_t session_adopt(struct vfs *vfs, uint32_t node, uint64_t badge, uint32_t flags,
                                  uint32_t account, uint32_t *id);
void session_close(struct vfs *vfs, uint32_t id);

struct pending *pending_get(const struct vfs *vfs, uint32_t id);
/* E_NO_SPACE; E_BUSY: VFS_PENDING_MAX is reached. */
MUST_CHECK status_t pending_create(struct vfs *vfs, enum pending_kind kind, token_t token,
                                   uint32_t *id);
void pending_free(struct vfs *vfs, uint32_t id);
/* The number of the work that waits for the answer to the staged call; 0: none. */
uint32_t pending_waiting(const struct vfs *vfs, token_t staged);
/* The work for a client's call; NULL when there is none. */
struct pending *pending_find(const struct vfs *vfs, token_t token);
