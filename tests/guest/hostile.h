/* SPDX-License-Identifier: MIT
 * Roles of the test's second program that attack (hostile.c), and what they are told.
 */
#pragma once
#include <axolotl/abi.h>

#define HOSTILE_UNKNOWN (-1000000)

/* Of role "greedy": what it takes until it is refused. */
enum greed {
    GREEDY_THREADS,
    GREEDY_HANDLES,
    GREEDY_MAPPINGS,
    GREEDY_CALLS,
    GREEDY_PAGES,
    GREEDY_CLONES,
};

/* Runs a role; its exit code, HOSTILE_UNKNOWN: no such role. */
int hostile(const char *role, uint64_t number);
