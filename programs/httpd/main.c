/* SPDX-License-Identifier: MIT */
/*
 * Set-up and the loop. A thread accepts connections and hands them over; it makes the listening
 * socket anew when that breaks (after a cold start of net). The main thread serves: net sets a bit
 * of the notification when one of a bit's connections can go on. Arguments: port=80 root=/
 */
#include <client/net.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "httpd.h"

#define PRIORITY 10 /* of the accepting thread */
#define BACKLOG 255
#define RETRY (NS_PER_S / 2)
#define SWEEP NS_PER_S /* how often deadlines are looked at */
#define QUEUE 64u      /* accepted and not yet served */
#define BIT_ACCEPTED 1u
#define GROUPS 63u /* of connections that share a bit, from bit 1 on */

static struct site site;
static uint32_t port = 80;
static handle_t notification;

static struct connection connections[CONNECTIONS];
static uint32_t connection_count;

/* From the accepting thread to the serving one: each writes one of the counters only. */
static handle_t queue[QUEUE];
static uint32_t queue_put, queue_taken;

/* ---- Accepting ---------------------------------------------------------------------------- */

static status_t open_listener(handle_t *socket) {
    status_t status = net_socket(startup_handle("net"), NET_TCP, socket);
    if (status < 0) {
        return status;
    }
    status = net_bind_port(*socket, port);
    if (status >= 0) {
        status = net_listen(*socket, BACKLOG);
    }
    if (status < 0) {
        handle_close(*socket);
    }
    return status;
}

static handle_t listen_at_last(void) {
    status_t told = OK;
    handle_t socket;
    status_t status;
    while ((status = open_listener(&socket)) < 0) {
        if (status != told) {
            log_line("can't listen at port %u: %s", port, status_text(status));
            told = status;
        }
        (void)thread_sleep(RETRY);
    }
    log_line("serving %s at port %u", site.root[0] != '\0' ? site.root : "/", port);
    return socket;
}

/* Hands a connection over; waits while the other thread has too many. */
static void hand_over(handle_t socket) {
    uint32_t taken;
    while (queue_put - (taken = __atomic_load_n(&queue_taken, __ATOMIC_ACQUIRE)) == QUEUE) {
        (void)futex_wait(&queue_taken, taken, UINT64_MAX);
    }
    queue[queue_put % QUEUE] = socket;
    __atomic_store_n(&queue_put, queue_put + 1, __ATOMIC_RELEASE);
    (void)notification_signal(notification, BIT_ACCEPTED);
}

static void accept_all(void *argument) {
    handle_t listener = listen_at_last();
    (void)argument;
    for (;;) {
        handle_t socket;
        status_t status = net_accept(listener, 0, &socket, NULL);
        if (status >= 0) {
            hand_over(socket);
        } else if (status == E_QUOTA || status == E_NO_HANDLES || status == E_BUSY) {
            (void)thread_sleep(RETRY);
        } else if (status != E_INTR) {
            handle_close(listener);
            listener = listen_at_last();
        }
    }
}

/* ---- Serving ------------------------------------------------------------------------------ */

static void end(struct connection *connection) {
    connection_close(connection);
    connection_count--;
}

static void go_on(struct connection *connection) {
    if (!connection_run(connection)) {
        end(connection);
    }
}

static void begin(handle_t socket) {
    uint32_t slot = 0;
    uint64_t ready;
    while (connections[slot].socket != HANDLE_NONE) {
        slot++;
    }
    struct connection *connection = &connections[slot];
    connection_count++;
    *connection = (struct connection){
        .socket = socket, .file = HANDLE_NONE, .deadline = time_now_ns() + HTTP_IDLE_NS};
    if (net_watch(socket, NET_POLL_READ | NET_POLL_WRITE, notification, 2ull << slot % GROUPS,
                  &ready) != OK) {
        end(connection);
        return;
    }
    go_on(connection);
}

static void take_accepted(void) {
    uint32_t put = __atomic_load_n(&queue_put, __ATOMIC_ACQUIRE);
    while (queue_taken != put && connection_count < CONNECTIONS) {
        handle_t socket = queue[queue_taken % QUEUE];
        __atomic_store_n(&queue_taken, queue_taken + 1, __ATOMIC_RELEASE);
        (void)futex_wake(&queue_taken, 1);
        begin(socket);
    }
}

static void serve(uint64_t bits) {
    for (uint32_t group = 0; group < GROUPS; group++) {
        for (uint32_t slot = group; (bits >> (group + 1) & 1) != 0 && slot < CONNECTIONS;
             slot += GROUPS) {
            if (connections[slot].socket != HANDLE_NONE) {
                go_on(&connections[slot]);
            }
        }
    }
}

static void sweep(uint64_t now) {
    for (uint32_t slot = 0; slot < CONNECTIONS; slot++) {
        struct connection *connection = &connections[slot];
        if (connection->socket != HANDLE_NONE && connection->deadline <= now) {
            connection_expire(connection);
            end(connection);
        }
    }
}

static _Noreturn void serve_all(void) {
    uint64_t next = 0;
    for (;;) {
        uint64_t bits = 0, now = time_now_ns();
        if (now >= next) {
            sweep(now);
            next = now + SWEEP;
        }
        (void)notification_wait(notification, UINT64_MAX,
                                connection_count != 0 ? next : DEADLINE_NONE, &bits);
        serve(bits);
        take_accepted();
    }
}

static bool read_arguments(void) {
    const char *number = startup_option("port", "80");
    static char root[FILE_PATH_MAX];
    uint64_t value;
    if (!parse_u64(number, strlen(number), &value) || value == 0 || value > 0xffff) {
        log_line("port=%s: not a port", number);
        return false;
    }
    port = (uint32_t)value;
    size_t length = strlcpy(root, startup_option("root", "/"), sizeof root);
    if (length == 0 || length >= sizeof root || root[0] != '/') {
        log_line("root: not an absolute path");
        return false;
    }
    while (length > 0 && root[length - 1] == '/') {
        root[--length] = '\0';
    }
    site.root = root;
    site.vfs = startup_handle("vfs");
    return true;
}

int main(void) {
    if (!read_arguments()) {
        return 1;
    }
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        connections[i] = (struct connection){.socket = HANDLE_NONE, .file = HANDLE_NONE};
    }
    if (notification_create(startup_handle("account"), &notification) != OK ||
        thread_create(accept_all, NULL, PRIORITY, NULL) != OK || !connections_create(&site)) {
        log_line("no memory");
        return 1;
    }
    serve_all();
}
