/* SPDX-License-Identifier: MIT
 * Line discipline of a terminal: what is typed becomes input, echo and signals, as termios(3) says.
 * No IPC. Invariant: head <= ready <= tail (as ring positions, counted up for ever); bytes before
 * `ready` can be read, those behind are the line being typed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <proto/proc.h>

#define TTY_INPUT 4096u
#define TTY_ECHO 1024u

struct tty {
    struct proc_termios termios;
    uint32_t rows, columns;
    uint32_t head, ready, tail;
    uint32_t echo_head, echo_tail;
    bool literal; /* the next byte is taken as it is */
    uint8_t input[TTY_INPUT];
    uint8_t marks[TTY_INPUT / 8]; /* byte ends a line; a marked 0 that is no input is end of file */
    uint8_t echo[TTY_ECHO];
};

/* The usual settings: cooked, 80 by 25. */
void tty_init(struct tty *tty);

/* Takes typed bytes; returns a mask of signals (bit n-1) for the foreground group. */
uint64_t tty_input(struct tty *tty, const uint8_t *bytes, size_t length);

/* New settings. What was typed stays, and counts as complete when lines don't matter any more. */
void tty_set(struct tty *tty, const struct proc_termios *termios);

/* Bytes that a read of `length` would give; *now false: it has to wait. A 0 with *now is the end
 * of the file. */
size_t tty_available(const struct tty *tty, size_t length, bool *now);
/* Gives `length` bytes as found by tty_available, without taking them. */
void tty_peek(const struct tty *tty, uint8_t *to, size_t length);
/* Takes them, and the end-of-file mark behind or instead of them. */
void tty_take(struct tty *tty, size_t length);
/* Bytes that could be read in all. */
size_t tty_count(const struct tty *tty);
void tty_flush(struct tty *tty);

/* Moves up to `size` bytes of echo out. */
size_t tty_echo(struct tty *tty, uint8_t *to, size_t size);
