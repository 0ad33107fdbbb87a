/* SPDX-License-Identifier: MIT
 * How long the kernel runs with interrupts off: the latest that a thread of higher priority wakes
 * up while one below makes a large system call. It sleeps again and again, for times that fall
 * everywhere into the call.
 */
#include <ipc/thread.h>
#include <ipc/time.h>

#include "paths.h"

#define SIZE (16ull << 20)
#define PAGES_VA (BLOCKS_VA + (64ull << 20))
#define ROUNDS_EACH 16
#define PRIORITY_ABOVE 31 /* all servers */

static void wake_again(uint64_t argument) {
    (void)argument;
    for (uint64_t gap = 1;; gap = gap * 7919 % 3001) {
        uint64_t deadline = time_now_ns() + 1000 + gap;
        thread_sleep_until(deadline);
        uint64_t late = time_now_ns() - deadline;
        if (late > SHARED->count) {
            SHARED->count = late;
        }
    }
}

static handle_t memory, task;

static bool prepare(uint32_t flags) {
    return memory_create(peers.account, SIZE, &memory) == OK &&
           (flags == 0 ||
            memory_map(TASK_SELF, memory, 0, PAGES_VA, SIZE, PROT_READ | PROT_WRITE | flags) == OK);
}

static bool end(bool mapped) {
    return (!mapped || memory_unmap(TASK_SELF, PAGES_VA, SIZE) == OK) && handle_close(memory) == OK;
}

static void begin(void) {
    SHARED->count = 0;
}

/* The latest since `begin`, if it is later than `most`. */
static void look(uint64_t *most) {
    *most = SHARED->count > *most ? SHARED->count : *most;
}

static bool measure_nothing(uint64_t *most) {
    begin();
    for (unsigned i = 0; i < 10000; i++) {
        syscall_2(SYS_NULL, 0, 0);
    }
    look(most);
    return true;
}

static bool measure_populate(uint64_t *most) {
    begin();
    bool good = prepare(MAP_POPULATE);
    look(most);
    return good && end(true);
}

static bool measure_unmap(uint64_t *most) {
    bool good = prepare(MAP_POPULATE);
    begin();
    good = good && memory_unmap(TASK_SELF, PAGES_VA, SIZE) == OK;
    look(most);
    return good && end(false);
}

static bool measure_protect(uint64_t *most) {
    bool good = prepare(MAP_POPULATE);
    begin();
    good = good && memory_protect(TASK_SELF, PAGES_VA, SIZE, PROT_READ) == OK;
    look(most);
    return good && end(true);
}

static bool measure_free(uint64_t *most) {
    bool good = prepare(MAP_POPULATE) && memory_unmap(TASK_SELF, PAGES_VA, SIZE) == OK;
    begin();
    good = good && handle_close(memory) == OK;
    look(most);
    return good;
}

static bool measure_clone(uint64_t *most) {
    handle_t clone = HANDLE_NONE;
    bool good = prepare(MAP_POPULATE);
    begin();
    good = good && memory_clone(peers.account, memory, &clone) == OK;
    look(most);
    return good && handle_close(clone) == OK && end(true);
}

static bool measure_copy(uint64_t *most) {
    bool good = prepare(MAP_POPULATE);
    begin();
    good = good && memory_read(memory, SIZE / 2, (void *)PAGES_VA, 256 << 10) == OK;
    look(most);
    return good && end(true);
}

/* Its memory stays: what is measured is the end of the task itself. */
static bool measure_task_end(uint64_t *most) {
    struct task_create parameters = {
        .account = peers.account, .priority = PRIORITY_LOW, .name = "benchlarge"};
    bool good =
        prepare(0) && task_create(&parameters, &task) == OK &&
        memory_map(task, memory, 0, PAGES_VA, SIZE, PROT_READ | PROT_WRITE | MAP_POPULATE) == OK;
    begin();
    good = good && task_destroy(task) == OK;
    look(most);
    return good && handle_close(task) == OK && end(false);
}

static const struct {
    const char *name;
    bool (*measure)(uint64_t *most);
} paths[] = {
    {"longest_of_null", measure_nothing}, {"longest_of_copy", measure_copy},
    {"longest_of_unmap", measure_unmap},  {"longest_of_task_end", measure_task_end},
    {"longest_of_free", measure_free},    {"longest_of_protect", measure_protect},
    {"longest_of_clone", measure_clone},  {"longest_of_populate", measure_populate},
};

bool run_longest(void) {
    if (!peer_start(wake_again, 0, PRIORITY_ABOVE, NULL)) {
        return false;
    }
    thread_schedule(HANDLE_NONE, PRIORITY_LOW, 0);
    thread_sleep(500 * NS_PER_MS); /* the system has started by then */
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        uint64_t most = 0;
        for (unsigned round = 0; round < ROUNDS_EACH; round++) {
            if (!paths[i].measure(&most)) {
                return false;
            }
        }
        measure_report(paths[i].name, &most, 1);
        thread_sleep(50 * NS_PER_MS); /* the console writes that */
    }
    return true;
}
