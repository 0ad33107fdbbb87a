/* SPDX-License-Identifier: MIT */
/*
 * Set-up. Every worker accepts and serves by itself; the listening socket is made anew by whoever
 * finds it broken (after a cold start of net). Arguments: port=80 root=/
 */
#include <client/net.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "httpd.h"

#define WORKERS 12
#define WORKERS_VA 0x300000000000ull
#define WORKER_SIZE PAGE_ROUND_UP(sizeof(struct worker))
#define PRIORITY 10 /* of the workers */
#define BACKLOG 64
#define RETRY (NS_PER_S / 2)

static struct site site;
static uint32_t port = 80;

/* The listening socket and how often it was made; under `lock`. */
static handle_t listener;
static uint32_t listener_count;
static uint32_t lock;

static void lock_take(void) {
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0) {
        (void)futex_wait(&lock, 1, UINT64_MAX);
    }
}

static void lock_give(void) {
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    (void)futex_wake(&lock, 1);
}

static status_t open_listener(handle_t *socket) {
    handle_t net = startup_handle("net");
    status_t status = net_socket(net, NET_TCP, socket);
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

/* A listening socket that is younger than the `seen`-th. */
static handle_t listener_get(uint32_t *seen) {
    lock_take();
    status_t told = OK;
    while (listener_count == *seen) {
        handle_t socket;
        status_t status = open_listener(&socket);
        if (status >= 0) {
            handle_close(listener);
            listener = socket;
            listener_count++;
            log_line("serving %s at port %u", site.root[0] != '\0' ? site.root : "/", port);
            break;
        }
        if (status != told) {
            log_line("can't listen at port %u: %s", port, status_text(status));
            told = status;
        }
        (void)thread_sleep(RETRY);
    }
    *seen = listener_count;
    handle_t socket = listener;
    lock_give();
    return socket;
}

static void work(void *argument) {
    struct worker *worker = argument;
    uint32_t seen = 0;
    handle_t socket = listener_get(&seen);
    for (;;) {
        handle_t connection;
        status_t status = net_accept(socket, 0, &connection, NULL);
        if (status >= 0) {
            connection_serve(&site, worker, connection);
            handle_close(connection);
        } else if (status == E_QUOTA || status == E_NO_HANDLES || status == E_BUSY) {
            (void)thread_sleep(RETRY);
        } else if (status != E_INTR) {
            socket = listener_get(&seen);
        }
    }
}

/* Memory of a worker; pages that it never uses cost nothing. */
static struct worker *worker_create(uint32_t number) {
    uint64_t address = WORKERS_VA + number * WORKER_SIZE;
    return memory_map_new(address, WORKER_SIZE) == OK ? (struct worker *)address : NULL;
}

static void start_workers(void) {
    for (uint32_t i = 1; i < WORKERS; i++) {
        struct worker *worker = worker_create(i);
        if (worker == NULL || thread_create(work, worker, PRIORITY, NULL) != OK) {
            log_line("%u workers instead of %u", i, (unsigned)WORKERS);
            return;
        }
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
    struct worker *worker = worker_create(0);
    if (worker == NULL) {
        log_line("no memory");
        return 1;
    }
    start_workers();
    work(worker);
    return 0;
}
