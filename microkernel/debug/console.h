/* SPDX-License-Identifier: MIT
 * The kernel's own output: COM1 by polling, and the screen for a panic.
 */
#pragma once

#include <arch/types.h>

/* Programs COM1 to 115200 8N1 and finds out whether there is one. */
void console_init(void);

/* Waits for room, for a bounded time; "\n" becomes "\r\n". */
void console_serial(const char *text, size_t size);

/* Clears the screen that the boot loader left; later text goes from the top down. */
void console_screen_start(void);
void console_screen(const char *text, size_t size);
