/* SPDX-License-Identifier: MIT
 * The kernel's own symbol table, generated from the first link by symbols.py.
 */
#pragma once

#include <stdint.h>

struct symbol {
    uint32_t offset; /* of the function from image_start; ascending */
    uint32_t name;   /* offset in symbol_names */
};

extern const uint32_t symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];
