/* SPDX-License-Identifier: MIT
 * send, recv and their kin. A datagram of several parts goes through a buffer of our own.
 */
#include <common/string.h>
#include <ipc/time.h>

#include "memory.h"
#include "socket.h"
#include "timing.h"

#define MSG_ERRQUEUE 0x2000u
#define VECTORS_MAX 1024u

struct linux_message {
    uint64_t name;
    uint32_t name_length, pad;
    uint64_t vectors, vector_count;
    uint64_t control, control_length;
    uint32_t flags, pad2;
};
_Static_assert(sizeof(struct linux_message) == 56, "ABI");

struct part {
    uint64_t address, length;
};

/* A stream's range: all of it, or as much as there is without waiting on when something came. */
static int64_t move_stream(struct thread *thread, struct descriptor *descriptor, bool send,
                           struct socket_io *io) {
    const struct socket_io whole = *io;
    bool all = send || (whole.flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL;
    uint64_t done = 0;
    while (done < whole.length) {
        io->address = whole.address + done;
        io->length = whole.length - done;
        int64_t moved = socket_move(thread, descriptor, send, io);
        if (moved <= 0) {
            return done != 0 ? (int64_t)done : moved;
        }
        done += (uint64_t)moved;
        if (!all) {
            break;
        }
    }
    return (int64_t)done;
}

static int64_t move_range(struct thread *thread, struct descriptor *descriptor, bool send,
                          struct socket_io *io) {
    if (!user_ok(io->address, io->length, !send)) {
        return -EFAULT;
    }
    return descriptor->type == SOCK_STREAM ? move_stream(thread, descriptor, send, io)
                                           : socket_move(thread, descriptor, send, io);
}

/* Parts of a stream one after the other. */
static int64_t move_parts(struct thread *thread, struct descriptor *descriptor, bool send,
                          struct socket_io *io, const struct part *parts, uint64_t count) {
    uint64_t done = 0;
    for (uint64_t i = 0; i < count; i++) {
        io->address = parts[i].address;
        io->length = parts[i].length;
        int64_t moved = move_range(thread, descriptor, send, io);
        if (moved < 0) {
            return done != 0 ? (int64_t)done : moved;
        }
        done += (uint64_t)moved;
        if ((uint64_t)moved < parts[i].length) {
            break;
        }
        if (!send && done != 0 && (io->flags & MSG_WAITALL) == 0) {
            io->flags |= MSG_DONTWAIT;
        }
    }
    return (int64_t)done;
}

/* Copies between the parts and the buffer that holds them one after the other. */
static int64_t copy_parts(const struct part *parts, uint64_t count, uint64_t buffer,
                          uint64_t length, bool send) {
    for (uint64_t i = 0; i < count && length != 0; i++) {
        uint64_t size = parts[i].length < length ? parts[i].length : length;
        int64_t result = send ? user_read((void *)(uintptr_t)buffer, parts[i].address, size)
                              : user_write(parts[i].address, (const void *)(uintptr_t)buffer, size);
        if (result != 0) {
            return result;
        }
        buffer += size;
        length -= size;
    }
    return 0;
}

static int64_t move_datagram(struct thread *thread, struct descriptor *descriptor, bool send,
                             struct socket_io *io, const struct part *parts, uint64_t count) {
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        total += parts[i].length;
    }
    if (count == 1) {
        io->address = parts[0].address;
        io->length = total;
        return move_range(thread, descriptor, send, io);
    }
    if (total > NET_IO_MAX) {
        if (send) {
            return -EMSGSIZE;
        }
        total = NET_IO_MAX;
    }
    int64_t buffer = memory_anonymous(0, NET_IO_MAX, 3, REGION_PRIVATE);
    if (buffer < 0) {
        return buffer;
    }
    io->address = (uint64_t)buffer;
    io->length = total;
    int64_t result = send ? copy_parts(parts, count, (uint64_t)buffer, total, true) : 0;
    if (result == 0) {
        result = socket_move(thread, descriptor, send, io);
    }
    if (!send && result > 0) {
        int64_t copied = copy_parts(parts, count, (uint64_t)buffer, (uint64_t)result, false);
        result = copied != 0 ? copied : result;
    }
    (void)memory_remove((uint64_t)buffer, NET_IO_MAX);
    return result;
}

int64_t socket_vector(struct thread *thread, struct descriptor *descriptor, bool send,
                      struct socket_io *io, uint64_t vectors, uint64_t count) {
    struct part parts[VECTORS_MAX];
    if (count > VECTORS_MAX) {
        return -EMSGSIZE;
    }
    int64_t result = user_read(parts, vectors, count * sizeof parts[0]);
    for (uint64_t i = 0; i < count && result == 0; i++) {
        result = (int64_t)parts[i].length < 0 ? -EINVAL : 0;
    }
    return result != 0 ? result
           : descriptor->type == SOCK_STREAM
               ? move_parts(thread, descriptor, send, io, parts, count)
               : move_datagram(thread, descriptor, send, io, parts, count);
}

/* ---- calls ---- */

static int64_t check_flags(uint32_t flags, bool send) {
    return (flags & MSG_OOB) != 0                 ? (send ? -EOPNOTSUPP : -EINVAL)
           : !send && (flags & MSG_ERRQUEUE) != 0 ? -EAGAIN
                                                  : 0;
}

/* What recv gives: with MSG_TRUNC the size that the datagram had. */
static int64_t received(const struct descriptor *descriptor, const struct socket_io *io,
                        uint32_t flags, int64_t moved) {
    bool whole = descriptor->type == SOCK_DGRAM && (flags & MSG_TRUNC) != 0 && moved >= 0;
    return whole ? (int64_t)io->size : moved;
}

int64_t call_sendto(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    struct socket_io io = {.address = a[1], .length = a[2], .flags = (uint32_t)a[3]};
    int64_t result = socket_get(a[0], &descriptor);
    if (result == 0) {
        result = check_flags(io.flags, true);
    }
    if (result == 0 && a[4] != 0 && descriptor->type == SOCK_DGRAM) {
        result = address_take(descriptor, a[4], (uint32_t)a[5], true, &io.peer);
    }
    return result != 0 ? result : move_range(thread, descriptor, true, &io);
}

int64_t call_recvfrom(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    struct socket_io io = {.address = a[1], .length = a[2], .flags = (uint32_t)a[3]};
    const uint32_t none = 0;
    int64_t result = socket_get(a[0], &descriptor);
    if (result == 0) {
        result = check_flags(io.flags, false);
    }
    if (result != 0) {
        return result;
    }
    struct descriptor own = *descriptor;
    result = received(&own, &io, (uint32_t)a[3], move_range(thread, descriptor, false, &io));
    if (result < 0 || a[4] == 0) {
        return result;
    }
    int64_t given = own.type == SOCK_DGRAM ? address_give(&own, &io.peer, a[4], a[5])
                                           : user_write(a[5], &none, sizeof none);
    return given != 0 ? given : result;
}

/* The socket and the message that sendmsg or recvmsg is about. */
static int64_t message_get(uint64_t fd, uint64_t user, uint32_t flags, bool send,
                           struct descriptor **descriptor, struct linux_message *message) {
    int64_t result = socket_get(fd, descriptor);
    if (result == 0) {
        result = user_read(message, user, sizeof *message);
    }
    return result != 0 ? result : check_flags(flags, send);
}

static int64_t send_message(struct thread *thread, uint64_t fd, uint64_t user, uint32_t flags) {
    struct descriptor *descriptor;
    struct linux_message message;
    struct socket_io io = {.flags = flags};
    int64_t result = message_get(fd, user, flags, true, &descriptor, &message);
    if (result == 0 && descriptor->family == AF_UNIX && message.control_length != 0) {
        result = -EOPNOTSUPP; /* descriptors are not passed */
    }
    if (result == 0 && message.name != 0 && descriptor->type == SOCK_DGRAM) {
        result = address_take(descriptor, message.name, message.name_length, true, &io.peer);
    }
    return result != 0 ? result
                       : socket_vector(thread, descriptor, true, &io, message.vectors,
                                       message.vector_count);
}

static int64_t receive_message(struct thread *thread, uint64_t fd, uint64_t user, uint32_t flags) {
    struct descriptor *descriptor;
    struct linux_message message;
    struct socket_io io = {.flags = flags};
    int64_t result = message_get(fd, user, flags, false, &descriptor, &message);
    if (result != 0) {
        return result;
    }
    struct descriptor own = *descriptor;
    int64_t moved =
        socket_vector(thread, descriptor, false, &io, message.vectors, message.vector_count);
    if (moved < 0) {
        return moved;
    }
    if (message.name != 0 && own.type == SOCK_DGRAM) {
        result = address_give(&own, &io.peer, message.name,
                              user + offsetof(struct linux_message, name_length));
        (void)user_read(&message.name_length, user + offsetof(struct linux_message, name_length),
                        sizeof message.name_length);
    } else {
        message.name_length = 0;
    }
    message.control_length = 0;
    message.flags = own.type == SOCK_DGRAM && io.size > (uint64_t)moved ? MSG_TRUNC : 0;
    if (result == 0) {
        result = user_write(user, &message, sizeof message);
    }
    return result != 0 ? result : received(&own, &io, flags, moved);
}

int64_t call_sendmsg(struct thread *thread, const uint64_t *a) {
    return send_message(thread, a[0], a[1], (uint32_t)a[2]);
}

int64_t call_recvmsg(struct thread *thread, const uint64_t *a) {
    return receive_message(thread, a[0], a[1], (uint32_t)a[2]);
}

#define MMSG_SIZE 64u /* struct mmsghdr: a message, then how much was moved */

int64_t call_sendmmsg(struct thread *thread, const uint64_t *a) {
    uint64_t count = (uint32_t)a[2] < VECTORS_MAX ? (uint32_t)a[2] : VECTORS_MAX;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = a[1] + i * MMSG_SIZE;
        int64_t moved = send_message(thread, a[0], at, (uint32_t)a[3]);
        uint32_t length = (uint32_t)moved;
        if (moved < 0 || user_write(at + sizeof(struct linux_message), &length, 4) != 0) {
            return i != 0 ? (int64_t)i : moved < 0 ? moved : -EFAULT;
        }
    }
    return (int64_t)count;
}

#define MSG_WAITFORONE 0x10000u
int64_t call_recvmmsg(struct thread *thread, const uint64_t *a) {
    uint64_t count = (uint32_t)a[2] < VECTORS_MAX ? (uint32_t)a[2] : VECTORS_MAX;
    uint32_t flags = (uint32_t)a[3];
    uint64_t deadline = 0;
    int64_t result = a[4] != 0 ? timing_read(a[4], &deadline) : 0;
    if (result != 0) {
        return result;
    }
    deadline += a[4] != 0 ? time_now_ns() : 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = a[1] + i * MMSG_SIZE;
        int64_t moved = receive_message(thread, a[0], at, flags & ~MSG_WAITFORONE);
        uint32_t length = (uint32_t)moved;
        if (moved < 0 || user_write(at + sizeof(struct linux_message), &length, 4) != 0) {
            return i != 0 ? (int64_t)i : moved < 0 ? moved : -EFAULT;
        }
        flags |= (flags & MSG_WAITFORONE) != 0 ? MSG_DONTWAIT : 0;
        if (deadline != 0 && time_now_ns() >= deadline) { /* as Linux: asked after each one */
            return (int64_t)i + 1;
        }
    }
    return (int64_t)count;
}
