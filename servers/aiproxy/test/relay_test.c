/* SPDX-License-Identifier: MIT */
/* Text filter, limits, and questions in line form. */
#include "check.h"

#include "../record.h"

static struct relay relay;
static uint64_t now;

static void start_lines(void) {
    now = LINK_SECOND;
    relay_init(&relay, 1, now);
    now += LINK_PROBE_TIME;
    relay_run(&relay, now);
}

static status_t ask(uint32_t account, const char *prompt, uint32_t *index) {
    status_t status = relay_open(&relay, account, strlen(prompt), now, index);
    if (status == OK) {
        memcpy(relay.questions[*index].buffer, prompt, strlen(prompt));
        relay_submit(&relay, *index);
        relay_run(&relay, now);
    }
    return status;
}

static const char *wire(void) {
    static char text[1024];
    size_t length = link_transmit(&relay.link, (uint8_t *)text, sizeof text - 1, now);
    text[length] = '\0';
    return text;
}

static void hear(const char *text) {
    link_receive(&relay.link, (const uint8_t *)text, strlen(text), now);
    relay_run(&relay, now);
}

static void pass(uint64_t time) {
    uint64_t end = now + time;
    while (relay_deadline(&relay) <= end) {
        now = relay_deadline(&relay) > now ? relay_deadline(&relay) : now + 1;
        relay_run(&relay, now);
    }
    now = end;
}

/* Reads as much as there is; the status of the last read. */
static char read_text[8192];
static status_t read_all(uint32_t index) {
    size_t total = 0, length = 0;
    status_t status;
    do {
        status = relay_peek(&relay, index, (uint8_t *)read_text + total, 300, &length);
        if (status == OK) {
            relay_consume(&relay, index, length);
        }
        total += status == OK || status == E_IO ? length : 0;
    } while (status == OK && length > 0);
    read_text[total] = '\0';
    return status;
}

static const char *filtered(const char *text) {
    static char out[512];
    struct text_filter filter = {0};
    size_t length = text_filter(&filter, (const uint8_t *)text, strlen(text), (uint8_t *)out);
    CHECK(length <= TEXT_GROWTH(strlen(text)));
    length += text_finish(&filter, (uint8_t *)out + length);
    out[length] = '\0';
    return out;
}

TEST(text_filter_passes_text_only) {
    CHECK_STR(filtered("plain\ttext\nline"), "plain\ttext\nline");
    CHECK_STR(filtered("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa6\x8e"),
              "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa6\x8e");
    CHECK_STR(filtered("a\x1b[31mb\x07\r\x7f"), "a[31mb");
    CHECK_STR(filtered("a\xc2\x9b"
                       "1mb"),
              "a1mb");
    CHECK_STR(filtered("a\xff"
                       "b\x80"
                       "c"),
              "a\xef\xbf\xbd"
              "b\xef\xbf\xbd"
              "c");
    CHECK_STR(filtered("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_STR(filtered("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_STR(filtered("\xf4\x90\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_STR(filtered("x\xe2\x82"), "x\xef\xbf\xbd");
    CHECK_STR(filtered("\xe2\x82\xc3\xbc"), "\xef\xbf\xbd\xc3\xbc");
}

TEST(text_filter_cut_anywhere_is_the_same) {
    static const uint8_t text[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\xa6\x8e\x1b\xff\xe2\x82z\xc2\x9b!";
    const size_t size = sizeof text - 1;
    uint8_t whole[128], cut[128];
    struct text_filter filter = {0};
    size_t length = text_filter(&filter, text, size, whole);
    for (size_t first = 0; first <= size; first++) {
        struct text_filter parts = {0};
        size_t sum = text_filter(&parts, text, first, cut);
        sum += text_filter(&parts, text + first, size - first, cut + sum);
        CHECK_EQ(sum, length);
        CHECK(memcmp(cut, whole, length) == 0);
    }
}

TEST(text_prefix_keeps_characters) {
    const uint8_t *text = (const uint8_t *)"a\xe2\x82\xac"
                                           "b";
    CHECK_EQ(text_prefix(text, 5, 9), 5);
    CHECK_EQ(text_prefix(text, 5, 4), 4);
    CHECK_EQ(text_prefix(text, 5, 3), 1);
    CHECK_EQ(text_prefix(text, 5, 2), 1);
    CHECK_EQ(text_prefix(text + 1, 4, 2), 2);
}

TEST(line_answer) {
    uint32_t index;
    start_lines();
    CHECK_EQ(ask(1, "  hello\n\tworld ", &index), OK);
    CHECK_STR(wire(), "ASK hello world\n");
    CHECK_EQ(read_all(index), E_WOULD_BLOCK);
    hear("AI echo: hel");
    CHECK_EQ(read_all(index), E_WOULD_BLOCK);
    CHECK_STR(read_text, "AI echo: hel");
    hear("lo world\r\n");
    CHECK_EQ(read_all(index), OK);
    CHECK_STR(read_text, "lo world");
    CHECK_EQ(relay.responses, 1);
    relay_close(&relay, index, now);
    CHECK_EQ(relay_find(&relay, relay.questions[index].badge), RELAY_NONE);
}

TEST(line_short_answer_and_errors) {
    uint32_t index;
    start_lines();
    ask(1, "a", &index);
    hear("ok\n");
    CHECK_EQ(read_all(index), OK);
    CHECK_STR(read_text, "ok");
    ask(1, "b", &index);
    hear("ER");
    hear("R command  timed out\n");
    CHECK_EQ(read_all(index), E_IO);
    CHECK_STR(read_text, "command timed out");
    ask(1, "c", &index);
    hear("ERRATIC\n");
    CHECK_EQ(read_all(index), OK);
    CHECK_STR(read_text, "ERRATIC");
    CHECK_EQ(relay.errors, 1);
}

static uint64_t link_shown(void) {
    struct ai_status status;
    relay_status(&relay, &status);
    return status.link;
}

TEST(line_nobody_there) {
    uint32_t index, second;
    start_lines();
    CHECK_EQ(link_shown(), AI_LINK_NONE);
    ask(1, "a", &index);
    ask(1, "b", &second);
    CHECK_STR(wire(), "ASK a\n");
    pass(RELAY_LINE_WAIT - 1);
    CHECK_EQ(read_all(index), E_WOULD_BLOCK);
    pass(1);
    CHECK_EQ(read_all(index), E_IO);
    CHECK(strstr(read_text, "bridge") != NULL);
    CHECK_STR(wire(), "ASK b\n");
    CHECK_EQ(link_shown(), AI_LINK_NONE);
    hear("here\n");
    CHECK_EQ(read_all(second), OK);
    CHECK_STR(read_text, "here");
    CHECK_EQ(link_shown(), AI_LINK_LINE);
}

TEST(line_abandoned_answer_is_not_the_next_ones) {
    uint32_t index, second;
    start_lines();
    ask(1, "a", &index);
    wire();
    relay_close(&relay, index, now);
    ask(1, "b", &second);
    CHECK_STR(wire(), "");
    hear("answer of a\n");
    CHECK_STR(wire(), "ASK b\n");
    hear("answer of b\n");
    CHECK_EQ(read_all(second), OK);
    CHECK_STR(read_text, "answer of b");
}

TEST(line_long_answer_streams) {
    uint32_t index;
    start_lines();
    ask(1, "a", &index);
    size_t total = 0;
    for (unsigned i = 0; i < 2000; i++) {
        hear("0123456789abcdef0123456789");
        CHECK_EQ(read_all(index), E_WOULD_BLOCK);
        total += strlen(read_text);
    }
    hear("\n");
    CHECK_EQ(read_all(index), OK);
    CHECK_EQ(total, 2000 * 26);
}

TEST(line_answer_not_read_is_told) {
    uint32_t index;
    start_lines();
    ask(1, "a", &index);
    for (unsigned i = 0; i < 2000; i++) {
        hear("0123456789abcdef0123456789");
    }
    hear("\n");
    size_t length;
    uint8_t text[4096];
    while (relay_peek(&relay, index, text, sizeof text, &length) == OK) {
        REQUIRE(length > 0);
        relay_consume(&relay, index, length);
    }
    CHECK_EQ(relay.questions[index].state, QUESTION_FAILED);
}

TEST(limits) {
    uint32_t index;
    char prompt[RELAY_LINE_PROMPT + 2];
    memset(prompt, 'p', sizeof prompt);
    prompt[sizeof prompt - 1] = '\0';
    start_lines();
    CHECK_EQ(ask(1, "", &index), E_INVALID);
    CHECK_EQ(ask(1, prompt, &index), E_MESSAGE_SIZE);
    prompt[RELAY_LINE_PROMPT] = '\0';
    CHECK_EQ(ask(1, prompt, &index), OK);
    for (unsigned i = 1; i < RELAY_PER_ACCOUNT; i++) {
        CHECK_EQ(ask(1, "x", &index), OK);
    }
    CHECK_EQ(ask(1, "x", &index), E_BUSY);
    for (unsigned i = 0; i < RELAY_QUESTIONS - RELAY_PER_ACCOUNT; i++) {
        CHECK_EQ(ask(2, "x", &index), OK);
    }
    CHECK_EQ(ask(3, "x", &index), E_BUSY);
}

TEST(rate) {
    uint32_t index;
    start_lines();
    for (unsigned i = 0; i < RELAY_BURST; i++) {
        REQUIRE(ask(1, "x", &index) == OK);
        hear("y\n");
        relay_close(&relay, index, now);
    }
    CHECK_EQ(ask(1, "x", &index), E_BUSY);
    CHECK_EQ(ask(2, "x", &index), OK);
    hear("y\n");
    now += RELAY_REFILL;
    CHECK_EQ(ask(1, "x", &index), OK);
    hear("y\n");
    CHECK_EQ(ask(1, "x", &index), E_BUSY);
    now += 1000 * RELAY_REFILL;
    CHECK_EQ(ask(1, "x", &index), OK);
}

TEST(prompt_of_blanks) {
    uint32_t index;
    start_lines();
    ask(1, " \n ", &index);
    CHECK_EQ(read_all(index), E_IO);
    CHECK_STR(wire(), "");
}

/* ---- Records -------------------------------------------------------------------------------- */

static uint8_t space[400000] __attribute__((aligned(8)));

static size_t save(void) {
    const struct image_note program = {.name = "aiproxy"};
    struct records_writer writer;
    records_begin(&writer, space, sizeof space);
    relay_export(&relay, &writer);
    CHECK_EQ(records_end(&writer, &program), OK);
    return writer.used;
}

/* A new program with an empty arena. */
static void load(size_t size) {
    struct records_reader reader;
    memset(&relay, 0, sizeof relay);
    relay_init(&relay, 2, now);
    REQUIRE(records_open(&reader, space, size) == OK);
    relay_import(&relay, &reader, now);
    CHECK(relay_check(&relay, now) == NULL);
}

static bool same(const void *left, const void *right, size_t size) {
    return memcmp(left, right, size) == 0;
}

TEST(an_answer_goes_on_after_an_import) {
    static struct relay before;
    uint32_t first, second;
    start_lines();
    CHECK_EQ(ask(1, "What?", &first), OK);
    CHECK_EQ(ask(2, "And then?", &second), OK);
    (void)wire();
    hear("half of ");
    before = relay;
    load(save());
    CHECK(same(&before, &relay, sizeof relay));
    hear("the answer\n");
    CHECK_EQ(read_all(first), OK);
    CHECK_STR(read_text, "half of the answer");
    CHECK(strstr(wire(), "And then?") != NULL);
}

TEST(damaged_records_leave_a_sound_relay) {
    uint32_t first;
    start_lines();
    CHECK_EQ(ask(1, "What?", &first), OK);
    size_t size = save();
    for (unsigned round = 0; round < 500; round++) {
        (void)save();
        struct records_head *head = (struct records_head *)(void *)space;
        for (int hits = 0; hits < 8; hits++) {
            size_t at = sizeof *head + 8 + check_random_below(4000);
            space[at] = (uint8_t)check_random();
        }
        head->checksum = records_checksum(head + 1, size - sizeof *head);
        struct records_reader reader;
        memset(&relay, 0, sizeof relay);
        relay_init(&relay, 2, now);
        if (records_open(&reader, space, size) == OK) {
            relay_import(&relay, &reader, now);
            CHECK(relay_check(&relay, now) == NULL);
        }
    }
}

#define BREAKS(change)                                                                             \
    do {                                                                                           \
        start_lines();                                                                             \
        CHECK(relay_check(&relay, now) == NULL);                                                   \
        change;                                                                                    \
        CHECK(relay_check(&relay, now) != NULL);                                                   \
    } while (0)

TEST(broken_invariants_are_seen) {
    BREAKS(relay.torn = true);
    BREAKS(relay.active = RELAY_QUESTIONS);
    BREAKS(relay.link.form = 9);
    BREAKS(relay.link.inbox_length = LINK_MESSAGE_MAX + 1);
    BREAKS(relay.link.data_length = LINK_MESSAGE_MAX + 1);
    BREAKS(relay.link.wire_sent = (uint16_t)(relay.link.wire_length + 1));
    BREAKS(relay.link.decoder.length = FRAME_BODY_MAX + 1);
    BREAKS(memset(relay.link.backend, 'x', LINK_BACKEND_MAX));
    BREAKS(relay.questions[3].state = 99);
    BREAKS(relay.questions[3].start = RELAY_BUFFER);
    BREAKS(relay.questions[3].length = RELAY_BUFFER + 1);
    BREAKS(relay.questions[3].prompt_sent = 1);
    BREAKS(relay.questions[3].error_length = RELAY_ERROR_MAX + 1);
    BREAKS(relay.questions[3].head_length = 5);
    BREAKS(relay.questions[3].state = QUESTION_ANSWERING); /* while none is active */
    BREAKS(relay.active = 3);                              /* a free one */
    BREAKS((relay.questions[3].state = QUESTION_ASKING, relay.active = 3));
}

/* What makes everything wait for ever. */
TEST(a_time_that_never_comes_is_seen) {
    BREAKS((relay.link.form = LINK_PROBING, relay.link.probe_end = now + (1ull << 50)));
    BREAKS(relay.link.form = LINK_FRAMES); /* and nobody looks whether the other end lives */
    BREAKS(relay.link.quiet_at = now);     /* a session, but its frames are not taken */
    BREAKS(relay.link.hello_at = now + (1ull << 50));
    BREAKS(relay.link.hello_due = true);
    BREAKS(relay.link.quiet_at = now + (1ull << 50));
    BREAKS(relay.link.data_full = true); /* and nobody sends it again */
    BREAKS(relay.link.data_at = now + (1ull << 50));
    BREAKS(relay.link.text_cr_at = now + (1ull << 50));
    BREAKS(relay.questions[3].deadline = now + (1ull << 50));
    BREAKS(relay.questions[3].stall_at = now + (1ull << 50));
}
