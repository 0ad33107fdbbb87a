/* SPDX-License-Identifier: MIT
 * Several CPUs: start, the kernel lock, and interrupts between CPUs.
 *
 * The entry code takes the lock and the exit code releases it; C code runs with it held and never
 * touches it. A CPU that waits for the lock answers TLB shootdowns. With one CPU there is no lock.
 */
#pragma once

#include <arch/cpu.h>

/* Makes another CPU enter the kernel and call reschedule_interrupt() there. */
void arch_send_reschedule(uint32_t cpu);

/*
 * Takes the thread that runs on another CPU out of user mode: on return its registers are saved in
 * its context and that CPU is in the kernel, waiting for the lock. The caller then sets
 * cpu->arch.resched_forced, so that the other CPU drops whatever made it enter (but not a device
 * interrupt) and calls schedule_forced().
 */
void arch_stop_cpu(uint32_t cpu);
