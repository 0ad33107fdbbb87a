/* SPDX-License-Identifier: MIT */
/*
 * The table of sockets, and what TCP and UDP have in common: parked calls, readiness, closing.
 * Calls of one kind are served in the order in which they came.
 */
#include "socket.h"

#include <common/ip.h>
#include <common/string.h>
#include <ipc/dispatch.h>

#include <lwip/tcp.h>
#include <lwip/udp.h>

#define INDEX_MASK 0xffffu
_Static_assert(NET_SOCKETS <= INDEX_MASK + 1, "an index fits into a badge");

struct socket *socket_find(uint64_t badge) {
    uint64_t index = badge & INDEX_MASK;
    if (index >= NET_SOCKETS || net.sockets[index] == NULL || net.sockets[index]->badge != badge) {
        return NULL;
    }
    return net.sockets[index];
}

static struct socket *socket_allocate(uint32_t account, struct policy *policy, uint32_t kind,
                                      uint64_t badge) {
    struct socket *socket = port_allocate_zeroed(1, sizeof *socket);
    if (socket == NULL) {
        return NULL;
    }
    net.sockets[badge & INDEX_MASK] = socket;
    net.socket_count++;
    socket->badge = badge;
    socket->account = account;
    socket->kind = kind;
    socket->policy = policy_hold(policy);
    list_init(&socket->requests);
    list_init(&socket->accept_link);
    list_init(&socket->accept_queue);
    list_init(&socket->dirty);
    return socket;
}

status_t socket_adopt(uint64_t badge, uint32_t account, struct policy *policy, uint32_t kind,
                      struct socket **result) {
    uint64_t index = badge & INDEX_MASK;
    if ((kind != NET_TCP && kind != NET_UDP) || index >= NET_SOCKETS ||
        net.sockets[index] != NULL) {
        return E_INVALID;
    }
    status_t status = account_charge_socket(account);
    if (status != OK) {
        return status;
    }
    *result = socket_allocate(account, policy, kind, badge);
    if (*result == NULL) {
        account_release_socket(account);
        return E_QUOTA;
    }
    return OK;
}

status_t socket_create(uint32_t account, struct policy *policy, uint32_t kind,
                       struct socket **result) {
    uint32_t index = net.socket_hint;
    if (net.socket_count == NET_SOCKETS) {
        return E_QUOTA;
    }
    while (net.sockets[index] != NULL) {
        index = (index + 1) % NET_SOCKETS;
    }
    status_t status =
        socket_adopt((net.badge_count + 1) << 16 | index, account, policy, kind, result);
    if (status == OK) {
        net.badge_count++;
        net.socket_hint = (index + 1) % NET_SOCKETS;
    }
    return status;
}

static void drop_received(struct socket *socket) {
    while (socket->receive_first != NULL) {
        struct pbuf *packet = socket->receive_first;
        socket->receive_first = packet->next;
        packet->next = NULL;
        pbuf_free(packet);
    }
    socket->receive_last = NULL;
    socket->receive_bytes = 0;
    while (socket->datagram_first != NULL) {
        struct datagram *datagram = socket->datagram_first;
        socket->datagram_first = datagram->next;
        pbuf_free(datagram->packet);
        port_free(datagram);
    }
    socket->datagram_last = NULL;
    socket->datagram_count = 0;
}

static void starved_set(struct socket *socket, bool starved) {
    if (socket->starved != starved) {
        socket->starved = starved;
        net.starved_count = starved ? net.starved_count + 1 : net.starved_count - 1;
    }
}

static void request_finish(struct socket *socket, struct request *request) {
    list_remove(&request->link);
    if (request->operation == NET_WATCH) {
        port_release(request->notification);
        socket->watch_count--;
    } else {
        socket->request_count--;
    }
    port_free(request);
}

static void answer_all(struct socket *socket, status_t status) {
    while (!list_empty(&socket->requests)) {
        struct request *request = LIST_ENTRY(socket->requests.next, struct request, link);
        if (request->operation != NET_WATCH) {
            port_answer(request->token, status, NULL, 0);
        }
        request_finish(socket, request);
    }
}

static void watch_end(struct socket *socket) {
    if (socket->watcher != HANDLE_NONE) {
        port_release(socket->watcher);
        socket->watcher = HANDLE_NONE;
    }
}

void socket_destroy(struct socket *socket) {
    if (socket->tcp != NULL || socket->udp != NULL) {
        port_abort("a socket is freed that is in use");
    }
    answer_all(socket, E_CLOSED);
    starved_set(socket, false);
    drop_received(socket);
    payload_release(socket);
    watch_end(socket);
    policy_release(socket->policy);
    list_remove(&socket->dirty);
    list_remove(&socket->accept_link);
    account_release_socket(socket->account);
    net.sockets[socket->badge & INDEX_MASK] = NULL;
    net.socket_count--;
    port_free(socket);
}

void socket_closed(struct socket *socket) {
    answer_all(socket, E_CLOSED);
    starved_set(socket, false);
    watch_end(socket);
    socket->orphan = true;
    if (socket->kind == NET_UDP) {
        udp_socket_close(socket);
        socket_destroy(socket);
        return;
    }
    while (!list_empty(&socket->accept_queue)) {
        struct socket *waiting = LIST_ENTRY(socket->accept_queue.next, struct socket, accept_link);
        tcp_socket_abort(waiting, E_CONN_ABORTED);
        socket_destroy(waiting);
    }
    tcp_socket_close(socket);
    drop_received(socket);
    if (socket->tcp == NULL) {
        socket_destroy(socket);
    }
}

void socket_mark(struct socket *socket) {
    if (list_unlinked(&socket->dirty)) {
        list_push_back(&net.dirty, &socket->dirty);
    }
}

/* ---- Serving ------------------------------------------------------------------------------ */

static uint32_t socket_ready(const struct socket *socket) {
    return (uint32_t)(socket->kind == NET_TCP ? tcp_socket_ready(socket)
                                              : udp_socket_ready(socket));
}

/* Tells who watches the socket what has come to hold. */
static void watch_tell(struct socket *socket) {
    if (socket->watcher == HANDLE_NONE) {
        return;
    }
    uint32_t holds = socket_ready(socket) & socket->watch_events;
    if ((holds & ~socket->watch_told) != 0) {
        port_signal(socket->watcher, socket->watch_bits);
    }
    socket->watch_told = holds;
}

static status_t take_connection(struct socket *socket, token_t token) {
    if (!socket->listening) {
        return E_STATE;
    }
    if (list_empty(&socket->accept_queue)) {
        return E_WOULD_BLOCK;
    }
    struct socket *connection = LIST_ENTRY(socket->accept_queue.next, struct socket, accept_link);
    struct net_address peer = {0};
    status_t status = socket_peer(connection, &peer);
    if (status == OK || status == E_NOT_CONNECTED) {
        status = port_answer_session(token, connection->badge, &peer, sizeof peer);
    }
    if (status != OK) {
        return status;
    }
    list_remove(&connection->accept_link);
    tcp_socket_accepted(connection);
    return DISPATCH_PARKED; /* answered */
}

static status_t send_once(struct socket *socket, const struct request *request, bool parked,
                          struct net_io_reply *reply) {
    if (socket->kind == NET_TCP) {
        return tcp_socket_send(socket, request->token, request->length, parked, reply);
    }
    struct net_io_request io = {.length = request->length, .address = request->address};
    return udp_socket_send(socket, request->token, &io, reply);
}

static status_t receive_once(struct socket *socket, const struct request *request,
                             struct net_io_reply *reply) {
    return socket->kind == NET_TCP ? tcp_socket_receive(socket, request, reply)
                                   : udp_socket_receive(socket, request, reply);
}

/* Tries to serve a call that may wait. E_WOULD_BLOCK: not yet; DISPATCH_PARKED: it is answered;
 * else the status and `reply` are the answer. */
static status_t serve(struct socket *socket, const struct request *request, bool parked,
                      struct net_io_reply *reply) {
    switch (request->operation) {
    case NET_ACCEPT:
        return take_connection(socket, request->token);
    case NET_CONNECT:
        return tcp_socket_connected(socket);
    case NET_SEND:
        return send_once(socket, request, parked, reply);
    case NET_RECEIVE:
        return receive_once(socket, request, reply);
    case NET_POLL:
    case NET_WATCH:
        reply->length = socket_ready(socket) & request->events;
        return reply->length != 0 ? OK : E_WOULD_BLOCK;
    default:
        return E_UNSUPPORTED;
    }
}

static bool waits(const struct socket *socket, uint32_t operation) {
    for (const struct list *link = socket->requests.next; link != &socket->requests;
         link = link->next) {
        if (LIST_ENTRY(link, const struct request, link)->operation == operation) {
            return true;
        }
    }
    return false;
}

static status_t park(struct socket *socket, const struct request *request) {
    bool watch = request->operation == NET_WATCH;
    if (watch ? socket->watch_count >= SOCKET_WATCHES : socket->request_count >= SOCKET_REQUESTS) {
        return E_BUSY;
    }
    struct request *parked = port_allocate(sizeof *parked);
    if (parked == NULL) {
        return E_QUOTA;
    }
    *parked = *request;
    list_push_back(&socket->requests, &parked->link);
    socket->request_count += watch ? 0 : 1;
    socket->watch_count += watch ? 1 : 0;
    return DISPATCH_PARKED;
}

/* Calls of one kind wait for each other, but for questions of what holds. */
static bool ordered(uint32_t operation) {
    return operation != NET_POLL && operation != NET_WATCH;
}

/* A call that may wait: serve it or park it behind others of its kind. */
static status_t serve_or_park(struct socket *socket, const struct request *request, bool wait,
                              struct net_io_reply *reply) {
    status_t status = E_WOULD_BLOCK;
    if (!ordered(request->operation) || !waits(socket, request->operation)) {
        status = serve(socket, request, false, reply);
    }
    if (status == E_NO_SPACE) {
        starved_set(socket, true);
        socket->watch_told &= ~NET_POLL_WRITE; /* it is told again when there are blocks */
        status = E_WOULD_BLOCK;
    } else if (socket->watcher != HANDLE_NONE) {
        socket_mark(socket); /* what it was told may hold no more */
    }
    return status == E_WOULD_BLOCK && wait ? park(socket, request) : status;
}

/* Serves what can be served; false when the socket waits for payload blocks. */
static void socket_progress(struct socket *socket) {
    uint32_t blocked = 0; /* operations of which an older call still waits */
    struct list *link = socket->requests.next;
    starved_set(socket, false);
    while (link != &socket->requests) {
        struct request *request = LIST_ENTRY(link, struct request, link);
        link = link->next;
        struct net_io_reply reply = {0};
        if ((blocked & 1u << request->operation) != 0) {
            continue;
        }
        status_t status = serve(socket, request, true, &reply);
        if (status == E_NO_SPACE) {
            starved_set(socket, true);
        }
        if (status == E_WOULD_BLOCK || status == E_NO_SPACE) {
            blocked |= ordered(request->operation) ? 1u << request->operation : 0;
            continue;
        }
        if (request->operation == NET_WATCH) {
            port_signal(request->notification, request->length);
        } else if (status != DISPATCH_PARKED) {
            port_answer(request->token, status, &reply, sizeof reply);
        }
        request_finish(socket, request);
    }
}

static void socket_settle(struct socket *socket) {
    if (socket->orphan) {
        if (socket->tcp == NULL && socket->udp == NULL) {
            socket_destroy(socket);
        }
        return;
    }
    if (socket->listener != NULL && socket->tcp == NULL && socket->receive_bytes == 0) {
        socket_destroy(socket); /* it died before anyone accepted it */
        return;
    }
    socket_progress(socket);
    watch_tell(socket);
}

void sockets_settle(void) {
    while (!list_empty(&net.dirty)) {
        struct socket *socket = LIST_ENTRY(net.dirty.next, struct socket, dirty);
        list_remove(&socket->dirty);
        socket_settle(socket);
    }
}

/* ---- Operations --------------------------------------------------------------------------- */

status_t socket_bind(struct socket *socket, const struct net_address *address) {
    status_t status = policy_check(socket->policy, NET_ACTION_BIND, socket->kind, address);
    if (status != OK) {
        return status;
    }
    if (!ip_is_ours(&address->ip) &&
        !(socket->kind == NET_UDP && ip_is_multicast(address->ip.bytes))) {
        return E_ADDRESS;
    }
    return socket->kind == NET_TCP ? tcp_socket_bind(socket, address)
                                   : udp_socket_bind(socket, address);
}

status_t socket_listen(struct socket *socket, uint64_t backlog) {
    return socket->kind == NET_TCP ? tcp_socket_listen(socket, backlog) : E_UNSUPPORTED;
}

static bool may_wait(const struct socket *socket, uint64_t flags) {
    return !socket->no_wait && (flags & NET_NO_WAIT) == 0;
}

status_t socket_accept(struct socket *socket, token_t token, uint64_t flags) {
    struct request request = {.token = token, .operation = NET_ACCEPT};
    struct net_io_reply unused = {0};
    return serve_or_park(socket, &request, may_wait(socket, flags), &unused);
}

/* Begins a TCP connection, now or when the network is up. OK: it has begun. DISPATCH_PARKED: the
 * call waits for the network. */
static status_t connect_begin(struct socket *socket, token_t token,
                              const struct net_address *address, bool wait) {
    if (socket->deferred) {
        return E_BUSY;
    }
    if (socket->connected || socket->connecting || !defer_wanted(&address->ip)) {
        return tcp_socket_connect(socket, address);
    }
    status_t status = defer_connect(socket->badge, wait ? token : TOKEN_NONE, address);
    socket->deferred = status == DISPATCH_PARKED;
    return status == DISPATCH_PARKED && !wait ? OK : status;
}

status_t socket_connect(struct socket *socket, token_t token, const struct net_address *address,
                        uint64_t flags) {
    bool wait = may_wait(socket, flags);
    if (socket->kind == NET_UDP && address->port == 0 && ip_is_any(address->ip.bytes)) {
        udp_socket_disconnect(socket);
        return OK;
    }
    if (address->port == 0 || ip_is_any(address->ip.bytes)) {
        return E_ADDRESS;
    }
    status_t status = policy_check(socket->policy, NET_ACTION_CONNECT, socket->kind, address);
    if (status != OK) {
        return status;
    }
    if (socket->kind == NET_UDP) {
        return udp_socket_connect(socket, address);
    }
    status = connect_begin(socket, token, address, wait);
    if (status != OK) {
        return status;
    }
    struct request request = {.token = token, .operation = NET_CONNECT};
    struct net_io_reply unused = {0};
    return serve_or_park(socket, &request, wait, &unused);
}

status_t socket_send(struct socket *socket, token_t token, const struct net_io_request *request,
                     struct net_io_reply *reply) {
    struct request waiting = {.token = token,
                              .operation = NET_SEND,
                              .length = request->length,
                              .address = request->address};
    if (request->length > NET_IO_MAX) {
        return E_MESSAGE_SIZE;
    }
    return serve_or_park(socket, &waiting, may_wait(socket, request->flags), reply);
}

status_t socket_receive(struct socket *socket, token_t token, const struct net_io_request *request,
                        struct net_io_reply *reply) {
    struct request waiting = {.token = token,
                              .operation = NET_RECEIVE,
                              .flags = request->flags,
                              .length = request->length};
    if (waiting.length > NET_IO_MAX) {
        waiting.length = NET_IO_MAX;
    }
    return serve_or_park(socket, &waiting, may_wait(socket, request->flags), reply);
}

status_t socket_shutdown(struct socket *socket, uint64_t how) {
    if (how == 0 || (how & ~(uint64_t)(NET_SHUTDOWN_READ | NET_SHUTDOWN_WRITE)) != 0) {
        return E_INVALID;
    }
    if (socket->kind != NET_TCP) {
        return E_UNSUPPORTED;
    }
    status_t status = tcp_socket_shutdown(socket, how);
    if (socket->read_closed) {
        drop_received(socket);
    }
    socket_mark(socket);
    return status;
}

status_t socket_local(const struct socket *socket, struct net_address *address) {
    if (socket->tcp != NULL) {
        address_from_lwip(&socket->tcp->local_ip, socket->tcp->local_port, address);
    } else if (socket->udp != NULL) {
        udp_socket_local(socket, address);
    } else {
        return E_NOT_CONNECTED;
    }
    return OK;
}

status_t socket_peer(const struct socket *socket, struct net_address *address) {
    if (!socket->connected) {
        return E_NOT_CONNECTED;
    }
    if (socket->tcp != NULL) {
        address_from_lwip(&socket->tcp->remote_ip, socket->tcp->remote_port, address);
    } else if (socket->udp != NULL) {
        address_from_lwip(&socket->udp->remote_ip, socket->udp->remote_port, address);
    } else {
        return E_NOT_CONNECTED;
    }
    return OK;
}

status_t socket_option(struct socket *socket, const struct net_option_request *request,
                       uint64_t *value) {
    if (request->option == 0 || request->option >= NET_OPTION_COUNT) {
        return E_INVALID;
    }
    if (request->set != 0 && request->option >= NET_OPTION_ERROR) {
        return E_READ_ONLY;
    }
    switch (request->option) {
    case NET_OPTION_NO_WAIT:
        socket->no_wait = request->set != 0 ? request->value != 0 : socket->no_wait;
        *value = socket->no_wait;
        return OK;
    case NET_OPTION_ERROR:
        *value = (uint64_t)-socket->error;
        return OK;
    case NET_OPTION_KIND:
        *value = socket->kind;
        return OK;
    case NET_OPTION_LISTENING:
        *value = socket->listening;
        return OK;
    default:
        return socket->kind == NET_TCP ? tcp_socket_option(socket, request, value)
                                       : udp_socket_option(socket, request, value);
    }
}

#define EVENTS ((uint64_t)(NET_POLL_READ | NET_POLL_WRITE | NET_POLL_CLOSED | NET_POLL_ERROR))

status_t socket_poll(struct socket *socket, token_t token, const struct net_poll_request *request,
                     uint64_t *ready) {
    struct request waiting = {.token = token, .operation = NET_POLL, .events = request->events};
    struct net_io_reply reply = {0};
    bool wait = (request->flags & NET_NO_WAIT) == 0;
    if (request->events == 0 || (request->events & ~EVENTS) != 0) {
        return E_INVALID;
    }
    status_t status = serve_or_park(socket, &waiting, wait, &reply);
    *ready = reply.length;
    return status == E_WOULD_BLOCK ? OK : status;
}

/* A watch that tells once: it is a request that waits. */
static status_t watch_once(struct socket *socket, const struct net_watch_request *request,
                           handle_t notification, uint64_t *ready) {
    struct request waiting = {.operation = NET_WATCH,
                              .token = TOKEN_NONE,
                              .events = request->events,
                              .length = request->bits,
                              .key = request->key,
                              .notification = notification};
    for (struct list *link = socket->requests.next; link != &socket->requests; link = link->next) {
        struct request *earlier = LIST_ENTRY(link, struct request, link);
        if (earlier->key == request->key) {
            request_finish(socket, earlier);
            break;
        }
    }
    *ready = socket_ready(socket) & request->events;
    return *ready != 0 || request->events == 0 ? OK : park(socket, &waiting);
}

status_t socket_watch(struct socket *socket, const struct net_watch_request *request,
                      handle_t notification, uint64_t *ready) {
    if ((request->events & ~EVENTS) != 0 ||
        (request->events != 0) != (notification != HANDLE_NONE)) {
        return E_INVALID;
    }
    if (request->key != 0) {
        return watch_once(socket, request, notification, ready);
    }
    watch_end(socket);
    socket->watcher = notification;
    socket->watch_bits = request->bits;
    socket->watch_events = (uint32_t)request->events;
    socket->watch_told = socket_ready(socket) & socket->watch_events;
    *ready = socket->watch_told;
    return OK;
}

status_t socket_group(struct socket *socket, const struct net_group_request *request) {
    if (socket->kind != NET_UDP) {
        return E_UNSUPPORTED;
    }
    return ip_is_multicast(request->group.bytes) ? udp_socket_group(socket, request) : E_ADDRESS;
}

bool socket_cancel(struct socket *socket, token_t token) {
    for (struct list *link = socket->requests.next; link != &socket->requests; link = link->next) {
        struct request *request = LIST_ENTRY(link, struct request, link);
        if (request->token == token) {
            uint32_t operation = request->operation;
            port_answer(token, E_CANCELLED, NULL, 0);
            request_finish(socket, request);
            if (operation == NET_CONNECT) {
                tcp_socket_abort(socket, E_CANCELLED);
            }
            socket_mark(socket);
            return true;
        }
    }
    return false;
}
