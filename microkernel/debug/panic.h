/* SPDX-License-Identifier: MIT
 * What a panic needs of the architecture, and gives to it.
 */
#pragma once

#include <arch/types.h>

extern volatile bool panicking; /* some CPU is in panic_begin or beyond; the others halt */

/* False before this CPU's struct cpu can be used. */
bool arch_cpu_usable(void);

/* Halts every other CPU, by NMI. */
void arch_stop_others(void);

/* Prints this CPU's registers: those that calls preserve, and the control registers. */
void arch_dump_registers(void);

/* Whether a word at `address` may be read when following frame pointers. */
bool arch_stack_readable(uint64_t address);

/* For the architecture's own dumps: begin, print…, backtrace, end. */
void panic_begin(void);
void panic_print(const char *text, ...) __attribute__((format(printf, 1, 2)));
void panic_print_current(void);
void panic_backtrace(uint64_t ip, uint64_t frame);
__attribute__((noreturn)) void panic_end(void);
