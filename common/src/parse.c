/* SPDX-License-Identifier: MIT */
/* Number and word parsing; see parse.h. */
#include <common/parse.h>

#include <common/string.h>

static int digit_value(char character) {
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    if (character >= 'A' && character <= 'F') {
        return character - 'A' + 10;
    }
    return -1;
}

static bool parse_base(const char *text, size_t length, unsigned base, uint64_t *value) {
    uint64_t result = 0;
    if (length == 0) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int digit = digit_value(text[i]);
        if (digit < 0 || (unsigned)digit >= base) {
            return false;
        }
        if (__builtin_mul_overflow(result, base, &result) ||
            __builtin_add_overflow(result, (uint64_t)digit, &result)) {
            return false;
        }
    }
    *value = result;
    return true;
}

bool parse_hex(const char *text, size_t length, uint64_t *value) {
    return length <= 16 && parse_base(text, length, 16, value);
}

bool parse_u64(const char *text, size_t length, uint64_t *value) {
    if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        return parse_base(text + 2, length - 2, 16, value);
    }
    return parse_base(text, length, 10, value);
}

static unsigned suffix_shift(char character) {
    switch (character) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return 0;
    }
}

bool parse_size(const char *text, size_t length, uint64_t *value) {
    unsigned shift = length > 0 ? suffix_shift(text[length - 1]) : 0;
    uint64_t number;
    if (!parse_u64(text, shift != 0 ? length - 1 : length, &number)) {
        return false;
    }
    if (number > UINT64_MAX >> shift) {
        return false;
    }
    *value = number << shift;
    return true;
}

bool parse_ipv4(const char *text, size_t length, uint32_t *address) {
    uint32_t result = 0;
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        size_t start = at;
        while (at < length && text[at] != '.') {
            at++;
        }
        uint64_t value;
        if (at - start > 3 || !parse_base(text + start, at - start, 10, &value) || value > 255) {
            return false;
        }
        result = result << 8 | (uint32_t)value;
        if (part < 3 && at++ >= length) {
            return false;
        }
    }
    if (at != length) {
        return false;
    }
    *address = result;
    return true;
}

static bool is_blank(char character) {
    return character == ' ' || character == '\t';
}

size_t parse_word(const char **cursor, const char *end, const char **word) {
    const char *at = *cursor;
    while (at < end && is_blank(*at)) {
        at++;
    }
    const char *start = at;
    while (at < end && !is_blank(*at)) {
        at++;
    }
    *cursor = at;
    *word = start;
    return (size_t)(at - start);
}

bool parse_equal(const char *text, size_t length, const char *word) {
    return strlen(word) == length && memcmp(text, word, length) == 0;
}
