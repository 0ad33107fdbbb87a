/* SPDX-License-Identifier: MIT
 * Scalars and attributes that every header of the architecture contract uses.
 */
#pragma once

#include <axolotl/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t phys_t; /* physical address; 0 says "none" */

#define MUST_CHECK __attribute__((warn_unused_result))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Returns the status of a failed step to the caller. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        status_t try_status = (expression);                                                        \
        if (try_status != OK) {                                                                    \
            return try_status;                                                                     \
        }                                                                                          \
    } while (0)

#define CPU_MAX 64 /* processors that are started; a set of them is a uint64_t */

struct account;
struct cpu;
struct thread;

#include <arch/direct_map.h>
