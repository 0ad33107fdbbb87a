/* SPDX-License-Identifier: MIT
 * Paths: absolute, without empty, "." and ".." parts; ".." at the root stays there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Joins `path` to `directory` (absolute) and normalises. False when the result and its NUL do not
 * fit into size bytes. `to` may be neither of the two. */
bool path_join(char *to, size_t size, const char *directory, const char *path);

/* The last part of a path; "/" for the root. */
const char *path_name(const char *path);
