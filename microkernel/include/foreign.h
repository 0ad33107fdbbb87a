/* SPDX-License-Identifier: MIT
 * Foreign threads: system calls, faults and interrupts of program code re-enter ring 3 at the
 * thread's upcall entry, with the program's registers in its upcall page.
 */
#pragma once

#include "task.h"

/* A fault of user code: an upcall for a foreign thread's program code, else a fault message. */
void foreign_fault(struct thread *thread, uint64_t vector, uint64_t error, uint64_t address);
/* Loads the registers of the upcall page. E_STATE, E_FAULT. */
status_t foreign_return(struct thread *thread);
/* A sticky interrupt, if it may be delivered now. */
void foreign_interrupt(struct thread *thread);
