/* SPDX-License-Identifier: MIT
 * Calls, sessions, turns, commit and roll back, as user programs see them.
 */
#include "pair.h"

#include <machine.h>
#include <notification.h>

TEST(call_before_receive_waits_and_is_answered) {
    struct pair pair = make_pair(0);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 99), HOST_BLOCKED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    const struct arch_context *c = host_context(pair.server);
    CHECK_EQ(c->rdi, 42);
    CHECK_EQ(TAG_LABEL(c->rsi), 7);
    CHECK_EQ(c->rdx, 99);
    CHECK_EQ(ORIGIN_ATTEMPT(c->r15), 0);
    CHECK_EQ(ORIGIN_ACCOUNT(c->r15), pair.client->account->object.id);
    CHECK_EQ(receive(pair.server, c->r14, 100, RECEIVE_ALL), HOST_BLOCKED);
    CHECK(host_returned(pair.client));
    CHECK_EQ(host_context(pair.client)->rax, OK);
    CHECK_EQ(host_context(pair.client)->rdx, 100);
    host_check_clean();
}

TEST(fast_and_general_paths_agree) {
    struct pair pair = make_pair(16 * PAGE_SIZE);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
    token_t last = 0;
    for (uint64_t i = 0; i < 200; i++) {
        CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, i), HOST_BLOCKED);
        REQUIRE(host_returned(pair.server));
        const struct arch_context *c = host_context(pair.server);
        CHECK_EQ(c->rax, EVENT_CALL);
        CHECK_EQ(c->rdx, i);
        CHECK(c->r14 != last);
        last = c->r14;
        if (i % 3 == 0) { /* something staged makes the general path */
            CHECK_EQ(SYS(pair.server, SYS_CALL_CANCEL, last), E_STALE);
            host_store(pair.server, ARENA_VA + (i % 16) * PAGE_SIZE, &i, 8);
        }
        CHECK_EQ(receive(pair.server, last, i + 1, RECEIVE_ALL), HOST_BLOCKED);
        REQUIRE(host_returned(pair.client));
        CHECK_EQ(host_context(pair.client)->rax, OK);
        CHECK_EQ(host_context(pair.client)->rdx, i + 1);
    }
    host_check_clean();
}

TEST(calls_are_taken_by_priority_then_age) {
    struct pair pair = make_pair(0);
    struct task *clients[4];
    static const uint32_t priorities[4] = {5, 9, 5, 9};
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = host_task("c", 1 << 20, 0, priorities[i]);
        struct session *session = new_session(&pair, 100 + i);
        handle_t handle = host_grant(clients[i], &session->object);
        object_put(&session->object);
        CHECK_EQ(client_call(&pair, clients[i], handle, 1, i), HOST_BLOCKED);
    }
    static const uint64_t order[4] = {1, 3, 0, 2};
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
        CHECK_EQ(host_context(pair.server)->rdx, order[i]);
    }
    host_check_clean();
}

TEST(rollback_redelivers_and_restores_the_arena) {
    struct pair pair = make_pair(16 * PAGE_SIZE);
    uint64_t value = 1, seen = 0;
    struct task *server = pair.server;
    CHECK(host_store(server, ARENA_VA + 8, &value, 8));
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL), HOST_BLOCKED); /* commits the 1 */
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 4), HOST_BLOCKED);
    CHECK(host_returned(server)); /* the client has a call slot now: the next call is a fast one */
    CHECK_EQ(receive(server, host_context(server)->r14, 4, RECEIVE_ALL), HOST_BLOCKED);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 5), HOST_BLOCKED);
    CHECK(host_returned(server));
    CHECK(pair.client->main->call->fast);
    value = 2;
    CHECK(host_store(server, ARENA_VA + 8, &value, 8));
    CHECK(host_store(server, ARENA_VA + 9 * PAGE_SIZE, &value, 8)); /* never committed */
    token_t token = host_context(server)->r14;
    CHECK_EQ(SYS(server, SYS_REPLY, token, MESSAGE_TAG(0, 1), 77), OK);
    CHECK_EQ(SYS(server, SYS_REPLY, token, MESSAGE_TAG(0, 1), 77), E_STALE);
    actor_undo(server, 0);
    CHECK(!host_returned(pair.client));
    CHECK(host_load(server, ARENA_VA + 8, &seen, 8));
    CHECK_EQ(seen, 1);
    CHECK(host_load(server, ARENA_VA + 9 * PAGE_SIZE, &seen, 8));
    CHECK_EQ(seen, 0);
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(host_context(server)->rdx, 5);
    CHECK_EQ(ORIGIN_ATTEMPT(host_context(server)->r15), 1);
    CHECK_EQ(receive(server, host_context(server)->r14, 6, RECEIVE_ALL), HOST_BLOCKED);
    CHECK(host_returned(pair.client));
    CHECK_EQ(host_context(pair.client)->rdx, 6);
    host_check_clean();
}

/* COMMIT_RECEIVE that names a range of the arena as what has changed in its page. */
static int64_t receive_named_range(struct task *task, uint64_t offset, uint64_t length) {
    host_context(task)->r15 = ARENA_RANGE(offset, length);
    return receive(task, 0, 0, RECEIVE_ALL | RECEIVE_POLL | RECEIVE_NAMED);
}

static void store_words(struct task *task, uint64_t first, uint64_t second) {
    CHECK(host_store(task, ARENA_VA + 3 * PAGE_SIZE + 8, &first, 8));
    CHECK(host_store(task, ARENA_VA + 3 * PAGE_SIZE + 4000, &second, 8));
}

static void check_words(struct task *task, uint64_t first, uint64_t second) {
    uint64_t seen = 0;
    CHECK(host_load(task, ARENA_VA + 3 * PAGE_SIZE + 8, &seen, 8));
    CHECK_EQ(seen, first);
    CHECK(host_load(task, ARENA_VA + 3 * PAGE_SIZE + 4000, &seen, 8));
    CHECK_EQ(seen, second);
}

TEST(named_ranges_are_committed) {
    struct pair pair = make_pair(16 * PAGE_SIZE);
    struct task *server = pair.server;
    uint64_t at = 3 * PAGE_SIZE, other = 5;
    store_words(server, 1, 2); /* no committed frame yet: the page is copied whole */
    CHECK_EQ(receive_named_range(server, at + 8, PAGE_SIZE - 8), EVENT_NONE);
    store_words(server, 3, 2);
    CHECK(host_store(server, ARENA_VA, &other, 8)); /* another page, not named */
    CHECK_EQ(receive_named_range(server, at + 8, 8), EVENT_NONE);
    store_words(server, 7, 8);
    actor_undo(server, 0);
    check_words(server, 3, 2);
    CHECK(host_load(server, ARENA_VA, &other, 8));
    CHECK_EQ(other, 5);
    /* Ranges that are in no single page of the arena name nothing. */
    static const uint64_t nowhere[][2] = {
        {3 * PAGE_SIZE + 8, 0}, {3 * PAGE_SIZE + 4000, 97}, {99 * PAGE_SIZE, 8}, {~0ull >> 16, 8}};
    for (uint64_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        store_words(server, 10 + i, 20 + i);
        CHECK_EQ(receive_named_range(server, nowhere[i][0], nowhere[i][1]), EVENT_NONE);
        store_words(server, 0, 0);
        actor_undo(server, 0);
        check_words(server, 10 + i, 20 + i);
    }
    host_check_clean();
}

/* In a build that checks, which this is. */
TEST(a_change_that_is_not_named_is_a_fault) {
    struct pair pair = make_pair(16 * PAGE_SIZE);
    store_words(pair.server, 1, 2);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    store_words(pair.server, 3, 4);
    CHECK_EQ(receive_named_range(pair.server, 3 * PAGE_SIZE + 8, 8), HOST_BLOCKED);
    CHECK_EQ(pair.server->state, TASK_DEAD); /* nobody supervises it */
    CHECK_EQ(pair.server->exit_code, -(int32_t)FAULT_VECTOR_UNNAMED);
    host_check_clean();
}

/* Back is who has ended a turn or has found nothing to do. */
TEST(back_after_the_first_turn) {
    struct pair pair = make_pair(16 * PAGE_SIZE);
    struct task *server = pair.server;
    struct task_info information;
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 4), HOST_BLOCKED);
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    task_describe(server, &information);
    CHECK_EQ(information.back_ns, 0);
    CHECK_EQ(receive(server, host_context(server)->r14, 4, RECEIVE_ALL), HOST_BLOCKED);
    task_describe(server, &information);
    uint64_t back = information.back_ns;
    CHECK(back != 0);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 4), HOST_BLOCKED);
    CHECK_EQ(receive(server, host_context(server)->r14, 4, RECEIVE_ALL), HOST_BLOCKED);
    task_describe(server, &information);
    CHECK_EQ(information.back_ns, back);
    struct task *idle = host_task("idle", 1 << 20, PAGE_SIZE, 10);
    CHECK_EQ(receive(idle, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
    task_describe(idle, &information);
    CHECK(information.back_ns >= back);
    host_check_clean();
}

TEST(accepted_calls_are_not_redelivered) {
    struct pair pair = make_pair(PAGE_SIZE);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 5), HOST_BLOCKED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    token_t token = host_context(pair.server)->r14;
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), HOST_BLOCKED); /* parks it */
    thread_detach(pair.server->main);
    actor_undo(pair.server, 0);
    sched_wake(pair.server->main);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK_EQ(receive(pair.server, token, 8, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK(host_returned(pair.client));
    CHECK_EQ(host_context(pair.client)->rdx, 8);
    CHECK_EQ(SYS(pair.server, SYS_REPLY, token, MESSAGE_TAG(0, 0)), E_STALE);
    host_check_clean();
}

TEST(timeout_cancels_and_data_still_wins) {
    struct pair pair = make_pair(0);
    uint64_t deadline = host_ticks + 1000;
    for (unsigned with_data = 0; with_data < 2; with_data++) {
        deadline = host_ticks + 1000;
        host_store(pair.client, HOST_SCRATCH + offsetof(struct message_buffer, deadline), &deadline,
                   8);
        CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, MESSAGE_TAG(1, 0) | TAG_TIMEOUT),
                 HOST_BLOCKED);
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
        token_t token = host_context(pair.server)->r14;
        host_advance(2000);
        CHECK(!host_returned(pair.client));
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CANCEL);
        CHECK_EQ(host_context(pair.server)->r14, token);
        CHECK_EQ(SYS(pair.server, SYS_COMMIT_RECEIVE, token,
                     MESSAGE_TAG(with_data != 0 ? OK : E_CANCELLED, 1), 5, 0, 0, 0, 0, 0,
                     RECEIVE_ALL | RECEIVE_POLL),
                 EVENT_NONE);
        CHECK(host_returned(pair.client));
        CHECK_EQ((int64_t)host_context(pair.client)->rax, with_data != 0 ? OK : E_TIMEOUT);
    }
    /* Nobody has taken it: the call comes back at once. */
    deadline = host_ticks + 1000;
    host_store(pair.client, HOST_SCRATCH + offsetof(struct message_buffer, deadline), &deadline, 8);
    CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, MESSAGE_TAG(1, 0) | TAG_TIMEOUT),
             HOST_BLOCKED);
    host_advance(2000);
    CHECK(host_returned(pair.client));
    CHECK_EQ((int64_t)host_context(pair.client)->rax, E_TIMEOUT);
    host_check_clean();
}

TEST(dead_caller_is_cancelled_and_its_slot_lives_until_answered) {
    struct pair pair = make_pair(PAGE_SIZE);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 5), HOST_BLOCKED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    token_t token = host_context(pair.server)->r14;
    task_kill(pair.client, 0);
    CHECK_EQ(SYS(pair.server, SYS_LEASE_READ, token, 0, 0, HOST_SCRATCH, 1), E_STALE);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CANCEL);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK_EQ(SYS(pair.server, SYS_REPLY, token, MESSAGE_TAG(0, 0)), OK);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CLOSED); /* its session went too */
    CHECK_EQ(host_context(pair.server)->rdi, 42);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
    host_check_clean();
}

TEST(dead_server_leaves_callers_waiting_or_reset) {
    struct pair pair = make_pair(0);
    object_handle_get(&pair.endpoint->object); /* a supervisor's handle */
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 5), HOST_BLOCKED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    task_kill(pair.server, 0);
    CHECK(host_returned(pair.client)); /* it was taken, and there is nobody to redeliver it */
    CHECK_EQ((int64_t)host_context(pair.client)->rax, E_RESET);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 5), HOST_BLOCKED);
    CHECK(!host_returned(pair.client));
    object_handle_put(&pair.endpoint->object); /* now the endpoint is dead */
    CHECK(host_returned(pair.client));
    CHECK_EQ((int64_t)host_context(pair.client)->rax, E_CLOSED);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 5), E_CLOSED);
    host_check_clean();
}

/* A new server could take a badge of the old one's for its own. */
TEST(a_cold_start_loses_the_calls_queued_on_minted_sessions) {
    struct pair pair = make_pair(0);
    struct task *other = host_task("other", 1 << 20, 0, 10);
    struct session *root = new_session(&pair, BADGE_ROOT | 1);
    handle_t root_handle = host_grant(other, &root->object);
    object_put(&root->object);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 7, 5), HOST_BLOCKED);
    CHECK_EQ(client_call(&pair, other, root_handle, 8, 6), HOST_BLOCKED);
    endpoint_forget(pair.endpoint);
    CHECK(host_returned(pair.client));
    CHECK_EQ((int64_t)host_context(pair.client)->rax, E_RESET);
    CHECK_EQ(SYS(pair.client, SYS_HANDLE_CLOSE, pair.session), OK); /* nobody is told */
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(host_context(pair.server)->rdi, BADGE_ROOT | 1);
    CHECK_EQ(receive(pair.server, host_context(pair.server)->r14, 1, RECEIVE_ALL), HOST_BLOCKED);
    CHECK(host_returned(other));
    host_check_clean();
}

TEST(long_messages_leases_and_handles_arrive) {
    struct pair pair = make_pair(PAGE_SIZE);
    struct message_buffer buffer = {0};
    struct notification *notification;
    REQUIRE_OK(notification_create(account_root, &notification));
    handle_t moved = host_grant(pair.client, &notification->object);
    object_put(&notification->object);
    for (unsigned i = 6; i < MESSAGE_WORDS; i++) {
        buffer.words[i] = i * 1000;
    }
    buffer.leases[0] = (struct lease){HOST_SCRATCH + 0x1ff0, 32, LEASE_READ | LEASE_WRITE, 0};
    buffer.handles[0] = (struct handle_slot){moved, RIGHT_SIGNAL | HANDLE_MOVE};
    host_store(pair.client, HOST_SCRATCH, &buffer, sizeof(buffer));
    host_store(pair.client, HOST_SCRATCH + 0x1ff0, "0123456789abcdef0123456789abcdef", 32);
    CHECK_EQ(
        SYS(pair.client, SYS_CALL, pair.session, TAG(3, MESSAGE_WORDS, 1, 1), 1, 2, 3, 4, 5, 6),
        HOST_BLOCKED);
    CHECK_EQ(visible(pair.client, moved), E_HANDLE); /* the notification went with the call */
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
        struct message_buffer got;
        host_load(pair.server, HOST_SCRATCH, &got, sizeof(got));
        CHECK_EQ(got.words[63], 63000);
        CHECK_EQ(host_context(pair.server)->r13, 6);
        CHECK_EQ(got.leases[0].length, 32);
        CHECK(got.handles[0].handle != HANDLE_NONE);
        CHECK_EQ(got.handles[0].rights, RIGHT_SIGNAL);
        CHECK_EQ(SYS(pair.server, SYS_HANDLE_INFO, got.handles[0].handle), OBJECT_NOTIFICATION);
        if (attempt == 0) {
            actor_undo(pair.server, 0);
            CHECK_EQ(SYS(pair.server, SYS_HANDLE_INFO, got.handles[0].handle), E_HANDLE);
        }
    }
    token_t token = host_context(pair.server)->r14;
    uint64_t target = ARENA_VA + 16;
    CHECK_EQ(SYS(pair.server, SYS_LEASE_READ, token, 0, 4, target, 20), 20);
    char text[20];
    host_load(pair.server, target, text, sizeof(text));
    CHECK(memcmp(text, "456789abcdef01234567", 20) == 0);
    CHECK_EQ(SYS(pair.server, SYS_LEASE_WRITE, token, 0, 12, target, 20), 20);
    CHECK_EQ(SYS(pair.server, SYS_LEASE_WRITE, token, 0, 13, target, 20), E_RANGE);
    CHECK_EQ(SYS(pair.server, SYS_LEASE_WRITE, token, 1, 0, target, 1), E_RANGE);
    CHECK_EQ(SYS(pair.server, SYS_LEASE_READ, token, 0, 0, 0x10, 8), E_FAULT);
    CHECK_EQ(pair.client->handles.used, 2);
    CHECK_EQ(receive(pair.server, token, 0, RECEIVE_ALL), HOST_BLOCKED);
    CHECK(host_returned(pair.client));
    CHECK_EQ(pair.client->handles.used, 1);
    char back[32];
    host_load(pair.client, HOST_SCRATCH + 0x1ff0, back, 32);
    CHECK(memcmp(back, "0123456789ab456789abcdef01234567", 32) == 0);
    host_check_clean();
}

TEST(staged_calls_signals_and_closes_wait_for_the_commit) {
    struct pair pair = make_pair(PAGE_SIZE);
    struct task *server = pair.server;
    struct pair other = {.server = host_task("other", 1 << 20, 0, 10)};
    REQUIRE_OK(endpoint_create(account_root, &other.endpoint));
    handle_t endpoint = host_grant(other.server, &other.endpoint->object);
    object_put(&other.endpoint->object);
    CHECK_EQ(SYS(other.server, SYS_ACTOR_BIND, endpoint, 0), OK);
    struct session *session = new_session(&other, 5);
    handle_t to_other = host_grant(server, &session->object);
    object_put(&session->object);
    struct notification *notification;
    REQUIRE_OK(notification_create(account_root, &notification));
    handle_t bell = host_grant(server, &notification->object);
    object_put(&notification->object);

    for (unsigned commit = 0; commit < 2; commit++) {
        CHECK_EQ(SYS(server, SYS_CALL_STAGE, to_other, MESSAGE_TAG(9, 1), 33, 0, 0, 0, 0, 0, 555),
                 OK);
        CHECK_EQ(SYS(server, SYS_NOTIFICATION_SIGNAL, bell, 4), OK);
        CHECK_EQ(SYS(server, SYS_HANDLE_CLOSE, to_other), OK);
        CHECK_EQ(SYS(server, SYS_HANDLE_CLOSE, to_other), E_HANDLE);
        CHECK_EQ(SYS(server, SYS_CALL, to_other, MESSAGE_TAG(9, 1)), E_HANDLE);
        CHECK_EQ(notification->bits, 0);
        CHECK_EQ(receive(other.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
        if (commit == 0) {
            actor_undo(server, 0);
            CHECK_EQ(SYS(server, SYS_HANDLE_INFO, to_other), OBJECT_SESSION);
        }
    }
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
    CHECK_EQ(notification->bits, 4);
    CHECK_EQ(receive(other.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(host_context(other.server)->rdx, 33);
    CHECK_EQ(receive(other.server, host_context(other.server)->r14, 44, RECEIVE_ALL | RECEIVE_POLL),
             EVENT_CLOSED);
    REQUIRE(host_returned(server));
    CHECK_EQ(host_context(server)->rax, EVENT_REPLY);
    CHECK_EQ(host_context(server)->rdi, 555);
    CHECK_EQ(host_context(server)->rdx, 44);
    actor_undo(server, 0); /* the answer comes again */
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL), EVENT_REPLY);
    CHECK_EQ(host_context(server)->rdi, 555);
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
    host_check_clean();
}

TEST(blocking_and_immediate_effects_are_refused_to_actors) {
    struct pair pair = make_pair(PAGE_SIZE);
    struct session *session = new_session(&pair, 1);
    handle_t self = host_grant(pair.server, &session->object);
    object_put(&session->object);
    CHECK_EQ(SYS(pair.server, SYS_CALL, self, MESSAGE_TAG(1, 0)), E_NOT_STAGED);
    CHECK_EQ(SYS(pair.server, SYS_THREAD_SLEEP, host_ticks + 5), E_NOT_STAGED);
    CHECK_EQ(SYS(pair.server, SYS_THREAD_CREATE, 0, 0x400000, 0, 0, HOST_SCRATCH, 1), E_NOT_STAGED);
    CHECK_EQ(SYS(pair.server, SYS_FUTEX_WAIT, HOST_SCRATCH, 0, 0), E_NOT_STAGED);
    host_check_clean();
}

TEST(provisional_objects_vanish_with_the_turn) {
    struct pair pair = make_pair(PAGE_SIZE);
    handle_t account = host_grant(pair.server, &pair.server->account->object);
    handle_t endpoint = host_grant(pair.server, &pair.endpoint->object);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    uint64_t value = 3;
    CHECK(host_store(pair.server, HOST_SCRATCH, &value, 8));
    uint64_t before = account_usage(pair.server->account);
    int64_t session = SYS(pair.server, SYS_SESSION_CREATE, endpoint, 9, 0);
    CHECK(session > 0);
    int64_t memory = SYS(pair.server, SYS_MEMORY_CREATE, account, 3 * PAGE_SIZE, 0, 0);
    CHECK(memory > 0);
    CHECK_EQ(SYS(pair.server, SYS_MEMORY_WRITE, (uint64_t)memory, 0, HOST_SCRATCH, 100), 100);
    CHECK_EQ(SYS(pair.server, SYS_MAP, 0, (uint64_t)memory, 0, 0x700000, 3 * PAGE_SIZE,
                 PROT_READ | PROT_WRITE),
             OK);
    CHECK(host_store(pair.server, 0x701000, &value, 8));
    actor_undo(pair.server, 0);
    CHECK_EQ(account_usage(pair.server->account), before);
    CHECK_EQ(SYS(pair.server, SYS_HANDLE_INFO, (uint64_t)memory), E_HANDLE);
    /* No CLOSED for a session that never was. */
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    memory = SYS(pair.server, SYS_MEMORY_CREATE, account, PAGE_SIZE, 0, 0);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK_EQ(SYS(pair.server, SYS_MEMORY_WRITE, (uint64_t)memory, 0, HOST_SCRATCH, 100),
             E_NOT_STAGED);
    host_check_clean();
}

TEST(bytes_drained_come_again_after_a_reset) {
    struct pair pair = make_pair(PAGE_SIZE);
    struct ioport *ioport;
    REQUIRE_OK(ioport_create(account_root, 0x100, 8, &ioport));
    handle_t port = host_grant(pair.server, &ioport->object);
    object_put(&ioport->object);
    char got[16] = "";
    host_fifo_put("hello");
    CHECK_EQ(SYS(pair.server, SYS_PORT_DRAIN, port, 5, 1, 0, HOST_SCRATCH + 64, 3), 3);
    CHECK_EQ(SYS(pair.server, SYS_PORT_FILL, port, 0, HOST_SCRATCH + 64, 3), OK);
    CHECK_EQ(host_port_log_length, 0);
    actor_undo(pair.server, 0);
    CHECK_EQ(SYS(pair.server, SYS_PORT_DRAIN, port, 5, 1, 0, HOST_SCRATCH + 64, 16), 5);
    host_load(pair.server, HOST_SCRATCH + 64, got, 5);
    CHECK(memcmp(got, "hello", 5) == 0);
    CHECK_EQ(SYS(pair.server, SYS_PORT_FILL, port, 0, HOST_SCRATCH + 64, 5), OK);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK_EQ(host_port_log_length, 5);
    CHECK(memcmp(host_port_log, "hello", 5) == 0);
    CHECK_EQ(SYS(pair.server, SYS_PORT_DRAIN, port, 5, 1, 0, HOST_SCRATCH + 64, 16), 0);
    host_check_clean();
}

TEST(futexes_wake_those_who_wait_there) {
    struct pair pair = make_pair(0);
    struct task *task = pair.client;
    struct thread *waiters[3];
    const uint64_t word = HOST_SCRATCH + 0x2000;
    CHECK_EQ(SYS(task, SYS_FUTEX_WAIT, word + 1, 0, ~0ull), E_FAULT);
    CHECK_EQ(SYS(task, SYS_FUTEX_WAIT, 0x10000, 0, ~0ull), E_FAULT);
    CHECK_EQ(SYS(task, SYS_FUTEX_WAIT, word, 1, ~0ull), E_WOULD_BLOCK);
    CHECK_EQ(SYS(task, SYS_FUTEX_WAIT, word, 0, 0), E_TIMEOUT);
    for (unsigned i = 0; i < 3; i++) { /* the last at the next word */
        const uint64_t arguments[3] = {i < 2 ? word : word + 4, 0, host_ticks + 1000};
        REQUIRE_OK(thread_create(task, 0x400000, 0, 0, HOST_SCRATCH, 10, &waiters[i]));
        sched_wake(waiters[i]);
        CHECK_EQ(host_thread_call(waiters[i], SYS_FUTEX_WAIT, arguments, 3), HOST_BLOCKED);
    }
    CHECK_EQ(SYS(task, SYS_FUTEX_WAKE, word, 1), 1);
    CHECK_EQ(waiters[0]->context.rax, OK);
    CHECK_EQ(waiters[1]->state, THREAD_WAITING);
    CHECK_EQ(SYS(task, SYS_FUTEX_WAKE, word, 5), 1);
    CHECK_EQ(waiters[2]->state, THREAD_WAITING);
    host_advance(2000);
    CHECK_EQ((int64_t)waiters[2]->context.rax, E_TIMEOUT);
    host_check_clean();
}

TEST(a_fast_call_may_be_on_another_session_than_the_last) {
    struct pair pair = make_pair(PAGE_SIZE);
    struct session *session = new_session(&pair, 77);
    handle_t other = host_grant(pair.client, &session->object);
    object_put(&session->object);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(client_call(&pair, pair.client, i % 2 == 0 ? pair.session : other, 1, i),
                 HOST_BLOCKED);
        REQUIRE(host_returned(pair.server));
        CHECK_EQ(host_context(pair.server)->rdi, i % 2 == 0 ? 42 : 77);
        CHECK_EQ(receive(pair.server, host_context(pair.server)->r14, i, RECEIVE_ALL),
                 HOST_BLOCKED);
        REQUIRE(host_returned(pair.client));
    }
    CHECK_EQ(session->object.references, 2); /* the handle and the thread's call */
    host_check_clean();
}
