/* SPDX-License-Identifier: MIT
 * Options of sockets.
 */
#include <common/ip.h>
#include <common/string.h>
#include <ipc/time.h>

#include "socket.h"

enum { SOL_IP = 0, SOL_SOCKET = 1, SOL_TCP = 6, SOL_IPV6 = 41 };
enum {
    SO_TYPE = 3,
    SO_ERROR = 4,
    SO_SNDBUF = 7,
    SO_RCVBUF = 8,
    SO_LINGER = 13,
    SO_RCVTIMEO = 20,
    SO_SNDTIMEO = 21,
    SO_PROTOCOL = 38,
    SO_DOMAIN = 39,
};
enum { ANY = 0, TCP_ONLY = SOCK_STREAM, UDP_ONLY = SOCK_DGRAM };

/* Those that are options of net, as they are. */
static const struct mapped {
    uint8_t level, name;
    uint8_t type;   /* of the sockets that have it; others take it without effect */
    uint8_t option; /* enum net_option; 0: taken without effect, reads 0 */
} mapped[] = {
    {SOL_SOCKET, 2 /* REUSEADDR */, ANY, NET_OPTION_REUSE},
    {SOL_SOCKET, 5 /* DONTROUTE */, ANY, 0},
    {SOL_SOCKET, 6 /* BROADCAST */, UDP_ONLY, NET_OPTION_BROADCAST},
    {SOL_SOCKET, 9 /* KEEPALIVE */, TCP_ONLY, NET_OPTION_KEEPALIVE},
    {SOL_SOCKET, 10 /* OOBINLINE */, ANY, 0},
    {SOL_SOCKET, 12 /* PRIORITY */, ANY, 0},
    {SOL_SOCKET, 30 /* ACCEPTCONN */, TCP_ONLY, NET_OPTION_LISTENING},
    {SOL_TCP, 1 /* NODELAY */, TCP_ONLY, NET_OPTION_NODELAY},
    {SOL_TCP, 4 /* KEEPIDLE */, TCP_ONLY, NET_OPTION_KEEP_IDLE},
    {SOL_TCP, 5 /* KEEPINTVL */, TCP_ONLY, NET_OPTION_KEEP_INTERVAL},
    {SOL_TCP, 6 /* KEEPCNT */, TCP_ONLY, NET_OPTION_KEEP_COUNT},
    {SOL_IP, 1 /* TOS */, ANY, NET_OPTION_TRAFFIC_CLASS},
    {SOL_IP, 2 /* TTL */, ANY, NET_OPTION_HOP_LIMIT},
    {SOL_IP, 11 /* RECVERR: no error of a datagram is ever told */, ANY, 0},
    {SOL_IP, 33 /* MULTICAST_TTL */, UDP_ONLY, NET_OPTION_MULTICAST_HOPS},
    {SOL_IP, 34 /* MULTICAST_LOOP */, UDP_ONLY, NET_OPTION_MULTICAST_LOOP},
    {SOL_IPV6, 16 /* UNICAST_HOPS */, ANY, NET_OPTION_HOP_LIMIT},
    {SOL_IPV6, 18 /* MULTICAST_HOPS */, UDP_ONLY, NET_OPTION_MULTICAST_HOPS},
    {SOL_IPV6, 19 /* MULTICAST_LOOP */, UDP_ONLY, NET_OPTION_MULTICAST_LOOP},
    {SOL_IPV6, 25 /* RECVERR */, ANY, 0},
    {SOL_IPV6, 26 /* V6ONLY */, ANY, NET_OPTION_V6_ONLY},
    {SOL_IPV6, 67 /* TCLASS */, ANY, NET_OPTION_TRAFFIC_CLASS},
};

static const struct mapped *find(uint64_t level, uint64_t name) {
    for (uint32_t i = 0; i < sizeof mapped / sizeof mapped[0]; i++) {
        if (mapped[i].level == level && mapped[i].name == name) {
            return &mapped[i];
        }
    }
    return NULL;
}

static int64_t set_linger(const struct descriptor *descriptor, const uint64_t *a) {
    struct {
        int32_t on, seconds;
    } linger;
    if ((uint32_t)a[4] < sizeof linger) {
        return -EINVAL;
    }
    if (user_read(&linger, a[3], sizeof linger) != 0) {
        return -EFAULT;
    }
    uint64_t abort = linger.on != 0 && linger.seconds == 0;
    return descriptor->type != SOCK_STREAM || descriptor->family == AF_UNIX
               ? 0
               : socket_error(socket_option(descriptor, NET_OPTION_ABORT, true, &abort));
}

static int64_t set_timeout(uint64_t *to, const uint64_t *a) {
    struct linux_timeval time;
    if ((uint32_t)a[4] < sizeof time) {
        return -EINVAL;
    }
    if (user_read(&time, a[3], sizeof time) != 0) {
        return -EFAULT;
    }
    if (time.microseconds < 0 || time.microseconds >= 1000000) {
        return -EDOM;
    }
    *to = time.seconds < 0
              ? 1
              : (uint64_t)time.seconds * NS_PER_S + (uint64_t)time.microseconds * NS_PER_US;
    return 0;
}

/* Groups of IPv4 (35, 36) and IPv6 (20, 21). */
static int64_t set_group(const struct descriptor *descriptor, const uint64_t *a, bool v6) {
    struct net_group_request request = {.join = v6 ? a[2] == 20 : a[2] == 35};
    uint8_t bytes[20];
    uint32_t size = v6 ? 20 : 8;
    if ((uint32_t)a[4] < size || descriptor->type != SOCK_DGRAM) {
        return -EINVAL;
    }
    if (user_read(bytes, a[3], size) != 0) {
        return -EFAULT;
    }
    if (v6) {
        memcpy(request.group.bytes, bytes, sizeof request.group.bytes);
        memcpy(&request.interface, bytes + 16, 4);
    } else {
        ip_from_v4(request.group.bytes, 0);
        memcpy(request.group.bytes + 12, bytes, 4);
    }
    status_t status = call_simple(descriptor->handle, NET_GROUP, &request, sizeof request, NULL, 0);
    return status == E_EXISTS      ? -EADDRINUSE
           : status == E_NOT_FOUND ? -EADDRNOTAVAIL
                                   : socket_error(status);
}

static int64_t set_mapped(const struct descriptor *descriptor, const struct mapped *option,
                          uint64_t value) {
    if (descriptor->family == AF_UNIX && option->level != SOL_SOCKET) {
        return -EOPNOTSUPP;
    }
    if (descriptor->family == AF_UNIX || option->option == 0 ||
        (option->type != ANY && option->type != descriptor->type)) {
        return 0;
    }
    status_t status = socket_option(descriptor, option->option, true, &value);
    return status == E_READ_ONLY ? -ENOPROTOOPT : socket_error(status);
}

int64_t call_setsockopt(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    uint32_t value = 0;
    (void)thread;
    int64_t result = socket_get(a[0], &descriptor);
    if (result != 0) {
        return result;
    }
    if (a[1] == SOL_SOCKET && a[2] == SO_LINGER) {
        return set_linger(descriptor, a);
    }
    if (a[1] == SOL_SOCKET && (a[2] == SO_RCVTIMEO || a[2] == SO_SNDTIMEO)) {
        return set_timeout(a[2] == SO_RCVTIMEO ? &descriptor->receive_ns : &descriptor->send_ns, a);
    }
    if ((a[1] == SOL_IP && (a[2] == 35 || a[2] == 36)) ||
        (a[1] == SOL_IPV6 && (a[2] == 20 || a[2] == 21))) {
        return set_group(descriptor, a, a[1] == SOL_IPV6);
    }
    bool byte = a[1] == SOL_IP && (uint32_t)a[4] >= 1 && (uint32_t)a[4] < 4; /* it may be a char */
    if (!byte && (uint32_t)a[4] < 4) {
        return -EINVAL;
    }
    if (user_read(&value, a[3], byte ? 1 : 4) != 0) {
        return -EFAULT;
    }
    if (a[1] == SOL_SOCKET && (a[2] == SO_SNDBUF || a[2] == SO_RCVBUF)) {
        return 0; /* a wish: their size is fixed */
    }
    const struct mapped *option = find(a[1], a[2]);
    return option == NULL ? -ENOPROTOOPT : set_mapped(descriptor, option, value);
}

/* ---- reading ---- */

static int64_t give(const uint64_t *a, const void *value, uint32_t size) {
    uint32_t room;
    if (user_read(&room, a[4], sizeof room) != 0) {
        return -EFAULT;
    }
    if ((int32_t)room < 0) {
        return -EINVAL;
    }
    room = room < size ? room : size;
    if (user_write(a[3], value, room) != 0) {
        return -EFAULT;
    }
    return user_write(a[4], &room, sizeof room);
}

static int64_t give_timeout(const uint64_t *a, uint64_t ns) {
    struct linux_timeval time = {(int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S / NS_PER_US)};
    return give(a, &time, sizeof time);
}

static int64_t give_linger(const struct descriptor *descriptor, const uint64_t *a) {
    int32_t linger[2] = {0, 0};
    uint64_t value = 0;
    if (descriptor->type == SOCK_STREAM && descriptor->family != AF_UNIX &&
        socket_option(descriptor, NET_OPTION_ABORT, false, &value) == OK) {
        linger[0] = value != 0;
    }
    return give(a, linger, sizeof linger);
}

static int64_t buffer_size(const struct descriptor *descriptor, uint64_t option, int32_t *to) {
    uint64_t value = 0;
    status_t status = socket_option(descriptor, option, false, &value);
    *to = status == E_UNSUPPORTED ? NET_IO_MAX : (int32_t)value;
    return status == E_UNSUPPORTED ? 0 : socket_error(status);
}

static int64_t read_own(const struct descriptor *descriptor, uint64_t name, int32_t *to) {
    uint64_t value = 0;
    if (descriptor->family == AF_UNIX && name != SO_TYPE && name != SO_DOMAIN) {
        *to = name == SO_SNDBUF || name == SO_RCVBUF ? PROC_PIPE_SIZE : 0;
        return name == SO_ERROR || name == SO_PROTOCOL || *to != 0 ? 0 : -ENOPROTOOPT;
    }
    switch (name) {
    case SO_TYPE:
        *to = descriptor->type;
        return 0;
    case SO_DOMAIN:
        *to = descriptor->family;
        return 0;
    case SO_PROTOCOL:
        *to = descriptor->type == SOCK_STREAM ? 6 : 17;
        return 0;
    case SO_ERROR: {
        status_t status = socket_option(descriptor, NET_OPTION_ERROR, false, &value);
        int64_t error = socket_error(status != OK ? status : -(status_t)value);
        *to = (int32_t)-error;
        return 0;
    }
    case SO_SNDBUF:
        return buffer_size(descriptor, NET_OPTION_SEND_BUFFER, to);
    case SO_RCVBUF:
        return buffer_size(descriptor, NET_OPTION_RECEIVE_BUFFER, to);
    default:
        return -ENOPROTOOPT;
    }
}

int64_t call_getsockopt(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor;
    int32_t number = 0;
    (void)thread;
    int64_t result = socket_get(a[0], &descriptor);
    if (result != 0) {
        return result;
    }
    if (a[1] == SOL_SOCKET && a[2] == SO_LINGER) {
        return give_linger(descriptor, a);
    }
    if (a[1] == SOL_SOCKET && (a[2] == SO_RCVTIMEO || a[2] == SO_SNDTIMEO)) {
        return give_timeout(a, a[2] == SO_RCVTIMEO ? descriptor->receive_ns : descriptor->send_ns);
    }
    const struct mapped *option = find(a[1], a[2]);
    if (option == NULL) {
        result = a[1] == SOL_SOCKET ? read_own(descriptor, a[2], &number) : -ENOPROTOOPT;
    } else if (option->option != 0 && descriptor->family != AF_UNIX &&
               (option->type == ANY || option->type == descriptor->type)) {
        uint64_t value = 0;
        result = socket_error(socket_option(descriptor, option->option, false, &value));
        number = (int32_t)value;
    }
    return result != 0 ? result : give(a, &number, sizeof number);
}
