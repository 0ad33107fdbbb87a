/* SPDX-License-Identifier: MIT
 * Operations of proto/tty.h on a terminal of our own. For those that wait for keys the host types
 * "key" and return, or Ctrl-C, on that terminal while the row runs.
 */
#include <client/tty.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/startup.h>

#include "rows.h"

#define CONSOLE_KEYBOARD 2u /* notification bit of servers/console */

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

/* Ctrl-C since boot is as often as the host was asked for it. */
static void interrupts_are(uint64_t more) {
    static uint64_t typed = UINT64_MAX;
    uint64_t count = 0;
    GOOD(tty_poll_interrupt(tty, &count));
    typed = (typed == UINT64_MAX ? count : typed) + more;
    EQUAL(count, typed);
}

/* Once for each that is typed: one more would end the next wait before its own is typed. */
static void wait_interrupt(void) {
    prepare();
    interrupts_are(0);
    sweep_wish(SWEEP_INTERRUPT);
    GOOD(tty_wait_interrupt(tty));
    interrupts_are(1);
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
    interrupts_are(0);
    interrupts_are(0);
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
    {"console", "", "a key", EVENT_NOTIFY, CONSOLE_KEYBOARD, read_line},
};
ROWS(console_rows);
