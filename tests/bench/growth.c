/* SPDX-License-Identifier: MIT
 * How cost grows: the paths of paths.c with more and more tasks and handles around, then calls and
 * answers at an endpoint with a long queue, and arming a timer among many.
 */
#include <common/format.h>
#include <ipc/cpu.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "bench.h"
#include "paths.h"

static const unsigned steps[] = {10, 1000, 10000};
enum { STEPS = sizeof steps / sizeof steps[0], MOST = 10000 };

static handle_t made[MOST];

static void name_step(unsigned count) {
    static char suffix[16];
    format(suffix, sizeof suffix, "_%u", count);
    measure_suffix(suffix);
}

static void close_made(unsigned count) {
    while (count > 0) {
        handle_close(made[--count]);
    }
}

/* ---- tasks and handles -------------------------------------------------------------------------
 */

static void measure_map(uint64_t memory) {
    if (memory_map(TASK_SELF, (handle_t)memory, 0, BLOCKS_VA, PAGE_SIZE, PROT_READ | PROT_WRITE) ==
        OK) {
        (void)memory_unmap(TASK_SELF, BLOCKS_VA, PAGE_SIZE);
    }
}

static void measure_copy(uint64_t handle) {
    handle_t copy;
    if (handle_copy((handle_t)handle, RIGHT_ALL, &copy) == OK) {
        handle_close(copy);
    }
}

static bool add_task(handle_t *task) {
    struct task_create parameters = {
        .account = peers.account, .priority = PRIORITY_LOW, .name = "benchtask"};
    return task_create(&parameters, task) == OK;
}

static bool among_tasks(handle_t arena_session) {
    unsigned count = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        for (; count < steps[step]; count++) {
            if (!add_task(&made[count])) {
                return false;
            }
        }
        name_step(steps[step]);
        measure_each("null", measure_null, 0);
        measure_calls("call_plain", peers.session, TAG(SERVE_NOTHING, 6, 0, 0));
        measure_calls("round_trip", arena_session, TAG(0, 2, 0, 0));
        if (!run_switches()) {
            return false;
        }
        measure_each("map_unmap", measure_map, peers.page);
        measure_each("handle_copy_close", measure_copy, peers.page);
        measure_each("task_life", measure_task_life, 0);
        measure_each("thread_life", measure_thread_life, 0);
    }
    close_made(count);
    return true;
}

/* ---- callers in a queue ------------------------------------------------------------------------
 */

handle_t bench_queue;

/* A thread without a stack: stores the time at rdi, calls, ends. */
void bench_caller(void);
__asm__(".text\n"
        "bench_caller:\n"
        "    rdtsc\n"
        "    shl $32, %rdx\n"
        "    or %rdx, %rax\n"
        "    mov %rax, (%rdi)\n"
        "    mov bench_queue(%rip), %edi\n"
        "    xor %esi, %esi\n"
        "    mov $0x80000001, %eax\n"
        "    syscall\n"
        "    mov $0x80000029, %eax\n"
        "    syscall\n"
        "    ud2\n");
_Static_assert(SYS_CALL == 1 && SYS_THREAD_EXIT == 0x29, "bench_caller");

static uint64_t stamps[MOST];

static bool queue_up(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        stamps[i] = 0;
        int64_t thread = syscall_6(SYS_THREAD_CREATE, TASK_SELF, (uintptr_t)bench_caller, 0,
                                   (uintptr_t)&stamps[i], MESSAGE_BUFFER_VA, PRIORITY_LOW);
        if (thread < 0) {
            return false;
        }
        handle_close((handle_t)thread);
    }
    while (__atomic_load_n(&stamps[count - 1], __ATOMIC_RELAXED) == 0) {
        thread_sleep(NS_PER_MS);
    }
    thread_sleep(NS_PER_MS); /* the last one calls */
    return true;
}

/* From one caller's start to the next one's: its call, queued behind the others, and a switch. */
static void report_calls(unsigned count) {
    static uint64_t samples[ROUNDS];
    unsigned rounds = count - 1 < ROUNDS ? count - 1 : ROUNDS;
    for (unsigned i = 0; i < rounds; i++) {
        samples[i] = stamps[count - 1 - i] - stamps[count - 2 - i];
    }
    measure_report("queue_call", samples, rounds);
}

/* Each turn answers one call and takes the next. */
static void report_receives(unsigned count) {
    static uint64_t samples[ROUNDS];
    struct bench_message message = {.r14 = TOKEN_NONE};
    for (unsigned i = 0; i <= count; i++) {
        message.rdi = message.r14;
        message.tag = TAG(OK, 0, 0, 0);
        message.r14 = RECEIVE_ALL | RECEIVE_POLL;
        bench_receive(&message);
        if (i < ROUNDS) {
            samples[i] = message.after - message.before;
        }
    }
    measure_report("queue_receive", samples, count < ROUNDS ? count : ROUNDS);
}

static bool among_callers(void) {
    handle_t endpoint;
    if (endpoint_create(peers.account, &endpoint) != OK) {
        return false;
    }
    for (unsigned step = 0; step < STEPS; step++) {
        if (session_create(endpoint, 1, &bench_queue) != OK ||
            syscall_2(SYS_ACTOR_BIND, endpoint, HANDLE_NONE) != OK || !queue_up(steps[step])) {
            return false;
        }
        name_step(steps[step]);
        report_calls(steps[step]);
        report_receives(steps[step]);
        thread_sleep(100 * NS_PER_MS); /* they end */
    }
    return true;
}

/* ---- timers ------------------------------------------------------------------------------------
 */

static void measure_timer(uint64_t timer) {
    timer_set((handle_t)timer, time_now_ns() + 1000 * NS_PER_S);
    timer_set((handle_t)timer, 0);
}

static bool among_timers(void) {
    handle_t timer;
    unsigned count = 0;
    if (timer_create(peers.account, peers.finished, 2, &timer) != OK) {
        return false;
    }
    for (unsigned step = 0; step < STEPS; step++) {
        for (; count < steps[step]; count++) {
            if (timer_create(peers.account, peers.finished, 2, &made[count]) != OK) {
                return false;
            }
            timer_set(made[count], time_now_ns() + 2000 * NS_PER_S);
        }
        name_step(steps[step]);
        measure_each("timer_set_twice", measure_timer, timer);
    }
    return true;
}

bool run_growth(handle_t arena_session) {
    return lives_prepare() && among_tasks(arena_session) && among_callers() && among_timers();
}
