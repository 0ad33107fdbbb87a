/* SPDX-License-Identifier: MIT
 * Objects that stand for hardware: interrupts, port ranges, PCI devices, and the system object.
 */
#pragma once

#include "memory.h"
#include "notification.h"

struct irq {
    struct object object;
    uint32_t vector; /* of the interrupt controller; see arch/irq.h */
    uint64_t count;
    struct notification *notification;
    uint64_t bits;
    struct device *device; /* holds a reference */
};

#define IOPORT_KEPT 64
struct ioport {
    struct object object;
    uint16_t base, count;
    bool log;            /* the kernel's log goes there until the first write */
    uint8_t kept_length; /* bytes read in this turn */
    uint8_t kept_next;   /* of them already given again after a reset */
    uint8_t kept[IOPORT_KEPT];
    struct list kept_link; /* in the task's list of ports with kept bytes */
};

struct device {
    struct object object;
    struct list all_link;
    uint32_t address;                /* PCI_ADDRESS */
    uint8_t msi_offset, msix_offset; /* of the capabilities, 0: none */
    volatile void *msix_table;
    uint32_t name;           /* for the IOMMU: requester id, from bit 16 on its domain */
    struct arch_space space; /* what it reaches behind an IOMMU; made with its first memory */
};

/* flags: bit 0: number is an ISA interrupt, else a GSI with bit 1: level, bit 2: active low.
 * E_INVALID, E_NOT_FOUND, E_BUSY, E_NO_SPACE, E_QUOTA. */
MUST_CHECK status_t irq_create(struct account *account, uint64_t number, uint64_t flags,
                               struct irq **out);
MUST_CHECK status_t irq_create_message(struct account *account, struct irq **out, uint64_t *address,
                                       uint32_t *data);
/* No more interrupts until the next IRQ_BIND. */
void irq_quiesce(struct irq *irq);
MUST_CHECK status_t irq_describe(uint32_t index, struct irq_info *out);

MUST_CHECK status_t ioport_create(struct account *account, uint32_t base, uint32_t count,
                                  struct ioport **out);
void ioport_write(struct ioport *ioport, uint32_t offset, uint32_t width, uint32_t value);
void ioport_commit(struct ioport *ioport);
void ioport_rollback(struct ioport *ioport);

/* place: PCI_ADDRESS; from bit 24 on the requester id, its own or that of a bridge before it; from
 * bit 40 on the domain, another for each device, not 0. E_NOT_FOUND, E_BUSY, E_QUOTA. */
MUST_CHECK status_t device_create(struct account *account, uint64_t place, struct device **out);
/* Interrupts masked, bus mastering off. */
void device_quiesce(struct device *device);
/* Before the frames of DMA memory are freed. */
void device_dma_end(const struct memory *memory);
