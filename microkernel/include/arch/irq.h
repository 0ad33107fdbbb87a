/* SPDX-License-Identifier: MIT
 * Device interrupts: a vector names a line (IO-APIC or MSI). Kernel lock held for all.
 *
 * On an interrupt the architecture masks the line if it is level-triggered, acknowledges it at the
 * APIC, then calls irq_handle(vector); the driver's acknowledgement ends in irq_mask
 * (vector, false).
 */
#pragma once

#include <arch/types.h>

#define IRQ_VECTOR_FIRST 0x30u
#define IRQ_VECTOR_END 0xf0u /* first beyond */

/* GSI, trigger and polarity of an ISA interrupt (0-15), with the MADT's overrides. */
struct irq_line {
    uint32_t gsi;
    bool level, active_low;
};
void irq_isa_line(uint32_t isa, struct irq_line *line);

/* Gives the line a vector; masked. E_BUSY: in use. E_NOT_FOUND: no such GSI. E_NO_SPACE: vectors.
 */
MUST_CHECK status_t irq_route(const struct irq_line *line, uint32_t *vector);

/* A vector for a message-signalled interrupt and what to write into the capability. E_NO_SPACE. */
MUST_CHECK status_t irq_route_message(uint32_t *vector, uint64_t *address, uint32_t *data);

/* Masks the line and gives the vector back. */
void irq_release(uint32_t vector);

/* No effect on message-signalled vectors: their mask is in the device. */
void irq_mask(uint32_t vector, bool masked);

/* GSI of a vector, ~0 for a message-signalled one. */
uint32_t irq_gsi(uint32_t vector);
