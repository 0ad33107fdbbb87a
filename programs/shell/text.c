/* SPDX-License-Identifier: MIT
 * Numbers and words for people.
 */
#include "text.h"

#include <common/format.h>
#include <common/string.h>

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MILLISECOND 1000000ull

static void format_bytes(char to[TEXT_SIZE], uint64_t bytes, const char *ending) {
    static const char units[] = "KMGTPE";
    unsigned unit = 0;
    while (unit < 5 && bytes >> 10 * (unit + 2) != 0) {
        unit++;
    }
    uint64_t tenths = (bytes >> 10 * unit) * 10 / 1024;
    format(to, TEXT_SIZE, "%lu.%lu%s%c%s", (unsigned long)(tenths / 10),
           (unsigned long)(tenths % 10), *ending != 0 ? " " : "", units[unit], ending);
}

char *text_bytes(char to[TEXT_SIZE], uint64_t bytes) {
    if (bytes < 1024) {
        format(to, TEXT_SIZE, "%u B", (unsigned)bytes);
    } else {
        format_bytes(to, bytes, "iB");
    }
    return to;
}

char *text_bytes_short(char to[TEXT_SIZE], uint64_t bytes) {
    if (bytes < 1024) {
        format(to, TEXT_SIZE, "%u", (unsigned)bytes);
    } else {
        format_bytes(to, bytes, "");
    }
    return to;
}

char *text_duration(char to[TEXT_SIZE], uint64_t ns) {
    unsigned long seconds = (unsigned long)(ns / NS_PER_SECOND);
    unsigned long minutes = seconds / 60;
    unsigned long hours = minutes / 60;
    if (seconds < 60) {
        unsigned long rest = (unsigned long)(ns % NS_PER_SECOND / NS_PER_MILLISECOND);
        format(to, TEXT_SIZE, "%lu.%03lus", seconds, rest);
    } else if (minutes < 60) {
        format(to, TEXT_SIZE, "%lum%02lus", minutes, seconds % 60);
    } else if (hours < 24) {
        format(to, TEXT_SIZE, "%luh%02lum%02lus", hours, minutes % 60, seconds % 60);
    } else {
        format(to, TEXT_SIZE, "%lud%02luh%02lum", hours / 24, hours % 24, minutes % 60);
    }
    return to;
}

char *text_mac(char to[TEXT_SIZE], const uint8_t mac[6]) {
    format(to, TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
           mac[5]);
    return to;
}

void text_cut(char *text, size_t limit) {
    if (strlen(text) <= limit) {
        return;
    }
    size_t end = limit - 3;
    while (end != 0 && ((uint8_t)text[end] & 0xc0) == 0x80) {
        end--;
    }
    memcpy(text + end, "...", 4);
}

void text_unescape(char *text) {
    static const char names[] = "ntrbae\\";
    static const char values[] = "\n\t\r\b\a\033\\";
    char *to = text;
    while (*text != 0) {
        const char *name = text[0] == '\\' && text[1] != 0 ? strchr(names, text[1]) : NULL;
        *to++ = name != NULL ? values[name - names] : *text;
        text += name != NULL ? 2 : 1;
    }
    *to = 0;
}
