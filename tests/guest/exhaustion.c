/* SPDX-License-Identifier: MIT
 * A program that takes all that it can get: its account pays, and nobody else is without.
 */
#include "guest.h"

#include <common/string.h>
#include <ipc/machine.h>
#include <ipc/thread.h>

#include "hostile.h"

/* ---- Each kind of object, until the account is full -------------------------------------------
 */

static handle_t spare_endpoint, spare_notification, spare_memory, spare_file;

static status_t make_account(handle_t account, handle_t *out) {
    return account_create(account, PAGE_SIZE, out);
}

static status_t make_session(handle_t account, handle_t *out) {
    return session_create_charged(spare_endpoint, 1, account, out);
}

static status_t make_timer(handle_t account, handle_t *out) {
    return timer_create(account, spare_notification, 1, out);
}

static status_t make_memory(handle_t account, handle_t *out) {
    uint8_t byte = 1;
    status_t status = memory_create(account, 2 * PAGE_SIZE, out);
    if (status == OK && (status = memory_write(*out, PAGE_SIZE, &byte, 1)) != OK) {
        handle_close(*out);
    }
    return status;
}

static status_t make_clone(handle_t account, handle_t *out) {
    return memory_clone(account, spare_memory, out);
}

static status_t make_arena(handle_t account, handle_t *out) {
    return arena_create(account, PAGE_SIZE, out);
}

static status_t make_image(handle_t account, handle_t *out) {
    return image_create(account, spare_file, actor_file_size, out);
}

static status_t make_task(handle_t account, handle_t *out) {
    struct task_create parameters = {.account = account, .priority = 1, .name = "empty"};
    return task_create(&parameters, out);
}

static status_t make_ioport(handle_t account, handle_t *out) {
    return system_ioport(test_system, 0x70, 2, account, out);
}

static status_t make_device_memory(handle_t account, handle_t *out) {
    return system_memory(test_system, 0xf0000, PAGE_SIZE, account, out);
}

static const struct {
    const char *name;
    status_t (*make)(handle_t account, handle_t *out);
} makers[] = {
    {"account", make_account}, {"endpoint", endpoint_create},
    {"session", make_session}, {"notification", notification_create},
    {"timer", make_timer},     {"memory", make_memory},
    {"clone", make_clone},     {"arena", make_arena},
    {"image", make_image},     {"task", make_task},
    {"ioport", make_ioport},   {"device memory", make_device_memory},
};
enum { MAKERS = sizeof makers / sizeof makers[0] };

static bool make_spares(void) {
    uint64_t content = 1;
    return endpoint_create(test_account, &spare_endpoint) == OK &&
           notification_create(test_account, &spare_notification) == OK &&
           memory_create(test_account, PAGE_SIZE, &spare_memory) == OK &&
           memory_write(spare_memory, 0, &content, sizeof content) == OK &&
           memory_create(test_account, actor_file_size, &spare_file) == OK &&
           memory_write(spare_file, 0, actor_file, actor_file_size) == OK;
}

static void close_spares(void) {
    handle_close(spare_endpoint);
    handle_close(spare_notification);
    handle_close(spare_memory);
    handle_close(spare_file);
}

/* One of each kind, charged to the test's own account. */
static void others_can_create(void) {
    for (size_t i = 0; i < MAKERS; i++) {
        handle_t made = HANDLE_NONE;
        CHECK_EQ(makers[i].make(test_account, &made), OK);
        handle_close(made);
    }
}

static uint64_t used(handle_t account) {
    struct account_information information = {0};
    CHECK_EQ(account_info(account, &information), OK);
    CHECK(information.used <= information.limit);
    return information.used;
}

static void fill(size_t kind, uint64_t limit) {
    static handle_t made[8192];
    handle_t account = HANDLE_NONE;
    status_t status = OK;
    uint32_t count = 0;
    REQUIRE(account_create(test_account, limit, &account) == OK);
    uint64_t outside = used(test_account);
    while (count < 8192 && (status = makers[kind].make(account, &made[count])) == OK) {
        count++;
    }
    if (status != E_QUOTA || count == 0) {
        check_failed(__FILE__, __LINE__, makers[kind].name, status, count);
    }
    CHECK_EQ(used(test_account), outside); /* the limit was taken from it before */
    others_can_create();
    while (count > 0) {
        handle_close(made[--count]);
    }
    /* Closed sessions wait for the endpoint's server, which this one has not got. */
    handle_close(spare_endpoint);
    CHECK_EQ(endpoint_create(test_account, &spare_endpoint), OK);
    if (used(account) != 0) {
        check_failed(__FILE__, __LINE__, makers[kind].name, (int64_t)used(account), 0);
    }
    handle_close(account);
}

static void full_accounts(void) {
    REQUIRE(make_spares());
    for (size_t i = 0; i < MAKERS; i++) {
        fill(i, 256 << 10);
    }
    close_spares();
}

/* A copy of this program, which ends at once. */
static status_t make_copy(handle_t account, handle_t *out) {
    int64_t result = syscall_4(SYS_TASK_CLONE, account, 0, 0, 0);
    if (result == 0) {
        task_exit(0);
    }
    *out = result < 0 ? HANDLE_NONE : (handle_t)result;
    return result < 0 ? (status_t)result : OK;
}

/* An account with a little more each time, until it suffices: whatever could not be paid for,
 * nothing of the attempt is left. */
static void suffice(const char *name, status_t (*make)(handle_t account, handle_t *out),
                    uint64_t step) {
    status_t status = E_QUOTA;
    for (uint64_t limit = 0; status == E_QUOTA; limit += step) {
        handle_t account = HANDLE_NONE, made = HANDLE_NONE;
        REQUIRE(account_create(test_account, limit, &account) == OK);
        status = make(account, &made);
        if (status != OK && used(account) != 0) {
            check_failed(__FILE__, __LINE__, name, (int64_t)used(account), 0);
        }
        handle_close(made);
        handle_close(account);
    }
    if (status != OK) {
        check_failed(__FILE__, __LINE__, name, status, OK);
    }
}

static void scarce_accounts(void) {
    REQUIRE(make_spares());
    for (size_t i = 0; i < MAKERS; i++) {
        suffice(makers[i].name, makers[i].make, 128);
    }
    suffice("copy of the program", make_copy, 1024);
    close_spares();
}

/* ---- Programs that take -----------------------------------------------------------------------
 */

/* The other server answers, a program can be started, and every kind of object made. */
static void others_can_work(const struct child *server) {
    struct child child;
    uint64_t sum = 0, before = probe_state(server).counter;
    CHECK_EQ(probe(server, PROBE_ADD, 1, 0, &sum), OK);
    CHECK(sum > before);
    CHECK(child_program(&child, NULL, "exit", 7, 0));
    CHECK_EQ(child_wait(&child), 7);
    child_end(&child);
    others_can_create();
}

static void greedy_programs(void) {
    struct child server, child;
    uint64_t bits = 0;
    REQUIRE(make_spares());
    REQUIRE(child_actor(&server, NULL));
    others_can_work(&server);
    for (uint64_t kind = 0; kind < GREEDY_CLONES; kind++) {
        uint64_t paid = used(server.account);
        REQUIRE(child_hostile(&child, 1 << 20, server.session, "greedy", kind));
        CHECK_EQ(notification_wait(child.stop, UINT64_MAX, DEADLINE_NONE, &bits), OK);
        if (bits != (uint64_t)-E_QUOTA && bits != (uint64_t)-E_NO_HANDLES) {
            check_failed(__FILE__, __LINE__, "kind, refusal", (int64_t)kind, -(int64_t)bits);
        }
        CHECK(bits != (uint64_t)-E_QUOTA || used(child.account) > 15 << 16);
        others_can_work(&server);
        CHECK_EQ(used(server.account), paid);
        child_end(&child);
    }
    child_end(&server);
    close_spares();
}

static uint64_t tasks(void) {
    struct system_info system = {0};
    CHECK_EQ(system_info_read(test_system, INFO_SYSTEM, 0, &system, sizeof system), OK);
    return system.tasks;
}

/* Clones of clones, as many as the account pays for; they end when what they hold is revoked. */
static void fork_bomb(void) {
    struct child server, bomb;
    REQUIRE(make_spares());
    REQUIRE(child_actor(&server, NULL));
    uint64_t before = tasks();
    REQUIRE(child_hostile(&bomb, 3 << 20, HANDLE_NONE, "bomb", 0));
    while (tasks() < before + 5) {
        thread_sleep(NS_PER_MS);
    }
    for (int i = 0; i < 20; i++) {
        others_can_work(&server);
        used(bomb.account);
    }
    CHECK(tasks() >= before + 5);
    CHECK_EQ(handle_revoke(bomb.stop), OK);
    while (tasks() > before) {
        thread_sleep(NS_PER_MS);
    }
    CHECK_EQ(child_wait(&bomb), 0);
    child_end(&bomb);
    child_end(&server);
    close_spares();
}

/* A program that calls from many threads without an end: the server's account does not pay for what
 * waits there, and who calls too is served. */
static void flooded_endpoint(void) {
    enum { THREADS = 30, CALLS = 200 };
    struct child server, child;
    struct task_info information = {0};
    REQUIRE(child_actor(&server, NULL));
    CHECK_EQ(probe(&server, PROBE_ADD, 1, 0, NULL), OK); /* it has what it works with */
    uint64_t before = probe_state(&server).counter, after = 0, paid = used(server.account);
    REQUIRE(child_hostile(&child, 1 << 20, server.session, "flood", THREADS));
    while (information.threads < THREADS || probe_state(&server).counter < before + THREADS) {
        CHECK_EQ(task_info(child.task, &information), OK);
        REQUIRE(information.state != TASK_DEAD);
        thread_sleep(NS_PER_MS);
    }
    CHECK_EQ(thread_schedule(HANDLE_NONE, 11, 0), OK); /* no better than the others */
    before = probe_state(&server).counter;
    for (uint64_t i = 0; i < CALLS || after < before + i + CALLS; i++) { /* they are served too */
        CHECK_EQ(probe(&server, PROBE_ADD, 1, 0, &after), OK);
    }
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, 0), OK);
    CHECK_EQ(used(server.account), paid);
    child_end(&child);
    CHECK_EQ(probe(&server, PROBE_ADD, 0, 0, NULL), OK);
    CHECK_EQ(used(server.account), paid);
    child_end(&server);
}

/* Memory that somebody has given back tells the next one nothing. */
static void no_leftovers(void) {
    enum { SIZE = 512 << 10 };
    handle_t account = HANDLE_NONE, memory = HANDLE_NONE;
    for (uint64_t round = 0; round < 8; round++) {
        REQUIRE(account_create(test_account, 2 * SIZE, &account) == OK);
        REQUIRE(memory_create(account, SIZE, &memory) == OK);
        REQUIRE(memory_map(TASK_SELF, memory, 0, TEST_AREA, SIZE, PROT_READ | PROT_WRITE) == OK);
        uint64_t *words = (uint64_t *)TEST_AREA, found = 0;
        for (uint64_t i = 0; i < SIZE / 8; i++) {
            found |= words[i];
            words[i] = 0x5ec2e75ec2e75ec2;
        }
        CHECK_EQ(found, 0);
        CHECK_EQ(memory_unmap(TASK_SELF, TEST_AREA, SIZE), OK);
        handle_close(memory);
        handle_close(account);
    }
}

const struct guest_test exhaustion_tests[] = {
    {"an account full of each kind of object", full_accounts},
    {"accounts that suffice for a part", scarce_accounts},
    {"programs that take all they can get", greedy_programs},
    {"a fork bomb", fork_bomb},
    {"a flooded endpoint", flooded_endpoint},
    {"memory that was another's", no_leftovers},
    {NULL, NULL},
};
