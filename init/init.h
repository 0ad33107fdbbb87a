/* SPDX-License-Identifier: MIT */
/*
 * State of the supervisor, all of it in the arena, and what its files offer each other. init calls
 * no service; everything it does to them is a system call that takes effect at the end of the turn.
 */
#pragma once

#include <stdbool.h>

#include <axolotl/abi.h>
#include <ipc/event.h>
#include <proto/init.h>

#include "manifest.h"
#include "policy.h"

/* Badges of the sessions on which the kernel reports faults: this plus the service's index. */
#define SUPERVISION_BADGE 0x100000u

#define INIT_BIT_TIMER 1u

struct service {
    struct manifest_service *config;
    char program[MANIFEST_NAME]; /* what runs now */
    uint32_t state;              /* enum service_state */
    uint32_t generation, restarts, crashes;
    handle_t account, endpoint, notification, arena, task, image, supervision;
    handle_t file; /* memory with the program's ELF file, `file_size` bytes */
    uint64_t file_size;
    uint64_t arena_size;
    uint64_t started_ns;
    uint64_t restart_at;      /* SERVICE_BACKOFF: when */
    uint32_t restart_flags;   /* ... and how */
    bool module_file;         /* `file` is a boot module's handle */
    handle_t old_image;       /* program before a swap, until the new one has committed */
    uint32_t old_flags;       /* how to go back to it: RESET_COLD if its state is gone */
    uint64_t commits_at_swap; /* task_info.commits then */
    uint64_t commits_at_start;
    struct policy policy;
    char reason[96]; /* of the last death */
};

struct init {
    handle_t task, account, system, endpoint, notification, timer;
    uint32_t next_start; /* index of the service to start next; service_count: boot is over */
    uint32_t service_count;
    uint64_t dying_incarnation; /* plus 1: this incarnation of init has been told to die */
    uint64_t power_ns;          /* when the next way to switch off is tried; 0: not asked */
    uint32_t power_step;
    struct manifest manifest;
    struct service services[MANIFEST_SERVICES];
};
extern struct init init;

/* What the boot loader gave; read-only. */
const struct boot_page *boot_page(void);
const struct boot_module *boot_module_find(const char *name);

/* ---- service.c: making, starting and restarting ---- */

/* Image, account and endpoint of every service that has a usable program. */
void services_prepare(void);
/* Makes the task of one service and starts it. */
void service_start(struct service *service);
/* Restarts at the end of this turn, as `flags` (RESET_*) say. */
void service_restart(struct service *service, uint32_t flags);
/* Turns that it has committed since its last start. */
uint64_t service_turns(const struct service *service);
struct service *service_find(const char *name);

/* ---- swap.c: another program for a service ---- */

/* `file` has `length` bytes; it is the caller's. */
status_t service_swap(struct service *service, handle_t file, uint64_t length, bool *kept_state);
/* Puts the old program back if the new one has not committed yet; false: there is nothing to do. */
bool service_swap_back(struct service *service);
/* Lets the old program go if the new one has committed. */
void service_swap_settle(struct service *service);

/* ---- supervise.c: deaths and time ---- */

void supervise_call(struct event *event);
/* Looks for hanging servers, ended waiting times and pending power steps; sets the timer anew. */
void supervise_tick(void);

/* ---- control.c: the control protocol ---- */
void control_call(struct event *event);

/* ---- power.c ---- */
void power_off(void);
void power_step(void);
