/* SPDX-License-Identifier: MIT */
/*
 * Another program for a service, on the same endpoint, in one commit. The state stays when the new
 * program says that it has the same layout (or is the same file); else the arena starts afresh.
 * Until the new program has committed once, the old one is kept to go back to.
 */
#include "init.h"

#include <common/string.h>

#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/time.h>

enum { COMPARE_SIZE = 4096 };

#define SETTLE_NS (50 * NS_PER_MS) /* by then a sound program has made its first commit */

static bool same_file(handle_t left, uint64_t left_size, handle_t right, uint64_t right_size) {
    static uint8_t a[COMPARE_SIZE], b[COMPARE_SIZE]; /* too large for the stack */
    if (left_size != right_size) {
        return false;
    }
    for (uint64_t at = 0; at < left_size; at += COMPARE_SIZE) {
        size_t part = left_size - at < COMPARE_SIZE ? left_size - at : COMPARE_SIZE;
        if (memory_read(left, at, a, part) != OK || memory_read(right, at, b, part) != OK ||
            memcmp(a, b, part) != 0) {
            return false;
        }
    }
    return true;
}

static bool same_layout(const struct image_info *old, const struct image_info *new) {
    return new->layout != 0 &&
           new->layout == old->layout &&memcmp(new->name, old->name, sizeof new->name) == 0;
}

static uint64_t commits_of(const struct service *service) {
    struct task_info information = {0};
    return task_info(service->task, &information) == OK ? information.commits : 0;
}

/* The old program is needed no more. */
static void forget_old(struct service *service) {
    handle_close(service->old_image);
    service->old_image = HANDLE_NONE;
}

void service_swap_settle(struct service *service) {
    if (service->old_image != HANDLE_NONE && commits_of(service) != service->commits_at_swap) {
        forget_old(service);
    }
}

/* Takes `image` into use. */
static status_t take_over(struct service *service, handle_t image, bool keep) {
    status_t status = task_reset(service->task, image, keep ? 0 : RESET_COLD);
    if (status != OK) {
        return status;
    }
    forget_old(service);
    service->old_image = service->image;
    service->old_flags = keep ? 0 : RESET_COLD;
    service->commits_at_swap = commits_of(service);
    service->image = image;
    service->state = SERVICE_RUNNING;
    service->generation++;
    service->restarts++;
    service->started_ns = time_now_ns();
    policy_forget(&service->policy);
    return OK;
}

/* Replaces the remembered ELF file by the new one. */
static void keep_file(struct service *service, handle_t file, uint64_t length) {
    if (!service->module_file) {
        handle_close(service->file);
    }
    service->file = file;
    service->file_size = length;
    service->module_file = false;
}

/* An image of the file; what is to be kept of the state is decided from both images. */
static status_t examine(struct service *service, handle_t file, uint64_t length, handle_t *image,
                        struct image_info *information, bool *keep) {
    struct image_info old;
    status_t status = image_info(service->image, &old);
    if (status != OK) {
        return status;
    }
    status = image_create(init.account, file, length, image);
    if (status != OK) {
        return status;
    }
    status = image_info(*image, information);
    *keep = same_layout(&old, information) ||
            same_file(service->file, service->file_size, file, length);
    return status;
}

status_t service_swap(struct service *service, handle_t file, uint64_t length, bool *kept_state) {
    struct image_info information = {0};
    handle_t image = HANDLE_NONE, kept = HANDLE_NONE;
    bool keep = false;
    if (service->state == SERVICE_MISSING) {
        return E_STATE;
    }
    service_swap_settle(service);
    status_t status = examine(service, file, length, &image, &information, &keep);
    if (status == OK) {
        status = handle_copy(file, RIGHT_READ, &kept);
    }
    if (status == OK) {
        status = take_over(service, image, keep);
    }
    if (status != OK) {
        handle_close(kept);
        handle_close(image);
        return status;
    }
    keep_file(service, kept, length);
    if (information.name[0] != '\0') {
        strlcpy(service->program, information.name, sizeof service->program);
    }
    *kept_state = keep;
    timer_set(init.timer, time_now_ns() + SETTLE_NS);
    log_line("service %s: new program, %s", service->config->name,
             keep ? "state kept" : "fresh state");
    return OK;
}

bool service_swap_back(struct service *service) {
    service_swap_settle(service);
    if (service->old_image == HANDLE_NONE) {
        return false;
    }
    if (task_reset(service->task, service->old_image, service->old_flags) != OK) {
        return false;
    }
    handle_close(service->image);
    service->image = service->old_image;
    service->old_image = HANDLE_NONE;
    service->generation--;
    service->restarts++;
    service->state = SERVICE_RUNNING;
    service->started_ns = time_now_ns();
    log_line("service %s: the new program died before its first commit; the previous one goes on",
             service->config->name);
    return true;
}
