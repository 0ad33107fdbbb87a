/* SPDX-License-Identifier: MIT
 * Reader of the table DMAR.
 */
#include "dmar.h"

#include <common/string.h>

#define HEADER 36u
#define FIRST_STRUCTURE 48u
#define TABLES_MAX 256u

enum { STRUCTURE_UNIT = 0, STRUCTURE_RESERVED_MEMORY = 1 };

static uint64_t get(const uint8_t *at, size_t size) {
    uint64_t value = 0;
    memcpy(&value, at, size);
    return value;
}

static status_t parse(const uint8_t *table, uint32_t size, struct dmar *dmar) {
    for (uint32_t at = FIRST_STRUCTURE; at + 16 <= size;) {
        const uint8_t *structure = table + at;
        uint64_t type = get(structure, 2), length = get(structure + 2, 2);
        if (length < 16 || length > size - at) {
            return E_CHECKSUM;
        }
        if (type == STRUCTURE_UNIT) {
            if (dmar->unit_count == DMAR_UNITS || get(structure + 6, 2) != 0) {
                return E_UNSUPPORTED;
            }
            dmar->units[dmar->unit_count++] = get(structure + 8, 8);
        }
        dmar->firmware |= type == STRUCTURE_RESERVED_MEMORY;
        at += (uint32_t)length;
    }
    return dmar->unit_count == 0 ? E_NOT_FOUND : OK;
}

/* A table of that name at the address: read and parsed. E_NOT_FOUND: another one. */
static status_t try(dmar_read *read, uint64_t physical, struct dmar *dmar) {
    static uint8_t table[DMAR_SIZE];
    status_t status = read(physical, table, HEADER);
    if (status != OK || memcmp(table, "DMAR", 4) != 0) {
        return E_NOT_FOUND;
    }
    uint32_t size = (uint32_t)get(table + 4, 4);
    if (size < FIRST_STRUCTURE || size > DMAR_SIZE) {
        return E_UNSUPPORTED;
    }
    status = read(physical, table, size);
    uint8_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + table[i]);
    }
    if (status != OK || sum != 0) {
        return E_CHECKSUM;
    }
    return parse(table, size, dmar);
}

status_t dmar_find(dmar_read *read, const uint8_t rsdp[40], struct dmar *dmar) {
    uint8_t header[HEADER], entry[8] = {0};
    memset(dmar, 0, sizeof *dmar);
    if (memcmp(rsdp, "RSD PTR ", 8) != 0) {
        return E_NOT_FOUND;
    }
    uint64_t root = rsdp[15] >= 2 ? get(rsdp + 24, 8) : 0;
    size_t width = root != 0 ? 8 : 4;
    root = root != 0 ? root : get(rsdp + 16, 4);
    if (read(root, header, HEADER) != OK) {
        return E_NOT_FOUND;
    }
    uint64_t size = get(header + 4, 4);
    size = size < HEADER + TABLES_MAX * width ? size : HEADER + TABLES_MAX * width;
    status_t status = E_NOT_FOUND;
    for (uint64_t at = HEADER; at + width <= size && status == E_NOT_FOUND; at += width) {
        if (read(root + at, entry, width) == OK) {
            status = try(read, get(entry, width), dmar);
        }
    }
    return status;
}
