/* SPDX-License-Identifier: MIT */
/*
 * One client: its connection, its terminal, its shell. All of it in the arena but two pages for
 * what is on the way from and to net.
 */
#pragma once

#include <ipc/event.h>

#include <terminal/terminal.h>

#include "telnet.h"

#define SESSIONS 4u
#define SESSION_OUTPUT 8192u /* more than TERMINAL_ECHO_ROOM and a piece of text */

/* Badges of the sessions on our endpoint: a kind, which session, and its slot. */
enum { BADGE_TERMINAL = 1, BADGE_SHELL = 2 };
#define BADGE(kind, serial, slot) ((uint64_t)(kind) << 56 | (uint64_t)(serial) << 8 | (slot))
#define BADGE_KIND(badge) ((badge) >> 56)

struct session {
    uint32_t serial;     /* which client since the start; 0: the slot is free */
    bool ending;         /* no shell any more; what there is to say is still sent */
    handle_t connection; /* HANDLE_NONE: closed */
    handle_t shell;      /* its task; HANDLE_NONE: ended */
    bool receiving, sending;
    token_t receive_token, send_token;
    uint32_t received, taken;  /* bytes in the page of what has come: all, and used up */
    uint32_t waiting, started; /* bytes in the page of what goes: all, and from where on */
    struct telnet telnet;
    struct byte_queue output;
    struct terminal terminal;
    uint8_t output_bytes[SESSION_OUTPUT];
};

/* Once: the pages. */
MUST_CHECK status_t sessions_create(void);
/* True when another client can be taken. */
bool session_free(void);
/* Takes the connection over, also when it fails: then the client is gone. */
void session_begin(handle_t connection);
/* The session that a badge names; NULL: it has ended. */
struct session *session_of(uint64_t badge);
struct session *session_at(uint32_t slot);

/* What has come of a call to net; `cookie` as it was given. */
void session_replied(const struct event *event);
/* The shell has ended. */
void session_shell_ended(struct session *session);
/* Carries all of them as far as it goes; ends every turn. */
void sessions_settle(void);

/* What is wrong with them; NULL: nothing. In full: their terminals too. */
const char *sessions_check(bool full);

/* Cookies of our calls: what for, and the rest of a session's badge. */
enum { COOKIE_OTHER = 0, COOKIE_LISTENER = 1, COOKIE_RECEIVED = 2, COOKIE_SENT = 3 };
