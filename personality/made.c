/* SPDX-License-Identifier: MIT
 * /etc/resolv.conf, when no one has written it: its text is made when it is opened, from what net
 * knows then, and given as a stream.
 */
#include <common/format.h>
#include <common/ip.h>
#include <common/string.h>
#include <ipc/handle.h>

#include "file.h"
#include "socket.h"

#define TEXT_SIZE 512u

/* The name servers are of the whole stack: each interface tells them. */
static void make_resolv(char text[TEXT_SIZE]) {
    struct net_index_request request = {0};
    struct net_interface interface;
    size_t length = 0;
    text[0] = 0;
    if (call_simple(process.net, NET_INTERFACE, &request, sizeof request, &interface,
                    sizeof interface) != OK) {
        return;
    }
    for (uint32_t i = 0; i < NET_INTERFACE_DNS; i++) {
        char address[IP_TEXT];
        if (!ip_is_any(interface.dns[i].bytes)) {
            format(text + length, TEXT_SIZE - length, "nameserver %s\n",
                   ip_format(address, interface.dns[i].bytes));
            length = strlen(text);
        }
    }
}

/* A stream that holds the text and nothing after it. */
static int64_t open_text(const char *text, uint32_t flags) {
    struct proc_flags plain = {0};
    struct message ask = {.data = &plain, .size = sizeof plain};
    struct answer ends = {.data = NULL};
    status_t status = call_server(NULL, process.proc, PROC_PIPE, &ask, &ends, false);
    if (status != OK) {
        return status == E_NO_SPACE ? -EMFILE : error_of(status);
    }
    struct proc_io_request request = {.length = strlen(text), .pid = process.pid};
    struct proc_io_reply reply;
    struct lease lease = {(uintptr_t)text, request.length, LEASE_READ, 0};
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    (void)call_server(NULL, ends.handles[1].handle, PROC_WRITE, &message, &answer, false);
    handle_close(ends.handles[1].handle);
    struct descriptor descriptor = {.handle = ends.handles[0].handle,
                                    .kind = DESCRIPTOR_STREAM,
                                    .close_on_exec = (flags & O_CLOEXEC) != 0};
    return descriptor_add(&descriptor, 0);
}

bool made_is(const char *path) {
    return process.net != HANDLE_NONE && strcmp(path, "/etc/resolv.conf") == 0;
}

int64_t made_open(uint32_t flags) {
    char text[TEXT_SIZE];
    make_resolv(text);
    return open_text(text, flags);
}
