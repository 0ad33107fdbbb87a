/* SPDX-License-Identifier: MIT
 * Programs that make system calls at random: whatever they do, it ends with them.
 */
#include "guest.h"

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

const struct guest_test garbage_tests[] = {
    {"30 actors come and go", many_actors},
    {"random system calls", random_calls},
    {NULL, NULL},
};
