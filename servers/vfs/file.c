/* SPDX-License-Identifier: MIT
 * Contents of files. Bytes below a file's committed size are never written: a change there goes to
 * a new block. Bytes beyond it in the file's last block are free to write, and may be anything
 * after a rolled-back append, so whoever makes them part of the file sets them all.
 * A file's map holds no block beyond its size.
 */
#include "map.h"
#include <common/string.h>

static const uint8_t zeros[BLOCK_SIZE];

static uint32_t blocks_of(uint64_t size) {
    return (uint32_t)((size + BLOCK_SIZE - 1) / BLOCK_SIZE);
}

static size_t smaller(size_t left, size_t right) {
    return left < right ? left : right;
}

uint32_t file_contents_block(const struct node *node, uint32_t index) {
    return map_get(&node->file, index);
}

/* The bytes at `offset`, and how many of the next `limit` lie behind them in one piece. */
static size_t contents_run(const struct node *node, uint64_t offset, size_t limit,
                           const uint8_t **bytes) {
    uint32_t index = (uint32_t)(offset / BLOCK_SIZE);
    size_t within = (size_t)(offset % BLOCK_SIZE);
    uint32_t block = map_get(&node->file, index);
    size_t length = BLOCK_SIZE - within;
    *bytes = (block == 0 ? zeros : (const uint8_t *)store_block(block)) + within;
    for (uint32_t i = 1; block != 0 && length < limit && index + i < FILE_BLOCKS_MAX; i++) {
        if (map_get(&node->file, index + i) != block + i) {
            break;
        }
        length += BLOCK_SIZE;
    }
    return smaller(length, limit);
}

status_t file_contents_read(struct vfs *vfs, struct node *node, uint64_t offset, size_t *length,
                            const struct transfer *transfer) {
    (void)vfs;
    size_t wanted = *length;
    if (offset >= node->size) {
        *length = 0;
        return OK;
    }
    if (wanted > node->size - offset) {
        wanted = (size_t)(node->size - offset);
    }
    size_t done = 0;
    status_t status = OK;
    while (done < wanted) {
        const uint8_t *bytes;
        size_t part = contents_run(node, offset + done, wanted - done, &bytes);
        /* the transfer of a read does not write here */
        status = transfer->move(transfer->context, done, (uint8_t *)(uintptr_t)bytes, part);
        if (status != OK) {
            break;
        }
        done += part;
    }
    *length = done;
    return done > 0 ? OK : status;
}

/* Only the system itself writes files on a read-only mount: the texts of /proc. */
static enum block_use block_use(const struct vfs *vfs, const struct node *node, uint32_t old) {
    if (old != 0) {
        return BLOCK_REPLACES;
    }
    bool system = (vfs->mounts[node->mount].flags & MOUNT_READ_ONLY) != 0;
    return system ? BLOCK_SYSTEM : BLOCK_CONTENTS;
}

/* Zeroes what follows the end of the file in its last block. In place: it is beyond the size. */
static void clear_tail(struct node *node) {
    uint32_t within = (uint32_t)(node->size % BLOCK_SIZE);
    if (within == 0) {
        return;
    }
    uint32_t block = map_get(&node->file, (uint32_t)(node->size / BLOCK_SIZE));
    if (block != 0) {
        memset((uint8_t *)store_block(block) + within, 0, BLOCK_SIZE - within);
    }
}

struct range {
    size_t start, end; /* within a block */
};

/* A new block for the file whose bytes outside the range are those of `old` (0: zeros). */
static status_t block_prepare(struct vfs *vfs, const struct node *node, uint32_t old,
                              struct range range, uint32_t *block) {
    status_t status = store_allocate(&vfs->store, block_use(vfs, node, old), block);
    if (status != OK) {
        return status;
    }
    const uint8_t *from = old == 0 ? zeros : store_block(old);
    uint8_t *to = store_block(*block);
    memcpy(to, from, range.start);
    memcpy(to + range.end, from + range.end, BLOCK_SIZE - range.end);
    return OK;
}

struct piece {
    uint64_t offset; /* in the file */
    uint64_t source; /* in the caller's buffer */
    size_t length;   /* within one block */
};

/* Writes within one block. */
static status_t write_piece(struct vfs *vfs, struct node *node, const struct piece *piece,
                            const struct transfer *transfer) {
    uint32_t index = (uint32_t)(piece->offset / BLOCK_SIZE);
    size_t start = (size_t)(piece->offset % BLOCK_SIZE);
    uint32_t old = map_get(&node->file, index);
    if (old != 0 && (piece->offset >= node->size || store_fresh(old))) {
        uint8_t *bytes = (uint8_t *)store_block(old) + start;
        return transfer->move(transfer->context, piece->source, bytes, piece->length);
    }
    uint32_t block;
    status_t status =
        block_prepare(vfs, node, old, (struct range){start, start + piece->length}, &block);
    if (status != OK) {
        return status;
    }
    uint8_t *bytes = (uint8_t *)store_block(block) + start;
    status = transfer->move(transfer->context, piece->source, bytes, piece->length);
    if (status == OK) {
        status = map_set(&vfs->store, &node->file, index, block, block_use(vfs, node, old));
    }
    if (status != OK) {
        store_free(&vfs->store, block);
        return status;
    }
    if (old != 0) {
        store_free(&vfs->store, old);
    }
    return OK;
}

status_t file_contents_write(struct vfs *vfs, struct node *node, uint64_t offset, size_t *length,
                             const struct transfer *transfer) {
    size_t wanted = *length;
    *length = 0;
    if (wanted == 0) {
        return OK;
    }
    if (offset >= FILE_SIZE_MAX || wanted > FILE_SIZE_MAX - offset) {
        return E_RANGE;
    }
    if (offset > node->size) {
        clear_tail(node);
    }
    size_t done = 0;
    status_t status = OK;
    while (done < wanted) {
        size_t within = (size_t)((offset + done) % BLOCK_SIZE);
        struct piece piece = {offset + done, done, smaller(BLOCK_SIZE - within, wanted - done)};
        status = write_piece(vfs, node, &piece, transfer);
        if (status != OK) {
            break;
        }
        done += piece.length;
        if (offset + done > node->size) {
            node->size = offset + done;
        }
    }
    if (done == 0) {
        return status;
    }
    node->modified = vfs_time();
    *length = done;
    return OK;
}

/* Puts a private copy in place of the file's block that `size` cuts, so that what follows the cut
 * can be written later in this turn. */
static status_t cut_last(struct vfs *vfs, struct node *node, uint64_t size) {
    uint32_t index = (uint32_t)(size / BLOCK_SIZE);
    uint32_t old = map_get(&node->file, index);
    if (size % BLOCK_SIZE == 0 || old == 0 || store_fresh(old)) {
        return OK;
    }
    uint32_t block;
    struct range range = {(size_t)(size % BLOCK_SIZE), BLOCK_SIZE};
    status_t status = block_prepare(vfs, node, old, range, &block);
    if (status != OK) {
        return status;
    }
    status = map_set(&vfs->store, &node->file, index, block, BLOCK_REPLACES);
    store_free(&vfs->store, status == OK ? old : block);
    return status;
}

status_t file_contents_resize(struct vfs *vfs, struct node *node, uint64_t size) {
    if (size > FILE_SIZE_MAX) {
        return E_RANGE;
    }
    if (size < node->size) {
        status_t status = cut_last(vfs, node, size);
        if (status == OK) {
            status = map_cut(&vfs->store, &node->file, blocks_of(size));
        }
        if (status != OK) {
            return status;
        }
    } else if (size > node->size) {
        clear_tail(node);
    }
    node->size = size;
    node->modified = vfs_time();
    return OK;
}

void file_contents_free(struct vfs *vfs, struct node *node) {
    status_t status = map_cut(&vfs->store, &node->file, 0);
    ASSERT(status == OK);
    node->size = 0;
}
