/* SPDX-License-Identifier: MIT */
/*
 * The terminal protocol (docs/spec/tty.md) for a server that has terminals: decoding, parked calls,
 * answers. The server says which terminal a call is for, and when bytes were typed.
 */
#pragma once

#include <ipc/event.h>

#include "terminal.h"

/* A call on a terminal's session. NULL: the session names none. */
void terminal_call(struct event *event, struct terminal *terminal);
/* A caller wants its parked call back, or is dead; a line being typed is kept. The caller of this
 * answers the call. */
void terminal_cancel(struct terminal *terminal, token_t token);
/* Carries a terminal as far as input and room allow. */
void terminal_pump(struct terminal *terminal);
/* Bytes were typed. There is room for them: see `input`. */
void terminal_typed(struct terminal *terminal, const uint8_t *bytes, uint32_t count);
/* Whoever waits is answered with `status`: the terminal comes to its end. */
void terminal_hang_up(struct terminal *terminal, status_t status);
