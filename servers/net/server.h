/* SPDX-License-Identifier: MIT */
/* The server around the stack: decoding of both protocols, memory beside the arena. */
#pragma once

#include <ipc/actor.h>

#include "record.h"

/* Calls of programs (proto/net.h) and of drivers (proto/netif.h). */
void dispatch_call(struct event *event);
void driver_call(struct event *event);

static inline bool is_driver(uint64_t badge) {
    return (badge & BADGE_ROOT) != 0 && (badge & NETIF_BADGE) != 0;
}

/* A driver's session is gone. */
void driver_closed(uint64_t badge);

/* Records of what is mapped for drivers. */
void driver_export(struct records_writer *records);
void driver_import(const struct record *record);

/* Prepares the pools of payload blocks, as large as the account allows. */
MUST_CHECK status_t pools_create(void);
/* The same for pools of that many blocks that are there. */
MUST_CHECK status_t pools_adopt(uint32_t receive, uint32_t transmit);
