/* SPDX-License-Identifier: MIT
 * See conform.h.
 */
#include "conform.h"

#include <common/format.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/startup.h>
#include <ipc/thread.h>

handle_t test_account, test_system;
handle_t objects[OBJECT_TYPE_COUNT];
struct child object_child;

#define HANDLE(n, type, right) {n, OBJECT_##type, RIGHT_##right},
#define SYSTEM(right) HANDLE(0, SYSTEM, right)
#define SYSCALL(number, NAME, name, class, ...) [number] = {#NAME, CLASS_##class, {__VA_ARGS__}},
const struct call_row call_rows[SYS_COUNT] = {
#include <axolotl/syscall.def>
};

static const struct {
    status_t status;
    const char *name;
} status_names[] = {
#define STATUS(name, value, text) {name, #name},
#include <axolotl/status.def>
#undef STATUS
};
enum { STATUSES = sizeof status_names / sizeof status_names[0] };

static uint8_t seen[SYS_COUNT][STATUSES];
static unsigned failures;

static unsigned status_index(status_t status) {
    unsigned i = 0;
    while (i < STATUSES && status_names[i].status != status) {
        i++;
    }
    return i;
}

static const char *status_name(status_t status) {
    unsigned i = status_index(status);
    return i < STATUSES ? status_names[i].name : "?";
}

void check_failed(const char *file, int line, const char *text, int64_t left, int64_t right) {
    failures++;
    log_line("# %s:%d: %s (%ld, %ld)", file, line, text, left, right);
}

void record(uint32_t op, status_t status) {
    seen[op][status_index(status)] = 1;
}

static int64_t judge(const char *file, int line, uint32_t op, status_t wanted, int64_t result) {
    if (result < 0 ? (status_t)result == wanted : wanted == OK) {
        record(op, wanted);
    } else {
        failures++;
        log_line("# %s:%d: %s: %s expected, %s (%ld)", file, line, call_rows[op].name,
                 status_name(wanted), result < 0 ? status_name((status_t)result) : "success",
                 result);
    }
    return result;
}

int64_t expect_message(const char *file, int line, uint32_t op, status_t wanted,
                       struct message_registers *registers) {
    syscall_message(op, registers);
    return judge(file, line, op, wanted, registers->rax);
}

int64_t expect(const char *file, int line, uint32_t op, status_t wanted,
               const struct arguments *arguments) {
    const uint64_t *a = arguments->a;
    struct message_registers registers = {
        .rdi = a[0], .tag = a[1], .words = {a[2], a[3], a[4], a[5]}};
    return expect_message(file, line, op, wanted, &registers);
}

int64_t expect_in(const char *file, int line, const struct in_actor *where, uint32_t op,
                  status_t wanted, const struct arguments *arguments) {
    uint64_t words[8] = {op, 0, 0, 0, 0, 0, 0, where->signal};
    uint64_t results[2] = {0, 0};
    for (int i = 0; i < 6; i++) {
        words[i + 1] = arguments->a[i];
    }
    status_t status = call_words(where->actor->session, where->operation, words, sizeof words,
                                 results, sizeof results);
    if (status != OK) {
        check_failed(file, line, "the actor", status, op);
    }
    if (where->r14 != NULL) {
        *where->r14 = results[1];
    }
    return judge(file, line, op, wanted, (int64_t)results[0]);
}

static void sleep_on(void *argument) {
    (void)argument;
    thread_sleep_until(UINT64_MAX - 1);
}

bool objects_make(void) {
    objects[OBJECT_ACCOUNT] = test_account;
    objects[OBJECT_SYSTEM] = test_system;
    objects[OBJECT_IMAGE] = child_image();
    if (!child_program(&object_child, NULL, "sleep", 1000, 0)) {
        return false;
    }
    objects[OBJECT_TASK] = object_child.task;
    return account_create(test_account, 1 << 20, &objects[OBJECT_ACCOUNT]) == OK &&
           thread_create(sleep_on, NULL, 12, &objects[OBJECT_THREAD]) == OK &&
           endpoint_create(test_account, &objects[OBJECT_ENDPOINT]) == OK &&
           session_create(objects[OBJECT_ENDPOINT], 1, &objects[OBJECT_SESSION]) == OK &&
           memory_create(test_account, PAGE_SIZE, &objects[OBJECT_MEMORY]) == OK &&
           notification_create(test_account, &objects[OBJECT_NOTIFICATION]) == OK &&
           timer_create(test_account, objects[OBJECT_NOTIFICATION], 1, &objects[OBJECT_TIMER]) ==
               OK &&
           system_irq(test_system, 5, SYSTEM_IRQ_ISA, test_account, &objects[OBJECT_IRQ]) == OK &&
           system_ioport(test_system, 0x70, 2, test_account, &objects[OBJECT_IOPORT]) == OK &&
           system_device(test_system, SPARE_DEVICE, PCI_ADDRESS(0, 1, 0, 0) >> 8, 77, test_account,
                         &objects[OBJECT_DEVICE]) == OK;
}

static volatile bool body_done;
static void (*body_to_run)(void);

static void run_body(void) {
    body_to_run();
    body_done = true;
    thread_exit();
}

void without_buffer(void (*body)(void)) {
    static uint8_t stack[16384] __attribute__((aligned(16)));
    body_to_run = body;
    body_done = false;
    int64_t thread = syscall_6(SYS_THREAD_CREATE, 0, (uintptr_t)run_body,
                               (uintptr_t)stack + sizeof stack - 8, 0, 0x600000000, 12);
    if (thread < 0) {
        check_failed(__FILE__, __LINE__, "thread", thread, 0);
        return;
    }
    while (!body_done) {
        thread_sleep(NS_PER_MS);
    }
    handle_close((handle_t)thread);
}

static void print_seen(void) {
    char line[250];
    for (uint32_t op = 0; op < SYS_COUNT; op++) {
        size_t length = 0;
        for (unsigned i = 0; i < STATUSES; i++) {
            if (seen[op][i] != 0) {
                format_append(line, sizeof line, &length, " %s", status_names[i].name);
            }
        }
        if (length > 0) {
            log_line("conform: %s%s", call_rows[op].name, line);
        }
    }
}

int main(void) {
    static void (*const checks[])(void) = {
        check_handles, check_creations, check_full_actor, check_messages,
        check_memory,  check_tasks,     check_machine,
    };
    test_account = startup_handle("account");
    test_system = startup_handle("system");
    if (!objects_make()) {
        check_failed(__FILE__, __LINE__, "objects", 0, 0);
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        checks[i]();
    }
    print_seen();
    log_line("conform: end, %u failures", failures);
    thread_sleep_until(UINT64_MAX - 1);
    return 0;
}
