/* SPDX-License-Identifier: MIT */
/* Apart from string.c because the C libraries of some hosts lack it: host builds link only this. */
#include <common/string.h>

size_t strlcpy(char *restrict to, const char *restrict from, size_t size) {
    size_t length = strlen(from);
    if (size > 0) {
        size_t copied = length < size ? length : size - 1;
        memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length;
}
