/* SPDX-License-Identifier: MIT */
/* The client's side of the device protocol. */
#include <client/pci.h>

status_t pci_list(handle_t pci, uint64_t index, struct pci_entry *entry) {
    struct pci_list_request request = {.index = index};
    status_t status = call_words(pci, PCI_LIST, &request, sizeof request, entry, sizeof *entry);
    if (status >= 0) {
        entry->class_name[sizeof entry->class_name - 1] = '\0';
        entry->name[sizeof entry->name - 1] = '\0';
        entry->driver[sizeof entry->driver - 1] = '\0';
    }
    return status;
}
