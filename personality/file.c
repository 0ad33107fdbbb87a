/* SPDX-License-Identifier: MIT
 * Descriptors, and the calls on open files.
 */
#include "file.h"

#include <client/file.h>
#include <common/string.h>
#include <ipc/handle.h>

#include "poll.h"
#include "procfs.h"
#include "socket.h"

static struct descriptor table[DESCRIPTORS];
static struct lock table_mutex;
static uint32_t last_identity;

/* ---- table ---- */

struct descriptor *descriptor_get(uint64_t number) {
    uint32_t n = (uint32_t)number;
    return n < DESCRIPTORS && table[n].kind != DESCRIPTOR_NONE ? &table[n] : NULL;
}

static void drop(struct descriptor *descriptor) {
    epoll_forget((uint32_t)(descriptor - table));
    if (descriptor->kind == DESCRIPTOR_EPOLL) {
        epoll_drop(descriptor->place);
    } else {
        place_drop(descriptor->place);
    }
    handle_close(descriptor->handle);
    *descriptor = (struct descriptor){.kind = DESCRIPTOR_NONE};
}

int64_t descriptor_add(const struct descriptor *descriptor, uint64_t least) {
    lock_take(&table_mutex);
    for (uint64_t i = least; i < DESCRIPTORS; i++) {
        if (table[i].kind == DESCRIPTOR_NONE) {
            table[i] = *descriptor;
            if (descriptor->identity == 0) {
                table[i].identity = ++last_identity;
            }
            lock_give(&table_mutex);
            return (int64_t)i;
        }
    }
    lock_give(&table_mutex);
    handle_close(descriptor->handle);
    return -EMFILE;
}

void descriptors_exec(void) {
    for (uint32_t i = 0; i < DESCRIPTORS; i++) {
        if (table[i].kind != DESCRIPTOR_NONE && table[i].close_on_exec) {
            drop(&table[i]);
        }
    }
}

void descriptor_start(handle_t tty) {
    for (uint64_t i = 0; i < 3 && tty != HANDLE_NONE; i++) {
        struct descriptor descriptor = {.kind = DESCRIPTOR_STREAM, .flags = O_RDWR};
        if (handle_copy(tty, RIGHT_CALL | RIGHT_COPY, &descriptor.handle) == OK) {
            (void)descriptor_add(&descriptor, i);
        }
    }
}

/* ---- open and close ---- */

int64_t file_open_path(const char *path, uint64_t flags, handle_t *file, uint64_t *type,
                       uint64_t *size) {
    struct file_open_request request = {.flags = flags};
    struct file_open_reply reply = {0};
    strlcpy(request.path, path, sizeof request.path);
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call_server(NULL, process.vfs, FILE_OPEN, &message, &answer, false);
    if (status != OK) {
        return error_of(status);
    }
    *file = answer.handles[0].handle;
    *type = reply.type;
    *size = reply.size;
    return 0;
}

static int64_t open_descriptor(uint64_t number, uint32_t flags) {
    struct descriptor *from = descriptor_get(number);
    if (from == NULL) {
        return -ENOENT;
    }
    struct descriptor copy = *from;
    copy.close_on_exec = (flags & O_CLOEXEC) != 0;
    copy.place = 0;
    if (handle_copy(from->handle, RIGHT_CALL | RIGHT_COPY, &copy.handle) != OK) {
        return -EMFILE;
    }
    return descriptor_add(&copy, 0);
}

static int64_t open_terminal(uint32_t flags) {
    struct descriptor descriptor = {.kind = DESCRIPTOR_STREAM,
                                    .close_on_exec = (flags & O_CLOEXEC) != 0,
                                    .flags = flags & ~O_CLOEXEC};
    struct message message = {.data = NULL};
    struct answer answer = {.data = NULL};
    status_t status = call_server(NULL, process.proc, PROC_TERMINAL, &message, &answer, false);
    if (status != OK) {
        return status == E_NOT_FOUND ? -ENXIO : error_of(status);
    }
    descriptor.handle = answer.handles[0].handle;
    return descriptor_add(&descriptor, 0);
}

static int64_t open_path(const char *path, uint32_t flags) {
    uint64_t number;
    uint32_t access = flags & O_ACCMODE;
    uint64_t wanted = access == O_WRONLY ? FILE_OPEN_WRITE
                      : access == O_RDWR ? FILE_OPEN_READ | FILE_OPEN_WRITE
                                         : FILE_OPEN_READ;
    if (path_descriptor(path, &number)) {
        return open_descriptor(number, flags);
    }
    if (strcmp(path, "/dev/tty") == 0 || strcmp(path, "/dev/console") == 0) {
        return open_terminal(flags);
    }
    int64_t result;
    if (procfs_open(path, flags, &result)) {
        return result;
    }
    wanted |= (flags & O_CREAT) != 0 ? FILE_OPEN_CREATE : 0;
    wanted |= (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0 ? FILE_OPEN_EXCLUSIVE : 0;
    wanted |= (flags & O_TRUNC) != 0 && access != 0 ? FILE_OPEN_TRUNCATE : 0;
    wanted |= (flags & O_APPEND) != 0 && access != 0 ? FILE_OPEN_APPEND : 0;
    wanted |= (flags & O_DIRECTORY) != 0 ? FILE_OPEN_DIRECTORY : 0;
    struct descriptor descriptor = {
        .kind = DESCRIPTOR_FILE,
        .close_on_exec = (flags & O_CLOEXEC) != 0,
        .flags = flags & ~(O_CLOEXEC | O_CREAT | O_EXCL | O_TRUNC),
    };
    uint64_t type;
    uint64_t size;
    result = file_open_path(path, wanted, &descriptor.handle, &type, &size);
    if (result != 0) {
        bool made = result == -ENOENT && wanted == FILE_OPEN_READ && made_is(path);
        return made ? made_open(flags) : result;
    }
    if (type == FILE_DIRECTORY) {
        descriptor.kind = DESCRIPTOR_DIRECTORY;
        descriptor.place = place_add(path);
    }
    return descriptor_add(&descriptor, 0);
}

int64_t call_openat(struct thread *thread, const uint64_t *a) {
    char path[FILE_PATH_MAX];
    (void)thread;
    int64_t result = path_of((int32_t)a[0], a[1], path);
    return result != 0 ? result : open_path(path, (uint32_t)a[2]);
}

int64_t call_open(struct thread *thread, const uint64_t *a) {
    const uint64_t b[] = {(uint64_t)AT_FDCWD, a[0], a[1], a[2]};
    return call_openat(thread, b);
}

int64_t call_creat(struct thread *thread, const uint64_t *a) {
    const uint64_t b[] = {(uint64_t)AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1]};
    return call_openat(thread, b);
}

int64_t call_close(struct thread *thread, const uint64_t *a) {
    (void)thread;
    lock_take(&table_mutex);
    struct descriptor *descriptor = descriptor_get(a[0]);
    if (descriptor != NULL) {
        drop(descriptor);
    }
    lock_give(&table_mutex);
    return descriptor == NULL ? -EBADF : 0;
}

int64_t call_close_range(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if (a[0] > a[1] || (a[2] & ~4ull) != 0) {
        return -EINVAL;
    }
    for (uint64_t i = a[0]; i <= a[1] && i < DESCRIPTORS; i++) {
        if (table[i].kind != DESCRIPTOR_NONE && (a[2] & 4) != 0) {
            table[i].close_on_exec = true;
        } else if (table[i].kind != DESCRIPTOR_NONE) {
            drop(&table[i]);
        }
    }
    return 0;
}

/* ---- copies ---- */

static int64_t copy_to(uint64_t from, uint64_t least, bool exact, bool close_on_exec) {
    struct descriptor *descriptor = descriptor_get(from);
    if (descriptor == NULL) {
        return -EBADF;
    }
    struct descriptor copy = *descriptor;
    copy.close_on_exec = close_on_exec;
    if (least >= DESCRIPTORS) {
        return exact ? -EBADF : -EINVAL;
    }
    if (descriptor->kind == DESCRIPTOR_EPOLL) {
        epoll_hold(descriptor->place);
    } else if (descriptor->place != 0) {
        copy.place = place_add(place_path(descriptor->place));
    }
    if (descriptor->handle != HANDLE_NONE &&
        handle_copy(descriptor->handle, RIGHT_CALL | RIGHT_COPY, &copy.handle) != OK) {
        return -EMFILE;
    }
    if (!exact) {
        return descriptor_add(&copy, least);
    }
    lock_take(&table_mutex);
    if (table[least].kind != DESCRIPTOR_NONE) {
        drop(&table[least]);
    }
    table[least] = copy;
    lock_give(&table_mutex);
    return (int64_t)least;
}

int64_t call_dup(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return copy_to(a[0], 0, false, false);
}

int64_t call_dup2(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if ((uint32_t)a[0] == (uint32_t)a[1]) {
        return descriptor_get(a[0]) == NULL ? -EBADF : (int64_t)a[1];
    }
    return copy_to(a[0], (uint32_t)a[1], true, false);
}

int64_t call_dup3(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if ((uint32_t)a[0] == (uint32_t)a[1] || (a[2] & ~(uint64_t)O_CLOEXEC) != 0) {
        return -EINVAL;
    }
    return copy_to(a[0], (uint32_t)a[1], true, (a[2] & O_CLOEXEC) != 0);
}

/* O_NONBLOCK of what all who share the open file see. */
static int64_t stream_flags(struct descriptor *descriptor, bool set, uint32_t flags) {
    if (descriptor->kind == DESCRIPTOR_SOCKET) {
        uint64_t value = (flags & O_NONBLOCK) != 0;
        status_t result = socket_option(descriptor, NET_OPTION_NO_WAIT, set, &value);
        return result != OK ? error_of(result) : value != 0 ? (int64_t)O_NONBLOCK : 0;
    }
    struct proc_flags_request request = {set, flags};
    struct proc_flags answer = {0};
    status_t status = call_simple(descriptor->handle, PROC_FLAGS, &request, sizeof request, &answer,
                                  sizeof answer);
    return status != OK ? error_of(status) : (int64_t)answer.flags;
}

int64_t call_fcntl(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    (void)thread;
    if (descriptor == NULL) {
        return -EBADF;
    }
    switch ((uint32_t)a[1]) {
    case 0: /* F_DUPFD */
        return copy_to(a[0], (uint32_t)a[2], false, false);
    case 1030: /* F_DUPFD_CLOEXEC */
        return copy_to(a[0], (uint32_t)a[2], false, true);
    case 1: /* F_GETFD */
        return descriptor->close_on_exec ? 1 : 0;
    case 2: /* F_SETFD */
        descriptor->close_on_exec = (a[2] & 1) != 0;
        return 0;
    case 3: { /* F_GETFL */
        int64_t more = descriptor_waits(descriptor) ? stream_flags(descriptor, false, 0) : 0;
        uint32_t large = descriptor_seeks(descriptor) ? 0100000 : 0;
        return more < 0 ? more
                        : (int64_t)((descriptor->flags & ~O_NONBLOCK) | (uint32_t)more | large);
    }
    case 4: /* F_SETFL */
        if (!descriptor_waits(descriptor)) {
            return ((descriptor->flags ^ (uint32_t)a[2]) & O_APPEND) != 0 ? -EINVAL : 0;
        }
        return stream_flags(descriptor, true, (uint32_t)a[2]) < 0 ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

int64_t descriptor_two(uint64_t to, uint32_t operation, uint32_t flags) {
    bool pair = operation == PROC_PAIR;
    struct proc_flags request = {flags & O_NONBLOCK};
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = NULL};
    int32_t numbers[2];
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    if (!user_ok(to, sizeof numbers, true)) {
        return -EFAULT;
    }
    status_t status = call_server(NULL, process.proc, operation, &message, &answer, false);
    if (status != OK) {
        return status == E_NO_SPACE ? -EMFILE : error_of(status);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct descriptor descriptor = {.handle = answer.handles[i].handle,
                                        .kind = DESCRIPTOR_STREAM,
                                        .close_on_exec = (flags & O_CLOEXEC) != 0,
                                        .family = pair ? AF_UNIX : 0,
                                        .type = pair ? SOCK_STREAM : 0,
                                        .flags = pair     ? O_RDWR
                                                 : i == 0 ? 0
                                                          : O_WRONLY};
        numbers[i] = (int32_t)descriptor_add(&descriptor, 0);
        if (numbers[i] < 0) {
            if (i == 0) {
                handle_close(answer.handles[1].handle);
            } else {
                drop(&table[numbers[0]]);
            }
            return -EMFILE;
        }
    }
    return user_write(to, numbers, sizeof numbers);
}

int64_t call_pipe(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return descriptor_two(a[0], PROC_PIPE, 0);
}

int64_t call_pipe2(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return descriptor_two(a[0], PROC_PIPE, (uint32_t)a[1]);
}

int64_t call_lseek(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    struct file_seek_request request = {(int64_t)a[1], a[2]};
    struct file_seek_reply reply = {0};
    (void)thread;
    if (descriptor == NULL) {
        return -EBADF;
    }
    if (!descriptor_seeks(descriptor)) {
        return -ESPIPE;
    }
    if (descriptor->kind == DESCRIPTOR_DIRECTORY) {
        descriptor->cursor = a[2] == 0 ? a[1] : descriptor->cursor;
        return (int64_t)descriptor->cursor;
    }
    if (a[2] > 2) {
        return -EINVAL;
    }
    status_t status =
        call_simple(descriptor->handle, FILE_SEEK, &request, sizeof request, &reply, sizeof reply);
    return status != OK ? error_of(status) : (int64_t)reply.offset;
}

static int64_t truncate_handle(handle_t file, uint64_t size) {
    struct file_truncate_request request = {size};
    status_t status = call_simple(file, FILE_TRUNCATE, &request, sizeof request, NULL, 0);
    return status == E_RIGHTS ? -EINVAL : error_of(status);
}

int64_t call_ftruncate(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    (void)thread;
    if (descriptor == NULL) {
        return -EBADF;
    }
    return descriptor->kind != DESCRIPTOR_FILE || (int64_t)a[1] < 0
               ? -EINVAL
               : truncate_handle(descriptor->handle, a[1]);
}

int64_t call_truncate(struct thread *thread, const uint64_t *a) {
    char path[FILE_PATH_MAX];
    handle_t file;
    uint64_t type;
    uint64_t size;
    (void)thread;
    int64_t result = (int64_t)a[1] < 0 ? -EINVAL : path_of(AT_FDCWD, a[0], path);
    if (result == 0) {
        result = file_open_path(path, FILE_OPEN_WRITE, &file, &type, &size);
    }
    if (result == 0) {
        result = truncate_handle(file, a[1]);
        handle_close(file);
    }
    return result;
}

int64_t call_fsync(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    (void)thread;
    return descriptor == NULL ? -EBADF : !descriptor_seeks(descriptor) ? -EINVAL : 0;
}
