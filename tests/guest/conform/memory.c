/* SPDX-License-Identifier: MIT
 * Memory objects and mappings: what is special of each call.
 */
#include "conform.h"

#include <ipc/machine.h>

#define BAD 0x600000000ull /* nothing is mapped there */

static uint64_t word;
#define HERE ((uintptr_t)&word)

static void contents(void) {
    handle_t memory = objects[OBJECT_MEMORY], device = HANDLE_NONE, arena = HANDLE_NONE;
    REQUIRE(system_memory(test_system, 0xf0000, PAGE_SIZE, test_account, &device) == OK);
    REQUIRE(arena_create(test_account, PAGE_SIZE, &arena) == OK);
    EXPECT(MEMORY_CREATE, E_RANGE, test_account, 0);
    EXPECT(MEMORY_CREATE, E_RANGE, test_account, (1ull << 30) + 1);
    EXPECT(MEMORY_CREATE, E_INVALID, test_account, PAGE_SIZE, 0, 77);
    EXPECT(MEMORY_CLONE, E_TYPE, test_account, device);
    EXPECT(MEMORY_READ, OK, memory, 0, HERE, 8);
    EXPECT(MEMORY_READ, E_RANGE, memory, PAGE_SIZE, HERE, 8);
    EXPECT(MEMORY_READ, E_FAULT, memory, 0, BAD, 8);
    EXPECT(MEMORY_READ, E_TYPE, device, 0, HERE, 8);
    EXPECT(MEMORY_WRITE, OK, memory, 0, HERE, 8);
    EXPECT(MEMORY_WRITE, E_RANGE, memory, PAGE_SIZE, HERE, 8);
    EXPECT(MEMORY_WRITE, E_FAULT, memory, 0, BAD, 8);
    EXPECT(MEMORY_WRITE, E_TYPE, arena, 0, HERE, 8);
    struct memory_info information;
    EXPECT(MEMORY_INFO, OK, memory, (uintptr_t)&information);
    EXPECT(MEMORY_INFO, E_FAULT, memory, BAD);
    EXPECT(MAP, E_TYPE, 0, arena, 0, TEST_AREA + 0x100000, PAGE_SIZE, PROT_READ);
    handle_close(device);
    handle_close(arena);
}

static void mappings(handle_t dead) {
    const uint64_t at = TEST_AREA + 0x100000;
    handle_t memory = objects[OBJECT_MEMORY], readable = HANDLE_NONE;
    CHECK_EQ(handle_copy(memory, RIGHT_READ, &readable), OK);
    EXPECT(MAP, E_STATE, dead, memory, 0, at, PAGE_SIZE, PROT_READ);
    EXPECT(MAP, E_INVALID, 0, memory, 0, at + 1, PAGE_SIZE, PROT_READ);
    EXPECT(MAP, E_RANGE, 0, memory, PAGE_SIZE, at, PAGE_SIZE, PROT_READ);
    EXPECT(MAP, E_RIGHTS, 0, readable, 0, at, PAGE_SIZE, PROT_READ | PROT_WRITE);
    EXPECT(MAP, OK, 0, readable, 0, at, PAGE_SIZE, PROT_READ);
    EXPECT(MAP, E_EXISTS, 0, memory, 0, at, PAGE_SIZE, PROT_READ);
    EXPECT(PROTECT, OK, 0, at, PAGE_SIZE, PROT_READ);
    EXPECT(PROTECT, E_RIGHTS, 0, at, PAGE_SIZE, PROT_READ | PROT_WRITE);
    EXPECT(PROTECT, E_INVALID, 0, at, PAGE_SIZE, PROT_WRITE | PROT_EXEC);
    EXPECT(PROTECT, E_INVALID, 0, at + 1, PAGE_SIZE, PROT_READ);
    EXPECT(PROTECT, E_NOT_FOUND, 0, at + 0x10000, PAGE_SIZE, PROT_READ);
    EXPECT(PROTECT, E_STATE, dead, at, PAGE_SIZE, PROT_READ);
    EXPECT(UNMAP, E_INVALID, 0, at + 1, PAGE_SIZE);
    EXPECT(UNMAP, E_STATE, dead, at, PAGE_SIZE);
    EXPECT(UNMAP, OK, 0, at, PAGE_SIZE);
    EXPECT(UNMAP, E_NOT_FOUND, 0, at, PAGE_SIZE);
    handle_close(readable);
}

/* Cutting a mapping needs a record, for which the task's account has no room. */
static void no_room(void) {
    struct child child;
    handle_t memory = HANDLE_NONE;
    uint64_t at = TEST_AREA;
    REQUIRE(child_program(&child, NULL, "sleep", 1000, 0));
    REQUIRE(memory_create(test_account, 3 * PAGE_SIZE, &memory) == OK);
    while (memory_map(child.task, memory, 0, at, 3 * PAGE_SIZE, PROT_READ) == OK) {
        at += 4 * PAGE_SIZE;
    }
    EXPECT(MAP, E_QUOTA, child.task, memory, 0, at, 3 * PAGE_SIZE, PROT_READ);
    EXPECT(PROTECT, E_QUOTA, child.task, TEST_AREA + PAGE_SIZE, PAGE_SIZE, 0);
    EXPECT(UNMAP, E_QUOTA, child.task, TEST_AREA + PAGE_SIZE, PAGE_SIZE);
    handle_close(memory);
    child_end(&child);
}

void check_memory(void) {
    struct task_create parameters = {.account = test_account, .priority = 5, .name = "dead"};
    handle_t dead = HANDLE_NONE;
    REQUIRE(task_create(&parameters, &dead) == OK);
    CHECK_EQ(task_destroy(dead), OK);
    contents();
    mappings(dead);
    no_room();
    handle_close(dead);
}
