/* SPDX-License-Identifier: MIT
 * Harness of the guest test: each test is a function; what it finds wrong is logged and counted.
 * After every test the account must be as full as before, so every leak is seen.
 */
#pragma once

#include <stdbool.h>

#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/message.h>
#include <ipc/object.h>
#include <ipc/time.h>

#include "probe.h"

struct guest_test {
    const char *name;
    void (*run)(void);
};

#define GUEST_TESTS_MAX 96
/* Every file of tests has such a table, closed by an empty entry. */
extern const struct guest_test handle_tests[], memory_tests[], message_tests[], task_tests[],
    thread_tests[], machine_tests[], attack_tests[], exhaustion_tests[], entry_tests[],
    garbage_tests[];

/* The test's own account and system object. */
extern handle_t test_account, test_system;

void check_failed(const char *file, int line, const char *text, int64_t left, int64_t right);

#define CHECK(expression)                                                                          \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            check_failed(__FILE__, __LINE__, #expression, 0, 0);                                   \
        }                                                                                          \
    } while (0)
#define CHECK_EQ(left, right)                                                                      \
    do {                                                                                           \
        int64_t check_left = (int64_t)(left), check_right = (int64_t)(right);                      \
        if (check_left != check_right) {                                                           \
            check_failed(__FILE__, __LINE__, #left " == " #right, check_left, check_right);        \
        }                                                                                          \
    } while (0)
#define REQUIRE(expression)                                                                        \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            check_failed(__FILE__, __LINE__, #expression, 0, 0);                                   \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define TEST_AREA 0x300000000000ull /* addresses that are free in this program */
#define TEST_HANDLES_MAX 70000

/* Enters the kernel in every way until the machine stops; says each hundred rounds how many and
 * with how many errors (entries.c). */
_Noreturn void enter_for_ever(void);

/* Addresses that no system call may read or write. */
#define BAD_ADDRESSES 6
extern const uint64_t bad_addresses[BAD_ADDRESSES];

/* ---- The other program (child.c) ---- */

struct child {
    handle_t account, endpoint, notification, arena, task;
    handle_t session;     /* badge BADGE_ROOT | PROBE_BADGE; actors only */
    handle_t supervision; /* given by the supervisor, if there is one */
    handle_t watch;       /* bit 1: the task has ended */
    handle_t stop, lent;  /* hostile programs only: a notification that it may signal; a session */
};

/* The image of the other program; made once. */
handle_t child_image(void);
extern const unsigned char actor_file[];
extern const unsigned long actor_file_size;

/* Starts it as an actor, or as a plain program with arguments ("role number number"). `supervisor`
 * (may be NULL) gets its faults with badge 5. False: something failed, which is noted. */
bool child_actor(struct child *child, const struct child *supervisor);
bool child_program(struct child *child, const struct child *supervisor, const char *role,
                   uint64_t first, uint64_t second);
/* Starts it to attack (hostile.h), with an account of `limit` bytes and a session, which may be
 * HANDLE_NONE. */
bool child_hostile(struct child *child, uint64_t limit, handle_t lent, const char *role,
                   uint64_t number);
/* One that ends by itself, without a session: its exit code. */
int32_t run_hostile(const char *role, uint64_t number);
/* Ends it and closes every handle. */
void child_end(struct child *child);
/* Waits until its task has ended, up to 20 s; its exit code, INT32_MIN: it has not. */
int32_t child_wait(const struct child *child);

/* One operation of the probe protocol with up to two words; *result (may be NULL) gets word 0. */
status_t probe(const struct child *child, uint32_t operation, uint64_t first, uint64_t second,
               uint64_t *result);
struct probe_state probe_state(const struct child *child);
/* Waits until as many faults have come to the supervisor; the last of them. False: they have not,
 * which is noted. */
bool wait_fault(const struct child *supervisor, uint64_t count, struct fault_message *fault);
/* A system call made by the actor. */
int64_t probe_syscall(const struct child *child, uint32_t op, uint64_t a0, uint64_t a1, uint64_t a2,
                      uint64_t a3);
