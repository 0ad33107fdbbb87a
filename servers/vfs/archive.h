/* SPDX-License-Identifier: MIT
 * The boot archive: a USTAR file in memory, indexed once into nodes whose contents stay in it.
 */
#pragma once
#include "tree.h"

/* Where the archive lies; once per incarnation. */
void archive_attach(const void *bytes, size_t size);

/* Makes nodes for everything in the archive below the root of `mount`. *skipped counts entries of
 * kinds or names that cannot be shown. E_FORMAT: the archive is damaged or cut short at byte
 * *damaged; what lies before is there. E_NO_SPACE. */
MUST_CHECK status_t archive_index(struct vfs *vfs, uint32_t mount, uint32_t *skipped,
                                  uint64_t *damaged);

MUST_CHECK status_t archive_read(const struct node *node, uint64_t offset, size_t *length,
                                 const struct transfer *transfer);
