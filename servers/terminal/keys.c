/* SPDX-License-Identifier: MIT
 * Escape sequences of VT100, xterm and the Linux console. An unknown sequence is read over whole.
 */
#include "keys.h"

#define MODIFIER_LIMIT 99

static uint32_t keys_final(const struct keys *keys, uint8_t final) {
    bool modified = keys->parameters[1] >= 3; /* Alt, Ctrl and their combinations */
    switch (final) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return modified ? KEY_WORD_RIGHT : KEY_RIGHT;
    case 'D':
        return modified ? KEY_WORD_LEFT : KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    default:
        return KEY_NONE;
    }
}

static uint32_t keys_tilde(const struct keys *keys) {
    switch (keys->parameters[0]) {
    case 1:
    case 7:
        return KEY_HOME;
    case 2:
        return KEY_INSERT;
    case 3:
        return KEY_DELETE;
    case 4:
    case 8:
        return KEY_END;
    case 5:
        return KEY_PAGE_UP;
    case 6:
        return KEY_PAGE_DOWN;
    default:
        return KEY_NONE;
    }
}

static uint32_t keys_csi(struct keys *keys, uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        uint32_t *value = &keys->parameters[keys->parameter];
        *value = *value > MODIFIER_LIMIT ? *value : *value * 10 + (byte - '0');
        return KEY_NONE;
    }
    if (byte == ';') {
        keys->parameter = 1;
        return KEY_NONE;
    }
    if (byte < 0x40 && byte >= 0x20) {
        return KEY_NONE;
    }
    keys->state = KEYS_PLAIN;
    if (byte < 0x20) {
        return byte; /* a control code breaks the sequence off */
    }
    return byte == '~' ? keys_tilde(keys) : keys_final(keys, byte);
}

static uint32_t keys_meta(struct keys *keys, uint8_t byte) {
    keys->state = KEYS_PLAIN;
    switch (byte) {
    case '[':
    case 'O':
        keys->state = byte == '[' ? KEYS_CSI : KEYS_SS3;
        keys->parameter = 0;
        keys->parameters[0] = 0;
        keys->parameters[1] = 0;
        return KEY_NONE;
    case 0x1b:
        keys->state = KEYS_ESCAPE;
        return KEY_NONE;
    case 'b':
        return KEY_WORD_LEFT;
    case 'f':
        return KEY_WORD_RIGHT;
    case 'd':
        return KEY_WORD_DELETE;
    case 0x7f:
    case '\b':
        return KEY_WORD_RUBOUT;
    default:
        return byte < 0x20 ? byte : (uint32_t)KEY_NONE;
    }
}

uint32_t keys_feed(struct keys *keys, uint8_t byte) {
    switch (keys->state) {
    case KEYS_ESCAPE:
        return keys_meta(keys, byte);
    case KEYS_CSI:
        return keys_csi(keys, byte);
    case KEYS_SS3:
        keys->state = KEYS_PLAIN;
        return keys_final(keys, byte);
    default:
        break;
    }
    if (byte == 0x1b) {
        keys->state = KEYS_ESCAPE;
        return KEY_NONE;
    }
    uint32_t points[2];
    unsigned count = utf8_decode(&keys->utf8, byte, points);
    uint32_t key = count == 0 ? (uint32_t)KEY_NONE : points[count - 1];
    return key == UTF8_BAD ? (uint32_t)KEY_NONE : key;
}
