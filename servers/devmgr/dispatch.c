/* SPDX-License-Identifier: MIT
 * Calls of the device protocol.
 */
#include "manager.h"

#include <ipc/dispatch.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/startup.h>

#define CLIENT(badge) ((uint32_t)((badge)&0xffff))
#define CLASS_NETWORK 2u

static status_t handle_list(struct event *event, const struct pci_list_request *request,
                            struct pci_entry *answer) {
    (void)event;
    if (request->index >= manager.table.count) {
        return E_NOT_FOUND;
    }
    pci_describe(&manager.table.functions[request->index], answer);
    answer->confined = manager.remap.confined;
    return OK;
}

static void report_function(const struct pci_function *function, const char *text) {
    struct pci_entry entry;
    pci_describe(function, &entry);
    log_line("%02x:%02x.%x %s [%04x:%04x]: %s", entry.address >> 16, entry.address >> 11 & 31,
             entry.address >> 8 & 7, entry.name, entry.vendor, entry.device, text);
}

/* Says once that there is no network card, or none that any driver knows. While there is one for
 * another driver, nothing needs to be said. */
static void report_nothing(const struct pci_claim_request *request) {
    bool unknown = false;
    for (uint32_t i = 0; i < manager.table.count; i++) {
        const struct pci_function *function = &manager.table.functions[i];
        if (function->class_code == CLASS_NETWORK && claim_known(&manager_rules, function)) {
            return;
        }
    }
    if (manager.reported) {
        return;
    }
    manager.reported = true;
    for (uint32_t i = 0; i < manager.table.count; i++) {
        const struct pci_function *function = &manager.table.functions[i];
        if (function->class_code == CLASS_NETWORK) {
            report_function(function, "no driver for this network card");
            unknown = true;
        }
    }
    if (!unknown) {
        log_line("no device for driver %s", request->driver);
    }
}

/* True: the IOMMU could not tell it from a device of another driver. */
static bool shared(const struct pci_function *function) {
    for (uint32_t i = 0; i < manager.table.count; i++) {
        const struct pci_function *other = &manager.table.functions[i];
        if (other != function && other->owner != PCI_NO_OWNER &&
            other->requester == function->requester) {
            return true;
        }
    }
    return false;
}

/* The three handles of a device; on an error those that were made are closed again. */
static status_t open_device(uint32_t index, uint32_t bar, handle_t handles[3], uint64_t *kind) {
    struct pci_function *function = &manager.table.functions[index];
    handle_t account = startup_handle("account");
    struct pci_route route = {UINT32_MAX, 0}; /* no such line: refused unless there is MSI */
    (void)pci_route_intx(&manager.table, &manager_config, index, &route);
    handles[0] = handles[1] = handles[2] = HANDLE_NONE;
    status_t status =
        system_device(startup_handle("system"), function->address, (uint16_t)function->requester,
                      (uint8_t)(index + 1), account, &handles[0]);
    if (status == OK) {
        status = device_bar(handles[0], bar, account, &handles[1], &function->bar_size[bar]);
    }
    if (status == OK) {
        status = device_irq(handles[0], account, route.gsi, route.flags, &handles[2], kind);
    }
    for (uint32_t i = 3; status != OK && i-- > 0;) {
        handle_close(handles[i]);
    }
    return status;
}

static status_t handle_claim(struct event *event, const struct pci_claim_request *request,
                             struct pci_claim_reply *answer) {
    if ((event->badge & BADGE_ROOT) == 0) {
        return E_RIGHTS;
    }
    uint32_t client = CLIENT(event->badge);
    uint32_t index;
    status_t status = claim_take(&manager.table, &manager_rules, client, request, &index);
    if (status != OK) {
        if (status == E_NOT_FOUND) {
            report_nothing(request);
        }
        return status;
    }
    struct pci_function *function = &manager.table.functions[index];
    if (manager.remap.confined && shared(function)) {
        report_function(function, "its bridge has another driver's device");
        function->owner = PCI_NO_OWNER;
        function->driver[0] = '\0';
        pci_seal(&manager.table);
        return E_NOT_FOUND;
    }
    handle_t handles[3];
    status = open_device(index, request->bar, handles, &answer->irq_kind);
    pci_seal(&manager.table); /* the register's size has become known */
    if (status != OK) {
        return status;
    }
    pci_describe(function, &answer->entry);
    answer->entry.confined = manager.remap.confined;
    event_answer_handle(event, handles[0], RIGHT_MANAGE | RIGHT_READ | RIGHT_WRITE | HANDLE_MOVE);
    event_answer_handle(event, handles[1], RIGHT_READ | RIGHT_WRITE | HANDLE_MOVE);
    event_answer_handle(event, handles[2], RIGHT_MANAGE | HANDLE_MOVE);
    return OK;
}

void dispatch(struct event *event) {
    switch (event->label) {
#define OP(number, NAME, name, request, reply) DISPATCH_CASE(number, handle_##name, request, reply)
        PCI_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
    }
}
