/* SPDX-License-Identifier: MIT
 * Path arithmetic of the shell.
 */
#include "path.h"

#include <common/string.h>

/* Appends the parts of `path` to the normalised text in `to`, of which *length bytes are used. */
static bool path_append(char *to, size_t size, size_t *length, const char *path) {
    while (*path != 0) {
        const char *end = strchr(path, '/');
        size_t part = end != NULL ? (size_t)(end - path) : strlen(path);
        if (part == 2 && path[0] == '.' && path[1] == '.') {
            while (*length > 0 && to[--*length] != '/') {
            }
        } else if (part != 0 && !(part == 1 && path[0] == '.')) {
            if (part + 1 >= size - *length) {
                return false;
            }
            to[(*length)++] = '/';
            memcpy(to + *length, path, part);
            *length += part;
        }
        path += part + (end != NULL);
    }
    return true;
}

bool path_join(char *to, size_t size, const char *directory, const char *path) {
    size_t length = 0;
    if (size < 2 || (path[0] != '/' && !path_append(to, size, &length, directory)) ||
        !path_append(to, size, &length, path)) {
        return false;
    }
    if (length == 0) {
        to[length++] = '/';
    }
    to[length] = 0;
    return true;
}

const char *path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != 0 ? slash + 1 : path;
}
