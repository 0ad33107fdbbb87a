/* SPDX-License-Identifier: MIT */
/*
 * Calls of programs: decoding only. A stack session (root badge) makes sockets and asks about the
 * stack, a socket session is one socket.
 */
#include <ipc/dispatch.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/startup.h>

#include "server.h"

static bool is_stack_session(const struct event *event) {
    return (event->badge & BADGE_ROOT) != 0;
}

static status_t find(const struct event *event, struct socket **socket) {
    if (is_stack_session(event)) {
        return E_UNSUPPORTED;
    }
    *socket = socket_find(event->badge);
    return *socket != NULL ? OK : E_RESET;
}

/* ---- Stack sessions ----------------------------------------------------------------------- */

static status_t handle_socket(struct event *event, const struct net_socket_request *request,
                              struct net_empty *answer) {
    struct socket *socket;
    handle_t session;
    (void)answer;
    if (!is_stack_session(event)) {
        return E_UNSUPPORTED;
    }
    if (request->kind > NET_UDP) {
        return E_INVALID;
    }
    status_t status = socket_create(event->account, (uint32_t)request->kind, &socket);
    if (status != OK) {
        return status;
    }
    status = socket->kind == NET_TCP ? tcp_socket_open(socket) : udp_socket_open(socket);
    if (status == OK) {
        status = session_create(startup_handle("endpoint"), socket->badge, &session);
    }
    if (status != OK) {
        socket_closed(socket);
        return status;
    }
    event_answer_handle(event, session, RIGHT_CALL | RIGHT_COPY | HANDLE_MOVE);
    return OK;
}

static status_t handle_resolve(struct event *event, const struct net_resolve_request *request,
                               struct net_address *answer) {
    if (!is_stack_session(event)) {
        return E_UNSUPPORTED;
    }
    if (!dispatch_text_valid(request->name, sizeof request->name)) {
        return E_NAME_TOO_LONG;
    }
    return query_resolve(event->token, request, answer);
}

static status_t handle_ping(struct event *event, const struct net_ping_request *request,
                            struct net_ping_reply *answer) {
    (void)answer;
    return is_stack_session(event) ? query_ping(event->token, request) : E_UNSUPPORTED;
}

static status_t handle_interface(struct event *event, const struct net_index_request *request,
                                 struct net_interface *answer) {
    return is_stack_session(event) ? interface_report(request->index, answer) : E_UNSUPPORTED;
}

static status_t handle_arp(struct event *event, const struct net_index_request *request,
                           struct net_arp_entry *answer) {
    return is_stack_session(event) ? query_arp(request->index, answer) : E_UNSUPPORTED;
}

static status_t handle_connection(struct event *event, const struct net_index_request *request,
                                  struct net_connection *answer) {
    return is_stack_session(event) ? query_connection(request->index, answer) : E_UNSUPPORTED;
}

static status_t handle_configure(struct event *event, const struct net_configure_request *request,
                                 struct net_empty *answer) {
    (void)answer;
    return is_stack_session(event) ? interface_configure(&net.interfaces[0], request)
                                   : E_UNSUPPORTED;
}

static status_t handle_counters(struct event *event, const struct net_empty *request,
                                struct net_counters *answer) {
    (void)request;
    if (!is_stack_session(event)) {
        return E_UNSUPPORTED;
    }
    query_counters(answer);
    return OK;
}

/* ---- Socket sessions ---------------------------------------------------------------------- */

static status_t handle_bind(struct event *event, const struct net_address *request,
                            struct net_empty *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)answer;
    return status == OK ? socket_bind(socket, request) : status;
}

static status_t handle_listen(struct event *event, const struct net_listen_request *request,
                              struct net_empty *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)answer;
    return status == OK ? socket_listen(socket, request->backlog) : status;
}

static status_t handle_accept(struct event *event, const struct net_empty *request,
                              struct net_address *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)request;
    (void)answer;
    return status == OK ? socket_accept(socket, event->token) : status;
}

static status_t handle_connect(struct event *event, const struct net_address *request,
                               struct net_empty *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)answer;
    return status == OK ? socket_connect(socket, event->token, request) : status;
}

/* The lease must hold what the request speaks of. */
static status_t find_for_data(const struct event *event, uint64_t length, uint32_t access,
                              struct socket **socket) {
    status_t status = find(event, socket);
    if (status != OK || length == 0) {
        return status;
    }
    if (event->lease_count < 1 || event->leases[0].length < length ||
        (event->leases[0].access & access) == 0) {
        return E_INVALID;
    }
    return OK;
}

static status_t handle_send(struct event *event, const struct net_io_request *request,
                            struct net_io_reply *answer) {
    struct socket *socket;
    status_t status = find_for_data(event, request->length, LEASE_READ, &socket);
    return status == OK ? socket_send(socket, event->token, request, answer) : status;
}

static status_t handle_receive(struct event *event, const struct net_io_request *request,
                               struct net_io_reply *answer) {
    struct socket *socket;
    status_t status = find_for_data(event, request->length, LEASE_WRITE, &socket);
    return status == OK ? socket_receive(socket, event->token, request, answer) : status;
}

static status_t handle_shutdown(struct event *event, const struct net_shutdown_request *request,
                                struct net_empty *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)answer;
    return status == OK ? socket_shutdown(socket, request->how) : status;
}

static status_t handle_local(struct event *event, const struct net_empty *request,
                             struct net_address *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)request;
    return status == OK ? socket_local(socket, answer) : status;
}

static status_t handle_peer(struct event *event, const struct net_empty *request,
                            struct net_address *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)request;
    return status == OK ? socket_peer(socket, answer) : status;
}

static status_t handle_option(struct event *event, const struct net_option_request *request,
                              struct net_option_reply *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    return status == OK ? socket_option(socket, request, &answer->value) : status;
}

static status_t handle_poll(struct event *event, const struct net_poll_request *request,
                            struct net_poll_reply *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    return status == OK ? socket_poll(socket, event->token, request->events, &answer->events)
                        : status;
}

void dispatch_call(struct event *event) {
    switch (event->label) {
#define OP(number, NAME, name, request, reply) DISPATCH_CASE(number, handle_##name, request, reply)
        NET_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
    }
}
