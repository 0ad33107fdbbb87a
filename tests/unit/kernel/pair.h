/* SPDX-License-Identifier: MIT */
/* A server and a client, for tests of calls. */
#pragma once

#include "host.h"

#include <check.h>

#define REQUIRE_OK(expression) CHECK_EQ(expression, OK)

#define MESSAGE_TAG(label, words) TAG(label, words, 0, 0)

struct pair {
    struct task *server, *client;
    struct endpoint *endpoint;
    handle_t session; /* in the client */
};

static inline struct session *new_session(struct pair *pair, uint64_t badge) {
    struct session *session;
    REQUIRE_OK(session_create(pair->endpoint, account_root, badge, &session));
    return session;
}

/* A server (arena_size 0: plain) bound to an endpoint, and a plain client with a session to it. */
static inline struct pair make_pair(uint64_t arena_size) {
    struct pair pair;
    host_boot();
    pair.server = host_task("server", 1 << 20, arena_size, 10);
    pair.client = host_task("client", 1 << 20, 0, 10);
    REQUIRE_OK(endpoint_create(account_root, &pair.endpoint));
    handle_t endpoint = host_grant(pair.server, &pair.endpoint->object);
    object_put(&pair.endpoint->object);
    struct session *session = new_session(&pair, 42);
    pair.session = host_grant(pair.client, &session->object);
    object_put(&session->object);
    CHECK_EQ(SYS(pair.server, SYS_ACTOR_BIND, endpoint, 0), OK);
    return pair;
}

/* COMMIT_RECEIVE, answering `token` with `value` unless it is 0. */
static inline int64_t receive(struct task *task, token_t token, uint64_t value, uint32_t mask) {
    return SYS(task, SYS_COMMIT_RECEIVE, token, MESSAGE_TAG(0, 1), value, 0, 0, 0, 0, 0, mask);
}

static inline int64_t client_call(const struct pair *pair, struct task *client, handle_t session,
                                  uint32_t label, uint64_t value) {
    (void)pair;
    return SYS(client, SYS_CALL, session, MESSAGE_TAG(label, 1), value);
}

/* Whether the task can use a handle. */
static inline status_t visible(struct task *task, handle_t handle) {
    struct object *object;
    return handle_lookup(&task->handles, handle, OBJECT_NONE, 0, &object);
}
