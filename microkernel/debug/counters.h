/* SPDX-License-Identifier: MIT
 * Totals since boot, for SYSTEM_INFO.
 */
#pragma once

#include <stdint.h>

struct counters {
    uint64_t calls, commits, dirty_pages, irqs, faults, resets, unknown_calls;
};

extern struct counters counters;
