/* SPDX-License-Identifier: MIT
 * The file server's state as records. Everything that clients can hold goes over: tree, open files
 * with their offsets, work that waits for other servers. Contents stay where they are: records name
 * blocks by number, and the tables of large files are blocks themselves.
 */
#pragma once
#include "node.h"
#include "session.h"
#include <ipc/records.h>

void vfs_export(const struct vfs *vfs, struct records_writer *records);

/* Into a zeroed *vfs whose page range is [base, +size). `scratch` has room for vfs_import_scratch
 * bytes. The store is attached and has the memory of before. E_FORMAT: without the most important
 * record nothing can be made of it; E_NO_SPACE. */
MUST_CHECK status_t vfs_import(struct vfs *vfs, void *base, size_t size,
                               struct records_reader *records, uint32_t *scratch);
size_t vfs_import_scratch(struct records_reader *records);

/* Blocks in use that belong to nothing. The rest of the state is sound. */
uint32_t vfs_unowned_blocks(const struct vfs *vfs);

/* What is wrong with the state; NULL: nothing. */
const char *vfs_check(const struct vfs *vfs, bool full);
