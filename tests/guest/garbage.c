/* SPDX-License-Identifier: MIT
 * Programs that make system calls at random: whatever they do, it ends with them.
 */
#include "guest.h"

#include <ipc/thread.h>

enum { PROGRAMS = 40, CALLS = 3000 };

static void random_calls(void) {
    for (uint64_t i = 0; i < PROGRAMS; i++) {
        struct child child;
        REQUIRE(child_program(&child, NULL, "fuzz", i * 7919, CALLS));
        if (child_wait(&child) == INT32_MIN) {
            /* It may have put itself to sleep by lowering its own priority; that is no error. */
            task_destroy(child.task);
        }
        child_end(&child);
    }
}

static void many_actors(void) {
    for (int i = 0; i < 30; i++) {
        struct child child;
        uint64_t sum = 0;
        REQUIRE(child_actor(&child, NULL));
        CHECK_EQ(probe(&child, PROBE_ADD, (uint64_t)i, 0, &sum), OK);
        CHECK_EQ(sum, i);
        child_end(&child);
    }
}

static uint32_t ended;

static void end_at_once(void *argument) {
    (void)argument;
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
    futex_wake(&ended, 1);
}

static void many_threads(void) {
    ended = 0;
    for (uint32_t i = 1; i <= 2000; i++) {
        REQUIRE(thread_create(end_at_once, NULL, 12, NULL) == OK);
        while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) != i) {
            (void)futex_wait(&ended, i - 1, UINT64_MAX - 1);
        }
    }
}

static void many_programs(void) {
    for (uint64_t i = 0; i < 500; i++) {
        struct child child;
        REQUIRE(child_program(&child, NULL, "exit", i, 0));
        CHECK_EQ(child_wait(&child), i);
        child_end(&child);
    }
}

static void many_priorities(void) {
    for (uint32_t i = 0; i < 40000; i++) {
        CHECK_EQ(thread_schedule(HANDLE_NONE, i % 13, 0), OK);
    }
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, 0), OK);
}

const struct guest_test garbage_tests[] = {
    {"30 actors come and go", many_actors},      {"2,000 threads come and go", many_threads},
    {"500 programs come and go", many_programs}, {"40,000 changes of priority", many_priorities},
    {"random system calls", random_calls},       {NULL, NULL},
};
