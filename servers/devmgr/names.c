/* SPDX-License-Identifier: MIT
 * Class codes: PCI Code and ID Assignment Specification. Devices: those of QEMU, Bochs and common
 * boards.
 */
#include "names.h"

#include <common/format.h>

#define ANY 0xffu /* the class as a whole; last of its class */

static const struct {
    uint8_t class_code, subclass;
    const char *name;
} class_names[] = {
    {0x00, 0x00, "unclassified device"},
    {0x00, 0x01, "VGA-compatible device"},
    {0x00, ANY, "unclassified device"},
    {0x01, 0x00, "SCSI controller"},
    {0x01, 0x01, "IDE controller"},
    {0x01, 0x02, "floppy controller"},
    {0x01, 0x04, "RAID controller"},
    {0x01, 0x05, "ATA controller"},
    {0x01, 0x06, "SATA controller"},
    {0x01, 0x07, "SAS controller"},
    {0x01, 0x08, "NVMe controller"},
    {0x01, ANY, "storage controller"},
    {0x02, 0x00, "Ethernet controller"},
    {0x02, 0x80, "network controller"},
    {0x02, ANY, "network controller"},
    {0x03, 0x00, "VGA controller"},
    {0x03, 0x02, "3D controller"},
    {0x03, ANY, "display controller"},
    {0x04, 0x00, "video device"},
    {0x04, 0x01, "audio device"},
    {0x04, 0x03, "HD audio device"},
    {0x04, ANY, "multimedia device"},
    {0x05, 0x00, "RAM"},
    {0x05, 0x02, "CXL memory"},
    {0x05, ANY, "memory controller"},
    {0x06, 0x00, "host bridge"},
    {0x06, 0x01, "ISA bridge"},
    {0x06, 0x04, "PCI bridge"},
    {0x06, 0x07, "CardBus bridge"},
    {0x06, ANY, "bridge"},
    {0x07, 0x00, "serial controller"},
    {0x07, 0x01, "parallel controller"},
    {0x07, 0x80, "communication controller"},
    {0x07, ANY, "communication controller"},
    {0x08, 0x00, "interrupt controller"},
    {0x08, 0x05, "SD host controller"},
    {0x08, 0x06, "IOMMU"},
    {0x08, ANY, "system peripheral"},
    {0x09, ANY, "input device"},
    {0x0a, ANY, "docking station"},
    {0x0b, ANY, "processor"},
    {0x0c, 0x03, "USB controller"},
    {0x0c, 0x05, "SMBus controller"},
    {0x0c, ANY, "serial bus controller"},
    {0x0d, ANY, "wireless controller"},
    {0x0f, ANY, "satellite controller"},
    {0x10, ANY, "encryption controller"},
    {0x11, ANY, "signal processor"},
    {0x12, ANY, "accelerator"},
};

static const struct {
    uint16_t vendor;
    const char *name;
} vendor_names[] = {
    {0x1000, "LSI"},          {0x1002, "AMD"},     {0x100b, "National"},
    {0x1013, "Cirrus Logic"}, {0x1022, "AMD"},     {0x106b, "Apple"},
    {0x10de, "NVIDIA"},       {0x10ec, "Realtek"}, {0x1106, "VIA"},
    {0x1234, "QEMU"},         {0x1274, "Ensoniq"}, {0x144d, "Samsung"},
    {0x14e4, "Broadcom"},     {0x15ad, "VMware"},  {0x168c, "Atheros"},
    {0x1af4, "virtio"},       {0x1b21, "ASMedia"}, {0x1b36, "QEMU"},
    {0x1b73, "Fresco Logic"}, {0x5853, "Xen"},     {0x8086, "Intel"},
    {0x80ee, "VirtualBox"},
};

static const struct {
    uint16_t vendor, device;
    const char *name;
} device_names[] = {
    {0x1013, 0x00b8, "GD 5446"},
    {0x1022, 0x2000, "PCnet"},
    {0x10ec, 0x8029, "RTL8029"},
    {0x10ec, 0x8139, "RTL8139"},
    {0x10ec, 0x8168, "RTL8168 gigabit Ethernet"},
    {0x1234, 0x1111, "standard VGA"},
    {0x1274, 0x5000, "ES1370"},
    {0x15ad, 0x0405, "SVGA II"},
    {0x15ad, 0x07b0, "VMXNET3"},
    {0x1af4, 0x1000, "network (transitional)"},
    {0x1af4, 0x1001, "block (transitional)"},
    {0x1af4, 0x1002, "balloon (transitional)"},
    {0x1af4, 0x1003, "console (transitional)"},
    {0x1af4, 0x1004, "SCSI (transitional)"},
    {0x1af4, 0x1005, "entropy (transitional)"},
    {0x1af4, 0x1041, "network"},
    {0x1af4, 0x1042, "block"},
    {0x1af4, 0x1043, "console"},
    {0x1af4, 0x1044, "entropy"},
    {0x1af4, 0x1045, "balloon"},
    {0x1af4, 0x1048, "SCSI"},
    {0x1af4, 0x1050, "GPU"},
    {0x1af4, 0x1052, "input"},
    {0x1b36, 0x0001, "PCI bridge"},
    {0x1b36, 0x0008, "PCIe host bridge"},
    {0x1b36, 0x000b, "PCIe expander bridge"},
    {0x1b36, 0x000c, "PCIe root port"},
    {0x1b36, 0x000d, "XHCI"},
    {0x1b36, 0x000e, "PCIe-to-PCI bridge"},
    {0x1b36, 0x0010, "NVMe"},
    {0x1b36, 0x0100, "QXL"},
    {0x8086, 0x100e, "82540EM gigabit Ethernet"},
    {0x8086, 0x100f, "82545EM gigabit Ethernet"},
    {0x8086, 0x10c9, "82576 gigabit Ethernet"},
    {0x8086, 0x10d3, "82574L gigabit Ethernet"},
    {0x8086, 0x1209, "82551 Ethernet"},
    {0x8086, 0x1229, "82557 Ethernet"},
    {0x8086, 0x1237, "440FX host bridge"},
    {0x8086, 0x153a, "I217-LM gigabit Ethernet"},
    {0x8086, 0x244e, "82801 PCI bridge"},
    {0x8086, 0x2668, "ICH6 HD audio"},
    {0x8086, 0x2918, "ICH9 LPC bridge"},
    {0x8086, 0x2922, "ICH9 AHCI"},
    {0x8086, 0x2930, "ICH9 SMBus"},
    {0x8086, 0x2934, "ICH9 UHCI"},
    {0x8086, 0x293a, "ICH9 EHCI"},
    {0x8086, 0x293e, "ICH9 HD audio"},
    {0x8086, 0x29c0, "Q35 host bridge"},
    {0x8086, 0x7000, "PIIX3 ISA bridge"},
    {0x8086, 0x7010, "PIIX3 IDE"},
    {0x8086, 0x7020, "PIIX3 USB"},
    {0x8086, 0x7110, "PIIX4 ISA bridge"},
    {0x8086, 0x7111, "PIIX4 IDE"},
    {0x8086, 0x7113, "PIIX4 power management"},
    {0x80ee, 0xbeef, "graphics"},
    {0x80ee, 0xcafe, "guest service"},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const char *pci_class_name(uint8_t class_code, uint8_t subclass) {
    for (size_t i = 0; i < COUNT(class_names); i++) {
        if (class_names[i].class_code == class_code &&
            (class_names[i].subclass == subclass || class_names[i].subclass == ANY)) {
            return class_names[i].name;
        }
    }
    return "unknown class";
}

static const char *vendor_name(uint16_t vendor) {
    for (size_t i = 0; i < COUNT(vendor_names); i++) {
        if (vendor_names[i].vendor == vendor) {
            return vendor_names[i].name;
        }
    }
    return NULL;
}

void pci_device_name(uint16_t vendor, uint16_t device, char *name, size_t size) {
    const char *maker = vendor_name(vendor);
    for (size_t i = 0; i < COUNT(device_names); i++) {
        if (device_names[i].vendor == vendor && device_names[i].device == device) {
            format(name, size, "%s %s", maker != NULL ? maker : "", device_names[i].name);
            return;
        }
    }
    if (maker != NULL) {
        format(name, size, "%s device %04x", maker, device);
    } else {
        format(name, size, "%04x:%04x", vendor, device);
    }
}
