/* SPDX-License-Identifier: MIT */
/*
 * Calls of NIC drivers. A driver's buffers are mapped from its HELLO to the next; two ranges of
 * addresses take turns, since the old mapping goes at the commit only.
 */
#include <ipc/dispatch.h>
#include <ipc/memory.h>

#include "server.h"

#define BUFFERS_MAX 4096u
/* Above the pools of port.c. */
#define WINDOW_VA(number, turn) (BLOCKS_VA + ((64ull + (number)*2 + (turn)) << 32))

ARENA static struct {
    uint64_t address; /* 0: nothing is mapped */
    uint64_t size;
    uint32_t turn;
} windows[NET_INTERFACES];

static uint32_t number_of(uint64_t badge) {
    return (uint32_t)(badge & 0xff);
}

static bool hello_valid(const struct netif_hello *hello, handle_t memory) {
    struct memory_info information;
    uint64_t count = (uint64_t)hello->rx_count + hello->tx_count;
    return hello->rx_count != 0 && hello->tx_count != 0 && hello->rx_count <= BUFFERS_MAX &&
           hello->tx_count <= BUFFERS_MAX && (hello->mac[0] & 1) == 0 &&
           memory_info(memory, &information) == OK && information.size >= count * NETIF_BUFFER;
}

static status_t window_open(uint32_t number, handle_t memory, uint64_t size) {
    uint32_t turn = windows[number].turn ^ 1;
    uint64_t address = WINDOW_VA(number, turn);
    status_t status = memory_map(TASK_SELF, memory, 0, address, size, PROT_READ | PROT_WRITE);
    if (status != OK) {
        return status;
    }
    if (windows[number].address != 0) {
        status = memory_unmap(TASK_SELF, windows[number].address, windows[number].size);
        if (status != OK) {
            port_abort("a driver's old buffers can't be unmapped");
        }
    }
    windows[number].address = address;
    windows[number].size = size;
    windows[number].turn = turn;
    return OK;
}

static status_t driver_hello(struct event *event, const struct netif_hello *request,
                             struct netif_hello_reply *answer) {
    uint32_t number = number_of(event->badge);
    struct netif_hello hello = *request;
    hello.driver[sizeof hello.driver - 1] = '\0';
    if (event->handle_count != 1 || !hello_valid(&hello, event->handles[0].handle)) {
        return E_INVALID;
    }
    uint64_t size =
        PAGE_ROUND_UP(((uint64_t)hello.rx_count + hello.tx_count) * (uint64_t)NETIF_BUFFER);
    status_t status = window_open(number, event->handles[0].handle, size);
    if (status != OK) {
        return status;
    }
    struct interface *interface = &net.interfaces[number];
    status = interface_hello(interface, &hello, (uint8_t *)windows[number].address);
    answer->generation = interface->nic.generation;
    return status;
}

static status_t driver_receive(struct event *event, const struct netif_batch *request,
                               struct netif_empty *answer) {
    (void)answer;
    return nic_receive(&net.interfaces[number_of(event->badge)], request);
}

static status_t driver_transmit_wait(struct event *event, const struct netif_batch *request,
                                     struct netif_batch *answer) {
    (void)answer;
    return nic_transmit_wait(&net.interfaces[number_of(event->badge)], event->token, request);
}

static status_t driver_link(struct event *event, const struct netif_link *request,
                            struct netif_empty *answer) {
    struct interface *interface = &net.interfaces[number_of(event->badge)];
    (void)answer;
    if (interface->nic.generation == 0) {
        return E_STATE;
    }
    interface_link(interface, request);
    return OK;
}

static status_t driver_filter(struct event *event, const struct netif_empty *request,
                              struct netif_filter *answer) {
    struct interface *interface = &net.interfaces[number_of(event->badge)];
    (void)request;
    if (interface->nic.generation == 0) {
        return E_STATE;
    }
    interface_filter(interface, answer);
    return OK;
}

void driver_call(struct event *event) {
    if (number_of(event->badge) >= NET_INTERFACES) {
        reply_status(event->token, E_UNSUPPORTED);
        return;
    }
    switch (event->label) {
#define OP(number, NAME, name, request, reply) DISPATCH_CASE(number, driver_##name, request, reply)
        NETIF_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
    }
}

void driver_closed(uint64_t badge) {
    if (number_of(badge) < NET_INTERFACES) {
        nic_forget(&net.interfaces[number_of(badge)].nic, E_CLOSED);
    }
}

bool port_window(uint32_t number, uint64_t address, uint64_t size) {
    return windows[number].address != 0 && address == windows[number].address &&
           size <= windows[number].size;
}

struct record_window {
    uint64_t number, address, size, turn;
};

void driver_export(struct records_writer *records) {
    for (uint32_t i = 0; i < NET_INTERFACES; i++) {
        struct record_window record = {i, windows[i].address, windows[i].size, windows[i].turn};
        if (record.address != 0) {
            record_put(records, RECORD_WINDOW, 1, &record, sizeof record);
        }
    }
}

void driver_import(const struct record *record) {
    struct record_window from;
    record_copy(record, &from, sizeof from);
    if (from.number < NET_INTERFACES && from.turn < 2 &&
        from.address == WINDOW_VA(from.number, from.turn)) {
        windows[from.number].address = from.address;
        windows[from.number].size = from.size;
        windows[from.number].turn = (uint32_t)from.turn;
    }
}
