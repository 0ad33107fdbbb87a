/* SPDX-License-Identifier: MIT
 * Scan codes of set 1. Codes and layout: IBM PC/AT Technical Reference, keyboard section.
 */
#include "keyboard.h"

#include <common/string.h>

#define BREAK 0x80
#define CODE_EXTENDED 0xe0
#define CODE_PAUSE 0xe1
#define PAUSE_BYTES 2 /* after each E1 */

enum {
    SCAN_CONTROL = 0x1d,
    SCAN_SHIFT_LEFT = 0x2a,
    SCAN_SLASH = 0x35,
    SCAN_SHIFT_RIGHT = 0x36,
    SCAN_ALT = 0x38,
    SCAN_CAPS_LOCK = 0x3a,
    SCAN_F1 = 0x3b,
    SCAN_F10 = 0x44,
    SCAN_NUMBER_LOCK = 0x45,
    SCAN_PAD_FIRST = 0x47,
    SCAN_PAGE_UP = 0x49,
    SCAN_LEFT = 0x4b,
    SCAN_RIGHT = 0x4d,
    SCAN_PAGE_DOWN = 0x51,
    SCAN_PAD_LAST = 0x53,
    SCAN_F11 = 0x57,
    SCAN_F12 = 0x58,
};

#define TERMINAL_KEYS 6

static const char plain[0x3a] = {
    0,    0x1b, '1', '2', '3', '4', '5', '6', '7', '8', '9',  '0', '-', '=',  0x7f,
    '\t', 'q',  'w', 'e', 'r', 't', 'y', 'u', 'i', 'o', 'p',  '[', ']', '\r', 0,
    'a',  's',  'd', 'f', 'g', 'h', 'j', 'k', 'l', ';', '\'', '`', 0,   '\\', 'z',
    'x',  'c',  'v', 'b', 'n', 'm', ',', '.', '/', 0,   '*',  0,   ' ',
};
static const char shifted[0x3a] = {
    0,    0x1b, '!', '@', '#', '$', '%', '^', '&', '*', '(', ')', '_', '+',  0x7f,
    '\t', 'Q',  'W', 'E', 'R', 'T', 'Y', 'U', 'I', 'O', 'P', '{', '}', '\r', 0,
    'A',  'S',  'D', 'F', 'G', 'H', 'J', 'K', 'L', ':', '"', '~', 0,   '|',  'Z',
    'X',  'C',  'V', 'B', 'N', 'M', '<', '>', '?', 0,   '*', 0,   ' ',
};

/* Key pad and the E0 keys of the same codes: 0x47 Home … 0x53 Delete. */
static const char *const pad_sequences[] = {"\33[H",  "\33[A",  "\33[5~", "-",     "\33[D",
                                            "",       "\33[C",  "+",      "\33[F", "\33[B",
                                            "\33[6~", "\33[2~", "\33[3~"};
static const char pad_digits[] = "789-456+1230.";
static const char *const function_sequences[] = {"\33OP",   "\33OQ",   "\33OR",   "\33OS",
                                                 "\33[15~", "\33[17~", "\33[18~", "\33[19~",
                                                 "\33[20~", "\33[21~", "\33[23~", "\33[24~"};

static struct keyboard_event keyboard_text(const char *text) {
    struct keyboard_event event = {.action = KEYBOARD_NOTHING};
    event.length = (uint32_t)strlcpy(event.bytes, text, sizeof(event.bytes));
    if (event.length != 0) {
        event.action = KEYBOARD_BYTES;
    }
    return event;
}

static bool keyboard_modifier(struct keyboard *keyboard, uint8_t code, bool extended,
                              bool pressed) {
    switch (code) {
    case SCAN_CONTROL:
        *(extended ? &keyboard->control_right : &keyboard->control_left) = pressed;
        return true;
    case SCAN_ALT:
        *(extended ? &keyboard->alt_right : &keyboard->alt_left) = pressed;
        return true;
    case SCAN_SHIFT_LEFT: /* with E0 it is a fake shift around the grey keys */
        keyboard->shift_left = extended ? keyboard->shift_left : pressed;
        return true;
    case SCAN_SHIFT_RIGHT:
        keyboard->shift_right = extended ? keyboard->shift_right : pressed;
        return true;
    case SCAN_CAPS_LOCK:
        keyboard->caps_lock ^= pressed;
        return true;
    case SCAN_NUMBER_LOCK:
        keyboard->number_lock ^= pressed;
        return true;
    default:
        return false;
    }
}

static struct keyboard_event keyboard_pad(const struct keyboard *keyboard, uint8_t code,
                                          bool extended) {
    bool shift = keyboard->shift_left || keyboard->shift_right;
    bool control = keyboard->control_left || keyboard->control_right;
    bool alt = keyboard->alt_left || keyboard->alt_right;
    if (!extended && keyboard->number_lock && !shift && !alt) {
        char digit[2] = {pad_digits[code - SCAN_PAD_FIRST], 0};
        return keyboard_text(digit);
    }
    if ((alt || shift) && (code == SCAN_PAGE_UP || code == SCAN_PAGE_DOWN)) {
        return (struct keyboard_event){.action = code == SCAN_PAGE_UP ? KEYBOARD_PAGE_UP
                                                                      : KEYBOARD_PAGE_DOWN};
    }
    if (control && (code == SCAN_LEFT || code == SCAN_RIGHT)) {
        return keyboard_text(code == SCAN_RIGHT ? "\33[1;5C" : "\33[1;5D");
    }
    return keyboard_text(pad_sequences[code - SCAN_PAD_FIRST]);
}

static char keyboard_control(char character) {
    if (character >= 'a' && character <= 'z') {
        return (char)(character - 'a' + 1);
    }
    if (character >= '[' && character <= '_') {
        return (char)(character - '[' + 0x1b);
    }
    return character == ' ' || character == '@' ? 0 : character;
}

static struct keyboard_event keyboard_character(const struct keyboard *keyboard, uint8_t code,
                                                bool extended) {
    bool shift = keyboard->shift_left || keyboard->shift_right;
    char character = plain[code];
    if (extended && code != SCAN_SLASH && character != '\r') {
        return (struct keyboard_event){.action = KEYBOARD_NOTHING};
    }
    if (character == 0) {
        return (struct keyboard_event){.action = KEYBOARD_NOTHING};
    }
    bool letter = character >= 'a' && character <= 'z';
    if (keyboard->control_left || keyboard->control_right) {
        character = keyboard_control(letter ? character : shift ? shifted[code] : character);
    } else if (!extended && (shift != (letter && keyboard->caps_lock))) {
        character = shifted[code];
    }
    struct keyboard_event event = {.action = KEYBOARD_BYTES};
    if ((keyboard->alt_left || keyboard->alt_right) && character != 0x1b) {
        event.bytes[event.length++] = 0x1b;
    }
    event.bytes[event.length++] = character;
    return event;
}

static struct keyboard_event keyboard_function(const struct keyboard *keyboard, uint32_t number) {
    bool alt = keyboard->alt_left || keyboard->alt_right;
    if (alt && number < TERMINAL_KEYS) {
        return (struct keyboard_event){.action = KEYBOARD_TERMINAL, .terminal = number};
    }
    return keyboard_text(function_sequences[number]);
}

struct keyboard_event keyboard_feed(struct keyboard *keyboard, uint8_t code) {
    const struct keyboard_event nothing = {.action = KEYBOARD_NOTHING};
    if (keyboard->skip != 0) {
        keyboard->skip--;
        return nothing;
    }
    if (code == CODE_EXTENDED) {
        keyboard->extended = true;
        return nothing;
    }
    if (code == CODE_PAUSE) {
        keyboard->skip = PAUSE_BYTES;
        return nothing;
    }
    bool extended = keyboard->extended;
    keyboard->extended = false;
    if (code >= 0xf0 || code == 0) { /* acknowledge, resend, self-test results, overrun */
        return nothing;
    }
    bool pressed = (code & BREAK) == 0;
    code &= (uint8_t)~BREAK;
    if (keyboard_modifier(keyboard, code, extended, pressed) || !pressed) {
        return nothing;
    }
    if (code >= SCAN_F1 && code <= SCAN_F10) {
        return keyboard_function(keyboard, (uint32_t)(code - SCAN_F1));
    }
    if (code == SCAN_F11 || code == SCAN_F12) {
        return keyboard_function(keyboard, (uint32_t)(code - SCAN_F11 + 10));
    }
    if (code >= SCAN_PAD_FIRST && code <= SCAN_PAD_LAST) {
        return keyboard_pad(keyboard, code, extended);
    }
    return code < sizeof(plain) ? keyboard_character(keyboard, code, extended) : nothing;
}
