/* SPDX-License-Identifier: MIT */
/* USTAR reader: a chain of 512-byte headers, each followed by its file's content. */
#include "ustar.h"

#include <stdbool.h>

#include <common/format.h>
#include <common/string.h>

enum { BLOCK = 512 };

struct header {
    char name[100], mode[8], owner[8], group[8], size[12], modified[12], checksum[8];
    char type, link[100], magic[6], version[2], owner_name[32], group_name[32];
    char major[8], minor[8], prefix[155], padding[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "POSIX");

/* Octal digits up to a blank or NUL; false for anything else. */
static bool octal(const char *text, size_t size, uint64_t *value) {
    uint64_t result = 0;
    size_t i = 0;
    while (i < size && text[i] == ' ') {
        i++;
    }
    for (; i < size && text[i] != '\0' && text[i] != ' '; i++) {
        if (text[i] < '0' || text[i] > '7') {
            return false;
        }
        result = result * 8 + (uint64_t)(text[i] - '0');
    }
    *value = result;
    return true;
}

/* The sum of all bytes, with the checksum field counted as blanks, stands in that field. */
static bool checksum_valid(const struct header *header) {
    const unsigned char *bytes = (const unsigned char *)header;
    uint64_t sum = 0, stored;
    for (size_t i = 0; i < BLOCK; i++) {
        bool inside = i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);
        sum += inside ? ' ' : bytes[i];
    }
    return octal(header->checksum, sizeof header->checksum, &stored) && stored == sum;
}

static bool path_is(const struct header *header, const char *path) {
    char full[sizeof header->prefix + sizeof header->name + 2];
    if (header->prefix[0] != '\0') {
        format(full, sizeof full, "%.*s/%.*s", (int)sizeof header->prefix, header->prefix,
               (int)sizeof header->name, header->name);
    } else {
        format(full, sizeof full, "%.*s", (int)sizeof header->name, header->name);
    }
    const char *start = full[0] == '.' && full[1] == '/' ? full + 2 : full;
    return strcmp(start, path) == 0;
}

status_t ustar_find(ustar_read *read, void *context, uint64_t length, const char *path,
                    uint64_t *offset, uint64_t *size) {
    struct header header;
    uint64_t at = 0, file_size;
    for (; length - at >= BLOCK; at += BLOCK + ((file_size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1))) {
        status_t status = read(context, at, &header, BLOCK);
        if (status != OK) {
            return status;
        }
        if (header.name[0] == '\0') {
            return E_NOT_FOUND;
        }
        if (memcmp(header.magic, "ustar", 5) != 0 || !checksum_valid(&header) ||
            !octal(header.size, sizeof header.size, &file_size) ||
            file_size > length - at - BLOCK) {
            return E_FORMAT;
        }
        if ((header.type == '0' || header.type == '\0') && path_is(&header, path)) {
            *offset = at + BLOCK;
            *size = file_size;
            return OK;
        }
        if (length - at - BLOCK < ((file_size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1))) {
            break;
        }
    }
    return E_NOT_FOUND;
}
