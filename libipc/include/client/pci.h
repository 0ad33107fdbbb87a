/* SPDX-License-Identifier: MIT */
/* Device protocol (proto/pci.h) for programs that may block. Drivers are actors: they stage
 * PCI_CLAIM with call_stage. */
#pragma once

#include <ipc/message.h>
#include <proto/pci.h>

/* The index-th device; E_NOT_FOUND past the end. */
status_t pci_list(handle_t pci, uint64_t index, struct pci_entry *entry);
