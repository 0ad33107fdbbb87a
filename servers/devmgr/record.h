/* SPDX-License-Identifier: MIT
 * Who owns which device, as records. What the devices are is read from them again.
 */
#pragma once

#include <ipc/records.h>

#include "pci.h"

void pci_export(const struct pci_table *table, struct records_writer *records);
/* Into a table that was just enumerated. */
void pci_import(struct pci_table *table, struct records_reader *records);
/* What is wrong with the table; NULL: nothing. */
const char *pci_check(const struct pci_table *table);
