/* SPDX-License-Identifier: MIT
 * The console's state, all of it in the arena, and the parts of the server that use IPC: serial
 * line, keyboard controller, display, dispatch. Each part can be absent; then it does nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ipc/event.h>
#include <terminal/byte_queue.h>
#include <terminal/terminal.h>

#include "keyboard.h"

#ifndef CONSOLE_TERMINALS
#define CONSOLE_TERMINALS 6
#endif
#define SERIAL_QUEUE 16384

/* Bits of the console's notification. */
#define CONSOLE_BIT_SERIAL 1u
#define CONSOLE_BIT_KEYBOARD 2u
#define CONSOLE_BIT_TIMER 4u /* time to repaint */
#define CONSOLE_BIT_SETUP 8u /* next step of the keyboard's set-up */

struct console {
    uint32_t active;        /* terminal in front */
    bool serial_present;    /* COM1 answers */
    bool serial_stalled;    /* type-ahead is full: received bytes wait in the UART */
    uint64_t timer_at;      /* what the timer is set to; 0: it is not set */
    uint32_t keyboard_step; /* enum in i8042.c */
    uint64_t keyboard_deadline;
    uint64_t paint_time;   /* of the last repaint */
    uint64_t log_position; /* kernel log shown so far */
    bool log_shown;        /* the first prompt has come: the log stays in the background */
    handle_t timer;
    struct keyboard keyboard;
    struct byte_queue serial_queue;
    uint8_t serial_bytes[SERIAL_QUEUE];
    struct terminal terminals[CONSOLE_TERMINALS];
};

extern struct console console;

/* ---- serial.c: COM1, a 16550 ---- */

/* Once: finds out whether the UART is there and programs it. */
void serial_create(void);
/* At every start: routes the interrupt. */
void serial_start(void);
/* Takes what came in and clears the causes of the interrupt. */
void serial_service(void);
/* Hands queued bytes to the UART if it wants some; takes input up again when there is room. */
void serial_flush(void);

/* ---- i8042.c: PS/2 keyboard ---- */

void i8042_create(void);
void i8042_start(void);
void i8042_step(void);
void i8042_service(void);

/* ---- display.c: the screen ---- */

/* At every start, before anything else: finds the screen and forgets what it shows. */
void display_start(void);
bool display_present(void);
uint32_t display_columns(void);
uint32_t display_rows(void);
/* True when something changed since it was drawn. */
bool display_stale(void);
/* Draws what changed in the terminal in front. */
void display_refresh(void);
/* Everything has to be drawn again: another terminal came to the front. */
void display_invalidate(void);
