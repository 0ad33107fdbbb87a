/* SPDX-License-Identifier: MIT
 * A terminal as records: screen and scrollback, the line being typed, history, input, who waits.
 */
#pragma once

#include <ipc/records.h>

#include "terminal.h"

/* Tags from 1 to 15 are for the terminals; the server's own begin here. */
#define CONSOLE_RECORD 16u

void terminal_export(const struct terminal *terminal, uint32_t number,
                     struct records_writer *records);
/* Into terminals that terminal_init has made; what is unsound is left as it is. */
void terminals_import(struct terminal *terminals, uint32_t count, struct records_reader *records);
/* What is wrong with it; NULL: nothing. */
const char *terminal_check(const struct terminal *terminal);
