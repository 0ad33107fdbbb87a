/* SPDX-License-Identifier: MIT
 * What every call says to a bad handle; creations that can't be paid for or have no place; calls
 * that no actor may make, and staged calls of one whose account is exhausted.
 */
#include "conform.h"

#include <common/string.h>
#include <ipc/machine.h>
#include <ipc/startup.h>

static uint32_t handle_count(const struct call_row *row) {
    uint32_t count = 0;
    while (count < 3 && (row->handles[count].type != 0 || row->handles[count].right != 0)) {
        count++;
    }
    /* HANDLE_INFO and the like take a handle of any type, with any right. */
    return strcmp(row->name, "HANDLE_INFO") == 0 ? 1 : count;
}

static handle_t good_handle(uint32_t type) {
    return objects[type == OBJECT_NONE ? OBJECT_NOTIFICATION : type];
}

static handle_t without_right(uint32_t type, uint32_t right) {
    handle_t weak = HANDLE_NONE;
    if (type == OBJECT_SYSTEM) { /* no copies are made of that */
        return startup_handle(right == RIGHT_READ ? "writer" : "reader");
    }
    if (handle_copy(good_handle(type), RIGHT_ALL & ~right, &weak) != OK) {
        check_failed(__FILE__, __LINE__, "copy", type, right);
    }
    return weak;
}

/* A handle to a good object that was revoked. */
static handle_t revoked_handle(uint32_t type) {
    handle_t copy = HANDLE_NONE;
    if (handle_copy(good_handle(type), RIGHT_ALL, &copy) != OK ||
        handle_revoke(good_handle(type)) != OK) {
        check_failed(__FILE__, __LINE__, "revoke", type, 0);
    }
    return copy;
}

static void expect_bad(uint32_t op, struct arguments arguments, uint32_t place, handle_t handle,
                       status_t wanted) {
    arguments.a[place] = handle;
    expect(__FILE__, __LINE__, op, wanted, &arguments);
}

static void check_row(uint32_t op, const struct call_row *row) {
    struct arguments arguments = {{0}};
    for (uint32_t i = 0; i < handle_count(row); i++) {
        uint32_t place = row->handles[i].argument, type = row->handles[i].type;
        expect_bad(op, arguments, place, 0x7ff0, E_HANDLE);
        if (type != OBJECT_NONE) {
            expect_bad(op, arguments, place,
                       type == OBJECT_NOTIFICATION ? test_account : objects[OBJECT_NOTIFICATION],
                       E_TYPE);
        }
        if (row->handles[i].right != 0) {
            handle_t weak = without_right(type, row->handles[i].right);
            expect_bad(op, arguments, place, weak, E_RIGHTS);
            if (type != OBJECT_SYSTEM) {
                handle_close(weak);
            }
        }
        if (type != OBJECT_SYSTEM) { /* nobody can revoke that */
            handle_t revoked = revoked_handle(type);
            expect_bad(op, arguments, place, revoked, E_REVOKED);
            handle_close(revoked);
        }
        arguments.a[place] = good_handle(type);
    }
}

/* A blocking call: refused once its handles are good. */
static void check_blocking(uint32_t op, const struct call_row *row, const struct child *actor) {
    struct arguments arguments = {{0}};
    struct in_actor where = {.actor = actor, .operation = PROBE_SYSCALL};
    for (uint32_t i = 0; i < handle_count(row); i++) {
        handle_t granted = HANDLE_NONE;
        if (handle_grant(actor->task, good_handle(row->handles[i].type), RIGHT_ALL, &granted) !=
            OK) {
            check_failed(__FILE__, __LINE__, "grant", op, 0);
        }
        arguments.a[row->handles[i].argument] = granted;
    }
    expect_in(__FILE__, __LINE__, &where, op, E_NOT_STAGED, &arguments);
}

void check_handles(void) {
    struct child actor;
    REQUIRE(child_actor(&actor, NULL));
    for (uint32_t op = 0; op < SYS_COUNT; op++) {
        if (call_rows[op].name == NULL) {
            continue;
        }
        check_row(op, &call_rows[op]);
        if (call_rows[op].class == CLASS_BLOCKING) {
            check_blocking(op, &call_rows[op], &actor);
        }
    }
    child_end(&actor);
    handle_t notification = HANDLE_NONE, memory = objects[OBJECT_MEMORY];
    REQUIRE(notification_create(test_account, &notification) == OK);
    EXPECT(HANDLE_INFO, OK, notification);
    EXPECT(HANDLE_CLOSE, E_HANDLE, 0x7ff0);
    int64_t granted = EXPECT(HANDLE_GRANT, OK, objects[OBJECT_TASK], notification, RIGHT_ALL);
    CHECK(granted > 0);
    EXPECT(HANDLE_REVOKE, OK, notification);
    EXPECT(HANDLE_CLOSE, OK, notification);
    EXPECT(DEVICE_CONFIG, E_HANDLE, 0x7ff0);
    EXPECT(DEVICE_CONFIG, E_TYPE, memory);
    struct task_create bad = {.account = 0x7ff0};
    EXPECT(TASK_CREATE, E_HANDLE, (uintptr_t)&bad);
    bad.account = memory;
    EXPECT(TASK_CREATE, E_TYPE, (uintptr_t)&bad);
    bad.account = without_right(OBJECT_ACCOUNT, RIGHT_CHARGE);
    EXPECT(TASK_CREATE, E_RIGHTS, (uintptr_t)&bad);
    handle_close(bad.account);
    EXPECT(MAP, E_HANDLE, 0, 0x7ff0, 0, TEST_AREA, PAGE_SIZE, PROT_READ);
    EXPECT(MAP, E_TYPE, 0, test_account, 0, TEST_AREA, PAGE_SIZE, PROT_READ);
}

/* ---- creations ---------------------------------------------------------------------------------
 */

static struct task_create empty_task = {.priority = 5, .name = "conform"};

/* Good arguments; `account` stands where the call takes the account to charge. */
static void each_creation(void (*check)(uint32_t op, const struct arguments *), handle_t account) {
    handle_t file = HANDLE_NONE, memory = objects[OBJECT_MEMORY], device = objects[OBJECT_DEVICE];
    REQUIRE(memory_create(test_account, actor_file_size, &file) == OK);
    CHECK_EQ(memory_write(file, 0, actor_file, actor_file_size), OK);
    empty_task.account = account;
    const struct {
        uint32_t op;
        struct arguments arguments;
    } creations[] = {
        {SYS_ENDPOINT_CREATE, {{account}}},
        {SYS_SESSION_CREATE, {{objects[OBJECT_ENDPOINT], 1, account}}},
        {SYS_NOTIFICATION_CREATE, {{account}}},
        {SYS_TIMER_CREATE, {{account, objects[OBJECT_NOTIFICATION], 1}}},
        {SYS_ACCOUNT_CREATE, {{account, PAGE_SIZE}}},
        {SYS_IMAGE_CREATE, {{account, file, actor_file_size}}},
        {SYS_TASK_CREATE, {{(uintptr_t)&empty_task}}},
        {SYS_TASK_CLONE, {{account}}},
        {SYS_MEMORY_CREATE, {{account, PAGE_SIZE}}},
        {SYS_MEMORY_CLONE, {{account, memory}}},
        {SYS_ARENA_CREATE, {{account, PAGE_SIZE}}},
        {SYS_DEVICE_BAR, {{device, 0, account}}},
        {SYS_DEVICE_DMA, {{device, PAGE_SIZE, account}}},
        {SYS_SYSTEM_IOPORT, {{test_system, 0x70, 2, account}}},
        {SYS_SYSTEM_IRQ, {{test_system, 6, SYSTEM_IRQ_ISA, account}}},
        {SYS_SYSTEM_DEVICE, {{test_system, AHCI_PLACE, account}}},
        {SYS_SYSTEM_MEMORY, {{test_system, 0xf0000, PAGE_SIZE, account}}},
    };
    for (size_t i = 0; i < sizeof creations / sizeof creations[0]; i++) {
        check(creations[i].op, &creations[i].arguments);
    }
    handle_close(file);
}

static void succeeds(uint32_t op, const struct arguments *arguments) {
    if (op == SYS_TASK_CLONE) { /* a thing of its own, in tasks.c */
        return;
    }
    int64_t made = expect(__FILE__, __LINE__, op, OK, arguments);
    if (made > 0) {
        handle_close((handle_t)made);
    }
}

static void has_no_account(uint32_t op, const struct arguments *arguments) {
    expect(__FILE__, __LINE__, op, E_QUOTA, arguments);
}

static void has_no_place(uint32_t op, const struct arguments *arguments) {
    expect(__FILE__, __LINE__, op, E_NO_HANDLES, arguments);
}

void check_creations(void) {
    static handle_t copies[TEST_HANDLES_MAX];
    handle_t empty = HANDLE_NONE, memory = objects[OBJECT_MEMORY];
    uint32_t count = 0;
    status_t status = OK;
    each_creation(succeeds, test_account);
    REQUIRE(account_create(test_account, 0, &empty) == OK);
    each_creation(has_no_account, empty);
    handle_close(empty);
    int64_t copy = EXPECT(HANDLE_COPY, OK, memory, RIGHT_ALL);
    handle_close((handle_t)copy);
    while (count < TEST_HANDLES_MAX &&
           (status = handle_copy(memory, RIGHT_READ, &copies[count])) == OK) {
        count++;
    }
    CHECK_EQ(status, E_NO_HANDLES);
    handle_close(copies[--count]); /* for the file that images are made of */
    each_creation(has_no_place, test_account);
    CHECK_EQ(handle_copy(memory, RIGHT_READ, &copies[count]), OK);
    count++;
    EXPECT(HANDLE_COPY, E_NO_HANDLES, memory, RIGHT_READ);
    EXPECT(THREAD_CREATE, E_NO_HANDLES, 0, IMAGE_VA, STACK_TOP_VA, 0, MESSAGE_BUFFER_VA, 5);
    EXPECT(DEVICE_IRQ, E_NO_HANDLES, objects[OBJECT_DEVICE], 0, test_account, 16, 3);
    while (count > 0) {
        handle_close(copies[--count]);
    }
}

/* ---- an actor without a byte left --------------------------------------------------------------
 */

static handle_t give(const struct child *actor, handle_t handle) {
    handle_t granted = HANDLE_NONE;
    CHECK_EQ(handle_grant(actor->task, handle, RIGHT_ALL, &granted), OK);
    return granted;
}

/* The order of these matters only where one of them succeeds, and none does. */
void check_full_actor(void) {
    struct child actor, server;
    uint64_t token = 0;
    REQUIRE(child_actor(&actor, NULL));
    REQUIRE(child_actor(&server, NULL));
    struct task_create parameters = {
        .account = test_account, .image = child_image(), .priority = 5, .name = "never"};
    handle_t fresh = HANDLE_NONE;
    REQUIRE(task_create(&parameters, &fresh) == OK);
    handle_t account = give(&actor, actor.account), memory = give(&actor, objects[OBJECT_MEMORY]),
             task = give(&actor, objects[OBJECT_TASK]), timer = give(&actor, objects[OBJECT_TIMER]),
             signal = give(&actor, objects[OBJECT_NOTIFICATION]), thread = give(&actor, fresh),
             ioport = give(&actor, objects[OBJECT_IOPORT]), session = give(&actor, server.session),
             device = give(&actor, objects[OBJECT_DEVICE]);
    struct in_actor in_turn = {.actor = &actor, .operation = PROBE_SYSCALL, .r14 = &token};
    EXPECT_IN(&in_turn, MAP, OK, 0, memory, 0, TEST_AREA, PAGE_SIZE, PROT_READ);
    EXPECT_IN(&in_turn, CALL_STAGE, OK, session, TAG(PROBE_PARK, 0, 0, 0));
    const struct in_actor full = {&actor, PROBE_FULL, signal, NULL};
    EXPECT_IN(&full, REPLY, E_QUOTA, PROBE_OWN_TOKEN);
    EXPECT_IN(&full, CALL_STAGE, E_QUOTA, session, TAG(PROBE_ADD, 0, 0, 0));
    EXPECT_IN(&full, CALL_CANCEL, E_QUOTA, token);
    EXPECT_IN(&full, HANDLE_CLOSE, E_QUOTA, memory);
    EXPECT_IN(&full, HANDLE_COPY, E_QUOTA, memory, RIGHT_ALL);
    EXPECT_IN(&full, HANDLE_REVOKE, E_QUOTA, memory);
    EXPECT_IN(&full, HANDLE_GRANT, E_QUOTA, task, memory, RIGHT_ALL);
    EXPECT_IN(&full, NOTIFICATION_SIGNAL, E_QUOTA, signal, 1);
    EXPECT_IN(&full, TIMER_SET, E_QUOTA, timer, 1);
    EXPECT_IN(&full, TASK_START, E_QUOTA, thread);
    EXPECT_IN(&full, TASK_RESET, E_QUOTA, task);
    EXPECT_IN(&full, TASK_DESTROY, E_QUOTA, task);
    EXPECT_IN(&full, TASK_SUPERVISE, E_QUOTA, task, HANDLE_NONE, signal, 1);
    EXPECT_IN(&full, THREAD_INTERRUPT, E_QUOTA, task);
    EXPECT_IN(&full, UNMAP, E_QUOTA, 0, TEST_AREA, PAGE_SIZE);
    EXPECT_IN(&full, MAP, E_QUOTA, 0, memory, 0, TEST_AREA + 0x1000, PAGE_SIZE, PROT_READ);
    EXPECT_IN(&full, PORT_WRITE, E_QUOTA, ioport, 0, 1, 0x80);
    EXPECT_IN(&full, PORT_FILL, E_QUOTA, ioport, 0, STARTUP_VA, 1);
    EXPECT_IN(&full, DEVICE_IRQ, E_QUOTA, device, 0, account, 16, 3);
    /* Then with room again. */
    in_turn.r14 = NULL;
    EXPECT_IN(&in_turn, REPLY, E_STALE, 0x123456789);
    EXPECT_IN(&in_turn, CALL_CANCEL, OK, token);
    EXPECT_IN(&in_turn, CALL_CANCEL, E_STALE, 0x123456789);
    EXPECT_IN(&in_turn, MAP, E_NOT_STAGED, task, memory, 0, TEST_AREA, PAGE_SIZE, PROT_READ);
    EXPECT_IN(&in_turn, UNMAP, E_NOT_STAGED, task, STARTUP_VA, PAGE_SIZE);
    EXPECT_IN(&in_turn, UNMAP, OK, 0, TEST_AREA, PAGE_SIZE);
    EXPECT_IN(&in_turn, MEMORY_WRITE, E_NOT_STAGED, memory, 0, STARTUP_VA, 8);
    task_destroy(fresh);
    handle_close(fresh);
    child_end(&actor);
    child_end(&server);
}
