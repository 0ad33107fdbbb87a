/* SPDX-License-Identifier: MIT
 * PCI devices (PCI Local Bus Specification 3.0, chapter 6). The kernel owns bus mastering, BARs and
 * interrupt messages; the driver may read all and write the rest of the configuration space.
 */
#include <arch/iommu.h>
#include <arch/pci.h>
#include <syscall.h>

enum {
    PCI_VENDOR = 0x00,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_BAR0 = 0x10,
    PCI_CAPABILITIES = 0x34,
    COMMAND_IO = 1,
    COMMAND_MEMORY = 2,
    COMMAND_MASTER = 4,
    COMMAND_NO_INTX = 0x400,
    STATUS_CAPABILITIES = 0x10,
    CAPABILITY_MSI = 0x05,
    CAPABILITY_MSIX = 0x11,
    MSI_ENABLE = 1,
    MSI_VECTORS = 0x70, /* how many are in use: 2 to this power */
    MSI_64BIT = 0x80,
    MSIX_ENABLE = 0x8000,
    MSIX_MASK_ALL = 0x4000,
};

static struct list device_all = LIST_INIT(device_all);

static uint32_t read(const struct device *device, uint32_t offset, unsigned width) {
    return pci_config_read(device->address, offset, width);
}

static void write(const struct device *device, uint32_t offset, unsigned width, uint32_t value) {
    pci_config_write(device->address, offset, width, value);
}

/* Changes bits of the 16-bit register at `offset`. */
static void change(const struct device *device, uint32_t offset, uint32_t clear, uint32_t set) {
    write(device, offset, 2, (read(device, offset, 2) & ~clear) | set);
}

static void find_capabilities(struct device *device) {
    if ((read(device, PCI_STATUS, 2) & STATUS_CAPABILITIES) == 0) {
        return;
    }
    uint32_t at = read(device, PCI_CAPABILITIES, 1) & 0xfc;
    for (unsigned i = 0; at >= 0x40 && i < 48; i++) {
        uint32_t header = read(device, at, 2);
        if ((header & 0xff) == CAPABILITY_MSI) {
            device->msi_offset = (uint8_t)at;
        } else if ((header & 0xff) == CAPABILITY_MSIX) {
            device->msix_offset = (uint8_t)at;
        }
        at = header >> 8 & 0xfc;
    }
}

status_t device_create(struct account *account, uint64_t place, struct device **out) {
    uint32_t address = place & 0xffffff;
    if ((address & 0xff) != 0 || place >> 48 != 0 ||
        pci_config_read(address, PCI_VENDOR, 2) == 0xffff) {
        return E_NOT_FOUND;
    }
    LIST_FOR_EACH(link, &device_all) {
        struct device *known = LIST_ENTRY(link, struct device, all_link);
        if (known->address == address && known->object.handles != 0) {
            return E_BUSY;
        }
        if (known->address == address) { /* kept by memory or interrupts of its last driver */
            object_get(&known->object);
            *out = known;
            return OK;
        }
    }
    struct device *device;
    TRY(object_create(OBJECT_DEVICE, sizeof(*device), account, &device));
    device->address = address;
    device->name = (uint32_t)(place >> 24);
    list_push_back(&device_all, &device->all_link);
    find_capabilities(device);
    *out = device;
    return OK;
}

/* A part of the configuration space that one access reaches. */
static bool config_ok(uint64_t offset, uint64_t width) {
    return (width == 1 || width == 2 || width == 4) && offset % width == 0 && offset < 256;
}

static bool within(uint32_t offset, uint32_t start, uint32_t length) {
    return start != 0 && offset >= start && offset < start + length;
}

int64_t sys_device_config(struct thread *thread) {
    struct device *device;
    bool store = ARG(4) != 0;
    uint32_t offset = (uint32_t)ARG(1), width = (uint32_t)ARG(2), value = (uint32_t)ARG(3);
    LOOKUP(0, OBJECT_DEVICE, store ? RIGHT_MANAGE : RIGHT_READ, &device);
    if (!config_ok(ARG(1), ARG(2))) {
        return E_RANGE;
    }
    if (!store) {
        return read(device, offset, width);
    }
    if (offset < 0x40 || within(offset, device->msi_offset, 24) ||
        within(offset, device->msix_offset, 12)) {
        return E_RIGHTS;
    }
    write(device, offset, width, value);
    return value;
}

int64_t sys_system_pci_read(struct thread *thread) {
    uint64_t address = ARG(1), offset = address & 0xff;
    if (address >> 24 != 0 || !config_ok(offset, ARG(2))) {
        return E_RANGE;
    }
    return pci_config_read((uint32_t)(address - offset), (uint32_t)offset, (unsigned)ARG(2));
}

/* Address, size and kind of a BAR, found by the write-ones method with decoding off. */
static status_t bar_describe(const struct device *device, uint32_t bar, uint64_t *base,
                             uint64_t *size, bool *io) {
    uint32_t offset = PCI_BAR0 + bar * 4;
    uint32_t low = read(device, offset, 4);
    *io = (low & 1) != 0;
    bool wide = !*io && (low & 6) == 4;
    uint32_t high = wide ? read(device, offset + 4, 4) : 0;
    uint32_t command = read(device, PCI_COMMAND, 2);
    change(device, PCI_COMMAND, COMMAND_IO | COMMAND_MEMORY, 0);
    write(device, offset, 4, ~0u);
    uint64_t mask = read(device, offset, 4);
    write(device, offset, 4, low);
    if (wide) {
        write(device, offset + 4, 4, ~0u);
        mask |= (uint64_t)read(device, offset + 4, 4) << 32;
        write(device, offset + 4, 4, high);
    } else if (mask != 0) {
        mask |= 0xffffffff00000000ull;
    }
    write(device, PCI_COMMAND, 2, command);
    mask &= *io ? ~3ull : ~15ull;
    if (*io) {
        mask |= 0xffff0000ull; /* devices may decode 16 bits only */
    }
    *size = ~mask + 1;
    *base = ((uint64_t)high << 32 | low) & (*io ? ~3ull : ~15ull);
    return mask == 0 || *size == 0 || *base == 0 ? E_NOT_FOUND : OK;
}

int64_t sys_device_bar(struct thread *thread, struct device *device, struct account *account) {
    struct ioport *ioport;
    struct memory *memory;
    uint64_t base, size;
    bool io;
    if (ARG(1) > 5) {
        return E_INVALID;
    }
    TRY(bar_describe(device, (uint32_t)ARG(1), &base, &size, &io));
    change(device, PCI_COMMAND, 0, io ? COMMAND_IO : COMMAND_MEMORY);
    thread->context.rdi = size;
    if (io) {
        TRY(ioport_create(account, (uint32_t)base, (uint32_t)size, &ioport));
        return give_new(thread, &ioport->object, RIGHT_ALL & ~RIGHT_EXECUTE);
    }
    if (base % PAGE_SIZE != 0) {
        return E_UNSUPPORTED; /* shares its page with another device */
    }
    size = PAGE_ROUND_UP(size);
    TRY(memory_create_physical(account, base, size, MEMORY_DEVICE, &memory));
    object_get(&device->object);
    memory->keep = &device->object;
    return give_new(thread, &memory->object, RIGHT_ALL & ~RIGHT_EXECUTE);
}

static status_t program_msi(const struct device *device, uint64_t address, uint32_t data) {
    uint32_t at = device->msi_offset;
    write(device, at + 4, 4, (uint32_t)address);
    if ((read(device, at + 2, 2) & MSI_64BIT) != 0) {
        write(device, at + 8, 4, (uint32_t)(address >> 32));
        write(device, at + 12, 2, data);
    } else {
        write(device, at + 8, 2, data);
    }
    change(device, at + 2, MSI_VECTORS, MSI_ENABLE);
    return OK;
}

static status_t program_msix(struct device *device, uint32_t index, uint64_t address,
                             uint32_t data) {
    uint32_t at = device->msix_offset;
    uint32_t control = read(device, at + 2, 2);
    uint32_t table = read(device, at + 4, 4);
    uint64_t base, size;
    bool io;
    if (index > (control & 0x7ff)) {
        return E_RANGE;
    }
    if (bar_describe(device, table & 7, &base, &size, &io) != OK || io) {
        return E_NOT_FOUND;
    }
    change(device, PCI_COMMAND, 0, COMMAND_MEMORY);
    if (device->msix_table == NULL) {
        device->msix_table = arch_map_device(base + (table & ~7u), ((control & 0x7ff) + 1) * 16ull);
    }
    if (device->msix_table == NULL) {
        return E_QUOTA;
    }
    volatile uint32_t *entry = (volatile uint32_t *)device->msix_table + index * 4;
    entry[0] = (uint32_t)address;
    entry[1] = (uint32_t)(address >> 32);
    entry[2] = data;
    entry[3] = 0; /* unmasked */
    change(device, at + 2, MSIX_MASK_ALL, MSIX_ENABLE);
    return OK;
}

int64_t sys_device_irq(struct thread *thread, struct device *device, struct account *account) {
    struct irq *irq;
    uint32_t index = (uint32_t)ARG(1);
    uint32_t kind = device->msix_offset != 0 ? 2 : device->msi_offset != 0 ? 1 : 0;
    if (index != 0 && kind != 2) {
        return E_RANGE;
    }
    if (kind == 0) {
        TRY(irq_create(account, (uint32_t)ARG(3), ARG(4) << 1 & 6, &irq));
    } else {
        uint64_t address;
        uint32_t data;
        TRY(irq_create_message(account, &irq, &address, &data));
        status_t status = kind == 1 ? program_msi(device, address, data)
                                    : program_msix(device, index, address, data);
        if (status != OK) {
            object_put(&irq->object);
            return status;
        }
        change(device, PCI_COMMAND, 0, COMMAND_NO_INTX);
    }
    object_get(&device->object);
    irq->device = device;
    thread->context.rdi = kind;
    return give_new(thread, &irq->object, RIGHT_ALL);
}

static status_t dma_begin(struct device *device, const struct memory *memory) {
    if (iommu_units == 0) {
        return OK;
    }
    if (device->space.root == 0) {
        TRY(arch_space_create(&device->space, device->object.account));
    }
    for (phys_t at = memory->base; at < memory->base + memory->size; at += PAGE_SIZE) {
        TRY(arch_map(&device->space, at, at, PAGE_WRITE));
    }
    return iommu_confine(device->name, &device->space);
}

void device_dma_end(const struct memory *memory) {
    struct device *device = (struct device *)memory->keep;
    for (uint64_t at = 0; device->space.root != 0 && at < memory->size; at += PAGE_SIZE) {
        (void)arch_unmap(&device->space, memory->base + at);
    }
    iommu_flush();
}

int64_t sys_device_dma(struct thread *thread, struct device *device, struct account *account) {
    struct memory *memory;
    uint64_t size = ARG(1);
    if (size == 0 || size > (4ull << 20)) {
        return E_RANGE;
    }
    size = PAGE_ROUND_UP(size);
    TRY(account_charge(account, size));
    phys_t base = frame_alloc_run(size / PAGE_SIZE);
    status_t status =
        base == 0 ? E_QUOTA : memory_create_physical(account, base, size, MEMORY_DMA, &memory);
    if (status != OK) {
        for (uint64_t at = 0; base != 0 && at < size; at += PAGE_SIZE) {
            frame_free(base + at);
        }
        account_release(account, size);
        return status;
    }
    object_get(&device->object);
    memory->keep = &device->object;
    status = dma_begin(device, memory);
    if (status != OK) {
        object_put(&memory->object);
        return status;
    }
    thread->context.rdi = base;
    return give_new(thread, &memory->object, RIGHT_ALL & ~RIGHT_EXECUTE);
}

static void enable(const struct device *device, bool on) {
    change(device, PCI_COMMAND, COMMAND_MASTER, on ? COMMAND_MASTER : 0);
    (void)read(device, PCI_COMMAND, 2); /* the write has reached the device */
}

int64_t sys_device_enable(struct thread *thread, struct device *device) {
    enable(device, ARG(1) != 0);
    return OK;
}

void device_quiesce(struct device *device) {
    enable(device, false);
    if (device->msi_offset != 0) {
        change(device, device->msi_offset + 2u, MSI_ENABLE, 0);
    }
    if (device->msix_offset != 0) {
        /* Masked, not disabled: QEMU's e1000e can't bear that while its throttle timer runs. */
        change(device, device->msix_offset + 2u, 0, MSIX_MASK_ALL);
    }
}

/* Its memory may live on elsewhere; the device does not reach it any more. */
void device_no_handles(struct object *object) {
    struct device *device = (struct device *)object;
    device_quiesce(device);
    if (device->space.root != 0) {
        arch_space_destroy(&device->space);
        (void)iommu_confine(device->name, &device->space);
    }
}

void device_destroy(struct object *object) {
    list_remove(&((struct device *)object)->all_link);
}
