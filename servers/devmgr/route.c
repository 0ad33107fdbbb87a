/* SPDX-License-Identifier: MIT
 * Routing of INTx pins on the boards whose wiring is known without ACPI's AML: PIIX3 and PIIX4
 * (82371SB §2.2.10, PIRQRC) and Q35 with ICH9 (ICH9 §10.1.45, device interrupt routes at their
 * reset values as QEMU's q35 leaves them). Elsewhere the firmware's interrupt line register is
 * believed. Devices that have MSI never come here.
 */
#include "pci.h"

enum { PIIX_PIRQ_ROUTE = 0x60 };
#define PIRQ_DISABLED 0x80u

/* Values of IRQ_LEVEL and IRQ_ACTIVE_LOW in ipc/machine.h, which is not for host builds. */
#define ROUTE_LEVEL 1u
#define ROUTE_ACTIVE_LOW 2u

#define PCI_DEVICE_NUMBER(address) ((address) >> 11 & 31u)
#define GSI_PIRQ_A 16u
#define GSI_PIRQ_E 20u
#define ICH9_FIRST_INTERNAL 25u /* devices of the ICH9 itself are wired to PIRQ A-D */

/* Follows the pin through the bridges to bus 0; each swaps it by the device number. */
static uint32_t swizzle(const struct pci_table *table, uint32_t index, uint32_t *device) {
    const struct pci_function *function = &table->functions[index];
    uint32_t pin = function->interrupt_pin - 1u;
    while (function->parent < index) { /* a bridge stands before what is behind it */
        pin = (pin + PCI_DEVICE_NUMBER(function->address)) % 4;
        index = function->parent;
        function = &table->functions[index];
    }
    *device = PCI_DEVICE_NUMBER(function->address);
    return pin;
}

static bool route_line(uint32_t line, uint32_t flags, struct pci_route *route) {
    if (line == 0 || line > 15) {
        return false;
    }
    *route = (struct pci_route){line, flags};
    return true;
}

bool pci_route_intx(const struct pci_table *table, const struct pci_config *config, uint32_t index,
                    struct pci_route *route) {
    const struct pci_function *function = &table->functions[index];
    if (function->interrupt_pin == 0 || function->interrupt_pin > 4) {
        return false;
    }
    uint32_t device;
    uint32_t pin = swizzle(table, index, &device);
    if (table->chipset == PCI_CHIPSET_Q35) {
        uint32_t gsi =
            device >= ICH9_FIRST_INTERNAL ? GSI_PIRQ_A + pin : GSI_PIRQ_E + (device + pin) % 4;
        *route = (struct pci_route){gsi, ROUTE_LEVEL};
        return true;
    }
    if (table->chipset == PCI_CHIPSET_PIIX) {
        uint32_t at = table->router | (PIIX_PIRQ_ROUTE + (device + pin + 3) % 4);
        uint32_t line = config->read(config->context, at, 1) & 0xff;
        if ((line & PIRQ_DISABLED) == 0 && route_line(line, ROUTE_LEVEL, route)) {
            return true;
        }
        return route_line(function->interrupt_line, ROUTE_LEVEL, route);
    }
    return route_line(function->interrupt_line, ROUTE_LEVEL | ROUTE_ACTIVE_LOW, route);
}
