/* SPDX-License-Identifier: MIT
 * Which client may use which paths. A client is the number of its root badge. One without a grant
 * may use all paths; one with grants only what they cover. The table comes from the server's
 * arguments at every start and never changes, so it is not in the arena.
 */
#pragma once
#include "path.h"

#define POLICY_READ 1u
#define POLICY_WRITE 2u

/* "CLIENT:r:/path" or "CLIENT:rw:/path". E_INVALID, E_NO_SPACE. */
MUST_CHECK status_t policy_add(const char *text);

bool policy_allows(uint64_t client, const char *path, uint32_t access);

/* The normal form of a path that the client may use for `access`. E_RIGHTS, and the errors of
 * path_normalise. */
MUST_CHECK status_t policy_path(uint64_t client, const char *text, size_t size, uint32_t access,
                                struct path *path);
/* The same for both paths of a RENAME, which changes what is there. */
MUST_CHECK status_t policy_paths(uint64_t client, const struct file_rename_request *request,
                                 struct path *from, struct path *to);
