/* SPDX-License-Identifier: MIT
 * Names of PCI classes and of devices that are met often. Constant tables.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* At most 31 characters; the name of the class when the subclass has none. Static. */
const char *pci_class_name(uint8_t class_code, uint8_t subclass);

/* "Vendor device" as far as known; "vvvv:dddd" when neither is. */
void pci_device_name(uint16_t vendor, uint16_t device, char *name, size_t size);
