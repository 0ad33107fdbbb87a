/* SPDX-License-Identifier: MIT
 * /dev: devices without hardware, and the console, which main.c passes on to its server.
 */
#pragma once
#include "tree.h"

enum device {
    DEVICE_CONSOLE = 1,
    DEVICE_FULL,
    DEVICE_NULL,
    DEVICE_RANDOM,
    DEVICE_URANDOM,
    DEVICE_ZERO,
    DEVICES,
};

MUST_CHECK status_t device_populate(struct vfs *vfs, uint32_t mount);

/* Not for DEVICE_CONSOLE. Errors of the transfer; E_NO_SPACE writing to DEVICE_FULL. */
MUST_CHECK status_t device_read(enum device device, size_t *length,
                                const struct transfer *transfer);
MUST_CHECK status_t device_write(enum device device, size_t *length);

/* Fills a buffer with random bytes; main.c or a test provides it. */
void device_random(void *bytes, size_t length);
