/* SPDX-License-Identifier: MIT
 * State of one incarnation of the driver. Nothing of it outlives a restart: the device is the only
 * truth, and net keeps what is in flight. Not in an arena.
 */
#pragma once

#include <ipc/event.h>
#include <netdev/device.h>
#include <proto/netif.h>

#define RECEIVE_CALLS 4 /* RECEIVE calls that net may hold at a time */

enum stage {
    STAGE_CLAIM, /* waits for the device manager */
    STAGE_IDLE,  /* no device: asks again now and then */
    STAGE_RESET, /* the device is being reset; the timer goes on */
    STAGE_HELLO, /* waits for net's answer */
    STAGE_RUN,
};

/* Kinds of staged calls: bits 0-7 of the cookie; 8-15: slot; 32-63: epoch. */
enum cookie {
    COOKIE_CLAIM = 1,
    COOKIE_HELLO,
    COOKIE_RECEIVE,
    COOKIE_TRANSMIT,
    COOKIE_LINK,
    COOKIE_FILTER
};
#define COOKIE(kind, slot, epoch) ((uint64_t)(epoch) << 32 | (uint64_t)(slot) << 8 | (kind))

struct receive_call {
    bool busy;
    uint32_t count;
    uint32_t frames[NETIF_BATCH];
};

struct driver {
    enum stage stage;
    uint32_t epoch; /* counts HELLOs; answers to calls of an older epoch are ignored */
    const struct netdev_device *nic;
    struct netdev_parts parts;
    handle_t net, device, irq, timer, buffers;
    uint64_t timer_at; /* when the timer goes off; 0: it is not set */
    uint8_t mac[6];
    struct receive_call receive_calls[RECEIVE_CALLS];
    bool transmit_waiting, transmit_cancelled;
    uint32_t
        transmit_looks; /* at which its call was answered, or called back, and no answer came */
    uint64_t look_at;
    token_t transmit_token;
    bool watchdog;
    uint64_t watchdog_total; /* frames sent when the watchdog was set */
    bool filter_wanted, filter_calling;
    bool link_calling;
    uint32_t link_told; /* speed as net knows it */
    uint64_t refused;   /* frames from net that were no good */
};
extern struct driver driver;

/* netdev.c: the timer goes off so much later, and then what the stage wants is done. */
void driver_wake(uint64_t delay_ns);
/* Stops the device and starts again with HELLO, `delay` ns later. */
void driver_restart(const char *why, uint64_t delay_ns);

/* traffic.c: after net's answer to HELLO. */
void traffic_start(void);
/* Moves what can be moved; ends every turn of STAGE_RUN. True: do it again in another turn. */
bool traffic_move(void);
void traffic_received(uint32_t slot);             /* the answer to RECEIVE */
void traffic_transmit(const struct event *event); /* the answer to TRANSMIT_WAIT */
void traffic_watchdog(void);
void traffic_link(void);
void traffic_filter(const struct event *event); /* the answer to FILTER */
