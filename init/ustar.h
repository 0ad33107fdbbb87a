/* SPDX-License-Identifier: MIT */
/* Finds a file in a USTAR archive (POSIX.1-1988, the "tar interchange format"). */
#pragma once

#include <stddef.h>

#include <axolotl/abi.h>

/* Reads `size` bytes at `offset` of the archive; a status. */
typedef status_t ustar_read(void *context, uint64_t offset, void *to, size_t size);

/* Looks for the regular file `path` in an archive of `length` bytes. *offset and *size say where
 * its content lies. E_NOT_FOUND; E_FORMAT for a damaged header or a file that the archive cuts off.
 */
status_t ustar_find(ustar_read *read, void *context, uint64_t length, const char *path,
                    uint64_t *offset, uint64_t *size);
