/* SPDX-License-Identifier: MIT
 * PCI configuration space (PCI 3.0 3.2.2.3, PCI Express 7.2.2).
 */
#include <arch/paging.h>
#include <arch/pci.h>
#include <arch/port.h>

#include "acpi.h"

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA 0xcfcu
#define CONFIG_ENABLE 0x80000000u

static volatile uint8_t *ecam;
static bool ecam_tried;

/* The function's 4 KiB of configuration space, NULL if only the ports reach it. */
static volatile uint8_t *ecam_function(uint32_t address) {
    uint32_t bus = address >> 16 & 0xff;
    if (!ecam_tried) {
        ecam_tried = true;
        uint64_t buses = (uint64_t)acpi.ecam_bus_last - acpi.ecam_bus_first + 1;
        if (acpi.ecam != 0) { /* the base is that of bus 0, whatever the first bus is */
            ecam = arch_map_device(acpi.ecam + ((uint64_t)acpi.ecam_bus_first << 20), buses << 20);
        }
    }
    if (ecam == NULL || bus < acpi.ecam_bus_first || bus > acpi.ecam_bus_last) {
        return NULL;
    }
    return ecam + ((address - ((uint32_t)acpi.ecam_bus_first << 16)) << 4 & 0xffff000u);
}

static uint16_t port_select(uint32_t address, uint32_t offset) {
    port_out32(CONFIG_ADDRESS, CONFIG_ENABLE | (address & 0xffff00u) | (offset & 0xfcu));
    return (uint16_t)(CONFIG_DATA + (offset & 3u));
}

uint32_t pci_config_read(uint32_t address, uint32_t offset, unsigned width) {
    volatile uint8_t *function = ecam_function(address);
    if (offset >= (function != NULL ? 4096u : 256u)) {
        return ~0u;
    }
    if (function != NULL) {
        function += offset;
        return width == 1   ? *function
               : width == 2 ? *(volatile uint16_t *)function
                            : *(volatile uint32_t *)function;
    }
    uint16_t port = port_select(address, offset);
    return width == 1 ? port_in8(port) : width == 2 ? port_in16(port) : port_in32(port);
}

void pci_config_write(uint32_t address, uint32_t offset, unsigned width, uint32_t value) {
    volatile uint8_t *function = ecam_function(address);
    if (offset >= (function != NULL ? 4096u : 256u)) {
        return;
    }
    if (function != NULL) {
        function += offset;
        if (width == 1) {
            *function = (uint8_t)value;
        } else if (width == 2) {
            *(volatile uint16_t *)function = (uint16_t)value;
        } else {
            *(volatile uint32_t *)function = value;
        }
        return;
    }
    uint16_t port = port_select(address, offset);
    if (width == 1) {
        port_out8(port, (uint8_t)value);
    } else if (width == 2) {
        port_out16(port, (uint16_t)value);
    } else {
        port_out32(port, value);
    }
}
