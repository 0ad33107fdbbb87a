/* SPDX-License-Identifier: MIT
 * What must hold between any two entries into the kernel: every count, charge and queue is worked
 * out anew from all that can be reached, and compared with what the kernel keeps.
 */
#pragma once

#include <task.h>

/* Checks everything; the first thing that is wrong ends the program, with its name. `held` are the
 * references of the test itself. */
void oracle_check(struct object *const *held, unsigned count);
