/* SPDX-License-Identifier: MIT */
/* The control protocol (proto/init.h): decoding, rights, and the small operations themselves. */
#include "init.h"

#include <common/format.h>
#include <common/string.h>

#include <ipc/actor.h>
#include <ipc/dispatch.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/object.h>
#include <ipc/time.h>

static bool is_operator(const struct event *event) {
    return (event->badge & INIT_BADGE_OPERATOR) != 0;
}

/* ---- INFO --------------------------------------------------------------------------------- */

static void describe_memory(handle_t account, struct init_info_reply *answer) {
    struct account_information information;
    if (account != HANDLE_NONE && account_info(account, &information) == OK) {
        answer->memory = information.used;
        answer->memory_limit = information.limit;
    }
}

static void describe_task(handle_t task, uint64_t died_ns, struct init_info_reply *answer) {
    struct task_info information;
    if (task != HANDLE_NONE && task_info(task, &information) == OK) {
        answer->task_id = information.id;
        if (died_ns != 0 && information.back_ns > died_ns) {
            answer->back_ns = information.back_ns - died_ns;
        }
    }
}

static void describe_init(struct init_info_reply *answer) {
    strlcpy(answer->name, "init", sizeof answer->name);
    strlcpy(answer->program, "init", sizeof answer->program);
    answer->state = SERVICE_RUNNING;
    answer->generation = 1;
    answer->version = image_note.data.version;
    answer->restarts = (uint32_t)actor_incarnation();
    answer->started_ns = init.started_ns;
    strlcpy(answer->reason, init.reason, sizeof answer->reason);
    describe_memory(init.account, answer);
    describe_task(init.task, init.died_ns, answer);
    /* The root account has given the services their limits; what remains is init's own. */
    for (uint32_t i = 0; i < init.service_count; i++) {
        struct account_information information = {0};
        if (init.services[i].account != HANDLE_NONE &&
            account_info(init.services[i].account, &information) == OK) {
            answer->memory -= information.limit;
            answer->memory_limit -= information.limit;
        }
    }
}

/* The index-th service to show: not those that are optional and not there. */
static const struct service *service_shown(uint64_t index) {
    for (uint32_t i = 0; i < init.service_count; i++) {
        const struct service *service = &init.services[i];
        if (service->state == SERVICE_MISSING && service->config->optional != 0) {
            continue;
        }
        if (index-- == 0) {
            return service;
        }
    }
    return NULL;
}

static status_t operation_info(struct event *event, const struct init_info_request *request,
                               struct init_info_reply *answer) {
    (void)event;
    if (request->index == 0) {
        describe_init(answer);
        return OK;
    }
    const struct service *service = service_shown(request->index - 1);
    if (service == NULL) {
        return E_NOT_FOUND;
    }
    strlcpy(answer->name, service->config->name, sizeof answer->name);
    strlcpy(answer->program, service->program, sizeof answer->program);
    if (service->level != 0) {
        format(answer->reason, sizeof answer->reason, "L%u: %s", service->level, service->reason);
    } else {
        strlcpy(answer->reason, service->reason, sizeof answer->reason);
    }
    answer->state = service->state;
    answer->generation = service->generation;
    answer->version = service->version;
    answer->restarts = service->restarts;
    answer->crashes = service->crashes;
    answer->started_ns = service->started_ns;
    describe_memory(service->account, answer);
    describe_task(service->task, service->died_ns, answer);
    return OK;
}

/* ---- KILL and RESTART --------------------------------------------------------------------- */

/* `start`: also what has not been started yet. */
static status_t restart_by_operator(struct event *event, const char *name, const char *reason,
                                    bool start) {
    if (!is_operator(event)) {
        return E_RIGHTS;
    }
    if (strcmp(name, "init") == 0) {
        init.dying_incarnation = actor_incarnation() + 1;
        init.died_ns = time_now_ns();
        init.told = false;
        strlcpy(init.reason, reason, sizeof init.reason);
        timer_set(init.timer, 1);
        return OK;
    }
    struct service *service = service_find(name);
    if (service == NULL) {
        return E_NOT_FOUND;
    }
    if (service->state == SERVICE_MISSING || (service->task == HANDLE_NONE && !start)) {
        return E_STATE;
    }
    if (service->task == HANDLE_NONE) {
        service_start(service);
        log_line("service %s: started by an operator", name);
        return service->state == SERVICE_RUNNING ? OK : E_QUOTA;
    }
    strlcpy(service->reason, reason, sizeof service->reason);
    policy_forget(&service->policy);
    supervise_death(service);
    service->level = 0;
    service->redone = service_in_call(service);
    service_restart(service, 0);
    log_line("service %s: %s; L0 restart %u", name, reason, service->restarts);
    return OK;
}

static status_t operation_kill(struct event *event, const struct init_name_request *request,
                               struct init_empty *answer) {
    (void)answer;
    if (!dispatch_text_valid(request->name, sizeof request->name)) {
        return E_INVALID;
    }
    return restart_by_operator(event, request->name, "killed by an operator", false);
}

static status_t operation_restart(struct event *event, const struct init_name_request *request,
                                  struct init_empty *answer) {
    (void)answer;
    if (!dispatch_text_valid(request->name, sizeof request->name)) {
        return E_INVALID;
    }
    return restart_by_operator(event, request->name, "restarted by an operator", true);
}

/* ---- SWAP, UPGRADE and POWER -------------------------------------------------------------- */

/* The answer comes when the new program has made its first commit, or has not. */
static status_t new_program(struct event *event, const struct init_program_request *request,
                            bool swap) {
    if (!is_operator(event)) {
        return E_RIGHTS;
    }
    if (!dispatch_text_valid(request->name, sizeof request->name) || event->handle_count != 1) {
        return E_INVALID;
    }
    struct service *service = service_find(request->name);
    if (service == NULL) {
        return strcmp(request->name, "init") == 0 ? E_UNSUPPORTED : E_NOT_FOUND;
    }
    status_t status =
        upgrade_order(service, swap, event->handles[0].handle, request->length, event->token);
    return status == OK ? DISPATCH_PARKED : status;
}

static status_t operation_swap(struct event *event, const struct init_program_request *request,
                               struct init_program_reply *answer) {
    (void)answer;
    return new_program(event, request, true);
}

static status_t operation_upgrade(struct event *event, const struct init_program_request *request,
                                  struct init_program_reply *answer) {
    (void)answer;
    return new_program(event, request, false);
}

static status_t operation_power(struct event *event, const struct init_power_request *request,
                                struct init_empty *answer) {
    (void)answer;
    if (!is_operator(event)) {
        return E_RIGHTS;
    }
    switch (request->action) {
    case INIT_POWER_OFF:
        power_off();
        return OK;
    case INIT_POWER_REBOOT:
        power_reset();
        return OK;
    default:
        return E_INVALID;
    }
}

void control_call(struct event *event) {
    switch (event->label) {
#define OP(number, NAME, name, request_type, answer_type)                                          \
    DISPATCH_CASE(number, operation_##name, request_type, answer_type)
        INIT_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
        break;
    }
}
