/* SPDX-License-Identifier: MIT
 * Measures system calls and calls in TSC ticks, which are instructions under QEMU's -icount. Each
 * line of the log: name, least, median, with the cost of reading the clock taken off.
 */
#include <client/init.h>
#include <ipc/cpu.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/time.h>

#include "bench.h"

#define ROUNDS 201
#define SETTLE_NS (1 * NS_PER_S)

static uint64_t samples[ROUNDS];
static handle_t server, account;

static void measure_nothing(uint64_t argument) {
    (void)argument;
}

static void measure_null(uint64_t argument) {
    (void)argument;
    syscall_2(SYS_NULL, 0, 0);
}

static void measure_call(uint64_t pages) {
    uint64_t session = server;
    uint64_t tag = TAG(pages, 2, 0, 0);
    uint64_t unused = 0;
    bench_message(SYS_CALL, &session, &tag, &unused, 0);
}

static void measure_map(uint64_t memory) {
    if (memory_map(TASK_SELF, (handle_t)memory, 0, BLOCKS_VA, PAGE_SIZE, PROT_READ | PROT_WRITE) ==
        OK) {
        (void)memory_unmap(TASK_SELF, BLOCKS_VA, PAGE_SIZE);
    }
}

static void measure_fault(uint64_t argument) {
    (void)argument;
    *(volatile uint64_t *)BLOCKS_VA = 1;
}

static void sort(void) {
    for (unsigned i = 1; i < ROUNDS; i++) {
        for (unsigned j = i; j > 0 && samples[j - 1] > samples[j]; j--) {
            uint64_t swap = samples[j];
            samples[j] = samples[j - 1];
            samples[j - 1] = swap;
        }
    }
}

static uint64_t overhead;

static void run(const char *name, void (*measure)(uint64_t), uint64_t argument) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before = cpu_cycles();
        measure(argument);
        samples[i] = cpu_cycles() - before;
    }
    sort();
    log_line("bench: %s %lu %lu", name, (unsigned long)(samples[0] - overhead),
             (unsigned long)(samples[ROUNDS / 2] - overhead));
}

/* A first touch needs fresh memory every time. */
static void run_fault(void) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        handle_t memory;
        if (memory_create(account, PAGE_SIZE, &memory) != OK ||
            memory_map(TASK_SELF, memory, 0, BLOCKS_VA, PAGE_SIZE, PROT_READ | PROT_WRITE) != OK) {
            return;
        }
        uint64_t before = cpu_cycles();
        measure_fault(0);
        samples[i] = cpu_cycles() - before;
        (void)memory_unmap(TASK_SELF, BLOCKS_VA, PAGE_SIZE);
        (void)handle_close(memory);
    }
    sort();
    log_line("bench: page_fault %lu %lu", (unsigned long)(samples[0] - overhead),
             (unsigned long)(samples[ROUNDS / 2] - overhead));
}

/* From an operator's kill of a server to its next answer: no operation has this label. */
#define LABEL_NONE 0xffffu

static void ask(handle_t session) {
    uint64_t to = session, tag = TAG(LABEL_NONE, 0, 0, 0), unused = 0;
    bench_message(SYS_CALL, &to, &tag, &unused, 0);
}

static void measure_restart(uint64_t name) {
    const char *service = (const char *)name;
    if (init_kill(startup_handle("init"), service) == OK) {
        ask(startup_handle(service));
    }
}

/* When all is up and nothing else is to do. */
static void run_restarts(void) {
    static const char *const names[][2] = {
        {"restart_vfs", "vfs"},       {"restart_net", "net"},   {"restart_console", "console"},
        {"restart_devmgr", "devmgr"}, {"restart_proc", "proc"}, {"restart_aiproxy", "aiproxy"},
        {"restart_init", "init"}};
    thread_sleep(SETTLE_NS);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        ask(startup_handle(names[i][1]));
        run(names[i][0], measure_restart, (uint64_t)names[i][1]);
    }
}

int main(void) {
    server = startup_handle("benchserver");
    account = startup_handle("account");
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before = cpu_cycles();
        measure_nothing(0);
        samples[i] = cpu_cycles() - before;
    }
    sort();
    overhead = samples[0];
    measure_call(BENCH_PAGES_MAX); /* the server is up and its pages are there */
    run("null", measure_null, 0);
    run("round_trip", measure_call, 0);
    run("round_trip_1_page", measure_call, 1);
    run("round_trip_1_page_named", measure_call, BENCH_NAMED);
    run("round_trip_8_pages", measure_call, 8);
    handle_t memory;
    if (memory_create(account, PAGE_SIZE, &memory) == OK) {
        run("map_unmap", measure_map, memory);
    }
    run_fault();
    run_restarts();
    log_line("bench: end 0 0");
    thread_sleep_until(UINT64_MAX - 1);
    return 0;
}
