/* SPDX-License-Identifier: MIT
 * Address to function name, by bisection.
 */
#include <debug.h>

#include "symbols.h"

extern const char image_start[], image_text_end[];

const char *symbol_lookup(uint64_t address, uint64_t *offset) {
    uint64_t start = (uintptr_t)image_start;
    if (address < start || address >= (uintptr_t)image_text_end || symbol_count == 0 ||
        address - start < symbol_table[0].offset) {
        return NULL;
    }
    uint32_t low = 0;
    uint32_t high = symbol_count; /* table[low] <= address < table[high] */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (symbol_table[middle].offset <= address - start) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *offset = address - start - symbol_table[low].offset;
    return symbol_names + symbol_table[low].name;
}
