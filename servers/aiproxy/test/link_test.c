/* SPDX-License-Identifier: MIT */
/* Frames and the guest end of the link, step by step. */
#include "check.h"

#include "../link.h"

static struct link link_state;
static uint64_t now;

static void start(void) {
    now = LINK_SECOND;
    link_init(&link_state, 77, now);
}

static void pass(uint64_t time) {
    uint64_t end = now + time;
    while (link_deadline(&link_state) <= end) {
        now = link_deadline(&link_state) > now ? link_deadline(&link_state) : now + 1;
        link_tick(&link_state, now);
    }
    now = end;
    link_tick(&link_state, now);
}

static void hear(const void *bytes, size_t count) {
    link_receive(&link_state, bytes, count, now);
}

static void hear_frame(struct frame frame) {
    uint8_t wire[FRAME_WIRE_MAX];
    hear(wire, frame_encode(&frame, wire));
}

static void hear_welcome(uint32_t epoch, uint8_t session) {
    struct frame frame = {.type = FRAME_WELCOME, .session = epoch, .length = 9};
    memcpy(frame.payload, (uint8_t[]){LINK_VERSION, session, 0, 0, 0, 'e', 'c', 'h', 'o'}, 9);
    hear_frame(frame);
}

/* Everything that the link wants to send now; frames must be whole. Returns the last frame. */
static size_t said_length;
static uint8_t said[4096];
static unsigned said_frames;
static struct frame said_frame;

static void listen(void) {
    struct frame_decoder decoder = {0};
    said_length = 0;
    said_frames = 0;
    uint8_t bytes[7];
    size_t count;
    while ((count = link_transmit(&link_state, bytes, sizeof bytes, now)) > 0) {
        for (size_t i = 0; i < count; i++) {
            unsigned result = frame_decode(&decoder, bytes[i], &said_frame);
            CHECK((result & FRAME_IS_BAD) == 0);
            said_frames += (result & FRAME_IS_READY) != 0;
            if ((result & FRAME_IS_TEXT) != 0) {
                said[said_length++] = bytes[i];
            }
        }
    }
    CHECK_EQ(decoder.state, FRAME_OUTSIDE);
    CHECK(!link_has_output(&link_state));
    said[said_length] = '\0';
}

static void open_session(void) {
    start();
    hear("\r\r\r", 3);
    listen();
    hear_welcome(77, 5);
    CHECK_EQ(link_state.form, LINK_FRAMES);
}

TEST(frame_round_trip) {
    for (unsigned round = 0; round < 2000; round++) {
        struct frame in = {.type = (uint8_t) "HWDA"[check_random_below(4)],
                           .flags = (uint8_t)check_random(),
                           .sequence = (uint16_t)check_random(),
                           .acknowledge = (uint16_t)check_random(),
                           .session = (uint32_t)check_random(),
                           .length = (uint16_t)check_random_below(FRAME_PAYLOAD_MAX + 1)};
        for (unsigned i = 0; i < in.length; i++) {
            in.payload[i] = (uint8_t)check_random();
        }
        uint8_t wire[FRAME_WIRE_MAX];
        size_t length = frame_encode(&in, wire);
        struct frame_decoder decoder = {0};
        struct frame out;
        memset(&out, 0, sizeof out);
        for (size_t i = 0; i < length; i++) {
            CHECK(wire[i] != '\n' && wire[i] != '\r');
            unsigned result = frame_decode(&decoder, wire[i], &out);
            REQUIRE(result == (i + 1 == length ? FRAME_IS_READY : 0));
        }
        CHECK_EQ(out.type, in.type);
        CHECK_EQ(out.flags, in.flags);
        CHECK_EQ(out.sequence, in.sequence);
        CHECK_EQ(out.acknowledge, in.acknowledge);
        CHECK_EQ(out.session, in.session);
        CHECK_EQ(out.length, in.length);
        CHECK(memcmp(out.payload, in.payload, in.length) == 0);
    }
}

TEST(frame_is_found_after_any_garbage) {
    struct frame in = {.type = FRAME_DATA, .length = 3, .payload = "abc"};
    uint8_t wire[FRAME_WIRE_MAX];
    size_t length = frame_encode(&in, wire);
    struct frame_decoder decoder = {0};
    unsigned ready = 0;
    for (unsigned round = 0; round < 3000; round++) {
        struct frame out;
        for (uint64_t count = check_random_below(700); count > 0; count--) {
            /* Marking bytes far more often than by chance. */
            uint8_t byte = (uint8_t)(check_random_below(8) ? check_random() : 0xf8 + count % 3);
            REQUIRE((frame_decode(&decoder, byte, &out) & FRAME_IS_READY) == 0);
        }
        for (size_t i = 0; i < length; i++) {
            ready += (frame_decode(&decoder, wire[i], &out) & FRAME_IS_READY) != 0;
        }
    }
    CHECK_EQ(ready, 3000);
}

TEST(frame_damage_is_seen) {
    struct frame in = {.type = FRAME_DATA, .length = 40};
    uint8_t wire[FRAME_WIRE_MAX];
    size_t length = frame_encode(&in, wire);
    for (size_t at = 0; at < length; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct frame_decoder decoder = {0};
            struct frame out;
            for (size_t i = 0; i < length; i++) {
                uint8_t byte = (uint8_t)(wire[i] ^ (i == at ? 1u << bit : 0));
                CHECK((frame_decode(&decoder, byte, &out) & FRAME_IS_READY) == 0);
            }
        }
    }
}

TEST(silent_until_asked) {
    start();
    CHECK(!link_line_ready(&link_state));
    pass(LINK_PROBE_TIME);
    CHECK(link_line_ready(&link_state));
    pass(100 * LINK_SECOND);
    listen();
    CHECK_EQ(said_length, 0);
    CHECK_EQ(said_frames, 0);
    CHECK_EQ(link_deadline(&link_state), LINK_NEVER);
}

TEST(line_question_and_answer) {
    uint8_t text[LINK_TEXT_MAX];
    bool ended, lost;
    start();
    pass(LINK_PROBE_TIME);
    hear("old text\n", 9);
    link_line_ask(&link_state, (const uint8_t *)"hi there", 8);
    listen();
    CHECK_STR((char *)said, "ASK hi there\n");
    CHECK_EQ(link_line_take(&link_state, text, &ended, &lost), 0);
    hear("\r\n\n", 3);
    CHECK_EQ(link_line_take(&link_state, text, &ended, &lost), 0);
    CHECK(!ended);
    hear("AI ec", 5);
    CHECK_EQ(link_line_take(&link_state, text, &ended, &lost), 5);
    CHECK(!ended);
    hear("ho\r\nnext", 8);
    CHECK_EQ(link_line_take(&link_state, text, &ended, &lost), 2);
    CHECK(ended && memcmp(text, "ho", 2) == 0);
    link_line_close(&link_state);
    CHECK(link_line_ready(&link_state));
    hear("more\n", 5);
    CHECK_EQ(link_line_take(&link_state, text, &ended, &lost), 0);
    CHECK(!ended && !lost);
}

TEST(line_ended_by_enter_key) {
    uint8_t text[LINK_TEXT_MAX];
    bool ended, lost;
    start();
    pass(LINK_PROBE_TIME);
    link_line_ask(&link_state, (const uint8_t *)"x", 1);
    listen();
    hear("\r", 1);
    pass(LINK_SECOND);
    link_line_take(&link_state, text, &ended, &lost);
    CHECK(!ended);
    hear("a\rb\r", 4);
    pass(LINK_CR_TIME - 1);
    CHECK_EQ(link_line_take(&link_state, text, &ended, &lost), 2);
    CHECK(!ended);
    pass(1);
    link_line_take(&link_state, text, &ended, &lost);
    CHECK(ended);
}

TEST(line_overflow_is_told) {
    uint8_t text[LINK_TEXT_MAX];
    uint8_t bytes[LINK_TEXT_MAX + 1];
    bool ended, lost;
    start();
    pass(LINK_PROBE_TIME);
    link_line_ask(&link_state, (const uint8_t *)"x", 1);
    memset(bytes, 'a', sizeof bytes);
    hear(bytes, sizeof bytes);
    CHECK_EQ(link_line_take(&link_state, text, &ended, &lost), LINK_TEXT_MAX);
    CHECK(lost && !ended);
}

TEST(knock_brings_hello) {
    start();
    hear("\r\r", 2);
    listen();
    CHECK_EQ(said_frames, 0);
    hear("x\r\r", 3);
    listen();
    CHECK_EQ(said_frames, 0);
    hear("\r", 1);
    listen();
    CHECK_EQ(said_frames, 1);
    CHECK_EQ(said_frame.type, FRAME_HELLO);
    CHECK_EQ(said_frame.session, 77);
    CHECK_EQ(said_frame.payload[0], LINK_VERSION);
    hear_welcome(78, 9);
    CHECK_EQ(link_state.form, LINK_PROBING);
    hear_welcome(77, 9);
    CHECK_EQ(link_state.form, LINK_FRAMES);
    CHECK_EQ(link_state.session, 9);
    CHECK_STR(link_state.backend, "echo");
}

TEST(hello_is_repeated_and_given_up) {
    start();
    pass(LINK_PROBE_TIME);
    hear("\r\r\r", 3);
    unsigned hellos = 0;
    for (unsigned i = 0; i < 20; i++) {
        listen();
        hellos += said_frames;
        CHECK_EQ(link_line_ready(&link_state), i >= 15);
        pass(LINK_SECOND / 10);
    }
    CHECK_EQ(hellos, LINK_HELLO_TRIES);
}

TEST(message_is_repeated_until_acknowledged) {
    open_session();
    CHECK(link_send(&link_state, (const uint8_t *)"abc", 3));
    CHECK(!link_send(&link_state, (const uint8_t *)"def", 3));
    unsigned sent = 0;
    for (unsigned i = 0; i < 40; i++) {
        listen();
        sent += said_frames;
        if (said_frames) {
            CHECK_EQ(said_frame.sequence, 1);
            CHECK(said_frame.length == 3 && memcmp(said_frame.payload, "abc", 3) == 0);
        }
        pass(LINK_SECOND / 8);
    }
    CHECK_EQ(sent, 4); /* at 0, 0.5, 1.5, 3.5 s */
    hear_frame((struct frame){.type = FRAME_ACKNOWLEDGE, .session = 5, .acknowledge = 1});
    CHECK(link_can_send(&link_state));
    pass(4 * LINK_SECOND);
    listen();
    CHECK_EQ(said_frames, 0);
}

TEST(message_is_taken_once) {
    size_t length;
    open_session();
    struct frame data = {.type = FRAME_DATA, .session = 5, .sequence = 1, .length = 1};
    hear_frame(data);
    REQUIRE(link_message(&link_state, &length) != NULL);
    link_message_done(&link_state);
    listen();
    CHECK_EQ(said_frame.type, FRAME_ACKNOWLEDGE);
    CHECK_EQ(said_frame.acknowledge, 1);
    hear_frame(data);
    CHECK(link_message(&link_state, &length) == NULL);
    listen();
    CHECK_EQ(said_frames, 1);
    CHECK_EQ(said_frame.acknowledge, 1);
    data.sequence = 3;
    hear_frame(data);
    CHECK(link_message(&link_state, &length) == NULL);
    data.sequence = 2;
    data.session = 6;
    hear_frame(data);
    CHECK(link_message(&link_state, &length) == NULL);
    listen();
    CHECK_EQ(said_frame.type, FRAME_HELLO);
}

TEST(no_room_is_told_and_taken_back) {
    size_t length;
    open_session();
    struct frame data = {.type = FRAME_DATA, .session = 5, .sequence = 1, .length = 1};
    hear_frame(data);
    data.sequence = 2;
    hear_frame(data);
    listen();
    CHECK_EQ(said_frame.acknowledge, 1);
    CHECK_EQ(said_frame.flags, FRAME_BUSY);
    CHECK(link_message(&link_state, &length) != NULL);
    link_message_done(&link_state);
    listen();
    CHECK_EQ(said_frames, 1);
    CHECK_EQ(said_frame.acknowledge, 1);
    CHECK_EQ(said_frame.flags, 0);
    hear_frame(data);
    CHECK(link_message(&link_state, &length) != NULL);
}

TEST(busy_host_is_waited_for) {
    open_session();
    link_send(&link_state, (const uint8_t *)"abc", 3);
    listen();
    hear_frame((struct frame){.type = FRAME_ACKNOWLEDGE, .flags = FRAME_BUSY, .session = 5});
    pass(LINK_SECOND);
    listen();
    CHECK_EQ(said_frames, 0);
    hear_frame((struct frame){.type = FRAME_ACKNOWLEDGE, .session = 5});
    listen();
    CHECK_EQ(said_frames, 1);
    CHECK_EQ(said_frame.type, FRAME_DATA);
}

TEST(silence_ends_the_session) {
    open_session();
    uint32_t generation = link_state.generation;
    pass(2 * LINK_QUIET_TIME);
    hear_frame((struct frame){.type = FRAME_ACKNOWLEDGE, .flags = FRAME_POLL, .session = 5});
    listen();
    CHECK_EQ(said_frame.type, FRAME_ACKNOWLEDGE);
    pass(LINK_QUIET_MAX * LINK_QUIET_TIME - 1);
    CHECK_EQ(link_state.generation, generation);
    pass(1);
    CHECK(link_state.generation != generation);
    CHECK_EQ(link_state.form, LINK_LINE);
    CHECK_EQ(link_state.epoch, 78);
    hear_frame((struct frame){.type = FRAME_ACKNOWLEDGE, .flags = FRAME_POLL, .session = 5});
    listen();
    CHECK_EQ(said_frame.type, FRAME_HELLO);
    CHECK_EQ(said_frame.session, 78);
}

TEST(a_pause_of_the_machine_is_no_silence) {
    open_session();
    now += 1000 * LINK_SECOND;
    link_tick(&link_state, now);
    CHECK_EQ(link_state.form, LINK_FRAMES);
    hear_frame((struct frame){.type = FRAME_ACKNOWLEDGE, .session = 5});
    pass(LINK_QUIET_TIME);
    CHECK_EQ(link_state.form, LINK_FRAMES);
}

TEST(same_session_goes_on_new_one_does_not) {
    open_session();
    link_send(&link_state, (const uint8_t *)"abc", 3);
    listen();
    hear("\r\r\r", 3);
    listen();
    CHECK_EQ(said_frame.type, FRAME_HELLO);
    uint32_t generation = link_state.generation;
    hear_welcome(77, 5);
    CHECK_EQ(link_state.generation, generation);
    CHECK(!link_can_send(&link_state));
    hear_welcome(77, 6);
    CHECK(link_state.generation != generation);
    CHECK(link_can_send(&link_state));
    CHECK_EQ(link_state.sequence, 0);
}

TEST(line_before_hello) {
    start();
    pass(LINK_PROBE_TIME);
    link_line_ask(&link_state, (const uint8_t *)"q", 1);
    hear("\r\r\r", 3);
    uint8_t wire[100];
    size_t count = link_transmit(&link_state, wire, sizeof wire, now);
    CHECK(count > 6 && memcmp(wire, "ASK q\n\xf8", 7) == 0);
}
