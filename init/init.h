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
#include "protocol.h"
#include "rtc.h"

/* Badges of the sessions on which the kernel reports faults: this plus the service's index. */
#define SUPERVISION_BADGE 0x100000u
#define EXPORT_BADGE 0x200000u /* of its exporter */

#define INIT_BIT_TIMER 1u
#define INIT_BIT_STEP 2u /* an upgrade has a next step */

/* docs/spec/upgrade.md. */
enum upgrade_step {
    UPGRADE_NONE = 0,
    UPGRADE_STOPPED,   /* the service stands still */
    UPGRADE_EXPORT,    /* ... with the new program and the new arena */
    UPGRADE_EXPORTING, /* the exporter runs */
    UPGRADE_TRIAL,     /* the new program runs and has not committed yet */
    UPGRADE_BACK,      /* the old program has to be started again */
};

/* Up to UPGRADE_SWAP by order of an operator. */
enum upgrade_kind { UPGRADE_ORDERED = 0, UPGRADE_SWAP, UPGRADE_RENEW, UPGRADE_PREVIOUS };

struct upgrade {
    uint32_t step, kind;
    uint32_t outcome; /* PROGRAM_* as far as it is known */
    bool switched;    /* the task has the new program, and the new arena if there is one */
    token_t caller;
    handle_t image;             /* of the new program */
    handle_t arena;             /* its arena, HANDLE_NONE: the present one */
    handle_t exporter, records; /* task; memory */
    handle_t supervision;       /* session for the exporter's end */
};
#define UPGRADE_WATCH_NS 2000000u /* how often an upgrade under way is looked at */

/* Looks until somebody who has used too much time computes for ever: a machine that the host stops
 * for a while gets but one. */
#define ENOUGH_LOOKS 5

struct service {
    struct manifest_service *config;
    char program[MANIFEST_NAME]; /* what runs now */
    uint32_t state;              /* enum service_state */
    uint32_t generation, restarts, crashes;
    handle_t account, endpoint, notification, arena, task, image, supervision;
    uint64_t version; /* of the program */
    uint64_t arena_size;
    uint64_t started_ns;
    uint64_t restart_at;      /* SERVICE_BACKOFF: when */
    uint32_t restart_flags;   /* ... and how */
    handle_t previous;        /* image of the program before this one; HANDLE_NONE */
    handle_t given;           /* the service's handle on the records of its last upgrade */
    uint64_t renewed_ns;      /* when the ladder last made a new instance; 0: never */
    uint64_t renewed_commits; /* its turns until then */
    uint64_t commits_at_start;
    uint64_t look_turn;    /* 1 + the turn in which it was last looked at */
    uint32_t looks, waits; /* in a row, one a second: not receiving in that turn; blocked in it */
    uint64_t
        bell_turn; /* 1 + its turn when its bell was last rung; 0: it was not, since its start */
    struct upgrade upgrade;
    struct policy policy;
    char reason[96]; /* of the last death */
    uint32_t level;  /* of the ladder that it led to */
    uint64_t died_ns;
    bool redone; /* a call had been taken and was given again */
    bool told;   /* ... and the log says how long it took */
};

struct init {
    handle_t task, account, system, endpoint, notification, timer;
    uint32_t next_start; /* index of the service to start next; service_count: boot is over */
    uint32_t service_count;
    uint64_t dying_incarnation; /* plus 1: this incarnation of init has been told to die */
    uint64_t started_ns;        /* of this incarnation */
    uint64_t died_ns;           /* when the last one was told to die; 0: it was not */
    bool told;                  /* the log says how long that took */
    uint64_t tick_ns;           /* what the timer is set to */
    uint64_t bell_ns;           /* when all servers' bells are rung next */
    char reason[96];            /* of the last one's death */
    uint64_t power_ns; /* when the next way to switch off or reset is tried; 0: not asked */
    uint32_t power_step;
    struct manifest manifest;
    uint64_t manifest_sum; /* it never changes */
    struct service services[MANIFEST_SERVICES];
    handle_t clock_ports; /* of the real-time clock */
    bool clock_done;
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
/* It has been started anew in this turn. */
void service_runs(struct service *service);
/* Restarts at the end of this turn, as `flags` (RESET_*) say. */
void service_restart(struct service *service, uint32_t flags);
/* Whether its present turn works on a call. */
bool service_in_call(const struct service *service);
/* Turns that it has committed since its last start. */
uint64_t service_turns(const struct service *service);
struct service *service_find(const char *name);
/* What its clients need: as the manifest says, else what the program that runs speaks. */
const char *service_protocols(const struct service *service, const struct image_note *running);

/* A task of the service's program that exports the state in its arena, which must be free, into
 * `records`, and exits with -status. */
status_t service_start_exporter(struct service *service, handle_t records, handle_t *task);

/* Faults and exits of its task will be told. */
status_t service_supervise(struct service *service);

/* ---- rebuild.c: the state after it was lost, from the kernel's objects ---- */

/* False: nothing is held, so there was no state. Else, for each service in the manifest's order, */
bool rebuild_begin(void);
/* ... takes over what it has; false: it is not running. */
bool rebuild_service(struct service *service);
/* ... and for one that is to be started, whose program is there: its account and endpoint, if they
 * had been made. */
void rebuild_account(struct service *service);
/* Gives up what has found no place. */
void rebuild_end(void);

/* ---- upgrade.c: another program for a service ---- */

/* An operator's `upgrade` or `swap` by the ELF file of `length` bytes in `file`, which stays the
 * caller's. OK: `caller` will be answered, or has been, with why that program is none for it. */
status_t upgrade_order(struct service *service, bool swap, handle_t file, uint64_t length,
                       token_t caller);
/* A new instance with the state from records, by the same program or, the second time within a
 * minute, by the previous one. An error: it must be a cold start. flags: RESET_*. */
status_t upgrade_renew(struct service *service, uint32_t flags);
/* The service has died. True: it was the new program's first attempt, and has been dealt with. */
bool upgrade_death(struct service *service, const struct death *death);
/* The service stands still and is started by its upgrade. */
bool upgrade_stands(const struct service *service);
/* The service's exporter is done; OK: the records are there. */
void upgrade_export_ended(struct service *service, status_t status);
/* INIT_BIT_STEP. */
void upgrade_step(void);
/* Looks at what is under way; true: again after UPGRADE_WATCH_NS. */
bool upgrade_watch(void);

/* ---- supervise.c: deaths and time ---- */

void supervise_call(struct event *event);
/* Looks for hanging servers, ended waiting times and pending power steps; sets the timer anew. */
void supervise_tick(void);
/* Whether a tick is overdue, as when a fault has lost the timer. */
bool supervise_late(void);
/* A death begins, for the log and `services`: before the reset. */
void supervise_death(struct service *service);

/* ---- control.c: the control protocol ---- */
void control_call(struct event *event);

/* ---- check.c ---- */
/* The manifest is complete. */
void state_seal(void);
/* What is wrong with the state; NULL: nothing. */
const char *state_check(bool full);

/* ---- clock.c ---- */
/* Goes on reading the wall clock; true: that is done. */
bool clock_step(void);

/* ---- power.c ---- */
void power_off(void);
void power_reset(void);
void power_step(void);
