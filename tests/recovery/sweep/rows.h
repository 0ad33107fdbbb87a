/* SPDX-License-Identifier: MIT
 * The rows of the native sweep program, by file.
 */
#pragma once
#include <axolotl/abi.h>

#include "sweep.h"

#define ROWS(rows) const struct sweep_group rows##_group = {rows, sizeof(rows) / sizeof((rows)[0])}

struct sweep_group {
    const struct sweep_row *rows;
    size_t count;
};
extern const struct sweep_group file_rows_group, net_rows_group, console_rows_group,
    other_rows_group;

/* A connection to the host's echo server, and 300 bytes there and back. */
void echo(void);

/* Kills the network driver, and waits until another one works. */
void restart_driver(void);
