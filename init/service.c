/* SPDX-License-Identifier: MIT */
/* From a section of the manifest to a running task. */
#include "init.h"

#include <common/format.h>
#include <common/string.h>

#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/time.h>

#define OWN_MEMORY (3ull << 20) /* of init: program images, objects */

static void fail(struct service *service, const char *what, status_t status) {
    format(service->reason, sizeof service->reason, "%s: %s", what, status_text(status));
    log_line("service %s: %s", service->config->name, service->reason);
}

/* ---- Preparation -------------------------------------------------------------------------- */

/* The program of a service from its boot module. Services with the same program share the image. */
static status_t load_program(struct service *service) {
    const struct boot_module *module = boot_module_find(service->config->program);
    if (service->config->program[0] == '\0' || module == NULL || module->handle == HANDLE_NONE) {
        return E_NOT_FOUND;
    }
    for (struct service *other = init.services; other < service; other++) {
        if (other->image != HANDLE_NONE && strcmp(other->program, service->program) == 0) {
            return handle_copy(other->image, RIGHT_ALL, &service->image);
        }
    }
    return image_create(init.account, module->handle, module->size, &service->image);
}

static bool manual_fit; /* what starts only when told so has its least as well */

/* What is left when every service has its least and we have what images and objects take. */
static uint64_t memory_spare(const struct account_information *root) {
    uint64_t needed = root->used + OWN_MEMORY, manual = 0;
    for (uint32_t i = 0; i < init.manifest.service_count; i++) {
        const struct manifest_service *config = &init.manifest.services[i];
        manual += config->manual != 0 ? config->memory : 0;
        needed += config->manual != 0 || config->optional != 0 ? 0 : config->memory;
    }
    uint64_t spare = needed < root->limit ? root->limit - needed : 0;
    manual_fit = spare >= manual;
    return manual_fit ? spare - manual : spare;
}

/* The share counts where that much can be had without taking from others' least. */
static uint64_t memory_limit(const struct manifest_service *config, uint64_t machine,
                             uint64_t spare) {
    uint64_t share = machine / 100 * config->memory_percent;
    uint64_t most = config->memory + spare / 100 * config->memory_percent;
    share = share < most ? share : most;
    return PAGE_ROUND_UP(share > config->memory ? share : config->memory);
}

const char *service_protocols(const struct service *service, const struct image_note *running) {
    return service->config->protocols[0] != '\0' ? service->config->protocols : running->protocols;
}

/* The module is a program that can be this service. */
static status_t check_program(struct service *service) {
    struct image_info information = {0};
    status_t status = image_info(service->image, &information);
    if (status != OK || service->config->kind == KIND_PROGRAM) {
        return status;
    }
    return protocol_suits(&information.note, service->config->protocols, service->reason,
                          sizeof service->reason)
               ? OK
               : E_TYPE;
}

static void prepare(struct service *service, uint64_t machine, uint64_t spare, bool again) {
    if (again && rebuild_service(service)) {
        return;
    }
    strlcpy(service->program, service->config->program, sizeof service->program);
    service->state = SERVICE_MISSING;
    if (service->config->manual != 0 && !manual_fit) {
        strlcpy(service->reason, "too little memory", sizeof service->reason);
        return;
    }
    status_t status = load_program(service);
    if (status == E_NOT_FOUND) {
        strlcpy(service->reason, "module is missing", sizeof service->reason);
        if (!service->config->optional) {
            log_line("service %s: module %s is missing", service->config->name,
                     service->config->program);
        }
        return;
    }
    if (status != OK) {
        fail(service, "program", status);
        return;
    }
    status = check_program(service);
    if (status != OK) {
        log_line("service %s: %s", service->config->name, service->reason);
        handle_close(service->image);
        service->image = HANDLE_NONE;
        return;
    }
    if (again) {
        rebuild_account(service);
    }
    if (service->account == HANDLE_NONE) {
        status = account_create(init.account, memory_limit(service->config, machine, spare),
                                &service->account);
    }
    if (status != OK) {
        fail(service, "account", status);
        return;
    }
    if (service->config->kind == KIND_SERVER && service->endpoint == HANDLE_NONE) {
        status = endpoint_create(service->account, &service->endpoint);
        if (status != OK) {
            fail(service, "endpoint", status);
            return;
        }
    }
    service->state = SERVICE_STOPPED;
}

void services_prepare(void) {
    struct account_information root = {0};
    account_info(init.account, &root);
    init.service_count = init.manifest.service_count;
    uint64_t spare = memory_spare(&root);
    bool again = rebuild_begin();
    for (uint32_t i = 0; i < init.service_count; i++) {
        init.services[i].config = &init.manifest.services[i];
        prepare(&init.services[i], root.limit, spare, again);
    }
    if (again) {
        rebuild_end();
    }
}

/* ---- Startup block ------------------------------------------------------------------------ */

/* Built here, outside the arena, then copied into a page of the task. */
static struct startup block;

static void begin_block(const struct manifest_service *config) {
    memset(&block, 0, sizeof block);
    block.magic = STARTUP_MAGIC;
    strlcpy(block.name, config->name, sizeof block.name);
    block.arguments = offsetof(struct startup, text);
    memcpy(block.text, config->arguments, config->argument_length);
    block.argc = config->argument_count;
}

static bool block_has(const char *name) {
    for (uint32_t i = 0; i < block.handle_count; i++) {
        if (strcmp(block.handles[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Gives a task a handle under a name, unless it has one of that name. */
static status_t give_task(handle_t task, const char *name, handle_t handle, uint32_t rights) {
    if (block_has(name)) {
        return OK;
    }
    return handle == HANDLE_NONE ? E_HANDLE : startup_grant(&block, task, name, handle, rights);
}

static status_t give(struct service *service, const char *name, handle_t handle, uint32_t rights) {
    return give_task(service->task, name, handle, rights);
}

/* give() of a handle that init does not keep. */
static status_t give_away(struct service *service, const char *name, handle_t handle,
                          uint32_t rights) {
    status_t status = give(service, name, handle, rights);
    handle_close(handle);
    return status;
}

static status_t map_block_into(handle_t task, handle_t account, uint64_t arena_size) {
    handle_t memory;
    status_t status = memory_create(account, PAGE_SIZE, &memory);
    if (status != OK) {
        return status;
    }
    block.arena_size = arena_size;
    status = memory_write(memory, 0, &block, sizeof block);
    if (status == OK) {
        status = memory_map(task, memory, 0, STARTUP_VA, PAGE_SIZE, PROT_READ | MAP_PERSIST);
    }
    handle_close(memory);
    return status;
}

static status_t map_block(struct service *service) {
    return map_block_into(service->task, service->account, service->arena_size);
}

/* ---- Grants ------------------------------------------------------------------------------- */

static status_t grant_use(struct service *service, const struct grant *grant) {
    uint64_t badge = BADGE_ROOT | grant->first;
    handle_t endpoint = init.endpoint;
    if (strcmp(grant->target, "init") == 0) {
        badge |= grant->rights != 0 ? INIT_BADGE_OPERATOR : 0;
    } else {
        const struct service *target = service_find(grant->target);
        endpoint = target->endpoint;
        if (target->state == SERVICE_MISSING || endpoint == HANDLE_NONE) {
            return E_NOT_FOUND;
        }
    }
    handle_t session;
    status_t status = session_create(endpoint, badge, &session);
    return status != OK ? status
                        : give_away(service, grant->name, session, RIGHT_CALL | RIGHT_COPY);
}

/* Only a framebuffer of pixels: text cells are at a fixed place, which `physical` names. */
static status_t grant_framebuffer(struct service *service, const struct grant *grant) {
    const struct framebuffer_info *info = &boot_page()->framebuffer;
    handle_t memory;
    if (info->type != FRAMEBUFFER_RGB) {
        return OK;
    }
    uint64_t start = info->address & ~(PAGE_SIZE - 1);
    uint64_t end = PAGE_ROUND_UP(info->address + (uint64_t)info->pitch * info->height);
    status_t status = system_memory(init.system, start, end - start, service->account, &memory);
    return status != OK ? status
                        : give_away(service, grant->name, memory, RIGHT_READ | RIGHT_WRITE);
}

static status_t grant_boot(struct service *service, const struct grant *grant) {
    handle_t memory;
    status_t status = memory_create(service->account, PAGE_SIZE, &memory);
    if (status != OK) {
        return status;
    }
    status = memory_write(memory, 0, boot_page(), sizeof(struct boot_page));
    if (status != OK) {
        handle_close(memory);
        return status;
    }
    return give_away(service, grant->name, memory, RIGHT_READ);
}

static status_t grant_module(struct service *service, const struct grant *grant) {
    const struct boot_module *module = boot_module_find(grant->target);
    if (module == NULL || module->handle == HANDLE_NONE) {
        log_line("service %s: module %s is missing", service->config->name, grant->target);
        return OK;
    }
    return give(service, grant->name, module->handle, RIGHT_READ | RIGHT_COPY);
}

static status_t grant_hardware(struct service *service, const struct grant *grant) {
    handle_t handle;
    uint32_t rights = RIGHT_READ | RIGHT_WRITE;
    status_t status;
    switch (grant->kind) {
    case GRANT_IOPORT:
        status = system_ioport(init.system, (uint32_t)grant->first, (uint32_t)grant->second,
                               service->account, &handle);
        break;
    case GRANT_IRQ:
        rights = RIGHT_MANAGE;
        status = system_irq(init.system, (uint32_t)grant->first, SYSTEM_IRQ_ISA, service->account,
                            &handle);
        break;
    default:
        status = system_memory(init.system, grant->first, grant->second, service->account, &handle);
        break;
    }
    return status != OK ? status : give_away(service, grant->name, handle, rights);
}

static status_t grant_one(struct service *service, const struct grant *grant) {
    switch (grant->kind) {
    case GRANT_USE:
        return grant_use(service, grant);
    case GRANT_SYSTEM:
        return give(service, grant->name, init.system, grant->rights);
    case GRANT_FRAMEBUFFER:
        return grant_framebuffer(service, grant);
    case GRANT_BOOT:
        return grant_boot(service, grant);
    case GRANT_MODULE:
        return grant_module(service, grant);
    case GRANT_SUPERVISOR:
        return give(service, grant->name, init.task, RIGHT_READ | RIGHT_MANAGE);
    default:
        return grant_hardware(service, grant);
    }
}

/* What the manifest names; a thing that is not there is reported and left out. */
static void give_grants(struct service *service) {
    for (uint32_t i = 0; i < service->config->grant_count; i++) {
        const struct grant *grant = &service->config->grants[i];
        status_t status = grant_one(service, grant);
        if (status != OK && !(grant->kind == GRANT_USE && status == E_NOT_FOUND)) {
            log_line("service %s: no handle %s: %s", service->config->name, grant->name,
                     status_text(status));
        }
    }
}

/* What every service gets. */
static status_t give_standard(struct service *service) {
    struct {
        const char *name;
        handle_t handle;
        uint32_t rights;
    } standard[] = {
        {"account", service->account, RIGHT_CHARGE | RIGHT_READ | RIGHT_COPY},
        {"log", init.system, RIGHT_WRITE},
        {"endpoint", service->endpoint, RIGHT_RECEIVE | RIGHT_MINT},
        {"notification", service->notification, RIGHT_WAIT | RIGHT_SIGNAL | RIGHT_COPY},
    };
    for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++) {
        if (standard[i].handle != HANDLE_NONE) {
            status_t status =
                give(service, standard[i].name, standard[i].handle, standard[i].rights);
            if (status != OK) {
                return status;
            }
        }
    }
    return OK;
}

/* ---- Start -------------------------------------------------------------------------------- */

static status_t make_arena(struct service *service) {
    struct image_info information = {0};
    status_t status = image_info(service->image, &information);
    if (status != OK || service->config->kind == KIND_PROGRAM) {
        return status;
    }
    status = notification_create(service->account, &service->notification);
    if (status != OK || service->config->kind == KIND_DRIVER) {
        return status;
    }
    uint64_t size = service->config->arena > information.arena_minimum ? service->config->arena
                                                                       : information.arena_minimum;
    service->arena_size = PAGE_ROUND_UP(size);
    return size == 0 ? OK : arena_create(service->account, service->arena_size, &service->arena);
}

static status_t make_task(struct service *service) {
    struct task_create parameters = {
        .account = service->account,
        .image = service->image,
        .arena = service->arena,
        .flags = service->config->kind != KIND_PROGRAM ? TASK_ACTOR : 0,
        .priority = service->config->priority,
    };
    strlcpy(parameters.name, service->config->name, sizeof parameters.name);
    return task_create(&parameters, &service->task);
}

status_t service_supervise(struct service *service) {
    uint64_t index = (uint64_t)(service - init.services);
    status_t status =
        session_create(init.endpoint, SUPERVISION_BADGE + index, &service->supervision);
    return status != OK ? status
                        : task_supervise(service->task, service->supervision, HANDLE_NONE, 0);
}

/* The steps of a start, in order; the first that fails is reported. */
static const struct {
    const char *what;
    status_t (*step)(struct service *service);
} steps[] = {
    {"arena", make_arena},
    {"task", make_task},
    {"handles", give_standard},
    {"startup block", map_block},
    {"supervision", service_supervise},
};

void service_start(struct service *service) {
    if (service->state == SERVICE_MISSING || service->task != HANDLE_NONE) {
        return;
    }
    begin_block(service->config);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].step == give_standard) {
            give_grants(service);
        }
        status_t status = steps[i].step(service);
        if (status != OK) {
            fail(service, steps[i].what, status);
            service->state = SERVICE_MISSING;
            return;
        }
    }
    struct image_info information = {0};
    (void)image_info(service->image, &information);
    service->version = information.note.version;
    service->state = SERVICE_RUNNING;
    service->generation = 1;
    service->started_ns = time_now_ns();
    status_t status = task_start(service->task);
    if (status != OK) {
        fail(service, "start", status);
        service->state = SERVICE_MISSING;
    }
}

void service_runs(struct service *service) {
    service->state = SERVICE_RUNNING;
    service->started_ns = time_now_ns();
    service->commits_at_start += service_turns(service);
}

void service_restart(struct service *service, uint32_t flags) {
    if (upgrade_stands(service) ||
        ((flags & RESET_COLD) != 0 && upgrade_renew(service, flags) == OK)) {
        return;
    }
    handle_t given = (flags & RESET_COLD) != 0 ? HANDLE_NONE : service->given;
    if ((flags & RESET_COLD) != 0 && service->arena != HANDLE_NONE) {
        service->level = 4;
    }
    status_t status = task_reset_arena(service->task, HANDLE_NONE, flags, HANDLE_NONE, given);
    if (status != OK) {
        fail(service, "restart", status);
        service->state = SERVICE_STOPPED;
        return;
    }
    service_runs(service);
    service->restarts++;
}

bool service_in_call(const struct service *service) {
    struct task_info information = {0};
    (void)task_info(service->task, &information);
    return information.event == EVENT_CALL;
}

uint64_t service_turns(const struct service *service) {
    struct task_info information = {0};
    (void)task_info(service->task, &information);
    return information.commits - service->commits_at_start;
}

/* Charged to init: the service's own account may be what is exhausted. */
status_t service_start_exporter(struct service *service, handle_t records, handle_t *task) {
    struct task_create parameters = {
        .account = init.account,
        .image = service->image,
        .arena = service->arena,
        .flags = TASK_ACTOR,
        .priority = service->config->priority,
    };
    uint64_t index = (uint64_t)(service - init.services);
    format(parameters.name, sizeof parameters.name, "%s-old", service->config->name);
    begin_block(service->config);
    block.argc = 0;
    status_t status = task_create(&parameters, task);
    if (status == OK) {
        status = give_task(*task, "records", records, RIGHT_READ | RIGHT_WRITE);
    }
    if (status == OK) {
        status = give_task(*task, "log", init.system, RIGHT_WRITE);
    }
    if (status == OK) {
        status = map_block_into(*task, init.account, service->arena_size);
    }
    if (status == OK) {
        status = session_create(init.endpoint, EXPORT_BADGE + index, &service->upgrade.supervision);
    }
    if (status == OK) {
        status = task_supervise(*task, service->upgrade.supervision, HANDLE_NONE, 0);
    }
    return status == OK ? task_start(*task) : status;
}

struct service *service_find(const char *name) {
    for (uint32_t i = 0; i < init.service_count; i++) {
        if (strcmp(init.services[i].config->name, name) == 0) {
            return &init.services[i];
        }
    }
    return NULL;
}
