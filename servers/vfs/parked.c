/* SPDX-License-Identifier: MIT
 * Calls that vfs answers only after asking another server: opening /proc/services (init is asked
 * for one service after the other) and the console device. What is known so far is in the arena
 * (struct pending), found by the token of the staged call.
 */
#include "serve.h"
#include <common/string.h>
#include <ipc/message.h>
#include <ipc/startup.h>
#include <proto/tty.h>

static status_t stage(uint32_t id, const char *service, uint32_t label,
                      const struct message *message) {
    handle_t session = startup_handle(service);
    if (session == HANDLE_NONE) {
        return E_UNAVAILABLE;
    }
    return call_stage_message(session, label, message, id, &pending_get(&vfs, id)->staged);
}

/* ---- /proc/services -------------------------------------------------------------------------- */

static status_t services_ask(uint32_t id) {
    struct init_info_request request = {pending_get(&vfs, id)->index};
    struct message message = {.data = &request, .size = sizeof request};
    return stage(id, "init", INIT_INFO, &message);
}

/* Ends the work: the file is opened for the caller, or goes away. */
static void services_finish(uint32_t id, status_t status) {
    const struct pending *pending = pending_get(&vfs, id);
    uint32_t account = pending->account;
    struct opening opening = {pending->node, (uint32_t)pending->flags};
    struct file_open_reply answer;
    struct handle_slot slot = {.rights = HANDLE_MOVE | RIGHT_CALL | RIGHT_COPY};
    token_t token = pending->token;
    uint32_t session = 0;
    pending_free(&vfs, id);
    if (status == OK) {
        status = operation_open_finish(&vfs, &opening, account, &session, &answer);
    }
    if (status == OK) {
        status = serve_session(session, &slot.handle);
    }
    if (status == OK) {
        status = reply_handles(token, OK, &answer, sizeof answer, &slot, 1);
    }
    if (status == OK) {
        return; /* should the caller be gone, its session closes by itself */
    }
    if (session != 0) {
        session_close(&vfs, session);
    } else {
        node_release(&vfs, opening.node);
    }
    reply_status(token, status);
}

status_t parked_services(struct event *event, const struct opening *opening) {
    uint32_t id;
    status_t status = pending_create(&vfs, PENDING_SERVICES, event->token, &id);
    if (status != OK) {
        return status;
    }
    struct pending *pending = pending_get(&vfs, id);
    pending->flags = opening->flags;
    pending->account = event->account;
    uint32_t mount = node_get(&vfs, opening->node)->mount;
    status = proc_services_begin(&vfs, mount, &pending->node);
    if (status == OK) {
        status = services_ask(id);
        if (status == OK) {
            return DISPATCH_PARKED;
        }
        node_release(&vfs, pending->node);
    }
    pending_free(&vfs, id);
    return status;
}

static void services_reply(uint32_t id, const struct event *event) {
    struct pending *pending = pending_get(&vfs, id);
    struct init_info_reply service;
    status_t status = event_status(event);
    if (pending->cancelled) {
        services_finish(id, E_CANCELLED);
        return;
    }
    if (status == E_NOT_FOUND) {
        services_finish(id, OK);
        return;
    }
    if (status == OK) {
        status = event_data(event, &service, sizeof service);
    }
    if (status == OK) {
        status = proc_services_line(&vfs, pending->node, &service);
    }
    if (status == OK) {
        pending->index++;
        status = services_ask(id);
    }
    if (status != OK) {
        services_finish(id, status);
    }
}

/* ---- The console device ---------------------------------------------------------------------- */

_Static_assert(TTY_LINE_MAX < BLOCK_SIZE, "a line and its newline fit into a block");

/* Gives the caller up to `length` bytes of the line that is there; the rest waits for the next. */
static status_t line_take(token_t token, uint64_t length, struct file_io_reply *answer) {
    uint32_t rest = vfs.line_end - vfs.line_start;
    uint32_t part = length < rest ? (uint32_t)length : rest;
    uint8_t *text = (uint8_t *)store_block(vfs.line_block) + vfs.line_start;
    status_t status = lease_write(token, 0, 0, text, part);
    if (status != OK) {
        return status;
    }
    answer->length = part;
    vfs.line_start += part;
    if (vfs.line_start == vfs.line_end) {
        store_free(&vfs.store, vfs.line_block);
        vfs.line_block = 0;
    }
    return OK;
}

status_t parked_console_read(struct event *event, uint64_t length, struct file_io_reply *answer) {
    uint32_t id;
    if (length == 0) {
        return E_INVALID;
    }
    if (vfs.line_block != 0) {
        return line_take(event->token, length, answer);
    }
    status_t status = pending_create(&vfs, PENDING_CONSOLE_READ, event->token, &id);
    if (status != OK) {
        return status;
    }
    struct pending *pending = pending_get(&vfs, id);
    status = store_allocate(&vfs.store, BLOCK_SYSTEM, &pending->block);
    if (status == OK) {
        struct tty_read_request request = {0};
        struct lease lease = lease_out(store_block(pending->block), TTY_LINE_MAX);
        struct message message = {
            .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
        pending->length = length;
        status = stage(id, "console", TTY_READ_LINE, &message);
        if (status == OK) {
            return DISPATCH_PARKED;
        }
        store_free(&vfs.store, pending->block);
    }
    pending_free(&vfs, id);
    return status;
}

status_t parked_console_write(struct event *event, uint64_t length) {
    struct tty_io_request request = {.length = length < TTY_INLINE ? length : TTY_INLINE};
    struct message message = {.data = &request, .size = sizeof request};
    uint32_t id;
    status_t status = lease_read(event->token, 0, 0, request.text, (size_t)request.length);
    if (status != OK) {
        return status;
    }
    status = pending_create(&vfs, PENDING_CONSOLE_WRITE, event->token, &id);
    if (status != OK) {
        return status;
    }
    pending_get(&vfs, id)->length = request.length;
    status = stage(id, "console", TTY_WRITE, &message);
    if (status != OK) {
        pending_free(&vfs, id);
        return status;
    }
    return DISPATCH_PARKED;
}

/* A line has come, without its newline; Ctrl-D (E_CLOSED) is the end of the file. */
static void console_read_reply(uint32_t id, const struct event *event) {
    struct pending *pending = pending_get(&vfs, id);
    struct tty_io_reply moved = {0};
    struct file_io_reply answer = {0};
    token_t token = pending->token;
    status_t status = event_status(event);
    if (status == OK) {
        status = event_data(event, &moved, sizeof moved);
    }
    if (status == OK && (moved.length > TTY_LINE_MAX || vfs.line_block != 0)) {
        status = E_PROTOCOL;
    }
    if (status == OK) {
        vfs.line_block = pending->block;
        vfs.line_start = 0;
        vfs.line_end = (uint32_t)moved.length + 1;
        ((char *)store_block(vfs.line_block))[moved.length] = '\n';
        status = line_take(token, pending->length, &answer);
    } else {
        store_free(&vfs.store, pending->block);
    }
    pending_free(&vfs, id);
    status = status == E_CLOSED ? OK : status;
    reply(token, status, &answer, status == OK ? sizeof answer : 0);
}

static void console_write_reply(uint32_t id, const struct event *event) {
    const struct pending *pending = pending_get(&vfs, id);
    struct tty_io_reply moved = {0};
    token_t token = pending->token;
    status_t status = event_status(event);
    if (status == OK) {
        status = event_data(event, &moved, sizeof moved);
    }
    uint64_t most = pending->length;
    struct file_io_reply answer = {moved.length < most ? moved.length : most};
    pending_free(&vfs, id);
    reply(token, status, &answer, status == OK ? sizeof answer : 0);
}

/* ---- Other file servers ---------------------------------------------------------------------- */

status_t parked_forward(struct event *event, handle_t server, const void *data, size_t size) {
    struct message message = {.data = data, .size = size};
    uint32_t id;
    status_t status = pending_create(&vfs, PENDING_FORWARD, event->token, &id);
    if (status != OK) {
        return status;
    }
    status = call_stage_message(server, event->label, &message, id, &pending_get(&vfs, id)->staged);
    if (status != OK) {
        pending_free(&vfs, id);
        return status;
    }
    return DISPATCH_PARKED;
}

static void forward_reply(uint32_t id, struct event *event) {
    struct handle_slot slots[MESSAGE_HANDLES];
    token_t token = pending_get(&vfs, id)->token;
    uint32_t count = event->handle_count;
    pending_free(&vfs, id);
    for (uint32_t i = 0; i < count; i++) {
        slots[i] = (struct handle_slot){event_take_handle(event, i), HANDLE_MOVE | RIGHT_ALL};
    }
    status_t status = reply_handles(token, event_status(event), event->words,
                                    (size_t)event->word_count * 8, slots, count);
    if (status != OK) {
        reply_status(token, status);
    }
}

/* ---- Events ---------------------------------------------------------------------------------- */

void parked_reply(struct event *event) {
    uint32_t id = pending_waiting(&vfs, event->token);
    if (id == 0) { /* its record was lost: nobody waits */
        return;
    }
    switch (pending_get(&vfs, id)->kind) {
    case PENDING_SERVICES:
        services_reply(id, event);
        break;
    case PENDING_CONSOLE_READ:
        console_read_reply(id, event);
        break;
    case PENDING_FORWARD:
        forward_reply(id, event);
        break;
    default:
        console_write_reply(id, event);
        break;
    }
}

/* The work goes on until its own call is answered, which is soon: that is asked back as well. */
void parked_cancel(struct event *event) {
    struct pending *pending = pending_find(&vfs, event->token);
    if (pending == NULL) {
        reply_status(event->token, E_CANCELLED);
        return;
    }
    pending->cancelled = 1;
    (void)call_cancel(pending->staged);
}
