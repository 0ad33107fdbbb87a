/* SPDX-License-Identifier: MIT
 * Device protocol. Served by the device manager. Root badge bits 0-15: client number, for which
 * the manager's arguments say what it may claim.
 */
#pragma once
#include <axolotl/abi.h>

#define PCI_PROTOCOL_VERSION 1

#define PCI_PROTOCOL(OP)                                                                           \
    OP(1, LIST, list, struct pci_list_request, struct pci_entry)                                   \
    OP(2, CLAIM, claim, struct pci_claim_request, struct pci_claim_reply)

enum pci_operation { PCI_LIST = 1, PCI_CLAIM };

struct pci_list_request {
    uint64_t index; /* E_NOT_FOUND past the end */
};

struct pci_entry {
    uint32_t address; /* PCI_ADDRESS(bus, device, function, 0) */
    uint16_t vendor, device;
    uint8_t class_code, subclass, interface, revision;
    uint8_t header_type, interrupt_line, interrupt_pin;
    uint8_t confined;     /* 1: an IOMMU lets it reach its driver's memory only */
    uint64_t bar[6];      /* addresses; bit 0: I/O space */
    uint64_t bar_size[6]; /* bytes; known for claimed BARs only, else 0 */
    char class_name[32];
    char name[64];
    char driver[24]; /* who claimed it, empty: nobody */
};

/* The first device that matches and that the caller may have. Answer: 3 handles: device
 * (MANAGE, no COPY), BAR 0 memory, IRQ. A claim after a restart gets the same device again. */
#define PCI_MATCH_MAX 8
struct pci_claim_request {
    uint32_t count;
    uint32_t bar;
    uint32_t matches[PCI_MATCH_MAX]; /* vendor << 16 | device */
    char driver[24];                 /* shown in pci_entry.driver */
};

struct pci_claim_reply {
    struct pci_entry entry;
    uint64_t irq_kind; /* 0 INTx, 1 MSI, 2 MSI-X */
};
