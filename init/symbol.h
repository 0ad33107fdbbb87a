/* SPDX-License-Identifier: MIT */
/* Names of functions, from the table that the build puts behind a program file
 * (tools/layout.py). */
#pragma once

#include "ustar.h"

/* Behind the ELF file: `count` entries by address, then the names, then this. */
struct symbol_trailer {
    uint32_t count, names_size;
    char magic[8];
};
#define SYMBOL_MAGIC "AXOSYMB1"

struct symbol_entry {
    uint64_t address;
    uint64_t name; /* offset of a NUL-terminated name */
};

/* The function at or below `address` in a file of `length` bytes: its name, cut to `size` bytes
 * with the NUL, and how far behind its start the address lies. E_NOT_FOUND, E_FORMAT, or what
 * `read` says. */
status_t symbol_find(ustar_read *read, void *context, uint64_t length, uint64_t address, char *name,
                     size_t size, uint64_t *offset);
