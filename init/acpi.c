/* SPDX-License-Identifier: MIT */
/* ACPI tables for power off and reset. Offsets: ACPI 6.4, sections 5.2.5 (RSDP), 5.2.6
 * (header), 5.2.9 (FADT). */
#include "acpi.h"

#include <common/string.h>

enum {
    HEADER = 36, /* of every table; length at 4, checksum over all */
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_XSDT = 24,
    FADT_DSDT = 40,
    FADT_SMI_COMMAND = 48,
    FADT_ENABLE = 52,
    FADT_PM1A_CONTROL = 64,
    FADT_PM1B_CONTROL = 68,
    FADT_FLAGS = 112,
    FADT_RESET = 116, /* address space, bits, …; the address at 4 */
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_PM1A = 172,
    FADT_READ = 244,
    RESET_SUPPORTED = 1 << 10,
    HARDWARE_REDUCED = 1 << 20,
    CHUNK = 1024,
    TABLES_MAX = 64,
    TABLE_MAX = 1 << 20,
};

static uint32_t get32(const uint8_t *bytes, size_t offset) {
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static uint64_t get64(const uint8_t *bytes, size_t offset) {
    uint64_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

/* Package length encoding (20.2.4): bytes used, 0 when cut off. */
static size_t package_length_size(const uint8_t *aml, size_t size) {
    return size == 0 ? 0 : (size_t)(aml[0] >> 6) + 1;
}

/* A constant of one byte, 0 or 1 (20.2.3); moves *at behind it. */
static bool take_byte(const uint8_t *aml, size_t size, size_t *at, uint8_t *value) {
    if (*at >= size) {
        return false;
    }
    uint8_t code = aml[(*at)++];
    if (code == 0x00 || code == 0x01) {
        *value = code;
        return true;
    }
    if (code != 0x0a || *at >= size) {
        return false;
    }
    *value = aml[(*at)++];
    return true;
}

/* NameOp [\] "_S5_" PackageOp PkgLength NumElements byte byte ... */
bool acpi_scan_s5(const uint8_t *aml, size_t size, uint8_t *type_a, uint8_t *type_b) {
    for (size_t i = 1; i + 5 < size; i++) {
        if (memcmp(aml + i, "_S5_", 4) != 0 || aml[i + 4] != 0x12 ||
            (aml[i - 1] != 0x08 && (aml[i - 1] != '\\' || i < 2 || aml[i - 2] != 0x08))) {
            continue;
        }
        size_t at = i + 5;
        at += package_length_size(aml + at, size - at);
        at++; /* number of elements */
        uint8_t a, b;
        if (take_byte(aml, size, &at, &a) && take_byte(aml, size, &at, &b)) {
            *type_a = a & 7;
            *type_b = b & 7;
            return true;
        }
    }
    return false;
}

struct reader {
    acpi_read *read;
    void *context;
};

static status_t read_bytes(const struct reader *reader, uint64_t physical, void *to, size_t size) {
    return reader->read(reader->context, physical, to, size);
}

/* Reads a table's header and checks the whole for its checksum. */
static status_t open_table(const struct reader *reader, uint64_t physical, uint8_t *header,
                           uint32_t *length) {
    status_t status = read_bytes(reader, physical, header, HEADER);
    if (status != OK) {
        return status;
    }
    uint32_t size = get32(header, 4);
    if (size < HEADER || size > TABLE_MAX) {
        return E_FORMAT;
    }
    uint8_t sum = 0, chunk[CHUNK];
    for (uint32_t at = 0; at < size; at += CHUNK) {
        uint32_t part = size - at < CHUNK ? size - at : CHUNK;
        status = read_bytes(reader, physical + at, chunk, part);
        if (status != OK) {
            return status;
        }
        for (uint32_t i = 0; i < part; i++) {
            sum = (uint8_t)(sum + chunk[i]);
        }
    }
    *length = size;
    return sum == 0 ? OK : E_CHECKSUM;
}

/* Goes through the root table for the one with this signature. */
static status_t find_table(const struct reader *reader, uint64_t root, size_t entry_size,
                           const char *signature, uint64_t *physical) {
    uint8_t header[HEADER];
    uint32_t length;
    status_t status = open_table(reader, root, header, &length);
    if (status != OK) {
        return status;
    }
    size_t count = (length - HEADER) / entry_size;
    for (size_t i = 0; i < count && i < TABLES_MAX; i++) {
        uint64_t entry = 0;
        char name[4];
        if (read_bytes(reader, root + HEADER + i * entry_size, &entry, entry_size) == OK &&
            read_bytes(reader, entry, name, sizeof name) == OK &&
            memcmp(name, signature, sizeof name) == 0) {
            *physical = entry;
            return OK;
        }
    }
    return E_NOT_FOUND;
}

/* Scans the DSDT in overlapping pieces. */
static status_t scan_dsdt(const struct reader *reader, uint64_t physical,
                          struct acpi_power *power) {
    uint8_t header[HEADER], chunk[CHUNK], a, b;
    uint32_t length;
    status_t status = open_table(reader, physical, header, &length);
    if (status != OK) {
        return status;
    }
    for (uint32_t at = HEADER; at < length; at += CHUNK / 2) {
        uint32_t part = length - at < CHUNK ? length - at : CHUNK;
        status = read_bytes(reader, physical + at, chunk, part);
        if (status != OK) {
            return status;
        }
        if (acpi_scan_s5(chunk, part, &a, &b)) {
            power->sleep_a = (uint16_t)(a << 10);
            power->sleep_b = (uint16_t)(b << 10);
            return OK;
        }
    }
    return E_NOT_FOUND;
}

static status_t read_fadt(const struct reader *reader, uint64_t physical,
                          struct acpi_power *power) {
    uint8_t header[HEADER], fadt[FADT_READ] = {0};
    uint32_t length;
    status_t status = open_table(reader, physical, header, &length);
    if (status != OK) {
        return status;
    }
    status = read_bytes(reader, physical, fadt, length < FADT_READ ? length : FADT_READ);
    if (status != OK) {
        return status;
    }
    if ((get32(fadt, FADT_FLAGS) & RESET_SUPPORTED) != 0 && fadt[FADT_RESET] == 1) { /* I/O */
        power->reset_port = (uint16_t)get64(fadt, FADT_RESET + 4);
        power->reset_value = fadt[FADT_RESET_VALUE];
    }
    power->smi_command = get32(fadt, FADT_SMI_COMMAND);
    power->enable = fadt[FADT_ENABLE];
    power->pm1a_control = get32(fadt, FADT_PM1A_CONTROL);
    power->pm1b_control = get32(fadt, FADT_PM1B_CONTROL);
    if (power->pm1a_control == 0 && fadt[FADT_X_PM1A] == 1) { /* address space: I/O */
        power->pm1a_control = (uint32_t)get64(fadt, FADT_X_PM1A + 4);
    }
    if ((get32(fadt, FADT_FLAGS) & HARDWARE_REDUCED) != 0 || power->pm1a_control == 0 ||
        power->pm1a_control > 0xfffe) {
        return E_UNSUPPORTED;
    }
    uint64_t dsdt = get64(fadt, FADT_X_DSDT);
    return scan_dsdt(reader, dsdt != 0 ? dsdt : get32(fadt, FADT_DSDT), power);
}

status_t acpi_find_power(acpi_read *read, void *context, const void *rsdp, size_t rsdp_size,
                         struct acpi_power *power) {
    const uint8_t *root = rsdp;
    struct reader reader = {read, context};
    if (rsdp_size < 36 || memcmp(root, "RSD PTR ", 8) != 0) {
        return E_NOT_FOUND;
    }
    uint64_t xsdt = root[RSDP_REVISION] >= 2 ? get64(root, RSDP_XSDT) : 0;
    uint64_t fadt;
    status_t status = xsdt != 0 ? find_table(&reader, xsdt, 8, "FACP", &fadt)
                                : find_table(&reader, get32(root, RSDP_RSDT), 4, "FACP", &fadt);
    return status != OK ? status : read_fadt(&reader, fadt, power);
}
