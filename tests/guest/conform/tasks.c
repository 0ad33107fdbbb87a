/* SPDX-License-Identifier: MIT
 * Images, tasks and threads: what is special of each call.
 */
#include "conform.h"

#include <ipc/thread.h>

#define BAD 0x600000000ull /* nothing is mapped there */

static void images(void) {
    struct image_info information;
    struct account_information account;
    EXPECT(IMAGE_CREATE, E_FORMAT, test_account, objects[OBJECT_MEMORY], 100);
    EXPECT(IMAGE_CREATE, E_RANGE, test_account, objects[OBJECT_MEMORY], PAGE_SIZE + 1);
    EXPECT(IMAGE_INFO, OK, child_image(), (uintptr_t)&information);
    EXPECT(IMAGE_INFO, E_FAULT, child_image(), BAD);
    EXPECT(ACCOUNT_INFO, OK, test_account);
    CHECK_EQ(account_info(test_account, &account), OK);
}

static void tasks(void) {
    struct task_create parameters = {
        .account = test_account, .image = child_image(), .priority = 31, .name = "conform"};
    struct child actor;
    struct task_info information;
    handle_t session = HANDLE_NONE;
    EXPECT(TASK_CREATE, E_INVALID, (uintptr_t)&parameters);
    EXPECT(TASK_CREATE, E_FAULT, BAD);
    parameters.priority = 5;
    handle_t task = (handle_t)EXPECT(TASK_CREATE, OK, (uintptr_t)&parameters);
    EXPECT(TASK_SUPERVISE, OK, task, HANDLE_NONE, objects[OBJECT_NOTIFICATION], 1);
    EXPECT(TASK_START, OK, task);
    EXPECT(TASK_START, E_STATE, task);
    EXPECT(TASK_RESET, OK, task, HANDLE_NONE, RESET_STOP);
    EXPECT(TASK_RESET, E_INVALID, task, HANDLE_NONE, 0x80);
    EXPECT(TASK_INFO, OK, task, (uintptr_t)&information);
    EXPECT(TASK_INFO, E_FAULT, task, BAD);
    EXPECT(TASK_DESTROY, OK, task);
    EXPECT(TASK_START, E_STATE, task);
    EXPECT(TASK_RESET, E_STATE, task);
    EXPECT(TASK_SUPERVISE, E_STATE, task);
    EXPECT(HANDLE_GRANT, E_STATE, task, objects[OBJECT_MEMORY], RIGHT_ALL);
    EXPECT(THREAD_SCHEDULE, E_INVALID, task, 5);
    handle_close(task);
    /* A task that would end itself. */
    REQUIRE(child_actor(&actor, NULL));
    CHECK_EQ(handle_grant(actor.task, actor.task, RIGHT_ALL, &session), OK);
    struct in_actor in_turn = {.actor = &actor, .operation = PROBE_SYSCALL};
    EXPECT_IN(&in_turn, TASK_DESTROY, E_STATE, session);
    EXPECT(THREAD_CREATE, E_NOT_STAGED, actor.task, IMAGE_VA, STACK_TOP_VA, 0, MESSAGE_BUFFER_VA,
           5);
    child_end(&actor);
    REQUIRE(child_program(&actor, NULL, "exit", 42, 0));
    if (child_wait(&actor) == 42) {
        record(SYS_TASK_EXIT, OK);
    }
    child_end(&actor);
}

/* In a clone: a call, for which its account has no room. */
static int poor_call(handle_t account) {
    handle_t unused;
    struct message_registers registers = {.rdi = objects[OBJECT_SESSION]};
    while (account_create(account, PAGE_SIZE, &unused) == OK) {
    }
    while (notification_create(account, &unused) == OK) {
    }
    syscall_message(SYS_CALL, &registers);
    return (int)registers.rax;
}

static int32_t clone_ended(handle_t task) {
    struct task_info information = {0};
    while (task_info(task, &information) == OK && information.state != TASK_DEAD) {
        thread_sleep(NS_PER_MS);
    }
    handle_close(task);
    return information.exit_code;
}

static void clones(void) {
    handle_t account = HANDLE_NONE;
    EXPECT(TASK_CLONE, E_FAULT, test_account, BAD);
    int64_t task = syscall_4(SYS_TASK_CLONE, test_account, 0, 0, 0);
    if (task == 0) {
        task_exit(11);
    }
    if (task > 0 && clone_ended((handle_t)task) == 11) {
        record(SYS_TASK_CLONE, OK);
    }
    REQUIRE(account_create(test_account, 2 << 20, &account) == OK);
    task = syscall_4(SYS_TASK_CLONE, account, 0, 0, 0);
    if (task == 0) {
        task_exit(poor_call(account));
    }
    if (task > 0 && clone_ended((handle_t)task) == E_QUOTA) {
        record(SYS_CALL, E_QUOTA);
    }
    handle_close(account);
}

/* ---- threads -----------------------------------------------------------------------------------
 */

static uint32_t futex = 5;
static volatile uint32_t state;

static void await_state(uint32_t wanted) {
    while (state != wanted) {
        thread_sleep(NS_PER_MS);
    }
}

static void sleep_on_futex(void *argument) {
    state = 1;
    EXPECT(FUTEX_WAIT, (status_t)(intptr_t)argument, (uintptr_t)&futex, 5, DEADLINE_NONE);
    state = 2;
}

static void futexes(void) {
    handle_t thread = HANDLE_NONE;
    EXPECT(FUTEX_WAIT, E_WOULD_BLOCK, (uintptr_t)&futex, 4, DEADLINE_NONE);
    EXPECT(FUTEX_WAIT, E_TIMEOUT, (uintptr_t)&futex, 5, 1);
    EXPECT(FUTEX_WAIT, E_FAULT, (uintptr_t)&futex + 1, 5, 1);
    EXPECT(FUTEX_WAKE, E_FAULT, BAD, 1);
    state = 0;
    REQUIRE(thread_create(sleep_on_futex, (void *)(intptr_t)OK, 12, &thread) == OK);
    await_state(1);
    while (EXPECT(FUTEX_WAKE, OK, (uintptr_t)&futex, 1) == 0) {
        thread_sleep(NS_PER_MS);
    }
    await_state(2);
    handle_close(thread);
    state = 0;
    REQUIRE(thread_create(sleep_on_futex, (void *)(intptr_t)E_INTR, 12, &thread) == OK);
    await_state(1);
    EXPECT(THREAD_INTERRUPT, OK, thread);
    await_state(2);
    handle_close(thread);
}

static uint8_t stack[4096] __attribute__((aligned(16)));

static void just_end(void) {
    state = 1;
    thread_exit();
}

static void threads(void) {
    uint64_t top = (uintptr_t)stack + sizeof stack - 8, buffer = MESSAGE_BUFFER_VA;
    state = 0;
    handle_t thread =
        (handle_t)EXPECT(THREAD_CREATE, OK, 0, (uintptr_t)just_end, top, 0, buffer, 12);
    await_state(1);
    /* Its priority can be set until it has ended. */
    while (thread_schedule(thread, 5, 0) == OK) {
        thread_sleep(NS_PER_MS);
    }
    record(SYS_THREAD_EXIT, OK);
    handle_close(thread);
    EXPECT(THREAD_CREATE, E_INVALID, 0, (uintptr_t)just_end, top, 0, buffer, 31);
    handle_t empty = HANDLE_NONE, task = HANDLE_NONE;
    REQUIRE(account_create(test_account, 1 << 16, &empty) == OK);
    struct task_create parameters = {.account = empty, .priority = 5, .name = "small"};
    REQUIRE(task_create(&parameters, &task) == OK);
    while ((thread = (handle_t)syscall_6(SYS_THREAD_CREATE, task, IMAGE_VA, 0, 0, buffer, 5)) <
           0x80000000u) {
        handle_close(thread);
    }
    EXPECT(THREAD_CREATE, E_QUOTA, task, IMAGE_VA, 0, 0, buffer, 5);
    task_destroy(task);
    handle_close(task);
    handle_close(empty);
    EXPECT(THREAD_YIELD, OK, 0);
    EXPECT(THREAD_SCHEDULE, OK, 0, 12);
    EXPECT(THREAD_SCHEDULE, E_INVALID, 0, 32);
    EXPECT(THREAD_SCHEDULE, E_TYPE, objects[OBJECT_NOTIFICATION], 5);
    EXPECT(THREAD_INTERRUPT, E_TYPE, objects[OBJECT_NOTIFICATION]);
    EXPECT(THREAD_SET_BASE, OK, 0, (uintptr_t)&futex);
    EXPECT(THREAD_SET_BASE, E_INVALID, 7, 0);
    EXPECT(THREAD_SET_BASE, E_INVALID, 0, 0x8000000000000000);
}

/* ---- foreign threads ---------------------------------------------------------------------------
 */

static struct upcall_page upcall __attribute__((aligned(4096)));

static void program(void) {
    state = 2;
    thread_exit();
}

static void never(void) {
    task_exit(77);
}

static void go_foreign(void *argument) {
    (void)argument;
    EXPECT(THREAD_SET_FOREIGN, OK, 0, (uintptr_t)never, BAD);
    EXPECT(UPCALL_RETURN, E_FAULT, 0);
    EXPECT(THREAD_SET_FOREIGN, OK, 0, (uintptr_t)never, (uintptr_t)&upcall);
    upcall.fs_base = 0x8000000000000000;
    EXPECT(UPCALL_RETURN, E_INVALID, 0);
    upcall.fs_base = 0;
    upcall.rip = (uintptr_t)program;
    upcall.rsp = (uintptr_t)stack + sizeof stack - 8;
    upcall.rflags = 0x202;
    syscall_2(SYS_UPCALL_RETURN, 0, 0);
    state = 3; /* it must not come back */
}

static void foreign(void) {
    EXPECT(UPCALL_RETURN, E_STATE, 0);
    EXPECT(THREAD_SET_FOREIGN, E_INVALID, 0, 0xffffffff80000000, (uintptr_t)&upcall);
    state = 0;
    REQUIRE(thread_create(go_foreign, NULL, 12, NULL) == OK);
    while (state < 2) {
        thread_sleep(NS_PER_MS);
    }
    if (state == 2) {
        record(SYS_UPCALL_RETURN, OK);
    }
}

void check_tasks(void) {
    images();
    tasks();
    clones();
    futexes();
    threads();
    foreign();
}
