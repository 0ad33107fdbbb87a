/* SPDX-License-Identifier: MIT
 * Reading and writing of open files of every kind.
 */
#include <ipc/time.h>

#include "memory.h"
#include "poll.h"
#include "signals.h"
#include "socket.h"

uint64_t descriptor_deadline(uint64_t ns) {
    return ns == 0 ? 0 : time_now_ns() + ns;
}

static int64_t transfer_socket(struct thread *thread, struct descriptor *descriptor, bool write,
                               uint64_t address, uint64_t length) {
    struct socket_io io = {.address = address, .length = length};
    return socket_move(thread, descriptor, write, &io);
}

int64_t stream_move(struct thread *thread, const struct descriptor *descriptor, bool write,
                    uint64_t address, uint64_t length, uint32_t flags) {
    uint32_t identity = descriptor->identity;
    bool fixed = signal_blocked_or_ignored(thread, write ? SIGTTOU : SIGTTIN);
    struct proc_io_request request = {.length = length < PROC_IO_MAX ? length : PROC_IO_MAX,
                                      .pid = process.pid,
                                      .flags = (fixed ? PROC_IO_NO_STOP : 0) |
                                               ((flags & MSG_DONTWAIT) != 0 ? PROC_IO_NO_WAIT : 0)};
    struct proc_io_reply reply = {0};
    struct lease lease = {address, request.length, write ? LEASE_READ : LEASE_WRITE, 0};
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call_server(thread, descriptor->handle, write ? PROC_WRITE : PROC_READ,
                                  &message, &answer, true);
    epoll_rearm(identity);
    if (status == E_PIPE && (flags & MSG_NOSIGNAL) == 0) {
        signal_self(thread, SIGPIPE);
    }
    return status == E_INTR ? RESTART_BY_FLAG
           : status != OK   ? error_of(status)
                            : (int64_t)reply.length;
}

static int64_t transfer_file(struct descriptor *descriptor, bool write, uint64_t address,
                             uint64_t length, uint64_t offset) {
    struct file_io_request request = {.offset = offset, .length = length};
    struct file_io_reply reply = {0};
    if (request.length > FILE_IO_MAX) {
        request.length = FILE_IO_MAX;
    }
    struct lease lease = {address, request.length, write ? LEASE_READ : LEASE_WRITE, 0};
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call_server(NULL, descriptor->handle, write ? FILE_WRITE : FILE_READ,
                                  &message, &answer, false);
    return status == E_RIGHTS ? -EBADF : status != OK ? error_of(status) : (int64_t)reply.length;
}

int64_t descriptor_transfer(struct thread *thread, struct descriptor *descriptor, bool write,
                            uint64_t address, uint64_t length, uint64_t offset) {
    uint32_t access = descriptor->flags & O_ACCMODE;
    if ((write && access == 0) || (!write && access == O_WRONLY)) {
        return -EBADF;
    }
    if (descriptor->kind == DESCRIPTOR_DIRECTORY) {
        return -EISDIR;
    }
    if (descriptor->kind == DESCRIPTOR_EPOLL) {
        return -EINVAL;
    }
    if (length > 0x7ffff000) {
        length = 0x7ffff000;
    }
    if (!user_ok(address, length, !write)) {
        return -EFAULT;
    }
    if (length == 0 && descriptor->kind == DESCRIPTOR_FILE) {
        return 0;
    }
    uint64_t done = 0;
    do {
        uint64_t at = offset == FILE_OFFSET_CURRENT ? offset : offset + done;
        int64_t moved =
            descriptor->kind == DESCRIPTOR_STREAM
                ? stream_move(thread, descriptor, write, address + done, length - done, 0)
            : descriptor->kind == DESCRIPTOR_SOCKET
                ? transfer_socket(thread, descriptor, write, address + done, length - done)
                : transfer_file(descriptor, write, address + done, length - done, at);
        if (moved < 0) {
            return done != 0 ? (int64_t)done : moved;
        }
        done += (uint64_t)moved;
        if (moved == 0 || (descriptor_waits(descriptor) && !write)) {
            break;
        }
    } while (done < length);
    return (int64_t)done;
}

static int64_t transfer(struct thread *thread, const uint64_t *a, bool write, uint64_t offset) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    return descriptor == NULL ? -EBADF
                              : descriptor_transfer(thread, descriptor, write, a[1], a[2], offset);
}

int64_t call_read(struct thread *thread, const uint64_t *a) {
    return transfer(thread, a, false, FILE_OFFSET_CURRENT);
}

int64_t call_write(struct thread *thread, const uint64_t *a) {
    return transfer(thread, a, true, FILE_OFFSET_CURRENT);
}

static int64_t transfer_at(struct thread *thread, const uint64_t *a, bool write) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    if (descriptor == NULL || !descriptor_seeks(descriptor)) {
        return descriptor == NULL ? -EBADF : -ESPIPE;
    }
    return (int64_t)a[3] < 0 ? -EINVAL : transfer(thread, a, write, a[3]);
}

int64_t call_pread64(struct thread *thread, const uint64_t *a) {
    return transfer_at(thread, a, false);
}

int64_t call_pwrite64(struct thread *thread, const uint64_t *a) {
    return transfer_at(thread, a, true);
}

#define VECTORS_MAX 1024
static int64_t transfer_vector(struct thread *thread, const uint64_t *a, bool write,
                               uint64_t offset) {
    static const struct watch none;
    struct descriptor *descriptor = descriptor_get(a[0]);
    uint64_t done = 0;
    if (descriptor == NULL) {
        return -EBADF;
    }
    if ((int64_t)a[2] < 0 || a[2] > VECTORS_MAX) {
        return -EINVAL;
    }
    if (descriptor->kind == DESCRIPTOR_SOCKET) {
        struct socket_io io = {.flags = 0};
        return socket_vector(thread, descriptor, write, &io, a[1], a[2]);
    }
    for (uint64_t i = 0; i < a[2]; i++) {
        uint64_t part[2];
        int64_t moved = user_read(part, a[1] + i * sizeof part, sizeof part);
        if (moved == 0 && part[1] != 0) {
            uint64_t at = offset == FILE_OFFSET_CURRENT ? offset : offset + done;
            moved = descriptor_transfer(thread, descriptor, write, part[0], part[1], at);
        }
        if (moved < 0) {
            return done != 0 ? (int64_t)done : moved;
        }
        done += (uint64_t)moved;
        if (part[1] != 0 && (uint64_t)moved < part[1]) {
            break;
        }
        if (!write && done != 0 && descriptor_waits(descriptor) &&
            (descriptor_events(descriptor, POLLIN, &none) & POLLIN) == 0) {
            break; /* it would wait, though there is something to give */
        }
    }
    return (int64_t)done;
}

int64_t call_readv(struct thread *thread, const uint64_t *a) {
    return transfer_vector(thread, a, false, FILE_OFFSET_CURRENT);
}

int64_t call_writev(struct thread *thread, const uint64_t *a) {
    return transfer_vector(thread, a, true, FILE_OFFSET_CURRENT);
}

int64_t call_preadv(struct thread *thread, const uint64_t *a) {
    return transfer_vector(thread, a, false, a[3]);
}

int64_t call_pwritev(struct thread *thread, const uint64_t *a) {
    return transfer_vector(thread, a, true, a[3]);
}

int64_t call_sendfile(struct thread *thread, const uint64_t *a) {
    struct descriptor *to = descriptor_get(a[0]);
    struct descriptor *from = descriptor_get(a[1]);
    uint64_t offset = FILE_OFFSET_CURRENT;
    uint64_t done = 0;
    int64_t result = 0;
    if (to == NULL || from == NULL) {
        return -EBADF;
    }
    if (from->kind != DESCRIPTOR_FILE || (a[2] != 0 && user_read(&offset, a[2], 8) != 0)) {
        return from->kind != DESCRIPTOR_FILE ? -EINVAL : -EFAULT;
    }
    int64_t buffer = memory_anonymous(0, FILE_IO_MAX, 3, REGION_PRIVATE);
    if (buffer < 0) {
        return buffer;
    }
    while (done < a[3]) {
        uint64_t part = a[3] - done < FILE_IO_MAX ? a[3] - done : FILE_IO_MAX;
        uint64_t at = a[2] != 0 ? offset + done : FILE_OFFSET_CURRENT;
        result = descriptor_transfer(thread, from, false, (uint64_t)buffer, part, at);
        if (result <= 0) {
            break;
        }
        int64_t read = result;
        result = descriptor_transfer(thread, to, true, (uint64_t)buffer, (uint64_t)read,
                                     FILE_OFFSET_CURRENT);
        if (result <= 0) {
            break;
        }
        done += (uint64_t)result;
        if (result < read) {
            break;
        }
    }
    (void)memory_remove((uint64_t)buffer, FILE_IO_MAX);
    if (a[2] != 0) {
        offset += done;
        (void)user_write(a[2], &offset, 8);
    }
    return done != 0 ? (int64_t)done : result;
}
