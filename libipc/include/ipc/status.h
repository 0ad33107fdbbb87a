/* SPDX-License-Identifier: MIT */
/* Texts for statuses; the list itself is abi/axolotl/status.def. */
#pragma once

#include <axolotl/abi.h>

/* A phrase for the user, such as "not found"; "unknown status" for a number that is none. Static.
 */
const char *status_text(status_t status);
