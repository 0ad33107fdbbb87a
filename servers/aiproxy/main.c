/* SPDX-License-Identifier: MIT
 * AI relay: set-up, and the turn that moves bytes between COM2 and the link. README.md has the
 * handles and invariants.
 */
#include "record.h"
#include "service.h"

#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/random.h>
#include <ipc/startup.h>
#include <ipc/time.h>
#include <ipc/uart.h>

#ifndef AIPROXY_VERSION
#define AIPROXY_VERSION 1
#endif
ACTOR_IMAGE("aiproxy", 0, AIPROXY_VERSION, PROTOCOL("ai", AI_PROTOCOL_VERSION));

#define BIT_TIMER 1u
#define BIT_UART 2u

#define PUMP_ROUNDS 2                      /* the kernel keeps 64 bytes of a turn */
#define TRANSMIT_FALLBACK (20 * NS_PER_MS) /* should an interrupt be lost */

ARENA struct service service;

static void set_timer(uint64_t at) {
    if (at != service.timer_at) {
        service.timer_at = at;
        actor_must(timer_set(service.timer, at == LINK_NEVER ? 0 : at));
    }
}

/* Receives what is there; true when there may be more than one turn should take. */
static bool pump_in(uint64_t now) {
    uint8_t bytes[64];
    for (int round = 0; round < PUMP_ROUNDS; round++) {
        size_t count = uart_receive(bytes, sizeof bytes);
        link_receive(&service.relay.link, bytes, count, now);
        relay_run(&service.relay, now);
        if (count < sizeof bytes && uart_settle(&service.uart)) {
            return false;
        }
    }
    return true;
}

static void pump_out(uint64_t now) {
    uint8_t bytes[64];
    size_t room = uart_room(&service.uart);
    size_t count = link_transmit(&service.relay.link, bytes, room, now);
    if (count > 0) {
        uart_send(bytes, count);
    }
}

/* Ends every turn. */
static void turn_finish(void) {
    uint64_t now = time_now_ns();
    if (service.uart.state != UART_READY) {
        return;
    }
    bool again = pump_in(now);
    service_deliver();
    relay_run(&service.relay, now); /* readers have made room */
    pump_out(now);
    uint64_t at = again ? now : relay_deadline(&service.relay);
    if (link_has_output(&service.relay.link) && at > now + TRANSMIT_FALLBACK) {
        at = now + TRANSMIT_FALLBACK;
    }
    set_timer(at);
}

static void detect(void) {
    if (uart_detect(&service.uart)) {
        set_timer(time_now_ns());
    } else if (service.uart.state == UART_READY) {
        relay_init(&service.relay, random_u32(), time_now_ns());
    }
    if (service.uart.state == UART_READY || service.uart.state == UART_ABSENT) {
        actor_set_mask(RECEIVE_ALL);
    }
}

static void on_notify(struct event *event) {
    if ((event->bits & BIT_TIMER) != 0) {
        service.timer_at = LINK_NEVER;
    }
    if (service.uart.state != UART_READY && service.uart.state != UART_ABSENT) {
        detect();
    }
    turn_finish();
}

static void on_call(struct event *event) {
    dispatch(event);
    turn_finish();
}

static void on_cancel(struct event *event) {
    service_cancel(event);
    turn_finish();
}

static void on_closed(struct event *event) {
    service_closed(event);
    turn_finish();
}

static status_t create(void) {
    service.timer_at = LINK_NEVER;
    status_t status = timer_create(startup_handle("account"), startup_handle("notification"),
                                   BIT_TIMER, &service.timer);
    if (status == OK && uart_detect(&service.uart)) {
        set_timer(time_now_ns());
    }
    return status;
}

/* Calls wait until it is known whether there is a port. An interrupt may have been lost with the
 * old incarnation: the timer looks after it at once. */
static void start(void) {
    bool ready = service.uart.state == UART_READY;
    uart_connect(BIT_UART);
    if (!ready && service.uart.state != UART_ABSENT) {
        actor_set_mask(RECEIVE_REPLY | RECEIVE_NOTIFY);
    }
    if (service.uart.state != UART_ABSENT && actor_incarnation() > 0) {
        set_timer(time_now_ns());
    }
}

enum { RECORD_SERVICE = 1 };

struct record_service {
    uint64_t overruns;
    uint32_t timer, state, depth;
};

static void export(struct records_writer *records) {
    struct record_service record = {
        .overruns = service.uart.overruns,
        .timer = service.timer,
        .state = service.uart.state,
        .depth = service.uart.depth,
    };
    record_put(records, RECORD_SERVICE, 1, &record, sizeof record);
    if (service.uart.state == UART_READY) {
        relay_export(&service.relay, records);
    }
}

/* A port that was being looked for is looked for again. */
static status_t import(struct records_reader *records) {
    struct record record;
    struct record_service from;
    if (!record_next(records, &record) || record.tag != RECORD_SERVICE) {
        return E_FORMAT;
    }
    record_copy(&record, &from, sizeof from);
    service.timer = from.timer;
    service.timer_at = LINK_NEVER;
    service.uart.overruns = from.overruns;
    if (from.state == UART_READY) {
        service.uart.state = UART_READY;
        service.uart.depth = (uint8_t)from.depth;
        relay_init(&service.relay, random_u32(), time_now_ns());
        relay_import(&service.relay, records, time_now_ns());
    } else if (from.state == UART_ABSENT) {
        service.uart.state = UART_ABSENT;
    } else if (uart_detect(&service.uart)) {
        set_timer(time_now_ns());
    }
    return OK;
}

static const char *check(bool full) {
    (void)full;
    const struct uart *uart = &service.uart;
    if (uart->state > UART_ABSENT ||
        (uart->state == UART_READY && uart->depth != 1 && uart->depth != UART_FIFO_SIZE)) {
        return "the port is damaged";
    }
    return uart->state == UART_READY ? relay_check(&service.relay, time_now_ns()) : NULL;
}

int main(void) {
    static const struct actor actor = {
        .create = create,
        .start = start,
        .call = on_call,
        .notify = on_notify,
        .cancel = on_cancel,
        .closed = on_closed,
        .export = export,
        .import = import,
        .check = check,
    };
    actor_run(&actor);
}
