/* SPDX-License-Identifier: MIT */
/* Address to function name, by bisection in the file: it is asked after a fault only. */
#include "symbol.h"

#include <common/string.h>

status_t symbol_find(ustar_read *read, void *context, uint64_t length, uint64_t address, char *name,
                     size_t size, uint64_t *offset) {
    struct symbol_trailer trailer;
    if (length < sizeof trailer) {
        return E_NOT_FOUND;
    }
    uint64_t end = length - sizeof trailer;
    status_t status = read(context, end, &trailer, sizeof trailer);
    if (status != OK) {
        return status;
    }
    uint64_t table_size = (uint64_t)trailer.count * sizeof(struct symbol_entry);
    if (memcmp(trailer.magic, SYMBOL_MAGIC, sizeof trailer.magic) != 0 || trailer.count == 0) {
        return E_NOT_FOUND;
    }
    if (table_size + trailer.names_size > end) {
        return E_FORMAT;
    }
    uint64_t names = end - trailer.names_size, table = names - table_size;
    struct symbol_entry found = {0, 0};
    /* Entries before `low` are at or below the address, those from `high` on above it. */
    for (uint32_t low = 0, high = trailer.count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        struct symbol_entry entry;
        status = read(context, table + middle * sizeof entry, &entry, sizeof entry);
        if (status != OK) {
            return status;
        }
        if (entry.address <= address) {
            found = entry;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (found.address == 0) {
        return E_NOT_FOUND;
    }
    if (found.name >= trailer.names_size || size == 0) {
        return E_FORMAT;
    }
    size_t part = trailer.names_size - found.name < size ? trailer.names_size - found.name : size;
    status = read(context, names + found.name, name, part);
    if (status == OK) {
        name[part - 1] = '\0';
        *offset = address - found.address;
    }
    return status;
}
