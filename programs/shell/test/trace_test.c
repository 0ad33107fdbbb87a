/* SPDX-License-Identifier: MIT
 * What the shell makes of the kernel's records.
 */
#include <check.h>

#include "../trace.h"

static char output[65536];
static struct trace_view view;

static void put(void *context, const char *text) {
    (void)context;
    CHECK(strlen(output) + strlen(text) < sizeof(output));
    strcat(output, text);
}

static void begin(void) {
    output[0] = 0;
    view = (struct trace_view){.put = put};
    trace_name(&view, 1, "shell");
    trace_name(&view, 2, "a \"b\\\n");
}

#define RECORD(...) ((const struct trace_record){__VA_ARGS__})
#define CALL(at, number)                                                                           \
    RECORD(.time = (at), .kind = TRACE_CALL, .detail = 5, .task = 1, .thread = 11, .other = 2,     \
           .value = (number))
#define ANSWER(at, number)                                                                         \
    RECORD(.time = (at), .kind = TRACE_ANSWER, .detail = (uint16_t)E_NOT_FOUND, .task = 2,         \
           .thread = 21, .other = 1, .value = (number))
#define EVENT(at)                                                                                  \
    RECORD(.time = (at), .kind = TRACE_EVENT, .detail = EVENT_CALL, .task = 2, .thread = 21,       \
           .other = 1, .value = 7)
#define COMMIT(at) RECORD(.time = (at), .kind = TRACE_COMMIT, .task = 2, .thread = 21, .value = 3)

static unsigned count(const char *what) {
    unsigned found = 0;
    for (const char *at = output; (at = strstr(at, what)) != NULL; at++) {
        found++;
    }
    return found;
}

TEST(lines_say_what_happened_and_how_long_it_took) {
    begin();
    trace_text(&view, &CALL(1000000100, 77), false);
    CHECK_STR(output, "");
    trace_text(&view, &EVENT(1000000200), true);
    CHECK_STR(output, "   1.000000200   0  a ?b??       takes a call of shell\n");
    output[0] = 0;
    trace_text(&view, &COMMIT(1000001300), true);
    CHECK_STR(output, "   1.000001300   0  a ?b??       commits 3 pages, took 1.100 us\n");
    output[0] = 0;
    trace_text(&view, &ANSWER(1000002101, 77), true);
    CHECK(strstr(output, "a ?b??       answers shell, E_NOT_FOUND, took 2.001 us\n") != NULL);
    output[0] = 0;
    trace_text(&view, &ANSWER(1000002200, 77), true); /* another one's */
    CHECK(strstr(output, "answers shell, E_NOT_FOUND\n") != NULL);
}

TEST(a_death_tells_a_name) {
    begin();
    const struct trace_record death = {
        .kind = TRACE_DEATH, .detail = 3, .task = 9, .name = "sixteen letters!"};
    trace_text(&view, &death, true);
    CHECK(strstr(output, "task 9       ends, 3\n") != NULL);
    trace_names(&view, &death);
    output[0] = 0;
    trace_text(&view, &death, true);
    CHECK(strstr(output, "sixteen letters! ends, 3\n") != NULL);
}

TEST(what_begins_in_a_file_ends_in_it) {
    begin();
    trace_json_begin(&view, 2);
    trace_json(&view, &ANSWER(50, 1)); /* had begun before */
    trace_json(&view, &COMMIT(60));
    CHECK_EQ(count("\"ph\":\"E\""), 0);
    trace_json(&view, &CALL(100, 77));
    trace_json(&view, &EVENT(1234567));
    CHECK(strstr(output, "{\"ph\":\"B\",\"pid\":2,\"tid\":21,\"ts\":1234.567,\"cat\":\"turn\"") !=
          NULL);
    trace_json(&view, &RECORD(.time = 1234570, .kind = TRACE_CALL, .task = 2, .value = 8));
    trace_json(&view, &RECORD(.time = 1234571, .kind = TRACE_SWITCH, .task = 2, .thread = 21));
    CHECK_EQ(count("\"ph\":\"B\""), 3);
    CHECK_EQ(count("\"ph\":\"b\""), 1);
    trace_json_end(&view);
    CHECK_EQ(count("\"ph\":\"E\""), 3);
    CHECK_EQ(count("\"ph\":\"e\""), 1);
    CHECK_EQ(count("\"ts\":1234.571}"), 3);
    CHECK_STR(output + strlen(output) - 4, "\n]}\n");
}

TEST(a_reset_ends_what_the_task_was_at) {
    begin();
    trace_json_begin(&view, 1);
    trace_json(&view, &CALL(100, 77));
    trace_json(&view, &EVENT(200));
    trace_json(&view, &RECORD(.time = 250, .kind = TRACE_CALL, .task = 2, .value = 8));
    trace_json(&view, &RECORD(.time = 300, .kind = TRACE_RESET, .task = 2, .thread = 21));
    CHECK_EQ(count("\"ph\":\"E\",\"pid\":2,\"tid\":21"), 1);
    CHECK_EQ(count("\"ph\":\"E\",\"pid\":1"), 0);
    trace_json(&view, &EVENT(400));
    trace_json(&view, &COMMIT(500));
    trace_json(&view, &ANSWER(500, 77));
    CHECK_EQ(count("\"ph\":\"E\",\"pid\":2,\"tid\":21"), 2);
    CHECK_EQ(count("\"ph\":\"E\",\"pid\":1,\"tid\":11"), 1);
    CHECK_EQ(count("\"ph\":\"e\""), 0); /* a staged call is answered after the reset */
    trace_json(&view, &ANSWER(600, 8));
    CHECK_EQ(count("\"ph\":\"e\""), 1);
    trace_json(&view, &EVENT(700));
    trace_json(&view, &RECORD(.time = 800, .kind = TRACE_DEATH, .task = 2));
    CHECK_EQ(view.span_count, 0);
}

TEST(more_than_there_is_room_for_is_left_out) {
    begin();
    trace_json_begin(&view, 1);
    for (uint64_t i = 0; i < TRACE_OPEN + 5; i++) {
        struct trace_record call = CALL(i, 100 + i);
        call.thread = 1000 + (uint32_t)i;
        trace_json(&view, &call);
    }
    CHECK_EQ(count("\"ph\":\"B\""), TRACE_OPEN);
    for (uint64_t i = 0; i < TRACE_OPEN + 5; i++) {
        trace_json(&view, &ANSWER(1000 + i, 100 + i));
    }
    CHECK_EQ(count("\"ph\":\"E\""), TRACE_OPEN);
    for (uint32_t i = 0; i < 2 * TRACE_TASKS; i++) {
        trace_name(&view, 100 + i, "many");
    }
    CHECK_EQ(view.task_count, TRACE_TASKS);
}
