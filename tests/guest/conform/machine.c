/* SPDX-License-Identifier: MIT
 * Interrupts, ports, devices, the system object: what is special of each call. The machine is a
 * q35 with an IOMMU and an SD controller (tests/guest/test_conformance.py).
 */
#include "conform.h"

#include <ipc/log.h>
#include <ipc/machine.h>

#define BAD 0x600000000ull /* nothing is mapped there */
#define IOMMU_REGISTERS 0xfed90000

static uint64_t buffer[64];
#define HERE ((uintptr_t)buffer)

static void ports(void) {
    handle_t ioport = objects[OBJECT_IOPORT];
    EXPECT(PORT_WRITE, OK, ioport, 0, 1, 0x80);
    EXPECT(PORT_WRITE, E_RANGE, ioport, 2, 1, 0);
    EXPECT(PORT_READ, OK, ioport, 1, 1);
    EXPECT(PORT_READ, E_RANGE, ioport, 2, 1);
    EXPECT(PORT_DRAIN, OK, ioport, 1, 0, 1, HERE, 4); /* no bit is asked for: nothing is read */
    EXPECT(PORT_DRAIN, E_RANGE, ioport, 1, 0, 5, HERE, 4);
    EXPECT(PORT_DRAIN, E_FAULT, ioport, 1, 0, 1, BAD, 4);
    EXPECT(PORT_FILL, OK, ioport, 0, HERE, 0);
    EXPECT(PORT_FILL, E_RANGE, ioport, 9, HERE, 1);
    EXPECT(PORT_FILL, E_FAULT, ioport, 0, BAD, 8);
    EXPECT(SYSTEM_IOPORT, E_RANGE, test_system, 0x10000, 1, test_account);
    EXPECT(SYSTEM_IOPORT, E_RIGHTS, test_system, 0xcf8, 4, test_account);
}

static void system_calls(void) {
    EXPECT(SYSTEM_INFO, OK, test_system, INFO_SYSTEM, 0, HERE, sizeof buffer);
    EXPECT(SYSTEM_INFO, E_FAULT, test_system, INFO_SYSTEM, 0, BAD, sizeof buffer);
    EXPECT(SYSTEM_INFO, E_INVALID, test_system, 99, 0, HERE, sizeof buffer);
    EXPECT(SYSTEM_INFO, E_NOT_FOUND, test_system, INFO_CPU, 1000, HERE, sizeof buffer);
    EXPECT(SYSTEM_PCI_READ, OK, test_system, PCI_ADDRESS(0, 0, 0, 0), 4);
    EXPECT(SYSTEM_PCI_READ, E_RANGE, test_system, PCI_ADDRESS(0, 0, 0, 0), 3);
    EXPECT(SYSTEM_MEMORY, E_INVALID, test_system, 0xf0001, PAGE_SIZE, test_account);
    EXPECT(SYSTEM_MEMORY, E_RANGE, test_system, ~0xfffull, 2 * PAGE_SIZE, test_account);
    EXPECT(SYSTEM_MEMORY, E_RIGHTS, test_system, 0x100000, PAGE_SIZE, test_account);
    EXPECT(SYSTEM_IOMMU, OK, test_system, IOMMU_REGISTERS); /* in force already */
    EXPECT(SYSTEM_IOMMU, E_INVALID, test_system, 0x100000);
    EXPECT(SYSTEM_IOMMU, E_UNSUPPORTED, test_system, 0xfed98000);
    static const char line[] = "conformance";
    EXPECT(LOG_WRITE, OK, test_system, (uintptr_t)line, sizeof line - 1);
    EXPECT(LOG_WRITE, E_RANGE, test_system, HERE, 257);
    EXPECT(LOG_WRITE, E_FAULT, test_system, BAD, 8);
    EXPECT(LOG_READ, OK, test_system, 0, HERE, sizeof buffer);
    EXPECT(LOG_READ, E_FAULT, test_system, 0, BAD, 64);
    handle_t empty = HANDLE_NONE;
    REQUIRE(account_create(test_account, 0, &empty) == OK);
    EXPECT(TRACE, E_INVALID, test_system, 0, TRACE_START);
    EXPECT(TRACE, E_INVALID, test_system, test_account, TRACE_DROP + 1);
    EXPECT(TRACE, E_QUOTA, test_system, empty, TRACE_START);
    EXPECT(TRACE, OK, test_system, test_account, TRACE_START);
    thread_sleep(NS_PER_MS); /* the processor goes to another thread and comes back */
    EXPECT(TRACE_READ, OK, test_system, 0, HERE, sizeof buffer);
    EXPECT(TRACE_READ, E_FAULT, test_system, 0, BAD, sizeof buffer);
    EXPECT(TRACE, OK, test_system, HANDLE_NONE, TRACE_STOP);
    EXPECT(TRACE, OK, test_system, HANDLE_NONE, TRACE_DROP);
    handle_close(empty);
}

static void interrupts(void) {
    handle_t irq = objects[OBJECT_IRQ];
    EXPECT(IRQ_BIND, OK, irq, objects[OBJECT_NOTIFICATION], 2);
    EXPECT(IRQ_ACK, OK, irq);
    EXPECT(SYSTEM_IRQ, E_BUSY, test_system, 5, SYSTEM_IRQ_ISA, test_account);
    EXPECT(SYSTEM_IRQ, E_INVALID, test_system, 16, SYSTEM_IRQ_ISA, test_account);
    EXPECT(SYSTEM_IRQ, E_NOT_FOUND, test_system, 5000, 0, test_account);
}

static void devices(void) {
    handle_t device = objects[OBJECT_DEVICE], ahci = HANDLE_NONE;
    const uint64_t mask = 0x400; /* interrupts off, in the command register */
    EXPECT(SYSTEM_DEVICE, E_NOT_FOUND, test_system, PCI_ADDRESS(255, 31, 7, 0), test_account);
    EXPECT(SYSTEM_DEVICE, E_BUSY, test_system, SPARE_DEVICE, test_account);
    EXPECT(DEVICE_CONFIG, OK, device, 0, 4, 0, 0);
    EXPECT(DEVICE_CONFIG, E_RANGE, device, 256, 4, 0, 0);
    EXPECT(DEVICE_CONFIG, E_RIGHTS, device, 4, 2, mask, 1);
    EXPECT(DEVICE_ENABLE, OK, device, 0);
    EXPECT(DEVICE_BAR, E_INVALID, device, 6, test_account);
    EXPECT(DEVICE_BAR, E_NOT_FOUND, device, 5, test_account);
    EXPECT(DEVICE_DMA, E_RANGE, device, (4ull << 20) + 1, test_account);
    EXPECT(DEVICE_IRQ, E_RANGE, device, 1, test_account, 16, 3);
    EXPECT(DEVICE_IRQ, E_NOT_FOUND, device, 0, test_account, 5000, 3);
    int64_t line = EXPECT(DEVICE_IRQ, OK, device, 0, test_account, 11, 3);
    EXPECT(DEVICE_IRQ, E_BUSY, device, 0, test_account, 11, 3);
    handle_close((handle_t)line);
    /* Messages of a device that sends some, until no vector is left. */
    static handle_t irqs[300];
    uint32_t count = 0;
    ahci = (handle_t)EXPECT(SYSTEM_DEVICE, OK, test_system, AHCI_PLACE, test_account);
    uint64_t kind = 0;
    while (count < 300 && device_irq(ahci, test_account, 0, 0, &irqs[count], &kind) == OK) {
        count++;
    }
    EXPECT(DEVICE_IRQ, E_NO_SPACE, ahci, 0, test_account);
    EXPECT(SYSTEM_IRQ, E_NO_SPACE, test_system, 10, SYSTEM_IRQ_ISA, test_account);
    while (count > 0) {
        handle_close(irqs[--count]);
    }
    handle_close(ahci);
}

/* Firmware may leave a small BAR off the start of its page. QEMU's does not, so the host moves it
 * when it reads this line, from outside: no program can. */
static void shared_page(void) {
    handle_t device = HANDLE_NONE;
    uint32_t base = 0;
    REQUIRE(system_device(test_system, SDHCI, SDHCI >> 8, 79, test_account, &device) == OK);
    log_line("conform: move the BAR");
    while (device_config_read(device, 0x10, 4, &base) == OK && (base & 0xff0) == 0) {
        thread_sleep(NS_PER_MS);
    }
    EXPECT(DEVICE_BAR, E_UNSUPPORTED, device, 0, test_account);
    handle_close(device);
}

void check_machine(void) {
    ports();
    system_calls();
    interrupts();
    devices();
    shared_page();
}
