/* SPDX-License-Identifier: MIT
 * Export, import and invariants of the table of devices.
 */
#include "record.h"

#include <common/string.h>

enum { RECORD_OWNER = 1 };

struct record_owner {
    uint32_t address, owner;
    uint32_t vendor_device;
    char driver[28];
};

static uint32_t identity(const struct pci_function *function) {
    return (uint32_t)function->vendor << 16 | function->device;
}

void pci_export(const struct pci_table *table, struct records_writer *records) {
    for (uint32_t i = 0; i < table->count && i < PCI_FUNCTIONS; i++) {
        const struct pci_function *function = &table->functions[i];
        struct record_owner record = {function->address, function->owner, identity(function), ""};
        strlcpy(record.driver, function->driver, sizeof record.driver);
        if (function->owner != PCI_NO_OWNER) {
            record_put(records, RECORD_OWNER, 1, &record, sizeof record);
        }
    }
}

static void import_owner(struct pci_table *table, const struct record_owner *from) {
    for (uint32_t i = 0; i < table->count; i++) {
        struct pci_function *function = &table->functions[i];
        if (function->address == from->address && identity(function) == from->vendor_device &&
            from->owner <= UINT16_MAX && record_text(from->driver, sizeof from->driver)) {
            function->owner = from->owner;
            strlcpy(function->driver, from->driver, sizeof function->driver);
        }
    }
}

void pci_import(struct pci_table *table, struct records_reader *records) {
    struct record record;
    struct record_owner from;
    while (record_next(records, &record)) {
        if (record.tag == RECORD_OWNER) {
            record_copy(&record, &from, sizeof from);
            import_owner(table, &from);
        }
    }
    pci_seal(table);
}

static uint64_t sum(const struct pci_table *table) {
    return records_checksum(table->functions, table->count * sizeof table->functions[0]);
}

void pci_seal(struct pci_table *table) {
    table->sum = sum(table);
}

const char *pci_check(const struct pci_table *table) {
    if (table->count > PCI_FUNCTIONS || table->chipset > PCI_CHIPSET_Q35) {
        return "the table's numbers are wrong";
    }
    if (table->sum != sum(table)) {
        return "a device has changed";
    }
    for (uint32_t i = 0; i < table->count; i++) {
        const struct pci_function *function = &table->functions[i];
        if ((function->parent != PCI_NO_PARENT && function->parent >= i) ||
            (function->owner != PCI_NO_OWNER && function->owner > UINT16_MAX) ||
            !record_text(function->driver, sizeof function->driver)) {
            return "a damaged device";
        }
    }
    return NULL;
}
