/* SPDX-License-Identifier: MIT
 * State of the device manager and the parts that main.c and dispatch.c share.
 */
#pragma once

#include <ipc/event.h>

#include "claim.h"
#include "remap.h"

struct manager {
    struct pci_table table;
    struct remap remap;
    bool reported; /* the log has said that there is no network card */
};
extern struct manager manager;

/* From the arguments, read at every start. */
extern struct claim_rules manager_rules;

/* Configuration space by system call. */
extern const struct pci_config manager_config;

void dispatch(struct event *event);
