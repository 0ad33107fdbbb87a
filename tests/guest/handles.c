/* SPDX-License-Identifier: MIT
 * Handles, accounts, notifications, timers. What every call says to a bad handle: conform/.
 */
#include "guest.h"

#include <ipc/machine.h>

/* Says which call failed: the line alone does not. */
static void expect(int64_t result, status_t wanted, uint32_t op) {
    if (result != wanted) {
        check_failed(__FILE__, __LINE__, "system call (number, result)", op, result);
    }
}

static void no_such_call(void) {
    CHECK_EQ(syscall_2(SYS_NULL, 0, 0), 0);
    static const uint32_t gaps[] = {9, 15, 23, 36, 51, 66, 83, 87, SYS_COUNT, 1000, 0x7fffffff};
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        expect(syscall_2(gaps[i], 0, 0), E_NO_SYSCALL, gaps[i]);
    }
}

/* The table of handles, as the system object tells it, has a new one and where it belongs. */
static void table(void) {
    handle_t notification = HANDLE_NONE;
    struct account_information account = {0};
    struct handle_information known = {0};
    struct handle_info info, found = {0};
    uint64_t entry = 0, count = 0;
    REQUIRE(notification_create(test_account, &notification) == OK);
    REQUIRE(account_info(test_account, &account) == OK);
    while (system_info_read(test_system, INFO_HANDLE, entry, &info, sizeof info) == OK) {
        CHECK(HANDLE_ENTRY(info.handle) >= entry);
        CHECK_EQ(handle_info(info.handle, &known), OK);
        CHECK(known.type == info.type && known.rights == info.rights && known.id == info.object_id);
        found = info.handle == notification ? info : found;
        entry = HANDLE_ENTRY(info.handle) + 1;
        count++;
    }
    CHECK(count > 3 && found.handle == notification && found.type == OBJECT_NOTIFICATION);
    CHECK_EQ(found.account_id, account.id);
    CHECK_EQ(found.initial, 0);
    CHECK_EQ(system_info_read(test_system, INFO_HANDLE, 1 << 16, &info, sizeof info), E_NOT_FOUND);
    handle_close(notification);
}

static void copies(void) {
    handle_t notification = HANDLE_NONE, copy = HANDLE_NONE, weak = HANDLE_NONE, none = HANDLE_NONE;
    struct handle_information first = {0}, second = {0};
    REQUIRE(notification_create(test_account, &notification) == OK);
    CHECK_EQ(handle_copy(notification, RIGHT_SIGNAL | RIGHT_COPY, &copy), OK);
    CHECK_EQ(handle_info(notification, &first), OK);
    CHECK_EQ(handle_info(copy, &second), OK);
    CHECK_EQ(first.type, OBJECT_NOTIFICATION);
    CHECK_EQ(second.rights, RIGHT_SIGNAL | RIGHT_COPY);
    CHECK(first.id == second.id && first.id != 0);
    CHECK_EQ(handle_copy(copy, RIGHT_ALL, &weak), OK);
    CHECK_EQ(handle_info(weak, &second), OK);
    CHECK_EQ(second.rights, RIGHT_SIGNAL | RIGHT_COPY);
    handle_close(weak);
    CHECK_EQ(handle_copy(copy, RIGHT_SIGNAL, &weak), OK);
    CHECK_EQ(handle_copy(weak, RIGHT_SIGNAL, &none), E_RIGHTS);
    CHECK_EQ(handle_close(notification), OK);
    CHECK_EQ(syscall_2(SYS_HANDLE_CLOSE, notification, 0), E_HANDLE);
    CHECK_EQ(notification_signal(copy, 1), OK);
    handle_close(weak);
    handle_close(copy);
    CHECK_EQ(notification_signal(copy, 1), E_HANDLE);
}

static void revocation(void) {
    handle_t notification = HANDLE_NONE, copy = HANDLE_NONE, after = HANDLE_NONE;
    REQUIRE(notification_create(test_account, &notification) == OK);
    CHECK_EQ(handle_copy(notification, RIGHT_ALL, &copy), OK);
    CHECK_EQ(handle_revoke(notification), OK);
    CHECK_EQ(notification_signal(copy, 1), E_REVOKED);
    CHECK_EQ(notification_signal(notification, 1), OK);
    CHECK_EQ(handle_copy(notification, RIGHT_SIGNAL, &after), OK);
    CHECK_EQ(notification_signal(after, 1), OK);
    handle_close(after);
    CHECK_EQ(handle_close(copy), OK);
    handle_close(notification);
}

static void a_full_table(void) {
    static handle_t handles[TEST_HANDLES_MAX];
    handle_t notification = HANDLE_NONE;
    uint32_t count = 0;
    status_t status = OK;
    REQUIRE(notification_create(test_account, &notification) == OK);
    while (count < TEST_HANDLES_MAX &&
           (status = handle_copy(notification, 0, &handles[count])) == OK) {
        count++;
    }
    CHECK(status == E_NO_HANDLES || status == E_QUOTA);
    CHECK(count >= 200);
    for (uint32_t i = 0; i < count; i++) {
        handle_close(handles[i]);
    }
    handle_close(notification);
}

static void account_limits(void) {
    handle_t account = HANDLE_NONE, inner = HANDLE_NONE, memory = HANDLE_NONE, other = HANDLE_NONE;
    struct account_information outer = {0}, information = {0};
    CHECK_EQ(account_create(test_account, UINT64_MAX, &account), E_QUOTA);
    REQUIRE(account_create(test_account, 256 << 10, &account) == OK);
    CHECK_EQ(account_info(account, &information), OK);
    CHECK_EQ(information.limit, 256 << 10);
    CHECK_EQ(account_info(test_account, &outer), OK);
    CHECK(information.id != outer.id);
    CHECK_EQ(account_create(account, 1 << 20, &inner), E_QUOTA);
    CHECK_EQ(account_create(account, 100 << 10, &inner), OK);
    CHECK_EQ(account_info(account, &information), OK);
    CHECK(information.used >= 100 << 10);
    handle_close(inner);
    CHECK_EQ(arena_create(account, 200 << 10, &memory), E_QUOTA);
    status_t status = OK;
    uint32_t count = 0;
    static handle_t made[8192];
    while (count < 8192 && (status = notification_create(account, &made[count])) == OK) {
        count++;
    }
    CHECK_EQ(status, E_QUOTA);
    CHECK_EQ(endpoint_create(account, &other), E_QUOTA);
    CHECK_EQ(endpoint_create(test_account, &other), OK);
    handle_close(other);
    for (uint32_t i = 0; i < count; i++) {
        handle_close(made[i]);
    }
    CHECK_EQ(endpoint_create(account, &other), OK);
    handle_close(other);
    handle_close(account);
}

static void notifications(void) {
    handle_t notification = HANDLE_NONE;
    uint64_t bits = 0;
    REQUIRE(notification_create(test_account, &notification) == OK);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, 0, &bits), E_TIMEOUT);
    CHECK_EQ(notification_signal(notification, 5), OK);
    CHECK_EQ(notification_signal(notification, 8), OK);
    CHECK_EQ(notification_wait(notification, 4, 0, &bits), OK);
    CHECK_EQ(bits, 4);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, 0, &bits), OK);
    CHECK_EQ(bits, 9);
    uint64_t before = time_now_ns();
    CHECK_EQ(notification_wait(notification, 1, before + 20 * NS_PER_MS, &bits), E_TIMEOUT);
    CHECK(time_now_ns() >= before + 20 * NS_PER_MS);
    handle_close(notification);
}

static void timers(void) {
    handle_t notification = HANDLE_NONE, timer = HANDLE_NONE;
    uint64_t bits = 0;
    REQUIRE(notification_create(test_account, &notification) == OK);
    CHECK_EQ(timer_create(test_account, test_account, 1, &timer), E_TYPE);
    REQUIRE(timer_create(test_account, notification, 0x100, &timer) == OK);
    uint64_t start = time_now_ns();
    CHECK_EQ(timer_set(timer, start + 30 * NS_PER_MS), OK);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, start + 10 * NS_PER_S, &bits), OK);
    CHECK_EQ(bits, 0x100);
    CHECK(time_now_ns() >= start + 30 * NS_PER_MS);
    CHECK_EQ(timer_set(timer, 1), OK); /* the past */
    CHECK_EQ(notification_wait(notification, UINT64_MAX, time_now_ns() + NS_PER_S, &bits), OK);
    CHECK_EQ(timer_set(timer, time_now_ns() + NS_PER_S), OK);
    CHECK_EQ(timer_set(timer, 0), OK);
    CHECK_EQ(timer_set(timer, time_now_ns() + NS_PER_S), OK);
    handle_close(timer);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, time_now_ns() + 5 * NS_PER_S / 4, &bits),
             E_TIMEOUT);
    handle_close(notification);
}

const struct guest_test handle_tests[] = {
    {"unknown system calls", no_such_call},
    {"the table of handles", table},
    {"copies of handles", copies},
    {"revocation", revocation},
    {"a full handle table", a_full_table},
    {"account limits", account_limits},
    {"notifications", notifications},
    {"timers", timers},
    {NULL, NULL},
};
