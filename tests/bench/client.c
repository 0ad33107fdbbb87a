/* SPDX-License-Identifier: MIT
 * Measures calls to an actor, memory, and restarts of the servers.
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
#include "measure.h"

#define SETTLE_NS (1 * NS_PER_S)

static handle_t server, account;

static void measure_null(uint64_t argument) {
    (void)argument;
    syscall_2(SYS_NULL, 0, 0);
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

/* A first touch needs fresh memory every time. */
static void run_fault(void) {
    static uint64_t samples[ROUNDS];
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
    measure_report("page_fault", samples, ROUNDS);
}

/* From an operator's kill of a server to its next answer: no operation has this label. */
#define LABEL_NONE 0xffffu

static void ask(handle_t session) {
    struct bench_message message = {.rdi = session, .tag = TAG(LABEL_NONE, 0, 0, 0)};
    bench_call(&message);
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
        measure_each(names[i][0], measure_restart, (uint64_t)names[i][1]);
    }
}

int main(void) {
    server = startup_handle("benchserver");
    account = startup_handle("account");
    measure_start();
    measure_each("null", measure_null, 0);
    /* At first all its pages, so that they are there and counted as pages that may change. */
    static const struct {
        const char *name;
        uint64_t label;
    } calls[] = {{"round_trip_8_pages", BENCH_PAGES_MAX},
                 {"round_trip", 0},
                 {"round_trip_1_page", 1},
                 {"round_trip_1_page_named", BENCH_NAMED}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        measure_calls(calls[i].name, server, TAG(calls[i].label, 2, 0, 0));
    }
    handle_t memory;
    if (memory_create(account, PAGE_SIZE, &memory) == OK) {
        measure_each("map_unmap", measure_map, memory);
    }
    run_fault();
    run_restarts();
    log_line("bench: end 0 0");
    thread_sleep_until(UINT64_MAX - 1);
    return 0;
}
