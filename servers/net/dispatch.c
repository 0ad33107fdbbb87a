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
    return (event->badge & BADGE_ROOT) != 0 || policy_find(event->badge) != NULL;
}

/* Whether the session is a stack session that may do anything at all. */
static status_t stack(const struct event *event) {
    if (!is_stack_session(event)) {
        return E_UNSUPPORTED;
    }
    const struct policy *policy = policy_of(event->badge);
    return policy != NULL && policy->mode == NET_MODE_NONE ? E_RIGHTS : OK;
}

static status_t stack_admin(const struct event *event) {
    status_t status = stack(event);
    if (status != OK) {
        return status;
    }
    return (event->badge & BADGE_ROOT) != 0 && (event->badge & NET_BADGE_ADMIN) != 0 ? OK
                                                                                     : E_RIGHTS;
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
    status_t status = stack(event);
    if (status != OK) {
        return status;
    }
    if (request->kind > NET_UDP) {
        return E_INVALID;
    }
    status =
        socket_create(event->account, policy_of(event->badge), (uint32_t)request->kind, &socket);
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

static status_t handle_restrict(struct event *event, const struct net_restrict_request *request,
                                struct net_empty *answer) {
    struct policy *policy;
    handle_t session;
    (void)answer;
    status_t status = stack(event);
    if (status == OK) {
        status = policy_create(policy_of(event->badge), event->account, request, &policy);
    }
    if (status != OK) {
        return status;
    }
    status = session_create(startup_handle("endpoint"), policy->badge, &session);
    if (status != OK) {
        policy_closed(policy);
        return status;
    }
    event_answer_handle(event, session, RIGHT_CALL | RIGHT_COPY | HANDLE_MOVE);
    return OK;
}

static status_t handle_resolve(struct event *event, const struct net_resolve_request *request,
                               struct net_resolve_reply *answer) {
    status_t status = stack(event);
    if (status != OK) {
        return status;
    }
    if (!dispatch_text_valid(request->name, sizeof request->name)) {
        return E_NAME_TOO_LONG;
    }
    if (!policy_shared(policy_of(event->badge)) && !query_resolves_here(request->name)) {
        return E_RIGHTS;
    }
    status = query_resolve(event->token, request, answer);
    if (status == E_INVALID) {
        event_sure(event); /* names are what people type */
    }
    return status;
}

static status_t handle_ping(struct event *event, const struct net_ping_request *request,
                            struct net_ping_reply *answer) {
    status_t status = stack(event);
    (void)answer;
    return status == OK ? query_ping(policy_of(event->badge), event->token, request) : status;
}

static status_t handle_interface(struct event *event, const struct net_index_request *request,
                                 struct net_interface *answer) {
    status_t status = stack(event);
    return status == OK ? interface_report(request->index, answer) : status;
}

static status_t handle_neighbour(struct event *event, const struct net_index_request *request,
                                 struct net_neighbour *answer) {
    status_t status = stack(event);
    return status == OK ? list_neighbour(request->index, answer) : status;
}

static status_t handle_connection(struct event *event, const struct net_index_request *request,
                                  struct net_connection *answer) {
    status_t status = stack(event);
    return status == OK ? list_connection(request->index, answer) : status;
}

static status_t handle_route(struct event *event, const struct net_index_request *request,
                             struct net_route *answer) {
    status_t status = stack(event);
    return status == OK ? list_route(request->index, answer) : status;
}

static status_t handle_configure(struct event *event, const struct net_configure_request *request,
                                 struct net_empty *answer) {
    status_t status = stack_admin(event);
    (void)answer;
    return status == OK ? interface_configure(request) : status;
}

static status_t handle_counters(struct event *event, const struct net_empty *request,
                                struct net_counters *answer) {
    status_t status = stack(event);
    (void)request;
    if (status == OK) {
        list_counters(answer);
    }
    return status;
}

static status_t handle_capture(struct event *event, const struct net_capture_request *request,
                               struct net_empty *answer) {
    status_t status = stack_admin(event);
    (void)answer;
    if (status == OK) {
        capture_start(request);
    }
    return status;
}

static status_t handle_frames(struct event *event, const struct net_frames_request *request,
                              struct net_frames_reply *answer) {
    status_t status = stack_admin(event);
    if (status != OK) {
        return status;
    }
    if (event->lease_count < 1 || (event->leases[0].access & LEASE_WRITE) == 0) {
        return E_INVALID;
    }
    return capture_read(event->token, event->leases[0].length, request, answer);
}

static status_t handle_clock(struct event *event, const struct net_empty *request,
                             struct net_clock *answer) {
    status_t status = stack(event);
    (void)request;
    return status == OK ? clock_report(answer) : status;
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

static status_t handle_accept(struct event *event, const struct net_accept_request *request,
                              struct net_address *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)answer;
    return status == OK ? socket_accept(socket, event->token, request->flags) : status;
}

static status_t handle_connect(struct event *event, const struct net_connect_request *request,
                               struct net_empty *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)answer;
    return status == OK ? socket_connect(socket, event->token, &request->address, request->flags)
                        : status;
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
    return status == OK ? socket_poll(socket, event->token, request, &answer->events) : status;
}

static bool is_notification(handle_t handle) {
    struct handle_information information;
    return handle_info(handle, &information) == OK && information.type == OBJECT_NOTIFICATION &&
           (information.rights & RIGHT_SIGNAL) != 0;
}

static status_t handle_watch(struct event *event, const struct net_watch_request *request,
                             struct net_poll_reply *answer) {
    struct socket *socket;
    handle_t notification = HANDLE_NONE;
    status_t status = find(event, &socket);
    if (status != OK) {
        return status;
    }
    if (event->handle_count > 0) {
        notification = event->handles[0].handle;
        if (!is_notification(notification)) {
            return E_TYPE;
        }
    }
    status = socket_watch(socket, request, notification, &answer->events);
    bool kept = status == DISPATCH_PARKED || (status == OK && request->key == 0);
    if (kept && notification != HANDLE_NONE) {
        (void)event_take_handle(event, 0);
    }
    return status == DISPATCH_PARKED ? OK : status;
}

static status_t handle_group(struct event *event, const struct net_group_request *request,
                             struct net_empty *answer) {
    struct socket *socket;
    status_t status = find(event, &socket);
    (void)answer;
    return status == OK ? socket_group(socket, request) : status;
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
