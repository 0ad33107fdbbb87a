/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's state made anew: when the kernel has dropped it because it killed this program
 * again and again, the services go on, and the handles on their objects are still held. What
 * belongs to which service is told by the kernel: a task has the service's name, an image and an
 * arena; account, endpoint and notification are those that the task's account pays for. What can't
 * be known that way is lost: the numbers of crashes, reasons, an upgrade that was under way.
 */
#include "init.h"

#include <common/string.h>

#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/time.h>

enum { HELD = 1024 }; /* of each service less than ten */

/* What this program holds but for what it was started with; not in the arena. */
static struct {
    struct handle_info list[HELD]; /* handle HANDLE_NONE: it has found its place */
    uint32_t count;
} held;

/* The first of this type, object and account that has no place yet; an id of 0 stands for any. */
static struct handle_info *find(uint32_t type, uint64_t object_id, uint64_t account_id) {
    for (uint32_t i = 0; i < held.count; i++) {
        struct handle_info *info = &held.list[i];
        if (info->handle != HANDLE_NONE && info->type == type &&
            (object_id == 0 || info->object_id == object_id) &&
            (account_id == 0 || info->account_id == account_id)) {
            return info;
        }
    }
    return NULL;
}

/* The same, which gets its place now; HANDLE_NONE: there is none. */
static handle_t take(uint32_t type, uint64_t object_id, uint64_t account_id) {
    struct handle_info *info = find(type, object_id, account_id);
    handle_t handle = info == NULL ? HANDLE_NONE : info->handle;
    if (info != NULL) {
        info->handle = HANDLE_NONE;
    }
    return handle;
}

bool rebuild_begin(void) {
    uint64_t entry = 0;
    struct handle_info info;
    held.count = 0;
    while (held.count < HELD &&
           system_info_read(init.system, INFO_HANDLE, entry, &info, sizeof info) == OK) {
        entry = HANDLE_ENTRY(info.handle) + 1;
        if (info.initial == 0 && info.handle != init.notification && info.handle != init.timer) {
            held.list[held.count++] = info;
        }
    }
    return held.count != 0;
}

/* The task that runs the service, if it was ever started. */
static bool find_task(struct service *service, struct task_info *task, uint64_t *account_id) {
    for (uint32_t i = 0; i < held.count; i++) {
        struct handle_info *info = &held.list[i];
        if (info->handle != HANDLE_NONE && info->type == OBJECT_TASK &&
            task_info(info->handle, task) == OK && strcmp(task->name, service->config->name) == 0) {
            service->task = info->handle;
            *account_id = info->account_id;
            info->handle = HANDLE_NONE;
            return true;
        }
    }
    return false;
}

/* Several services may have one image; each has a handle of its own. */
static void take_image(struct service *service, uint64_t image_id) {
    struct image_info image = {0};
    service->image = take(OBJECT_IMAGE, image_id, 0);
    if (service->image != HANDLE_NONE && image_info(service->image, &image) == OK) {
        service->version = image.note.version;
        if (image.note.name[0] != '\0') {
            strlcpy(service->program, image.note.name, sizeof service->program);
        }
    }
}

static void take_arena(struct service *service, uint64_t arena_id) {
    struct memory_info memory = {0};
    service->arena = arena_id == 0 ? HANDLE_NONE : take(OBJECT_MEMORY, arena_id, 0);
    if (service->arena != HANDLE_NONE && memory_info(service->arena, &memory) == OK) {
        service->arena_size = memory.size;
    }
}

/* As the task stands. One that has been stopped runs again, unless it had ended by itself. */
static void take_state(struct service *service, const struct task_info *task) {
    service->restarts = task->incarnation;
    service_runs(service);
    if (task->state == TASK_STOPPED) {
        if (service->config->restart == RESTART_ALWAYS) {
            (void)task_start(service->task);
        } else {
            service->state = SERVICE_STOPPED;
        }
    }
}

bool rebuild_service(struct service *service) {
    struct task_info task = {0};
    uint64_t account_id;
    strlcpy(service->program, service->config->program, sizeof service->program);
    if (!find_task(service, &task, &account_id)) {
        return false;
    }
    service->account = take(OBJECT_ACCOUNT, account_id, 0);
    service->endpoint = take(OBJECT_ENDPOINT, 0, account_id);
    if (task.state == TASK_DEAD) { /* the rest of it is made anew when its turn comes */
        handle_close(service->task);
        service->task = HANDLE_NONE;
        return false;
    }
    service->notification = take(OBJECT_NOTIFICATION, 0, account_id);
    take_image(service, task.image_id);
    take_arena(service, task.arena_id);
    take_state(service, &task);
    if (service_supervise(service) != OK) {
        log_line("service %s: its deaths will not be noticed", service->config->name);
    }
    return true;
}

void rebuild_account(struct service *service) {
    if (service->account != HANDLE_NONE) {
        return;
    }
    /* Accounts are made in the manifest's order, before anything is started. */
    const struct handle_info *first = NULL;
    for (uint32_t i = 0; i < held.count; i++) {
        const struct handle_info *info = &held.list[i];
        bool account = info->handle != HANDLE_NONE && info->type == OBJECT_ACCOUNT;
        if (account && find(OBJECT_TASK, 0, info->object_id) == NULL &&
            (first == NULL || info->object_id < first->object_id)) {
            first = info;
        }
    }
    if (first != NULL) {
        service->endpoint = take(OBJECT_ENDPOINT, 0, first->object_id);
        service->account = take(OBJECT_ACCOUNT, first->object_id, 0);
    }
}

void rebuild_end(void) {
    uint32_t running = 0;
    for (uint32_t i = 0; i < held.count; i++) {
        handle_close(held.list[i].handle);
    }
    for (uint32_t i = 0; i < init.service_count; i++) {
        running += init.services[i].task != HANDLE_NONE;
    }
    log_line("state lost; %u services found again by the kernel's objects", running);
}
