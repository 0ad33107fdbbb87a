/* SPDX-License-Identifier: MIT */
/*
 * Host unit-test harness in one header, TAP output. Include it in exactly one file per test
 * program:
 *
 *     TEST(list_starts_empty) { CHECK(list_empty(&head)); CHECK_EQ(list_length(&head), 0); }
 *
 * Tests run in the order of the file. CHECK notes a failure and goes on; REQUIRE leaves the test.
 * An argument restricts the run to tests whose name contains it.
 */
#pragma once

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* strnlen */
#endif

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_test {
    const char *name;
    void (*run)(void);
    struct check_test *next;
};

static struct check_test *check_first;
static struct check_test **check_last = &check_first;
static unsigned check_failures;
static uint64_t check_seed = 0x9e3779b97f4a7c15;

static inline void check_add(struct check_test *test) {
    *check_last = test;
    check_last = &test->next;
}

#define TEST(test_name)                                                                            \
    static void test_##test_name(void);                                                            \
    static struct check_test check_entry_##test_name = {#test_name, test_##test_name, NULL};       \
    __attribute__((constructor)) static void check_add_##test_name(void) {                         \
        check_add(&check_entry_##test_name);                                                       \
    }                                                                                              \
    static void test_##test_name(void)

static inline bool check_true(bool value, const char *text, const char *file, int line) {
    if (!value) {
        printf("# %s:%d: not true: %s\n", file, line, text);
        check_failures++;
    }
    return value;
}

static inline bool check_equal(int64_t left, int64_t right, const char *text, const char *file,
                               int line) {
    if (left != right) {
        printf("# %s:%d: %s: %" PRId64 " (0x%" PRIx64 ") != %" PRId64 " (0x%" PRIx64 ")\n", file,
               line, text, left, (uint64_t)left, right, (uint64_t)right);
        check_failures++;
    }
    return left == right;
}

static inline bool check_text(const char *left, const char *right, const char *text,
                              const char *file, int line) {
    bool same = left != NULL && right != NULL && strcmp(left, right) == 0;
    if (!same) {
        printf("# %s:%d: %s: \"%s\" != \"%s\"\n", file, line, text, left ? left : "(null)",
               right ? right : "(null)");
        check_failures++;
    }
    return same;
}

#define CHECK(expression) check_true((expression), #expression, __FILE__, __LINE__)
#define CHECK_EQ(left, right)                                                                      \
    check_equal((int64_t)(left), (int64_t)(right), #left " == " #right, __FILE__, __LINE__)
#define CHECK_STR(left, right) check_text((left), (right), #left " == " #right, __FILE__, __LINE__)
#define REQUIRE(expression)                                                                        \
    do {                                                                                           \
        if (!CHECK(expression)) {                                                                  \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Repeatable pseudo-random numbers (xorshift64*); the same in every run. */
static inline uint64_t check_random(void) {
    check_seed ^= check_seed >> 12;
    check_seed ^= check_seed << 25;
    check_seed ^= check_seed >> 27;
    return check_seed * 0x2545f4914f6cdd1d;
}

/* A number in 0..limit-1. */
static inline uint64_t check_random_below(uint64_t limit) {
    return check_random() % limit;
}

int main(int argc, char **argv) {
    unsigned count = 0;
    unsigned failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct check_test *test = check_first; test != NULL; test = test->next) {
        if (argc > 1 && strstr(test->name, argv[1]) == NULL) {
            continue;
        }
        unsigned before = check_failures;
        test->run();
        bool bad = check_failures != before;
        failed += bad;
        printf("%s %u - %s\n", bad ? "not ok" : "ok", ++count, test->name);
    }
    printf("1..%u\n", count);
    return failed != 0 || count == 0;
}
