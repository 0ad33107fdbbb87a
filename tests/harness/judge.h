/* SPDX-License-Identifier: MIT
 * For programs that judge from inside the machine: TAP on the kernel log, and what init knows.
 */
#pragma once
#include <stdbool.h>

#include <proto/init.h>

/* Whether it is as wanted; if not, it is logged and the next result is "not ok". */
bool expect(int64_t got, int64_t wanted, const char *what);

/* The next line of the plan: whether all was as wanted since the one before. */
void result(const char *text);

/* init's description of a service; zeros: there is none of that name. */
struct init_info_reply service_info(handle_t init, const char *name);
