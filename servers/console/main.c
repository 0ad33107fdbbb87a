/* SPDX-License-Identifier: MIT
 * The console server: set-up and event loop. Every turn ends with console_settle, which carries
 * the terminals on, feeds the UART and repaints.
 */
#include <common/parse.h>
#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/time.h>
#include <terminal/protocol.h>
#include <terminal/record.h>

#include "console.h"

#define PAINT_INTERVAL (16 * NS_PER_MS)
#define LOOK_INTERVAL NS_PER_S /* a device whose interrupt was lost does not interrupt again */
#define LOG_PIECE 256

#ifndef CONSOLE_VERSION
#define CONSOLE_VERSION 1
#endif
ACTOR_IMAGE("console", 0, CONSOLE_VERSION, PROTOCOL("tty", TTY_PROTOCOL_VERSION));

ARENA struct console console;

static void console_wake(uint64_t at) {
    if (console.timer_at == 0 || at < console.timer_at) {
        actor_must(timer_set(console.timer, at));
        console.timer_at = at;
    }
}

/* The screen is repainted at once when it was quiet, else at most every PAINT_INTERVAL: a flood of
 * text must not cost a repaint for each piece. */
static void console_paint(void) {
    if (!display_stale()) {
        return;
    }
    uint64_t now = time_now_ns();
    if (now - console.paint_time >= PAINT_INTERVAL || console.timer == HANDLE_NONE) {
        display_refresh();
        console.paint_time = now;
    } else {
        console_wake(console.paint_time + PAINT_INTERVAL);
    }
}

static void console_settle(void) {
    for (uint32_t i = 0; i < CONSOLE_TERMINALS; i++) {
        terminal_pump(&console.terminals[i]);
    }
    serial_flush();
    console_paint();
    if (console.timer_at == 0 && console.timer != HANDLE_NONE) {
        console_wake(time_now_ns() + LOOK_INTERVAL);
    }
}

/* The kernel log up to now goes to a terminal's screen and, if it is mirrored, the serial line. */
static void console_show_log(struct terminal *terminal) {
    if (console.log_shown || terminal != &console.terminals[0]) {
        return;
    }
    char text[LOG_PIECE];
    while (terminal_has_room(terminal, LOG_PIECE)) {
        int64_t length =
            system_log_read(startup_handle("log"), &console.log_position, text, sizeof(text));
        if (length <= 0) {
            break;
        }
        console.log_position += (uint64_t)length;
        terminal_write(terminal, text, (size_t)length);
    }
    console.log_shown = true;
}

/* The word "verbose" on the kernel's command line: the kernel prints its log on COM1 for ever. */
static bool console_verbose(void) {
    char line[BOOT_COMMAND_LINE] = "";
    handle_t boot = startup_handle("boot");
    if (boot == HANDLE_NONE ||
        memory_read(boot, offsetof(struct boot_page, command_line), line, sizeof(line) - 1) != OK) {
        return false;
    }
    const char *cursor = line;
    const char *word;
    size_t length;
    while ((length = parse_word(&cursor, line + strlen(line), &word)) != 0) {
        if (parse_equal(word, length, "verbose")) {
            return true;
        }
    }
    return false;
}

/* What the kernel has printed on COM1 by itself is put on the screen too. It stops with the first
 * write to COM1, which this turn stages; console_show_log goes on from here. */
static void console_adopt_log(void) {
    char text[LOG_PIECE];
    int64_t length;
    console.log_shown = console_verbose();
    while ((length = system_log_read(startup_handle("log"), &console.log_position, text,
                                     sizeof(text))) > 0) {
        console.log_position += (uint64_t)length;
        screen_write(&console.terminals[0].screen, text, (size_t)length);
    }
}

static status_t console_create(void) {
    display_start();
    if (!display_present()) {
        log_line("no screen: the console is on COM1 only");
    }
    for (uint32_t i = 0; i < CONSOLE_TERMINALS; i++) {
        terminal_init(&console.terminals[i], display_columns(), display_rows(),
                      i == 0 ? &console.serial_queue : NULL);
    }
    serial_create();
    i8042_create();
    if (!console.serial_present) {
        console.terminals[0].serial = NULL;
    }
    console_adopt_log();
    status_t status = timer_create(startup_handle("account"), startup_handle("notification"),
                                   CONSOLE_BIT_TIMER, &console.timer);
    if (status != OK) {
        log_line("no timer (%d)", status);
    }
    return OK;
}

static void console_start(void) {
    if (actor_incarnation() != 0) {
        display_start();
    }
    serial_start();
    i8042_start();
    serial_service();
    i8042_service();
    console_settle();
}

static void console_call(struct event *event) {
    uint64_t number = event->badge & TTY_BADGE_NUMBER;
    struct terminal *terminal = number < CONSOLE_TERMINALS ? &console.terminals[number] : NULL;
    if (terminal != NULL && event->label == TTY_READ_LINE) {
        console_show_log(terminal);
    }
    terminal_call(event, terminal);
    console_settle();
}

static void console_cancel(struct event *event) {
    for (uint32_t i = 0; i < CONSOLE_TERMINALS; i++) {
        terminal_cancel(&console.terminals[i], event->token);
    }
    reply_status(event->token, E_CANCELLED);
    console_settle();
}

static void console_notify(struct event *event) {
    if (event->bits & CONSOLE_BIT_TIMER) {
        console.timer_at = 0;
    }
    if (event->bits & (CONSOLE_BIT_SERIAL | CONSOLE_BIT_TIMER)) {
        serial_service();
    }
    if (event->bits & CONSOLE_BIT_SETUP) {
        i8042_step();
    }
    if (event->bits & (CONSOLE_BIT_KEYBOARD | CONSOLE_BIT_TIMER)) {
        i8042_service();
    }
    console_settle();
}

enum { RECORD_CONSOLE = CONSOLE_RECORD, RECORD_SERIAL };

struct record_console {
    uint64_t keyboard_deadline, paint_time, log_position;
    uint32_t active, serial_present, serial_stalled, keyboard_step, log_shown, timer;
    uint8_t keyboard[16]; /* in the order of struct keyboard */
};

struct record_serial {
    uint32_t head, tail;
    uint8_t bytes[SERIAL_QUEUE];
};

static void console_export(struct records_writer *records) {
    const struct keyboard *k = &console.keyboard;
    struct record_console record = {
        .keyboard_deadline = console.keyboard_deadline,
        .paint_time = console.paint_time,
        .log_position = console.log_position,
        .active = console.active,
        .serial_present = console.serial_present,
        .serial_stalled = console.serial_stalled,
        .keyboard_step = console.keyboard_step,
        .log_shown = console.log_shown,
        .timer = console.timer,
        .keyboard = {k->extended, k->skip, k->shift_left, k->shift_right, k->control_left,
                     k->control_right, k->alt_left, k->alt_right, k->caps_lock, k->number_lock},
    };
    record_put(records, RECORD_CONSOLE, 1, &record, sizeof record);
    struct record_serial *serial = record_add(records, RECORD_SERIAL, 1, sizeof *serial);
    if (serial != NULL) {
        serial->head = console.serial_queue.head;
        serial->tail = console.serial_queue.tail;
        memcpy(serial->bytes, console.serial_bytes, sizeof serial->bytes);
    }
    for (uint32_t i = 0; i < CONSOLE_TERMINALS; i++) {
        terminal_export(&console.terminals[i], i, records);
    }
}

static void import_console(const struct record *record) {
    struct record_console from;
    struct keyboard *k = &console.keyboard;
    record_copy(record, &from, sizeof from);
    console.keyboard_deadline = from.keyboard_deadline;
    console.paint_time = from.paint_time;
    console.log_position = from.log_position;
    console.active = from.active < CONSOLE_TERMINALS ? from.active : 0;
    console.serial_present = from.serial_present != 0;
    console.serial_stalled = from.serial_stalled != 0;
    console.keyboard_step = from.keyboard_step;
    console.log_shown = from.log_shown != 0;
    console.timer = from.timer;
    bool *const keys[] = {&k->shift_left, &k->shift_right, &k->control_left, &k->control_right,
                          &k->alt_left,   &k->alt_right,   &k->caps_lock,    &k->number_lock};
    k->extended = from.keyboard[0] != 0;
    k->skip = from.keyboard[1];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        *keys[i] = from.keyboard[2 + i] != 0;
    }
}

static void import_serial(const struct record *record) {
    const struct record_serial *from = record->data;
    if (record->length >= sizeof *from && from->tail - from->head <= SERIAL_QUEUE) {
        console.serial_queue.head = from->head;
        console.serial_queue.tail = from->tail;
        memcpy(console.serial_bytes, from->bytes, sizeof console.serial_bytes);
    }
}

static status_t console_import(struct records_reader *records) {
    struct record record;
    bool found = false;
    display_start();
    byte_queue_init(&console.serial_queue, console.serial_bytes, SERIAL_QUEUE);
    for (uint32_t i = 0; i < CONSOLE_TERMINALS; i++) {
        terminal_init(&console.terminals[i], display_columns(), display_rows(), NULL);
    }
    while (record_next(records, &record)) {
        if (record.tag == RECORD_CONSOLE) {
            import_console(&record);
            found = true;
        } else if (record.tag == RECORD_SERIAL) {
            import_serial(&record);
        }
    }
    if (console.serial_present) {
        console.terminals[0].serial = &console.serial_queue;
    }
    terminals_import(console.terminals, CONSOLE_TERMINALS, records);
    return found ? OK : E_FORMAT;
}

static const char *console_check(bool full) {
    if (console.active >= CONSOLE_TERMINALS) {
        return "no such terminal is in front";
    }
    if (byte_queue_length(&console.serial_queue) > SERIAL_QUEUE) {
        return "the serial queue is damaged";
    }
    for (uint32_t i = 0; i < CONSOLE_TERMINALS; i++) {
        const struct terminal *terminal = &console.terminals[i];
        const char *wrong = full || i == console.active ? terminal_check(terminal) : NULL;
        if (terminal->reader == READER_NONE && terminal->reader_token != TOKEN_NONE) {
            return "a reader was not answered";
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}

int main(void) {
    static const struct actor actor = {
        .create = console_create,
        .start = console_start,
        .call = console_call,
        .notify = console_notify,
        .cancel = console_cancel,
        .export = console_export,
        .import = console_import,
        .check = console_check,
    };
    actor_run(&actor);
}
