/* SPDX-License-Identifier: MIT
 * Input of a terminal: bytes as they come from a serial line (UTF-8 and escape sequences) to keys.
 * The keyboard is turned into the same bytes first, so there is one path.
 */
#pragma once

#include <stdint.h>

#include "utf8.h"

/* A key is a code point, a control code, or one of these, which lie above all code points. */
enum key {
    KEY_NONE = 0x110000,
    KEY_UP,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_INSERT,
    KEY_DELETE,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_WORD_LEFT,
    KEY_WORD_RIGHT,
    KEY_WORD_DELETE, /* to the right */
    KEY_WORD_RUBOUT, /* to the left */
};

enum keys_state { KEYS_PLAIN, KEYS_ESCAPE, KEYS_CSI, KEYS_SS3 };

struct keys {
    uint32_t state; /* enum keys_state */
    uint32_t parameters[2];
    uint32_t parameter; /* index */
    struct utf8_decoder utf8;
};

/* Takes one byte; returns the key that it completes or KEY_NONE. */
uint32_t keys_feed(struct keys *keys, uint8_t byte);
