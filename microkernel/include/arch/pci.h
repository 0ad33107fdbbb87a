/* SPDX-License-Identifier: MIT
 * PCI configuration space, by ports 0xcf8 and 0xcfc: the first 256 bytes, which are all that system
 * calls reach. `address` is PCI_ADDRESS(bus, device, function, 0). Kernel lock held.
 */
#pragma once

#include <arch/types.h>

/* width 1, 2 or 4; offset a multiple of width, below 256. Absent device: all ones. */
uint32_t pci_config_read(uint32_t address, uint32_t offset, unsigned width);
void pci_config_write(uint32_t address, uint32_t offset, unsigned width, uint32_t value);
