/* SPDX-License-Identifier: MIT */
/*
 * Network protocol (proto/net.h) for programs that may block. `net` is the stack session wired by
 * the manifest; `socket` is a session made by net_socket or net_accept, closed with handle_close.
 * Addresses and ports in host byte order.
 */
#pragma once

#include <ipc/message.h>
#include <proto/net.h>

/* kind NET_TCP or NET_UDP. */
MUST_CHECK status_t net_socket(handle_t net, uint64_t kind, handle_t *socket);
status_t net_bind(handle_t socket, uint32_t ip, uint32_t port);
status_t net_listen(handle_t socket, uint64_t backlog);

/* Waits for a connection; *connection becomes the caller's. peer may be NULL. */
MUST_CHECK status_t net_accept(handle_t socket, handle_t *connection, struct net_address *peer);
status_t net_connect(handle_t socket, uint32_t ip, uint32_t port);

/* Sends at least one and at most NET_IO_MAX bytes; *done says how many. flags NET_IO_NO_WAIT. */
status_t net_send(handle_t socket, const void *buffer, size_t length, uint64_t flags, size_t *done);

/* Sends all bytes. */
status_t net_send_all(handle_t socket, const void *buffer, size_t length);

/* Receives at least one byte; *done 0: the peer has closed. */
status_t net_receive(handle_t socket, void *buffer, size_t length, uint64_t flags, size_t *done);

/* One datagram; *done its length. */
status_t net_send_to(handle_t socket, const void *buffer, size_t length, uint64_t flags,
                     const struct net_address *to, size_t *done);
status_t net_receive_from(handle_t socket, void *buffer, size_t length, uint64_t flags,
                          struct net_address *from, size_t *done);

/* how: NET_SHUTDOWN_READ | NET_SHUTDOWN_WRITE. */
status_t net_shutdown(handle_t socket, uint64_t how);
status_t net_local(handle_t socket, struct net_address *address);
status_t net_peer(handle_t socket, struct net_address *address);
status_t net_option_set(handle_t socket, uint64_t option, uint64_t value);
status_t net_option_get(handle_t socket, uint64_t option, uint64_t *value);

/* Waits until one of `events` (NET_POLL_*) holds. deadline: absolute ns, 0 none; E_TIMEOUT. */
status_t net_poll(handle_t socket, uint64_t events, uint64_t deadline, uint64_t *ready);

/* Name or dotted number to address. E_NOT_FOUND, E_TIMEOUT. */
status_t net_resolve(handle_t net, const char *name, uint32_t *ip);
status_t net_ping(handle_t net, const struct net_ping_request *request,
                  struct net_ping_reply *result);

/* The index-th entry; E_NOT_FOUND past the end. */
status_t net_interface(handle_t net, uint64_t index, struct net_interface *interface);
status_t net_arp(handle_t net, uint64_t index, struct net_arp_entry *entry);
status_t net_connection(handle_t net, uint64_t index, struct net_connection *connection);
status_t net_configure(handle_t net, const struct net_configure_request *configuration);
status_t net_counters(handle_t net, struct net_counters *counters);
