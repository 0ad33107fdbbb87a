/* SPDX-License-Identifier: MIT
 * Memory objects, mappings, and bad addresses given to every call that takes one.
 */
#include "guest.h"

#include <common/string.h>

#define AREA TEST_AREA

static volatile uint8_t *at(uint64_t offset) {
    return (volatile uint8_t *)(AREA + offset);
}

static void read_and_write(void) {
    handle_t memory = HANDLE_NONE, weak = HANDLE_NONE;
    struct memory_info information = {0};
    char text[16] = "";
    REQUIRE(memory_create(test_account, 5000, &memory) == OK);
    CHECK_EQ(memory_info(memory, &information), OK);
    CHECK_EQ(information.size, 8192);
    CHECK_EQ(information.kind, MEMORY_ANONYMOUS);
    CHECK_EQ(information.resident, 0);
    CHECK_EQ(memory_write(memory, 4090, "hello, world", 13), OK);
    CHECK_EQ(memory_read(memory, 4090, text, 13), OK);
    CHECK(strcmp(text, "hello, world") == 0);
    CHECK_EQ(memory_info(memory, &information), OK);
    CHECK_EQ(information.resident, 8192);
    CHECK_EQ(memory_read(memory, 0, text, 1), OK);
    CHECK_EQ(text[0], 0);
    CHECK_EQ(memory_read(memory, 8192, text, 1), E_RANGE);
    CHECK_EQ(memory_read(memory, 8191, text, 2), E_RANGE);
    CHECK_EQ(memory_read(memory, UINT64_MAX, text, 2), E_RANGE);
    CHECK_EQ(memory_write(memory, 8190, text, UINT64_MAX - 8), E_RANGE);
    CHECK_EQ(memory_read(memory, 8192, text, 0), OK);
    CHECK_EQ(handle_copy(memory, RIGHT_READ, &weak), OK);
    CHECK_EQ(memory_write(weak, 0, text, 1), E_RIGHTS);
    CHECK_EQ(memory_map(TASK_SELF, weak, 0, AREA, PAGE_SIZE, PROT_READ | PROT_WRITE), E_RIGHTS);
    CHECK_EQ(memory_create(test_account, 0, &weak), E_RANGE);
    CHECK_EQ(memory_create(test_account, UINT64_MAX, &weak), E_RANGE);
    CHECK_EQ(syscall_4(SYS_MEMORY_CREATE, test_account, 4096, 0, 77), E_INVALID);
    handle_close(weak);
    handle_close(memory);
}

static void mappings(void) {
    handle_t memory = HANDLE_NONE;
    REQUIRE(memory_create(test_account, 4 * PAGE_SIZE, &memory) == OK);
    const uint32_t both = PROT_READ | PROT_WRITE;
    CHECK_EQ(memory_map(TASK_SELF, memory, 0, AREA, 4 * PAGE_SIZE, both), OK);
    CHECK_EQ(*at(0), 0);
    *at(PAGE_SIZE) = 7;
    uint8_t byte = 0;
    CHECK_EQ(memory_read(memory, PAGE_SIZE, &byte, 1), OK);
    CHECK_EQ(byte, 7);
    byte = 9;
    CHECK_EQ(memory_write(memory, 2 * PAGE_SIZE + 1, &byte, 1), OK);
    CHECK_EQ(*at(2 * PAGE_SIZE + 1), 9);
    CHECK_EQ(memory_map(TASK_SELF, memory, 0, AREA + PAGE_SIZE, PAGE_SIZE, both), E_EXISTS);
    CHECK_EQ(memory_map(TASK_SELF, memory, PAGE_SIZE, AREA + 0x100000, PAGE_SIZE, PROT_READ), OK);
    CHECK_EQ(*at(0x100000), 7);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + 0x100000, PAGE_SIZE), OK);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + 0x100000, PAGE_SIZE), E_NOT_FOUND);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, 4 * PAGE_SIZE), OK);
    CHECK_EQ(memory_map(TASK_SELF, memory, 0, AREA, 4 * PAGE_SIZE, both | MAP_POPULATE), OK);
    CHECK_EQ(*at(PAGE_SIZE), 7);
    CHECK_EQ(memory_protect(TASK_SELF, AREA, 4 * PAGE_SIZE, PROT_READ), OK);
    CHECK_EQ(*at(PAGE_SIZE), 7);
    CHECK_EQ(memory_read(memory, 0, (void *)AREA, 1), E_FAULT); /* not writable now */
    CHECK_EQ(memory_protect(TASK_SELF, AREA, 4 * PAGE_SIZE, both | PROT_EXEC), E_INVALID);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, 4 * PAGE_SIZE), OK);
    handle_close(memory);
}

/* PROTECT gives nothing that the handle mapped from did not. */
static void protection_needs_rights(void) {
    const uint32_t both = PROT_READ | PROT_WRITE;
    handle_t memory = HANDLE_NONE, readable = HANDLE_NONE;
    REQUIRE(memory_create(test_account, PAGE_SIZE, &memory) == OK);
    REQUIRE(handle_copy(memory, RIGHT_READ | RIGHT_EXECUTE, &readable) == OK);
    CHECK_EQ(memory_map(TASK_SELF, readable, 0, AREA, PAGE_SIZE, both), E_RIGHTS);
    CHECK_EQ(memory_map(TASK_SELF, readable, 0, AREA, PAGE_SIZE, PROT_READ), OK);
    CHECK_EQ(memory_protect(TASK_SELF, AREA, PAGE_SIZE, both), E_RIGHTS);
    CHECK_EQ(memory_protect(TASK_SELF, AREA, PAGE_SIZE, PROT_READ | PROT_EXEC), OK);
    CHECK_EQ(memory_protect(TASK_SELF, AREA, PAGE_SIZE, 0), OK);
    CHECK_EQ(memory_protect(TASK_SELF, AREA, PAGE_SIZE, PROT_READ), OK);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, PAGE_SIZE), OK);
    CHECK_EQ(memory_map(TASK_SELF, memory, 0, AREA, PAGE_SIZE, PROT_READ), OK);
    CHECK_EQ(memory_protect(TASK_SELF, AREA, PAGE_SIZE, both), OK);
    *at(0) = 1;
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, PAGE_SIZE), OK);
    handle_close(readable);
    handle_close(memory);
    /* Everybody has the clock page; nobody may write it. */
    CHECK_EQ(memory_protect(TASK_SELF, CLOCK_PAGE_VA, PAGE_SIZE, both), E_RIGHTS);
}

/* Parts of mappings, and ranges over several. */
static void ranges(void) {
    const uint32_t both = PROT_READ | PROT_WRITE;
    handle_t memory = HANDLE_NONE;
    uint8_t byte = 5;
    REQUIRE(memory_create(test_account, 8 * PAGE_SIZE, &memory) == OK);
    REQUIRE(memory_map(TASK_SELF, memory, 0, AREA, 8 * PAGE_SIZE, both) == OK);
    for (uint64_t page = 0; page < 8; page++) {
        *at(page * PAGE_SIZE) = (uint8_t)page;
    }
    CHECK_EQ(memory_protect(TASK_SELF, AREA + 2 * PAGE_SIZE, 3 * PAGE_SIZE, 0), OK);
    CHECK_EQ(memory_write(memory, 0, (void *)(AREA + 3 * PAGE_SIZE), 1), E_FAULT); /* no access */
    CHECK_EQ(*at(PAGE_SIZE), 1);
    CHECK_EQ(*at(5 * PAGE_SIZE), 5);
    CHECK_EQ(memory_protect(TASK_SELF, AREA + PAGE_SIZE, 3 * PAGE_SIZE, PROT_READ), OK);
    CHECK_EQ(*at(3 * PAGE_SIZE), 3);
    CHECK_EQ(memory_read(memory, 0, (void *)(AREA + PAGE_SIZE), 1), E_FAULT); /* read-only */
    CHECK_EQ(memory_write(memory, 0, (void *)(AREA + 4 * PAGE_SIZE), 1), E_FAULT);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + PAGE_SIZE, 5 * PAGE_SIZE), OK);
    CHECK_EQ(memory_write(memory, 0, (void *)(AREA + 5 * PAGE_SIZE), 1), E_FAULT);
    CHECK_EQ(*at(0), 0);
    CHECK_EQ(*at(6 * PAGE_SIZE), 6);
    CHECK_EQ(memory_map(TASK_SELF, memory, 5 * PAGE_SIZE, AREA + 5 * PAGE_SIZE, PAGE_SIZE, both),
             OK);
    CHECK_EQ(*at(5 * PAGE_SIZE), 5);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + 1, PAGE_SIZE), E_INVALID);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + 2 * PAGE_SIZE, PAGE_SIZE), E_NOT_FOUND);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, 16 * PAGE_SIZE), OK);
    CHECK_EQ(memory_write(memory, 0, &byte, 1), OK);
    handle_close(memory);
}

static void bad_mappings(void) {
    static const struct {
        uint64_t offset, address, size;
        uint32_t flags;
        status_t status;
    } bad[] = {
        {0, AREA + 1, PAGE_SIZE, PROT_READ, E_INVALID},
        {1, AREA, PAGE_SIZE, PROT_READ, E_INVALID},
        {0, AREA, PAGE_SIZE, PROT_WRITE | PROT_EXEC, E_INVALID},
        {0, AREA, PAGE_SIZE, 0x8000, E_INVALID},
        {0, AREA, 0, PROT_READ, E_INVALID},
        {0, 0, PAGE_SIZE, PROT_READ, E_INVALID},
        {0, USER_HIGHEST, PAGE_SIZE, PROT_READ, E_INVALID},
        {0, 0xffffffff80000000, PAGE_SIZE, PROT_READ, E_INVALID},
        {0, 0xffffffffffffe000, 0x4000, PROT_READ, E_INVALID},
        {0, AREA, 8 * PAGE_SIZE, PROT_READ, E_RANGE},
        {4 * PAGE_SIZE, AREA, PAGE_SIZE, PROT_READ, E_RANGE},
        {~0xfffull, AREA, 2 * PAGE_SIZE, PROT_READ, E_RANGE},
        {0, CLOCK_PAGE_VA, PAGE_SIZE, PROT_READ, E_EXISTS},
        {0, STARTUP_VA, PAGE_SIZE, PROT_READ, E_EXISTS},
    };
    handle_t memory = HANDLE_NONE;
    REQUIRE(memory_create(test_account, 4 * PAGE_SIZE, &memory) == OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        status_t status =
            memory_map(TASK_SELF, memory, bad[i].offset, bad[i].address, bad[i].size, bad[i].flags);
        if (status != bad[i].status) {
            check_failed(__FILE__, __LINE__, "map (case, status)", (int64_t)i, status);
        }
    }
    handle_close(memory);
}

static void clones(void) {
    handle_t memory = HANDLE_NONE, clone = HANDLE_NONE;
    uint32_t value = 1;
    REQUIRE(memory_create(test_account, 2 * PAGE_SIZE, &memory) == OK);
    CHECK_EQ(memory_write(memory, 0, &value, 4), OK);
    REQUIRE(memory_clone(test_account, memory, &clone) == OK);
    value = 2;
    CHECK_EQ(memory_write(memory, 0, &value, 4), OK);
    CHECK_EQ(memory_read(clone, 0, &value, 4), OK);
    CHECK_EQ(value, 1);
    value = 3;
    CHECK_EQ(memory_write(clone, PAGE_SIZE, &value, 4), OK);
    CHECK_EQ(memory_read(memory, PAGE_SIZE, &value, 4), OK);
    CHECK_EQ(value, 0);
    handle_close(memory);
    CHECK_EQ(memory_read(clone, 0, &value, 4), OK);
    CHECK_EQ(value, 1);
    handle_close(clone);
}

/* More memory than the account pays for: an error where the kernel touches it. */
static void memory_quota(void) {
    handle_t account = HANDLE_NONE, memory = HANDLE_NONE;
    REQUIRE(account_create(test_account, 64 << 10, &account) == OK);
    REQUIRE(memory_create(account, 1 << 20, &memory) == OK);
    uint8_t byte = 1;
    status_t status = OK;
    uint64_t pages = 0;
    for (; pages < 256 && status == OK; pages++) {
        status = memory_write(memory, pages * PAGE_SIZE, &byte, 1);
    }
    CHECK_EQ(status, E_QUOTA);
    CHECK(pages > 4 && pages < 17);
    CHECK_EQ(memory_map(TASK_SELF, memory, 0, AREA, 1 << 20, PROT_READ | MAP_POPULATE), E_QUOTA);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, 1 << 20), E_NOT_FOUND);
    handle_close(memory);
    handle_close(account);
}

/* Each page comes from the pager at its first touch, once for all mappings, and can be written. */
static void paged(void) {
    struct child pager;
    handle_t memory = HANDLE_NONE, bad = HANDLE_NONE;
    REQUIRE(child_actor(&pager, NULL));
    CHECK_EQ(memory_create_paged(test_account, 8 * PAGE_SIZE, pager.account, &bad), E_TYPE);
    CHECK_EQ(memory_create_paged(test_account, 0, pager.session, &bad), E_RANGE);
    REQUIRE(memory_create_paged(test_account, 8 * PAGE_SIZE, pager.session, &memory) == OK);
    CHECK_EQ(memory_map(TASK_SELF, memory, 0, AREA, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE), OK);
    CHECK_EQ(
        memory_map(TASK_SELF, memory, 4 * PAGE_SIZE, AREA + (1 << 20), 4 * PAGE_SIZE, PROT_READ),
        OK);
    for (uint64_t page = 8; page-- > 1;) {
        CHECK_EQ(*(volatile uint64_t *)at(page * PAGE_SIZE), page + 100);
        CHECK_EQ(*(volatile uint64_t *)at(page * PAGE_SIZE + 8), 0);
    }
    CHECK_EQ(probe_state(&pager).pages, 7);
    *(volatile uint64_t *)at(8) = 5; /* the first touch of page 0 is a write */
    *(volatile uint64_t *)at(5 * PAGE_SIZE) = 6;
    CHECK_EQ(*(volatile uint64_t *)at(0), 100);
    CHECK_EQ(*(volatile uint64_t *)at(8), 5);
    CHECK_EQ(*(volatile uint64_t *)at((1 << 20) + PAGE_SIZE), 6);
    CHECK_EQ(*(volatile uint64_t *)at((1 << 20) + 2 * PAGE_SIZE), 106);
    CHECK_EQ(probe_state(&pager).pages, 8);
    CHECK_EQ(memory_supply(12345, memory, 0), E_STALE);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, 8 * PAGE_SIZE), OK);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + (1 << 20), 4 * PAGE_SIZE), OK);
    handle_close(memory);
    child_end(&pager);
}

/* Every call that takes an address, with a0 good. */
static void bad_pointers(void) {
    handle_t memory = HANDLE_NONE, notification = HANDLE_NONE;
    struct child child;
    REQUIRE(memory_create(test_account, PAGE_SIZE, &memory) == OK);
    REQUIRE(notification_create(test_account, &notification) == OK);
    REQUIRE(child_program(&child, NULL, "sleep", 30, 0));
    for (int i = 0; i < BAD_ADDRESSES; i++) {
        uint64_t bad = bad_addresses[i];
        CHECK_EQ(syscall_4(SYS_MEMORY_READ, memory, 0, bad, 8), E_FAULT);
        CHECK_EQ(syscall_4(SYS_MEMORY_WRITE, memory, 0, bad, 8), E_FAULT);
        CHECK_EQ(syscall_2(SYS_MEMORY_INFO, memory, bad), E_FAULT);
        CHECK_EQ(syscall_2(SYS_IMAGE_INFO, child_image(), bad), E_FAULT);
        CHECK_EQ(syscall_2(SYS_TASK_CREATE, bad, 0), E_FAULT);
        CHECK_EQ(syscall_2(SYS_TASK_INFO, child.task, bad), E_FAULT);
        CHECK_EQ(syscall_6(SYS_SYSTEM_INFO, test_system, INFO_SYSTEM, 0, bad,
                           sizeof(struct system_info), 0),
                 E_FAULT);
        CHECK_EQ(syscall_4(SYS_LOG_WRITE, test_system, bad, 8, 0), E_FAULT);
        CHECK_EQ(syscall_4(SYS_LOG_READ, test_system, 0, bad, 64), E_FAULT);
        CHECK_EQ(syscall_4(SYS_FUTEX_WAIT, bad & ~3ull, 0, 0, 0), E_FAULT);
        if (bad != 0) {
            CHECK_EQ(syscall_4(SYS_TASK_CLONE, test_account, bad, 0, 0), E_FAULT);
        }
    }
    /* A buffer that begins well and ends badly. */
    uint8_t *end = (uint8_t *)(STARTUP_VA + PAGE_SIZE - 4);
    CHECK_EQ(memory_write(memory, 0, end, 4), OK);
    CHECK_EQ(memory_write(memory, 0, end, 8), E_FAULT);
    CHECK_EQ(memory_read(memory, 0, end, 4), E_FAULT);             /* read-only */
    CHECK_EQ(memory_write(memory, 0, (void *)~7ull, 64), E_FAULT); /* wraps around */
    child_end(&child);
    handle_close(notification);
    handle_close(memory);
}

/* The kernel does these in several pieces. */
static void large_copies_and_unmaps(void) {
    enum { PAGES = 160, FIRST = 10, LAST = 150, WORDS = PAGE_SIZE / 8 };
    const uint64_t size = PAGES * PAGE_SIZE;
    uint64_t *words = (uint64_t *)AREA, *other = (uint64_t *)(AREA + 2 * size);
    handle_t memory = HANDLE_NONE, copy = HANDLE_NONE;
    REQUIRE(memory_create(test_account, size, &memory) == OK);
    REQUIRE(memory_create(test_account, size, &copy) == OK);
    REQUIRE(memory_map(TASK_SELF, memory, 0, AREA, size, PROT_READ | PROT_WRITE) == OK);
    REQUIRE(memory_map(TASK_SELF, copy, 0, AREA + 2 * size, size, PROT_READ | PROT_WRITE) == OK);
    for (uint64_t i = 0; i < size / 8; i++) {
        words[i] = i * 0x9e3779b97f4a7c15;
    }
    CHECK_EQ(memory_write(copy, 8, words, size - 8), OK);
    CHECK(memcmp(other + 1, words, size - 8) == 0);
    memset(other, 0, size);
    CHECK_EQ(memory_read(memory, 24, other, size - 24), OK);
    CHECK(memcmp(other, words + 3, size - 24) == 0);
    CHECK_EQ(memory_protect(TASK_SELF, AREA, size, PROT_READ), OK);
    for (uint64_t page = 0; page < PAGES; page++) {
        uintptr_t at = AREA + page * PAGE_SIZE;
        CHECK_EQ(syscall_4(SYS_MEMORY_READ, copy, 0, at, 8), E_FAULT);
        CHECK_EQ(syscall_4(SYS_MEMORY_WRITE, copy, 0, at, 8), 8);
    }
    CHECK_EQ(memory_protect(TASK_SELF, AREA, size, PROT_READ | PROT_WRITE), OK);
    int64_t some = syscall_4(SYS_MEMORY_READ, memory, 0, (uintptr_t)other, size);
    CHECK(some > 0 && (uint64_t)some < size);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + FIRST * PAGE_SIZE, (LAST - FIRST) * PAGE_SIZE), OK);
    for (uint64_t page = 0; page < PAGES; page++) {
        bool there = page < FIRST || page >= LAST;
        CHECK_EQ(syscall_4(SYS_MEMORY_READ, copy, 0, AREA + page * PAGE_SIZE, 8),
                 there ? 8 : E_FAULT);
    }
    CHECK_EQ(words[(LAST + 1) * WORDS - 1], ((LAST + 1) * WORDS - 1) * 0x9e3779b97f4a7c15);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA + FIRST * PAGE_SIZE, (LAST - FIRST) * PAGE_SIZE),
             E_NOT_FOUND);
    CHECK_EQ(memory_unmap(TASK_SELF, AREA, 3 * size), OK);
    handle_close(memory);
    handle_close(copy);
}

const struct guest_test memory_tests[] = {
    {"reading and writing a memory", read_and_write},
    {"mappings", mappings},
    {"protection needs rights", protection_needs_rights},
    {"parts of mappings", ranges},
    {"mappings that are refused", bad_mappings},
    {"copy-on-write clones", clones},
    {"memory beyond the quota", memory_quota},
    {"memory with a pager", paged},
    {"bad addresses", bad_pointers},
    {"large copies and unmaps", large_copies_and_unmaps},
    {NULL, NULL},
};
