/* SPDX-License-Identifier: MIT
 * UTF-8 filter for answers. A character is held back until its last byte has come, then checked as
 * a whole (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
 */
#include "text.h"

#include <common/string.h>

#include <stdbool.h>

static size_t put_replacement(uint8_t *out) {
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    memcpy(out, replacement, sizeof replacement);
    return sizeof replacement;
}

/* Length that a first byte promises; 0: it can't be one. */
static uint8_t sequence_length(uint8_t first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        return 3;
    }
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

static bool second_is_valid(uint8_t first, uint8_t second) {
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return (second & 0xc0) == 0x80;
    }
}

static bool is_control(const uint8_t *character, uint8_t length) {
    if (length == 1) {
        return (character[0] < 0x20 && character[0] != '\n' && character[0] != '\t') ||
               character[0] == 0x7f;
    }
    return length == 2 && character[0] == 0xc2 && character[1] < 0xa0;
}

/* The pending character is complete: passes it unless it is a control. */
static size_t put_pending(struct text_filter *filter, uint8_t *out) {
    size_t length = is_control(filter->pending, filter->need) ? 0 : filter->need;
    memcpy(out, filter->pending, length);
    filter->have = 0;
    return length;
}

static bool continues(const struct text_filter *filter, uint8_t byte) {
    return filter->have == 1 ? second_is_valid(filter->pending[0], byte) : (byte & 0xc0) == 0x80;
}

size_t text_filter(struct text_filter *filter, const uint8_t *bytes, size_t count, uint8_t *out) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = bytes[i];
        if (filter->have > 0 && !continues(filter, byte)) {
            length += put_replacement(out + length);
            filter->have = 0;
        }
        if (filter->have == 0) {
            filter->need = sequence_length(byte);
            if (filter->need == 0) {
                length += put_replacement(out + length);
                continue;
            }
        }
        filter->pending[filter->have++] = byte;
        if (filter->have == filter->need) {
            length += put_pending(filter, out + length);
        }
    }
    return length;
}

size_t text_finish(struct text_filter *filter, uint8_t *out) {
    size_t length = filter->have > 0 ? put_replacement(out) : 0;
    filter->have = 0;
    return length;
}

size_t text_prefix(const uint8_t *text, size_t length, size_t size) {
    if (length <= size) {
        return length;
    }
    size_t cut = size;
    while (cut > 0 && (text[cut] & 0xc0) == 0x80) {
        cut--;
    }
    return cut > 0 ? cut : size;
}

size_t text_one_line(uint8_t *text, size_t length) {
    size_t out = 0;
    bool space = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] == 0x7f) {
            space = out > 0;
            continue;
        }
        if (space) {
            text[out++] = ' ';
            space = false;
        }
        text[out++] = text[i];
    }
    return out;
}
