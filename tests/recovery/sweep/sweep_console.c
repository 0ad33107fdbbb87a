/* SPDX-License-Identifier: MIT
 * Operations of proto/tty.h on a terminal of our own. For those that wait for keys the host types
 * "key" and return, or Ctrl-C, on that terminal while the row runs.
 */
#include <client/tty.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/startup.h>

#include "rows.h"

static handle_t tty;
static char line[TTY_LINE_MAX];

static void prepare(void) {
    tty = startup_handle("console");
}

/* Told apart on the screen, which the host looks at. */
static void write(void) {
    prepare();
    static uint32_t number;
    GOOD(tty_print(tty, "written %u\n", ++number));
}

/* More than fits inline, and so lent; little of it to draw. */
static void write_much(void) {
    prepare();
    static char text[TTY_INLINE + 5];
    for (size_t i = 0; i + 4 < sizeof text; i += 4) {
        memcpy(text + i, "\033[0m", 4);
    }
    GOOD(tty_write(tty, text, TTY_INLINE + 4));
    write();
}

static void read_line(void) {
    prepare();
    size_t length = 0;
    sweep_wish(SWEEP_KEY);
    GOOD(tty_read_line(tty, "? ", TTY_READ_HISTORY, line, sizeof line, &length));
    EQUAL(length, 3);
    EQUAL(memcmp(line, "key", 3), 0);
}

static void read(void) {
    prepare();
    size_t length = 0;
    sweep_wish(SWEEP_KEY);
    for (size_t count = 0; count < 4; count += length) {
        GOOD(tty_read(tty, 0, line + count, sizeof line - count, &length));
    }
    EQUAL(memcmp(line, "key\r", 4) == 0 || memcmp(line, "key\n", 4) == 0, true);
}

static void wait_interrupt(void) {
    prepare();
    uint64_t before = 0, after = 0;
    GOOD(tty_poll_interrupt(tty, &before));
    sweep_wish(SWEEP_INTERRUPT);
    GOOD(tty_wait_interrupt(tty));
    GOOD(tty_poll_interrupt(tty, &after));
    EQUAL(after >= before, true); /* an earlier one may have been kept for us */
}

static void size(void) {
    prepare();
    struct tty_size now = {0};
    GOOD(tty_size(tty, &now));
    EQUAL(now.columns, 80);
    EQUAL(now.terminal, 5);
}

/* A line that is read stands there once. */
static void history(void) {
    prepare();
    struct tty_history_reply entry = {.number = 0};
    uint64_t before = 0, after = 0;
    while (tty_history(tty, before, &entry) == OK) {
        before++;
    }
    uint64_t last = entry.number;
    while (tty_history(tty, after, &entry) == OK) {
        after++;
    }
    EQUAL(after, before);
    EQUAL(entry.number, last);
    EQUAL(tty_history(tty, after, &entry), E_NOT_FOUND);
}

static void poll_interrupt(void) {
    prepare();
    uint64_t before = 0, after = 0;
    GOOD(tty_poll_interrupt(tty, &before));
    GOOD(tty_poll_interrupt(tty, &after));
    EQUAL(after, before);
}

static void clear(void) {
    prepare();
    GOOD(tty_clear(tty));
    write();
}

#define ROW(number, NAME, name, request, answer)                                                   \
    {"console", "tty", #NAME, EVENT_CALL, number, name},
static const struct sweep_row console_rows[] = {
    TTY_PROTOCOL(ROW){"console", "tty", "WRITE", EVENT_CALL, TTY_WRITE, write_much},
    {"console", "", "a key", EVENT_NOTIFY, 0, read_line},
};
ROWS(console_rows);
