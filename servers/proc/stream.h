/* SPDX-License-Identifier: MIT
 * Pipes and terminals as streams. The operations of protocol messages on them, by kind.
 */
#pragma once
#include <ipc/event.h>

#include "state.h"

/* pipe.c */
struct pipe *pipe_of_badge(uint64_t badge);
status_t pipe_open(struct event *event, uint64_t flags);
status_t pair_open(struct event *event, uint64_t flags);
/* The pipe that a session reads or writes: of a pipe's end or of a pair's; else NULL. */
struct pipe *pipe_read_by(uint64_t badge);
struct pipe *pipe_written_by(uint64_t badge);
uint64_t pair_events(uint64_t badge);
status_t pair_shutdown(uint64_t badge, int64_t how);
void pair_closed(uint64_t badge);
void pipe_closed(struct pipe *pipe, uint32_t kind);
status_t pipe_read(struct event *event, struct pipe *pipe, const struct proc_io_request *request,
                   struct proc_io_reply *answer);
status_t pipe_write(struct event *event, struct pipe *pipe, const struct proc_io_request *request,
                    struct proc_io_reply *answer);
uint64_t pipe_events(const struct pipe *pipe, uint32_t kind);
/* The turn after space became free. */
void pipes_again(void);
/* A waiting write is given up: it says what it has moved. */
void pipe_cancel(struct waiter *waiter);

/* counter.c */
struct counter *counter_of_badge(uint64_t badge);
status_t counter_open(struct event *event, const struct proc_counter_request *request);
void counter_closed(struct counter *counter);
status_t counter_read(struct event *event, struct counter *counter,
                      const struct proc_io_request *request, struct proc_io_reply *answer);
status_t counter_write(struct event *event, struct counter *counter,
                       const struct proc_io_request *request, struct proc_io_reply *answer);
uint64_t counter_events(const struct counter *counter);
status_t counter_timer(struct counter *counter, const struct proc_timer_request *request,
                       struct proc_timer *answer);
/* Sets the kernel's timer to the nearest deadline, of counters and alarms. */
status_t timers_arm(void);
/* The timer of the nearest deadline has fired. */
void counters_fire(void);

/* terminal.c */
struct terminal *terminal_of_badge(uint64_t badge);
/* For a RUN: takes the console session over. The terminal of that session, E_NO_SPACE. */
status_t terminal_create(handle_t console, struct terminal **terminal);
uint32_t terminal_index(const struct terminal *terminal);
/* A session for a process to hold. */
status_t terminal_session(struct terminal *terminal, handle_t *session);
void terminal_closed(struct terminal *terminal);
/* Its session's leader is gone. */
void terminal_hang_up(struct terminal *terminal);
void terminal_typed(struct terminal *terminal, const struct event *event);
void terminal_written(struct terminal *terminal, const struct event *event);
void terminal_size(struct terminal *terminal, const struct event *event);
status_t terminal_read(struct event *event, struct terminal *terminal,
                       const struct proc_io_request *request, struct proc_io_reply *answer);
status_t terminal_write(struct event *event, struct terminal *terminal,
                        const struct proc_io_request *request, struct proc_io_reply *answer);
uint64_t terminal_events(const struct terminal *terminal);
/* Somebody asked for input. */
void terminal_wanted(struct terminal *terminal);
status_t terminal_termios(struct terminal *terminal, const struct proc_termios_request *request,
                          struct proc_termios *answer);
status_t terminal_control(struct terminal *terminal, const struct proc_control_request *request,
                          struct proc_control_reply *answer);
/* At the end of each turn: sends what there is to send, asks for what is wanted. */
void terminals_finish(void);

/* Cookies of staged calls: what, then terminal. */
enum { COOKIE_TYPED = 1, COOKIE_WRITTEN = 2, COOKIE_SIZE = 3 };
#define COOKIE(what, terminal)                                                                     \
    ((uint64_t)(what) << 60 | badge_make(0, (terminal)->serial, terminal_index(terminal)))
