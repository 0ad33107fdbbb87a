/* SPDX-License-Identifier: MIT
 * The guest's end of the kill-point sweep (tests/harness/sweep.py). A program has a table of rows,
 * at least one for each operation of a protocol; the host says which row is to run, kills the
 * server at a chosen place of the turn that the row is about, and sees what the row found.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a row is about: the first turn of `server`, while it runs, with such an event. `run` does
 * the operation, with its effect checked, as often as it is called; none is refused with a status
 * that blames us, for then the server dies once to look again (libipc/src/event.c). The host reads
 * this. */
struct sweep_row {
    const char *server;
    const char *protocol; /* its header; empty: none, `name` says what happens */
    const char *name;
    uint64_t kind;  /* enum event_kind */
    uint64_t label; /* of a call: the operation; of a notification: one of these bits */
    void (*run)(void);
};

#define SWEEP_IDLE UINT64_MAX /* nothing is to run */
#define SWEEP_END (UINT64_MAX - 1)
#define SWEEP_TEXT 120

/* Shared with the host, which writes while the program is at sweep_point. */
#define SWEEP_MAGIC 0x7065657773ull
struct sweep_state {
    uint64_t magic;
    uint64_t wanted; /* index of a row, or SWEEP_* */
    uint64_t port;   /* of the host's echo server; 0: none */
    uint64_t rounds;
    uint64_t failures;
    uint64_t refused;      /* the row can't be swept: why is in `text` */
    char text[SWEEP_TEXT]; /* the first failure */
};
extern volatile struct sweep_state sweep;

/* The host's breakpoint: between two rounds, and while there is nothing to do. */
void sweep_point(void);

/* What the host is asked to do, a little later: to type "key" and return, to type Ctrl-C, to pull
 * the network cable or put it back. */
enum sweep_wish { SWEEP_KEY = 1, SWEEP_INTERRUPT, SWEEP_CABLE };
void sweep_wish(enum sweep_wish wish);

/* Whether it is as it must be; the first failure is told, as `what` and the number. */
bool check(bool holds, const char *what, int64_t detail);
static inline bool check_equal(int64_t got, int64_t wanted, const char *what) {
    return check(got == wanted, what, got);
}
#define EQUAL(got, wanted) check_equal((int64_t)(got), (int64_t)(wanted), #got " is not " #wanted)
#define GOOD(status) EQUAL(status, 0)

/* This operation is not swept. */
void refuse(const char *why);

/* The table, complete when sweep_point is reached. */
extern struct sweep_row sweep_rows[];
extern uint64_t sweep_row_count;
