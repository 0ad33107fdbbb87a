/* SPDX-License-Identifier: MIT */
/* Control protocol of init (proto/init.h) for programs that may block. All but init_info need an
 * operator's session (E_RIGHTS). E_NOT_FOUND: no such service. */
#pragma once

#include <ipc/message.h>
#include <proto/init.h>

/* The index-th service; E_NOT_FOUND past the end. */
status_t init_info(handle_t init, uint64_t index, struct init_info_reply *information);

/* Stops the service where it stands; it is started again at once. */
status_t init_kill(handle_t init, const char *name);

/* The same, but counted as an ordered restart; also starts a service that has stopped,
 * or that the manifest leaves to an operator to start. */
status_t init_restart(handle_t init, const char *name);

/* Lets the ELF file in the first `length` bytes of `program` (copied; needs RIGHT_COPY) serve in
 * place of the present program: proto/init.h. *answer is filled also with E_UNAVAILABLE. */
status_t init_swap(handle_t init, const char *name, handle_t program, uint64_t length,
                   struct init_program_reply *answer);
status_t init_upgrade(handle_t init, const char *name, handle_t program, uint64_t length,
                      struct init_program_reply *answer);

/* INIT_POWER_OFF or INIT_POWER_REBOOT; returns only on an error. */
status_t init_power(handle_t init, uint64_t action);
