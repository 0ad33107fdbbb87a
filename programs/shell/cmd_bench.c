/* SPDX-License-Identifier: MIT
 * bench: the cost of the system's basic operations. Under QEMU's -icount a cycle is an instruction.
 */
#include <client/file.h>
#include <client/tty.h>
#include <common/string.h>
#include <ipc/cpu.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/message.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "shell.h"

#define BENCH_DEFAULT 1000
#define BENCH_MAX 10000000

static uint64_t cycles(void) {
    __asm__ volatile("lfence" : : : "memory");
    return cpu_cycles();
}

static status_t bench_null(struct shell *shell) {
    (void)shell;
    syscall_2(SYS_NULL, 0, 0);
    return OK;
}

static status_t bench_call(struct shell *shell) {
    uint64_t count;
    return tty_poll_interrupt(shell->tty, &count);
}

static status_t bench_stat(struct shell *shell) {
    struct file_stat stat;
    return shell->vfs != HANDLE_NONE ? file_stat(shell->vfs, "/", &stat) : E_UNAVAILABLE;
}

static status_t bench_yield(struct shell *shell) {
    (void)shell;
    thread_yield();
    return OK;
}

static status_t bench_memory(struct shell *shell) {
    handle_t memory;
    status_t status = memory_create(shell->account, PAGE_SIZE, &memory);
    return status == OK ? handle_close(memory) : status;
}

static status_t bench_clock(struct shell *shell) {
    (void)shell;
    return time_now_ns() != 0 ? OK : E_STATE;
}

struct bench {
    const char *name;
    status_t (*run)(struct shell *shell);
};
static const struct bench benches[] = {
    {"clock without kernel", bench_clock},
    {"empty system call", bench_null},
    {"yield", bench_yield},
    {"memory create, close", bench_memory},
    {"call, short, to console", bench_call},
    {"call, stat, to vfs", bench_stat},
};

static status_t bench_one(struct shell *shell, const struct bench *bench, uint64_t count) {
    status_t status = bench->run(shell); /* warm-up */
    uint64_t least = UINT64_MAX;
    uint64_t start_ns = time_now_ns();
    uint64_t start = cycles();
    for (uint64_t i = 0; i < count && status == OK; i++) {
        uint64_t before = cycles();
        status = bench->run(shell);
        uint64_t taken = cycles() - before;
        least = taken < least ? taken : least;
    }
    uint64_t total = cycles() - start;
    uint64_t ns = time_now_ns() - start_ns;
    if (status == OK) {
        print(shell, "%-26s %10lu %10lu %10lu\n", bench->name, (unsigned long)(ns / count),
              (unsigned long)(total / count), (unsigned long)least);
        print_flush(shell);
    }
    return status;
}

static int run_bench(struct shell *shell, int argc, char **argv) {
    uint64_t count = BENCH_DEFAULT;
    if (!count_arguments(shell, argc, argv, 0, 1) ||
        (argc == 2 && !number_argument(shell, argv[1], BENCH_MAX, &count))) {
        return STATUS_USAGE;
    }
    if (count == 0) {
        return usage(shell, "COUNT is 0");
    }
    print(shell, "%-26s %10s %10s %10s\n", "OPERATION", "NS", "CYCLES", "LEAST");
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]) && !shell_stopped(shell); i++) {
        status_t status = bench_one(shell, &benches[i], count);
        if (status != OK) {
            fail_status(shell, benches[i].name, status);
        }
    }
    return 0;
}

const struct command commands_bench[] = {
    {"bench", run_bench, "[COUNT]", "Measures system calls and calls to services."},
    {NULL, NULL, NULL, NULL},
};
