/* SPDX-License-Identifier: MIT
 * C functions that entry.asm calls, and what they need of other files.
 */
#pragma once

#include "machine.h"

void exception_user(uint32_t vector, uint64_t error, uint64_t address);
void exception_kernel(struct exception_frame *frame, uint64_t address);
void exception_paranoid(struct exception_frame *frame, uint64_t address);
void interrupt_dispatch(uint32_t vector);

/* Panic with the registers of the frame. */
__attribute__((noreturn)) void panic_exception(const struct exception_frame *frame,
                                               uint64_t address);
