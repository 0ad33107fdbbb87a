/* SPDX-License-Identifier: MIT */
/* First C code of a program, and its startup block. */
#include <ipc/startup.h>

#include <common/string.h>

#include <ipc/handle.h>
#include <ipc/object.h>

#include "program.h"

struct program program;

int main(void);

_Noreturn void program_start(uint64_t incarnation, uint64_t reset_flags) {
    program.incarnation = incarnation;
    program.records = (handle_t)(reset_flags >> 32);
    task_exit(main());
}

const struct startup *startup_block(void) {
    return (const struct startup *)STARTUP_VA;
}

handle_t startup_handle(const char *name) {
    const struct startup *block = startup_block();
    for (uint32_t i = 0; i < block->handle_count && i < STARTUP_HANDLES; i++) {
        if (strncmp(block->handles[i].name, name, STARTUP_NAME) == 0) {
            return block->handles[i].handle;
        }
    }
    return HANDLE_NONE;
}

status_t startup_grant(struct startup *block, handle_t task, const char *name, handle_t handle,
                       uint32_t rights) {
    handle_t granted;
    if (handle == HANDLE_NONE) {
        return OK;
    }
    if (block->handle_count == STARTUP_HANDLES) {
        return E_RANGE;
    }
    status_t status = handle_grant(task, handle, rights, &granted);
    if (status == OK) {
        struct startup_handle *entry = &block->handles[block->handle_count++];
        strlcpy(entry->name, name, sizeof entry->name);
        entry->handle = granted;
    }
    return status;
}

int startup_argc(void) {
    return (int)startup_block()->argc;
}

const char *startup_argv(int index) {
    const struct startup *block = startup_block();
    if (index < 0 || (uint32_t)index >= block->argc) {
        return NULL;
    }
    const char *text = (const char *)block + block->arguments;
    for (; index > 0; index--) {
        text += strlen(text) + 1;
    }
    return text;
}

const char *startup_option(const char *key, const char *fallback) {
    size_t length = strlen(key);
    for (int i = 0; i < startup_argc(); i++) {
        const char *argument = startup_argv(i);
        if (strncmp(argument, key, length) == 0 && argument[length] == '=') {
            return argument + length + 1;
        }
    }
    return fallback;
}

const char *startup_name(void) {
    return startup_block()->name;
}
