/* SPDX-License-Identifier: MIT
 * Devices on the pretended PCI bus. Every one has these BARs: 0: 16 KiB of memory, 1: 64 ports,
 * 2 and 3: 8 KiB above 4 GiB, 4: 256 bytes that share their page, 5: none.
 */
#pragma once

#include <arch/types.h>

#define HOST_PCI_DEVICES 3

struct host_pci {
    uint32_t address; /* 0: there is none */
    uint8_t config[256];
};
extern struct host_pci host_pci[HOST_PCI_DEVICES];

#define HOST_PCI_OTHER 1u /* a capability that the kernel has no use for */
#define HOST_PCI_MSI 2u
#define HOST_PCI_MSI64 4u
#define HOST_PCI_MSIX 8u
/* A fresh device at an address; 0: none. */
void host_pci_plug(unsigned index, uint32_t address, unsigned capabilities);

/* arch_map_device finds no room. */
extern bool host_no_device_window;
