/* SPDX-License-Identifier: MIT
 * Exercises every system call, good and bad, as docs/spec/syscalls.md has it; reports TAP on the
 * log.
 */
#include "guest.h"

#include <ipc/log.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/thread.h>

handle_t test_account, test_system;

const uint64_t bad_addresses[BAD_ADDRESSES] = {
    0,                  /* NULL */
    0x1000,             /* below the lowest user address */
    0x600000000,        /* nothing is mapped */
    0x00007ffffffff000, /* just beyond the user range */
    0xffffffff80000000, /* the kernel */
    0x8000000000000000, /* non-canonical */
};

static unsigned failures;

void check_failed(const char *file, int line, const char *text, int64_t left, int64_t right) {
    if (failures++ < 20) {
        log_line("# %s:%d: %s (%ld, %ld)", file, line, text, left, right);
    }
}

static uint64_t account_used(void) {
    struct account_information information = {0};
    account_info(test_account, &information);
    return information.used;
}

/* A thread's slot for calls holds on to the session that was called last: call one that stays. */
static struct child bystander;

/* Ends of tasks may lag behind a little. */
static void check_account(uint64_t before) {
    probe(&bystander, PROBE_BADGE_OF, 0, 0, NULL);
    for (int i = 0; i < 100 && account_used() != before; i++) {
        thread_sleep(10 * NS_PER_MS);
    }
    CHECK_EQ(account_used(), before);
}

static void run_test(const struct guest_test *test, unsigned number) {
    uint64_t before = account_used();
    failures = 0;
    test->run();
    check_account(before);
    log_line("%s %u - %s", failures == 0 ? "ok" : "not ok", number, test->name);
}

static volatile uint32_t ended;
static volatile bool all_made;

static void linger(void *argument) {
    (void)argument;
    while (!all_made) {
        thread_sleep(NS_PER_MS);
    }
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

/* What the account keeps for good is made before anything is measured: stacks of threads, the
 * handle table at its full size, page tables for the addresses that the tests use. */
static void warm_up(void) {
    static handle_t handles[TEST_HANDLES_MAX];
    handle_t memory = HANDLE_NONE;
    for (uint32_t i = 0; i < 10; i++) {
        if (thread_create(linger, NULL, 12, NULL) != OK) {
            check_failed(__FILE__, __LINE__, "thread_create", 0, 0);
        }
    }
    all_made = true;
    child_actor(&bystander, NULL);
    probe(&bystander, PROBE_BADGE_OF, 0, 0, NULL);
    uint32_t count = 0;
    while (count < TEST_HANDLES_MAX && handle_copy(test_account, 0, &handles[count]) == OK) {
        count++;
    }
    while (count > 0) {
        handle_close(handles[--count]);
    }
    for (uint64_t offset = 0; offset <= 0x100000; offset += 0x100000) {
        if (memory_create(test_account, PAGE_SIZE, &memory) == OK &&
            memory_map(TASK_SELF, memory, 0, TEST_AREA + offset, PAGE_SIZE,
                       PROT_READ | MAP_POPULATE) == OK) {
            memory_unmap(TASK_SELF, TEST_AREA + offset, PAGE_SIZE);
        }
        handle_close(memory);
    }
    while (ended != 10) {
        thread_sleep(NS_PER_MS);
    }
    thread_sleep(20 * NS_PER_MS);
}

int main(void) {
    static const struct guest_test *const tables[] = {
        handle_tests,  memory_tests, message_tests,    task_tests,  thread_tests,
        machine_tests, attack_tests, exhaustion_tests, entry_tests, garbage_tests,
    };
    static struct guest_test tests[GUEST_TESTS_MAX];
    unsigned count = 0;
    test_account = startup_handle("account");
    test_system = startup_handle("system");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct guest_test *test = tables[t]; test->name != NULL; test++) {
            tests[count++] = *test;
        }
    }
    if (startup_argc() > 0) {
        enter_for_ever();
    }
    warm_up();
    log_line("1..%u", count);
    for (unsigned i = 0; i < count; i++) {
        run_test(&tests[i], i + 1);
    }
    return 0;
}
