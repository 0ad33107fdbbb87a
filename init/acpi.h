/* SPDX-License-Identifier: MIT */
/*
 * As much of ACPI (specification 6.4) as switching the machine off and resetting it need: RSDP,
 * XSDT or RSDT, FADT, and the \_S5_ package found by scanning the DSDT's bytes. Pure: tables are
 * read by a callback.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <axolotl/abi.h>

/* Reads `size` bytes of physical memory; a status. */
typedef status_t acpi_read(void *context, uint64_t physical, void *to, size_t size);

struct acpi_power {
    uint32_t smi_command;                /* port; 0: ACPI mode is always on */
    uint8_t enable;                      /* written there to switch ACPI mode on */
    uint32_t pm1a_control, pm1b_control; /* ports; pm1b 0: none */
    uint16_t sleep_a, sleep_b;           /* SLP_TYP for S5, in place (bits 10-12) */
    uint16_t reset_port;                 /* 0: none */
    uint8_t reset_value;                 /* written there to reset the machine */
};
#define ACPI_SLEEP_ENABLE 0x2000u /* SLP_EN */
#define ACPI_SCI_ENABLED 0x0001u

/* rsdp: the 36-byte (or 20-byte, revision 0) root pointer. E_NOT_FOUND: a table or \_S5_ is not
 * there; E_CHECKSUM; E_UNSUPPORTED: hardware-reduced, or PM1 control is no I/O port. The reset port
 * is found whenever the FADT is. */
status_t acpi_find_power(acpi_read *read, void *context, const void *rsdp, size_t rsdp_size,
                         struct acpi_power *power);

/* Looks for \_S5_ in AML; sets the two sleep types. */
bool acpi_scan_s5(const uint8_t *aml, size_t size, uint8_t *type_a, uint8_t *type_b);
