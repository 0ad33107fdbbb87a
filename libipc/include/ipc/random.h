/* SPDX-License-Identifier: MIT */
/* Random bytes: ChaCha20 keyed at each start from the cycle counter, now and when the machine
 * started, the date, and, where the CPU has it, RDRAND. Unpredictable from outside; not a key
 * generator. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_fill(void *buffer, size_t size);
uint32_t random_u32(void);
uint64_t random_u64(void);
