/* SPDX-License-Identifier: MIT */
/*
 * Another program, or another instance of the same, in place of the one that serves: by an
 * operator's order, or as a rung of the ladder. docs/spec/upgrade.md has the steps and why they are
 * in this order. Each step is one turn, whose commit does it whole; what there is to do next stands
 * in the arena. Until the new program has committed once, the old one and its arena are kept.
 */
#include "init.h"

#include <common/format.h>
#include <common/string.h>

#include <ipc/event.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/records.h>
#include <ipc/status.h>
#include <ipc/time.h>

#define RECORDS_ROOM 65536u               /* bytes beyond twice the arena */
#define CPU_LIMIT_NS (5 * NS_PER_S)       /* for an export, during which the service stands */
#define RUNG_MEMORY_NS (60ull * NS_PER_S) /* a new instance is sound when it lived so long, */
#define RUNG_TURNS 1000u                  /* or has committed so many turns */

static void next_turn(struct upgrade *upgrade, uint32_t step) {
    upgrade->step = step;
    (void)notification_signal(init.notification, INIT_BIT_STEP);
}

static void drop(handle_t *handle) {
    handle_close(*handle);
    *handle = HANDLE_NONE;
}

/* The operator gets its answer; what only the upgrade needed goes. */
static void finish(struct service *service, status_t status) {
    struct upgrade *upgrade = &service->upgrade;
    struct init_program_reply answer = {.state = upgrade->outcome, .version = service->version};
    if (status != OK) {
        strlcpy(answer.reason, service->reason, sizeof answer.reason);
    }
    if (upgrade->caller != TOKEN_NONE) {
        reply(upgrade->caller, status, &answer, sizeof answer);
    }
    upgrade->caller = TOKEN_NONE;
    upgrade->step = UPGRADE_NONE;
    drop(&upgrade->image);
    drop(&upgrade->arena);
    drop(&upgrade->records);
}

/* The new program runs. Until it has committed it can be undone. */
static void begin_trial(struct service *service) {
    service->upgrade.step = UPGRADE_TRIAL;
    service_runs(service);
    timer_set(init.timer, time_now_ns() + UPGRADE_WATCH_NS);
}

/* ---- The end: well or not ----------------------------------------------------------------- */

/* The new arena, if there is one, is the service's; the old one goes with the upgrade. */
static void adopt_arena(struct service *service) {
    handle_t new = service->upgrade.arena;
    if (new != HANDLE_NONE) {
        service->upgrade.arena = service->arena;
        service->arena = new;
    }
}

/* The new program has committed: from here on it is the service. */
static void succeed(struct service *service) {
    static const char *const how[] = {
        [PROGRAM_NO_STATE] = "it had no state",
        [PROGRAM_STATE_KEPT] = "state taken over as it was",
        [PROGRAM_STATE_RECORDS] = "state taken over by records",
        [PROGRAM_STATE_LOST] = "state lost",
    };
    struct upgrade *upgrade = &service->upgrade;
    struct image_info information = {0};
    (void)image_info(upgrade->image, &information);
    if (upgrade->kind != UPGRADE_RENEW) { /* what runs now goes to the place of the previous one */
        handle_t old = service->image;
        service->image = upgrade->image;
        upgrade->image = HANDLE_NONE;
        drop(&service->previous);
        if (upgrade->kind == UPGRADE_PREVIOUS) {
            handle_close(old); /* nobody wants it back */
        } else {
            service->previous = old;
        }
        service->generation++;
        service->version = information.note.version;
        if (information.note.name[0] != '\0') {
            strlcpy(service->program, information.note.name, sizeof service->program);
        }
    }
    adopt_arena(service);
    service->given = HANDLE_NONE;
    log_line("service %s: %s, version %lu: %s", service->config->name, service->program,
             service->version, how[upgrade->outcome]);
    if (upgrade->kind < UPGRADE_RENEW) {
        service->level = 0;
        format(service->reason, sizeof service->reason, "version %lu, %s", service->version,
               how[upgrade->outcome]);
    }
    finish(service, OK);
}

/* The old program starts again with its arena, which nobody has changed; after a cold start of the
 * other one, which took handles and calls away, cold. */
static void go_back(struct service *service) {
    struct upgrade *upgrade = &service->upgrade;
    bool lost = upgrade->outcome == PROGRAM_STATE_LOST;
    bool other_arena = upgrade->arena != HANDLE_NONE && upgrade->switched;
    status_t status;
    if (lost) {
        adopt_arena(service);
        status = task_reset(service->task, service->image, RESET_COLD);
    } else {
        status = task_reset_arena(service->task, service->image, 0,
                                  other_arena ? service->arena : HANDLE_NONE, service->given);
    }
    service_runs(service);
    if (status != OK) {
        log_line("service %s: can't go back: %s", service->config->name, status_text(status));
        service->state = SERVICE_STOPPED;
    }
    log_line("service %s: upgrade given up (%s); version %lu goes on", service->config->name,
             service->reason, service->version);
    finish(service, E_UNAVAILABLE);
}

/* Without state: what is left when records can't be had, and nobody ordered to keep it. */
static void start_cold(struct service *service) {
    struct upgrade *upgrade = &service->upgrade;
    status_t status = task_reset(service->task, HANDLE_NONE, RESET_COLD);
    if (status != OK) {
        next_turn(upgrade, UPGRADE_BACK);
        return;
    }
    bool ladder = upgrade->kind >= UPGRADE_RENEW;
    service->level = ladder ? 4 : 0;
    log_line("service %s: no records (%s); %s", service->config->name, service->reason,
             ladder ? "L4 cold start" : "it starts afresh");
    upgrade->outcome = PROGRAM_STATE_LOST;
    if (upgrade->kind < UPGRADE_RENEW) {
        begin_trial(service);
    } else {
        succeed(service); /* there is nothing better to go back to */
    }
}

/* The state can't go over. `upgrade` never loses it. */
static void no_records(struct service *service) {
    drop(&service->upgrade.records);
    if (service->upgrade.kind == UPGRADE_ORDERED) {
        next_turn(&service->upgrade, UPGRADE_BACK);
    } else {
        start_cold(service);
    }
}

/* ---- The steps ---------------------------------------------------------------------------- */

static bool same_layout(handle_t left, handle_t right) {
    struct image_info a = {0}, b = {0};
    (void)image_info(left, &a);
    (void)image_info(right, &b);
    return a.note.layout != 0 && a.note.layout == b.note.layout &&
           memcmp(a.note.name, b.note.name, sizeof a.note.name) == 0;
}

static status_t make_arena(struct service *service) {
    struct image_info information = {0};
    status_t status = image_info(service->upgrade.image, &information);
    uint64_t size = information.arena_minimum > service->arena_size
                        ? PAGE_ROUND_UP(information.arena_minimum)
                        : service->arena_size;
    return status != OK ? status : arena_create(service->account, size, &service->upgrade.arena);
}

/* The service stands still, its last turn is rolled back: the arena is the committed image. */
static void switch_over(struct service *service) {
    struct upgrade *upgrade = &service->upgrade;
    bool stateless = service->arena == HANDLE_NONE;
    bool keep = upgrade->kind != UPGRADE_RENEW && same_layout(service->image, upgrade->image);
    status_t status = stateless || keep ? OK : make_arena(service);
    if (status == OK) {
        status = task_reset_arena(service->task, upgrade->image, stateless || keep ? 0 : RESET_STOP,
                                  upgrade->arena, 0);
    }
    if (status != OK) {
        format(service->reason, sizeof service->reason, "no room: %s", status_text(status));
        next_turn(upgrade, UPGRADE_BACK);
        return;
    }
    upgrade->switched = true;
    if (stateless || keep) {
        upgrade->outcome = stateless ? PROGRAM_NO_STATE : PROGRAM_STATE_KEPT;
        begin_trial(service);
    } else {
        next_turn(upgrade, UPGRADE_EXPORT);
    }
}

/* The old program, in a task of its own, with the old arena, which it can't commit. */
static void begin_export(struct service *service) {
    struct upgrade *upgrade = &service->upgrade;
    uint64_t size = 2 * service->arena_size + RECORDS_ROOM;
    status_t status = memory_create(init.account, size, &upgrade->records);
    if (status == OK) {
        status = service_start_exporter(service, upgrade->records, &upgrade->exporter);
    }
    if (status != OK) {
        format(service->reason, sizeof service->reason, "no exporter: %s", status_text(status));
        drop(&upgrade->exporter);
        no_records(service);
        return;
    }
    upgrade->step = UPGRADE_EXPORTING;
    timer_set(init.timer, time_now_ns() + UPGRADE_WATCH_NS);
}

/* The records lie there: the new program starts with them. */
static void begin_import(struct service *service) {
    struct upgrade *upgrade = &service->upgrade;
    status_t status = handle_grant(service->task, upgrade->records, RIGHT_READ, &service->given);
    if (status == OK) {
        status = task_reset_arena(service->task, HANDLE_NONE, 0, HANDLE_NONE, service->given);
    }
    if (status != OK) {
        format(service->reason, sizeof service->reason, "records: %s", status_text(status));
        next_turn(upgrade, UPGRADE_BACK);
        return;
    }
    upgrade->outcome = PROGRAM_STATE_RECORDS;
    begin_trial(service);
}

void upgrade_export_ended(struct service *service, status_t status) {
    struct upgrade *upgrade = &service->upgrade;
    if (upgrade->step != UPGRADE_EXPORTING) {
        return;
    }
    (void)task_destroy(upgrade->exporter);
    drop(&upgrade->exporter);
    drop(&upgrade->supervision);
    if (status != OK) {
        format(service->reason, sizeof service->reason, "export: %s", status_text(status));
        no_records(service);
        return;
    }
    begin_import(service);
}

/* True while somebody must look again soon. */
static bool watch(struct service *service) {
    struct upgrade *upgrade = &service->upgrade;
    if (upgrade->step == UPGRADE_EXPORTING) {
        struct task_info information = {0};
        if (service->looks >= ENOUGH_LOOKS && task_info(upgrade->exporter, &information) == OK &&
            information.cpu_ns > CPU_LIMIT_NS) {
            upgrade_export_ended(service, E_TIMEOUT);
        }
        return true;
    }
    if (upgrade->step != UPGRADE_TRIAL) {
        return false;
    }
    if (service->config->kind == KIND_PROGRAM || service_turns(service) != 0) {
        succeed(service); /* a plain program never commits */
        return false;
    }
    return true;
}

bool upgrade_watch(void) {
    bool again = false;
    for (uint32_t i = 0; i < init.service_count; i++) {
        again |= watch(&init.services[i]);
    }
    return again;
}

void upgrade_step(void) {
    for (uint32_t i = 0; i < init.service_count; i++) {
        struct service *service = &init.services[i];
        switch (service->upgrade.step) {
        case UPGRADE_STOPPED:
            switch_over(service);
            break;
        case UPGRADE_EXPORT:
            begin_export(service);
            break;
        case UPGRADE_BACK:
            go_back(service);
            break;
        default:
            break;
        }
    }
}

/* ---- From outside ------------------------------------------------------------------------- */

/* Takes `image` over when it succeeds. */
static status_t begin(struct service *service, uint32_t kind, handle_t image, uint32_t flags) {
    status_t status = task_reset(service->task, HANDLE_NONE, flags | RESET_STOP);
    if (status != OK) {
        return status;
    }
    service->upgrade = (struct upgrade){.kind = kind, .image = image};
    service_runs(service);
    service->restarts++;
    next_turn(&service->upgrade, UPGRADE_STOPPED);
    return OK;
}

bool upgrade_stands(const struct service *service) {
    return service->upgrade.step != UPGRADE_NONE && service->upgrade.step != UPGRADE_TRIAL;
}

/* Whether the program may take the service's place; what it is tested against is what clients were
 * given. */
static bool suits(const struct service *service, const struct image_note *now,
                  const struct image_note *then, bool swap, char *reason, size_t size) {
    if (service->config->kind != KIND_PROGRAM &&
        !protocol_suits(then, service_protocols(service, now), reason, size)) {
        return false;
    }
    if (!swap && memcmp(now->name, then->name, sizeof now->name) != 0) {
        format(reason, size, "the file holds %s, not %s: that is a swap",
               then->name[0] != '\0' ? then->name : "a program without a name", now->name);
        return false;
    }
    return true;
}

/* The order is refused, and nothing has happened. */
static void refuse(const struct service *service, bool swap, token_t caller,
                   struct init_program_reply *answer) {
    log_line("service %s: %s refused: %s", service->config->name, swap ? "swap" : "upgrade",
             answer->reason);
    answer->version = service->version;
    reply(caller, E_TYPE, answer, sizeof *answer);
}

status_t upgrade_order(struct service *service, bool swap, handle_t file, uint64_t length,
                       token_t caller) {
    struct image_info now = {0}, then = {0};
    handle_t image = HANDLE_NONE;
    if (service->upgrade.step != UPGRADE_NONE) {
        return E_BUSY;
    }
    if (service->state == SERVICE_MISSING || service->task == HANDLE_NONE) {
        return E_STATE;
    }
    status_t status = image_create(init.account, file, length, &image);
    if (status != OK) {
        return status;
    }
    (void)image_info(service->image, &now);
    (void)image_info(image, &then);
    struct init_program_reply answer = {0};
    if (!suits(service, &now.note, &then.note, swap, answer.reason, sizeof answer.reason)) {
        handle_close(image);
        refuse(service, swap, caller, &answer);
        return OK;
    }
    supervise_death(service);
    service->redone = service_in_call(service);
    status = begin(service, swap ? UPGRADE_SWAP : UPGRADE_ORDERED, image, 0);
    if (status != OK) {
        handle_close(image);
        return status;
    }
    policy_forget(&service->policy);
    service->upgrade.caller = caller;
    log_line("service %s: %s to %s, version %lu", service->config->name, swap ? "swap" : "upgrade",
             then.note.name[0] != 0 ? then.note.name : "a program without a name",
             then.note.version);
    return OK;
}

status_t upgrade_renew(struct service *service, uint32_t flags) {
    handle_t image = HANDLE_NONE;
    uint64_t now = time_now_ns();
    if (service->arena == HANDLE_NONE || service->upgrade.step != UPGRADE_NONE) {
        return E_STATE;
    }
    /* The same again has not helped: the previous program, if there is one. */
    uint64_t commits = service->commits_at_start + service_turns(service);
    bool again = service->renewed_ns != 0 && now - service->renewed_ns < RUNG_MEMORY_NS &&
                 commits - service->renewed_commits < RUNG_TURNS;
    bool previous = again && service->previous != HANDLE_NONE;
    status_t status = handle_copy(previous ? service->previous : service->image, RIGHT_ALL, &image);
    if (status == OK && again && !previous) {
        status = E_STATE; /* nothing is left but a cold start */
    }
    if (status == OK) {
        status = begin(service, previous ? UPGRADE_PREVIOUS : UPGRADE_RENEW, image,
                       (flags & ~RESET_COLD) | RESET_DROP);
    }
    if (status != OK) {
        handle_close(image);
        return status;
    }
    service->renewed_ns = now;
    service->renewed_commits = commits;
    if (previous) {
        service->level = 3;
        log_line("service %s: L3 back to the previous program", service->config->name);
    }
    return OK;
}

bool upgrade_death(struct service *service, const struct death *death) {
    struct upgrade *upgrade = &service->upgrade;
    bool knows_none = death->vector == POLICY_EXIT && death->place == -E_UNSUPPORTED;
    if (upgrade->step != UPGRADE_TRIAL) {
        return false;
    }
    if (service_turns(service) != 0) {
        succeed(service); /* it had committed: an ordinary death */
        return false;
    }
    if (upgrade->kind >= UPGRADE_RENEW ||
        (upgrade->kind == UPGRADE_SWAP && knows_none && upgrade->outcome != PROGRAM_STATE_LOST)) {
        start_cold(service);
    } else {
        go_back(service);
    }
    return true;
}
