/* SPDX-License-Identifier: MIT */
/* Lines for the kernel log. */
#include <ipc/log.h>

#include <common/format.h>

#include <ipc/startup.h>
#include <ipc/syscall.h>

enum { LOG_LINE_MAX = 256 };

void log_line_v(const char *text, va_list arguments) {
    char line[LOG_LINE_MAX + 1];
    size_t length = format_v(line, sizeof line, text, arguments);
    handle_t log = startup_handle("log");
    if (log != HANDLE_NONE) {
        syscall_4(SYS_LOG_WRITE, log, (uintptr_t)line,
                  length < LOG_LINE_MAX ? length : LOG_LINE_MAX, 0);
    }
}

void log_line(const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    log_line_v(text, arguments);
    va_end(arguments);
}
