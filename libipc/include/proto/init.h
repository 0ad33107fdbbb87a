/* SPDX-License-Identifier: MIT
 * Control protocol of init: what operators and tools ask the supervisor.
 * Root badge bits 0-15: client number; INIT_BADGE_OPERATOR: may kill, restart, swap, upgrade, power
 * off.
 */
#pragma once
#include <axolotl/abi.h>

#define INIT_PROTOCOL_VERSION 1
#define INIT_BADGE_OPERATOR 0x10000u
#define SERVICE_NAME 20

/* OP(number, NAME, name, request, reply): stubs are init_name(session, request, reply). */
#define INIT_PROTOCOL(OP)                                                                          \
    OP(1, INFO, info, struct init_info_request, struct init_info_reply)                            \
    OP(2, KILL, kill, struct init_name_request, struct init_empty)                                 \
    OP(3, RESTART, restart, struct init_name_request, struct init_empty)                           \
    OP(4, SWAP, swap, struct init_program_request, struct init_program_reply)                      \
    OP(5, POWER, power, struct init_power_request, struct init_empty)                              \
    OP(6, UPGRADE, upgrade, struct init_program_request, struct init_program_reply)

enum init_operation {
    INIT_INFO = 1,
    INIT_KILL,
    INIT_RESTART,
    INIT_SWAP,
    INIT_POWER,
    INIT_UPGRADE,
};

struct init_empty {
    uint64_t reserved;
};

struct init_name_request {
    char name[24];
};

/* The index-th service; E_NOT_FOUND past the end. */
struct init_info_request {
    uint64_t index;
};

enum service_state {
    SERVICE_MISSING = 0, /* its module is not there or unusable */
    SERVICE_RUNNING = 1,
    SERVICE_BACKOFF = 2, /* crashed repeatedly, waits before the next start */
    SERVICE_STOPPED = 3, /* ended, policy says no restart */
};

struct init_info_reply {
    char name[24];
    char program[24];
    uint32_t state;      /* enum service_state */
    uint32_t generation; /* of the program: +1 for each swap or upgrade */
    uint32_t restarts;   /* by any cause */
    uint32_t crashes;    /* faults, not operators' kills */
    uint64_t started_ns; /* time of the last start */
    uint64_t memory;     /* bytes charged */
    uint64_t memory_limit;
    uint64_t task_id;
    char reason[96];  /* text: the last death, upgrade or failed upgrade */
    uint64_t version; /* of the program */
    uint64_t back_ns; /* from the last death to the first turn that was over; 0: none, not yet */
};

/* One memory handle: the ELF file. SWAP takes any program that speaks the service's protocols;
 * UPGRADE only another build of the same one, and never at the price of the state. E_BUSY: one is
 * under way; E_FORMAT; E_TYPE: it is no program for this service, E_UNAVAILABLE: it did not come
 * up; with both the old program goes on and `reason` says why. */
struct init_program_request {
    char name[24];
    uint64_t length; /* of the file in bytes */
};

enum program_state {
    PROGRAM_NO_STATE = 0,      /* there was none to take over */
    PROGRAM_STATE_KEPT = 1,    /* the arena as it was */
    PROGRAM_STATE_RECORDS = 2, /* exported by the old program, imported by the new one */
    PROGRAM_STATE_LOST = 3,    /* SWAP only: cold start */
};

struct init_program_reply {
    uint64_t state;   /* enum program_state */
    uint64_t version; /* of the program that serves now */
    char reason[96];  /* why the new program does not */
};

enum { INIT_POWER_OFF = 1, INIT_POWER_REBOOT = 2 };
struct init_power_request {
    uint64_t action;
};
