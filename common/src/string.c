/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions. Compiled with -fno-builtin and without loop-pattern recognition, so
 * that no function here is turned into a call of itself. The direction flag is clear by the ABI.
 */
#include <common/string.h>

#include <stdint.h>

/* From this size on a string instruction beats a loop of single moves. */
enum { STRING_INSTRUCTION_SIZE = 64 };

struct unaligned {
    uint64_t value;
} __attribute__((packed, may_alias));

static void copy_forward(unsigned char *to, const unsigned char *from, size_t size) {
    if (size >= STRING_INSTRUCTION_SIZE) {
        size_t count = size / 8;
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
        size %= 8;
    }
    for (; size >= 8; size -= 8, to += 8, from += 8) {
        ((struct unaligned *)to)->value = ((const struct unaligned *)from)->value;
    }
    for (; size != 0; size--) {
        *to++ = *from++;
    }
}

static void copy_backward(unsigned char *to, const unsigned char *from, size_t size) {
    for (; size >= 8; size -= 8) {
        uint64_t value = ((const struct unaligned *)(from + size - 8))->value;
        ((struct unaligned *)(to + size - 8))->value = value;
    }
    for (; size != 0; size--) {
        to[size - 1] = from[size - 1];
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    copy_forward(to, from, size);
    return to;
}

/* Forward also when the ranges overlap and `to` is the lower: each byte is read before it is hit.
 */
void *memmove(void *to, const void *from, size_t size) {
    if ((uintptr_t)to - (uintptr_t)from >= size) {
        copy_forward(to, from, size);
    } else {
        copy_backward(to, from, size);
    }
    return to;
}

void *memset(void *to, int byte, size_t size) {
    unsigned char *at = to;
    uint64_t pattern = (unsigned char)byte * 0x0101010101010101u;
    if (size >= STRING_INSTRUCTION_SIZE) {
        size_t count = size / 8;
        __asm__ volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(pattern) : "memory");
        size %= 8;
    }
    for (; size >= 8; size -= 8, at += 8) {
        ((struct unaligned *)at)->value = pattern;
    }
    for (; size != 0; size--) {
        *at++ = (unsigned char)byte;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *a = left;
    const unsigned char *b = right;
    while (size >= 8 &&
           ((const struct unaligned *)a)->value == ((const struct unaligned *)b)->value) {
        a += 8;
        b += 8;
        size -= 8;
    }
    for (; size != 0; size--, a++, b++) {
        if (*a != *b) {
            return *a < *b ? -1 : 1;
        }
    }
    return 0;
}

void *memchr(const void *bytes, int byte, size_t size) {
    const unsigned char *at = bytes;
    for (; size != 0; size--, at++) {
        if (*at == (unsigned char)byte) {
            return (void *)(uintptr_t)at;
        }
    }
    return NULL;
}

size_t strlen(const char *text) {
    const char *end = text;
    while (*end != '\0') {
        end++;
    }
    return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t limit) {
    size_t length = 0;
    while (length < limit && text[length] != '\0') {
        length++;
    }
    return length;
}

int strncmp(const char *left, const char *right, size_t limit) {
    for (; limit != 0; limit--, left++, right++) {
        unsigned char a = (unsigned char)*left;
        unsigned char b = (unsigned char)*right;
        if (a != b) {
            return a < b ? -1 : 1;
        }
        if (a == '\0') {
            break;
        }
    }
    return 0;
}

int strcmp(const char *left, const char *right) {
    return strncmp(left, right, SIZE_MAX);
}

char *strchr(const char *text, int character) {
    for (;; text++) {
        if (*text == (char)character) {
            return (char *)(uintptr_t)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}

char *strrchr(const char *text, int character) {
    const char *found = NULL;
    for (;; text++) {
        if (*text == (char)character) {
            found = text;
        }
        if (*text == '\0') {
            return (char *)(uintptr_t)found;
        }
    }
}

char *strstr(const char *text, const char *part) {
    size_t length = strlen(part);
    for (;; text++) {
        if (strncmp(text, part, length) == 0) {
            return (char *)(uintptr_t)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}
