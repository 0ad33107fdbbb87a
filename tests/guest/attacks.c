/* SPDX-License-Identifier: MIT
 * Authority that a program has not got: handles, tokens, badges and rights that it makes up, leases
 * that are over, messages that change while they are read.
 */
#include "guest.h"

#include <common/string.h>
#include <ipc/machine.h>
#include <ipc/thread.h>

static void forged_handles(void) {
    CHECK_EQ(run_hostile("beggar", 0), 0);
}

static void bad_arguments(void) {
    CHECK_EQ(run_hostile("addresses", 0), 0);
}

/* ---- Rights ---------------------------------------------------------------------------------- */

static uint32_t rights_of(handle_t handle) {
    struct handle_information information = {0};
    CHECK_EQ(handle_info(handle, &information), OK);
    return information.rights;
}

/* Every way to a handle, asked for all rights and for some that there are not. */
static void amplified_rights(void) {
    const uint32_t weak_rights = RIGHT_SIGNAL | RIGHT_COPY, asked[] = {RIGHT_ALL, 0x7fffffff};
    struct child child;
    handle_t full = HANDLE_NONE, weak = HANDLE_NONE, copy = HANDLE_NONE;
    uint64_t came = 0;
    REQUIRE(child_actor(&child, NULL));
    REQUIRE(notification_create(test_account, &full) == OK);
    REQUIRE(handle_copy(full, weak_rights, &weak) == OK);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(handle_copy(weak, asked[i], &copy), OK);
        CHECK_EQ(rights_of(copy), weak_rights);
        struct handle_slot slot = {copy, asked[i]};
        struct message message = {.handles = &slot, .handle_count = 1};
        struct answer answer = {.data = &came, .size = sizeof came};
        CHECK_EQ(call(child.session, PROBE_RIGHTS, &message, &answer), OK);
        CHECK_EQ(came, weak_rights);
        /* There and back: the server answers with all the rights that it has. */
        CHECK_EQ(call(child.session, PROBE_ECHO, &message, &answer), OK);
        REQUIRE(answer.handle_count == 1);
        CHECK_EQ(rights_of(answer.handles[0].handle), weak_rights);
        handle_close(answer.handles[0].handle);
        slot.rights |= HANDLE_MOVE;
        CHECK_EQ(call(child.session, PROBE_RIGHTS, &message, &answer), OK);
        CHECK_EQ(came, weak_rights);
        CHECK_EQ(handle_info(copy, &(struct handle_information){0}), E_HANDLE);
        CHECK_EQ(handle_grant(child.task, weak, asked[i], &copy), OK);
        CHECK_EQ(probe_syscall(&child, SYS_NOTIFICATION_SIGNAL, copy, 1, 0, 0), OK);
        CHECK_EQ(probe_syscall(&child, SYS_HANDLE_REVOKE, copy, 0, 0, 0), E_RIGHTS);
        CHECK_EQ(probe_syscall(&child, SYS_ACTOR_BIND, 0, copy, 0, 0), E_RIGHTS);
    }
    handle_close(weak);
    handle_close(full);
    child_end(&child);
}

/* ---- Badges ---------------------------------------------------------------------------------- */

static uint64_t badge_seen(handle_t session, uint64_t junk) {
    struct message_registers registers = {.rdi = session | junk << 32,
                                          .tag = TAG(PROBE_BADGE_OF, 6, 0, 0),
                                          .words = {junk, junk, junk, junk, junk, junk},
                                          .r14 = junk,
                                          .r15 = junk};
    syscall_message(SYS_CALL, &registers);
    CHECK_EQ(registers.rax, OK);
    return registers.words[0];
}

/* A badge is the session's: nothing that its holder does changes it or makes another. */
static void forged_badges(void) {
    struct child child;
    handle_t copy = HANDLE_NONE, receiver = HANDLE_NONE, made = HANDLE_NONE;
    REQUIRE(child_actor(&child, NULL));
    CHECK_EQ(handle_copy(child.session, RIGHT_ALL, &copy), OK);
    CHECK_EQ(handle_copy(child.endpoint, RIGHT_ALL & ~RIGHT_MINT, &receiver), OK);
    CHECK_EQ(badge_seen(child.session, UINT32_MAX), BADGE_ROOT | PROBE_BADGE);
    CHECK_EQ(badge_seen(copy, 0x11111111), BADGE_ROOT | PROBE_BADGE);
    CHECK_EQ(session_create(child.session, 1, &made), E_TYPE);
    CHECK_EQ(session_create(receiver, 1, &made), E_RIGHTS);
    handle_close(receiver);
    handle_close(copy);
    child_end(&child);
}

/* ---- Tokens and leases ----------------------------------------------------------------------- */

static struct child *server;
static uint8_t lent_in[64], lent_out[64];
static uint64_t helper_answer;
static volatile status_t helper_status;
static volatile bool helper_done, helper_stays; /* its thread, and so its place for a call */

/* A call with two leases, on a thread of its own. */
static void call_with_leases(void *argument) {
    struct lease lent[2] = {lease_in(lent_in, sizeof lent_in),
                            lease_out(lent_out, sizeof lent_out)};
    struct message message = {.leases = lent, .lease_count = 2};
    struct answer answer = {.data = &helper_answer, .size = sizeof helper_answer};
    helper_status = call(server->session, (uint32_t)(uintptr_t)argument, &message, &answer);
    helper_done = true;
    while (helper_stays) {
        thread_sleep(NS_PER_MS);
    }
}

static handle_t start_helper(struct child *child, uint32_t operation) {
    handle_t thread = HANDLE_NONE;
    server = child;
    helper_done = false;
    helper_status = E_STATE;
    memset(lent_in, 0x33, sizeof lent_in);
    memset(lent_out, 0x44, sizeof lent_out);
    /* Not above other programs, which would have to wait for a server that spins for it. */
    CHECK_EQ(thread_create(call_with_leases, (void *)(uintptr_t)operation, 10, &thread), OK);
    return thread;
}

static void wait_helper(handle_t thread) {
    while (!helper_done) {
        thread_sleep(NS_PER_MS);
    }
    handle_close(thread);
}

static bool lent_out_is(uint8_t value) {
    bool same = true;
    for (size_t i = 0; i < sizeof lent_out; i++) {
        same &= lent_out[i] == value;
    }
    return same;
}

/* Another program learns the token of a call in progress; it and its neighbours are no use to it.
 */
static void forged_tokens(void) {
    struct child child;
    struct task_info information = {0};
    REQUIRE(child_actor(&child, NULL));
    handle_t thread = start_helper(&child, PROBE_SPIN);
    while (information.token == TOKEN_NONE && task_info(child.task, &information) == OK) {
        thread_sleep(NS_PER_MS);
    }
    CHECK_EQ(run_hostile("thief", information.token), 0);
    CHECK(!helper_done && lent_out_is(0x44));
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, RESET_POISON), OK);
    wait_helper(thread);
    CHECK_EQ(helper_status, E_POISON);
    child_end(&child);
}

/* A server that keeps the token of a call that it has answered: its leases are gone with it, while
 * the caller's thread makes the next call too. */
static void leases_after_the_answer(void) {
    struct child child;
    const uint64_t place = STACK_TOP_VA - STACK_SIZE; /* the end of the server's stack */
    uint64_t results[5] = {0};
    REQUIRE(child_actor(&child, NULL));
    for (int round = 0; round < 3; round++) {
        helper_stays = true;
        wait_helper(start_helper(&child, PROBE_TOKEN));
        CHECK_EQ(helper_status, OK);
        CHECK(helper_answer != TOKEN_NONE);
        CHECK_EQ(probe_syscall(&child, SYS_LEASE_READ, helper_answer, 0, 0, place), E_STALE);
        CHECK_EQ(probe_syscall(&child, SYS_LEASE_WRITE, helper_answer, 1, 0, place), E_STALE);
        CHECK_EQ(probe_syscall(&child, SYS_REPLY, helper_answer, 0, 0, 0), E_STALE);
        CHECK(lent_out_is(0x44));
        helper_stays = false;
    }
    /* The same of this thread, whose slot is in use again by the very call that asks. */
    uint64_t word = 5, token = 0;
    struct lease lent[2] = {lease_in(lent_in, sizeof lent_in),
                            lease_out(lent_out, sizeof lent_out)};
    struct message message = {.data = &word, .size = 8, .leases = lent, .lease_count = 2};
    struct answer answer = {.data = &token, .size = sizeof token};
    CHECK_EQ(call(child.session, PROBE_TOKEN, &message, &answer), OK);
    CHECK_EQ(probe_syscall(&child, SYS_LEASE_WRITE, token, 1, 0, place), E_STALE);
    CHECK(lent_out_is(0x44));
    answer = (struct answer){.data = results, .size = sizeof results};
    CHECK_EQ(call(child.session, PROBE_LEASE, &message, &answer), OK);
    CHECK_EQ(results[0], 0x33 * sizeof lent_in);
    CHECK(lent_out_is(5));
    child_end(&child);
}

/* ---- Messages that change -------------------------------------------------------------------- */

/* What the message buffer of the calling thread is changed between. */
static struct message_buffer *volatile flipped;
static struct handle_slot good_handle, bad_handle;
static struct lease good_lease, bad_lease;

static void flip(void *argument) {
    struct message_buffer *buffer = argument;
    while (flipped == buffer) {
        *(volatile struct handle_slot *)&buffer->handles[0] = bad_handle;
        *(volatile struct lease *)&buffer->leases[0] = bad_lease;
        *(volatile struct handle_slot *)&buffer->handles[0] = good_handle;
        *(volatile struct lease *)&buffer->leases[0] = good_lease;
    }
    helper_done = true;
}

/* A call with a handle or a lease as the buffer has it in that moment. */
static struct message_registers call_flipped(handle_t session, uint64_t tag) {
    struct message_registers registers = {.rdi = session, .tag = tag};
    syscall_message(SYS_CALL, &registers);
    return registers;
}

/* Another CPU changes the buffer while the kernel reads it: what was checked is what is sent. */
static void changing_messages(void) {
    enum { ROUNDS = 4000, CHANGES = 500 };
    struct child child;
    handle_t full = HANDLE_NONE, thread = HANDLE_NONE;
    uint32_t sent[2] = {0, 0}, changes = 0;
    status_t last = OK;
    REQUIRE(child_actor(&child, NULL));
    REQUIRE(notification_create(test_account, &full) == OK);
    good_handle.rights = bad_handle.rights = RIGHT_ALL;
    CHECK_EQ(handle_copy(full, RIGHT_SIGNAL | RIGHT_COPY, &good_handle.handle), OK);
    CHECK_EQ(handle_copy(full, RIGHT_ALL & ~RIGHT_COPY, &bad_handle.handle), OK);
    memset(lent_in, 0x33, sizeof lent_in);
    good_lease = lease_in(lent_in, sizeof lent_in);
    bad_lease = (struct lease){0xffffffff80200000, UINT64_MAX, LEASE_READ | LEASE_WRITE, 0};
    flipped = message_buffer();
    flipped->handles[0] = good_handle;
    flipped->leases[0] = good_lease;
    helper_done = false;
    /* Below us: with one CPU it would else take a time slice of each call. */
    REQUIRE(thread_create(flip, flipped, 11, &thread) == OK);
    status_t apart = thread_schedule(thread, 11, 2);
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, 1), OK);
    /* So many changes are seen only while the other CPU is at it. */
    for (int i = 0; i < ROUNDS || (apart == OK && changes < CHANGES); i++) {
        struct message_registers r = call_flipped(child.session, TAG(PROBE_RIGHTS, 0, 0, 1));
        CHECK(r.rax == E_RIGHTS || (r.rax == OK && r.words[0] == (RIGHT_SIGNAL | RIGHT_COPY)));
        sent[0] += r.rax == OK;
        changes += r.rax != last;
        last = (status_t)r.rax;
        r = call_flipped(child.session, TAG(PROBE_LEASE, 0, 1, 0));
        bool good = r.rax == OK && r.words[0] == 0x33 * sizeof lent_in &&
                    r.words[1] == sizeof lent_in && r.words[2] == OK;
        CHECK(r.rax == E_INVALID || good);
        sent[1] += good;
    }
    flipped = NULL;
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, UINT32_MAX), OK);
    wait_helper(thread);
    CHECK(sent[0] > 0 && sent[1] > 0);
    handle_close(good_handle.handle);
    handle_close(bad_handle.handle);
    handle_close(full);
    child_end(&child);
}

/* ---- The log --------------------------------------------------------------------------------- */

/* A task whose name would begin another line and move the cursor leaves one line, of text. */
static void names_in_the_log(void) {
    static const char name[TASK_NAME] = "a\n[ 0.1] init:\x1b[2J\x7f";
    static char text[4096];
    handle_t account = HANDLE_NONE;
    struct task_info information = {0};
    struct system_info system = {0};
    REQUIRE(account_create(test_account, 3 << 20, &account) == OK);
    REQUIRE(system_info_read(test_system, INFO_SYSTEM, 0, &system, sizeof system) == OK);
    int64_t task = syscall_4(SYS_TASK_CLONE, account, (uintptr_t)name, 0, 0);
    if (task == 0) {
        task_exit(5);
    }
    REQUIRE(task > 0);
    while (information.state != TASK_DEAD && task_info((handle_t)task, &information) == OK) {
        thread_sleep(NS_PER_MS);
    }
    uint64_t position = system.log_head;
    int64_t size = system_log_read(test_system, &position, text, sizeof text - 1);
    CHECK(size > 0 && strstr(text, "a [ 0.1] init: [2J : exited with code 5\n") != NULL);
    handle_close((handle_t)task);
    handle_close(account);
}

const struct guest_test attack_tests[] = {
    {"a program without handles", forged_handles},
    {"rights do not grow", amplified_rights},
    {"badges can't be made up", forged_badges},
    {"tokens of others", forged_tokens},
    {"leases end with the answer", leases_after_the_answer},
    {"messages that change while they are read", changing_messages},
    {"bad addresses in every argument", bad_arguments},
    {"names in the log", names_in_the_log},
    {NULL, NULL},
};
