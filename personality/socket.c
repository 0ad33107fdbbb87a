/* SPDX-License-Identifier: MIT
 * Sockets of the internet: their life, connecting, moving bytes.
 */
#include "socket.h"

#include <common/ip.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/time.h>

#include "poll.h"
#include "signals.h"

#define DATAGRAM_MAX 65507u

int64_t socket_error(status_t status) {
    switch (status) {
    case E_INTR:
        return RESTART_BY_FLAG;
    case E_RESET: /* of a network that is no more */
        return -ECONNRESET;
    case E_NET_DOWN: /* no way there */
        return -ENETUNREACH;
    case E_QUOTA:
        return -ENOBUFS;
    default:
        return error_of(status);
    }
}

int64_t socket_get(uint64_t number, struct descriptor **descriptor) {
    *descriptor = descriptor_get(number);
    return *descriptor == NULL ? -EBADF : (*descriptor)->family == 0 ? -ENOTSOCK : 0;
}

/* The same for what a pair's end, which has no name and is connected for ever, can't do. */
static int64_t get_named(uint64_t number, struct descriptor **descriptor) {
    int64_t result = socket_get(number, descriptor);
    return result == 0 && (*descriptor)->family == AF_UNIX ? -EINVAL : result;
}

status_t socket_option(const struct descriptor *descriptor, uint64_t option, bool set,
                       uint64_t *value) {
    struct net_option_request request = {option, *value, set};
    struct net_option_reply reply = {0};
    status_t status =
        call_simple(descriptor->handle, NET_OPTION, &request, sizeof request, &reply, sizeof reply);
    *value = reply.value;
    return status;
}

/* ---- addresses ---- */

struct sockaddr {
    uint16_t family;
    uint8_t port[2];
    union {
        uint8_t v4[4];
        struct {
            uint32_t flow;
            uint8_t v6[16];
            uint32_t scope;
        };
    };
};
#define SIZE_V4 16u
#define SIZE_V6 28u
#define SIZE_V6_OLD 24u /* without scope */
_Static_assert(sizeof(struct sockaddr) == SIZE_V6, "ABI");

int64_t address_take(const struct descriptor *descriptor, uint64_t user, uint64_t length, bool peer,
                     struct net_address *address) {
    bool v6 = descriptor->family == AF_INET6;
    struct sockaddr from;
    memset(&from, 0, sizeof from);
    memset(address, 0, sizeof *address);
    if (length > 128 || length < sizeof from.family) {
        return -EINVAL;
    }
    int64_t result = user_read(&from, user, length < sizeof from ? length : sizeof from);
    if (result != 0) {
        return result;
    }
    if (from.family != descriptor->family) {
        return -EAFNOSUPPORT;
    }
    if (length < (v6 ? SIZE_V6_OLD : SIZE_V4)) {
        return -EINVAL;
    }
    address->port = (uint16_t)(from.port[0] << 8 | from.port[1]);
    if (v6) {
        memcpy(address->ip.bytes, from.v6, sizeof from.v6);
        address->interface = (uint16_t)from.scope;
    } else {
        ip_from_v4(address->ip.bytes, (uint32_t)from.v4[0] << 24 | (uint32_t)from.v4[1] << 16 |
                                          (uint32_t)from.v4[2] << 8 | from.v4[3]);
    }
    if (peer && ip_is_any(address->ip.bytes)) {
        if (ip_is_v4(address->ip.bytes)) {
            ip_from_v4(address->ip.bytes, 0x7f000001);
        } else {
            address->ip.bytes[15] = 1;
        }
    }
    return 0;
}

int64_t address_give(const struct descriptor *descriptor, const struct net_address *address,
                     uint64_t user, uint64_t size) {
    bool v6 = descriptor->family == AF_INET6;
    struct sockaddr to;
    uint32_t room;
    const uint32_t whole = descriptor->family == AF_UNIX ? (uint32_t)sizeof to.family
                           : v6                          ? SIZE_V6
                                                         : SIZE_V4;
    if (user == 0) {
        return 0;
    }
    if (user_read(&room, size, sizeof room) != 0) {
        return -EFAULT;
    }
    if ((int32_t)room < 0) {
        return -EINVAL;
    }
    memset(&to, 0, sizeof to);
    to.family = descriptor->family;
    to.port[0] = (uint8_t)(address->port >> 8);
    to.port[1] = (uint8_t)address->port;
    if (v6) {
        memcpy(to.v6, address->ip.bytes, sizeof to.v6);
        to.scope = address->interface;
    } else {
        memcpy(to.v4, address->ip.bytes + 12, sizeof to.v4);
    }
    if (user_write(user, &to, room < whole ? room : whole) != 0) {
        return -EFAULT;
    }
    return user_write(size, &whole, sizeof whole);
}

/* ---- life ---- */

static int64_t add_socket(handle_t handle, uint32_t family, uint32_t type, uint32_t flags) {
    uint64_t on = 1;
    struct descriptor descriptor = {.handle = handle,
                                    .kind = DESCRIPTOR_SOCKET,
                                    .family = (uint8_t)family,
                                    .type = (uint8_t)type,
                                    .flags = O_RDWR,
                                    .close_on_exec = (flags & O_CLOEXEC) != 0};
    if ((flags & O_NONBLOCK) != 0) {
        (void)socket_option(&descriptor, NET_OPTION_NO_WAIT, true, &on);
    }
    return descriptor_add(&descriptor, 0);
}

int64_t call_socket(struct thread *thread, const uint64_t *a) {
    uint32_t type = (uint32_t)a[1] & SOCK_TYPE;
    uint32_t flags = (uint32_t)a[1] & ~SOCK_TYPE;
    uint64_t protocol = type == SOCK_STREAM ? 6 : 17;
    (void)thread;
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    if ((a[0] != AF_INET && a[0] != AF_INET6) || process.net == HANDLE_NONE) {
        return -EAFNOSUPPORT;
    }
    if (type != SOCK_STREAM && type != SOCK_DGRAM) {
        return -ESOCKTNOSUPPORT;
    }
    if (a[2] != 0 && a[2] != protocol) {
        return -EPROTONOSUPPORT;
    }
    struct net_socket_request request = {type == SOCK_STREAM ? NET_TCP : NET_UDP};
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = NULL};
    status_t status = call_server(NULL, process.net, NET_SOCKET, &message, &answer, false);
    return status != OK ? socket_error(status)
                        : add_socket(answer.handles[0].handle, (uint32_t)a[0], type, flags);
}

int64_t call_socketpair(struct thread *thread, const uint64_t *a) {
    uint32_t type = (uint32_t)a[1] & SOCK_TYPE;
    uint32_t flags = (uint32_t)a[1] & ~SOCK_TYPE;
    (void)thread;
    if (a[0] != AF_UNIX) {
        return a[0] == AF_INET || a[0] == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
    }
    if (type != SOCK_STREAM) {
        return -ESOCKTNOSUPPORT;
    }
    return a[2] > 1 ? -EPROTONOSUPPORT : descriptor_two(a[3], PROC_PAIR, flags);
}

static int64_t bind_to(const struct descriptor *descriptor, const struct net_address *address) {
    return socket_error(
        call_simple(descriptor->handle, NET_BIND, address, sizeof *address, NULL, 0));
}

/* To a port that net chooses, unless it has one. */
static int64_t bind_any(const struct descriptor *descriptor) {
    struct net_address address;
    if (call_simple(descriptor->handle, NET_LOCAL, NULL, 0, &address, sizeof address) == OK &&
        address.port != 0) {
        return 0;
    }
    memset(&address, 0, sizeof address);
    if (descriptor->family == AF_INET) {
        ip_from_v4(address.ip.bytes, 0);
    }
    return bind_to(descriptor, &address);
}

int64_t call_bind(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    struct net_address address;
    (void)thread;
    int64_t result = get_named(a[0], &descriptor);
    if (result == 0) {
        result = address_take(descriptor, a[1], (uint32_t)a[2], false, &address);
    }
    return result != 0 ? result : bind_to(descriptor, &address);
}

int64_t call_listen(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    uint64_t listening = 0;
    int32_t backlog = (int32_t)a[1];
    (void)thread;
    int64_t result = get_named(a[0], &descriptor);
    if (result != 0 || descriptor->type != SOCK_STREAM) {
        return result != 0 ? result : -EOPNOTSUPP;
    }
    if (socket_option(descriptor, NET_OPTION_LISTENING, false, &listening) == OK &&
        listening != 0) {
        return 0;
    }
    struct net_listen_request request = {backlog < 1 ? 1 : backlog > 255 ? 255 : (uint64_t)backlog};
    result = bind_any(descriptor);
    return result != 0 ? result
                       : socket_error(call_simple(descriptor->handle, NET_LISTEN, &request,
                                                  sizeof request, NULL, 0));
}

int64_t call_accept4(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    struct net_address peer;
    struct net_accept_request request = {0};
    int64_t result = get_named(a[0], &descriptor);
    if (result != 0) {
        return result;
    }
    if (((uint32_t)a[3] & ~(O_CLOEXEC | O_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    if (descriptor->type != SOCK_STREAM) {
        return -EOPNOTSUPP;
    }
    struct descriptor listener = *descriptor; /* it may be closed meanwhile */
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .deadline = descriptor_deadline(descriptor->receive_ns)};
    struct answer answer = {.data = &peer, .size = sizeof peer};
    status_t status = call_server(thread, listener.handle, NET_ACCEPT, &message, &answer, true);
    epoll_rearm(listener.identity);
    if (status != OK) {
        return status == E_TIMEOUT ? -EAGAIN : socket_error(status);
    }
    result = add_socket(answer.handles[0].handle, listener.family, SOCK_STREAM, (uint32_t)a[3]);
    if (result >= 0 && address_give(&listener, &peer, a[1], a[2]) != 0) {
        (void)call_close(thread, (const uint64_t[]){(uint64_t)result});
        return -EFAULT;
    }
    return result;
}

int64_t call_accept(struct thread *thread, const uint64_t *a) {
    const uint64_t b[] = {a[0], a[1], a[2], 0};
    return call_accept4(thread, b);
}

/* ---- connecting ---- */

/* How the attempt that is under way ends. */
static int64_t connect_end(struct thread *thread, struct descriptor *descriptor) {
    struct net_poll_request request = {NET_POLL_WRITE | NET_POLL_ERROR, 0};
    struct net_poll_reply reply = {0};
    uint64_t no_wait = 0;
    uint64_t error = 0;
    (void)socket_option(descriptor, NET_OPTION_NO_WAIT, false, &no_wait);
    request.flags = no_wait != 0 ? NET_NO_WAIT : 0;
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .deadline = descriptor_deadline(descriptor->send_ns)};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    bool again = descriptor->connecting;
    descriptor->connecting = true;
    status_t status = call_server(thread, descriptor->handle, NET_POLL, &message, &answer, true);
    if (status != OK) {
        return status == E_TIMEOUT ? -EINPROGRESS : socket_error(status);
    }
    if (reply.events == 0) {
        return again ? -EALREADY : -EINPROGRESS;
    }
    descriptor->connecting = false;
    status = socket_option(descriptor, NET_OPTION_ERROR, false, &error);
    return socket_error(status != OK ? status : -(status_t)error);
}

/* AF_UNSPEC: the socket forgets its peer. */
static int64_t disconnect(const struct descriptor *descriptor) {
    struct net_connect_request request = {.flags = NET_NO_WAIT};
    if (descriptor->type != SOCK_DGRAM) {
        return -EINVAL;
    }
    return socket_error(
        call_simple(descriptor->handle, NET_CONNECT, &request, sizeof request, NULL, 0));
}

int64_t call_connect(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    struct net_connect_request request = {.flags = NET_NO_WAIT};
    uint16_t family = 0;
    int64_t result = get_named(a[0], &descriptor);
    if (result == -EINVAL) {
        return -EISCONN;
    }
    if (result == 0 && (uint32_t)a[2] < sizeof family) {
        result = -EINVAL;
    }
    if (result == 0) {
        result = user_read(&family, a[1], sizeof family);
    }
    if (result == 0 && family == AF_UNSPEC) {
        return disconnect(descriptor);
    }
    if (result == 0) {
        result = address_take(descriptor, a[1], (uint32_t)a[2], true, &request.address);
    }
    if (result != 0) {
        return result;
    }
    if (descriptor->connecting) {
        return connect_end(thread, descriptor);
    }
    if (request.address.port == 0 && descriptor->type == SOCK_STREAM) {
        return -ECONNREFUSED;
    }
    status_t status =
        call_simple(descriptor->handle, NET_CONNECT, &request, sizeof request, NULL, 0);
    if (status == E_WOULD_BLOCK || status == E_BUSY) {
        descriptor->connecting = status == E_BUSY;
        return connect_end(thread, descriptor);
    }
    return status == E_STATE ? -EISCONN : socket_error(status);
}

/* ---- ends ---- */

int64_t call_shutdown(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    (void)thread;
    int64_t result = socket_get(a[0], &descriptor);
    if (result != 0 || (uint32_t)a[1] > 2) {
        return result != 0 ? result : -EINVAL;
    }
    if (descriptor->family == AF_UNIX) {
        struct proc_control_request control = {.what = PROC_SHUTDOWN, .a = (uint32_t)a[1]};
        return error_of(
            call_simple(descriptor->handle, PROC_CONTROL, &control, sizeof control, NULL, 0));
    }
    struct net_shutdown_request request = {(uint32_t)a[1] + 1};
    _Static_assert(NET_SHUTDOWN_READ == 1 && NET_SHUTDOWN_WRITE == 2, "SHUT_RD + 1, SHUT_WR + 1");
    return socket_error(
        call_simple(descriptor->handle, NET_SHUTDOWN, &request, sizeof request, NULL, 0));
}

static int64_t give_end(const uint64_t *a, uint32_t operation) {
    struct descriptor *descriptor;
    struct net_address address = {.port = 0};
    int64_t result = socket_get(a[0], &descriptor);
    if (result == 0 && descriptor->family != AF_UNIX) {
        result = socket_error(
            call_simple(descriptor->handle, operation, NULL, 0, &address, sizeof address));
    }
    if (result == 0 && !user_ok(a[1], 1, true)) {
        result = -EFAULT;
    }
    return result != 0 ? result : address_give(descriptor, &address, a[1], a[2]);
}

int64_t call_getsockname(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return give_end(a, NET_LOCAL);
}

int64_t call_getpeername(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return give_end(a, NET_PEER);
}

/* ---- bytes ---- */

static int64_t move_failed(struct thread *thread, const struct descriptor *descriptor, bool send,
                           status_t status, const struct socket_io *io, bool limited) {
    bool datagram = descriptor->type == SOCK_DGRAM;
    if (send && !datagram && status == E_NOT_CONNECTED) {
        status = E_PIPE;
    }
    if (status == E_PIPE && (io->flags & MSG_NOSIGNAL) == 0) {
        signal_self(thread, SIGPIPE);
    }
    if (send && datagram && status == E_NOT_CONNECTED) {
        return -EDESTADDRREQ;
    }
    return status == E_TIMEOUT && limited ? -EAGAIN : socket_error(status);
}

int64_t socket_move(struct thread *thread, struct descriptor *descriptor, bool send,
                    struct socket_io *io) {
    bool datagram = descriptor->type == SOCK_DGRAM;
    uint64_t timeout = send ? descriptor->send_ns : descriptor->receive_ns;
    struct net_io_request request = {.length = io->length, .address = io->peer};
    struct net_io_reply reply = {0};
    if (descriptor->family == AF_UNIX) {
        return (io->flags & MSG_PEEK) != 0
                   ? -EOPNOTSUPP
                   : stream_move(thread, descriptor, send, io->address, io->length, io->flags);
    }
    if (datagram && send && io->length > DATAGRAM_MAX) {
        return -EMSGSIZE;
    }
    if (!datagram && io->length == 0) {
        return 0;
    }
    if (request.length > NET_IO_MAX) {
        request.length = NET_IO_MAX;
    }
    request.flags = ((io->flags & MSG_DONTWAIT) != 0 ? NET_NO_WAIT : 0) |
                    (!send && (io->flags & MSG_PEEK) != 0 ? NET_PEEK : 0);
    struct lease lease = {io->address, request.length, send ? LEASE_READ : LEASE_WRITE, 0};
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .leases = &lease,
                              .lease_count = 1,
                              .deadline = descriptor_deadline(timeout)};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    uint32_t identity = descriptor->identity;
    handle_t handle = descriptor->handle;
    status_t status;
    do {
        status =
            call_server(thread, handle, send ? NET_SEND : NET_RECEIVE, &message, &answer, true);
    } while (status == E_NOT_CONNECTED && datagram && !send && bind_any(descriptor) == 0);
    epoll_rearm(identity);
    if (status != OK) {
        return move_failed(thread, descriptor, send, status, io, timeout != 0);
    }
    io->peer = reply.address;
    io->size = reply.size;
    return (int64_t)reply.length;
}
