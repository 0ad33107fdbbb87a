/* SPDX-License-Identifier: MIT
 * Samples of the cycle counter, which counts instructions under QEMU's -icount, and their least and
 * median with the cost of reading the counter taken off.
 */
#pragma once

#include <stdint.h>

#define ROUNDS 201

/* Measures the cost of measuring; once, before anything else. */
void measure_start(void);

/* What stands behind all names from now on; "" at first. The text stays the caller's. */
void measure_suffix(const char *suffix);

/* Logs "bench: NAME least median" of `count` samples, which are put in order. */
void measure_report(const char *name, uint64_t *samples, unsigned count);

/* ROUNDS calls of a server that answers the readings of bench.h: call and answer together, without
 * what the server does in between. */
void measure_calls(const char *name, uint64_t session, uint64_t tag);

/* ROUNDS times measure(argument), reported. */
void measure_each(const char *name, void (*measure)(uint64_t), uint64_t argument);
