/* SPDX-License-Identifier: MIT */
/*
 * Shells for telnet clients. An actor: it takes connections from net and serves the terminals of
 * the shells that it starts, one for each. Argument: port=23
 */
#include <common/parse.h>
#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/time.h>
#include <proto/net.h>

#include <terminal/protocol.h>

#include "session.h"

ACTOR_IMAGE("telnetd", 0, 1, PROTOCOL("tty", TTY_PROTOCOL_VERSION));

#define BIT_TIMER 1u
#define BACKLOG 4
#define RETRY (NS_PER_S / 2)

/* On the way to a listening socket; the answer to the call of each step leads to the next. */
enum step { STEP_REST, STEP_SOCKET, STEP_BIND, STEP_LISTEN, STEP_READY, STEP_ACCEPT };

ARENA static struct {
    uint32_t step; /* enum step: the call that is under way */
    uint32_t port;
    status_t told; /* why there was none the last time */
    handle_t socket, timer;
} listener;

/* ---- The listening socket ----------------------------------------------------------------- */

static void rest(status_t status) {
    if (status != listener.told) {
        log_line("can't listen at port %u: %s", listener.port, status_text(status));
        listener.told = status;
    }
    handle_close(listener.socket);
    listener.socket = HANDLE_NONE;
    listener.step = STEP_REST;
    actor_must(timer_set(listener.timer, time_now_ns() + RETRY));
}

static void ask(uint32_t step, handle_t session, uint32_t operation, const void *request,
                size_t size) {
    status_t status =
        call_stage(session, operation, request, size, BADGE(COOKIE_LISTENER, step, 0));
    listener.step = step;
    if (status != OK) {
        rest(status);
    }
}

static void listener_begin(void) {
    ask(STEP_SOCKET, startup_handle("net"), NET_SOCKET, &(struct net_socket_request){NET_TCP},
        sizeof(struct net_socket_request));
}

static void listener_accept(void) {
    if (listener.step == STEP_READY && session_free()) {
        ask(STEP_ACCEPT, listener.socket, NET_ACCEPT, &(struct net_accept_request){0},
            sizeof(struct net_accept_request));
    }
}

static void listener_replied(struct event *event) {
    status_t status = event_status(event);
    if (status != OK) {
        rest(status);
        return;
    }
    switch (listener.step) {
    case STEP_SOCKET:
        listener.socket = event_take_handle(event, 0);
        ask(STEP_BIND, listener.socket, NET_BIND,
            &(struct net_address){.port = (uint16_t)listener.port}, sizeof(struct net_address));
        break;
    case STEP_BIND:
        ask(STEP_LISTEN, listener.socket, NET_LISTEN, &(struct net_listen_request){BACKLOG},
            sizeof(struct net_listen_request));
        break;
    case STEP_LISTEN:
        log_line("shells at port %u", listener.port);
        listener.told = OK;
        listener.step = STEP_READY;
        break;
    case STEP_ACCEPT:
        listener.step = STEP_READY;
        session_begin(event_take_handle(event, 0));
        break;
    default:
        break;
    }
}

/* ---- Events ------------------------------------------------------------------------------- */

static void settle(void) {
    sessions_settle();
    listener_accept();
}

static void on_call(struct event *event) {
    struct session *session = session_of(event->badge);
    if (BADGE_KIND(event->badge) == BADGE_SHELL) {
        reply_status(event->token, OK); /* it stays stopped until it is destroyed */
        if (session != NULL) {
            session_shell_ended(session);
        }
    } else {
        bool named = BADGE_KIND(event->badge) == BADGE_TERMINAL && session != NULL;
        terminal_call(event, named ? &session->terminal : NULL);
    }
    settle();
}

static void on_reply(struct event *event) {
    switch (BADGE_KIND(event->cookie)) {
    case COOKIE_LISTENER:
        listener_replied(event);
        break;
    case COOKIE_RECEIVED:
    case COOKIE_SENT:
        session_replied(event);
        break;
    default:
        break;
    }
    settle();
}

static void on_notify(struct event *event) {
    if ((event->bits & BIT_TIMER) != 0 && listener.step == STEP_REST) {
        listener_begin();
    }
    settle();
}

static void on_cancel(struct event *event) {
    for (uint32_t i = 0; i < SESSIONS; i++) {
        struct session *session = session_at(i);
        if (session != NULL) {
            terminal_cancel(&session->terminal, event->token);
        }
    }
    reply_status(event->token, E_CANCELLED);
    settle();
}

static status_t create(void) {
    const char *text = startup_option("port", "23");
    uint64_t port;
    if (!parse_u64(text, strlen(text), &port) || port == 0 || port > 0xffff) {
        log_line("port=%s: not a port", text);
        return E_INVALID;
    }
    listener.port = (uint32_t)port;
    listener.socket = HANDLE_NONE;
    status_t status = timer_create(startup_handle("account"), startup_handle("notification"),
                                   BIT_TIMER, &listener.timer);
    if (status == OK) {
        status = sessions_create();
    }
    if (status == OK) {
        listener_begin();
    }
    return status;
}

int main(void) {
    static const struct actor actor = {
        .create = create,
        .call = on_call,
        .reply = on_reply,
        .notify = on_notify,
        .cancel = on_cancel,
        .check = sessions_check,
    };
    actor_run(&actor);
}
