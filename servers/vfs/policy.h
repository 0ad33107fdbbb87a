/* SPDX-License-Identifier: MIT
 * Which client may use which paths. A client is the number of its root badge. One without a grant
 * may use all paths; one with grants only what they cover. The table comes from the server's
 * arguments at every start and never changes, so it is not in the arena.
 */
#pragma once
#include "pool.h"

#define POLICY_READ 1u
#define POLICY_WRITE 2u

/* "CLIENT:r:/path" or "CLIENT:rw:/path". E_INVALID, E_NO_SPACE. */
MUST_CHECK status_t policy_add(const char *text);

bool policy_allows(uint64_t client, const char *path, uint32_t access);
