/* SPDX-License-Identifier: MIT
 * History of a terminal.
 */
#include "history.h"

#include <common/string.h>

void history_init(struct history *history) {
    history->used = 0;
    history->count = 0;
    history->first = 1;
}

const char *history_line(const struct history *history, uint32_t index) {
    if (index >= history->count) {
        return NULL;
    }
    const char *line = history->text;
    while (index-- != 0) {
        line += strlen(line) + 1;
    }
    return line;
}

static void history_drop_oldest(struct history *history) {
    uint32_t size = (uint32_t)strlen(history->text) + 1;
    history->used -= size;
    memmove(history->text, history->text + size, history->used);
    history->count--;
    history->first++;
}

void history_add(struct history *history, const char *line, uint32_t length) {
    if (length == 0 || length >= TTY_LINE_MAX) {
        return;
    }
    const char *last = history->count == 0 ? NULL : history_line(history, history->count - 1);
    if (last != NULL && strlen(last) == length && memcmp(last, line, length) == 0) {
        return;
    }
    while (HISTORY_BYTES - history->used < length + 1) {
        history_drop_oldest(history);
    }
    memcpy(history->text + history->used, line, length);
    history->text[history->used + length] = 0;
    history->used += length + 1;
    history->count++;
}
