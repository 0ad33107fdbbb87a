/* SPDX-License-Identifier: MIT
 * Fast paths of CALL and COMMIT_RECEIVE. False: nothing was done, use the general code.
 */
#pragma once

#include "task.h"

bool fast_call(struct thread *thread);
bool fast_commit_receive(struct thread *thread);
