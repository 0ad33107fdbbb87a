/* SPDX-License-Identifier: MIT */
/* Stubs of the network protocol. */
#include <client/net.h>

#include <common/ip.h>
#include <common/string.h>

struct net_address net_address_v4(uint32_t ip, uint32_t port) {
    struct net_address address = {.port = (uint16_t)port};
    ip_from_v4(address.ip.bytes, ip);
    return address;
}

status_t net_socket(handle_t net, uint64_t kind, handle_t *socket) {
    struct net_socket_request request = {.kind = kind};
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = NULL};
    return call_handle(net, NET_SOCKET, &message, &answer, socket);
}

status_t net_bind(handle_t socket, const struct net_address *address) {
    return call_words(socket, NET_BIND, address, sizeof *address, NULL, 0);
}

status_t net_bind_port(handle_t socket, uint32_t port) {
    struct net_address address = {.port = (uint16_t)port};
    return net_bind(socket, &address);
}

status_t net_connect(handle_t socket, const struct net_address *address, uint64_t flags,
                     uint64_t deadline) {
    struct net_connect_request request = {.address = *address, .flags = flags};
    struct message message = {.data = &request, .size = sizeof request, .deadline = deadline};
    struct answer answer = {0};
    return call(socket, NET_CONNECT, &message, &answer);
}

status_t net_listen(handle_t socket, uint64_t backlog) {
    struct net_listen_request request = {.backlog = backlog};
    return call_words(socket, NET_LISTEN, &request, sizeof request, NULL, 0);
}

status_t net_accept(handle_t socket, uint64_t flags, handle_t *connection,
                    struct net_address *peer) {
    struct net_accept_request request = {.flags = flags};
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = peer, .size = sizeof *peer};
    return call_handle(socket, NET_ACCEPT, &message, &answer, connection);
}

static status_t transfer(handle_t socket, uint32_t operation, const struct net_io_request *request,
                         struct lease lease, uint64_t deadline, struct net_io_reply *reply) {
    struct message message = {.data = request,
                              .size = sizeof *request,
                              .leases = &lease,
                              .lease_count = 1,
                              .deadline = deadline};
    struct answer answer = {.data = reply, .size = sizeof *reply};
    status_t status = call(socket, operation, &message, &answer);
    return status >= 0 && reply->length > lease.length ? E_PROTOCOL : status;
}

static size_t limited(size_t length) {
    return length < NET_IO_MAX ? length : NET_IO_MAX;
}

static status_t send_piece(handle_t socket, const void *buffer, size_t length, uint64_t flags,
                           uint64_t deadline, const struct net_address *to, size_t *done) {
    struct net_io_request request = {.length = limited(length), .flags = flags};
    struct net_io_reply reply;
    if (to != NULL) {
        request.address = *to;
    }
    status_t status =
        transfer(socket, NET_SEND, &request, lease_in(buffer, request.length), deadline, &reply);
    if (status >= 0) {
        *done = reply.length;
    }
    return status;
}

status_t net_send_to(handle_t socket, const void *buffer, size_t length, uint64_t flags,
                     const struct net_address *to, size_t *done) {
    return send_piece(socket, buffer, length, flags, 0, to, done);
}

status_t net_send(handle_t socket, const void *buffer, size_t length, uint64_t flags,
                  size_t *done) {
    return send_piece(socket, buffer, length, flags, 0, NULL, done);
}

status_t net_send_all(handle_t socket, const void *buffer, size_t length, uint64_t deadline) {
    const char *at = buffer;
    while (length != 0) {
        size_t done = 0;
        status_t status = send_piece(socket, at, length, 0, deadline, NULL, &done);
        if (status < 0) {
            return status;
        }
        if (done == 0) {
            return E_PROTOCOL;
        }
        at += done;
        length -= done;
    }
    return OK;
}

status_t net_receive_from(handle_t socket, void *buffer, size_t length, uint64_t flags,
                          uint64_t deadline, struct net_address *from, size_t *done) {
    struct net_io_request request = {.length = limited(length), .flags = flags};
    struct net_io_reply reply;
    status_t status = transfer(socket, NET_RECEIVE, &request, lease_out(buffer, request.length),
                               deadline, &reply);
    if (status >= 0) {
        *from = reply.address;
        *done = reply.length;
    }
    return status;
}

status_t net_receive(handle_t socket, void *buffer, size_t length, uint64_t flags,
                     uint64_t deadline, size_t *done) {
    struct net_address from;
    return net_receive_from(socket, buffer, length, flags, deadline, &from, done);
}

status_t net_shutdown(handle_t socket, uint64_t how) {
    struct net_shutdown_request request = {.how = how};
    return call_words(socket, NET_SHUTDOWN, &request, sizeof request, NULL, 0);
}

status_t net_local(handle_t socket, struct net_address *address) {
    return call_words(socket, NET_LOCAL, NULL, 0, address, sizeof *address);
}

status_t net_peer(handle_t socket, struct net_address *address) {
    return call_words(socket, NET_PEER, NULL, 0, address, sizeof *address);
}

status_t net_option_set(handle_t socket, uint64_t option, uint64_t value) {
    struct net_option_request request = {.option = option, .value = value, .set = 1};
    return call_words(socket, NET_OPTION, &request, sizeof request, NULL, 0);
}

status_t net_option_get(handle_t socket, uint64_t option, uint64_t *value) {
    struct net_option_request request = {.option = option};
    struct net_option_reply reply;
    status_t status =
        call_words(socket, NET_OPTION, &request, sizeof request, &reply, sizeof reply);
    if (status >= 0) {
        *value = reply.value;
    }
    return status;
}

status_t net_poll(handle_t socket, uint64_t events, uint64_t flags, uint64_t deadline,
                  uint64_t *ready) {
    struct net_poll_request request = {.events = events, .flags = flags};
    struct net_poll_reply reply;
    struct message message = {.data = &request, .size = sizeof request, .deadline = deadline};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(socket, NET_POLL, &message, &answer);
    if (status >= 0) {
        *ready = reply.events;
    }
    return status;
}

status_t net_watch(handle_t socket, uint64_t events, handle_t notification, uint64_t bits,
                   uint64_t *ready) {
    struct net_watch_request request = {.events = events, .bits = bits};
    struct net_poll_reply reply;
    struct handle_slot handle = {notification, RIGHT_SIGNAL};
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .handles = &handle,
                              .handle_count = events != 0 ? 1 : 0};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(socket, NET_WATCH, &message, &answer);
    if (status >= 0) {
        *ready = reply.events;
    }
    return status;
}

status_t net_group(handle_t socket, const struct net_group_request *request) {
    return call_words(socket, NET_GROUP, request, sizeof *request, NULL, 0);
}

status_t net_resolve(handle_t net, const char *name, uint64_t family,
                     struct net_resolve_reply *result) {
    struct net_resolve_request request = {.family = family};
    if (strlcpy(request.name, name, sizeof request.name) >= sizeof request.name) {
        return E_NAME_TOO_LONG;
    }
    status_t status =
        call_words(net, NET_RESOLVE, &request, sizeof request, result, sizeof *result);
    if (status >= 0 && (result->count == 0 || result->count > NET_RESOLVE_MAX)) {
        return E_PROTOCOL;
    }
    return status;
}

status_t net_ping(handle_t net, const struct net_ping_request *request,
                  struct net_ping_reply *result) {
    return call_words(net, NET_PING, request, sizeof *request, result, sizeof *result);
}

static status_t index_call(handle_t net, uint32_t operation, uint64_t index, void *entry,
                           size_t size) {
    struct net_index_request request = {.index = index};
    return call_words(net, operation, &request, sizeof request, entry, size);
}

status_t net_interface(handle_t net, uint64_t index, struct net_interface *interface) {
    status_t status = index_call(net, NET_INTERFACE, index, interface, sizeof *interface);
    interface->name[sizeof interface->name - 1] = '\0';
    return status;
}

status_t net_neighbour(handle_t net, uint64_t index, struct net_neighbour *entry) {
    return index_call(net, NET_NEIGHBOUR, index, entry, sizeof *entry);
}

status_t net_route(handle_t net, uint64_t index, struct net_route *route) {
    return index_call(net, NET_ROUTE, index, route, sizeof *route);
}

status_t net_connection(handle_t net, uint64_t index, struct net_connection *connection) {
    return index_call(net, NET_CONNECTION, index, connection, sizeof *connection);
}

status_t net_configure(handle_t net, const struct net_configure_request *configuration) {
    return call_words(net, NET_CONFIGURE, configuration, sizeof *configuration, NULL, 0);
}

status_t net_counters(handle_t net, struct net_counters *counters) {
    return call_words(net, NET_COUNTERS, NULL, 0, counters, sizeof *counters);
}

status_t net_restrict(handle_t net, const struct net_restrict_request *request,
                      handle_t *restricted) {
    struct message message = {.data = request, .size = sizeof *request};
    struct answer answer = {.data = NULL};
    return call_handle(net, NET_RESTRICT, &message, &answer, restricted);
}

status_t net_capture(handle_t net, uint64_t on, uint64_t length) {
    struct net_capture_request request = {.on = on, .length = length};
    return call_words(net, NET_CAPTURE, &request, sizeof request, NULL, 0);
}

status_t net_frames(handle_t net, uint64_t *cursor, void *buffer, size_t length, size_t *done) {
    struct net_frames_request request = {.cursor = *cursor};
    struct net_frames_reply reply;
    struct lease lease = lease_out(buffer, length);
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(net, NET_FRAMES, &message, &answer);
    if (status >= 0) {
        *cursor = reply.cursor;
        *done = reply.length <= length ? reply.length : 0;
    }
    return status;
}

status_t net_clock(handle_t net, struct net_clock *clock) {
    return call_words(net, NET_CLOCK, NULL, 0, clock, sizeof *clock);
}
