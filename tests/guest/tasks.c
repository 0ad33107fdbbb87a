/* SPDX-License-Identifier: MIT
 * Tasks: images, start, faults, supervision, reset; commits and roll back of actors.
 */
#include "guest.h"

#include <common/string.h>
#include <ipc/thread.h>

static status_t image_from(const void *bytes, uint64_t length, handle_t *out) {
    handle_t file = HANDLE_NONE;
    status_t status = memory_create(test_account, length + PAGE_SIZE, &file);
    if (status == OK) {
        status = memory_write(file, 0, bytes, length);
        if (status == OK) {
            status = image_create(test_account, file, length, out);
        }
        handle_close(file);
    }
    return status;
}

/* Offsets in the ELF header and program headers (System V ABI, chapter 4 and 5). */
enum {
    E_ENTRY = 24,
    E_PHOFF = 32,
    E_PHNUM = 56,
    PH = 64,
    PH_SIZE = 56,
    P_FLAGS = 4,
    P_OFFSET = 8,
    P_VADDR = 16,
    P_FILESZ = 32,
    P_MEMSZ = 40
};

static const struct {
    uint32_t offset, size;
    uint64_t value;
} damages[] = {
    {0, 4, 0},       /* magic */
    {4, 1, 1},       /* 32 bits */
    {5, 1, 2},       /* big endian */
    {16, 2, 3},      /* shared object */
    {18, 2, 3},      /* another machine */
    {E_ENTRY, 8, 0}, /* entry in no segment */
    {E_ENTRY, 8, 0xffffffff80000000},
    {E_PHOFF, 8, 0x7ffffffffffffff0},
    {E_PHOFF, 8, UINT64_MAX - 10},
    {E_PHNUM, 2, 0},
    {E_PHNUM, 2, 0xffff},
    {PH + P_FLAGS, 4, 7}, /* writable and executable */
    {PH + P_OFFSET, 8, 1ull << 40},
    {PH + P_OFFSET, 8, UINT64_MAX - 4095},
    {PH + P_VADDR, 8, 0xffffffff80000000},
    {PH + P_VADDR, 8, USER_HIGHEST - PAGE_SIZE},
    {PH + P_VADDR, 8, 0},
    {PH + P_FILESZ, 8, UINT64_MAX},
    {PH + P_MEMSZ, 8, 1}, /* smaller than its content */
    {PH + P_MEMSZ, 8, UINT64_MAX - PAGE_SIZE},
    {PH + PH_SIZE + P_VADDR, 8, 0xfffc0000000}, /* over the first segment */
};

static uint8_t elf[65536];

static void bad_images(void) {
    handle_t image = HANDLE_NONE;
    REQUIRE(actor_file_size <= sizeof elf);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        memcpy(elf, actor_file, actor_file_size);
        memcpy(elf + damages[i].offset, &damages[i].value, damages[i].size);
        status_t status = image_from(elf, actor_file_size, &image);
        if (status != E_FORMAT && status != E_QUOTA) {
            check_failed(__FILE__, __LINE__, "image (case, status)", (int64_t)i, status);
        }
        if (status == OK) {
            handle_close(image);
        }
    }
    static const uint64_t cuts[] = {1, 16, 63, 64, 100, 343, 344, 4096, 8191};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        CHECK_EQ(image_from(actor_file, cuts[i], &image), E_FORMAT);
    }
    handle_t file = HANDLE_NONE;
    REQUIRE(memory_create(test_account, PAGE_SIZE, &file) == OK);
    CHECK_EQ(image_create(test_account, file, 0, &image), E_FORMAT);
    status_t status = image_create(test_account, file, 1 << 20, &image);
    CHECK(status == E_RANGE || status == E_FORMAT);
    handle_close(file);
}

static void good_image(void) {
    struct image_info information = {0};
    handle_t image = HANDLE_NONE;
    REQUIRE(image_from(actor_file, actor_file_size, &image) == OK);
    CHECK_EQ(image_info(image, &information), OK);
    CHECK(strcmp(information.note.name, "probe") == 0);
    CHECK(information.note.layout > 1); /* a hash that the build puts in */
    CHECK_EQ(information.note.version, 1);
    CHECK(information.arena_minimum >= PROBE_PAGES * PAGE_SIZE);
    CHECK(information.entry >= 0xfffc0000000 && information.entry < ARENA_VA);
    handle_close(image);
}

static void bad_tasks(void) {
    handle_t task = HANDLE_NONE, arena = HANDLE_NONE;
    struct task_create parameters = {
        .account = test_account, .image = child_image(), .priority = 31};
    CHECK_EQ(task_create(&parameters, &task), E_INVALID); /* above the own priority */
    parameters.priority = 77;
    CHECK_EQ(task_create(&parameters, &task), E_INVALID);
    parameters.priority = 5;
    parameters.flags = 0xf0;
    CHECK_EQ(task_create(&parameters, &task), E_INVALID);
    parameters.flags = 0;
    parameters.image = 0x7ff0;
    CHECK_EQ(task_create(&parameters, &task), E_HANDLE);
    parameters.image = test_account;
    CHECK_EQ(task_create(&parameters, &task), E_TYPE);
    parameters.image = child_image();
    REQUIRE(arena_create(test_account, PAGE_SIZE, &arena) == OK);
    parameters.arena = arena;
    CHECK_EQ(task_create(&parameters, &task), E_INVALID); /* too small */
    handle_close(arena);
    parameters.arena = HANDLE_NONE;
    CHECK_EQ(task_create(&parameters, &task), OK);
    struct task_info information = {0};
    CHECK_EQ(task_info(task, &information), OK);
    CHECK_EQ(information.state, TASK_NEW);
    CHECK_EQ(task_destroy(task), OK);
    CHECK_EQ(task_start(task), E_STATE);
    handle_close(task);
}

static void exit_codes(void) {
    struct child child;
    static const uint64_t codes[] = {0, 1, 42, 255, 0x7fffffff};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        REQUIRE(child_program(&child, NULL, "exit", codes[i], 0));
        CHECK_EQ(child_wait(&child), codes[i]);
        child_end(&child);
    }
    REQUIRE(child_program(&child, NULL, "sleep", 30, 0));
    CHECK_EQ(task_start(child.task), E_STATE);
    CHECK_EQ(task_destroy(child.task), OK);
    CHECK(child_wait(&child) != INT32_MIN);
    child_end(&child);
}

static const struct {
    uint32_t how, vector;
} faults[] = {
    {0, 14}, {1, 14}, {2, 14}, {3, 14},  {4, 13}, {5, 13},  {6, FAULT_VECTOR_FOREIGN},
    {7, 0},  {8, 13}, {9, 13}, {10, 14}, {11, 3}, {12, 13}, {13, 13},
    {14, 6},
};

/* Without a supervisor a fault ends the task with code -vector, and nothing else. */
static void faults_end_the_task(void) {
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct child child;
        REQUIRE(child_program(&child, NULL, "misbehave", faults[i].how, 0));
        int32_t code = child_wait(&child);
        /* int 0x80 and int3 may be reported as protection faults */
        bool good = code == -(int32_t)faults[i].vector || (faults[i].how == 11 && code == -13);
        if (!good) {
            check_failed(__FILE__, __LINE__, "fault (kind, code)", faults[i].how, code);
        }
        child_end(&child);
    }
}

static void supervision(void) {
    struct child supervisor, child;
    struct fault_message fault = {0};
    struct task_info information = {0};
    REQUIRE(child_actor(&supervisor, NULL));
    REQUIRE(child_program(&child, &supervisor, "misbehave", 0, 0));
    REQUIRE(wait_fault(&supervisor, 1, &fault));
    task_info(child.task, &information);
    CHECK_EQ(fault.task, information.id);
    CHECK_EQ(fault.vector, 14);
    CHECK_EQ(fault.address, 0x10);
    CHECK_EQ(fault.incarnation, 0);
    CHECK(fault.rip >= 0xfffc0000000 && fault.rip < ARENA_VA);
    CHECK(fault.rsp > STACK_TOP_VA - STACK_SIZE && fault.rsp < STACK_TOP_VA);
    CHECK_EQ(fault.event, EVENT_NONE);
    CHECK_EQ(information.main_state, THREAD_FAULTED);
    /* Resumed at the same place it faults again. */
    struct message message = {0};
    uint64_t words[3] = {FAULT_RESUME, 0, 0};
    message.data = words;
    message.size = sizeof words;
    CHECK_EQ(call(supervisor.session, PROBE_FAULT_ANSWER, &message, NULL), OK);
    REQUIRE(wait_fault(&supervisor, 2, &fault));
    CHECK_EQ(fault.address, 0x10);
    /* Reset: it starts from its beginning. */
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, 0), OK);
    REQUIRE(wait_fault(&supervisor, 3, &fault));
    CHECK_EQ(fault.incarnation, 1);
    child_end(&child);
    REQUIRE(child_program(&child, &supervisor, "exit", 9, 0));
    REQUIRE(wait_fault(&supervisor, 4, &fault));
    CHECK_EQ(fault.error, 9);
    child_end(&child);
    child_end(&supervisor);
}

/* ---- Actors ------------------------------------------------------------------------------- */

/* Killed between its turns, again and again. */
static void exactly_once(void) {
    struct child child;
    uint64_t sum = 0, expected = 0;
    REQUIRE(child_actor(&child, NULL));
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(probe(&child, PROBE_ADD, 3, 0, &sum), OK);
        expected += 3;
        CHECK_EQ(sum, expected);
        CHECK_EQ(task_reset(child.task, HANDLE_NONE, 0), OK);
    }
    CHECK_EQ(probe_state(&child).counter, expected);
    CHECK_EQ(probe_state(&child).incarnation, 50);
    child_end(&child);
}

static const struct child *reset_child;
static struct child *reset_supervisor;
static volatile bool reset_stop;

/* A supervisor in this program: resets the child for every fault that is reported. */
static void reset_loop(void *argument) {
    struct fault_message fault;
    uint64_t seen = 0;
    (void)argument;
    while (!reset_stop) {
        status_t count =
            call_words(reset_supervisor->session, PROBE_FAULT, NULL, 0, &fault, sizeof fault);
        if ((uint64_t)count > seen) {
            seen = (uint64_t)count;
            task_reset(reset_child->task, HANDLE_NONE, 0);
        }
        thread_sleep(NS_PER_MS);
    }
    reset_stop = false;
}

static void stop_resets(void) {
    reset_stop = true;
    for (int i = 0; i < 1000 && reset_stop; i++) {
        thread_sleep(NS_PER_MS);
    }
    thread_sleep(2 * NS_PER_MS);
}

static bool start_resets(struct child *supervisor, const struct child *child) {
    handle_t thread = HANDLE_NONE;
    reset_child = child;
    reset_supervisor = supervisor;
    reset_stop = false;
    bool good = thread_create(reset_loop, NULL, 12, &thread) == OK;
    handle_close(thread);
    return good;
}

static void crashes_are_invisible(void) {
    struct child supervisor, child;
    uint64_t sum = 0;
    REQUIRE(child_actor(&supervisor, NULL));
    REQUIRE(child_actor(&child, &supervisor));
    REQUIRE(start_resets(&supervisor, &child));
    for (uint64_t i = 1; i <= 5; i++) {
        CHECK_EQ(probe(&child, PROBE_CRASH, 10, i, &sum), OK);
        CHECK_EQ(sum, 10 * i);
    }
    struct probe_state state = probe_state(&child);
    CHECK_EQ(state.counter, 50);
    CHECK(state.incarnation >= 6);
    /* Staged outputs of a turn that died are not seen. */
    handle_t notification = HANDLE_NONE;
    uint64_t bits = 0, words[2] = {4, 2};
    CHECK_EQ(notification_create(test_account, &notification), OK);
    struct handle_slot slot = {notification, RIGHT_SIGNAL | RIGHT_COPY};
    struct message message = {
        .data = words, .size = sizeof words, .handles = &slot, .handle_count = 1};
    CHECK_EQ(call(child.session, PROBE_SIGNAL, &message, NULL), OK);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, 0, &bits), OK);
    CHECK_EQ(bits, 4);
    /* A handle that is moved is the server's when it has lived through the call. */
    struct handle_information information;
    CHECK_EQ(handle_copy(notification, RIGHT_SIGNAL, &slot.handle), OK);
    slot.rights = RIGHT_SIGNAL | HANDLE_MOVE;
    CHECK_EQ(call(child.session, PROBE_SIGNAL, &message, NULL), OK);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, 0, &bits), OK);
    CHECK_EQ(handle_info(slot.handle, &information), E_HANDLE);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, 0, &bits), E_TIMEOUT);
    handle_close(notification);
    /* Many pages roll back as one. */
    CHECK_EQ(probe(&child, PROBE_TOUCH, 5, 0, NULL), OK);
    CHECK_EQ(probe(&child, PROBE_TABLE, 5, 0, &sum), OK);
    CHECK_EQ(sum, 1);
    CHECK_EQ(probe(&child, PROBE_TOUCH, 6, 3, NULL), OK);
    CHECK_EQ(probe(&child, PROBE_TABLE, 6, 0, &sum), OK);
    CHECK_EQ(sum, 1);
    stop_resets();
    child_end(&child);
    child_end(&supervisor);
}

static const struct child *poison_target;

static void poison_later(void *argument) {
    struct fault_message fault;
    (void)argument;
    for (int i = 0; i < 1000; i++) {
        if (call_words(reset_supervisor->session, PROBE_FAULT, NULL, 0, &fault, sizeof fault) >=
            1) {
            task_reset(poison_target->task, HANDLE_NONE, RESET_POISON);
            return;
        }
        thread_sleep(NS_PER_MS);
    }
}

static status_t poison_call(const struct child *child) {
    poison_target = child;
    if (thread_create(poison_later, NULL, 12, NULL) != OK) {
        return E_STATE;
    }
    status_t status = probe(child, PROBE_CRASH, 1, 1000, NULL);
    thread_sleep(5 * NS_PER_MS);
    return status;
}

static void poisoned_call(void) {
    struct child supervisor, child;
    struct fault_message fault = {0};
    uint64_t sum = 0;
    REQUIRE(child_actor(&supervisor, NULL));
    REQUIRE(child_actor(&child, &supervisor));
    CHECK_EQ(probe(&child, PROBE_ADD, 5, 0, NULL), OK);
    reset_supervisor = &supervisor;
    CHECK_EQ(poison_call(&child), E_POISON);
    CHECK(wait_fault(&supervisor, 1, &fault));
    CHECK_EQ(fault.event, EVENT_CALL);
    CHECK_EQ(fault.badge, BADGE_ROOT | PROBE_BADGE);
    CHECK_EQ(fault.label, PROBE_CRASH);
    CHECK_EQ(fault.vector, 6);
    CHECK_EQ(probe(&child, PROBE_ADD, 1, 0, &sum), OK);
    CHECK_EQ(sum, 6);
    child_end(&child);
    child_end(&supervisor);
}

static void cold_start(void) {
    struct child child;
    REQUIRE(child_actor(&child, NULL));
    CHECK_EQ(probe(&child, PROBE_ADD, 5, 0, NULL), OK);
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, RESET_COLD), OK);
    CHECK_EQ(probe_state(&child).counter, 0);
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, 0x80), E_INVALID);
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, RESET_STOP), OK);
    struct message message = {.deadline = time_now_ns() + 30 * NS_PER_MS};
    CHECK_EQ(call(child.session, PROBE_BADGE_OF, &message, NULL), E_TIMEOUT);
    CHECK_EQ(task_start(child.task), OK);
    CHECK_EQ(probe_state(&child).counter, 0);
    child_end(&child);
}

/* To another arena and back: each has what was committed in it, the task keeps all else. */
static void another_arena(void) {
    struct child child;
    struct image_info information = {0};
    handle_t second = HANDLE_NONE, small = HANDLE_NONE;
    uint64_t sum = 0;
    REQUIRE(child_actor(&child, NULL));
    CHECK_EQ(image_info(child_image(), &information), OK);
    CHECK_EQ(arena_create(child.account, information.arena_minimum + PAGE_SIZE, &second), OK);
    CHECK_EQ(arena_create(child.account, PAGE_SIZE, &small), OK);
    CHECK_EQ(probe(&child, PROBE_ADD, 5, 0, NULL), OK);
    CHECK_EQ(task_reset_arena(child.task, child_image(), 0, small, 0), E_INVALID);
    CHECK_EQ(task_reset_arena(child.task, child_image(), 0, child.arena, 0), E_INVALID);
    CHECK_EQ(task_reset_arena(child.task, HANDLE_NONE, 0, second, 0), E_INVALID);
    CHECK_EQ(task_reset_arena(child.task, child_image(), 0, child.account, 0), E_TYPE);
    for (uint64_t round = 1; round <= 3; round++) {
        CHECK_EQ(task_reset_arena(child.task, child_image(), 0, second, 0), OK);
        CHECK_EQ(probe(&child, PROBE_ADD, 1, 0, &sum), OK);
        CHECK_EQ(sum, round);
        CHECK_EQ(task_reset_arena(child.task, child_image(), RESET_STOP, child.arena, 0), OK);
        CHECK_EQ(task_reset(child.task, HANDLE_NONE, 0), OK);
        CHECK_EQ(probe(&child, PROBE_ADD, 1, 0, &sum), OK);
        CHECK_EQ(sum, 5 + round);
    }
    CHECK_EQ(probe_state(&child).incarnation, 9);
    handle_close(second);
    handle_close(small);
    child_end(&child);
}

/* What an actor must not do in the middle of a turn, and what it may. */
static void staged_rules(void) {
    struct child child;
    REQUIRE(child_actor(&child, NULL));
    handle_t session = HANDLE_NONE, account = HANDLE_NONE, notification = HANDLE_NONE,
             granted = HANDLE_NONE;
    CHECK_EQ(notification_create(test_account, &notification), OK);
    CHECK_EQ(handle_grant(child.task, child.session, RIGHT_ALL, &session), OK);
    CHECK_EQ(handle_grant(child.task, child.account, RIGHT_ALL, &account), OK);
    CHECK_EQ(handle_grant(child.task, notification, RIGHT_ALL, &granted), OK);
    const struct {
        uint32_t op;
        uint64_t first, second, third, fourth;
    } blocking[] = {
        {SYS_CALL, session, 0, 0, 0},
        {SYS_NOTIFICATION_WAIT, granted, 1, 0, 0},
        {SYS_THREAD_SLEEP, 1, 0, 0, 0},
        {SYS_FUTEX_WAIT, STARTUP_VA, 0, 0, 0},
        {SYS_FUTEX_WAKE, STARTUP_VA, 1, 0, 0},
        {SYS_PROTECT, 0, STARTUP_VA, PAGE_SIZE, PROT_READ},
        {SYS_TASK_CLONE, account, 0, 0, 0},
        {SYS_THREAD_CREATE, 0, IMAGE_VA, STACK_TOP_VA, 0},
        {SYS_THREAD_SET_FOREIGN, 0, STARTUP_VA, STARTUP_VA, 0},
    };
    for (size_t i = 0; i < sizeof blocking / sizeof blocking[0]; i++) {
        int64_t result = probe_syscall(&child, blocking[i].op, blocking[i].first,
                                       blocking[i].second, blocking[i].third, blocking[i].fourth);
        if (result != E_NOT_STAGED) {
            check_failed(__FILE__, __LINE__, "actor (call, result)", blocking[i].op, result);
        }
    }
    handle_close(notification);
    CHECK_EQ(probe_syscall(&child, SYS_NULL, 0, 0, 0, 0), 0);
    CHECK_EQ(probe_syscall(&child, SYS_THREAD_YIELD, 0, 0, 0, 0), 0);
    CHECK_EQ(probe_syscall(&child, SYS_REPLY, 0x123456789, 0, 0, 0), E_STALE);
    CHECK_EQ(probe_syscall(&child, SYS_CALL_CANCEL, 0x123456789, 0, 0, 0), E_STALE);
    CHECK_EQ(probe_syscall(&child, SYS_LEASE_READ, 0x123456789, 0, 0, 0), E_STALE);
    CHECK_EQ(probe_syscall(&child, SYS_LEASE_WRITE, 0x123456789, 0, 0, 0), E_STALE);
    CHECK_EQ(probe_syscall(&child, SYS_NOTIFICATION_CREATE, 0, 0, 0, 0), E_HANDLE);
    /* Its endpoint is taken. */
    struct child other;
    REQUIRE(child_actor(&other, NULL));
    CHECK_EQ(handle_grant(other.task, child.endpoint, RIGHT_ALL, &granted), OK);
    CHECK_EQ(probe_syscall(&other, SYS_ACTOR_BIND, granted, 0, 0, 0), E_BUSY);
    uint64_t bits;
    CHECK_EQ(notification_wait(child.notification, 1, 0, &bits), E_BUSY);
    child_end(&other);
    child_end(&child);
}

static void notifications_of_actors(void) {
    struct child child;
    REQUIRE(child_actor(&child, NULL));
    CHECK_EQ(notification_signal(child.notification, 0x30), OK);
    CHECK_EQ(probe_state(&child).notified, 0x30);
    CHECK_EQ(notification_signal(child.notification, 0x01), OK);
    CHECK_EQ(task_reset(child.task, HANDLE_NONE, 0), OK);
    CHECK_EQ(probe_state(&child).notified, 0x31);
    child_end(&child);
}

const struct guest_test task_tests[] = {
    {"a good program image", good_image},
    {"damaged program images", bad_images},
    {"tasks that are refused", bad_tasks},
    {"exit codes", exit_codes},
    {"a fault ends only its task", faults_end_the_task},
    {"supervision", supervision},
    {"50 resets lose nothing", exactly_once},
    {"crashes in a turn are invisible", crashes_are_invisible},
    {"a poisoned call", poisoned_call},
    {"cold start and stop", cold_start},
    {"another arena", another_arena},
    {"what actors may not do", staged_rules},
    {"notifications of an actor", notifications_of_actors},
    {NULL, NULL},
};
