/* SPDX-License-Identifier: MIT
 * Paths as text. A normal path is absolute, has no empty, "." or ".." component and no slash at
 * its end (but "/" itself). ".." is resolved in the text, before any lookup, and stops at the root.
 */
#pragma once
#include "pool.h"
#include <proto/file.h>

struct path {
    uint32_t length;
    bool directory; /* it ended in "/", "/." or "/..": only a directory will do */
    char text[FILE_PATH_MAX];
};

/* `size` bytes at `text` are what the caller sent. E_INVALID: not terminated or not absolute.
 * E_NAME_TOO_LONG: FILE_PATH_MAX bytes or more, or FILE_NAME_MAX or more in one component. */
MUST_CHECK status_t path_normalise(const char *text, size_t size, struct path *path);

/* Whether `path` is `prefix` or lies below it; both normal. "/tmpx" is not below "/tmp". */
bool path_within(const char *path, const char *prefix);
