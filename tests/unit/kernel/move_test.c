/* SPDX-License-Identifier: MIT
 * Handles that move with a call, and what a staged call keeps.
 */
#include "pair.h"

#include <notification.h>

/* Puts a notification into the task's table, and it, moved, into the task's next message. */
static handle_t to_move(struct task *task, struct notification **out) {
    struct message_buffer buffer = {0};
    REQUIRE_OK(notification_create(account_root, out));
    handle_t handle = host_grant(task, &(*out)->object);
    object_put(&(*out)->object);
    buffer.handles[0] = (struct handle_slot){handle, RIGHT_ALL | HANDLE_MOVE};
    host_store(task, HOST_SCRATCH, &buffer, sizeof(buffer));
    return handle;
}

/* How a call with a handle that is moved may end without the server having accepted it. */
enum undoing { INTERRUPTED, TAKEN_BACK, POISONED, SERVER_ENDS, ENDPOINT_ENDS, UNDOINGS };

static void undo_call(enum undoing how, const struct pair *pair) {
    if (how == INTERRUPTED) {
        thread_interrupt(pair->client->main);
    } else if (how != ENDPOINT_ENDS) {
        CHECK_EQ(receive(pair->server, 0, 0, RECEIVE_ALL), EVENT_CALL);
        CHECK_EQ(pair->server->handles.used, 2);
    }
    if (how == TAKEN_BACK || how == POISONED) {
        thread_interrupt(pair->client->main); /* too late: the server is to answer */
        CHECK(!host_returned(pair->client));
        actor_undo(pair->server, how == POISONED ? RESET_POISON : 0);
        CHECK_EQ(pair->server->handles.used, 1);
    }
    if (how == SERVER_ENDS || how == ENDPOINT_ENDS) {
        task_kill(pair->server, 0); /* the only one with a handle to its endpoint */
    }
    sched_exit();
}

TEST(a_moved_handle_comes_back_from_a_call_that_was_not_accepted) {
    static const int64_t ends[UNDOINGS] = {E_INTR, E_CANCELLED, E_POISON, E_RESET, E_CLOSED};
    for (unsigned how = 0; how < UNDOINGS; how++) {
        struct pair pair = make_pair(PAGE_SIZE);
        struct notification *notification;
        handle_t handle = to_move(pair.client, &notification);
        uint64_t before = account_usage(pair.client->account);
        CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, TAG(3, 0, 0, 1)), HOST_BLOCKED);
        CHECK_EQ(visible(pair.client, handle), E_HANDLE);
        undo_call(how, &pair);
        REQUIRE(host_returned(pair.client));
        CHECK_EQ((int64_t)host_context(pair.client)->rax, ends[how]);
        CHECK_EQ(visible(pair.client, handle), OK);
        CHECK_EQ(notification->object.handles, 1);
        CHECK_EQ(account_usage(pair.client->account) - before,
                 kmem_class(sizeof(struct call))); /* the thread keeps its slot */
        if (how == ENDPOINT_ENDS) {
            CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, TAG(3, 0, 0, 1)), E_CLOSED);
            CHECK_EQ(visible(pair.client, handle), OK);
        }
        host_check_clean();
    }
}

TEST(a_moved_handle_is_the_servers_once_the_call_is_accepted) {
    for (unsigned answered = 0; answered < 2; answered++) {
        struct pair pair = make_pair(PAGE_SIZE);
        struct notification *notification;
        to_move(pair.client, &notification);
        CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, TAG(3, 0, 0, 1)), HOST_BLOCKED);
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
        token_t token = host_context(pair.server)->r14;
        CHECK_EQ(notification->object.handles, 3); /* here, there and in the message */
        CHECK_EQ(receive(pair.server, answered != 0 ? token : 0, 0, RECEIVE_ALL | RECEIVE_POLL),
                 EVENT_NONE);
        CHECK_EQ(notification->object.handles, 1);
        CHECK_EQ(pair.client->handles.used, 1);
        thread_interrupt(pair.client->main);
        actor_undo(pair.server, RESET_COLD);
        CHECK_EQ(pair.client->handles.used, 1);
        CHECK_EQ(pair.server->handles.used, 2);
        host_check_clean();
    }
}

TEST(the_thread_that_moved_a_handle_may_die) {
    for (unsigned taken = 0; taken < 2; taken++) {
        struct pair pair = make_pair(PAGE_SIZE);
        struct notification *notification;
        handle_t handle = to_move(pair.client, &notification);
        CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, TAG(3, 0, 0, 1)), HOST_BLOCKED);
        if (taken != 0) {
            CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
        }
        thread_kill(pair.client->main);
        CHECK_EQ(visible(pair.client, handle), taken != 0 ? E_HANDLE : OK);
        actor_undo(pair.server, 0);
        CHECK_EQ(visible(pair.client, handle), OK);
        CHECK_EQ(notification->object.handles, 1);
        host_check_clean();
    }
}

TEST(a_task_that_moved_a_handle_may_die) {
    struct pair pair = make_pair(PAGE_SIZE);
    struct notification *notification;
    to_move(pair.client, &notification);
    object_get(&notification->object);
    CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, TAG(3, 0, 0, 1)), HOST_BLOCKED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    task_kill(pair.client, 0);
    CHECK_EQ(notification->object.handles, 2);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CANCEL); /* accepted by that */
    CHECK_EQ(notification->object.handles, 1);
    object_put(&notification->object);
    host_check_clean();
}

/* Staged by the server to itself: both ends are in one task. */
TEST(a_handle_moved_by_a_staged_call_is_hidden_until_it_is_accepted) {
    for (unsigned cancelled = 0; cancelled < 2; cancelled++) {
        struct pair pair = make_pair(PAGE_SIZE);
        struct task *task = pair.server;
        struct notification *notification;
        struct session *session = new_session(&pair, 7);
        handle_t self = host_grant(task, &session->object), handle = to_move(task, &notification);
        object_put(&session->object);
        for (unsigned commit = 0; commit < 2; commit++) {
            CHECK_EQ(SYS(task, SYS_CALL_STAGE, self, TAG(3, 0, 0, 1)), OK);
            CHECK_EQ(SYS(task, SYS_HANDLE_CLOSE, handle), E_HANDLE);
            CHECK_EQ(SYS(task, SYS_HANDLE_COPY, handle, RIGHT_ALL), E_HANDLE);
            CHECK_EQ(SYS(task, SYS_CALL_STAGE, self, TAG(3, 0, 0, 1)), E_HANDLE);
            if (commit == 0) {
                actor_undo(task, 0);
                CHECK_EQ(visible(task, handle), OK);
            }
        }
        token_t token = host_context(task)->r14;
        CHECK_EQ(receive(task, 0, 0, RECEIVE_REPLY | RECEIVE_POLL), EVENT_NONE);
        CHECK_EQ(SYS(task, SYS_HANDLE_CLOSE, handle), E_HANDLE);
        if (cancelled != 0) {
            CHECK_EQ(SYS(task, SYS_CALL_CANCEL, token), OK);
            CHECK_EQ(receive(task, 0, 0, RECEIVE_REPLY), EVENT_REPLY);
            CHECK_EQ((status_t)TAG_LABEL(host_context(task)->rsi), E_CANCELLED);
            CHECK_EQ(visible(task, handle), OK);
        } else {
            CHECK_EQ(receive(task, 0, 0, RECEIVE_ALL), EVENT_CALL);
            CHECK_EQ(task->handles.used, 4);
            CHECK_EQ(receive(task, token, 0, RECEIVE_ALL), EVENT_REPLY);
            CHECK_EQ(visible(task, handle), E_HANDLE);
            CHECK_EQ(task->handles.used, 3);
        }
        CHECK_EQ(notification->object.handles, 1);
        host_check_clean();
    }
}

/* A plain task closes at once what its staged call is made on. */
TEST(a_staged_call_keeps_its_session_open) {
    for (unsigned sent = 0; sent < 2; sent++) {
        struct pair pair = make_pair(0);
        CHECK_EQ(SYS(pair.client, SYS_CALL_STAGE, pair.session, MESSAGE_TAG(9, 1), 33), OK);
        CHECK_EQ(SYS(pair.client, SYS_HANDLE_CLOSE, pair.session), OK);
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
        if (sent != 0) {
            struct endpoint *endpoint;
            REQUIRE_OK(endpoint_create(account_root, &endpoint));
            handle_t own = host_grant(pair.client, &endpoint->object);
            object_put(&endpoint->object);
            CHECK_EQ(SYS(pair.client, SYS_ACTOR_BIND, own, 0), OK);
            CHECK_EQ(receive(pair.client, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
            CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
            token_t token = host_context(pair.server)->r14;
            CHECK_EQ(receive(pair.server, token, 1, RECEIVE_ALL), EVENT_CLOSED);
        } else {
            actor_undo(pair.client, 0);
            CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CLOSED);
        }
        CHECK_EQ(host_context(pair.server)->rdi, 42);
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
        host_check_clean();
    }
}
