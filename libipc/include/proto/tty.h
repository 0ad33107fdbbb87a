/* SPDX-License-Identifier: MIT
 * Terminal protocol. Served by console and telnetd. Badge bits 0-7: number of the terminal.
 */
#pragma once
#include <axolotl/abi.h>

#define TTY_PROTOCOL_VERSION 1
#define TTY_BADGE_NUMBER 0xffu
#define TTY_LINE_MAX 1024
#define TTY_WRITE_MAX 4096 /* bytes taken by one WRITE; the rest by further calls */

#define TTY_PROTOCOL(OP)                                                                           \
    OP(1, WRITE, write, struct tty_io_request, struct tty_io_reply)                                \
    OP(2, READ_LINE, read_line, struct tty_read_request, struct tty_io_reply)                      \
    OP(3, READ, read, struct tty_read_request, struct tty_io_reply)                                \
    OP(4, WAIT_INTERRUPT, wait_interrupt, struct tty_empty, struct tty_empty)                      \
    OP(5, SIZE, size, struct tty_empty, struct tty_size)                                           \
    OP(6, HISTORY, history, struct tty_history_request, struct tty_history_reply)                  \
    OP(7, POLL_INTERRUPT, poll_interrupt, struct tty_empty, struct tty_interrupts)                 \
    OP(8, CLEAR, clear, struct tty_empty, struct tty_empty)

enum tty_operation {
    TTY_WRITE = 1,
    TTY_READ_LINE,
    TTY_READ,
    TTY_WAIT_INTERRUPT,
    TTY_SIZE,
    TTY_HISTORY,
    TTY_POLL_INTERRUPT,
    TTY_CLEAR,
};

struct tty_empty {
    uint64_t reserved;
};

/* WRITE: lease 0 LEASE_READ. Answered when all of length (≤ TTY_WRITE_MAX) is queued.
 * Short text (≤ TTY_INLINE bytes) may come inline instead of a lease: length, then the bytes. */
#define TTY_INLINE 496
struct tty_io_request {
    uint64_t length;
    char text[TTY_INLINE];
};

struct tty_io_reply {
    uint64_t length;
};

/* READ_LINE: edits a line after showing prompt; lease 0 LEASE_WRITE gets the line without its
 * newline. E_INTR: Ctrl-C was typed. E_CLOSED: Ctrl-D on an empty line.
 * READ: raw bytes as they come, at least one, prompt empty. Parked until there is input. */
#define TTY_READ_HISTORY 1u /* add the line to the terminal's history */
#define TTY_READ_NO_ECHO 2u
struct tty_read_request {
    uint64_t flags;
    char prompt[256];
};

/* WAIT_INTERRUPT: parked until Ctrl-C is typed while no line is read; E_CANCELLED on cancel. */

/* POLL_INTERRUPT: number of Ctrl-C typed on this terminal since boot. */
struct tty_interrupts {
    uint64_t count;
};

struct tty_size {
    uint64_t columns, rows, terminal;
};

struct tty_history_request {
    uint64_t index; /* 0: the oldest; E_NOT_FOUND past the end */
};

struct tty_history_reply {
    uint64_t number; /* of the line since boot, from 1 */
    char line[480];
};
