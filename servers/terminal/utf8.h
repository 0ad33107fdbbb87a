/* SPDX-License-Identifier: MIT
 * UTF-8 piece by piece. A decoder takes one byte at a time and says when a code point is whole.
 * Overlong forms, surrogates and stray bytes give UTF8_BAD once and never swallow what follows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_BAD 0xfffdu

struct utf8_decoder {
    uint32_t point;
    uint32_t minimum; /* smallest point that may be coded at this length */
    uint32_t missing; /* continuation bytes to come */
};

static inline bool utf8_is_continuation(char byte) {
    return ((uint8_t)byte & 0xc0u) == 0x80;
}

/* Takes a byte. Returns the number of code points stored in points (0, 1 or 2: a broken one, then
 * the one that broke it). */
static inline unsigned utf8_decode(struct utf8_decoder *decoder, uint8_t byte, uint32_t points[2]) {
    unsigned count = 0;
    if ((byte & 0xc0u) == 0x80 && decoder->missing != 0) {
        decoder->point = decoder->point << 6 | (byte & 0x3fu);
        if (--decoder->missing != 0) {
            return 0;
        }
        bool surrogate = decoder->point >= 0xd800 && decoder->point < 0xe000;
        bool bad = decoder->point < decoder->minimum || decoder->point > 0x10ffff || surrogate;
        points[0] = bad ? UTF8_BAD : decoder->point;
        return 1;
    }
    if (decoder->missing != 0) {
        decoder->missing = 0;
        points[count++] = UTF8_BAD;
    }
    if (byte < 0x80) {
        points[count++] = byte;
    } else if (byte >= 0xc2 && byte < 0xe0) {
        *decoder = (struct utf8_decoder){.point = byte & 0x1fu, .minimum = 0x80, .missing = 1};
    } else if (byte >= 0xe0 && byte < 0xf0) {
        *decoder = (struct utf8_decoder){.point = byte & 0xfu, .minimum = 0x800, .missing = 2};
    } else if (byte >= 0xf0 && byte < 0xf5) {
        *decoder = (struct utf8_decoder){.point = byte & 7u, .minimum = 0x10000, .missing = 3};
    } else {
        points[count++] = UTF8_BAD;
    }
    return count;
}

/* Stores the bytes of a code point; returns how many. */
static inline unsigned utf8_encode(uint32_t point, char bytes[4]) {
    if (point < 0x80) {
        bytes[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        bytes[0] = (char)(0xc0 | point >> 6);
        bytes[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        bytes[0] = (char)(0xe0 | point >> 12);
        bytes[1] = (char)(0x80 | (point >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    bytes[0] = (char)(0xf0 | point >> 18);
    bytes[1] = (char)(0x80 | (point >> 12 & 0x3f));
    bytes[2] = (char)(0x80 | (point >> 6 & 0x3f));
    bytes[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* Characters (screen columns) in the first length bytes of text. */
static inline uint32_t utf8_columns(const char *text, uint32_t length) {
    uint32_t columns = 0;
    for (uint32_t i = 0; i < length; i++) {
        columns += !utf8_is_continuation(text[i]);
    }
    return columns;
}
