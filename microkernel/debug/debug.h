/* SPDX-License-Identifier: MIT
 * Kernel log, assertions, panic.
 */
#pragma once

#include <arch/types.h>
#include <stdarg.h>

/* Appends one line (time stamp and newline are added) to the log ring; early in boot, and always
 * with "verbose" on the command line, also printed on COM1. */
void kernel_log(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* Makes blanks of control characters, so that a program's text can't look like other lines. */
void log_clean(char *text, size_t length);

/* What the boot loader told: one line, with "verbose" also one for each range of RAM. */
struct boot_info;
void log_boot(const struct boot_info *info);

/* Raw bytes into the ring, nothing added; for LOG_WRITE. */
void log_append(const char *bytes, size_t size);

/* Copies out of the ring from position *position on (moved up to the oldest byte kept); returns the
 * number of bytes. Positions count all bytes ever written. */
size_t log_read(uint64_t *position, char *to, size_t size);
uint64_t log_head(void);

/* From now on the log goes to COM1 only if `on`: the kernel gives the UART to its driver. */
void log_console(bool on);

/* Stops all CPUs; prints text, registers, backtrace and current task on COM1 and the screen. */
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *text, ...);

/* Name of the kernel function that contains `address` and the offset in it; NULL: none. */
const char *symbol_lookup(uint64_t address, uint64_t *offset);

#define ASSERT(condition)                                                                          \
    ((condition) ? (void)0 : panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))

/* Compiled always, executed in debug builds (-DDEBUG_CHECKS=1). */
#define DEBUG_ASSERT(condition)                                                                    \
    ((!DEBUG_CHECKS || (condition))                                                                \
         ? (void)0                                                                                 \
         : panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))
