/* SPDX-License-Identifier: MIT
 * Starting programs from outside (RUN) and by FORK: tasks, sessions, supervision.
 */
#include "run.h"

#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>

#include "effects.h"
#include "process.h"
#include "stream.h"
#include "waiter.h"

#define STRINGS_VA 0x0000700000100000ull /* in the new task; personality/start.c */
#define PROGRAM_PRIORITY 12

/* ---- the blob's image, made when it is first needed ---- */

static status_t image_get(handle_t *image) {
    if (proc.image == HANDLE_NONE) {
        struct memory_info info;
        handle_t blob = startup_handle("blob");
        status_t status = blob == HANDLE_NONE ? E_UNAVAILABLE : memory_info(blob, &info);
        if (status == OK) {
            status = image_create(startup_handle("account"), blob, info.size, &proc.image);
        }
        if (status != OK) {
            return status;
        }
    }
    *image = proc.image;
    return OK;
}

status_t process_session(const struct process *process, handle_t *session) {
    return session_create(startup_handle("endpoint"),
                          badge_make(BADGE_PROCESS, process->serial, process_index(process)),
                          session);
}

status_t process_adopt(struct process *process, handle_t task) {
    uint64_t badge = badge_make(BADGE_SUPERVISOR, process->serial, process_index(process));
    status_t status = session_create(startup_handle("endpoint"), badge, &process->supervisor);
    if (status == OK) {
        status = task_supervise(task, process->supervisor, HANDLE_NONE, 0);
    }
    if (status == OK) {
        process->task = task;
        process->state = PROCESS_RUNNING;
    }
    return status;
}

/* ---- RUN ---- */

struct building {
    handle_t task, account;
    struct startup startup;
};

static status_t grant(struct building *building, const char *name, handle_t handle,
                      uint32_t rights) {
    return startup_grant(&building->startup, building->task, name, handle, rights);
}

static status_t map_page(const struct building *building, uint64_t address, const void *bytes,
                         size_t size, uint32_t protection) {
    handle_t memory;
    status_t status = memory_create(building->account, PAGE_ROUND_UP(size), &memory);
    if (status != OK) {
        return status;
    }
    status = memory_write(memory, 0, bytes, size);
    if (status == OK) {
        status = memory_map(building->task, memory, 0, address, PAGE_ROUND_UP(size), protection);
    }
    handle_close(memory);
    return status;
}

/* The task, ready to start, with its account. */
static status_t build_task(struct building *building) {
    struct task_create parameters = {.priority = PROGRAM_PRIORITY, .name = "linux"};
    struct account_information own;
    status_t status = image_get(&parameters.image);
    if (status == OK) {
        status = account_info(startup_handle("account"), &own);
    }
    if (status != OK) {
        return status;
    }
    uint64_t free = own.limit - own.used; /* every program started gets most of what is left */
    status = account_create(startup_handle("account"), free / 4 * 3 & ~(PAGE_SIZE - 1),
                            &building->account);
    if (status != OK) {
        return status;
    }
    parameters.account = building->account;
    return task_create(&parameters, &building->task);
}

static status_t fill_task(struct building *building, struct process *process,
                          const struct event *event, struct terminal *terminal, const char *strings,
                          size_t length) {
    handle_t net = event->handle_count > 2 ? event->handles[2].handle : HANDLE_NONE;
    handle_t session = HANDLE_NONE;
    handle_t tty = HANDLE_NONE;
    status_t status = process_session(process, &session);
    if (status == OK && terminal != NULL) {
        status = terminal_session(terminal, &tty);
    }
    if (status == OK) {
        status = grant(building, "proc", session, RIGHT_CALL | RIGHT_COPY);
    }
    if (status == OK) {
        status = grant(building, "vfs", event->handles[0].handle, RIGHT_CALL | RIGHT_COPY);
    }
    if (status == OK) {
        status = grant(building, "net", net, RIGHT_CALL | RIGHT_COPY);
    }
    if (status == OK) {
        status = grant(building, "tty", tty, RIGHT_CALL | RIGHT_COPY);
    }
    if (status == OK) {
        status = grant(building, "account", building->account, RIGHT_CHARGE | RIGHT_READ);
    }
    handle_close(session);
    handle_close(tty);
    if (status == OK) {
        status =
            map_page(building, STARTUP_VA, &building->startup, sizeof building->startup, PROT_READ);
    }
    if (status == OK) {
        status = map_page(building, STRINGS_VA, strings, length, PROT_READ);
    }
    if (status == OK) {
        status = process_adopt(process, building->task);
    }
    return status == OK ? task_start(building->task) : status;
}

status_t run_start(struct event *event, const struct proc_run_request *request,
                   struct process **out) {
    static char strings[PROC_STRINGS_MAX];
    static struct building building;
    struct terminal *terminal = NULL;
    if (event->lease_count != 1 || request->length >= sizeof strings || request->argc == 0 ||
        event->handle_count == 0) {
        return E_INVALID;
    }
    status_t status = lease_read(event->token, 0, 0, strings, request->length);
    if (status != OK) {
        return status;
    }
    strings[request->length] = 0; /* an empty string ends them */
    memset(&building, 0, sizeof building);
    building.startup.magic = STARTUP_MAGIC;
    strlcpy(building.startup.name, "linux", sizeof building.startup.name);
    building.startup.argc = (uint32_t)request->argc;
    struct process *process = process_create(NULL);
    if (process == NULL) {
        return E_BUSY;
    }
    status = build_task(&building);
    if (status == OK && event->handle_count > 1) {
        status = terminal_create(event_take_handle(event, 1), &terminal);
    }
    if (status == OK) {
        process->kept = true;
        process->run_client = event->badge;
        if (terminal != NULL) {
            process->terminal = (uint16_t)terminal_index(terminal);
            terminal->sid = terminal->foreground = process->pid;
        }
        status = fill_task(&building, process, event, terminal, strings, request->length + 1);
    }
    handle_close(building.account);
    if (status != OK) {
        if (process->task == HANDLE_NONE) {
            handle_close(building.task);
        }
        if (terminal != NULL) {
            terminal_hang_up(terminal);
        }
        process_free(process);
        return status;
    }
    *out = process;
    return OK;
}
