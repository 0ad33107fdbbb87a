/* SPDX-License-Identifier: MIT
 * PS/2 keyboard behind an i8042 (IBM PS/2 Technical Reference, keyboard controller). Port 0x60 is
 * data, 0x64 status and command. Set-up writes one byte a turn, after the controller has taken the
 * one before, because port writes happen at the commit; each step asks for the next by a bit of
 * the own notification. It also throws away what was typed before: a full output buffer would
 * never raise an interrupt again.
 */
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/time.h>
#include <terminal/protocol.h>

#include "console.h"

enum { I8042_DATA = 0, I8042_STATUS = 4, I8042_COMMAND = 4 };

#define STATUS_OUTPUT_FULL 0x01u
#define STATUS_INPUT_FULL 0x02u
#define STATUS_ABSENT 0xffu
#define COMMAND_WRITE_CONFIGURATION 0x60
#define COMMAND_DISABLE_AUXILIARY 0xa7
#define COMMAND_DISABLE_KEYBOARD 0xad
#define COMMAND_ENABLE_KEYBOARD 0xae
/* Keyboard interrupt, system flag, mouse clock off, translation to set 1. */
#define CONFIGURATION 0x65
#define KEYBOARD_ENABLE_SCANNING 0xf4
#define STEP_TIMEOUT (100 * NS_PER_MS)
#define DRAIN_PIECE 64

/* console.keyboard_step counts through this list; STEP_ABSENT and the end of it are final. */
struct step {
    uint8_t port;
    uint8_t value;
};
static const struct step steps[] = {
    {I8042_COMMAND, COMMAND_DISABLE_KEYBOARD},    {I8042_COMMAND, COMMAND_DISABLE_AUXILIARY},
    {I8042_COMMAND, COMMAND_WRITE_CONFIGURATION}, {I8042_DATA, CONFIGURATION},
    {I8042_COMMAND, COMMAND_ENABLE_KEYBOARD},     {I8042_DATA, KEYBOARD_ENABLE_SCANNING},
};
#define STEP_COUNT (sizeof(steps) / sizeof(steps[0]))
#define STEP_ABSENT 100u

static handle_t ports;

static void i8042_next(void) {
    notification_signal(startup_handle("notification"), CONSOLE_BIT_SETUP);
}

static bool i8042_drain(uint8_t bytes[DRAIN_PIECE], int64_t *count) {
    *count = port_drain(ports, I8042_STATUS, STATUS_OUTPUT_FULL, I8042_DATA, bytes, DRAIN_PIECE);
    return *count > 0;
}

void i8042_create(void) {
    ports = startup_handle("i8042");
    uint32_t status = STATUS_ABSENT;
    if (ports == HANDLE_NONE || port_read(ports, I8042_STATUS, 1, &status) != OK ||
        status == STATUS_ABSENT) {
        log_line("no PS/2 keyboard controller: the keyboard is off");
        console.keyboard_step = STEP_ABSENT;
        return;
    }
    console.keyboard_deadline = time_now_ns() + STEP_TIMEOUT;
    i8042_next();
}

void i8042_start(void) {
    ports = startup_handle("i8042");
    if (console.keyboard_step == STEP_ABSENT) {
        return;
    }
    status_t status =
        irq_bind(startup_handle("i8042-irq"), startup_handle("notification"), CONSOLE_BIT_KEYBOARD);
    if (status != OK) {
        log_line("keyboard: no interrupt (%d)", status);
    }
}

void i8042_step(void) {
    uint32_t status = 0;
    if (console.keyboard_step >= STEP_COUNT) {
        return;
    }
    if (port_read(ports, I8042_STATUS, 1, &status) != OK || (status & STATUS_INPUT_FULL) != 0) {
        if (time_now_ns() < console.keyboard_deadline) {
            i8042_next();
            return;
        }
        log_line("the PS/2 keyboard controller does not answer: the keyboard is off");
        console.keyboard_step = STEP_ABSENT;
        return;
    }
    uint8_t stale[DRAIN_PIECE];
    int64_t count;
    i8042_drain(stale, &count);
    const struct step *step = &steps[console.keyboard_step++];
    port_write(ports, step->port, 1, step->value);
    console.keyboard_deadline = time_now_ns() + STEP_TIMEOUT;
    i8042_next();
}

/* Brings another terminal to the front. */
static void keyboard_switch(uint32_t terminal) {
    if (terminal != console.active) {
        console.active = terminal;
        display_invalidate();
    }
}

static void keyboard_act(const struct keyboard_event *event) {
    struct terminal *terminal = &console.terminals[console.active];
    int32_t page = terminal->screen.rows / 2;
    switch (event->action) {
    case KEYBOARD_TERMINAL:
        keyboard_switch(event->terminal);
        break;
    case KEYBOARD_PAGE_UP:
        screen_scroll_view(&terminal->screen, page);
        break;
    case KEYBOARD_PAGE_DOWN:
        screen_scroll_view(&terminal->screen, -page);
        break;
    case KEYBOARD_BYTES:
        screen_scroll_view(&terminal->screen, -(int32_t)SCREEN_LINES);
        if (byte_queue_room(&terminal->input) >= event->length) {
            terminal_typed(terminal, (const uint8_t *)event->bytes, event->length);
        }
        break;
    default:
        break;
    }
}

void i8042_service(void) {
    uint8_t bytes[DRAIN_PIECE];
    int64_t count;
    if (console.keyboard_step < STEP_COUNT || console.keyboard_step == STEP_ABSENT) {
        return; /* the set-up drains by itself */
    }
    while (i8042_drain(bytes, &count)) {
        for (int64_t i = 0; i < count; i++) {
            struct keyboard_event event = keyboard_feed(&console.keyboard, bytes[i]);
            keyboard_act(&event);
        }
    }
    uint32_t status = 0;
    if (port_read(ports, I8042_STATUS, 1, &status) == OK && (status & STATUS_OUTPUT_FULL) != 0) {
        /* The kernel keeps only so many bytes a turn: the rest needs another. */
        notification_signal(startup_handle("notification"), CONSOLE_BIT_KEYBOARD);
    }
}
