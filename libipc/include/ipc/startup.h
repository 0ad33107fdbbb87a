/* SPDX-License-Identifier: MIT */
/*
 * What the task's creator gave it: name, arguments, named handles. Every service has "account" (its
 * own) and "log"; a server also "endpoint" and "notification"; docs/spec/manifest.md.
 */
#pragma once

#include <axolotl/abi.h>

/* The startup block itself, read-only. */
const struct startup *startup_block(void);

/* The handle of that name, HANDLE_NONE when there is none. The caller must not close it if others
 * may ask for it again. */
handle_t startup_handle(const char *name);

/* Arguments; argv[0] is the first one of the manifest's `args` line. NULL beyond argc. */
int startup_argc(void);
const char *startup_argv(int index);

/* Value of the argument `key=value`, or `fallback`. */
const char *startup_option(const char *key, const char *fallback);

/* For who starts a task: grants it the handle, which its block then lists under that name; nothing
 * for HANDLE_NONE. E_RANGE: the block is full; the errors of HANDLE_GRANT. */
status_t startup_grant(struct startup *block, handle_t task, const char *name, handle_t handle,
                       uint32_t rights);

/* Name of the service. */
const char *startup_name(void);
