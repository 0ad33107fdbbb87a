/* SPDX-License-Identifier: MIT
 * Scan codes to bytes.
 */
#include "../keyboard.h"

#include <check.h>

static struct keyboard keyboard;

/* Feeds codes; returns the bytes they gave. */
static const char *codes(const char *bytes, size_t size) {
    static char text[64];
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        struct keyboard_event event = keyboard_feed(&keyboard, (uint8_t)bytes[i]);
        if (event.action == KEYBOARD_BYTES) {
            memcpy(text + length, event.bytes, event.length);
            length += event.length;
        }
    }
    text[length] = 0;
    return text;
}
#define CODES(text) codes(text, sizeof(text) - 1)

static struct keyboard_event last(const char *bytes, size_t size) {
    struct keyboard_event event = {.action = KEYBOARD_NOTHING};
    for (size_t i = 0; i < size; i++) {
        event = keyboard_feed(&keyboard, (uint8_t)bytes[i]);
    }
    return event;
}
#define LAST(text) last(text, sizeof(text) - 1)

TEST(letters_and_shift) {
    memset(&keyboard, 0, sizeof(keyboard));
    CHECK_STR(CODES("\x1e\x9e\x30\xb0"), "ab");
    CHECK_STR(CODES("\x2a\x1e\x9e\xaa\x1e\x9e"), "Aa");
    CHECK_STR(CODES("\x36\x02\x82\x35\xb5\xb6\x02\x35"), "!?1/");
    CHECK_STR(CODES("\x0e\x1c\x0f\x39\x01"), "\x7f\r\t \33");
}

TEST(caps_lock_changes_letters_only) {
    memset(&keyboard, 0, sizeof(keyboard));
    CHECK_STR(CODES("\x3a\xba\x1e\x9e\x02\x82"), "A1");
    CHECK_STR(CODES("\x2a\x1e\x02\xaa"), "a!");
    CHECK_STR(CODES("\x3a\xba\x1e"), "a");
}

TEST(control_and_alt) {
    memset(&keyboard, 0, sizeof(keyboard));
    CHECK_STR(CODES("\x1d\x2e\xae\x16\x9d\x2e"), "\3\25c");
    CHECK_STR(CODES("\xe0\x1d\x1e\xe0\x9d\x1e"), "\1a");
    CHECK_STR(CODES("\x38\x30\xb0\xb8\x30"), "\33bb");
    CHECK_STR(CODES("\x1d\x1a\x9d"), "\33");
}

TEST(cursor_keys) {
    memset(&keyboard, 0, sizeof(keyboard));
    CHECK_STR(CODES("\xe0\x48\xe0\xc8\xe0\x50\xe0\x4b\xe0\x4d"), "\33[A\33[B\33[D\33[C");
    CHECK_STR(CODES("\xe0\x47\xe0\x4f\xe0\x53\xe0\x49"), "\33[H\33[F\33[3~\33[5~");
    CHECK_STR(CODES("\xe0\x2a\xe0\x48\xe0\xaa"), "\33[A"); /* fake shift */
    CHECK_STR(CODES("\x48\x4c"), "\33[A");                 /* pad without num lock */
    CHECK_STR(CODES("\x45\xc5\x48\x4c\x53"), "85.");
    CHECK_STR(CODES("\xe0\x48"), "\33[A");
    CHECK_STR(CODES("\x45\xc5\xe0\x1c\xe0\x35"), "\r/");
    CHECK_STR(CODES("\x1d\xe0\x4b\x9d"), "\33[1;5D");
}

TEST(terminals_and_scrollback) {
    memset(&keyboard, 0, sizeof(keyboard));
    struct keyboard_event event = LAST("\x38\x3c");
    CHECK_EQ(event.action, KEYBOARD_TERMINAL);
    CHECK_EQ(event.terminal, 1);
    CHECK_EQ(LAST("\x40").terminal, 5);
    CHECK_EQ(LAST("\xe0\x49").action, KEYBOARD_PAGE_UP);
    CHECK_EQ(LAST("\xb8\x2a\xe0\x51").action, KEYBOARD_PAGE_DOWN);
    CHECK_STR(CODES("\xaa\x3b\x58"), "\33OP\33[24~");
}

TEST(noise_is_read_over) {
    memset(&keyboard, 0, sizeof(keyboard));
    CHECK_STR(CODES("\xfa\xfe\xaa\x00\xff\xee\x1e"), "a");
    CHECK_STR(CODES("\xe1\x1d\x45\xe1\x9d\xc5\x1e"), "a");
    CHECK(!keyboard.number_lock && !keyboard.control_left);
    CHECK_STR(CODES("\xe0\x5b\xe0\xdb\x56\x7f\x1e"), "a");
    for (int i = 0; i < 100000; i++) {
        struct keyboard_event event = keyboard_feed(&keyboard, (uint8_t)check_random());
        REQUIRE(event.length <= sizeof(event.bytes) && event.terminal < 6);
    }
}
