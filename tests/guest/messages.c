/* SPDX-License-Identifier: MIT
 * Calls and their answers, leases, handles in messages, cancellation; what an actor's death changes
 * (nothing).
 */
#include "guest.h"

#include <common/string.h>
#include <ipc/thread.h>

static void words(void) {
    struct child child;
    uint64_t sent[MESSAGE_WORDS], back[MESSAGE_WORDS];
    REQUIRE(child_actor(&child, NULL));
    for (uint32_t count = 0; count <= MESSAGE_WORDS; count++) {
        for (uint32_t i = 0; i < MESSAGE_WORDS; i++) {
            sent[i] = i < count ? 0x1111111111111111 * (i % 15 + 1) : 0;
        }
        memset(back, 0xee, sizeof back);
        CHECK_EQ(call_words(child.session, PROBE_ECHO, sent, count * 8, back, sizeof back), OK);
        CHECK(memcmp(sent, back, sizeof sent) == 0);
    }
    CHECK_EQ(call_words(child.session, 999, NULL, 0, NULL, 0), E_UNSUPPORTED);
    uint64_t badge = 0;
    CHECK_EQ(probe(&child, PROBE_BADGE_OF, 0, 0, &badge), OK);
    CHECK_EQ(badge, BADGE_ROOT | PROBE_BADGE);
    child_end(&child);
}

static status_t raw_call(handle_t session, uint64_t tag) {
    struct message_registers registers = {.rdi = session, .tag = tag};
    syscall_message(SYS_CALL, &registers);
    return (status_t)registers.rax;
}

static void bad_messages(void) {
    struct child child;
    REQUIRE(child_actor(&child, NULL));
    struct message_buffer *buffer = message_buffer();
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 65, 0, 0)), E_INVALID);
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 127, 0, 0)), E_INVALID);
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 5, 0)), E_INVALID);
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 0, 5)), E_INVALID);
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 0, 0) | 1ull << 60), E_INVALID);
    buffer->handles[0] = (struct handle_slot){0x7ff0, RIGHT_ALL};
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 0, 1)), E_HANDLE);
    handle_t uncopyable = HANDLE_NONE;
    CHECK_EQ(handle_copy(test_account, RIGHT_READ, &uncopyable), OK);
    buffer->handles[0] = (struct handle_slot){uncopyable, RIGHT_ALL};
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 0, 1)), E_RIGHTS);
    handle_close(uncopyable);
    buffer->leases[0] = (struct lease){(uintptr_t)&child, 8, 0x10, 0};
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 1, 0)), E_INVALID);
    buffer->leases[0] = (struct lease){0xffffffff80000000, 8, LEASE_READ, 0};
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 1, 0)), E_INVALID);
    buffer->leases[0] = (struct lease){(uintptr_t)&child, UINT64_MAX, LEASE_READ, 0};
    CHECK_EQ(raw_call(child.session, TAG(PROBE_ECHO, 0, 1, 0)), E_INVALID);
    CHECK_EQ(probe(&child, PROBE_ADD, 1, 0, NULL), OK);
    child_end(&child);
}

static void leases(void) {
    static uint8_t in[6000], out[5000];
    struct child child;
    uint64_t word = 0xab, results[5];
    REQUIRE(child_actor(&child, NULL));
    memset(in, 3, sizeof in);
    struct lease lent[2] = {lease_in(in, sizeof in), lease_out(out, sizeof out)};
    struct message message = {.data = &word, .size = 8, .leases = lent, .lease_count = 2};
    struct answer answer = {.data = results, .size = sizeof results};
    CHECK_EQ(call(child.session, PROBE_LEASE, &message, &answer), OK);
    CHECK_EQ(results[0], 3 * sizeof in);
    CHECK_EQ(results[1], sizeof in);
    CHECK_EQ(results[2], OK);
    CHECK_EQ(results[3], sizeof out);
    CHECK_EQ(results[4], OK);
    CHECK(out[0] == 0xab && out[sizeof out - 1] == 0xab);
    /* The wrong way round: neither may be done. */
    lent[0].access = LEASE_WRITE;
    lent[1].access = LEASE_READ;
    memset(out, 1, sizeof out);
    CHECK_EQ(call(child.session, PROBE_LEASE, &message, &answer), OK);
    CHECK_EQ(results[2], E_RIGHTS);
    CHECK_EQ(results[4], E_RIGHTS);
    CHECK_EQ(out[0], 1);
    /* Memory that is not there, and memory that is read-only. */
    lent[0] = lease_in((void *)0x600000000, 64);
    lent[1] = (struct lease){STARTUP_VA, 64, LEASE_WRITE, 0};
    CHECK_EQ(call(child.session, PROBE_LEASE, &message, &answer), OK);
    CHECK_EQ(results[2], E_FAULT);
    CHECK_EQ(results[4], E_FAULT);
    /* No lease at all. */
    message.lease_count = 0;
    CHECK_EQ(call(child.session, PROBE_LEASE, &message, &answer), OK);
    CHECK((int64_t)results[2] < 0 && (int64_t)results[4] < 0);
    child_end(&child);
}

static void handles(void) {
    struct child child;
    handle_t first = HANDLE_NONE, second = HANDLE_NONE;
    REQUIRE(child_actor(&child, NULL));
    REQUIRE(notification_create(test_account, &first) == OK);
    REQUIRE(notification_create(test_account, &second) == OK);
    struct handle_information before = {0}, after = {0};
    handle_info(first, &before);
    struct handle_slot slots[2] = {{first, RIGHT_SIGNAL | RIGHT_COPY},
                                   {second, RIGHT_ALL | HANDLE_MOVE}};
    struct message message = {.handles = slots, .handle_count = 2};
    struct answer answer = {.data = NULL};
    CHECK_EQ(call(child.session, PROBE_ECHO, &message, &answer), OK);
    REQUIRE(answer.handle_count == 2);
    CHECK_EQ(handle_info(second, &after), E_HANDLE); /* it was moved */
    CHECK_EQ(handle_info(answer.handles[0].handle, &after), OK);
    CHECK_EQ(after.id, before.id);
    CHECK_EQ(after.rights, RIGHT_SIGNAL | RIGHT_COPY);
    CHECK_EQ(notification_signal(answer.handles[1].handle, 1), OK);
    handle_close(answer.handles[0].handle);
    handle_close(answer.handles[1].handle);
    handle_close(first);
    child_end(&child);
}

static void closed_sessions(void) {
    struct child child;
    struct answer answer = {.data = NULL};
    uint64_t badge = 0x1234, seen = 0;
    REQUIRE(child_actor(&child, NULL));
    struct message message = {.data = &badge, .size = 8};
    REQUIRE(call(child.session, PROBE_MINT, &message, &answer) == OK && answer.handle_count == 1);
    handle_t session = answer.handles[0].handle, copy = HANDLE_NONE;
    CHECK_EQ(call_words(session, PROBE_BADGE_OF, NULL, 0, &seen, 8), OK);
    CHECK_EQ(seen, badge);
    CHECK_EQ(handle_copy(session, RIGHT_CALL, &copy), OK);
    handle_close(session);
    CHECK_EQ(probe_state(&child).closed, 0);
    handle_close(copy);
    struct probe_state state = probe_state(&child);
    CHECK_EQ(state.closed, 1);
    CHECK_EQ(state.closed_badge, badge);
    child_end(&child);
}

/* A session whose endpoint is gone, and one at which nobody serves. */
static void no_server(void) {
    handle_t endpoint = HANDLE_NONE, session = HANDLE_NONE;
    REQUIRE(endpoint_create(test_account, &endpoint) == OK);
    REQUIRE(session_create(endpoint, 1, &session) == OK);
    struct message message = {.deadline = time_now_ns() + 30 * NS_PER_MS};
    CHECK_EQ(call(session, PROBE_ECHO, &message, NULL), E_TIMEOUT);
    handle_close(endpoint);
    CHECK_EQ(call(session, PROBE_ECHO, &message, NULL), E_CLOSED);
    handle_close(session);
    struct child child;
    REQUIRE(child_actor(&child, NULL));
    child_end(&child);
}

static struct child *parked_child;
static volatile status_t parked_status;
static volatile uint64_t parked_answer;
static volatile bool parked_done;

static void park_and_wait(void *argument) {
    uint64_t answer = 0;
    (void)argument;
    parked_status = probe(parked_child, PROBE_PARK, 0, 0, &answer);
    parked_answer = answer;
    parked_done = true;
}

static bool wait_parked(const struct child *child, uint64_t count) {
    for (int i = 0; i < 500; i++) {
        if (probe_state(child).parked == count) {
            return true;
        }
        thread_sleep(2 * NS_PER_MS);
    }
    return false;
}

static bool wait_done(void) {
    for (int i = 0; i < 500 && !parked_done; i++) {
        thread_sleep(2 * NS_PER_MS);
    }
    thread_sleep(2 * NS_PER_MS);
    return parked_done;
}

static handle_t start_parked(struct child *child) {
    handle_t thread = HANDLE_NONE;
    parked_child = child;
    parked_done = false;
    if (thread_create(park_and_wait, NULL, 12, &thread) != OK || !wait_parked(child, 1)) {
        check_failed(__FILE__, __LINE__, "thread", 0, 0);
    }
    return thread;
}

static void parked_calls(void) {
    struct child child;
    uint64_t count = 0;
    REQUIRE(child_actor(&child, NULL));
    handle_t thread = start_parked(&child);
    /* The server dies and comes back: the caller still waits and is still known. */
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, 0), OK);
    CHECK_EQ(probe_state(&child).incarnation, 1);
    CHECK_EQ(probe_state(&child).parked, 1);
    CHECK(!parked_done);
    CHECK_EQ(probe(&child, PROBE_UNPARK, 77, 0, &count), OK);
    CHECK_EQ(count, 1);
    CHECK(wait_done());
    CHECK_EQ(parked_status, OK);
    CHECK_EQ(parked_answer, 77);
    handle_close(thread);
    child_end(&child);
}

static void timeouts_and_cancels(void) {
    struct child child;
    uint64_t answer = 0;
    REQUIRE(child_actor(&child, NULL));
    struct message message = {.deadline = time_now_ns() + 30 * NS_PER_MS};
    CHECK_EQ(call(child.session, PROBE_PARK, &message, NULL), E_TIMEOUT);
    CHECK_EQ(probe_state(&child).cancels, 1);
    CHECK_EQ(probe_state(&child).parked, 0);
    /* A server that has data when the cancel comes: the data is not lost. */
    CHECK_EQ(probe(&child, PROBE_CANCEL, 55, 0, NULL), OK);
    struct answer result = {.data = &answer, .size = 8};
    message.deadline = time_now_ns() + 30 * NS_PER_MS;
    CHECK_EQ(call(child.session, PROBE_PARK, &message, &result), OK);
    CHECK_EQ(answer, 55);
    CHECK_EQ(probe(&child, PROBE_CANCEL, 0, 0, NULL), OK);
    handle_t thread = start_parked(&child);
    CHECK_EQ(thread_interrupt(thread), OK);
    CHECK(wait_done());
    CHECK(parked_status == E_INTR || parked_status == E_CANCELLED);
    handle_close(thread);
    child_end(&child);
}

static void destroyed_server(void) {
    struct child child;
    REQUIRE(child_actor(&child, NULL));
    handle_t thread = start_parked(&child);
    CHECK_EQ(task_destroy(child.task), OK);
    CHECK(wait_done());
    CHECK_EQ(parked_status, E_RESET);
    handle_close(thread);
    child_end(&child);
}

/* A handle that is moved is nobody's to use until the call is accepted, and here again if it is
 * not: the server died in the call that was cancelled, or there never was one. */
static handle_t moving;

static void move_and_wait(void *argument) {
    struct handle_slot slot = {moving, RIGHT_ALL | HANDLE_MOVE};
    struct message message = {.handles = &slot, .handle_count = 1};
    (void)argument;
    parked_status = call(parked_child->session, PROBE_SPIN, &message, NULL);
    parked_done = true;
}

static void moves_that_end_early(void) {
    struct child child;
    handle_t endpoint = HANDLE_NONE, session = HANDLE_NONE, thread = HANDLE_NONE, copy;
    struct handle_information before = {0}, after = {0};
    struct task_info info = {0};
    REQUIRE(notification_create(test_account, &moving) == OK);
    REQUIRE(handle_info(moving, &before) == OK);
    struct handle_slot slot = {moving, RIGHT_ALL | HANDLE_MOVE};
    struct message message = {
        .handles = &slot, .handle_count = 1, .deadline = time_now_ns() + 30 * NS_PER_MS};
    REQUIRE(endpoint_create(test_account, &endpoint) == OK);
    REQUIRE(session_create(endpoint, 1, &session) == OK);
    CHECK_EQ(call(session, PROBE_ECHO, &message, NULL), E_TIMEOUT);
    CHECK_EQ(handle_info(moving, &after), OK);
    handle_close(endpoint);
    CHECK_EQ(call(session, PROBE_ECHO, &message, NULL), E_CLOSED);
    CHECK_EQ(handle_info(moving, &after), OK);
    CHECK(after.id == before.id && after.rights == before.rights);
    handle_close(session);

    REQUIRE(child_actor(&child, NULL));
    parked_child = &child;
    parked_done = false;
    REQUIRE(thread_create(move_and_wait, NULL, 12, &thread) == OK);
    while (task_info(child.task, &info) == OK && info.event != EVENT_CALL) {
        thread_sleep(NS_PER_MS);
    }
    CHECK_EQ(handle_info(moving, &after), E_HANDLE);
    CHECK_EQ(handle_copy(moving, RIGHT_ALL, &copy), E_HANDLE);
    CHECK_EQ(syscall_2(SYS_HANDLE_CLOSE, moving, 0), E_HANDLE);
    CHECK_EQ(call(child.session, PROBE_ECHO, &message, NULL), E_HANDLE);
    CHECK_EQ(thread_interrupt(thread), OK);
    CHECK(!parked_done);
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, 0), OK);
    CHECK(wait_done());
    CHECK_EQ(parked_status, E_CANCELLED);
    CHECK_EQ(handle_info(moving, &after), OK);
    CHECK(after.id == before.id && after.rights == before.rights);
    CHECK_EQ(notification_signal(moving, 1), OK);
    handle_close(moving);
    handle_close(thread);
    child_end(&child);
}

/* The call of a caller that dies is cancelled at its server. */
static void staged_calls(void) {
    struct child client, server;
    uint64_t word = 123, answer = 0;
    REQUIRE(child_actor(&server, NULL));
    REQUIRE(child_actor(&client, NULL));
    struct handle_slot slot = {server.session, RIGHT_CALL | RIGHT_COPY};
    struct message message = {.data = &word, .size = 8, .handles = &slot, .handle_count = 1};
    struct answer result = {.data = &answer, .size = 8};
    for (int i = 0; i < 20; i++) {
        word = (uint64_t)i + 1;
        CHECK_EQ(call(client.session, PROBE_FORWARD, &message, &result), OK);
        CHECK_EQ(answer, word);
    }
    CHECK_EQ(task_reset(client.task, HANDLE_NONE, 0), OK);
    CHECK_EQ(call(client.session, PROBE_FORWARD, &message, &result), OK);
    child_end(&client);
    CHECK_EQ(probe(&server, PROBE_ADD, 1, 0, &answer), OK);
    CHECK_EQ(answer, 1);
    child_end(&server);
}

const struct guest_test message_tests[] = {
    {"messages of 0 to 64 words", words},
    {"messages that are refused", bad_messages},
    {"leases", leases},
    {"handles in messages", handles},
    {"closed sessions", closed_sessions},
    {"calls without a server", no_server},
    {"parked calls survive their server", parked_calls},
    {"time-outs, cancels and interrupts", timeouts_and_cancels},
    {"a destroyed server", destroyed_server},
    {"moves that end early", moves_that_end_early},
    {"calls of an actor", staged_calls},
    {NULL, NULL},
};
