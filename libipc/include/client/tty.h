/* SPDX-License-Identifier: MIT */
/* Terminal protocol (proto/tty.h) for programs that may block. */
#pragma once

#include <stdarg.h>

#include <ipc/message.h>
#include <proto/tty.h>

/* Writes all `length` bytes. */
status_t tty_write(handle_t tty, const void *text, size_t length);

/* printf to the terminal; at most 1,023 bytes. */
status_t tty_print(handle_t tty, const char *text, ...) __attribute__((format(printf, 2, 3)));
status_t tty_print_v(handle_t tty, const char *text, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Shows `prompt` (at most 255 bytes) and reads an edited line into buffer, which then ends in NUL;
 * *length is without it. flags TTY_READ_*. E_INTR: Ctrl-C. E_CLOSED: Ctrl-D on an empty line. */
status_t tty_read_line(handle_t tty, const char *prompt, uint64_t flags, char *buffer, size_t size,
                       size_t *length);

/* Raw bytes as they are typed; waits for at least one. */
status_t tty_read(handle_t tty, uint64_t flags, void *buffer, size_t size, size_t *length);

status_t tty_size(handle_t tty, struct tty_size *size);
status_t tty_history(handle_t tty, uint64_t index, struct tty_history_reply *line);

/* Number of Ctrl-C typed on this terminal since boot. */
status_t tty_poll_interrupt(handle_t tty, uint64_t *count);

/* Waits for a Ctrl-C that is typed while no line is read. */
status_t tty_wait_interrupt(handle_t tty);
status_t tty_clear(handle_t tty);
