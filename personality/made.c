/* SPDX-License-Identifier: MIT
 * Files whose text is made when they are opened, and given as a stream. /etc/resolv.conf, when no
 * one has written it, is one: what net knows then. procfs.c has the others.
 */
#include "made.h"

#include <common/format.h>
#include <common/ip.h>
#include <common/string.h>
#include <ipc/handle.h>

#include "file.h"
#include "socket.h"

/* ---- streams of text ---- */

int64_t text_begin(struct text *text) {
    struct proc_flags plain = {0};
    struct message message = {.data = &plain, .size = sizeof plain};
    struct answer ends = {.data = NULL};
    status_t status = call_server(NULL, process.proc, PROC_PIPE, &message, &ends, false);
    if (status != OK) {
        return status == E_NO_SPACE ? -EMFILE : error_of(status);
    }
    text->from = ends.handles[0].handle;
    text->to = ends.handles[1].handle;
    text->length = text->total = 0;
    return 0;
}

static void flush(struct text *text) {
    struct proc_io_request request = {.length = text->length, .pid = process.pid};
    struct proc_io_reply reply;
    struct lease lease = {(uintptr_t)text->bytes, request.length, LEASE_READ, 0};
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    if (text->length != 0) {
        (void)call_server(NULL, text->to, PROC_WRITE, &message, &answer, false);
    }
    text->length = 0;
}

void text_bytes(struct text *text, const char *bytes, size_t length) {
    if (length > sizeof text->bytes || length > PROC_PIPE_SIZE - text->total) {
        return;
    }
    if (length > sizeof text->bytes - text->length) {
        flush(text);
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->total += length;
}

void text_add(struct text *text, const char *words, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, words);
    size_t length = format_v(line, sizeof line, words, arguments);
    va_end(arguments);
    text_bytes(text, line, length < sizeof line ? length : sizeof line - 1);
}

int64_t text_end(struct text *text, uint32_t flags) {
    flush(text);
    handle_close(text->to);
    struct descriptor descriptor = {.handle = text->from,
                                    .kind = DESCRIPTOR_STREAM,
                                    .made = true,
                                    .close_on_exec = (flags & O_CLOEXEC) != 0};
    return descriptor_add(&descriptor, 0);
}

/* ---- /etc/resolv.conf ---- */

bool made_is(const char *path) {
    return process.net != HANDLE_NONE && strcmp(path, "/etc/resolv.conf") == 0;
}

/* The name servers are of the whole stack: each interface tells them. */
int64_t made_open(uint32_t flags) {
    struct net_index_request request = {0};
    struct net_interface interface;
    struct text text;
    int64_t result = text_begin(&text);
    if (result != 0) {
        return result;
    }
    status_t status = call_simple(process.net, NET_INTERFACE, &request, sizeof request, &interface,
                                  sizeof interface);
    for (uint32_t i = 0; status == OK && i < NET_INTERFACE_DNS; i++) {
        char address[IP_TEXT];
        if (!ip_is_any(interface.dns[i].bytes)) {
            text_add(&text, "nameserver %s\n", ip_format(address, interface.dns[i].bytes));
        }
    }
    return text_end(&text, flags);
}
