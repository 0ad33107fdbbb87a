/* SPDX-License-Identifier: MIT
 * Tasks of processes.
 */
#pragma once
#include <ipc/event.h>

#include "state.h"

/* Makes a process of a RUN request and starts it. E_INVALID, E_BUSY, E_QUOTA, E_UNAVAILABLE (there
 * is no personality). */
status_t run_start(struct event *event, const struct proc_run_request *request,
                   struct process **process);
/* A new session for the process to call us on. */
status_t process_session(const struct process *process, handle_t *session);
/* The task is the process's from now on, and its faults are ours to know. */
status_t process_adopt(struct process *process, handle_t task);
