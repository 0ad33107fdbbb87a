/* SPDX-License-Identifier: MIT
 * PCI configuration space (PCI 3.0 3.2.2.3).
 */
#include <arch/pci.h>
#include <arch/port.h>

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA 0xcfcu
#define CONFIG_ENABLE 0x80000000u

static uint16_t config_select(uint32_t address, uint32_t offset) {
    port_write(CONFIG_ADDRESS, 4, CONFIG_ENABLE | (address & 0xffff00u) | (offset & 0xfcu));
    return (uint16_t)(CONFIG_DATA + (offset & 3u));
}

uint32_t pci_config_read(uint32_t address, uint32_t offset, unsigned width) {
    return port_read(config_select(address, offset), width);
}

void pci_config_write(uint32_t address, uint32_t offset, unsigned width, uint32_t value) {
    port_write(config_select(address, offset), width, value);
}
