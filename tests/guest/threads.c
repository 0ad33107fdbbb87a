/* SPDX-License-Identifier: MIT
 * Threads, futexes, sleep, floating-point state, clones of the task, foreign threads.
 */
#include "guest.h"

#include <ipc/thread.h>

static uint32_t word;
static volatile uint32_t ran;
static volatile status_t result;

static void run_and_count(void *argument) {
    ran += (uint32_t)(uintptr_t)argument;
    futex_wake(&word, 1);
}

static bool wait_ran(uint32_t value) {
    for (int i = 0; i < 2000 && ran != value; i++) {
        thread_sleep(NS_PER_MS);
    }
    thread_sleep(NS_PER_MS);
    return ran == value;
}

static void creation(void) {
    handle_t thread = HANDLE_NONE;
    ran = 0;
    for (uint32_t i = 1; i <= 10; i++) {
        CHECK_EQ(thread_create(run_and_count, (void *)(uintptr_t)1, 12, &thread), OK);
        CHECK(wait_ran(i));
        handle_close(thread);
    }
    CHECK_EQ(thread_create(run_and_count, NULL, 31, &thread), E_INVALID);
    CHECK_EQ(syscall_6(SYS_THREAD_CREATE, 0, 0xffffffff80000000, 0, 0, 0, 5), E_INVALID);
    CHECK_EQ(syscall_6(SYS_THREAD_CREATE, test_account, 0, 0, 0, 0, 5), E_TYPE);
    CHECK_EQ(thread_schedule(HANDLE_NONE, 32, 0), E_INVALID);
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, 0), OK);
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, 0x80000000), E_INVALID); /* no such CPU */
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, 1), OK);
    CHECK_EQ(thread_schedule(HANDLE_NONE, 12, 0xffffffff), OK);
    CHECK_EQ(syscall_2(SYS_THREAD_YIELD, 0, 0), OK);
    CHECK_EQ(syscall_2(SYS_THREAD_SET_BASE, 0, 0x8000000000000000), E_INVALID);
    CHECK_EQ(syscall_2(SYS_THREAD_SET_BASE, 0, 0xffff800000000000), E_INVALID);
    CHECK_EQ(syscall_2(SYS_THREAD_SET_BASE, 7, 0), E_INVALID);
    CHECK_EQ(syscall_2(SYS_THREAD_SET_BASE, 0, (uintptr_t)&word), OK);
    word = 77;
    uint32_t read;
    __asm__ volatile("movl %%fs:0, %0" : "=r"(read));
    CHECK_EQ(read, 77);
}

enum { SPINNERS = 4, ROUNDS = 5 };

static volatile uint64_t turns[SPINNERS];
static volatile bool spinning;
static volatile uint32_t spinners;

static void spin(void *argument) {
    volatile uint64_t *mine = argument;
    while (spinning) {
        ++*mine;
    }
    __atomic_sub_fetch(&spinners, 1, __ATOMIC_SEQ_CST);
}

/* Nobody here waits in the kernel: without preemption the first to run is the only one. */
static void spinning_threads(void) {
    uint64_t give_up = time_now_ns() + 120 * NS_PER_S;
    spinning = true;
    spinners = SPINNERS;
    for (uint32_t i = 0; i < SPINNERS; i++) {
        turns[i] = 0;
        REQUIRE(thread_create(spin, (void *)(uintptr_t)&turns[i], 12, NULL) == OK);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < SPINNERS; i++) {
            uint64_t before = turns[i];
            while (turns[i] == before && time_now_ns() < give_up) {
            }
            CHECK(turns[i] != before);
        }
    }
    thread_sleep(5 * NS_PER_MS); /* comes back although all of them compute */
    spinning = false;
    while (spinners != 0) {
        thread_sleep(NS_PER_MS);
    }
}

static void sleep(void) {
    uint64_t start = time_now_ns();
    CHECK_EQ(thread_sleep(20 * NS_PER_MS), OK);
    uint64_t end = time_now_ns();
    CHECK(end >= start + 20 * NS_PER_MS);
    CHECK_EQ(thread_sleep_until(1), OK);
}

static void futex_sleeper(void *argument) {
    (void)argument;
    ran = 1;
    result = futex_wait(&word, 5, DEADLINE_NONE);
    ran = 2;
}

static void futexes(void) {
    word = 5;
    CHECK_EQ(futex_wait(&word, 4, DEADLINE_NONE), E_WOULD_BLOCK);
    CHECK_EQ(futex_wait(&word, 5, time_now_ns() + 10 * NS_PER_MS), E_TIMEOUT);
    CHECK_EQ(syscall_4(SYS_FUTEX_WAIT, (uintptr_t)&word + 1, 5, 0, 0), E_FAULT);
    CHECK_EQ(futex_wake(&word, 1), 0);
    handle_t thread = HANDLE_NONE;
    ran = 0;
    REQUIRE(thread_create(futex_sleeper, NULL, 12, &thread) == OK);
    CHECK(wait_ran(1));
    thread_sleep(5 * NS_PER_MS);
    CHECK_EQ(futex_wake(&word, 10), 1);
    CHECK(wait_ran(2));
    CHECK_EQ(result, OK);
    handle_close(thread);
    ran = 0;
    REQUIRE(thread_create(futex_sleeper, NULL, 12, &thread) == OK);
    CHECK(wait_ran(1));
    thread_sleep(5 * NS_PER_MS);
    CHECK_EQ(thread_interrupt(thread), OK);
    CHECK(wait_ran(2));
    CHECK_EQ(result, E_INTR);
    handle_close(thread);
}

/* Each thread keeps its own value in xmm0, xmm15 and the x87 stack while the others run. */
static volatile uint32_t float_errors;

static void float_user(void *argument) {
    uint64_t mine = (uintptr_t)argument, low, high;
    uint32_t x87 = 0;
    __asm__ volatile("movq %0, %%xmm0\n\tmovq %0, %%xmm15" : : "r"(mine));
    __asm__ volatile("fildll %0" : : "m"(mine));
    for (int i = 0; i < 200; i++) {
        thread_yield();
        if (i % 50 == 0) {
            thread_sleep(NS_PER_MS);
        }
        __asm__ volatile("movq %%xmm0, %0\n\tmovq %%xmm15, %1" : "=r"(low), "=r"(high));
        float_errors += low != mine || high != mine;
    }
    __asm__ volatile("fistpl %0" : "=m"(x87));
    float_errors += x87 != (uint32_t)mine;
    __atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
}

static void float_state(void) {
    handle_t threads[4];
    ran = 0;
    float_errors = 0;
    for (uint64_t i = 0; i < 4; i++) {
        REQUIRE(thread_create(float_user, (void *)(0x1111 * (i + 1)), 12, &threads[i]) == OK);
    }
    CHECK(wait_ran(4));
    CHECK_EQ(float_errors, 0);
    for (int i = 0; i < 4; i++) {
        handle_close(threads[i]);
    }
}

static volatile uint32_t clone_value = 1;

static void clone(void) {
    handle_t account = HANDLE_NONE, watch = HANDLE_NONE;
    uint64_t bits = 0;
    struct task_info information = {0};
    clone_value = 1;
    REQUIRE(account_create(test_account, 3 << 20, &account) == OK);
    REQUIRE(notification_create(test_account, &watch) == OK);
    int64_t task = syscall_4(SYS_TASK_CLONE, account, 0, 0, 0);
    if (task == 0) {
        /* The child sees the memory as it was; what it writes is its own. */
        int code = clone_value == 1 ? 11 : 12;
        clone_value = 2;
        task_exit(code);
    }
    REQUIRE(task > 0);
    (void)task_supervise((handle_t)task, HANDLE_NONE, watch, 1); /* it may have ended already */
    task_info((handle_t)task, &information);
    if (information.state != TASK_DEAD) {
        notification_wait(watch, 1, time_now_ns() + 5 * NS_PER_S, &bits);
    }
    task_info((handle_t)task, &information);
    CHECK_EQ(information.state, TASK_DEAD);
    CHECK_EQ(information.exit_code, 11);
    CHECK_EQ(clone_value, 1);
    handle_close((handle_t)task);
    handle_close(watch);
    handle_close(account);
}

/* A foreign thread: its system call comes back to it as an upcall, on its own stack. */
static struct upcall_page upcall __attribute__((aligned(4096)));
static volatile uint64_t upcall_number, upcall_reason;
static volatile int interrupts;

void upcall_entry(void);
__asm__(".text\n"
        "upcall_entry:\n"
        "    lea upcall_stack_top(%rip), %rsp\n"
        "    call upcall_body\n"
        "    ud2\n"
        ".bss\n"
        ".align 16\n"
        "    .skip 8192\n"
        "upcall_stack_top:\n"
        "    .skip 16\n"
        ".text\n");

void upcall_body(void);
void upcall_body(void) {
    if (upcall.reason == UPCALL_INTERRUPT) {
        interrupts++;
    } else {
        upcall_number = upcall.rax;
        upcall_reason = upcall.reason;
        upcall.rax = upcall.rdi + upcall.rsi;
    }
    syscall_2(SYS_UPCALL_RETURN, 0, 0);
    task_exit(77);
}

static volatile int64_t foreign_result;
static uint8_t program_stack[4096] __attribute__((aligned(16)));

/* What the foreign thread runs as a program. */
static void foreign_program(void) {
    int64_t value = 39;
    __asm__ volatile("syscall" : "+a"(value) : "D"(40), "S"(2) : "rcx", "r11", "memory");
    foreign_result = value;
    ran = 1;
    while (interrupts == 0) { /* computes until it is interrupted */
    }
    ran = 2;
    thread_exit();
}

/* A thread that makes itself foreign is inside its upcall and leaves it for the program. */
static void foreign(void *argument) {
    (void)argument;
    result = (status_t)syscall_4(SYS_THREAD_SET_FOREIGN, 0, (uintptr_t)upcall_entry,
                                 (uintptr_t)&upcall, 0);
    upcall.rip = (uintptr_t)foreign_program;
    upcall.rsp = (uintptr_t)program_stack + sizeof program_stack - 8;
    upcall.rflags = 0x202;
    syscall_2(SYS_UPCALL_RETURN, 0, 0);
}

static void foreign_thread(void) {
    handle_t thread = HANDLE_NONE;
    ran = 0;
    foreign_result = 0;
    interrupts = 0;
    CHECK_EQ(syscall_2(SYS_UPCALL_RETURN, 0, 0), E_STATE);
    CHECK_EQ(syscall_4(SYS_THREAD_SET_FOREIGN, 0, 0xffffffff80000000, (uintptr_t)&upcall, 0),
             E_INVALID);
    REQUIRE(thread_create(foreign, NULL, 12, &thread) == OK);
    CHECK(wait_ran(1));
    CHECK_EQ(result, OK);
    CHECK_EQ(upcall_number, 39);
    CHECK_EQ(foreign_result, 42);
    CHECK_EQ(upcall_reason, UPCALL_SYSCALL);
    CHECK_EQ(thread_interrupt(thread), OK);
    CHECK(wait_ran(2));
    CHECK_EQ(interrupts, 1);
    handle_close(thread);
}

const struct guest_test thread_tests[] = {
    {"threads", creation},
    {"threads that never wait", spinning_threads},
    {"sleep", sleep},
    {"futexes", futexes},
    {"floating-point state", float_state},
    {"a clone of the task", clone},
    {"a foreign thread", foreign_thread},
    {NULL, NULL},
};
