/* SPDX-License-Identifier: MIT
 * PS/2 keyboard: scan codes of set 1 (as the i8042 translates them) to the bytes that a terminal
 * sends, US layout. Pure state machine; lives in the arena.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum keyboard_action {
    KEYBOARD_NOTHING,
    KEYBOARD_BYTES,    /* bytes for the terminal in front */
    KEYBOARD_TERMINAL, /* Alt+F1..F6: bring terminal number to the front */
    KEYBOARD_PAGE_UP,  /* Alt or Shift + Page up / down: look at the scrollback */
    KEYBOARD_PAGE_DOWN,
};

struct keyboard {
    bool extended; /* the last byte was E0 */
    uint8_t skip;  /* bytes of the Pause sequence still to come */
    bool shift_left, shift_right;
    bool control_left, control_right;
    bool alt_left, alt_right;
    bool caps_lock, number_lock;
};

struct keyboard_event {
    enum keyboard_action action;
    uint32_t terminal;
    uint32_t length;
    char bytes[8];
};

/* Takes one byte from the controller. */
struct keyboard_event keyboard_feed(struct keyboard *keyboard, uint8_t code);
