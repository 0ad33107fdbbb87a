/* SPDX-License-Identifier: MIT */
/*
 * Network protocol (proto/net.h) for programs that may block. `net` is the stack session wired by
 * the manifest; `socket` is a session made by net_socket or net_accept, closed with handle_close.
 * Ports in host byte order. flags: NET_NO_WAIT, NET_PEEK. deadline: absolute ns, 0 none; E_TIMEOUT.
 */
#pragma once

#include <ipc/message.h>
#include <proto/net.h>

/* An address of the IPv4 number in host order, and this port. */
struct net_address net_address_v4(uint32_t ip, uint32_t port);

/* kind NET_TCP or NET_UDP. */
MUST_CHECK status_t net_socket(handle_t net, uint64_t kind, handle_t *socket);
status_t net_bind(handle_t socket, const struct net_address *address);
/* Any address of either family. */
status_t net_bind_port(handle_t socket, uint32_t port);
status_t net_listen(handle_t socket, uint64_t backlog);

/* Waits for a connection; *connection becomes the caller's. peer may be NULL. */
MUST_CHECK status_t net_accept(handle_t socket, uint64_t flags, handle_t *connection,
                               struct net_address *peer);
status_t net_connect(handle_t socket, const struct net_address *address, uint64_t flags,
                     uint64_t deadline);

/* Sends at least one and at most NET_IO_MAX bytes; *done says how many. */
status_t net_send(handle_t socket, const void *buffer, size_t length, uint64_t flags, size_t *done);

/* Sends all bytes. */
status_t net_send_all(handle_t socket, const void *buffer, size_t length, uint64_t deadline);

/* Receives at least one byte; *done 0: the peer has closed. */
status_t net_receive(handle_t socket, void *buffer, size_t length, uint64_t flags,
                     uint64_t deadline, size_t *done);

/* One datagram; *done its length, or as much of it as fits. to NULL: the connected peer. */
status_t net_send_to(handle_t socket, const void *buffer, size_t length, uint64_t flags,
                     const struct net_address *to, size_t *done);
status_t net_receive_from(handle_t socket, void *buffer, size_t length, uint64_t flags,
                          uint64_t deadline, struct net_address *from, size_t *done);

/* how: NET_SHUTDOWN_READ | NET_SHUTDOWN_WRITE. */
status_t net_shutdown(handle_t socket, uint64_t how);
status_t net_local(handle_t socket, struct net_address *address);
status_t net_peer(handle_t socket, struct net_address *address);
status_t net_option_set(handle_t socket, uint64_t option, uint64_t value);
status_t net_option_get(handle_t socket, uint64_t option, uint64_t *value);

/* Waits until one of `events` (NET_POLL_*) holds; with NET_NO_WAIT *ready may be 0. */
status_t net_poll(handle_t socket, uint64_t events, uint64_t flags, uint64_t deadline,
                  uint64_t *ready);
/* Many sockets at once: `bits` of the notification (RIGHT_SIGNAL) are set when one of `events`
 * comes to hold; *ready says what holds now. events 0 ends it. */
status_t net_watch(handle_t socket, uint64_t events, handle_t notification, uint64_t bits,
                   uint64_t *ready);
status_t net_group(handle_t socket, const struct net_group_request *request);

/* Name or number to at most NET_RESOLVE_MAX addresses. family 0, 4, 6. E_NOT_FOUND, E_TIMEOUT. */
status_t net_resolve(handle_t net, const char *name, uint64_t family,
                     struct net_resolve_reply *result);
status_t net_ping(handle_t net, const struct net_ping_request *request,
                  struct net_ping_reply *result);

/* The index-th entry; E_NOT_FOUND past the end. */
status_t net_interface(handle_t net, uint64_t index, struct net_interface *interface);
status_t net_neighbour(handle_t net, uint64_t index, struct net_neighbour *entry);
status_t net_connection(handle_t net, uint64_t index, struct net_connection *connection);
status_t net_route(handle_t net, uint64_t index, struct net_route *route);
status_t net_configure(handle_t net, const struct net_configure_request *configuration);
status_t net_counters(handle_t net, struct net_counters *counters);

/* A stack session that may do less; *restricted becomes the caller's. */
MUST_CHECK status_t net_restrict(handle_t net, const struct net_restrict_request *request,
                                 handle_t *restricted);
status_t net_capture(handle_t net, uint64_t on, uint64_t length);
/* Records from *cursor on, which moves; *done bytes of them. */
status_t net_frames(handle_t net, uint64_t *cursor, void *buffer, size_t length, size_t *done);
status_t net_clock(handle_t net, struct net_clock *clock);
