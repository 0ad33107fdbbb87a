/* SPDX-License-Identifier: MIT
 * Sockets: those of the internet are sessions of net (proto/net.h), pairs are streams of proc.
 */
#pragma once
#include <proto/net.h>

#include "file.h"

#define AF_UNSPEC 0u
#define AF_UNIX 1u
#define AF_INET 2u
#define AF_INET6 10u
#define SOCK_STREAM 1u
#define SOCK_DGRAM 2u
#define SOCK_TYPE 0xfu
#define MSG_OOB 1u
#define MSG_PEEK 2u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_WAITALL 0x100u
#define MSG_NOSIGNAL 0x4000u
#define MSG_CMSG_CLOEXEC 0x40000000u

/* One send or receive of a range of the program. */
struct socket_io {
    uint64_t address, length;
    uint32_t flags;          /* MSG_* */
    struct net_address peer; /* to, port 0: the connected one; or from */
    uint64_t size;           /* received: of the whole datagram */
};
/* Moves bytes, one datagram or what goes at once. >= 0, -errno, RESTART_BY_FLAG. */
int64_t socket_move(struct thread *thread, struct descriptor *descriptor, bool send,
                    struct socket_io *io);
/* The same with `count` vectors at `vectors`. */
int64_t socket_vector(struct thread *thread, struct descriptor *descriptor, bool send,
                      struct socket_io *io, uint64_t vectors, uint64_t count);
/* -EBADF, -ENOTSOCK. */
int64_t socket_get(uint64_t number, struct descriptor **descriptor);
int64_t socket_error(status_t status);
/* What option says or is set to; status. */
status_t socket_option(const struct descriptor *descriptor, uint64_t option, bool set,
                       uint64_t *value);

/* A sockaddr of the program, for a socket of that family; any becomes this machine if `peer`. */
int64_t address_take(const struct descriptor *descriptor, uint64_t user, uint64_t length, bool peer,
                     struct net_address *address);
/* Gives one to the program: `user` of the size at `size`, which becomes the true one. */
int64_t address_give(const struct descriptor *descriptor, const struct net_address *address,
                     uint64_t user, uint64_t size);

linux_call call_socket, call_socketpair, call_bind, call_listen, call_accept, call_accept4,
    call_connect, call_shutdown, call_getsockname, call_getpeername, call_setsockopt,
    call_getsockopt, call_sendto, call_recvfrom, call_sendmsg, call_recvmsg, call_sendmmsg,
    call_recvmmsg;
