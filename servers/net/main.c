/* SPDX-License-Identifier: MIT */
/* The network server: set-up and turns. README.md has the handles and invariants. */
#include <common/string.h>

#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <proto/net.h>
#include <proto/netif.h>

#include "server.h"

#ifndef NET_VERSION
#define NET_VERSION 1
#endif
ACTOR_IMAGE("net", 0, NET_VERSION,
            PROTOCOL("net", NET_PROTOCOL_VERSION) " " PROTOCOL("netif", NETIF_PROTOCOL_VERSION));

#define BIT_TIMER 1u
#define TIMER_NEVER UINT64_MAX

ARENA static struct {
    handle_t timer;
    uint64_t at; /* what the timer is set to; TIMER_NEVER: not set */
} wake;

static bool has_argument(const char *word) {
    for (int i = 0; i < startup_argc(); i++) {
        if (strcmp(startup_argv(i), word) == 0) {
            return true;
        }
    }
    return false;
}

/* rule=... for each wired client, see policy_wire. */
static void read_rules(void) {
    for (int i = 0; i < startup_argc(); i++) {
        const char *text = startup_argv(i);
        if (strncmp(text, "rule=", 5) == 0 && !policy_wire(text + 5)) {
            log_line("arguments: bad %s", text);
        }
    }
}

/* dhcp [fallback=NETWORK] or address=NETWORK, and gateway=, dns=, ntp= for either. */
static void read_settings(struct settings *settings) {
    const char *network = startup_option("address", NULL);
    settings->ntp = startup_option("ntp", NULL);
    settings->dhcp = has_argument("dhcp") || network == NULL;
    if (settings->dhcp) {
        network = startup_option("fallback", NULL);
    }
    if (network != NULL && !interface_parse(network, startup_option("gateway", NULL),
                                            startup_option("dns", NULL), &settings->fixed)) {
        log_line("arguments: bad address in %s", network);
    }
}

static void finish_turn(void) {
    uint64_t at = net_settle();
    if (at != wake.at) {
        wake.at = at;
        actor_must(timer_set(wake.timer, at == TIMER_NEVER ? 0 : at));
    }
}

static status_t on_create(void) {
    struct settings settings = {0};
    status_t status = pools_create();
    if (status != OK) {
        return status;
    }
    wake.at = TIMER_NEVER;
    status = timer_create(startup_handle("account"), startup_handle("notification"), BIT_TIMER,
                          &wake.timer);
    if (status != OK) {
        return status;
    }
    read_settings(&settings);
    net_init(&settings);
    read_rules();
    finish_turn();
    return OK;
}

static void export(struct records_writer *records) {
    uint64_t timer = wake.timer;
    net_export(records);
    driver_export(records);
    record_put(records, RECORD_WAKE, 1, &timer, sizeof timer);
}

static status_t import(struct records_reader *records) {
    struct settings settings = {0};
    struct record_general general;
    struct record record;
    uint64_t timer = HANDLE_NONE;
    if (!net_import_general(records, &general)) {
        return E_FORMAT;
    }
    status_t status = pools_adopt(general.receive_count, general.transmit_count);
    if (status != OK) {
        return status;
    }
    read_settings(&settings);
    net_init(&settings);
    net_import_policies(records);
    read_rules();
    for (records_rewind(records); record_next(records, &record);) {
        if (record.tag == RECORD_WINDOW) {
            driver_import(&record);
        } else if (record.tag == RECORD_WAKE) {
            record_copy(&record, &timer, sizeof timer);
        }
    }
    status = net_import(records);
    wake.timer = (handle_t)timer;
    wake.at = TIMER_NEVER;
    finish_turn();
    return status;
}

static void on_call(struct event *event) {
    if (is_driver(event->badge)) {
        driver_call(event);
    } else {
        dispatch_call(event);
    }
    finish_turn();
}

static void on_notify(struct event *event) {
    if ((event->bits & BIT_TIMER) != 0) {
        wake.at = TIMER_NEVER;
    }
    finish_turn();
}

static void on_closed(struct event *event) {
    struct socket *socket = socket_find(event->badge);
    struct policy *policy = policy_find(event->badge);
    if (is_driver(event->badge)) {
        driver_closed(event->badge);
    } else if (policy != NULL) {
        policy_closed(policy);
    } else if (socket != NULL) {
        socket_closed(socket);
    }
    finish_turn();
}

static void on_cancel(struct event *event) {
    net_cancel(event->badge, event->token);
    finish_turn();
}

int main(void) {
    static const struct actor actor = {
        .create = on_create,
        .call = on_call,
        .notify = on_notify,
        .closed = on_closed,
        .cancel = on_cancel,
        .export = export,
        .import = import,
        .check = net_check,
    };
    actor_run(&actor);
}
