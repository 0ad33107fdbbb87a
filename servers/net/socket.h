/* SPDX-License-Identifier: MIT */
/*
 * Sockets: one for each session. Every operation either answers at once (its return value),
 * returns DISPATCH_PARKED when the call was parked, or an error. Callbacks of lwIP only note what
 * happened and mark the socket dirty; sockets_settle, at the end of the turn, serves parked calls.
 */
#pragma once

#include "net.h"

/* socket.c */
/* NULL for a badge of no socket. */
struct socket *socket_find(uint64_t badge);
MUST_CHECK status_t socket_create(uint32_t account, struct policy *policy, uint32_t kind,
                                  struct socket **result);
/* The same for a badge that a client has already. */
MUST_CHECK status_t socket_adopt(uint64_t badge, uint32_t account, struct policy *policy,
                                 uint32_t kind, struct socket **result);
/* Frees the structure and what it holds; its pcb must be gone. */
void socket_destroy(struct socket *socket);
/* The last handle of the session is gone. */
void socket_closed(struct socket *socket);
void socket_mark(struct socket *socket);
void sockets_settle(void);

MUST_CHECK status_t socket_bind(struct socket *socket, const struct net_address *address);
MUST_CHECK status_t socket_listen(struct socket *socket, uint64_t backlog);
MUST_CHECK status_t socket_accept(struct socket *socket, token_t token, uint64_t flags);
MUST_CHECK status_t socket_connect(struct socket *socket, token_t token,
                                   const struct net_address *address, uint64_t flags);
MUST_CHECK status_t socket_send(struct socket *socket, token_t token,
                                const struct net_io_request *request, struct net_io_reply *reply);
MUST_CHECK status_t socket_receive(struct socket *socket, token_t token,
                                   const struct net_io_request *request,
                                   struct net_io_reply *reply);
MUST_CHECK status_t socket_shutdown(struct socket *socket, uint64_t how);
MUST_CHECK status_t socket_local(const struct socket *socket, struct net_address *address);
MUST_CHECK status_t socket_peer(const struct socket *socket, struct net_address *address);
MUST_CHECK status_t socket_option(struct socket *socket, const struct net_option_request *request,
                                  uint64_t *value);
MUST_CHECK status_t socket_poll(struct socket *socket, token_t token,
                                const struct net_poll_request *request, uint64_t *ready);
/* notification HANDLE_NONE: nobody watches any more. The socket owns the handle on OK, and with a
 * key on DISPATCH_PARKED only. */
MUST_CHECK status_t socket_watch(struct socket *socket, const struct net_watch_request *request,
                                 handle_t notification, uint64_t *ready);
MUST_CHECK status_t socket_group(struct socket *socket, const struct net_group_request *request);
bool socket_cancel(struct socket *socket, token_t token);

/* tcp.c and udp.c: the kinds. E_WOULD_BLOCK: can't be served yet, nothing was done. */
MUST_CHECK status_t tcp_socket_open(struct socket *socket);
void tcp_socket_close(struct socket *socket);
MUST_CHECK status_t tcp_socket_bind(struct socket *socket, const struct net_address *address);
MUST_CHECK status_t tcp_socket_listen(struct socket *socket, uint64_t backlog);
MUST_CHECK status_t tcp_socket_connect(struct socket *socket, const struct net_address *address);
MUST_CHECK status_t tcp_socket_connected(const struct socket *socket);
MUST_CHECK status_t tcp_socket_send(struct socket *socket, token_t token, uint64_t length,
                                    bool parked, struct net_io_reply *reply);
MUST_CHECK status_t tcp_socket_receive(struct socket *socket, const struct request *request,
                                       struct net_io_reply *reply);
MUST_CHECK status_t tcp_socket_shutdown(struct socket *socket, uint64_t how);
MUST_CHECK status_t tcp_socket_option(struct socket *socket,
                                      const struct net_option_request *request, uint64_t *value);
uint64_t tcp_socket_ready(const struct socket *socket);
void tcp_socket_abort(struct socket *socket, status_t error);
/* An accepted connection leaves the listener's queue. */
void tcp_socket_accepted(struct socket *socket);

/* For an import: the connection is the socket's from now on. */
void tcp_socket_adopt(struct socket *socket, struct tcp_pcb *pcb);

MUST_CHECK status_t udp_socket_open(struct socket *socket);
void udp_socket_close(struct socket *socket);
MUST_CHECK status_t udp_socket_bind(struct socket *socket, const struct net_address *address);
MUST_CHECK status_t udp_socket_connect(struct socket *socket, const struct net_address *address);
MUST_CHECK status_t udp_socket_send(struct socket *socket, token_t token,
                                    const struct net_io_request *request,
                                    struct net_io_reply *reply);
MUST_CHECK status_t udp_socket_receive(struct socket *socket, const struct request *request,
                                       struct net_io_reply *reply);
MUST_CHECK status_t udp_socket_option(struct socket *socket,
                                      const struct net_option_request *request, uint64_t *value);
MUST_CHECK status_t udp_socket_group(struct socket *socket,
                                     const struct net_group_request *request);
void udp_socket_disconnect(struct socket *socket);
void udp_socket_local(const struct socket *socket, struct net_address *address);
uint64_t udp_socket_ready(const struct socket *socket);

/* error.c: lwIP's error as a status. */
status_t status_of(err_t error);
/* The same of a packet that nobody repeats: one that finds no room, since the driver is away, is
 * lost like any other on its way, and nobody is told. */
status_t status_of_packet(err_t error);
