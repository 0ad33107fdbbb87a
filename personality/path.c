/* SPDX-License-Identifier: MIT
 * Paths: absolute form, working directory, names that mean something else.
 */
#include <common/parse.h>
#include <common/string.h>

#include "file.h"
#include "procfs.h"

#define PLACES 32
static char places[PLACES][FILE_PATH_MAX];

uint16_t place_add(const char *path) {
    for (uint16_t i = 1; i < PLACES; i++) {
        if (places[i][0] == 0) {
            strlcpy(places[i], path, FILE_PATH_MAX);
            return i;
        }
    }
    return 0;
}

void place_drop(uint16_t place) {
    places[place][0] = 0;
}

const char *place_path(uint16_t place) {
    return places[place];
}

/* Appends the components of `text` to the normal absolute path in `path`. */
static bool append(char path[FILE_PATH_MAX], const char *text) {
    size_t length = strlen(path);
    length = length == 1 ? 0 : length; /* "/" */
    while (*text != 0) {
        const char *end = strchr(text, '/');
        size_t part = end == NULL ? strlen(text) : (size_t)(end - text);
        if (part == 2 && text[0] == '.' && text[1] == '.') {
            while (length > 0 && path[--length] != '/') {
            }
        } else if (part != 0 && !(part == 1 && text[0] == '.')) {
            if (length + part + 2 > FILE_PATH_MAX) {
                return false;
            }
            path[length++] = '/';
            memcpy(path + length, text, part);
            length += part;
        }
        text += end == NULL ? part : part + 1;
    }
    if (length == 0) {
        path[length++] = '/';
    }
    path[length] = 0;
    return true;
}

static bool is_directory_only(const char *text) {
    size_t length = strlen(text);
    return length > 1 && text[length - 1] == '/';
}

int64_t path_join_to(int64_t at, const char *relative, char path[FILE_PATH_MAX]) {
    strlcpy(path, "/", FILE_PATH_MAX);
    if (*relative == 0) {
        return -ENOENT;
    }
    if (*relative != '/') {
        const char *base = process.directory;
        if (at != AT_FDCWD) {
            const struct descriptor *descriptor = descriptor_get((uint64_t)at);
            if (descriptor == NULL || descriptor->kind != DESCRIPTOR_DIRECTORY) {
                return descriptor == NULL ? -EBADF : -ENOTDIR;
            }
            base = place_path(descriptor->place);
        }
        strlcpy(path, base, FILE_PATH_MAX);
    }
    if (!append(path, relative)) {
        return -ENAMETOOLONG;
    }
    if (is_directory_only(relative) && strlen(path) + 2 <= FILE_PATH_MAX && path[1] != 0) {
        strlcpy(path + strlen(path), "/", 2); /* the server checks that it is one */
    }
    return 0;
}

int64_t path_text(int64_t at, uint64_t user, char path[FILE_PATH_MAX]) {
    char text[FILE_PATH_MAX];
    int64_t result = user_string(text, user, sizeof text);
    return result != 0 ? result : path_join_to(at, text, path);
}

int64_t path_of(int64_t at, uint64_t user, char path[FILE_PATH_MAX]) {
    int64_t result = path_text(at, user, path);
    if (result == 0) {
        procfs_follow(path);
    }
    return result;
}

bool path_descriptor(const char *path, uint64_t *number) {
    static const char folder[] = "/dev/fd/";
    static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    for (uint64_t i = 0; i < 3; i++) {
        if (strcmp(path, names[i]) == 0) {
            *number = i;
            return true;
        }
    }
    if (strncmp(path, folder, sizeof folder - 1) == 0) {
        const char *digits = path + sizeof folder - 1;
        return parse_u64(digits, strlen(digits), number);
    }
    return procfs_descriptor(path, number);
}

/* ---- calls on paths ---- */

static int64_t on_path(int64_t at, uint64_t user, uint32_t operation) {
    struct file_path_request request;
    memset(&request, 0, sizeof request);
    int64_t result = path_of(at, user, request.path);
    return result != 0
               ? result
               : error_of(call_simple(process.vfs, operation, &request, sizeof request, NULL, 0));
}

int64_t call_mkdirat(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return on_path((int32_t)a[0], a[1], FILE_MKDIR);
}

int64_t call_mkdir(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return on_path(AT_FDCWD, a[0], FILE_MKDIR);
}

int64_t call_rmdir(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return on_path(AT_FDCWD, a[0], FILE_RMDIR);
}

int64_t call_unlink(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return on_path(AT_FDCWD, a[0], FILE_UNLINK);
}

int64_t call_unlinkat(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if ((a[2] & ~(uint64_t)AT_REMOVEDIR) != 0) {
        return -EINVAL;
    }
    return on_path((int32_t)a[0], a[1], a[2] != 0 ? FILE_RMDIR : FILE_UNLINK);
}

static int64_t rename_paths(int64_t at, uint64_t from, int64_t to_at, uint64_t to) {
    struct file_rename_request request;
    char first[FILE_PATH_MAX];
    char second[FILE_PATH_MAX];
    int64_t result = path_of(at, from, first);
    if (result == 0) {
        result = path_of(to_at, to, second);
    }
    if (result != 0) {
        return result;
    }
    memset(&request, 0, sizeof request);
    request.split = strlen(first) + 1;
    if (request.split + strlen(second) + 1 > sizeof request.paths) {
        return -ENAMETOOLONG;
    }
    memcpy(request.paths, first, request.split);
    memcpy(request.paths + request.split, second, strlen(second) + 1);
    status_t status = call_simple(process.vfs, FILE_RENAME, &request, sizeof request, NULL, 0);
    return status == E_UNSUPPORTED ? -EXDEV : error_of(status);
}

int64_t call_rename(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return rename_paths(AT_FDCWD, a[0], AT_FDCWD, a[1]);
}

int64_t call_renameat(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return rename_paths((int32_t)a[0], a[1], (int32_t)a[2], a[3]);
}

int64_t call_renameat2(struct thread *thread, const uint64_t *a) {
    return a[4] != 0 ? -EINVAL : call_renameat(thread, a);
}

static int64_t change_directory(const char *path) {
    struct linux_stat stat;
    int64_t result = stat_path(path, &stat);
    if (result != 0 || (stat.mode & S_IFMT) != S_IFDIR) {
        return result != 0 ? result : -ENOTDIR;
    }
    strlcpy(process.directory, "/", FILE_PATH_MAX);
    (void)append(process.directory, path);
    return 0;
}

int64_t call_chdir(struct thread *thread, const uint64_t *a) {
    char path[FILE_PATH_MAX];
    (void)thread;
    int64_t result = path_of(AT_FDCWD, a[0], path);
    return result != 0 ? result : change_directory(path);
}

int64_t call_fchdir(struct thread *thread, const uint64_t *a) {
    const struct descriptor *descriptor = descriptor_get(a[0]);
    (void)thread;
    if (descriptor == NULL || descriptor->kind != DESCRIPTOR_DIRECTORY) {
        return descriptor == NULL ? -EBADF : -ENOTDIR;
    }
    return change_directory(place_path(descriptor->place));
}

int64_t call_getcwd(struct thread *thread, const uint64_t *a) {
    size_t size = strlen(process.directory) + 1;
    (void)thread;
    if (a[1] < size) {
        return -ERANGE;
    }
    int64_t result = user_write(a[0], process.directory, size);
    return result != 0 ? result : (int64_t)size;
}

int64_t call_umask(struct thread *thread, const uint64_t *a) {
    uint32_t old = process.umask;
    (void)thread;
    process.umask = (uint32_t)a[0] & 0777;
    return old;
}

int64_t call_readlinkat(struct thread *thread, const uint64_t *a) {
    char path[FILE_PATH_MAX];
    char text[FILE_PATH_MAX];
    struct linux_stat stat;
    (void)thread;
    if ((int64_t)a[3] <= 0) {
        return -EINVAL;
    }
    int64_t result = path_text((int32_t)a[0], a[1], path);
    if (result == 0 && !procfs_link(path, text, &result)) {
        result = stat_path(path, &stat);
        result = result != 0 ? result : -EINVAL; /* there are no other links */
    }
    if (result != 0) {
        return result;
    }
    size_t length = strlen(text);
    length = length < a[3] ? length : a[3];
    result = user_write(a[2], text, length);
    return result != 0 ? result : (int64_t)length;
}

int64_t call_readlink(struct thread *thread, const uint64_t *a) {
    const uint64_t b[] = {(uint64_t)AT_FDCWD, a[0], a[1], a[2]};
    return call_readlinkat(thread, b);
}
