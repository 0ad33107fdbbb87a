/* SPDX-License-Identifier: MIT */
/* printf-style formatting into a buffer; see format.h. No state, no allocation. */
#include <common/format.h>

#include <stdbool.h>
#include <stdint.h>

#include <common/string.h>

/* Where the text goes: `length` counts all of it, also what no longer fits. */
struct sink {
    char *buffer;
    size_t size;
    size_t length;
};

struct conversion {
    bool left;
    bool zero;
    bool plus;
    bool space;
    bool alternate;
    bool has_precision;
    size_t width;
    size_t precision;
    char modifier; /* 0, 'h', 'H' (hh), 'l' (also ll, z, t, j: all 64 bits) */
};

static void sink_put(struct sink *sink, char character) {
    if (sink->length + 1 < sink->size) {
        sink->buffer[sink->length] = character;
    }
    sink->length++;
}

static void sink_fill(struct sink *sink, char character, size_t count) {
    for (; count != 0; count--) {
        sink_put(sink, character);
    }
}

static void sink_write(struct sink *sink, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        sink_put(sink, text[i]);
    }
}

static void put_text(struct sink *sink, const struct conversion *how, const char *text,
                     size_t length) {
    size_t padding = how->width > length ? how->width - length : 0;
    if (!how->left) {
        sink_fill(sink, ' ', padding);
    }
    sink_write(sink, text, length);
    if (how->left) {
        sink_fill(sink, ' ', padding);
    }
}

/* Writes a number whose sign or base prefix is `prefix`. */
static void put_number(struct sink *sink, const struct conversion *how, const char *prefix,
                       uint64_t value, unsigned base, bool upper) {
    char digits[24];
    size_t count = 0;
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (; value != 0; value /= base) {
        digits[count++] = alphabet[value % base];
    }
    size_t minimum = how->has_precision ? how->precision : 1;
    size_t prefix_length = strlen(prefix);
    size_t zeros = minimum > count ? minimum - count : 0;
    size_t used = prefix_length + zeros + count;
    size_t padding = how->width > used ? how->width - used : 0;
    if (how->zero && !how->left && !how->has_precision) {
        zeros += padding;
        padding = 0;
    }
    if (!how->left) {
        sink_fill(sink, ' ', padding);
    }
    sink_write(sink, prefix, prefix_length);
    sink_fill(sink, '0', zeros);
    while (count != 0) {
        sink_put(sink, digits[--count]);
    }
    if (how->left) {
        sink_fill(sink, ' ', padding);
    }
}

static const char *read_flags(const char *text, struct conversion *how) {
    for (;; text++) {
        switch (*text) {
        case '-':
            how->left = true;
            break;
        case '0':
            how->zero = true;
            break;
        case '+':
            how->plus = true;
            break;
        case ' ':
            how->space = true;
            break;
        case '#':
            how->alternate = true;
            break;
        default:
            return text;
        }
    }
}

static const char *read_digits(const char *text, size_t *value) {
    size_t result = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        result = result * 10 + (size_t)(*text - '0');
    }
    *value = result;
    return text;
}

static const char *read_modifier(const char *text, struct conversion *how) {
    for (;; text++) {
        switch (*text) {
        case 'h':
            how->modifier = how->modifier == 'h' ? 'H' : 'h';
            break;
        case 'l':
        case 'z':
        case 't':
        case 'j':
            how->modifier = 'l';
            break;
        default:
            return text;
        }
    }
}

static int64_t narrow_signed(int64_t value, char modifier) {
    switch (modifier) {
    case 'H':
        return (signed char)value;
    case 'h':
        return (short)value;
    default:
        return value;
    }
}

static uint64_t narrow_unsigned(uint64_t value, char modifier) {
    switch (modifier) {
    case 'H':
        return (unsigned char)value;
    case 'h':
        return (unsigned short)value;
    default:
        return value;
    }
}

static void put_signed(struct sink *sink, const struct conversion *how, int64_t value) {
    value = narrow_signed(value, how->modifier);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    const char *prefix = value < 0 ? "-" : how->plus ? "+" : how->space ? " " : "";
    put_number(sink, how, prefix, magnitude, 10, false);
}

static void put_unsigned(struct sink *sink, const struct conversion *how, uint64_t value,
                         char kind) {
    value = narrow_unsigned(value, how->modifier);
    unsigned base = kind == 'u' ? 10 : kind == 'o' ? 8 : 16;
    const char *prefix = "";
    if (how->alternate && value != 0) {
        prefix = kind == 'x' ? "0x" : kind == 'X' ? "0X" : kind == 'o' ? "0" : "";
    }
    put_number(sink, how, prefix, value, base, kind == 'X');
}

static void put_string(struct sink *sink, const struct conversion *how, const char *text) {
    if (text == NULL) {
        text = "(null)";
    }
    put_text(sink, how, text, how->has_precision ? strnlen(text, how->precision) : strlen(text));
}

/* Holds the variable arguments so that they can be passed on by pointer. */
struct arguments {
    va_list list;
};

static const char *read_conversion(const char *text, struct conversion *how,
                                   struct arguments *arguments) {
    text = read_flags(text, how);
    if (*text == '*') {
        int width = va_arg(arguments->list, int);
        how->left = how->left || width < 0;
        how->width = width < 0 ? 0 - (size_t)width : (size_t)width;
        text++;
    } else {
        text = read_digits(text, &how->width);
    }
    if (*text == '.') {
        how->has_precision = true;
        text++;
        if (*text == '*') {
            int precision = va_arg(arguments->list, int);
            how->has_precision = precision >= 0;
            how->precision = precision >= 0 ? (size_t)precision : 0;
            text++;
        } else {
            text = read_digits(text, &how->precision);
        }
    }
    return read_modifier(text, how);
}

/* Writes one argument; false for a conversion that does not exist. */
static bool put_argument(struct sink *sink, struct conversion *how, char kind,
                         struct arguments *arguments) {
    bool wide = how->modifier == 'l';
    switch (kind) {
    case 'd':
    case 'i':
        put_signed(sink, how, wide ? va_arg(arguments->list, long) : va_arg(arguments->list, int));
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(sink, how,
                     wide ? va_arg(arguments->list, unsigned long)
                          : va_arg(arguments->list, unsigned int),
                     kind);
        return true;
    case 'p':
        put_number(sink, how, "0x", (uintptr_t)va_arg(arguments->list, void *), 16, false);
        return true;
    case 's':
        put_string(sink, how, va_arg(arguments->list, const char *));
        return true;
    case 'c': {
        char character = (char)va_arg(arguments->list, int);
        put_text(sink, how, &character, 1);
        return true;
    }
    case '%':
        sink_put(sink, '%');
        return true;
    default:
        return false;
    }
}

size_t format_v(char *buffer, size_t size, const char *text, va_list list) {
    struct sink sink = {buffer, size, 0};
    struct arguments arguments;
    va_copy(arguments.list, list);
    while (*text != '\0') {
        if (*text != '%') {
            sink_put(&sink, *text++);
            continue;
        }
        struct conversion how = {0};
        const char *start = text;
        text = read_conversion(text + 1, &how, &arguments);
        if (*text != '\0' && put_argument(&sink, &how, *text, &arguments)) {
            text++;
        } else {
            sink_write(&sink, start, (size_t)(text - start));
        }
    }
    va_end(arguments.list);
    if (size > 0) {
        buffer[sink.length < size ? sink.length : size - 1] = '\0';
    }
    return sink.length;
}

size_t format(char *buffer, size_t size, const char *text, ...) {
    va_list list;
    va_start(list, text);
    size_t length = format_v(buffer, size, text, list);
    va_end(list);
    return length;
}

void format_append(char *buffer, size_t size, size_t *length, const char *text, ...) {
    if (*length >= size) {
        return;
    }
    va_list list;
    va_start(list, text);
    size_t room = size - *length;
    size_t added = format_v(buffer + *length, room, text, list);
    va_end(list);
    *length += added < room ? added : room - 1;
}
