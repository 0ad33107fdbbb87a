/* SPDX-License-Identifier: MIT
 * Grants of paths to clients.
 */
#include "policy.h"
#include <common/parse.h>
#include <common/string.h>

#define POLICY_GRANTS 32u

static struct {
    uint64_t client;
    uint32_t access;
    struct path path;
} grants[POLICY_GRANTS];
static uint32_t grant_count;

status_t policy_add(const char *text) {
    if (grant_count == POLICY_GRANTS) {
        return E_NO_SPACE;
    }
    const char *first = strchr(text, ':');
    const char *second = first == NULL ? NULL : strchr(first + 1, ':');
    uint64_t client;
    if (second == NULL || !parse_u64(text, (size_t)(first - text), &client)) {
        return E_INVALID;
    }
    size_t length = (size_t)(second - first - 1);
    uint32_t access;
    if (parse_equal(first + 1, length, "rw")) {
        access = POLICY_READ | POLICY_WRITE;
    } else if (parse_equal(first + 1, length, "r")) {
        access = POLICY_READ;
    } else {
        return E_INVALID;
    }
    status_t status = path_normalise(second + 1, strlen(second), &grants[grant_count].path);
    if (status == OK) {
        grants[grant_count].client = client;
        grants[grant_count].access = access;
        grant_count++;
    }
    return status;
}

bool policy_allows(uint64_t client, const char *path, uint32_t access) {
    bool known = false;
    for (uint32_t i = 0; i < grant_count; i++) {
        if (grants[i].client != client) {
            continue;
        }
        known = true;
        if ((grants[i].access & access) == access && path_within(path, grants[i].path.text)) {
            return true;
        }
    }
    return !known;
}

status_t policy_path(uint64_t client, const char *text, size_t size, uint32_t access,
                     struct path *path) {
    status_t status = path_normalise(text, size, path);
    if (status != OK) {
        return status;
    }
    return policy_allows(client, path->text, access) ? OK : E_RIGHTS;
}

status_t policy_paths(uint64_t client, const struct file_rename_request *request, struct path *from,
                      struct path *to) {
    uint64_t split = request->split;
    if (split == 0 || split >= sizeof request->paths) {
        return E_INVALID;
    }
    status_t status = policy_path(client, request->paths, split, POLICY_WRITE, from);
    return status == OK ? policy_path(client, request->paths + split, sizeof request->paths - split,
                                      POLICY_WRITE, to)
                        : status;
}
