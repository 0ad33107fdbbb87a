/* SPDX-License-Identifier: MIT
 * Line editor, echo, history, key parser and the terminal that joins them. Echo is checked against
 * the screen model: after every key the screen must look as if the line had been written afresh.
 */
#include "../record.h"

#include <check.h>

static struct terminal terminal;
static struct byte_queue serial;
static uint8_t serial_bytes[16384];
static uint64_t now = 1000000000;

static void start(uint32_t columns, uint32_t rows) {
    byte_queue_init(&serial, serial_bytes, sizeof(serial_bytes));
    terminal_init(&terminal, columns, rows, &serial);
}

static enum terminal_outcome type(const char *text) {
    enum terminal_outcome outcome = OUTCOME_NONE;
    for (; *text != 0; text++) {
        now += 1000000000;
        enum terminal_outcome other = terminal_receive(&terminal, (uint8_t)*text, now);
        outcome = other != OUTCOME_NONE ? other : outcome;
    }
    enum terminal_outcome stepped = terminal_step(&terminal);
    return stepped != OUTCOME_NONE ? stepped : outcome;
}

/* Types keys and Enter at a fresh prompt; returns the line. */
static const char *line_of(const char *keys) {
    terminal_read_line(&terminal, "$ ", TTY_READ_HISTORY);
    type(keys);
    CHECK_EQ(type("\r"), OUTCOME_LINE);
    terminal.line.text[terminal.line.length] = 0;
    static char text[TTY_LINE_MAX];
    strcpy(text, terminal.line.text);
    line_start(&terminal.line, &terminal.history);
    return text;
}

static const char *screen_row_text(uint32_t row) {
    static char text[SCREEN_COLUMNS_MAX + 1];
    const cell_t *cells = screen_view_row(&terminal.screen, row);
    uint32_t length = 0;
    for (uint32_t i = 0; i < terminal.screen.columns; i++) {
        text[i] = (char)cells[i];
        length = text[i] != ' ' ? i + 1 : length;
    }
    text[length] = 0;
    return text;
}

static const char *serial_text(void) {
    static char text[sizeof(serial_bytes) + 1];
    uint32_t length = 0;
    uint8_t byte;
    while (byte_queue_pop(&serial, &byte)) {
        text[length++] = (char)byte;
    }
    text[length] = 0;
    return text;
}

TEST(editing_keys) {
    start(80, 24);
    CHECK_STR(line_of("hello"), "hello");
    CHECK_STR(line_of("helo\33[Dl"), "hello");
    CHECK_STR(line_of("ello\33[Hh\33[F!"), "hello!");
    CHECK_STR(line_of("ello\33[1~h\33[4~!"), "hello!");
    CHECK_STR(line_of("ello\33OHh\33OF!"), "hello!");
    CHECK_STR(line_of("hexllo\33[D\33[D\33[D\33[D\33[3~"), "hello");
    CHECK_STR(line_of("hexx\x7f\bllo"), "hello");
    CHECK_STR(line_of("bc\1a\5d"), "abcd");
    CHECK_STR(line_of("keep drop\33[D\33[D\33[D\33[D\33[D\13"), "keep");
    CHECK_STR(line_of("drop\25keep"), "keep");
    CHECK_STR(line_of("one two  \27three"), "one three");
    CHECK_STR(line_of("one two\27\27\31!"), "one !");
    CHECK_STR(line_of("one two\33[1;5DX"), "one Xtwo");
    CHECK_STR(line_of("one two\1\33fX"), "oneX two");
    CHECK_STR(line_of("ab\24"), "ba");
    CHECK_STR(line_of("a\33[31~b\33[200;5zc\33xd"), "abcd");
    CHECK_STR(line_of("\33[C\33[D\x7f\33[3~\13\25\27ok"), "ok");
}

TEST(characters_of_several_bytes) {
    start(80, 24);
    CHECK_STR(line_of("\xc3\xa9\xc3\xa8\33[D\x7fx"), "x\xc3\xa8");
    CHECK_STR(line_of("a\xff\xc3"
                      "b"),
              "ab");
}

TEST(history_walks_all) {
    start(80, 24);
    char text[32];
    for (int i = 1; i <= 20; i++) {
        snprintf(text, sizeof(text), "command %d", i);
        CHECK_STR(line_of(text), text);
    }
    CHECK_STR(line_of("\33[A"), "command 20"); /* a repetition is not added again */
    CHECK_EQ(terminal.history.count, 20);
    CHECK_STR(line_of("\33[A\33[A\33[A"), "command 18");
    CHECK_STR(line_of("typed\33[A\33[A\33[B\33[B"), "typed");
    CHECK_STR(line_of("\33[A\33[A!"), "command 18!");
    for (int i = 0; i < 40; i++) {
        type("");
        terminal_read_line(&terminal, "$ ", 0);
        type("\33[A");
    }
    CHECK_STR(history_line(&terminal.history, 0), "command 1");
    terminal.line.text[terminal.line.length] = 0;
    CHECK_STR(terminal.line.text, "command 1");
}

TEST(history_keeps_sixteen_long_lines) {
    static struct history history;
    static char text[TTY_LINE_MAX];
    history_init(&history);
    for (int i = 0; i < 100; i++) {
        memset(text, 'a' + i % 26, sizeof(text));
        history_add(&history, text, TTY_LINE_MAX - 1);
        CHECK_EQ(history.first + history.count, (uint64_t)i + 2);
    }
    CHECK_EQ(history.count, 16);
    CHECK_EQ(history_line(&history, 0)[0], 'a' + 84 % 26);
    CHECK(history_line(&history, 16) == NULL);
    history_add(&history, "", 0);
    history_add(&history, text, TTY_LINE_MAX);
    CHECK_EQ(history.count, 16);
}

TEST(too_long_a_line_is_cut) {
    start(80, 24);
    static char text[3 * TTY_LINE_MAX];
    memset(text, 'x', sizeof(text) - 1);
    const char *line = line_of(text);
    CHECK_EQ(strlen(line), TTY_LINE_MAX - 1);
    CHECK_STR(line_of("next"), "next");
}

TEST(type_ahead_waits_for_the_prompt) {
    start(80, 24);
    CHECK_EQ(type("one\rtwo\r"), OUTCOME_NONE);
    CHECK_STR(serial_text(), "");
    terminal_read_line(&terminal, "$ ", 0);
    CHECK_EQ(terminal_step(&terminal), OUTCOME_LINE);
    CHECK_STR(serial_text(), "$ one\r\n");
    line_start(&terminal.line, &terminal.history);
    terminal_read_line(&terminal, "$ ", 0);
    CHECK_EQ(terminal_step(&terminal), OUTCOME_LINE);
    CHECK_STR(serial_text(), "$ two\r\n");
}

TEST(return_and_line_feed_are_one_when_close) {
    start(80, 24);
    terminal_read_line(&terminal, "$ ", 0);
    terminal_receive(&terminal, 'a', 1000);
    terminal_receive(&terminal, '\r', 2000);
    terminal_receive(&terminal, '\n', 3000);
    CHECK_EQ(terminal_step(&terminal), OUTCOME_LINE);
    terminal_receive(&terminal, '\n', 3000000000);
    CHECK_EQ(byte_queue_length(&terminal.input), 1);
}

TEST(interrupt_and_end) {
    start(80, 24);
    terminal_read_line(&terminal, "$ ", 0);
    CHECK_EQ(type("abc\3"), OUTCOME_INTERRUPTED);
    CHECK_EQ(terminal.line.length, 0);
    CHECK_EQ(terminal.interrupts, 1);
    CHECK_EQ(type("typed ahead\3"), OUTCOME_BREAK);
    CHECK(terminal.interrupt_pending);
    terminal_read_line(&terminal, "$ ", 0);
    CHECK(!terminal.interrupt_pending);
    CHECK_EQ(type("x\4"), OUTCOME_NONE);
    CHECK_EQ(terminal.line.length, 1);
    CHECK_EQ(type("\x7f\4"), OUTCOME_END);
    CHECK_EQ(terminal.reader, READER_NONE);
}

TEST(raw_reader_gets_every_byte) {
    start(80, 24);
    terminal.reader = READER_RAW;
    CHECK_EQ(type("a\3\r\n\33[A"), OUTCOME_NONE);
    char bytes[16];
    CHECK_EQ(terminal_take(&terminal, bytes, sizeof(bytes)), 7);
    CHECK(memcmp(bytes, "a\3\r\n\33[A", 7) == 0);
}

TEST(output_goes_round_the_edited_line) {
    start(40, 6);
    terminal_read_line(&terminal, "$ ", 0);
    type("half a li");
    terminal_write(&terminal, "news\n", 5);
    CHECK_EQ(terminal_step(&terminal), OUTCOME_NONE);
    type("ne");
    CHECK_STR(screen_row_text(0), "news");
    CHECK_STR(screen_row_text(1), "$ half a line");
    terminal_stop_reading(&terminal);
    CHECK_STR(screen_row_text(1), "");
    terminal_read_line(&terminal, "% ", 0);
    terminal_step(&terminal);
    CHECK_STR(screen_row_text(1), "% half a line");
    type("\14");
    CHECK_STR(screen_row_text(0), "% half a line");
    CHECK_EQ(terminal.screen.column, 13);
}

TEST(prompt_starts_a_row) {
    start(40, 6);
    terminal_write(&terminal, "no newline", 10);
    terminal_read_line(&terminal, "$ ", 0);
    terminal_step(&terminal);
    CHECK_STR(screen_row_text(1), "$");
    CHECK_STR(serial_text(), "no newline\r\n$ ");
    type("x\r");
    terminal_write(&terminal, "name? ", 6);
    line_start(&terminal.line, &terminal.history);
    terminal_read_line(&terminal, "", 0);
    type("me\33[Da");
    CHECK_STR(screen_row_text(2), "name? mae");
}

TEST(hidden_input) {
    start(40, 6);
    terminal_read_line(&terminal, "key: ", TTY_READ_NO_ECHO);
    CHECK_EQ(type("secret\r"), OUTCOME_LINE);
    CHECK_STR(serial_text(), "key: \r\n");
    CHECK_EQ(terminal.line.length, 6);
}

TEST(writers_leave_room_for_echo) {
    start(80, 24);
    char piece[TERMINAL_WRITE_PIECE];
    memset(piece, '\n', sizeof(piece));
    while (terminal_has_room(&terminal, sizeof(piece))) {
        terminal_write(&terminal, piece, sizeof(piece));
    }
    CHECK(byte_queue_room(&serial) >= TERMINAL_ECHO_ROOM);
    terminal_read_line(&terminal, "$ ", 0);
    type("x");
    CHECK(terminal.line_shown);
}

/* Applies the bytes of the serial line to a second screen, as a terminal at its other end would. */
static struct screen remote;

static void drain_to_remote(void) {
    uint8_t byte;
    while (byte_queue_pop(&serial, &byte)) {
        char text = (char)byte;
        screen_write(&remote, &text, 1);
    }
}

static void check_looks_fresh(const struct screen *shown, const char *prompt) {
    static struct screen fresh;
    screen_init(&fresh, shown->columns, shown->rows);
    screen_write(&fresh, prompt, strlen(prompt));
    screen_write(&fresh, terminal.line.text, terminal.line.length);
    for (uint32_t row = 0; row < fresh.rows; row++) {
        const cell_t *left = screen_view_row(&fresh, row);
        const cell_t *right = screen_view_row(shown, row);
        REQUIRE(memcmp(left, right, fresh.columns * sizeof(cell_t)) == 0);
    }
    uint32_t at = (uint32_t)strlen(prompt) + utf8_columns(terminal.line.text, terminal.line.cursor);
    int position = shown->row * shown->columns + shown->column + shown->wrap_pending;
    CHECK_EQ(position, at);
}

TEST(echo_matches_a_fresh_line_after_every_key) {
    static const char *const keys[] = {
        "a",     "b",     "c",     "word ", " ",    "\33[D",    "\33[C",
        "\33[D", "\33[C", "\33[H", "\33[F", "\x7f", "\b",       "\33[3~",
        "\33[A", "\33[B", "\1",    "\5",    "\13",  "\25",      "\27",
        "\31",   "\24",   "\33b",  "\33f",  "\33d", "\xc3\xa9", "long text that fills up ",
    };
    static const uint32_t widths[] = {80, 100, 128, 20, 13};
    for (uint32_t round = 0; round < 25; round++) {
        uint32_t width = widths[round % 5];
        start(width, 24);
        screen_init(&remote, 80, 24);
        history_add(&terminal.history, "first entry", 11);
        history_add(&terminal.history, "exactly as long as a narrow screen is", 37);
        static char full[300];
        memset(full, '=', sizeof(full));
        history_add(&terminal.history, full, 78); /* fills the row of 80 with the prompt */
        terminal_read_line(&terminal, "$ ", 0);
        line_start(&terminal.line, &terminal.history);
        for (uint32_t i = 0; i < 600; i++) {
            type(keys[check_random_below(sizeof(keys) / sizeof(keys[0]))]);
            if (terminal.line.length > 230) {
                type("\5\25");
            }
            drain_to_remote();
            unsigned before = check_failures;
            check_looks_fresh(&terminal.screen, "$ ");
            check_looks_fresh(&remote, "$ ");
            if (before != check_failures) {
                printf("# width %u key %u length %u cursor %u\n", width, i, terminal.line.length,
                       terminal.line.cursor);
                return;
            }
        }
    }
}

TEST(random_bytes_do_no_harm) {
    start(80, 24);
    for (uint32_t i = 0; i < 300000; i++) {
        if (terminal.reader == READER_NONE) {
            terminal_read_line(&terminal, "axolotl:/$ ", TTY_READ_HISTORY);
        }
        uint8_t byte =
            (uint8_t)(check_random_below(4) == 0 ? check_random_below(32) : check_random());
        terminal_receive(&terminal, byte, now += 1000);
        if (terminal_step(&terminal) == OUTCOME_LINE) {
            line_start(&terminal.line, &terminal.history);
        }
        byte_queue_clear(&serial);
        REQUIRE(terminal.line.cursor <= terminal.line.length);
        REQUIRE(terminal.line.length < TTY_LINE_MAX);
    }
}

/* ---- Records -------------------------------------------------------------------------------- */

static bool same(const void *left, const void *right, size_t size) {
    return memcmp(left, right, size) == 0;
}

TEST(a_terminal_goes_over_by_records) {
    static uint8_t space[200000] __attribute__((aligned(8)));
    static struct terminal before;
    const struct image_note program = {.name = "console"};
    struct records_writer writer;
    struct records_reader reader;
    start(80, 25);
    (void)line_of("an old line");
    for (int i = 0; i < 40; i++) {
        terminal_write(&terminal, "scrolled \x1b[31mred\x1b[0m\n", 22);
    }
    terminal_read_line(&terminal, "$ ", TTY_READ_HISTORY);
    type("half a li\x1b[D");
    terminal_receive(&terminal, 'x', now); /* typed and not yet looked at */
    terminal.reader = READER_LINE;
    terminal.reader_token = 77;
    terminal.writers[0] = (struct terminal_writer){.token = 5, .length = 3, .text = "abc"};
    terminal.writer_count = 1;
    CHECK(terminal_check(&terminal) == NULL);
    screen_mark_all(&terminal.screen); /* as an import does */
    before = terminal;
    records_begin(&writer, space, sizeof space);
    terminal_export(&terminal, 0, &writer);
    REQUIRE(records_end(&writer, &program) == OK);

    start(80, 25);
    REQUIRE(records_open(&reader, space, writer.used) == OK);
    terminals_import(&terminal, 1, &reader);
    CHECK(terminal_check(&terminal) == NULL);
    CHECK(same(&before.screen, &terminal.screen, sizeof before.screen));
    CHECK(memcmp(&before.line, &terminal.line, sizeof before.line) == 0);
    CHECK(memcmp(&before.history, &terminal.history, sizeof before.history) == 0);
    CHECK(same(before.views, terminal.views, sizeof before.views));
    CHECK_STR(terminal.prompt, "$ ");
    CHECK_EQ(terminal.reader_token, 77);
    CHECK_EQ(terminal.writer_count, 1);
    CHECK(memcmp(terminal.writers[0].text, "abc", 3) == 0);
    CHECK_EQ(type("y\r"), OUTCOME_LINE);
    terminal.line.text[terminal.line.length] = 0;
    CHECK_STR(terminal.line.text, "half a lxyi");

    /* a record for a terminal that there is none of, and one that is cut */
    start(80, 25);
    REQUIRE(records_open(&reader, space, writer.used) == OK);
    terminals_import(&terminal, 0, &reader);
    CHECK_EQ(terminal.reader_token, 0);
}

/* A terminal of every kind of record, damaged: sound afterwards, and it works on. */
TEST(damaged_records_leave_a_sound_terminal) {
    static uint8_t space[200000] __attribute__((aligned(8))), kept[sizeof space];
    const struct image_note program = {.name = "console"};
    struct records_writer writer;
    struct records_reader reader;
    struct record record;
    start(80, 25);
    (void)line_of("an old line");
    terminal_read_line(&terminal, "$ ", TTY_READ_HISTORY);
    type("half a li");
    terminal_receive(&terminal, 'x', now);
    terminal.writers[0] = (struct terminal_writer){.token = 5, .length = 3, .text = "abc"};
    terminal.writer_count = 1;
    records_begin(&writer, kept, sizeof kept);
    terminal_export(&terminal, 0, &writer);
    REQUIRE(records_end(&writer, &program) == OK);
    for (uint32_t round = 0; round < 4000; round++) {
        memcpy(space, kept, writer.used);
        REQUIRE(records_open(&reader, space, writer.used) == OK);
        uint64_t chosen = check_random_below(6), how = check_random_below(4);
        while (record_next(&reader, &record)) {
            uint8_t *data = space + ((const uint8_t *)record.data - space);
            if (chosen-- != 0) {
                continue;
            }
            for (uint32_t i = 8; how < 2 && i < record.length; i++) {
                data[i] = how == 0 ? 0xff : (uint8_t)check_random();
            }
            for (uint32_t hits = 0; how >= 2 && hits < 4; hits++) {
                /* Mostly in what is not text: the structures' ends, and the small records. */
                size_t tail = record.length > 64 && how == 2 ? record.length - 64 : 8;
                data[tail + check_random_below(record.length - tail)] = (uint8_t)check_random();
            }
        }
        start(80, 25);
        struct records_head *head = (struct records_head *)(void *)space;
        head->checksum = records_checksum(head + 1, head->length);
        REQUIRE(records_open(&reader, space, writer.used) == OK);
        terminals_import(&terminal, 1, &reader);
        REQUIRE(terminal_check(&terminal) == NULL);
        terminal_write(&terminal, "more\x1b[2J\n\n", 10);
        if (terminal.reader == READER_NONE) {
            terminal_read_line(&terminal, "$ ", TTY_READ_HISTORY);
        }
        type("a\x1b[A\x1b[D\x1b[B\r");
        byte_queue_clear(&serial);
        REQUIRE(terminal_check(&terminal) == NULL);
    }
}

#define BREAKS(change)                                                                             \
    do {                                                                                           \
        start(80, 25);                                                                             \
        CHECK(terminal_check(&terminal) == NULL);                                                  \
        change;                                                                                    \
        CHECK(terminal_check(&terminal) != NULL);                                                  \
    } while (0)

TEST(broken_invariants_are_seen) {
    BREAKS(terminal.screen.rows = SCREEN_ROWS_MAX + 1);
    BREAKS(terminal.screen.columns = 0);
    BREAKS(terminal.screen.row = 25);
    BREAKS(terminal.screen.column = 80);
    BREAKS(terminal.screen.saved_row = 25);
    BREAKS(terminal.screen.top = SCREEN_LINES);
    BREAKS(terminal.screen.history = SCREEN_LINES);
    BREAKS(terminal.screen.back = terminal.screen.history + 1);
    BREAKS(terminal.screen.parameter_count = SCREEN_PARAMETERS + 1);
    BREAKS(terminal.line.length = TTY_LINE_MAX);
    BREAKS(terminal.line.cursor = 1);
    BREAKS(terminal.history.used = HISTORY_BYTES + 1);
    BREAKS(terminal.history.count = 1);
    BREAKS(terminal.input.bytes++);
    BREAKS(terminal.input.tail += TERMINAL_INPUT + 1);
    BREAKS(terminal.reader = READER_RAW + 1);
    BREAKS(terminal.writer_count = TERMINAL_WRITERS + 1);
    BREAKS(terminal.keys.parameter = 2);
}
