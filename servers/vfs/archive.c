/* SPDX-License-Identifier: MIT
 * USTAR reader (POSIX.1-2017, pax, "ustar Interchange Format"). Nothing in the archive is trusted:
 * every header is checked, every name goes through path_normalise.
 */
#include "archive.h"
#include <common/string.h>

#define TAR_BLOCK 512u

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type;
    char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "USTAR");

static struct {
    const uint8_t *bytes;
    size_t size;
} archive;

void archive_attach(const void *bytes, size_t size) {
    archive.bytes = bytes;
    archive.size = size;
}

static bool parse_octal(const char *text, size_t length, uint64_t *value) {
    uint64_t result = 0;
    size_t at = 0;
    while (at < length && text[at] == ' ') {
        at++;
    }
    size_t start = at;
    for (; at < length && text[at] >= '0' && text[at] <= '7'; at++) {
        result = result * 8 + (uint64_t)(text[at] - '0');
    }
    if (at == start || (at < length && text[at] != ' ' && text[at] != '\0')) {
        return false;
    }
    *value = result;
    return true;
}

static bool header_valid(const struct tar_header *header, uint64_t *size) {
    const uint8_t *bytes = (const uint8_t *)header;
    uint64_t sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool own = i >= offsetof(struct tar_header, checksum) &&
                   i < offsetof(struct tar_header, checksum) + sizeof header->checksum;
        sum += own ? (uint8_t)' ' : bytes[i];
    }
    uint64_t expected;
    return memcmp(header->magic, "ustar", 5) == 0 &&
           parse_octal(header->checksum, sizeof header->checksum, &expected) && expected == sum &&
           parse_octal(header->size, sizeof header->size, size);
}

/* Puts the mount's path, prefix and name together. */
static status_t header_path(const struct vfs *vfs, uint32_t mount, const struct tar_header *header,
                            struct path *path) {
    char text[FILE_PATH_MAX + sizeof header->prefix + sizeof header->name + 4];
    size_t length = strlcpy(text, vfs->mounts[mount].path, FILE_PATH_MAX);
    text[length++] = '/';
    size_t part = strnlen(header->prefix, sizeof header->prefix);
    memcpy(text + length, header->prefix, part);
    length += part;
    text[length++] = '/';
    part = strnlen(header->name, sizeof header->name);
    memcpy(text + length, header->name, part);
    length += part;
    text[length++] = '\0';
    status_t status = path_normalise(text, length, path);
    if (status == OK && !path_within(path->text, vfs->mounts[mount].path)) {
        status = E_INVALID;
    }
    return status;
}

/* Makes the directories above the last component of `path` that are missing. */
static status_t make_parents(struct vfs *vfs, const struct path *path) {
    struct path parent = {.directory = true};
    for (uint32_t at = 1; at < path->length; at++) {
        if (path->text[at] != '/') {
            continue;
        }
        memcpy(parent.text, path->text, at);
        parent.text[at] = '\0';
        parent.length = at;
        status_t status = tree_mkdir(vfs, &parent);
        if (status != OK && status != E_EXISTS) {
            return status;
        }
    }
    return OK;
}

static status_t add_file(struct vfs *vfs, const struct path *path, uint64_t offset, uint64_t size) {
    struct place place;
    uint32_t id = 0;
    status_t status = make_parents(vfs, path);
    if (status == OK) {
        status = tree_resolve(vfs, path, &place);
    }
    if (status == OK) {
        status = place.node != 0 ? E_EXISTS : tree_create(vfs, &place, NODE_ARCHIVE, &id);
    }
    if (status == OK) {
        struct node *node = node_get(vfs, id);
        node->archive = offset;
        node->size = size;
        node->modified = 0;
    }
    return status;
}

static status_t add_header(struct vfs *vfs, uint32_t mount, const struct tar_header *header,
                           uint64_t offset, uint64_t size) {
    struct path path;
    status_t status = header_path(vfs, mount, header, &path);
    if (status != OK) {
        return status;
    }
    if (header->type == '0' || header->type == '\0') {
        return add_file(vfs, &path, offset, size);
    }
    if (header->type == '5') {
        status = make_parents(vfs, &path);
        status = status == OK ? tree_mkdir(vfs, &path) : status;
        return status == E_EXISTS ? OK : status;
    }
    return E_UNSUPPORTED;
}

status_t archive_index(struct vfs *vfs, uint32_t mount, uint32_t *skipped, uint64_t *damaged) {
    *skipped = 0;
    uint64_t at = 0;
    while (at + TAR_BLOCK <= archive.size && archive.bytes[at] != '\0') {
        struct tar_header header;
        uint64_t size;
        memcpy(&header, archive.bytes + at, sizeof header);
        *damaged = at;
        if (!header_valid(&header, &size) || size > archive.size - at - TAR_BLOCK) {
            return E_FORMAT;
        }
        status_t status = add_header(vfs, mount, &header, at + TAR_BLOCK, size);
        if (status == E_NO_SPACE) {
            return status;
        }
        *skipped += status != OK;
        at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    }
    *damaged = at;
    /* the end is a block of zeros: without it something was cut off */
    return at + TAR_BLOCK <= archive.size ? OK : E_FORMAT;
}

status_t archive_read(const struct node *node, uint64_t offset, size_t *length,
                      const struct transfer *transfer) {
    if (offset >= node->size || node->archive + node->size > archive.size) {
        *length = 0;
        return OK;
    }
    if (*length > node->size - offset) {
        *length = (size_t)(node->size - offset);
    }
    uint8_t *from = (uint8_t *)(uintptr_t)(archive.bytes + node->archive + offset);
    return transfer->move(transfer->context, 0, from, *length);
}
