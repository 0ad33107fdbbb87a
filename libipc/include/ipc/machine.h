/* SPDX-License-Identifier: MIT */
/* Interrupts, I/O ports, devices and the system object: for drivers and their managers.
 * Spec: docs/spec/syscalls.md, Machine. */
#pragma once

#include <axolotl/trace.h>
#include <ipc/syscall.h>

/* Routes the interrupt to bits of a notification and unmasks it. */
static inline status_t irq_bind(handle_t irq, handle_t notification, uint64_t bits) {
    return (status_t)syscall_4(SYS_IRQ_BIND, irq, notification, bits, 0);
}

/* Unmasks a level-triggered line again after its cause was served. */
static inline status_t irq_ack(handle_t irq) {
    return (status_t)syscall_2(SYS_IRQ_ACK, irq, 0);
}

/* Reads a port at once. width: 1, 2 or 4 bytes. Not for ports that lose data by reading: see
 * port_drain. */
static inline status_t port_read(handle_t ioport, uint32_t offset, uint32_t width,
                                 uint32_t *value) {
    return syscall_value(syscall_4(SYS_PORT_READ, ioport, offset, width, 0), value);
}

/* Writes a port; staged in an actor. */
static inline status_t port_write(handle_t ioport, uint32_t offset, uint32_t width,
                                  uint32_t value) {
    return (status_t)syscall_4(SYS_PORT_WRITE, ioport, offset, width, value);
}

/* Reads a byte FIFO: while (port[status_offset] & mask) and there is room, a byte of
 * port[data_offset]. size <= 64. Returns the number of bytes or a status. Bytes of a turn that is
 * rolled back are given again. */
static inline int64_t port_drain(handle_t ioport, uint32_t status_offset, uint32_t mask,
                                 uint32_t data_offset, void *buffer, size_t size) {
    return syscall_6(SYS_PORT_DRAIN, ioport, status_offset, mask, data_offset, (uintptr_t)buffer,
                     size);
}

/* Writes size (<= 64) bytes to one port at the commit. */
static inline status_t port_fill(handle_t ioport, uint32_t data_offset, const void *bytes,
                                 size_t size) {
    return (status_t)syscall_4(SYS_PORT_FILL, ioport, data_offset, (uintptr_t)bytes, size);
}

/* PCI configuration space of a device. width 1, 2 or 4. The kernel's own fields are read-only. */
static inline status_t device_config_read(handle_t device, uint32_t offset, uint32_t width,
                                          uint32_t *value) {
    return syscall_value(syscall_6(SYS_DEVICE_CONFIG, device, offset, width, 0, 0, 0), value);
}

static inline status_t device_config_write(handle_t device, uint32_t offset, uint32_t width,
                                           uint32_t value) {
    return (status_t)syscall_6(SYS_DEVICE_CONFIG, device, offset, width, value, 1, 0);
}

/* A base address register as a memory (or I/O port) handle; *size in bytes. E_NOT_FOUND. */
static inline MUST_CHECK status_t device_bar(handle_t device, uint32_t bar, handle_t account,
                                             handle_t *handle, uint64_t *size) {
    struct syscall_results results = syscall_results(SYS_DEVICE_BAR, device, bar, account, 0, 0);
    if (results.rax >= 0) {
        *size = results.rdi;
    }
    return syscall_handle(results.rax, handle);
}

#define IRQ_LEVEL 1u
#define IRQ_ACTIVE_LOW 2u

/* The device's interrupt: MSI-X or MSI when it has them, else the INTx line `gsi` with `flags`
 * IRQ_*. *kind: 0 INTx, 1 MSI, 2 MSI-X. */
static inline MUST_CHECK status_t device_irq(handle_t device, handle_t account, uint32_t gsi,
                                             uint32_t flags, handle_t *irq, uint64_t *kind) {
    struct syscall_results results =
        syscall_results(SYS_DEVICE_IRQ, device, 0, account, gsi, flags);
    if (results.rax >= 0) {
        *kind = results.rdi;
    }
    return syscall_handle(results.rax, irq);
}

/* Contiguous zeroed memory (<= 4 MiB) for the device's DMA; *bus_address is where the device sees
 * it. */
static inline MUST_CHECK status_t device_dma(handle_t device, uint64_t size, handle_t account,
                                             handle_t *memory, uint64_t *bus_address) {
    struct syscall_results results = syscall_results(SYS_DEVICE_DMA, device, size, account, 0, 0);
    if (results.rax >= 0) {
        *bus_address = results.rdi;
    }
    return syscall_handle(results.rax, memory);
}

/* Bus mastering on or off. */
static inline status_t device_enable(handle_t device, uint32_t on) {
    return (status_t)syscall_2(SYS_DEVICE_ENABLE, device, on);
}

/* Fills `to` with a structure of system_info_kind; index for the kinds that are lists. E_NOT_FOUND
 * past the end. */
static inline status_t system_info_read(handle_t system, uint32_t kind, uint64_t index, void *to,
                                        size_t size) {
    int64_t result = syscall_6(SYS_SYSTEM_INFO, system, kind, index, (uintptr_t)to, size, 0);
    return result < 0 ? syscall_failure(result) : OK;
}

/* Configuration space of any function; address from PCI_ADDRESS(). */
static inline status_t system_pci_read(handle_t system, uint32_t address, uint32_t width,
                                       uint32_t *value) {
    return syscall_value(syscall_4(SYS_SYSTEM_PCI_READ, system, address, width, 0), value);
}

/* A range of I/O ports. E_RANGE; E_RIGHTS for ports that the kernel keeps. */
static inline MUST_CHECK status_t system_ioport(handle_t system, uint32_t base, uint32_t count,
                                                handle_t account, handle_t *ioport) {
    return syscall_handle(syscall_4(SYS_SYSTEM_IOPORT, system, base, count, account), ioport);
}

#define SYSTEM_IRQ_ISA 1u /* the number is an ISA IRQ, not a global interrupt */
#define SYSTEM_IRQ_LEVEL 2u
#define SYSTEM_IRQ_ACTIVE_LOW 4u

static inline MUST_CHECK status_t system_irq(handle_t system, uint32_t number, uint32_t flags,
                                             handle_t account, handle_t *irq) {
    return syscall_handle(syscall_4(SYS_SYSTEM_IRQ, system, number, flags, account), irq);
}

/* The device object of a PCI function; requester and domain: its names for the IOMMU.
 * E_NOT_FOUND, E_BUSY when it exists already. */
static inline MUST_CHECK status_t system_device(handle_t system, uint32_t address,
                                                uint16_t requester, uint8_t domain,
                                                handle_t account, handle_t *device) {
    uint64_t place = (uint64_t)domain << 40 | (uint64_t)requester << 24 | address;
    return syscall_handle(syscall_4(SYS_SYSTEM_DEVICE, system, place, account, 0), device);
}

/* Puts the unit of the IOMMU with these registers in force, for good. E_INVALID, E_UNSUPPORTED. */
static inline status_t system_iommu(handle_t system, uint64_t registers) {
    return (status_t)syscall_2(SYS_SYSTEM_IOMMU, system, registers);
}

/* Physical memory that is no usable RAM: device registers, ACPI tables, frame buffer. */
static inline MUST_CHECK status_t system_memory(handle_t system, uint64_t physical, uint64_t size,
                                                handle_t account, handle_t *memory) {
    return syscall_handle(syscall_4(SYS_SYSTEM_MEMORY, system, physical, size, account), memory);
}

/* Reads the kernel log from byte *position on (positions count all bytes ever written). Returns the
 * number of bytes and moves *position to the first one read, which is later than asked when older
 * bytes are gone; 0 at the end. */
static inline int64_t system_log_read(handle_t system, uint64_t *position, void *to, size_t size) {
    struct syscall_results results =
        syscall_results(SYS_LOG_READ, system, *position, (uintptr_t)to, size, 0);
    if (results.rax >= 0) {
        *position = results.rdi;
    }
    return results.rax;
}

/* Records from now on what the kernel does; the ring, 256 KiB, is charged to `account`, and what
 * was recorded before is gone. E_QUOTA: nothing is recorded. For all three: system, RIGHT_RECEIVE.
 */
static inline MUST_CHECK status_t system_trace_start(handle_t system, handle_t account) {
    return (status_t)syscall_4(SYS_TRACE, system, account, TRACE_START, 0);
}

/* TRACE_STOP: the records stay to be read; TRACE_DROP: they go, with their memory. */
static inline status_t system_trace_end(handle_t system, enum trace_operation how) {
    return (status_t)syscall_4(SYS_TRACE, system, HANDLE_NONE, how, 0);
}

/* Reads up to `count` records from *position on; positions count all records since the start.
 * Returns how many and moves *position to the first one read, which is later than asked when
 * older ones are lost; 0 at the end. */
static inline int64_t system_trace_read(handle_t system, uint64_t *position,
                                        struct trace_record *to, size_t count) {
    struct syscall_results results =
        syscall_results(SYS_TRACE_READ, system, *position, (uintptr_t)to, count * sizeof(*to), 0);
    if (results.rax >= 0) {
        *position = results.rdi;
    }
    return results.rax;
}
