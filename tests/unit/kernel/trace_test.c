/* SPDX-License-Identifier: MIT
 * The trace: what is recorded of a call, of a commit and of an end, and the ring.
 */
#include "pair.h"

#include <axolotl/trace.h>
#include <string.h>
#include <system.h>
#include <trace.h>

#define AT HOST_SCRATCH
#define MANY 16u /* records that one test looks at */

static struct trace_record seen[MANY];

struct traced {
    struct pair pair;
    handle_t system, account;
};

/* The client has the right to trace. */
static struct traced make_traced(uint64_t arena_size) {
    struct traced t = {.pair = make_pair(arena_size)};
    t.system = host_grant(t.pair.client, system_object);
    t.account = host_grant(t.pair.client, &t.pair.client->account->object);
    return t;
}

static int64_t control(const struct traced *t, enum trace_operation what) {
    return SYS(t->pair.client, SYS_TRACE, t->system, what == TRACE_START ? t->account : 0, what);
}

/* Reads from `position` on into `seen`; *first: the position of the first of them. */
static int64_t look(const struct traced *t, uint64_t position, uint64_t count, uint64_t *first) {
    int64_t got = SYS(t->pair.client, SYS_TRACE_READ, t->system, position, AT,
                      count * sizeof(struct trace_record));
    *first = host_context(t->pair.client)->rdi;
    for (int64_t i = 0; i < got; i++) {
        CHECK(host_load(t->pair.client, AT + (uint64_t)i * sizeof(seen[0]), &seen[i % MANY],
                        sizeof(seen[0])));
    }
    return got;
}

/* The first record of that kind of that task among `count`. */
static const struct trace_record *first_of(enum trace_kind kind, const struct task *task,
                                           int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (seen[i].kind == kind && seen[i].task == task->object.id) {
            return &seen[i];
        }
    }
    return NULL;
}

TEST(nothing_is_paid_and_recorded_when_it_is_off) {
    struct traced t = make_traced(0);
    uint64_t before = t.pair.client->account->used, first;
    CHECK_EQ(look(&t, 0, MANY, &first), 0);
    CHECK_EQ(receive(t.pair.server, TOKEN_NONE, 0, RECEIVE_ALL), HOST_BLOCKED);
    CHECK_EQ(look(&t, 0, MANY, &first), 0);
    CHECK_EQ(t.pair.client->account->used, before);
    CHECK_EQ(control(&t, TRACE_START), OK);
    CHECK(t.pair.client->account->used >= before + TRACE_RECORDS * sizeof(struct trace_record));
    CHECK_EQ(control(&t, TRACE_STOP), OK);
    CHECK(!trace_on && trace_ring != NULL);
    CHECK_EQ(control(&t, TRACE_DROP), OK);
    CHECK(trace_ring == NULL);
    CHECK_EQ(look(&t, 0, MANY, &first), 0);
    host_check_clean();
}

TEST(a_start_is_refused) {
    struct traced t = make_traced(0);
    struct account *small;
    CHECK_EQ(account_create(account_root, 100000, &small), OK);
    handle_t handle = host_grant(t.pair.client, &small->object);
    object_put(&small->object);
    CHECK_EQ(SYS(t.pair.client, SYS_TRACE, t.system, 0, TRACE_START), E_INVALID);
    CHECK_EQ(SYS(t.pair.client, SYS_TRACE, t.system, 0, TRACE_DROP + 1), E_INVALID);
    CHECK_EQ(SYS(t.pair.client, SYS_TRACE, t.system, handle, TRACE_START), E_QUOTA);
    CHECK(!trace_on && trace_ring == NULL && small->used == small->slabs);
    CHECK_EQ(SYS(t.pair.client, SYS_TRACE_READ, t.account, 0, AT, 64), E_TYPE);
    host_check_clean();
}

/* The first call takes the general path, as the client's thread has no slot yet, the second the
 * fast one; both are recorded alike. */
static void check_call(const struct traced *t, bool fast) {
    struct task *server = t->pair.server, *client = t->pair.client;
    uint64_t first;
    CHECK_EQ(control(t, TRACE_START), OK);
    CHECK_EQ(client_call(&t->pair, client, t->pair.session, 7, 1), HOST_BLOCKED);
    token_t token = host_context(server)->r14;
    CHECK_EQ(server->turn.call->fast, fast);
    host_advance(1000);
    CHECK_EQ(receive(server, token, 2, RECEIVE_ALL), HOST_BLOCKED);
    CHECK_EQ(control(t, TRACE_STOP), OK);
    int64_t count = look(t, 0, MANY, &first);
    CHECK(count >= 6 && count < MANY && first == 0);
    const struct trace_record *call = first_of(TRACE_CALL, client, count);
    const struct trace_record *event = first_of(TRACE_EVENT, server, count);
    const struct trace_record *commit = first_of(TRACE_COMMIT, server, count);
    const struct trace_record *answer = first_of(TRACE_ANSWER, server, count);
    CHECK(call != NULL && call < event && event < commit && commit < answer);
    CHECK_EQ(call->detail, 7);
    CHECK_EQ(call->value, token);
    CHECK_EQ(call->thread, client->main->object.id);
    CHECK_EQ(call->other, server->object.id);
    CHECK_EQ(event->detail, EVENT_CALL);
    CHECK_EQ(event->thread, server->main->object.id);
    CHECK_EQ(event->value, token);
    CHECK_EQ(event->other, client->object.id);
    CHECK_EQ(answer->value, token);
    CHECK_EQ(answer->detail, 0);
    CHECK_EQ(answer->other, client->object.id);
    CHECK_EQ(answer->time - call->time, 1000);
    CHECK_EQ(commit->value, 0);
    if (fast) {
        CHECK(first_of(TRACE_SWITCH, server, count) == event + 1);
        CHECK(first_of(TRACE_SWITCH, client, count) == answer + 1);
    }
    for (int64_t i = 1; i < count; i++) {
        CHECK(seen[i].time >= seen[i - 1].time);
    }
}

TEST(a_call_is_recorded_from_its_sending_to_its_answer) {
    struct traced t = make_traced(0);
    CHECK_EQ(receive(t.pair.server, TOKEN_NONE, 0, RECEIVE_ALL), HOST_BLOCKED);
    check_call(&t, false);
    check_call(&t, true);
    host_check_clean();
}

TEST(a_commit_says_its_pages_and_an_end_its_name) {
    struct traced t = make_traced(4 * PAGE_SIZE);
    struct task *server = t.pair.server;
    uint32_t id = (uint32_t)server->object.id;
    uint64_t first;
    CHECK_EQ(control(&t, TRACE_START), OK);
    CHECK(host_store(server, ARENA_VA, "one", 3));
    CHECK(host_store(server, ARENA_VA + PAGE_SIZE, "two", 3));
    CHECK_EQ(receive(server, TOKEN_NONE, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK_EQ(receive(server, TOKEN_NONE, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    task_kill(server, -3);
    int64_t count = look(&t, 0, MANY, &first);
    CHECK(count > 0 && count < MANY);
    const struct trace_record *last = NULL;
    uint64_t pages[2] = {99, 99};
    unsigned commits = 0;
    for (int64_t i = 0; i < count; i++) {
        if (seen[i].kind == TRACE_COMMIT && seen[i].task == id && commits < 2) {
            pages[commits++] = seen[i].value;
        }
        last = seen[i].kind == TRACE_DEATH ? &seen[i] : last;
    }
    CHECK_EQ(commits, 2);
    CHECK_EQ(pages[0], 2);
    CHECK_EQ(pages[1], 0);
    CHECK(last != NULL && last->task == id);
    CHECK_EQ(last->detail, (uint16_t)-3);
    CHECK_STR(last->name, "server");
    host_check_clean();
}

TEST(the_ring_keeps_the_latest_records) {
    struct traced t = make_traced(0);
    uint64_t first, next = 0, lost = 0;
    CHECK_EQ(control(&t, TRACE_START), OK);
    for (unsigned i = 0; i < TRACE_RECORDS + 100; i++) {
        trace_irq(i);
    }
    trace_on = false;
    CHECK_EQ(look(&t, 0, 3, &first), 3);
    uint64_t oldest = first; /* and what the kernel did meanwhile was recorded too */
    CHECK(oldest >= 100 && oldest < 120);
    while (look(&t, next, 200, &first) > 0) {
        lost += first - next;
        next = first + 1;
    }
    CHECK_EQ(lost, oldest);
    CHECK_EQ(next, oldest + TRACE_RECORDS);
    /* No farther than to the end of a page of the ring, from wherever. */
    uint64_t page = PAGE_SIZE / sizeof(struct trace_record);
    CHECK_EQ(look(&t, 2 * page, 1000, &first), (int64_t)page);
    CHECK_EQ(look(&t, 3 * page - 2, 1000, &first), 2);
    CHECK_EQ(first, 3 * page - 2);
    CHECK_EQ(seen[0].value + 1, seen[1].value);
    CHECK_EQ(look(&t, next, 5, &first), 0);
    CHECK_EQ(look(&t, UINT64_MAX, 5, &first), 0);
    /* A new start begins anew. */
    CHECK_EQ(control(&t, TRACE_START), OK);
    trace_irq(4711);
    CHECK_EQ(control(&t, TRACE_STOP), OK);
    CHECK(look(&t, 0, MANY, &first) > 0);
    CHECK_EQ(first, 0);
    host_check_clean();
}
