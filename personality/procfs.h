/* SPDX-License-Identifier: MIT
 * /proc/PID. Functions on a path give false when it is none of these; then *result is not set.
 */
#pragma once
#include "file.h"

/* What /proc/self and the links below it mean, in place. */
void procfs_follow(char path[FILE_PATH_MAX]);
/* The path is that of an own descriptor. */
bool procfs_descriptor(const char *path, uint64_t *number);
/* The number of a new descriptor, or -errno. */
bool procfs_open(const char *path, uint32_t flags, int64_t *result);
/* Links are not followed. */
bool procfs_stat(const char *path, struct linux_stat *to, int64_t *result);
bool procfs_link(const char *path, char text[FILE_PATH_MAX], int64_t *result);
/* /proc itself: these entries come after those of vfs. */
bool procfs_is_root(const char *directory);
/* The entry at *at, or the next there is, of a directory; *at moves behind it. 0: the first. */
bool procfs_entry(const char *directory, uint64_t *at, struct file_entry *entry);
