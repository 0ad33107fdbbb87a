/* SPDX-License-Identifier: MIT
 * ACPI 6.5, chapter 5. Each table's length and checksum are verified before its content is used;
 * fields are copied out, since tables need not be aligned.
 */
#include "acpi.h"

#include <common/string.h>

#define HEADER_SIZE 36u
#define TABLE_LIMIT (16u << 20)

enum { MADT_LOCAL = 0, MADT_IO = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };

static uint32_t read32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t read64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static bool checksum_ok(const uint8_t *bytes, size_t size) {
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

/* A whole, valid table; NULL otherwise. */
static const uint8_t *table_at(phys_t address, uint32_t *size) {
    const uint8_t *header = acpi_memory(address, HEADER_SIZE);
    if (header == NULL) {
        return NULL;
    }
    *size = read32(header + 4);
    if (*size < HEADER_SIZE || *size > TABLE_LIMIT) {
        return NULL;
    }
    const uint8_t *table = acpi_memory(address, *size);
    return table != NULL && checksum_ok(table, *size) ? table : NULL;
}

static void processor_add(struct acpi_info *info, uint32_t apic_id, uint32_t flags) {
    if ((flags & 1) != 0 && info->cpu_count < CPU_MAX) {
        info->apic_ids[info->cpu_count++] = apic_id;
    }
}

static void madt_entry(struct acpi_info *info, const uint8_t *entry, uint8_t size) {
    static const uint8_t least[] = {
        [MADT_LOCAL] = 8, [MADT_IO] = 12, [MADT_OVERRIDE] = 10, [MADT_X2APIC] = 16};
    if (entry[0] >= sizeof(least) || size < least[entry[0]]) {
        return;
    }
    switch (entry[0]) {
    case MADT_LOCAL:
        processor_add(info, entry[3], read32(entry + 4));
        break;
    case MADT_X2APIC:
        processor_add(info, read32(entry + 4), read32(entry + 8));
        break;
    case MADT_IO:
        if (info->io_apic_count < ACPI_IO_APICS) {
            info->io_apics[info->io_apic_count++] =
                (struct acpi_io_apic){read32(entry + 4), read32(entry + 8)};
        }
        break;
    case MADT_OVERRIDE: /* MPS INTI flags: polarity in bits 0-1, trigger in 2-3; 0: as on ISA */
        if (entry[3] < ISA_LINES) {
            info->isa[entry[3]] =
                (struct irq_line){read32(entry + 4), (entry[8] >> 2 & 3) == 3, (entry[8] & 3) == 3};
        }
        break;
    default:
        break;
    }
}

static void madt_read(struct acpi_info *info, const uint8_t *table, uint32_t size) {
    if (size < 44) {
        return;
    }
    info->madt = true;
    for (uint32_t at = 44; at + 2 <= size;) {
        uint8_t length = table[at + 1];
        if (length < 2 || length > size - at) {
            return;
        }
        madt_entry(info, table + at, length);
        at += length;
    }
}

static void table_read(struct acpi_info *info, phys_t address) {
    uint32_t size;
    const uint8_t *table = table_at(address, &size);
    if (table == NULL) {
        return;
    }
    if (memcmp(table, "APIC", 4) == 0) {
        madt_read(info, table, size);
    } else if (memcmp(table, "FACP", 4) == 0 && size >= 92 && table[91] == 4) { /* PM_TMR_LEN */
        info->pm_timer_port = (uint16_t)read32(table + 76);
    } else if (memcmp(table, "HPET", 4) == 0 && size >= 52 && table[40] == 0) {
        info->hpet = read64(table + 44);
    } else if (memcmp(table, "MCFG", 4) == 0) {
        for (uint32_t at = 44; at + 16 <= size; at += 16) {
            const uint8_t *entry = table + at;
            if ((read32(entry + 8) & 0xffff) == 0) {
                info->ecam = read64(entry);
                info->ecam_size = (entry[11] + 1ull) << 20;
                break;
            }
        }
    }
}

void acpi_parse(struct acpi_info *info, const uint8_t rsdp[40]) {
    for (uint32_t i = 0; i < ISA_LINES; i++) {
        info->isa[i].gsi = i;
    }
    if (memcmp(rsdp, "RSD PTR ", 8) != 0 || !checksum_ok(rsdp, 20)) {
        return;
    }
    bool extended = rsdp[15] >= 2 && checksum_ok(rsdp, 36) && read64(rsdp + 24) != 0;
    phys_t root = extended ? read64(rsdp + 24) : read32(rsdp + 16);
    uint32_t entry_size = extended ? 8 : 4;
    uint32_t size;
    const uint8_t *table = table_at(root, &size);
    if (table == NULL || memcmp(table, extended ? "XSDT" : "RSDT", 4) != 0) {
        return;
    }
    info->root = root;
    for (uint32_t at = HEADER_SIZE; at + entry_size <= size; at += entry_size) {
        table_read(info, extended ? read64(table + at) : read32(table + at));
    }
}
