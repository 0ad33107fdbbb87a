/* SPDX-License-Identifier: MIT
 * ARENA_CHECKS, meson's option `state_checks`: whether a server keeps its word.
 */
#pragma once

#include <task.h>

/* Faults the thread, which is about to commit, if in the page of `named` something else has changed
 * too: it would be lost at the next reset. True: it has been stopped. */
bool arena_check_named(struct thread *thread, uint64_t named);
