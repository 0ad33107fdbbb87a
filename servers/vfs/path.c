/* SPDX-License-Identifier: MIT
 * Paths as text. The normal form is never longer than what came in.
 */
#include "path.h"
#include <common/string.h>

static void path_up(struct path *path) {
    while (path->length > 0 && path->text[path->length - 1] != '/') {
        path->length--;
    }
    if (path->length > 0) {
        path->length--;
    }
}

/* Adds one component that is neither empty nor a dot. */
static void path_down(struct path *path, const char *name, size_t length) {
    path->text[path->length++] = '/';
    memcpy(path->text + path->length, name, length);
    path->length += (uint32_t)length;
}

status_t path_normalise(const char *text, size_t size, struct path *path) {
    size_t end = strnlen(text, size);
    if (end >= FILE_PATH_MAX) {
        return E_NAME_TOO_LONG;
    }
    if (end == size || text[0] != '/') {
        return E_INVALID;
    }
    path->length = 0;
    path->directory = true;
    size_t at = 0;
    while (at < end) {
        size_t start = at + 1; /* text[at] is a slash */
        at = start;
        while (at < end && text[at] != '/') {
            at++;
        }
        size_t length = at - start;
        path->directory = true;
        if (length == 0 || (length == 1 && text[start] == '.')) {
            continue;
        }
        if (length == 2 && text[start] == '.' && text[start + 1] == '.') {
            path_up(path);
            continue;
        }
        if (length >= FILE_NAME_MAX) {
            return E_NAME_TOO_LONG;
        }
        path_down(path, text + start, length);
        path->directory = false;
    }
    if (path->length == 0) {
        path->text[path->length++] = '/';
    }
    path->text[path->length] = '\0';
    return OK;
}

bool path_within(const char *path, const char *prefix) {
    size_t length = strlen(prefix);
    if (length == 1) {
        return true;
    }
    return strncmp(path, prefix, length) == 0 && (path[length] == '/' || path[length] == '\0');
}
