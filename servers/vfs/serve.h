/* SPDX-License-Identifier: MIT
 * The part of the file server that sends and receives: one handler for each operation of the file
 * protocol (declared by its list), and what waits for other servers.
 */
#pragma once
#include "operation.h"
#include "session.h"
#include <ipc/dispatch.h>

extern struct vfs vfs;

/* Decodes a call and answers it. */
void dispatch(struct event *event);

/* parked.c: calls that wait for init or the console: DISPATCH_PARKED, an error, or OK with the
 * answer filled. */
status_t parked_services(struct event *event, const struct opening *opening);
status_t parked_console_read(struct event *event, uint64_t length, struct file_io_reply *answer);
status_t parked_console_write(struct event *event, uint64_t length);
/* Asks another file server the same with `data`, and answers what it answers. */
status_t parked_forward(struct event *event, handle_t server, const void *data, size_t size);
void parked_reply(struct event *event);
void parked_cancel(struct event *event);

/* serve.c: the kernel's session object for a new open file. */
status_t serve_session(uint32_t session, handle_t *handle);
