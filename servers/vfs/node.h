/* SPDX-License-Identifier: MIT
 * Nodes (what a file is) and entries (a name of a node in a directory).
 * A node lives while it has links (entries, or being a mount's root) or opens (sessions).
 */
#pragma once
#include "vfs.h"

enum node_kind {
    NODE_FREE = 0,
    NODE_FILE, /* contents in blocks */
    NODE_DIRECTORY,
    NODE_ARCHIVE, /* contents in the boot archive */
    NODE_PROC,    /* contents made when it is opened */
    NODE_DEVICE,
};

#ifndef DIRECT_BLOCKS
#define DIRECT_BLOCKS 8u
#endif
#define LEAF_BLOCKS 1024u /* block numbers in one block */
#define FILE_BLOCKS_MAX (LEAF_BLOCKS * LEAF_BLOCKS)
#define FILE_SIZE_MAX ((uint64_t)FILE_BLOCKS_MAX * BLOCK_SIZE) /* 4 GiB */

/* Block numbers of a file; 0 is a hole, which reads as zeros. All beyond the size are 0. */
struct file_map {
    uint32_t levels; /* 0: direct[i]; 1: direct[0] is a leaf; 2: direct[0] is a root of leaves */
    uint32_t direct[DIRECT_BLOCKS];
};

struct directory {
    uint32_t first, last; /* entries, by ascending cursor */
    uint32_t count;
    uint32_t sessions; /* list of open sessions on this directory */
    uint64_t cursor;   /* of the last entry added */
};

struct node {
    uint32_t kind;   /* enum node_kind */
    uint32_t mount;  /* index */
    uint32_t parent; /* directory: node of its parent, 0 for a mount's root or a removed one */
    uint32_t links;
    uint32_t opens;
    uint32_t mounted; /* directory: root node of the mount on it, 0: none */
    uint64_t number;  /* never used again */
    uint64_t size;
    uint64_t modified;
    union {
        struct file_map file;
        struct directory directory;
        uint64_t archive; /* offset of the contents */
        uint32_t object;  /* enum proc_file or enum device */
    };
};

struct entry {
    uint32_t node;
    uint32_t directory;
    uint32_t hash;
    uint32_t hash_next;
    uint32_t next, prev; /* in the directory */
    uint64_t cursor;     /* position in the directory, never used again */
    uint32_t id;         /* its own number */
    uint8_t length;
    char name[]; /* not terminated */
};
#define ENTRY_SIZE 72u
#define ENTRY_SIZE_LONG 176u
#define ENTRY_SHORT (ENTRY_SIZE - offsetof(struct entry, name))
_Static_assert(offsetof(struct entry, name) + FILE_NAME_MAX <= ENTRY_SIZE_LONG, "long names fit");

struct node *node_get(const struct vfs *vfs, uint32_t id);
MUST_CHECK status_t node_create(struct vfs *vfs, enum node_kind kind, uint32_t mount, uint32_t *id);

/* Frees the node when nothing refers to it any more. */
void node_release(struct vfs *vfs, uint32_t id);

/* directory.c */
struct entry *entry_get(const struct vfs *vfs, uint32_t id);
/* 0: none. */
uint32_t directory_find(const struct vfs *vfs, uint32_t directory, const char *name, size_t length);
/* The name must not be there. Adds a link to the node. E_NO_SPACE. */
MUST_CHECK status_t directory_add(struct vfs *vfs, uint32_t directory, const char *name,
                                  size_t length, uint32_t node);
/* Takes the entry out; the node loses a link but is not released. */
void directory_remove(struct vfs *vfs, uint32_t entry);
/* First entry with a cursor above `cursor`, 0: none. `session` (may be 0) is one on the directory,
 * which remembers the place. */
uint32_t directory_after(const struct vfs *vfs, uint32_t directory, uint64_t cursor,
                         uint32_t session);

/* file.c. `node` is a NODE_FILE. */
MUST_CHECK status_t file_contents_read(struct vfs *vfs, struct node *node, uint64_t offset,
                                       size_t *length, const struct transfer *transfer);
/* Moves up to *length bytes; stores what was moved. An error only if nothing was.
 * E_NO_SPACE, E_RANGE (beyond FILE_SIZE_MAX), errors of the transfer. */
MUST_CHECK status_t file_contents_write(struct vfs *vfs, struct node *node, uint64_t offset,
                                        size_t *length, const struct transfer *transfer);
MUST_CHECK status_t file_contents_resize(struct vfs *vfs, struct node *node, uint64_t size);
void file_contents_free(struct vfs *vfs, struct node *node);
/* Block number at that index, 0: a hole. */
uint32_t file_contents_block(const struct node *node, uint32_t index);
