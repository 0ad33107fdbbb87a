/* SPDX-License-Identifier: MIT
 * The PCI functions of the machine: found once through bridges, then a table in the arena.
 * Free of IPC: configuration space is reached through a function pointer, so it runs on the host.
 */
#pragma once

#include <stdbool.h>

#include <axolotl/abi.h>
#include <proto/pci.h>

#ifndef PCI_FUNCTIONS
#define PCI_FUNCTIONS 96
#endif
#define PCI_NO_PARENT UINT32_MAX
#define PCI_NO_OWNER UINT32_MAX

/* Reads configuration space; address is PCI_ADDRESS(), width 1, 2 or 4. All ones: nothing there. */
struct pci_config {
    uint32_t (*read)(void *context, uint32_t address, uint32_t width);
    void *context;
};

struct pci_function {
    uint32_t address;   /* PCI_ADDRESS(bus, device, function, 0) */
    uint32_t parent;    /* index of the bridge to its bus, PCI_NO_PARENT on bus 0 */
    uint32_t owner;     /* client number, PCI_NO_OWNER: nobody */
    uint32_t requester; /* whose accesses the IOMMU takes its own for: bus << 8 | devfn */
    uint16_t vendor, device;
    uint8_t class_code, subclass, interface, revision;
    uint8_t header_type; /* without the multifunction bit */
    uint8_t interrupt_line, interrupt_pin;
    uint64_t bar[6]; /* addresses; bit 0: I/O space */
    uint64_t bar_size[6];
    char driver[24];
};

/* How INTx pins reach the interrupt controller. */
enum pci_chipset { PCI_CHIPSET_UNKNOWN = 0, PCI_CHIPSET_PIIX, PCI_CHIPSET_Q35 };

struct pci_table {
    uint32_t count;
    uint32_t dropped; /* functions beyond PCI_FUNCTIONS */
    uint32_t chipset; /* enum pci_chipset */
    uint32_t router;  /* address of the PIIX ISA bridge */
    uint64_t sum;     /* of the functions, see pci_seal */
    struct pci_function functions[PCI_FUNCTIONS];
};

/* Fills the table from bus 0 down through every bridge. Loops of bridges are entered once. */
void pci_enumerate(struct pci_table *table, const struct pci_config *config);

/* After every change: what is there is right. */
void pci_seal(struct pci_table *table);

struct pci_route {
    uint32_t gsi;
    uint32_t flags; /* IRQ_LEVEL, IRQ_ACTIVE_LOW */
};

/* The line that the function's INTx pin drives. False: it has no pin, or nothing is known. */
bool pci_route_intx(const struct pci_table *table, const struct pci_config *config, uint32_t index,
                    struct pci_route *route);

/* What LIST and CLAIM answer. */
void pci_describe(const struct pci_function *function, struct pci_entry *entry);
