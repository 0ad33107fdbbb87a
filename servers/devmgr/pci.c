/* SPDX-License-Identifier: MIT
 * Enumeration of PCI functions (PCI Local Bus Specification 3.0 §6.1-6.2; PCI-to-PCI Bridge
 * Architecture Specification 1.2 §3.2).
 */
#include "pci.h"

#include <common/string.h>

#include "names.h"

enum {
    CONFIG_ID = 0x00,
    CONFIG_CLASS = 0x08,
    CONFIG_HEADER_TYPE = 0x0e,
    CONFIG_BAR = 0x10,
    CONFIG_SECONDARY_BUS = 0x19,
    CONFIG_INTERRUPT = 0x3c,
    CONFIG_CAPABILITIES = 0x34,
    CONFIG_STATUS = 0x06,
};

#define STATUS_CAPABILITIES 0x10u
#define CAPABILITY_EXPRESS 0x10u
#define EXPRESS_TO_PCI 7u /* PCI Express Base 4.0, 7.5.3.2: device/port type */
#define EXPRESS_NONE 16u
#define EXPRESS_FROM_PCI 8u

#define HEADER_MULTIFUNCTION 0x80u
#define HEADER_TYPE_MASK 0x7fu
#define HEADER_DEVICE 0u
#define HEADER_BRIDGE 1u

#define BAR_IO 1u
#define BAR_TYPE_MASK 6u
#define BAR_TYPE_64 4u

#define ID(vendor, device) ((uint32_t)(device) << 16 | (vendor))
#define ID_Q35 ID(0x8086, 0x29c0)
#define ID_PIIX3 ID(0x8086, 0x7000)
#define ID_PIIX4 ID(0x8086, 0x7110)

struct scan {
    struct pci_table *table;
    const struct pci_config *config;
    uint64_t visited[4]; /* one bit for each bus */
};

static uint32_t config_read(const struct pci_config *config, uint32_t address, uint32_t offset,
                            uint32_t width) {
    return config->read(config->context, address | offset, width);
}

static void read_bars(const struct pci_config *config, struct pci_function *function) {
    uint32_t count = function->header_type == HEADER_DEVICE   ? 6
                     : function->header_type == HEADER_BRIDGE ? 2
                                                              : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t low = config_read(config, function->address, CONFIG_BAR + i * 4, 4);
        if ((low & BAR_IO) != 0) {
            function->bar[i] = low & ~2u;
            continue;
        }
        function->bar[i] = low & ~15u;
        if ((low & BAR_TYPE_MASK) == BAR_TYPE_64 && i + 1 < count) {
            uint64_t high = config_read(config, function->address, CONFIG_BAR + i * 4 + 4, 4);
            function->bar[i] |= high << 32;
            i++;
        }
    }
}

/* Device/port type of the PCI Express capability. */
static uint32_t express_type(const struct pci_config *config, uint32_t address) {
    if ((config_read(config, address, CONFIG_STATUS, 2) & STATUS_CAPABILITIES) == 0) {
        return EXPRESS_NONE;
    }
    uint32_t at = config_read(config, address, CONFIG_CAPABILITIES, 1) & 0xfc;
    for (uint32_t i = 0; at >= 0x40 && i < 48; i++) {
        uint32_t header = config_read(config, address, at, 4);
        if ((header & 0xff) == CAPABILITY_EXPRESS) {
            return header >> 20 & 15;
        }
        at = header >> 8 & 0xfc;
    }
    return EXPRESS_NONE;
}

/* A bridge to conventional PCI takes the accesses behind it for its own (PCI Express to PCI/PCI-X
 * Bridge 1.0, 2.3): as function 0 of its bus if it comes from PCI Express, else as itself. */
static uint32_t find_requester(const struct pci_table *table, const struct pci_config *config,
                               const struct pci_function *function) {
    uint32_t requester = function->address >> 8;
    uint32_t parent = function->parent, bus = function->address >> 16;
    while (parent != PCI_NO_PARENT) {
        const struct pci_function *bridge = &table->functions[parent];
        uint32_t type = express_type(config, bridge->address);
        if (type == EXPRESS_TO_PCI) {
            requester = bus << 8;
        } else if (type == EXPRESS_NONE || type == EXPRESS_FROM_PCI) {
            requester = bridge->address >> 8;
        }
        bus = bridge->address >> 16;
        parent = bridge->parent;
    }
    return requester;
}

static void note_chipset(struct pci_table *table, uint32_t id, uint32_t address) {
    if (id == ID_Q35 && address == 0) {
        table->chipset = PCI_CHIPSET_Q35;
    } else if (id == ID_PIIX3 || id == ID_PIIX4) {
        table->chipset = PCI_CHIPSET_PIIX;
        table->router = address;
    }
}

/* False: there is no such function. */
static bool scan_function(struct scan *scan, uint32_t address, uint32_t parent) {
    struct pci_table *table = scan->table;
    uint32_t id = config_read(scan->config, address, CONFIG_ID, 4);
    if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0) {
        return false;
    }
    note_chipset(table, id, address);
    if (table->count == PCI_FUNCTIONS) {
        table->dropped++;
        return true;
    }
    struct pci_function *function = &table->functions[table->count++];
    uint32_t class_code = config_read(scan->config, address, CONFIG_CLASS, 4);
    uint32_t interrupt = config_read(scan->config, address, CONFIG_INTERRUPT, 2);
    memset(function, 0, sizeof *function);
    function->address = address;
    function->parent = parent;
    function->owner = PCI_NO_OWNER;
    function->vendor = (uint16_t)id;
    function->device = (uint16_t)(id >> 16);
    function->class_code = (uint8_t)(class_code >> 24);
    function->subclass = (uint8_t)(class_code >> 16);
    function->interface = (uint8_t)(class_code >> 8);
    function->revision = (uint8_t)class_code;
    function->header_type =
        (uint8_t)(config_read(scan->config, address, CONFIG_HEADER_TYPE, 1) & HEADER_TYPE_MASK);
    function->interrupt_line = (uint8_t)interrupt;
    function->interrupt_pin = (uint8_t)(interrupt >> 8);
    read_bars(scan->config, function);
    function->requester = find_requester(table, scan->config, function);
    return true;
}

static void scan_bus(struct scan *scan, uint32_t bus, uint32_t parent) {
    scan->visited[bus / 64] |= 1ull << bus % 64;
    for (uint32_t device = 0; device < 32; device++) {
        uint32_t address = PCI_ADDRESS(bus, device, 0, 0);
        if (!scan_function(scan, address, parent)) {
            continue;
        }
        uint32_t header = config_read(scan->config, address, CONFIG_HEADER_TYPE, 1);
        for (uint32_t i = 1; (header & HEADER_MULTIFUNCTION) != 0 && i < 8; i++) {
            (void)scan_function(scan, PCI_ADDRESS(bus, device, i, 0), parent);
        }
    }
}

void pci_enumerate(struct pci_table *table, const struct pci_config *config) {
    struct scan scan = {.table = table, .config = config};
    memset(table, 0, sizeof *table);
    scan_bus(&scan, 0, PCI_NO_PARENT);
    for (uint32_t i = 0; i < table->count; i++) { /* grows while bridges are followed */
        const struct pci_function *function = &table->functions[i];
        if (function->header_type != HEADER_BRIDGE) {
            continue;
        }
        uint32_t bus = config_read(config, function->address, CONFIG_SECONDARY_BUS, 1) & 0xff;
        if ((scan.visited[bus / 64] >> bus % 64 & 1) == 0) {
            scan_bus(&scan, bus, i);
        }
    }
    pci_seal(table);
}

void pci_describe(const struct pci_function *function, struct pci_entry *entry) {
    memset(entry, 0, sizeof *entry);
    entry->address = function->address;
    entry->vendor = function->vendor;
    entry->device = function->device;
    entry->class_code = function->class_code;
    entry->subclass = function->subclass;
    entry->interface = function->interface;
    entry->revision = function->revision;
    entry->header_type = function->header_type;
    entry->interrupt_line = function->interrupt_line;
    entry->interrupt_pin = function->interrupt_pin;
    memcpy(entry->bar, function->bar, sizeof entry->bar);
    memcpy(entry->bar_size, function->bar_size, sizeof entry->bar_size);
    strlcpy(entry->class_name, pci_class_name(function->class_code, function->subclass),
            sizeof entry->class_name);
    pci_device_name(function->vendor, function->device, entry->name, sizeof entry->name);
    strlcpy(entry->driver, function->driver, sizeof entry->driver);
}
