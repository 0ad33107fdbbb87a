/* SPDX-License-Identifier: MIT
 * Calls, answers, leases, notifications, timers: what is special of each.
 */
#include "conform.h"

#include <ipc/machine.h>
#include <ipc/thread.h>

static struct child server;

/* ---- CALL --------------------------------------------------------------------------------------
 */

static void raw_call(status_t wanted, handle_t session, uint64_t tag) {
    struct message_registers registers = {.rdi = session, .tag = tag};
    EXPECT_MESSAGE(CALL, wanted, &registers);
}

static void call_without_buffer(void) {
    raw_call(E_FAULT, server.session, TAG(PROBE_ECHO, 10, 0, 0));
}

static void bad_messages(uint32_t op, uint64_t rdi, bool leases) {
    struct message_buffer *buffer = message_buffer();
    handle_t weak = HANDLE_NONE;
    CHECK_EQ(handle_copy(objects[OBJECT_MEMORY], RIGHT_READ, &weak), OK);
    const struct {
        struct handle_slot slot;
        status_t status;
        uint64_t tag;
    } bad[] = {
        {{0, 0}, E_INVALID, TAG(0, 65, 0, 0)},
        {{0, 0}, E_INVALID, TAG(0, 0, 5, 0)},
        {{0, 0}, E_INVALID, TAG(0, 0, 0, 5)},
        {{0, 0}, E_INVALID, TAG(0, 0, 0, 0) | 1ull << 60},
        {{0x7ff0, RIGHT_ALL}, E_HANDLE, TAG(0, 0, 0, 1)},
        {{weak, RIGHT_ALL}, E_RIGHTS, TAG(0, 0, 0, 1)},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct message_registers registers = {
            .rdi = rdi, .tag = bad[i].tag, .r14 = RECEIVE_POLL | RECEIVE_ALL};
        buffer->handles[0] = bad[i].slot;
        expect_message(__FILE__, __LINE__, op, bad[i].status, &registers);
    }
    if (leases) {
        struct message_registers registers = {.rdi = rdi, .tag = TAG(0, 0, 1, 0)};
        buffer->leases[0] = (struct lease){0xffffffff80000000, 8, LEASE_READ, 0};
        expect_message(__FILE__, __LINE__, op, E_INVALID, &registers);
    }
    handle_close(weak);
}

/* A thread that parks a call, to be dealt with. */
static volatile uint32_t caller_state;
static volatile status_t caller_wants;
static volatile uint64_t caller_tag;
static volatile handle_t caller_session;

static void park(void *argument) {
    (void)argument;
    caller_state = 1;
    raw_call(caller_wants, caller_session, caller_tag);
    caller_state = 2;
}

static handle_t start_caller(status_t wanted, handle_t session, uint64_t tag) {
    handle_t thread = HANDLE_NONE;
    caller_wants = wanted;
    caller_tag = tag;
    caller_session = session;
    caller_state = 0;
    CHECK_EQ(thread_create(park, NULL, 12, &thread), OK);
    while (caller_state == 0 ||
           (TAG_LABEL(tag) == PROBE_PARK && probe_state(&server).parked == 0)) {
        thread_sleep(NS_PER_MS);
    }
    return thread;
}

static void await_caller(handle_t thread) {
    while (caller_state != 2) {
        thread_sleep(NS_PER_MS);
    }
    handle_close(thread);
}

static void wait_taken(void) {
    struct task_info information = {0};
    while (task_info(server.task, &information) == OK && information.event != EVENT_CALL) {
        thread_sleep(NS_PER_MS);
    }
}

static void calls(void) {
    struct child supervisor;
    handle_t endpoint = HANDLE_NONE, session = HANDLE_NONE;
    REQUIRE(child_actor(&supervisor, NULL));
    REQUIRE(child_actor(&server, &supervisor));
    raw_call(OK, server.session, TAG(PROBE_BADGE_OF, 0, 0, 0));
    bad_messages(SYS_CALL, server.session, true);
    without_buffer(call_without_buffer);
    message_buffer()->deadline = 1;
    raw_call(E_TIMEOUT, server.session, TAG(PROBE_PARK, 0, 0, 0) | TAG_TIMEOUT);
    /* Interrupted where nobody has taken it; and where its server is reset in that very turn. */
    REQUIRE(endpoint_create(test_account, &endpoint) == OK);
    REQUIRE(session_create(endpoint, 1, &session) == OK);
    handle_t thread = start_caller(E_INTR, session, TAG(0, 0, 0, 0));
    CHECK_EQ(thread_interrupt(thread), OK);
    await_caller(thread);
    thread = start_caller(E_CANCELLED, server.session, TAG(PROBE_SPIN, 0, 0, 0));
    wait_taken();
    CHECK_EQ(thread_interrupt(thread), OK);
    CHECK_EQ(task_reset(server.task, HANDLE_NONE, 0), OK);
    await_caller(thread);
    /* A call that kills its server, and is not given to it again. */
    thread = start_caller(E_POISON, server.session, TAG(PROBE_SPIN, 0, 0, 0));
    wait_taken();
    CHECK_EQ(task_reset(server.task, HANDLE_NONE, RESET_POISON), OK);
    await_caller(thread);
    /* A server that ends while it has a call, and an endpoint that is gone. */
    thread = start_caller(E_RESET, server.session, TAG(PROBE_PARK, 0, 0, 0));
    CHECK_EQ(task_destroy(server.task), OK);
    await_caller(thread);
    child_end(&server);
    child_end(&supervisor);
    handle_close(endpoint);
    raw_call(E_CLOSED, session, TAG(0, 0, 0, 0));
    handle_close(session);
}

/* ---- a plain task as a server ------------------------------------------------------------------
 */

static handle_t own_endpoint, own_session;
static token_t taken;

static int64_t receive(status_t wanted, token_t answer, struct message_registers *event) {
    *event = (struct message_registers){.rdi = answer, .r14 = RECEIVE_ALL};
    return EXPECT_MESSAGE(COMMIT_RECEIVE, wanted, event);
}

/* Ends the turn: now what was staged is done, in a plain task too. */
static void poll_events(void) {
    struct message_registers event = {.r14 = RECEIVE_ALL | RECEIVE_POLL};
    CHECK_EQ(EXPECT_MESSAGE(COMMIT_RECEIVE, OK, &event), EVENT_NONE);
}

static void receive_one(void *argument) {
    struct message_registers event;
    (void)argument;
    receive(OK, TOKEN_NONE, &event);
    event = (struct message_registers){.rdi = event.r14, .tag = TAG(7, 0, 0, 0)};
    EXPECT_MESSAGE(REPLY, OK, &event);
    poll_events();
    caller_state = 2;
}

static uint8_t lent_bytes[64];

static void call_own(void *argument) {
    struct message_registers registers = {.rdi = own_session, .tag = TAG(0, 0, 2, 0)};
    (void)argument;
    message_buffer()->leases[0] = (struct lease){(uintptr_t)lent_bytes, 64, LEASE_READ, 0};
    message_buffer()->leases[1] = (struct lease){(uintptr_t)lent_bytes, 64, LEASE_WRITE, 0};
    syscall_message(SYS_CALL, &registers);
    caller_state = 2;
}

static void answer_without_buffer(void) {
    struct message_registers answer = {.rdi = taken, .tag = TAG(0, 10, 0, 0)};
    EXPECT_MESSAGE(REPLY, E_FAULT, &answer);
    answer = (struct message_registers){
        .rdi = taken, .tag = TAG(0, 10, 0, 0), .r14 = RECEIVE_ALL | RECEIVE_POLL};
    EXPECT_MESSAGE(COMMIT_RECEIVE, E_FAULT, &answer);
    answer = (struct message_registers){.rdi = own_session, .tag = TAG(0, 10, 0, 0)};
    EXPECT_MESSAGE(CALL_STAGE, E_FAULT, &answer);
}

static void leases(void) {
    uint64_t here = (uintptr_t)lent_bytes, bad = 0x600000000;
    EXPECT(LEASE_READ, OK, taken, 0, 0, here, 8);
    EXPECT(LEASE_READ, E_STALE, 0x123456789, 0, 0, here, 8);
    EXPECT(LEASE_READ, E_RANGE, taken, 0, 60, here, 8);
    EXPECT(LEASE_READ, E_RANGE, taken, 2, 0, here, 8);
    EXPECT(LEASE_READ, E_RIGHTS, taken, 1, 0, here, 8);
    EXPECT(LEASE_READ, E_FAULT, taken, 0, 0, bad, 8);
    EXPECT(LEASE_WRITE, OK, taken, 1, 0, here, 8);
    EXPECT(LEASE_WRITE, E_STALE, 0x123456789, 1, 0, here, 8);
    EXPECT(LEASE_WRITE, E_RANGE, taken, 1, 60, here, 8);
    EXPECT(LEASE_WRITE, E_RIGHTS, taken, 0, 0, here, 8);
    EXPECT(LEASE_WRITE, E_FAULT, taken, 1, 0, bad, 8);
}

static void plain_server(void) {
    struct message_registers event;
    handle_t thread = HANDLE_NONE;
    receive(E_STATE, TOKEN_NONE, &event);
    REQUIRE(endpoint_create(test_account, &own_endpoint) == OK);
    REQUIRE(session_create(own_endpoint, 1, &own_session) == OK);
    EXPECT(ACTOR_BIND, OK, own_endpoint);
    /* Another thread receives. */
    caller_state = 0;
    REQUIRE(thread_create(receive_one, NULL, 12, &thread) == OK);
    do { /* until the other one waits */
        thread_sleep(NS_PER_MS);
        event = (struct message_registers){.r14 = RECEIVE_ALL | RECEIVE_POLL};
        syscall_message(SYS_COMMIT_RECEIVE, &event);
    } while (event.rax == EVENT_NONE);
    receive(E_BUSY, TOKEN_NONE, &event);
    struct message_registers call = {.rdi = own_session};
    EXPECT_MESSAGE(CALL, OK, &call);
    CHECK_EQ(TAG_LABEL(call.tag), 7);
    await_caller(thread);
    /* A call with leases, taken by this thread. */
    caller_state = 0;
    REQUIRE(thread_create(call_own, NULL, 12, &thread) == OK);
    CHECK_EQ(receive(OK, TOKEN_NONE, &event), EVENT_CALL);
    taken = event.r14;
    leases();
    bad_messages(SYS_REPLY, taken, false);
    bad_messages(SYS_COMMIT_RECEIVE, taken, false);
    bad_messages(SYS_CALL_STAGE, own_session, true);
    struct message_registers staged = {.rdi = own_session, .tag = TAG_TIMEOUT};
    EXPECT_MESSAGE(CALL_STAGE, E_INVALID, &staged);
    without_buffer(answer_without_buffer);
    EXPECT(REPLY, OK, taken);
    EXPECT(REPLY, E_STALE, taken);
    poll_events();
    await_caller(thread);
}

/* ---- a plain task as a pager -------------------------------------------------------------------
 */

static volatile uint64_t *page_address;

static void touch(void *argument) {
    (void)argument;
    *page_address = 1;
    caller_state = 2;
}

/* The token of the call for the page that a thread has touched. */
static token_t await_page(handle_t account, uint64_t address, handle_t *thread) {
    struct message_registers event;
    handle_t memory = HANDLE_NONE;
    page_address = (volatile uint64_t *)address;
    caller_state = 0;
    CHECK_EQ(memory_create_paged(account, PAGE_SIZE, own_session, &memory), OK);
    CHECK_EQ(memory_map(TASK_SELF, memory, 0, address, PAGE_SIZE, PROT_READ | PROT_WRITE), OK);
    CHECK_EQ(thread_create(touch, NULL, 12, thread), OK);
    CHECK_EQ(receive(OK, TOKEN_NONE, &event), EVENT_CALL);
    handle_close(memory);
    return event.r14;
}

static void pager(void) {
    handle_t thread = HANDLE_NONE, device = HANDLE_NONE, account = HANDLE_NONE,
             memory = objects[OBJECT_MEMORY];
    REQUIRE(system_memory(test_system, 0xf0000, PAGE_SIZE, test_account, &device) == OK);
    token_t page = await_page(test_account, TEST_AREA, &thread);
    EXPECT(MEMORY_SUPPLY, E_STALE, 0x123456789, memory, 0);
    EXPECT(MEMORY_SUPPLY, E_RANGE, page, memory, PAGE_SIZE);
    EXPECT(MEMORY_SUPPLY, E_TYPE, page, device, 0);
    EXPECT(MEMORY_SUPPLY, OK, page, memory, 0);
    await_caller(thread);
    CHECK_EQ(memory_unmap(TASK_SELF, TEST_AREA, PAGE_SIZE), OK);
    /* One whose memory nobody can pay for: what was touched stays until there is room. */
    REQUIRE(account_create(test_account, 2 * PAGE_SIZE, &account) == OK);
    page = await_page(account, TEST_AREA, &thread);
    handle_t rest = HANDLE_NONE;
    while (account_create(account, PAGE_SIZE / 2, &rest) == OK) {
    }
    EXPECT(MEMORY_SUPPLY, E_QUOTA, page, memory, 0);
}

/* ---- notifications and timers ------------------------------------------------------------------
 */

static void wait_long(void *argument) {
    EXPECT(NOTIFICATION_WAIT, E_INTR, (uintptr_t)argument, 1, DEADLINE_NONE);
    caller_state = 3;
    EXPECT(THREAD_SLEEP, E_INTR, DEADLINE_NONE - 1);
    caller_state = 2;
}

static void notifications(void) {
    handle_t notification = HANDLE_NONE, thread = HANDLE_NONE;
    REQUIRE(notification_create(test_account, &notification) == OK);
    EXPECT(NOTIFICATION_SIGNAL, OK, notification, 2);
    EXPECT(NOTIFICATION_WAIT, OK, notification, 2, 0);
    EXPECT(NOTIFICATION_WAIT, E_TIMEOUT, notification, 2, 0);
    caller_state = 0;
    REQUIRE(thread_create(wait_long, (void *)(uintptr_t)notification, 12, &thread) == OK);
    uint64_t bits;
    while (notification_wait(notification, 2, 0, &bits) == E_TIMEOUT) { /* until it waits */
        thread_sleep(NS_PER_MS);
    }
    EXPECT(NOTIFICATION_WAIT, E_BUSY, notification, 2, 0);
    EXPECT(ACTOR_BIND, E_BUSY, HANDLE_NONE, notification);
    EXPECT(THREAD_INTERRUPT, OK, thread);
    while (caller_state != 3) {
        thread_sleep(NS_PER_MS);
    }
    EXPECT(THREAD_INTERRUPT, OK, thread);
    await_caller(thread);
    handle_close(notification);
    EXPECT(TIMER_SET, OK, objects[OBJECT_TIMER], 1);
    EXPECT(THREAD_SLEEP, OK, 1);
}

void check_messages(void) {
    EXPECT(NULL, OK, 0);
    calls();
    plain_server();
    pager();
    notifications();
}
