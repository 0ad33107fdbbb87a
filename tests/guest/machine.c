/* SPDX-License-Identifier: MIT
 * The system object: what it tells, what it gives, and what it refuses.
 */
#include "guest.h"

#include <common/string.h>
#include <ipc/machine.h>

static void information(void) {
    struct system_info system = {0};
    struct task_info task = {0};
    struct cpu_info cpu = {0};
    CHECK_EQ(system_info_read(test_system, INFO_SYSTEM, 0, &system, sizeof system), OK);
    CHECK(system.version[0] != '\0');
    CHECK(system.cpus >= 1 && system.cpus <= 64);
    CHECK(system.memory_free < system.memory_total && system.memory_free > 1 << 20);
    CHECK(system.tasks >= 2);
    uint32_t tasks = 0;
    bool found = false;
    while (system_info_read(test_system, INFO_TASK, tasks, &task, sizeof task) == OK) {
        found = found || strcmp(task.name, "guest") == 0;
        tasks++;
    }
    CHECK(found);
    CHECK_EQ(tasks, system.tasks);
    CHECK_EQ(system_info_read(test_system, INFO_CPU, 0, &cpu, sizeof cpu), OK);
    CHECK_EQ(system_info_read(test_system, INFO_CPU, system.cpus, &cpu, sizeof cpu), E_NOT_FOUND);
    CHECK_EQ(system_info_read(test_system, INFO_TASK, UINT64_MAX, &task, sizeof task), E_NOT_FOUND);
    CHECK_EQ(system_info_read(test_system, 99, 0, &task, sizeof task), E_INVALID);
}

static void log(void) {
    static const char text[] = "a line of the guest test: 4711";
    static char buffer[4096];
    struct system_info system = {0};
    system_info_read(test_system, INFO_SYSTEM, 0, &system, sizeof system);
    uint64_t position = system.log_head;
    CHECK_EQ(syscall_4(SYS_LOG_WRITE, test_system, (uintptr_t)text, sizeof text - 1, 0), OK);
    int64_t size = system_log_read(test_system, &position, buffer, sizeof buffer - 1);
    CHECK(size > (int64_t)sizeof text);
    CHECK_EQ(position, system.log_head);
    buffer[size > 0 ? size : 0] = '\0';
    CHECK(strstr(buffer, text) != NULL);
    position = UINT64_MAX - 5;
    CHECK_EQ(system_log_read(test_system, &position, buffer, sizeof buffer), 0);
    CHECK_EQ(syscall_4(SYS_LOG_WRITE, test_system, (uintptr_t)buffer, 257, 0), E_RANGE);
}

static void ports(void) {
    handle_t ioport = HANDLE_NONE;
    uint32_t value = 0;
    static const uint32_t reserved[] = {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x43, 0xcf8, 0xcfc};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        CHECK_EQ(system_ioport(test_system, reserved[i], 1, test_account, &ioport), E_RIGHTS);
    }
    CHECK_EQ(system_ioport(test_system, 0x10, 0x40, test_account, &ioport), E_RIGHTS);
    CHECK_EQ(system_ioport(test_system, 0x10000, 1, test_account, &ioport), E_RANGE);
    CHECK_EQ(system_ioport(test_system, 0xffff, 2, test_account, &ioport), E_RANGE);
    CHECK_EQ(system_ioport(test_system, 0x80, 0, test_account, &ioport), E_RANGE);
    /* The real-time clock: harmless to read and to select. */
    REQUIRE(system_ioport(test_system, 0x70, 2, test_account, &ioport) == OK);
    CHECK_EQ(port_write(ioport, 0, 1, 0x80), OK);
    CHECK_EQ(port_read(ioport, 1, 1, &value), OK);
    CHECK(value <= 0x59); /* seconds in BCD */
    CHECK_EQ(port_read(ioport, 2, 1, &value), E_RANGE);
    CHECK_EQ(port_read(ioport, 1, 2, &value), E_RANGE);
    CHECK_EQ(port_read(ioport, 0, 3, &value), E_RANGE);
    CHECK_EQ(port_write(ioport, 2, 1, 0), E_RANGE);
    CHECK_EQ(port_drain(ioport, 0, 1, 5, &value, 4), E_RANGE);
    CHECK_EQ(port_fill(ioport, 9, &value, 1), E_RANGE);
    handle_close(ioport);
}

static void physical_memory(void) {
    handle_t memory = HANDLE_NONE;
    static const uint64_t refused[] = {0x100000, 0x200000, 0x1000000, 0xfee00000, 0xfec00000};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        status_t status = system_memory(test_system, refused[i], PAGE_SIZE, test_account, &memory);
        if (status != E_RIGHTS) {
            check_failed(__FILE__, __LINE__, "memory (address, status)", (int64_t)refused[i],
                         status);
        }
    }
    CHECK(system_memory(test_system, 0xb8001, PAGE_SIZE, test_account, &memory) < 0);
    CHECK(system_memory(test_system, 0xb8000, 0, test_account, &memory) < 0);
    CHECK(system_memory(test_system, ~0xfffull, 2 * PAGE_SIZE, test_account, &memory) < 0);
    REQUIRE(system_memory(test_system, 0xf0000, PAGE_SIZE, test_account, &memory) == OK);
    struct memory_info info = {0};
    CHECK_EQ(memory_info(memory, &info), OK);
    CHECK_EQ(info.kind, MEMORY_DEVICE);
    CHECK_EQ(info.physical, 0xf0000);
    uint8_t byte;
    CHECK_EQ(memory_read(memory, 0, &byte, 1), E_TYPE);
    handle_close(memory);
}

static void interrupts(void) {
    handle_t irq = HANDLE_NONE, again = HANDLE_NONE, notification = HANDLE_NONE;
    REQUIRE(notification_create(test_account, &notification) == OK);
    REQUIRE(system_irq(test_system, 9, SYSTEM_IRQ_ISA, test_account, &irq) == OK);
    CHECK_EQ(system_irq(test_system, 9, SYSTEM_IRQ_ISA, test_account, &again), E_BUSY);
    CHECK_EQ(irq_bind(irq, notification, 2), OK);
    CHECK_EQ(irq_ack(irq), OK);
    handle_close(irq);
    CHECK_EQ(system_irq(test_system, 9, SYSTEM_IRQ_ISA, test_account, &irq), OK);
    handle_close(irq);
    CHECK(system_irq(test_system, 5000, 0, test_account, &irq) < 0);
    handle_close(notification);
}

static void devices(void) {
    handle_t device = HANDLE_NONE;
    uint32_t value = 0;
    CHECK_EQ(
        system_device(test_system, PCI_ADDRESS(255, 31, 7, 0), 0xffff, 1, test_account, &device),
        E_NOT_FOUND);
    CHECK_EQ(system_pci_read(test_system, PCI_ADDRESS(0, 0, 0, 0), 4, &value), OK);
    CHECK((value & 0xffff) == 0x8086); /* the host bridge of every QEMU PC */
    CHECK(system_pci_read(test_system, PCI_ADDRESS(0, 0, 0, 0), 3, &value) < 0);
    CHECK_EQ(system_iommu(test_system, 0x100000), E_INVALID);   /* RAM */
    CHECK_EQ(system_iommu(test_system, 0xfed00000), E_INVALID); /* the HPET */
    CHECK_EQ(system_iommu(test_system, 0xfed98800), E_INVALID);
    CHECK_EQ(system_iommu(test_system, 0xfed98000), E_UNSUPPORTED); /* nothing there */
}

const struct guest_test machine_tests[] = {
    {"system information", information},
    {"the log", log},
    {"I/O ports", ports},
    {"physical memory", physical_memory},
    {"interrupts", interrupts},
    {"PCI", devices},
    {NULL, NULL},
};
