/* SPDX-License-Identifier: MIT */
/* Deaths of services: described, judged by the policy, and acted upon. */
#include "init.h"
#include "symbol.h"

#include <common/format.h>
#include <common/string.h>

#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/status.h>
#include <ipc/time.h>

#define TICK_NS (1 * NS_PER_S)
#define BACK_WATCH_NS (10 * NS_PER_MS) /* how often a service that died is looked at */
#define TURN_LIMIT_NS (5 * NS_PER_S)   /* CPU time that one turn may use */

/* Intel SDM volume 3, table 6-1. */
static const char *exception_name(uint64_t vector) {
    static const char *const names[] = {
        "division by zero",
        "debug exception",
        "NMI",
        "breakpoint",
        "overflow",
        "bound exceeded",
        "invalid instruction",
        "no FPU",
        "double fault",
        "vector 9",
        "invalid TSS",
        "segment not present",
        "stack fault",
        "general protection fault",
        "page fault",
        "vector 15",
        "x87 error",
        "alignment check",
        "machine check",
        "SIMD error",
    };
    if (vector < sizeof names / sizeof names[0]) {
        return names[vector];
    }
    return vector == FAULT_VECTOR_FOREIGN   ? "foreign system call"
           : vector == FAULT_VECTOR_QUOTA   ? "out of memory"
           : vector == FAULT_VECTOR_UNNAMED ? "a change that was not named"
                                            : "exception";
}

static const char *event_name(uint64_t event) {
    static const char *const names[] = {"start-up", "cancel",       "close",
                                        "reply",    "notification", "call"};
    return event < sizeof names / sizeof names[0] ? names[event] : "turn";
}

static status_t read_module(void *context, uint64_t offset, void *to, size_t size) {
    return memory_read(*(const handle_t *)context, offset, to, size);
}

/* An address in a program as text: function and offset, while it runs from its boot module. */
static void describe_place(const struct service *service, uint64_t address, char *text,
                           size_t size) {
    const struct boot_module *module = boot_module_find(service->program);
    char name[40];
    uint64_t offset;
    if (service->generation == 1 && module != NULL) {
        handle_t memory = module->handle;
        if (symbol_find(read_module, &memory, module->size, address, name, sizeof name, &offset) ==
            OK) {
            format(text, size, "%s+0x%lx", name, offset);
            return;
        }
    }
    format(text, size, "0x%lx", address);
}

static void describe_fault(struct service *service, const struct fault_message *fault) {
    size_t length = 0;
    char place[64];
    char *text = service->reason;
    size_t size = sizeof service->reason;
    text[0] = '\0';
    format_append(text, size, &length, "%s", exception_name(fault->vector));
    if (fault->vector == 14 || fault->vector == FAULT_VECTOR_QUOTA ||
        fault->vector == FAULT_VECTOR_UNNAMED) {
        format_append(text, size, &length, " at 0x%lx", fault->address);
    }
    describe_place(service, fault->rip, place, sizeof place);
    format_append(text, size, &length, " (rip %s) in %s", place, event_name(fault->event));
    if (fault->event == EVENT_CALL) {
        format_append(text, size, &length, " %lu", fault->label);
    }
}

static const char *level_name(uint32_t level) {
    static const char *const names[] = {"L0 restart", "L1 restart, call poisoned",
                                        "L2 new instance", "L3 previous program", "L4 cold start"};
    return names[level];
}

/* Leaves the service stopped, without what it has opened and mapped since its start. */
static void stay_stopped(struct service *service) {
    service->state = SERVICE_STOPPED;
    (void)task_reset(service->task, HANDLE_NONE, RESET_STOP);
}

/* Restarts now or later, as the policy says. */
static void act(struct service *service, struct death death) {
    if (upgrade_death(service, &death)) {
        return;
    }
    uint64_t now = time_now_ns();
    struct verdict verdict;
    service->redone = death.event == EVENT_CALL;
    supervise_death(service);
    death.life = now - service->started_ns;
    death.turns = service_turns(service);
    verdict = policy_judge(&service->policy, &death, now);
    service->level = verdict.step;
    service->redone = service->redone && (verdict.flags & RESET_POISON) == 0;
    if (service->config->restart == RESTART_NEVER) {
        stay_stopped(service);
        log_line("service %s: %s; it stays stopped", service->config->name, service->reason);
        return;
    }
    if (verdict.delay_ns == 0) {
        service_restart(service, verdict.flags);
        log_line("service %s: %s; %s %u", service->config->name, service->reason,
                 level_name(service->level), service->restarts);
        return;
    }
    service->state = SERVICE_BACKOFF;
    service->restart_at = now + verdict.delay_ns;
    service->restart_flags = verdict.flags;
    log_line("service %s: %s; %s in %lu ms", service->config->name, service->reason,
             level_name(verdict.step), verdict.delay_ns / NS_PER_MS);
    supervise_tick();
}

static void take_fault(struct service *service, const struct fault_message *fault) {
    struct death death = {fault->vector, fault->rip, fault->event, fault->token, 0, 0};
    service->crashes++;
    describe_fault(service, fault);
    act(service, death);
}

static void take_exit(struct service *service, const struct fault_message *fault) {
    int64_t code = (int64_t)fault->error;
    struct death death = {POLICY_EXIT, fault->error, fault->event, fault->token, 0, 0};
    service->crashes += code != 0 && code != EXIT_SECOND_LOOK;
    if (code == EXIT_SECOND_LOOK) {
        format(service->reason, sizeof service->reason, "a second look at call %lu", fault->label);
    } else {
        format(service->reason, sizeof service->reason, "exit code %ld", code);
    }
    if (code == 0 && service->config->restart == RESTART_FAILURE) {
        stay_stopped(service);
        log_line("service %s: has ended", service->config->name);
        return;
    }
    act(service, death);
}

void supervise_call(struct event *event) {
    struct fault_message fault;
    bool exporter = event->badge >= EXPORT_BADGE;
    uint64_t index = event->badge - (exporter ? EXPORT_BADGE : SUPERVISION_BADGE);
    if (index >= init.service_count || event_data(event, &fault, sizeof fault) != OK) {
        reply_status(event->token, E_INVALID);
        return;
    }
    /* The thread stays stopped; what happens to it is up to the reset. */
    reply_status(event->token, OK);
    if (exporter) {
        bool exit = event->label == FAULT_LABEL_EXIT;
        upgrade_export_ended(&init.services[index], exit ? -(status_t)fault.error : E_FAULT);
    } else if (event->label == FAULT_LABEL_EXIT) {
        take_exit(&init.services[index], &fault);
    } else {
        take_fault(&init.services[index], &fault);
    }
}

/* Counts the looks at its present turn. */
static void look(struct service *service, const struct task_info *information) {
    uint64_t turn = 1 + information->commits + information->incarnation;
    bool receives = information->main_state == THREAD_RECEIVING;
    /* For a page: nothing else blocks an actor. */
    bool blocked = information->main_state == THREAD_PAGING && !upgrade_stands(service);
    if (receives || service->look_turn != turn) {
        service->looks = service->waits = 0;
    }
    service->look_turn = turn;
    service->looks += !receives;
    service->waits = blocked ? service->waits + 1 : 0;
}

/* Sets all bits of its notification, which mean no more than "look again": an interrupt, a timer or
 * a doorbell that a fault has lost is made up for. True: it waits for events and has not taken
 * those of the last time. */
static bool ring(struct service *service, const struct task_info *information) {
    uint64_t turn = 1 + information->commits + information->incarnation;
    if (information->main_state != THREAD_RECEIVING || service->upgrade.step != UPGRADE_NONE) {
        service->bell_turn = 0;
        return false;
    }
    if (service->bell_turn == turn) {
        service->bell_turn = 0;
        return true;
    }
    service->bell_turn = turn;
    (void)notification_signal(service->notification, UINT64_MAX);
    return false;
}

/* A server that computes or waits for ever in one turn, or hears nothing, has crashed, only more
 * slowly. Once a second. */
static void check_turn(struct service *service) {
    struct task_info information = {0};
    if (service->config->kind == KIND_PROGRAM || task_info(service->task, &information) != OK) {
        return;
    }
    look(service, &information);
    bool computes = service->looks >= ENOUGH_LOOKS && information.turn_ns >= TURN_LIMIT_NS;
    if (ring(service, &information)) {
        strlcpy(service->reason, "it hears no events", sizeof service->reason);
    } else if (computes || service->waits >= ENOUGH_LOOKS) {
        format(service->reason, sizeof service->reason, "%lu s of %s in one turn (%s)",
               computes ? information.turn_ns / NS_PER_S : service->waits,
               computes ? "CPU time" : "waiting", event_name(information.event));
    } else {
        return;
    }
    struct death death = {POLICY_HANG, 0, information.event, information.token, 0, 0};
    service->crashes++;
    service->looks = service->waits = 0;
    act(service, death);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void set_timer(uint64_t when) {
    init.tick_ns = when;
    actor_must(timer_set(init.timer, when));
}

bool supervise_late(void) {
    return time_now_ns() > init.tick_ns + TICK_NS;
}

void supervise_death(struct service *service) {
    uint64_t now = time_now_ns();
    service->died_ns = now;
    service->told = service->config->kind == KIND_PROGRAM;
    if (init.tick_ns > now + BACK_WATCH_NS) {
        set_timer(now + BACK_WATCH_NS);
    }
}

/* The end of the story of a death, if it has ended. */
static bool tell_back(handle_t task, uint64_t died_ns, const char *name, bool redone) {
    struct task_info information = {0};
    (void)task_info(task, &information);
    if (information.back_ns <= died_ns) {
        return false;
    }
    log_line("service %s: back after %lu us%s", name, (information.back_ns - died_ns) / NS_PER_US,
             redone ? ", its call was given to it again" : "");
    return true;
}

/* True: somebody is not back yet. */
static bool watch_dead(void) {
    bool missing = false;
    if (init.died_ns != 0 && !init.told) {
        init.told = tell_back(init.task, init.died_ns, "init", false);
        missing = !init.told;
    }
    for (uint32_t i = 0; i < init.service_count; i++) {
        struct service *service = &init.services[i];
        if (service->died_ns != 0 && !service->told && service->state == SERVICE_RUNNING) {
            service->told =
                tell_back(service->task, service->died_ns, service->config->name, service->redone);
            missing |= !service->told;
        }
    }
    return missing;
}

void supervise_tick(void) {
    uint64_t now = time_now_ns();
    uint64_t next = now + (upgrade_watch() ? UPGRADE_WATCH_NS : TICK_NS);
    bool bell = now >= init.bell_ns;
    init.bell_ns = bell ? now + TICK_NS : init.bell_ns;
    for (uint32_t i = 0; i < init.service_count; i++) {
        struct service *service = &init.services[i];
        if (bell && (service->state == SERVICE_RUNNING || upgrade_stands(service))) {
            check_turn(service);
        }
        if (service->state == SERVICE_BACKOFF && service->restart_at <= now) {
            service_restart(service, service->restart_flags);
            log_line("service %s: %s %u", service->config->name, level_name(service->level),
                     service->restarts);
        }
        if (service->state == SERVICE_BACKOFF) {
            next = earlier(next, service->restart_at);
        }
    }
    if (watch_dead()) {
        next = earlier(next, now + BACK_WATCH_NS);
    }
    if (init.power_ns != 0 && init.power_ns <= now) {
        power_step();
    }
    if (init.power_ns != 0) {
        next = earlier(next, init.power_ns);
    }
    set_timer(next);
}
