/* SPDX-License-Identifier: MIT */
/* Stubs of the terminal protocol. */
#include <client/tty.h>

#include <common/format.h>
#include <common/string.h>

/* Writes a piece of at most TTY_WRITE_MAX bytes; short ones travel in the message. */
static status_t write_piece(handle_t tty, const void *text, size_t length, size_t *moved) {
    struct tty_io_request request;
    struct tty_io_reply reply;
    request.length = length;
    struct lease lease = lease_in(text, length);
    struct message message = {.data = &request, .size = sizeof request.length};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    if (length <= TTY_INLINE) {
        memcpy(request.text, text, length);
        message.size += length;
    } else {
        message.leases = &lease;
        message.lease_count = 1;
    }
    status_t status = call(tty, TTY_WRITE, &message, &answer);
    if (status < 0) {
        return status;
    }
    if (reply.length == 0 || reply.length > length) {
        return E_PROTOCOL;
    }
    *moved = reply.length;
    return OK;
}

status_t tty_write(handle_t tty, const void *text, size_t length) {
    const char *at = text;
    while (length != 0) {
        size_t moved;
        status_t status =
            write_piece(tty, at, length < TTY_WRITE_MAX ? length : TTY_WRITE_MAX, &moved);
        if (status < 0) {
            return status;
        }
        at += moved;
        length -= moved;
    }
    return OK;
}

status_t tty_print_v(handle_t tty, const char *text, va_list arguments) {
    char buffer[1024];
    size_t length = format_v(buffer, sizeof buffer, text, arguments);
    return tty_write(tty, buffer, length < sizeof buffer ? length : sizeof buffer - 1);
}

status_t tty_print(handle_t tty, const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    status_t status = tty_print_v(tty, text, arguments);
    va_end(arguments);
    return status;
}

static status_t read_call(handle_t tty, uint32_t operation, const struct tty_read_request *request,
                          struct lease lease, size_t *length) {
    struct tty_io_reply reply;
    struct message message = {
        .data = request, .size = sizeof *request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(tty, operation, &message, &answer);
    if (status < 0) {
        return status;
    }
    if (reply.length > lease.length) {
        return E_PROTOCOL;
    }
    *length = reply.length;
    return OK;
}

status_t tty_read_line(handle_t tty, const char *prompt, uint64_t flags, char *buffer, size_t size,
                       size_t *length) {
    struct tty_read_request request = {.flags = flags};
    if (size == 0) {
        return E_INVALID;
    }
    strlcpy(request.prompt, prompt, sizeof request.prompt);
    status_t status = read_call(tty, TTY_READ_LINE, &request, lease_out(buffer, size - 1), length);
    if (status >= 0) {
        buffer[*length] = '\0';
    }
    return status;
}

status_t tty_read(handle_t tty, uint64_t flags, void *buffer, size_t size, size_t *length) {
    struct tty_read_request request = {.flags = flags};
    return read_call(tty, TTY_READ, &request, lease_out(buffer, size), length);
}

status_t tty_size(handle_t tty, struct tty_size *size) {
    return call_words(tty, TTY_SIZE, NULL, 0, size, sizeof *size);
}

status_t tty_history(handle_t tty, uint64_t index, struct tty_history_reply *line) {
    struct tty_history_request request = {.index = index};
    status_t status = call_words(tty, TTY_HISTORY, &request, sizeof request, line, sizeof *line);
    if (status >= 0) {
        line->line[sizeof line->line - 1] = '\0';
    }
    return status;
}

status_t tty_poll_interrupt(handle_t tty, uint64_t *count) {
    struct tty_interrupts reply;
    status_t status = call_words(tty, TTY_POLL_INTERRUPT, NULL, 0, &reply, sizeof reply);
    if (status >= 0) {
        *count = reply.count;
    }
    return status;
}

status_t tty_wait_interrupt(handle_t tty) {
    return call_words(tty, TTY_WAIT_INTERRUPT, NULL, 0, NULL, 0);
}

status_t tty_clear(handle_t tty) {
    return call_words(tty, TTY_CLEAR, NULL, 0, NULL, 0);
}
