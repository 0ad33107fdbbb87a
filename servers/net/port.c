/* SPDX-License-Identifier: MIT */
/* port.h by system calls; the memory beside the arena. */
#include <ipc/dispatch.h>
#include <ipc/handle.h>
#include <ipc/heap.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/random.h>
#include <ipc/startup.h>
#include <ipc/time.h>

#include "server.h"

#define RECEIVE_POOL_VA BLOCKS_VA
#define TRANSMIT_POOL_VA (BLOCKS_VA + (1ull << 36))
#define CAPTURE_VA (BLOCKS_VA + (2ull << 36))
#define POOL_MINIMUM (128u << 10)
#define POOL_MAXIMUM (16u << 20)
/* Of the account, for the pages of the program, its tables and sessions. */
#define POOL_RESERVE ((256u << 10) + CAPTURE_SLOTS * CAPTURE_SLOT)

void *port_allocate(size_t size) {
    return heap_allocate(arena_heap(), size);
}

void *port_allocate_zeroed(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return heap_allocate_zeroed(arena_heap(), bytes);
}

void port_free(void *block) {
    heap_free(arena_heap(), block);
}

uint64_t port_time_ns(void) {
    return time_now_ns();
}

uint32_t port_random(void) {
    return random_u32();
}

status_t port_lease_read(token_t token, uint64_t offset, void *to, size_t length) {
    return lease_read(token, 0, offset, to, length);
}

status_t port_lease_write(token_t token, uint64_t offset, const void *from, size_t length) {
    return lease_write(token, 0, offset, from, length);
}

void port_answer(token_t token, status_t status, const void *data, size_t size) {
    reply(token, status, data, size);
}

status_t port_answer_session(token_t token, uint64_t badge, const void *data, size_t size) {
    handle_t session;
    status_t status = session_create(startup_handle("endpoint"), badge, &session);
    if (status != OK) {
        return status;
    }
    struct handle_slot slot = {session, RIGHT_CALL | RIGHT_COPY | HANDLE_MOVE};
    status = reply_handles(token, OK, data, size, &slot, 1);
    if (status != OK) {
        handle_close(session);
    }
    return status;
}

void port_signal(handle_t notification, uint64_t bits) {
    (void)notification_signal(notification, bits);
}

void port_release(handle_t handle) {
    (void)handle_close(handle);
}

void port_memory(uint64_t *used, uint64_t *total) {
    struct heap_usage usage;
    heap_usage(arena_heap(), &usage);
    *used = usage.used + (uint64_t)net.receive_blocks.used * RECEIVE_BLOCK +
            (uint64_t)net.transmit_blocks.used * TRANSMIT_BLOCK;
    *total = usage.total + (uint64_t)net.receive_blocks.count * RECEIVE_BLOCK +
             (uint64_t)net.transmit_blocks.count * TRANSMIT_BLOCK;
}

bool port_memory_low(void) {
    struct heap_usage usage;
    heap_usage(arena_heap(), &usage);
    return usage.used > usage.total - usage.total / 4;
}

void port_log(const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    log_line_v(text, arguments);
    va_end(arguments);
}

_Noreturn void port_abort(const char *why) {
    actor_abort(why);
}

static status_t pool_prepare(struct blocks *pool, uint64_t address, uint32_t count, uint32_t size) {
    uint32_t *next = port_allocate(count * sizeof *next);
    if (next == NULL) {
        return E_QUOTA;
    }
    blocks_init(pool, (void *)address, size, count, next);
    return OK;
}

static status_t pool_create(struct blocks *pool, uint64_t address, uint64_t bytes, uint32_t size) {
    uint32_t count = (uint32_t)(bytes / size);
    status_t status = pool_prepare(pool, address, count, size);
    return status == OK ? memory_map_new(address, PAGE_ROUND_UP((uint64_t)count * size), 0)
                        : status;
}

status_t pools_adopt(uint32_t receive, uint32_t transmit) {
    if (receive > POOL_MAXIMUM / RECEIVE_BLOCK || transmit > POOL_MAXIMUM / TRANSMIT_BLOCK) {
        return E_FORMAT;
    }
    net.capture.slots = (void *)CAPTURE_VA;
    status_t status = pool_prepare(&net.receive_blocks, RECEIVE_POOL_VA, receive, RECEIVE_BLOCK);
    return status == OK
               ? pool_prepare(&net.transmit_blocks, TRANSMIT_POOL_VA, transmit, TRANSMIT_BLOCK)
               : status;
}

status_t pools_create(void) {
    struct account_information account;
    status_t status = account_info(startup_handle("account"), &account);
    if (status != OK) {
        return status;
    }
    status = memory_map_new(CAPTURE_VA, (uint64_t)CAPTURE_SLOTS * CAPTURE_SLOT, 0);
    if (status != OK) {
        return status;
    }
    net.capture.slots = (void *)CAPTURE_VA;
    uint64_t room = account.limit - account.used;
    uint64_t bytes = room > POOL_RESERVE ? (room - POOL_RESERVE) / 2 : 0;
    bytes = bytes < POOL_MAXIMUM ? bytes : POOL_MAXIMUM;
    if (bytes < POOL_MINIMUM) {
        log_line("the account leaves too little for packets");
        return E_QUOTA;
    }
    status = pool_create(&net.receive_blocks, RECEIVE_POOL_VA, bytes, RECEIVE_BLOCK);
    return status == OK ? pool_create(&net.transmit_blocks, TRANSMIT_POOL_VA, bytes, TRANSMIT_BLOCK)
                        : status;
}
