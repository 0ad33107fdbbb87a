/* SPDX-License-Identifier: MIT */
/* The telnet protocol: options, commands, ends of lines. */
#include "../telnet.h"

#include <check.h>
#include <common/string.h>

static struct telnet telnet;
static uint8_t typed[64], sent[300];
static size_t typed_length;

/* Lets the client send bytes; `typed` is what comes of it. */
static void receive(const char *bytes, size_t length) {
    typed_length = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte;
        CHECK(telnet_ready(&telnet));
        if (telnet_input(&telnet, (uint8_t)bytes[i], &byte)) {
            typed[typed_length++] = byte;
        }
    }
}
#define RECEIVE(text) receive(text, sizeof text - 1)

static bool is(const uint8_t *bytes, size_t length, const char *wanted, size_t wanted_length) {
    return length == wanted_length && memcmp(bytes, wanted, length) == 0;
}
#define TYPED(text) is(typed, typed_length, text, sizeof text - 1)

/* What is sent, with this text behind it. */
static size_t send(const char *text, size_t length) {
    static uint8_t memory[256];
    struct byte_queue queue;
    byte_queue_init(&queue, memory, sizeof memory);
    for (size_t i = 0; i < length; i++) {
        CHECK(byte_queue_push(&queue, (uint8_t)text[i]));
    }
    size_t done = telnet_output(&telnet, &queue, sent, sizeof sent);
    CHECK_EQ(byte_queue_length(&queue), 0);
    return done;
}
#define SENT(text) is(sent, send("", 0), text, sizeof text - 1)

static void open(void) {
    telnet_open(&telnet);
    (void)send("", 0);
}

TEST(the_first_word_is_ours) {
    telnet_open(&telnet);
    CHECK(SENT("\377\373\1\377\373\3\377\375\3\377\375\37"));
    CHECK(telnet.echo);
    RECEIVE("\377\375\1\377\375\3\377\373\3\377\373\37"); /* agreed: nothing more to say */
    CHECK(SENT(""));
    RECEIVE("\377\375\1\377\373\3");
    CHECK(SENT(""));
    CHECK(telnet.echo);
}

TEST(options_end_and_begin_again) {
    open();
    RECEIVE("\377\376\1"); /* refused: no answer to an answer */
    CHECK(SENT(""));
    CHECK(!telnet.echo);
    RECEIVE("\377\375\1");
    CHECK(SENT("\377\373\1"));
    CHECK(telnet.echo);
    RECEIVE("\377\376\1\377\376\1");
    CHECK(SENT("\377\374\1"));
    RECEIVE("\377\373\37\377\374\37");
    CHECK(SENT("\377\376\37"));
}

TEST(what_we_do_not_know_is_refused) {
    open();
    RECEIVE("\377\373\30\377\375\5\377\373\1\377\375\37\377\374\42\377\376\42");
    CHECK(SENT("\377\376\30\377\374\5\377\376\1\377\374\37"));
    CHECK_EQ(typed_length, 0);
}

TEST(the_window_has_a_size) {
    open();
    RECEIVE("\377\372\37\0\144\0\50\377\360x");
    CHECK(telnet.resized);
    CHECK_EQ(telnet.columns, 100);
    CHECK_EQ(telnet.rows, 40);
    CHECK(TYPED("x"));
    telnet.resized = false;
    RECEIVE("\377\372\37\1\377\377\0\30\377\360"); /* 511 columns: the byte 255 is doubled */
    CHECK(telnet.resized);
    CHECK_EQ(telnet.columns, 511);
    telnet.resized = false;
    RECEIVE("\377\372\37\0\144\0\377\360");              /* too short */
    RECEIVE("\377\372\37\0\144\0\50\0\0\0\0\0\377\360"); /* too long */
    RECEIVE("\377\372\30\0\144\0\50\377\360");           /* of something else */
    CHECK(!telnet.resized);
    RECEIVE("y");
    CHECK(TYPED("y"));
}

TEST(commands_are_keys) {
    open();
    RECEIVE("a\377\364b\377\363\377\367\377\370\377\377\377\361\377\371c");
    CHECK(TYPED("a\3b\3\177\25\377c"));
    RECEIVE("\377\366");
    CHECK(SENT("\r\n[Yes]\r\n"));
}

TEST(each_end_of_a_line_counts_once) {
    open();
    RECEIVE("a\r\nb\r\0c\rd\ne\r\r\n\nf");
    CHECK(TYPED("a\rb\rc\rd\ne\r\r\nf"));
    RECEIVE("\r");
    CHECK(TYPED("\r"));
    RECEIVE("\n");
    CHECK(TYPED(""));
}

TEST(text_is_sent_as_the_network_wants_it) {
    static const char text[] = "a\r\nb\rc\377";
    open();
    size_t length = send(text, sizeof text - 1);
    CHECK(is(sent, length, "a\r\nb\r\0c\377\377", 9));
    length = send("\r", 1);
    CHECK(is(sent, length, "\r", 1));
    length = send("\nx\r", 3);
    CHECK(is(sent, length, "\nx\r", 3));
    length = send("y", 1);
    CHECK(is(sent, length, "\0y", 2));
}

TEST(a_client_that_only_asks_is_stopped) {
    open();
    uint8_t byte;
    uint32_t count = 0;
    while (telnet_ready(&telnet)) {
        static const uint8_t ask[] = {255, 253, 99};
        (void)telnet_input(&telnet, ask[count++ % 3], &byte);
    }
    CHECK(count < 3 * TELNET_REPLY);
    CHECK_EQ(telnet.reply_length % 3, 0);
    CHECK_EQ(send("", 0), count / 3 * 3);
    CHECK(telnet_ready(&telnet));
}
