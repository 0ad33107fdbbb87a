/* SPDX-License-Identifier: MIT
 * The kernel's trace: records of what happened, docs/spec/trace.md.
 */
#pragma once

#include <axolotl/abi.h>

/* Argument 2 of TRACE. */
enum trace_operation {
    TRACE_START = 1, /* from nothing, whatever was recorded before */
    TRACE_STOP,      /* what is recorded stays */
    TRACE_DROP,      /* stops, and gives the memory back */
};

#define TRACE_RECORDS 8192u /* that are kept, the latest ones */

/* What of a record's fields means something, and what. Where a token is, it is that of the call. */
enum trace_kind {
    TRACE_CALL = 1, /* task, thread (0: staged, or the kernel's) call; other: the server; detail:
                       the label; value: token */
    TRACE_EVENT,    /* task, thread are given an event; detail: enum event_kind; other: the caller;
                       value: token, badge or bits */
    TRACE_ANSWER,   /* of task, thread (0: nobody took it) to other; detail: label; value: token */
    TRACE_COMMIT,   /* task, thread end a turn; value: pages copied */
    TRACE_SWITCH,   /* to task, thread (0: idle); other: thread before; detail: its state */
    TRACE_IRQ,      /* task, thread: that ran; value: vector */
    TRACE_FAULT,    /* of task, thread; detail: vector, value: address */
    TRACE_PAGE_FAULT, /* of task, thread; detail: error code, value: address */
    TRACE_RESET,      /* of task; value: flags */
    TRACE_DEATH,      /* of task; detail: exit code; name instead of the last fields */
};

#define TRACE_NAME 16

struct trace_record {
    uint64_t time; /* ns since boot; not before that of the record before */
    uint8_t kind;  /* enum trace_kind */
    uint8_t cpu;
    uint16_t detail;
    uint32_t task; /* object ids, the lower 32 bits; 0: none */
    union {
        struct {
            uint32_t thread;
            uint32_t other;
            uint64_t value;
        };
        char name[TRACE_NAME]; /* cut; ends in zeroes if it is shorter */
    };
};
_Static_assert(sizeof(struct trace_record) == 32, "ABI");
