/* SPDX-License-Identifier: MIT */
/* The kernel log, through the startup handle "log". Without that handle nothing happens. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* One line, without its newline; longer than 256 bytes is cut. The kernel adds time and task name.
 * Written at once, also from a turn that is rolled back later. */
void log_line(const char *text, ...) __attribute__((format(printf, 1, 2)));
void log_line_v(const char *text, va_list arguments) __attribute__((format(printf, 1, 0)));
