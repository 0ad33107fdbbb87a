/* SPDX-License-Identifier: MIT
 * Starts and talks to the other program.
 */
#include "guest.h"

#include <common/format.h>
#include <common/string.h>
#include <ipc/startup.h>

static handle_t image;

handle_t child_image(void) {
    handle_t file = HANDLE_NONE;
    if (image == HANDLE_NONE && memory_create(test_account, actor_file_size, &file) == OK) {
        if (memory_write(file, 0, actor_file, actor_file_size) != OK ||
            image_create(test_account, file, actor_file_size, &image) != OK) {
            check_failed(__FILE__, __LINE__, "image", 0, 0);
        }
        handle_close(file);
    }
    return image;
}

static status_t give(struct child *child, struct startup *block, const char *name, handle_t handle,
                     uint32_t rights) {
    handle_t granted = HANDLE_NONE;
    if (handle == HANDLE_NONE) {
        return OK;
    }
    status_t status = handle_grant(child->task, handle, rights, &granted);
    if (status == OK) {
        struct startup_handle *slot = &block->handles[block->handle_count++];
        strlcpy(slot->name, name, sizeof slot->name);
        slot->handle = granted;
    }
    return status;
}

static status_t map_block(const struct child *child, const struct startup *block) {
    handle_t memory = HANDLE_NONE;
    status_t status = memory_create(child->account, PAGE_SIZE, &memory);
    if (status != OK) {
        return status;
    }
    status = memory_write(memory, 0, block, sizeof *block);
    if (status == OK) {
        status = memory_map(child->task, memory, 0, STARTUP_VA, PAGE_SIZE, PROT_READ);
    }
    handle_close(memory);
    return status;
}

static status_t start(struct child *child, const struct child *supervisor, const char *arguments,
                      uint32_t argument_count, size_t argument_length) {
    static struct startup block;
    struct task_create parameters = {.account = child->account,
                                     .image = child_image(),
                                     .arena = child->arena,
                                     .flags = child->arena != HANDLE_NONE ? TASK_ACTOR : 0,
                                     .priority = 11,
                                     .name = "probe"};
    status_t status = task_create(&parameters, &child->task);
    if (status != OK) {
        return status;
    }
    memset(&block, 0, sizeof block);
    block.magic = STARTUP_MAGIC;
    block.argc = argument_count;
    block.arguments = offsetof(struct startup, text);
    memcpy(block.text, arguments, argument_length);
    if ((status = give(child, &block, "account", child->account, RIGHT_ALL)) != OK ||
        (status = give(child, &block, "endpoint", child->endpoint, RIGHT_ALL)) != OK ||
        (status = give(child, &block, "notification", child->notification, RIGHT_ALL)) != OK ||
        (status = give(child, &block, "stop", child->stop, RIGHT_SIGNAL | RIGHT_COPY)) != OK ||
        (status = give(child, &block, "lent", child->lent, RIGHT_CALL | RIGHT_COPY)) != OK ||
        (status = map_block(child, &block)) != OK) {
        return status;
    }
    if (supervisor != NULL) {
        status = session_create(supervisor->endpoint, 5, &child->supervision);
        if (status != OK) {
            return status;
        }
    }
    status = task_supervise(child->task, child->supervision, child->watch, 1);
    return status == OK ? task_start(child->task) : status;
}

static status_t begin(struct child *child, uint64_t limit) {
    memset(child, 0, sizeof *child);
    status_t status = account_create(test_account, limit, &child->account);
    return status == OK ? notification_create(child->account, &child->watch) : status;
}

/* What only an actor has. */
static status_t begin_actor(struct child *child) {
    struct image_info information = {0};
    status_t status = begin(child, 1 << 20);
    if (status != OK || (status = image_info(child_image(), &information)) != OK ||
        (status = endpoint_create(child->account, &child->endpoint)) != OK ||
        (status = notification_create(child->account, &child->notification)) != OK ||
        (status = arena_create(child->account, information.arena_minimum, &child->arena)) != OK) {
        return status;
    }
    return session_create(child->endpoint, BADGE_ROOT | PROBE_BADGE, &child->session);
}

static bool finish(struct child *child, status_t status) {
    if (status != OK) {
        check_failed(__FILE__, __LINE__, "child", status, 0);
        child_end(child);
    }
    return status == OK;
}

bool child_actor(struct child *child, const struct child *supervisor) {
    status_t status = begin_actor(child);
    return finish(child, status != OK ? status : start(child, supervisor, "", 0, 0));
}

static status_t start_program(struct child *child, const struct child *supervisor, const char *role,
                              uint64_t first, uint64_t second) {
    char arguments[100];
    size_t length = format(arguments, sizeof arguments, "%s %lu %lu", role, first, second) + 1;
    for (size_t i = 0; i < length; i++) {
        arguments[i] = arguments[i] == ' ' ? '\0' : arguments[i];
    }
    return start(child, supervisor, arguments, 3, length);
}

bool child_program(struct child *child, const struct child *supervisor, const char *role,
                   uint64_t first, uint64_t second) {
    status_t status = begin(child, 1 << 20);
    return finish(child,
                  status != OK ? status : start_program(child, supervisor, role, first, second));
}

bool child_hostile(struct child *child, uint64_t limit, handle_t lent, const char *role,
                   uint64_t number) {
    status_t status = begin(child, limit);
    if (status == OK && (status = notification_create(test_account, &child->stop)) == OK &&
        (lent == HANDLE_NONE || (status = handle_copy(lent, RIGHT_ALL, &child->lent)) == OK)) {
        status = start_program(child, NULL, role, number, 0);
    }
    return finish(child, status);
}

int32_t run_hostile(const char *role, uint64_t number) {
    struct child child;
    int32_t code = INT32_MIN;
    if (child_hostile(&child, 1 << 20, HANDLE_NONE, role, number)) {
        code = child_wait(&child);
        child_end(&child);
    }
    return code;
}

void child_end(struct child *child) {
    if (child->task != HANDLE_NONE) {
        task_destroy(child->task);
    }
    handle_t *handles[] = {&child->session,  &child->supervision,  &child->task,  &child->arena,
                           &child->endpoint, &child->notification, &child->watch, &child->account,
                           &child->stop,     &child->lent};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        handle_close(*handles[i]);
        *handles[i] = HANDLE_NONE;
    }
}

int32_t child_wait(const struct child *child) {
    struct task_info information = {0};
    uint64_t bits;
    if (notification_wait(child->watch, 1, time_now_ns() + 20 * NS_PER_S, &bits) != OK ||
        task_info(child->task, &information) != OK || information.state != TASK_DEAD) {
        return INT32_MIN;
    }
    return information.exit_code;
}

status_t probe(const struct child *child, uint32_t operation, uint64_t first, uint64_t second,
               uint64_t *result) {
    uint64_t words[2] = {first, second};
    uint64_t answer = 0;
    status_t status =
        call_words(child->session, operation, words, sizeof words, &answer, sizeof answer);
    if (result != NULL) {
        *result = answer;
    }
    return status;
}

struct probe_state probe_state(const struct child *child) {
    struct probe_state state = {0};
    CHECK_EQ(call_words(child->session, PROBE_STATE, NULL, 0, &state, sizeof state), OK);
    return state;
}

bool wait_fault(const struct child *supervisor, uint64_t count, struct fault_message *fault) {
    for (int i = 0; i < 1000; i++) {
        status_t seen = call_words(supervisor->session, PROBE_FAULT, NULL, 0, fault, sizeof *fault);
        if (seen >= (status_t)count) {
            return true;
        }
        thread_sleep(2 * NS_PER_MS);
    }
    check_failed(__FILE__, __LINE__, "no fault message", (int64_t)count, 0);
    return false;
}

int64_t probe_syscall(const struct child *child, uint32_t op, uint64_t a0, uint64_t a1, uint64_t a2,
                      uint64_t a3) {
    uint64_t words[7] = {op, a0, a1, a2, a3};
    int64_t answer = INT64_MIN;
    CHECK_EQ(call_words(child->session, PROBE_SYSCALL, words, sizeof words, &answer, sizeof answer),
             OK);
    return answer;
}
