/* SPDX-License-Identifier: MIT
 * What main.c and dispatch.c share: the server's state in the arena.
 */
#pragma once
#include "relay.h"
#include "uart.h"

#include <ipc/event.h>

struct service {
    struct uart uart;
    uint64_t timer_at; /* what the timer is set to, LINK_NEVER: not set */
    handle_t timer;
    struct relay relay;
};

extern struct service service;

/* Decodes and serves one call. */
void dispatch(struct event *event);

/* Answers parked reads for which there is something now. */
void service_deliver(void);

/* A caller wants its parked read back; a question's session is gone. */
void service_cancel(struct event *event);
void service_closed(struct event *event);
