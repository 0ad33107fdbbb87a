/* SPDX-License-Identifier: MIT
 * The tasks on the other side of a measured path: clones of the program, each a plain task with an
 * address space of its own, and one page that they share with it.
 */
#pragma once

#include <stdbool.h>

#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/object.h>

#include "measure.h"

/* Priorities: the measured thread is the lower one where a wake-up shall switch at once. */
#define PRIORITY_HIGH 13
#define PRIORITY_LOW 12

struct shared {
    volatile uint64_t start, end; /* stamps of the two sides */
    volatile uint64_t count;
    uint64_t samples[ROUNDS];
};
#define SHARED ((struct shared *)(BLOCKS_VA + 0x100000))
_Static_assert(sizeof(struct shared) <= PAGE_SIZE, "one page");

/* Labels of calls to the server. */
enum serve_label {
    SERVE_NOTHING,    /* only the readings */
    SERVE_WORDS,      /* answers 64 words */
    SERVE_LEASE_READ, /* copies 4 KiB of lease 0; SHARED gets the times around that */
    SERVE_HANDLE,     /* keeps handle 0 */
    SERVE_DROP,       /* closes the handles that it kept */
};

struct peers {
    handle_t account, system, finished;
    handle_t endpoint, session; /* of the server */
    handle_t page;              /* what the server supplies for a page */
    uint32_t affinity;          /* 0: all CPUs */
};
extern struct peers peers;

/* Makes what the peers need and starts the server. False: something failed. */
bool peers_start(handle_t account, handle_t system, uint32_t affinity);

/* Starts a clone that runs body(argument) at PRIORITY_HIGH or lower and then ends; *task (may be
 * NULL) gets its handle. */
bool peer_start(void (*body)(uint64_t), uint64_t argument, uint32_t priority, handle_t *task);

/* A peer says that its samples are there; the program waits for that and reports them. */
void peer_finish(void);
void peer_report(const char *name, unsigned count);

/* Waits until bits are there. */
void wait_for(handle_t notification, uint64_t bits);
