/* SPDX-License-Identifier: MIT
 * Device manager: enumerates PCI once and hands devices to their drivers. README.md has the handles
 * and invariants.
 */
#include "manager.h"
#include "record.h"

#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/startup.h>

#define ARGUMENTS 32

#ifndef DEVMGR_VERSION
#define DEVMGR_VERSION 1
#endif
ACTOR_IMAGE("devmgr", 0, DEVMGR_VERSION, PROTOCOL("pci", PCI_PROTOCOL_VERSION));

ARENA struct manager manager;
struct claim_rules manager_rules;

static uint32_t read_config(void *context, uint32_t address, uint32_t width) {
    (void)context;
    uint32_t value = UINT32_MAX;
    (void)system_pci_read(startup_handle("system"), address, width, &value);
    return value;
}

const struct pci_config manager_config = {.read = read_config, .context = NULL};

static status_t create(void) {
    pci_enumerate(&manager.table, &manager_config);
    remap_create(&manager.remap);
    if (manager.table.count == 0) {
        log_line("no PCI devices");
    }
    if (manager.table.dropped != 0) {
        log_line("%u PCI devices beyond the first %u are ignored", manager.table.dropped,
                 PCI_FUNCTIONS);
    }
    return OK;
}

/* The rules come from the arguments, not from the arena: a changed manifest takes effect. */
static void start(void) {
    const char *arguments[ARGUMENTS];
    int count = 0;
    while (count < startup_argc() && count < ARGUMENTS) {
        arguments[count] = startup_argv(count);
        count++;
    }
    int wrong = claim_parse(&manager_rules, count, arguments);
    if (wrong >= 0) {
        log_line("argument %d: expected grant CLIENT VENDOR:DEVICE,...; the rest is ignored",
                 wrong + 1);
    }
    remap_start(&manager.remap);
}

static void notified(struct event *event) {
    if ((event->bits & BIT_TIMER) != 0 && manager.remap.timer != HANDLE_NONE) {
        remap_poll(&manager.remap, &manager.table);
    }
}

static void export(struct records_writer *records) {
    pci_export(&manager.table, records);
}

static status_t import(struct records_reader *records) {
    status_t status = create();
    pci_import(&manager.table, records);
    manager.reported = true; /* the program before has said what there was to say */
    return status;
}

static const char *check(bool full) {
    (void)full; /* there are few devices and few turns */
    return pci_check(&manager.table);
}

int main(void) {
    static const struct actor actor = {
        .create = create,
        .start = start,
        .call = dispatch,
        .notify = notified,
        .export = export,
        .import = import,
        .check = check,
    };
    actor_run(&actor);
}
