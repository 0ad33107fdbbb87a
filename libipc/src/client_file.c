/* SPDX-License-Identifier: MIT */
/* Stubs of the file protocol. */
#include <client/file.h>

#include <common/string.h>

static status_t set_path(struct file_path_request *request, const char *path) {
    memset(request, 0, sizeof *request);
    return strlcpy(request->path, path, sizeof request->path) < sizeof request->path
               ? OK
               : E_NAME_TOO_LONG;
}

/* A call whose request is one path. */
static status_t path_call(handle_t vfs, uint32_t operation, const char *path, void *answer,
                          size_t size) {
    struct file_path_request request;
    status_t status = set_path(&request, path);
    return status != OK ? status
                        : call_words(vfs, operation, &request, sizeof request, answer, size);
}

status_t file_open(handle_t vfs, const char *path, uint64_t flags, handle_t *file,
                   struct file_open_reply *information) {
    struct file_open_request request = {.flags = flags};
    if (strlcpy(request.path, path, sizeof request.path) >= sizeof request.path) {
        return E_NAME_TOO_LONG;
    }
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = information, .size = sizeof *information};
    return call_handle(vfs, FILE_OPEN, &message, &answer, file);
}

/* One READ or WRITE; *moved gets the bytes. */
static status_t transfer(handle_t file, uint32_t operation, uint64_t offset, struct lease lease,
                         size_t *moved) {
    struct file_io_request request = {.offset = offset, .length = lease.length};
    struct file_io_reply reply;
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(file, operation, &message, &answer);
    if (status < 0) {
        return status;
    }
    if (reply.length > lease.length) {
        return E_PROTOCOL;
    }
    *moved = reply.length;
    return OK;
}

/* Moves the whole range in pieces; stops early at a piece of no bytes. */
static status_t transfer_all(handle_t file, uint32_t operation, uint64_t offset, struct lease whole,
                             size_t *done) {
    size_t total = 0;
    status_t status = OK;
    do {
        struct lease lease = whole;
        lease.address += total;
        lease.length -= total;
        if (lease.length > FILE_IO_MAX) {
            lease.length = FILE_IO_MAX;
        }
        uint64_t position = offset == FILE_OFFSET_CURRENT ? offset : offset + total;
        size_t moved = 0;
        status = transfer(file, operation, position, lease, &moved);
        total += moved;
        if (status < 0 || moved == 0) {
            break;
        }
    } while (total < whole.length);
    if (status < 0 && total == 0) {
        return status;
    }
    if (done != NULL) {
        *done = total;
        return OK;
    }
    return total == whole.length ? OK : status < 0 ? status : E_IO;
}

status_t file_read(handle_t file, uint64_t offset, void *buffer, size_t length, size_t *done) {
    return transfer_all(file, FILE_READ, offset, lease_out(buffer, length), done);
}

status_t file_write(handle_t file, uint64_t offset, const void *buffer, size_t length,
                    size_t *done) {
    return transfer_all(file, FILE_WRITE, offset, lease_in(buffer, length), done);
}

status_t file_seek(handle_t file, int64_t offset, uint64_t whence, uint64_t *position) {
    struct file_seek_request request = {.offset = offset, .whence = whence};
    struct file_seek_reply reply;
    status_t status = call_words(file, FILE_SEEK, &request, sizeof request, &reply, sizeof reply);
    if (status >= 0 && position != NULL) {
        *position = reply.offset;
    }
    return status;
}

status_t file_stat(handle_t vfs, const char *path, struct file_stat *stat) {
    return path_call(vfs, FILE_STAT, path, stat, sizeof *stat);
}

status_t file_fstat(handle_t file, struct file_stat *stat) {
    return call_words(file, FILE_FSTAT, NULL, 0, stat, sizeof *stat);
}

status_t file_readdir(handle_t directory, uint64_t cursor, struct file_readdir_reply *entries) {
    struct file_readdir_request request = {.cursor = cursor};
    status_t status =
        call_words(directory, FILE_READDIR, &request, sizeof request, entries, sizeof *entries);
    if (status < 0) {
        return status;
    }
    if (entries->count > sizeof entries->entries / sizeof entries->entries[0]) {
        return E_PROTOCOL;
    }
    for (uint64_t i = 0; i < entries->count; i++) {
        entries->entries[i].name[FILE_NAME_MAX - 1] = '\0';
    }
    return OK;
}

status_t file_mkdir(handle_t vfs, const char *path) {
    return path_call(vfs, FILE_MKDIR, path, NULL, 0);
}

status_t file_unlink(handle_t vfs, const char *path) {
    return path_call(vfs, FILE_UNLINK, path, NULL, 0);
}

status_t file_rmdir(handle_t vfs, const char *path) {
    return path_call(vfs, FILE_RMDIR, path, NULL, 0);
}

status_t file_rename(handle_t vfs, const char *from, const char *to) {
    struct file_rename_request request = {0};
    size_t first = strlen(from) + 1;
    size_t second = strlen(to) + 1;
    if (first + second > sizeof request.paths) {
        return E_NAME_TOO_LONG;
    }
    request.split = first;
    memcpy(request.paths, from, first);
    memcpy(request.paths + first, to, second);
    return call_words(vfs, FILE_RENAME, &request, sizeof request, NULL, 0);
}

status_t file_truncate(handle_t file, uint64_t size) {
    struct file_truncate_request request = {.size = size};
    return call_words(file, FILE_TRUNCATE, &request, sizeof request, NULL, 0);
}

status_t file_statfs(handle_t vfs, const char *path, struct file_statfs *statfs) {
    status_t status = path_call(vfs, FILE_STATFS, path, statfs, sizeof *statfs);
    statfs->kind[sizeof statfs->kind - 1] = '\0';
    return status;
}

status_t file_sync(handle_t file) {
    return call_words(file, FILE_SYNC, NULL, 0, NULL, 0);
}

status_t file_mount(handle_t vfs, const char *path, handle_t server) {
    struct file_path_request request;
    status_t status = set_path(&request, path);
    if (status != OK) {
        return status;
    }
    struct handle_slot slot = {server, RIGHT_CALL};
    struct message message = {
        .data = &request, .size = sizeof request, .handles = &slot, .handle_count = 1};
    return call(vfs, FILE_MOUNT, &message, NULL);
}

status_t file_unmount(handle_t vfs, const char *path) {
    return path_call(vfs, FILE_UNMOUNT, path, NULL, 0);
}
