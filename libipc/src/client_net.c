/* SPDX-License-Identifier: MIT */
/* Stubs of the network protocol. */
#include <client/net.h>

#include <common/string.h>

/* A call that answers with one handle. */
static status_t handle_call(handle_t session, uint32_t operation, const void *request, size_t size,
                            void *data, size_t data_size, handle_t *handle) {
    struct message message = {.data = request, .size = size};
    struct answer answer = {.data = data, .size = data_size};
    status_t status = call(session, operation, &message, &answer);
    if (status < 0) {
        return status;
    }
    if (answer.handle_count != 1 || answer.handles[0].handle == HANDLE_NONE) {
        return E_PROTOCOL;
    }
    *handle = answer.handles[0].handle;
    return OK;
}

status_t net_socket(handle_t net, uint64_t kind, handle_t *socket) {
    struct net_socket_request request = {.kind = kind};
    return handle_call(net, NET_SOCKET, &request, sizeof request, NULL, 0, socket);
}

static status_t address_call(handle_t socket, uint32_t operation, uint32_t ip, uint32_t port) {
    struct net_address request = {.ip = ip, .port = port};
    return call_words(socket, operation, &request, sizeof request, NULL, 0);
}

status_t net_bind(handle_t socket, uint32_t ip, uint32_t port) {
    return address_call(socket, NET_BIND, ip, port);
}

status_t net_connect(handle_t socket, uint32_t ip, uint32_t port) {
    return address_call(socket, NET_CONNECT, ip, port);
}

status_t net_listen(handle_t socket, uint64_t backlog) {
    struct net_listen_request request = {.backlog = backlog};
    return call_words(socket, NET_LISTEN, &request, sizeof request, NULL, 0);
}

status_t net_accept(handle_t socket, handle_t *connection, struct net_address *peer) {
    return handle_call(socket, NET_ACCEPT, NULL, 0, peer, sizeof *peer, connection);
}

static status_t transfer(handle_t socket, uint32_t operation, const struct net_io_request *request,
                         struct lease lease, struct net_io_reply *reply) {
    struct message message = {
        .data = request, .size = sizeof *request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = reply, .size = sizeof *reply};
    status_t status = call(socket, operation, &message, &answer);
    return status >= 0 && reply->length > lease.length ? E_PROTOCOL : status;
}

static size_t limited(size_t length) {
    return length < NET_IO_MAX ? length : NET_IO_MAX;
}

status_t net_send_to(handle_t socket, const void *buffer, size_t length, uint64_t flags,
                     const struct net_address *to, size_t *done) {
    struct net_io_request request = {.length = limited(length), .flags = flags, .address = *to};
    struct net_io_reply reply;
    status_t status =
        transfer(socket, NET_SEND, &request, lease_in(buffer, request.length), &reply);
    if (status >= 0) {
        *done = reply.length;
    }
    return status;
}

status_t net_send(handle_t socket, const void *buffer, size_t length, uint64_t flags,
                  size_t *done) {
    struct net_address nowhere = {0};
    return net_send_to(socket, buffer, length, flags, &nowhere, done);
}

status_t net_send_all(handle_t socket, const void *buffer, size_t length) {
    const char *at = buffer;
    while (length != 0) {
        size_t done = 0;
        status_t status = net_send(socket, at, length, 0, &done);
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
                          struct net_address *from, size_t *done) {
    struct net_io_request request = {.length = limited(length), .flags = flags};
    struct net_io_reply reply;
    status_t status =
        transfer(socket, NET_RECEIVE, &request, lease_out(buffer, request.length), &reply);
    if (status >= 0) {
        *from = reply.address;
        *done = reply.length;
    }
    return status;
}

status_t net_receive(handle_t socket, void *buffer, size_t length, uint64_t flags, size_t *done) {
    struct net_address from;
    return net_receive_from(socket, buffer, length, flags, &from, done);
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

status_t net_poll(handle_t socket, uint64_t events, uint64_t deadline, uint64_t *ready) {
    struct net_poll_request request = {.events = events};
    struct net_poll_reply reply;
    struct message message = {.data = &request, .size = sizeof request, .deadline = deadline};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(socket, NET_POLL, &message, &answer);
    if (status >= 0) {
        *ready = reply.events;
    }
    return status;
}

status_t net_resolve(handle_t net, const char *name, uint32_t *ip) {
    struct net_resolve_request request = {0};
    struct net_address reply;
    if (strlcpy(request.name, name, sizeof request.name) >= sizeof request.name) {
        return E_NAME_TOO_LONG;
    }
    status_t status = call_words(net, NET_RESOLVE, &request, sizeof request, &reply, sizeof reply);
    if (status >= 0) {
        *ip = reply.ip;
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

status_t net_arp(handle_t net, uint64_t index, struct net_arp_entry *entry) {
    return index_call(net, NET_ARP, index, entry, sizeof *entry);
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
