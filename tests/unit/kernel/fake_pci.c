/* SPDX-License-Identifier: MIT
 * A pretended PCI bus: a few devices with a configuration space whose BARs answer as hardware's do,
 * and interrupt vectors.
 */
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/pci.h>
#include <string.h>

#include "fake_pci.h"

#define BAR(index) (0x10 + 4 * (index))

struct host_pci host_pci[HOST_PCI_DEVICES];

/* What stays of ones written to each BAR: the size. Of BAR 2 and 3, one of 64 bits, the low half.
 */
static const uint32_t bar_masks[6] = {~0x3fffu, ~0x3fu, ~0x1fffu, ~0u, ~0xffu, 0};
static const uint32_t bars[6] = {0xfe000000, 0xc001, 0x4004, 8, 0xfe100100, 0};

static void put(struct host_pci *device, uint32_t offset, unsigned width, uint32_t value) {
    memcpy(&device->config[offset], &value, width);
}

void host_pci_plug(unsigned index, uint32_t address, unsigned capabilities) {
    struct host_pci *device = &host_pci[index];
    *device = (struct host_pci){.address = address};
    put(device, 0, 4, 0x12345678);
    for (unsigned bar = 0; bar < 6; bar++) {
        put(device, BAR(bar), 4, bars[bar]);
    }
    if (capabilities != 0) { /* 0x40: power management, 0x50: MSI, 0x70: MSI-X */
        put(device, 0x06, 2, 0x10);
        put(device, 0x34, 1, 0x40);
        put(device, 0x40, 2, 0x5001);
        put(device, 0x50, 2, (capabilities & HOST_PCI_MSI) != 0 ? 0x7005 : 0x7009);
        put(device, 0x52, 2, (capabilities & HOST_PCI_MSI64) != 0 ? 0x80 : 0);
        put(device, 0x70, 2, (capabilities & HOST_PCI_MSIX) != 0 ? 0x0011 : 0x0009);
        put(device, 0x72, 2, 2);      /* three vectors */
        put(device, 0x74, 4, 0x1000); /* in BAR 0 */
    }
}

static struct host_pci *device_at(uint32_t address) {
    for (unsigned i = 0; i < HOST_PCI_DEVICES; i++) {
        if (address != 0 && host_pci[i].address == address) {
            return &host_pci[i];
        }
    }
    return NULL;
}

uint32_t pci_config_read(uint32_t address, uint32_t offset, unsigned width) {
    const struct host_pci *device = device_at(address);
    uint32_t value = 0;
    if (device == NULL) {
        return width == 4 ? ~0u : (1u << width * 8) - 1;
    }
    memcpy(&value, &device->config[offset], width);
    return value;
}

void pci_config_write(uint32_t address, uint32_t offset, unsigned width, uint32_t value) {
    struct host_pci *device = device_at(address);
    if (device != NULL && offset >= BAR(0) && offset < BAR(6)) {
        unsigned bar = (offset - BAR(0)) / 4;
        uint32_t kind = bar == 3 ? 0 : bars[bar] & 0xf;
        put(device, offset, width, (value & bar_masks[bar]) | kind);
    } else if (device != NULL) {
        put(device, offset, width, value);
    }
}

bool host_no_device_window;

volatile void *arch_map_device(phys_t address, size_t size) {
    static volatile uint32_t window[1024];
    (void)address;
    return host_no_device_window || size > sizeof(window) ? NULL : window;
}

/* ---- interrupts: lines from IRQ_VECTOR_FIRST on, then messages ---------------------------------
 */

#define LINES 32u
#define MESSAGES 16u

static bool vectors[IRQ_VECTOR_END];

void irq_isa_line(uint32_t isa, struct irq_line *line) {
    *line = (struct irq_line){isa, false, false};
}

status_t irq_route(const struct irq_line *line, uint32_t *vector) {
    *vector = IRQ_VECTOR_FIRST + line->gsi % LINES;
    if (vectors[*vector]) {
        return E_BUSY;
    }
    vectors[*vector] = true;
    return OK;
}

status_t irq_route_message(uint32_t *vector, uint64_t *address, uint32_t *data) {
    for (uint32_t at = IRQ_VECTOR_FIRST + LINES; at < IRQ_VECTOR_FIRST + LINES + MESSAGES; at++) {
        if (!vectors[at]) {
            vectors[at] = true;
            *vector = at;
            *address = 0xfee00000;
            *data = at;
            return OK;
        }
    }
    return E_NO_SPACE;
}

void irq_release(uint32_t vector) {
    vectors[vector] = false;
}

void irq_mask(uint32_t vector, bool masked) {
    (void)vector, (void)masked;
}

uint32_t irq_gsi(uint32_t vector) {
    return vector < IRQ_VECTOR_FIRST + LINES ? vector - IRQ_VECTOR_FIRST : ~0u;
}
