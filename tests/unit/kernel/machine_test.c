/* SPDX-License-Identifier: MIT
 * Hardware: devices and their interrupts and memory, ports, the system object.
 */
#include "host.h"

#include <arch/hooks.h>
#include <arch/iommu.h>
#include <check.h>
#include <notification.h>
#include <string.h>
#include <system.h>

#include "fake_pci.h"

#define PLACE(index) (1ull << 40 | host_pci[index].address)

struct driver {
    struct task *task;
    handle_t system, account, bell;
    struct notification *notification;
};

static struct driver make_driver(uint64_t arena_size) {
    struct driver driver;
    host_boot();
    host_pci_plug(0, PCI_ADDRESS(0, 2, 0, 0), HOST_PCI_OTHER);
    host_pci_plug(1, PCI_ADDRESS(0, 3, 0, 0), HOST_PCI_MSI | HOST_PCI_MSI64);
    host_pci_plug(2, PCI_ADDRESS(0, 4, 0, 0), HOST_PCI_MSIX);
    driver.task = host_task("driver", 1 << 20, arena_size, 5);
    driver.system = host_grant(driver.task, system_object);
    driver.account = host_grant(driver.task, &account_root->object);
    CHECK_EQ(notification_create(account_root, &driver.notification), OK);
    driver.bell = host_grant(driver.task, &driver.notification->object);
    object_put(&driver.notification->object);
    return driver;
}

static uint64_t device(const struct driver *driver, unsigned index) {
    int64_t handle =
        SYS(driver->task, SYS_SYSTEM_DEVICE, driver->system, PLACE(index), driver->account);
    CHECK(handle > 0);
    return (uint64_t)handle;
}

static uint32_t config(unsigned index, uint32_t offset, unsigned width) {
    uint32_t value = 0;
    memcpy(&value, &host_pci[index].config[offset], width);
    return value;
}

static void set_config(unsigned index, uint32_t offset, unsigned width, uint32_t value) {
    memcpy(&host_pci[index].config[offset], &value, width);
}

TEST(devices_are_found_once) {
    struct driver d = make_driver(0);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_DEVICE, d.system, PLACE(0) | 1, d.account), E_NOT_FOUND);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_DEVICE, d.system, 1ull << 48, d.account), E_NOT_FOUND);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_DEVICE, d.system, PCI_ADDRESS(9, 9, 0, 0), d.account),
             E_NOT_FOUND);
    uint64_t first = device(&d, 0);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_DEVICE, d.system, PLACE(0), d.account), E_BUSY);
    device(&d, 1);
    CHECK_EQ(SYS(d.task, SYS_HANDLE_CLOSE, first), OK);
    device(&d, 0);
    host_check_clean();
}

TEST(a_driver_reads_all_of_the_configuration_and_writes_what_is_its_own) {
    struct driver d = make_driver(0);
    uint64_t msi = device(&d, 1), msix = device(&d, 2);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msi, 0, 4, 0, 0), 0x12345678);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msi, 1, 1, 0, 0), 0x56);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msi, 1, 2, 0, 0), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msi, 0, 3, 0, 0), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msi, 256, 4, 0, 0), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, d.bell, 0, 4, 0, 0), E_TYPE);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msi, 4, 2, 7, 1), E_RIGHTS);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msi, 0x52, 2, 7, 1), E_RIGHTS);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msix, 0x72, 2, 7, 1), E_RIGHTS);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_CONFIG, msix, 0x80, 4, 77, 1), 77);
    CHECK_EQ(config(2, 0x80, 4), 77);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_PCI_READ, d.system, host_pci[1].address | 2, 2), 0x1234);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_PCI_READ, d.system, host_pci[1].address | 2, 4), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_PCI_READ, d.system, 1ull << 24, 4), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_PCI_READ, d.system, PCI_ADDRESS(9, 9, 0, 0), 1), 0xff);
    host_check_clean();
}

TEST(bars_are_memory_or_ports) {
    struct driver d = make_driver(0);
    uint64_t handle = device(&d, 1);
    struct memory_info info;
    int64_t bar = SYS(d.task, SYS_DEVICE_BAR, handle, 0, d.account);
    REQUIRE(bar > 0);
    CHECK_EQ(host_context(d.task)->rdi, 0x4000);
    CHECK_EQ(SYS(d.task, SYS_MEMORY_INFO, (uint64_t)bar, HOST_SCRATCH), OK);
    CHECK(host_load(d.task, HOST_SCRATCH, &info, sizeof(info)));
    CHECK_EQ(info.physical, 0xfe000000);
    CHECK_EQ(info.kind, MEMORY_DEVICE);
    CHECK_EQ(info.resident, info.size);
    bar = SYS(d.task, SYS_DEVICE_BAR, handle, 2, d.account);
    REQUIRE(bar > 0);
    CHECK_EQ(host_context(d.task)->rdi, 0x2000);
    CHECK_EQ(SYS(d.task, SYS_MEMORY_INFO, (uint64_t)bar, HOST_SCRATCH), OK);
    CHECK(host_load(d.task, HOST_SCRATCH, &info, sizeof(info)));
    CHECK_EQ(info.physical, 0x800004000);
    bar = SYS(d.task, SYS_DEVICE_BAR, handle, 1, d.account);
    REQUIRE(bar > 0);
    CHECK_EQ(host_context(d.task)->rdi, 0x40);
    CHECK_EQ(SYS(d.task, SYS_HANDLE_INFO, (uint64_t)bar), OBJECT_IOPORT);
    CHECK_EQ(config(1, 4, 2) & 3, 3); /* both are decoded now */
    CHECK_EQ(SYS(d.task, SYS_DEVICE_BAR, handle, 4, d.account), E_UNSUPPORTED);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_BAR, handle, 5, d.account), E_NOT_FOUND);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_BAR, handle, 6, d.account), E_INVALID);
    CHECK_EQ(config(1, 0x10, 4), 0xfe000000); /* as it was */
    host_check_clean();
}

TEST(device_memory_is_mapped_and_not_copied) {
    struct driver d = make_driver(0);
    uint64_t bar = (uint64_t)SYS(d.task, SYS_DEVICE_BAR, device(&d, 1), 0, d.account);
    uint32_t word = 0;
    CHECK_EQ(SYS(d.task, SYS_MAP, 0, bar, 0, 0x700000, PAGE_SIZE, PROT_READ | PROT_WRITE), OK);
    CHECK_EQ(SYS(d.task, SYS_MAP, 0, bar, PAGE_SIZE, 0x701000, PAGE_SIZE,
                 PROT_READ | MAP_WRITE_COMBINE | MAP_POPULATE),
             OK);
    CHECK(host_mapped(&d.task->space, 0x701000, PAGE_WRITE_COMBINE));
    CHECK(host_load(d.task, 0x700000, &word, 4));
    CHECK(host_mapped(&d.task->space, 0x700000, PAGE_UNCACHED));
    CHECK_EQ(SYS(d.task, SYS_MEMORY_READ, bar, 0, HOST_SCRATCH, 4), E_TYPE);
    CHECK_EQ(SYS(d.task, SYS_MEMORY_WRITE, bar, 0, HOST_SCRATCH, 4), E_TYPE);
    CHECK_EQ(SYS(d.task, SYS_MEMORY_CLONE, d.account, bar), E_TYPE);
    CHECK_EQ(SYS(d.task, SYS_MEMORY_WRITE, bar, 0x4000, HOST_SCRATCH, 4), E_RANGE);
    host_check_clean();
}

TEST(interrupts_come_by_line_msi_or_msix) {
    for (unsigned index = 0; index < 3; index++) {
        struct driver d = make_driver(0);
        uint64_t handle = device(&d, index);
        int64_t irq = SYS(d.task, SYS_DEVICE_IRQ, handle, 0, d.account, 9, 1);
        REQUIRE(irq > 0);
        CHECK_EQ(host_context(d.task)->rdi, index);
        CHECK_EQ(SYS(d.task, SYS_IRQ_ACK, (uint64_t)irq), OK); /* nobody is bound */
        CHECK_EQ(SYS(d.task, SYS_IRQ_BIND, (uint64_t)irq, d.bell, 4), OK);
        struct irq_info info;
        CHECK_EQ(irq_describe(0, &info), OK);
        CHECK_STR(info.name, "");
        CHECK_EQ(irq_describe(1, &info), E_NOT_FOUND);
        irq_handle(info.vector);
        irq_handle(info.vector + 1); /* nobody's */
        CHECK_EQ(d.notification->bits, 4);
        CHECK_EQ(SYS(d.task, SYS_IRQ_ACK, (uint64_t)irq), OK);
        CHECK_EQ(SYS(d.task, SYS_ACTOR_BIND, 0, d.bell), OK);
        CHECK_EQ(irq_describe(0, &info), OK);
        CHECK_STR(info.name, "driver");
        CHECK_EQ(info.count, 1);
        if (index == 0) {
            CHECK_EQ(SYS(d.task, SYS_DEVICE_IRQ, handle, 1, d.account, 9, 1), E_RANGE);
            CHECK_EQ(SYS(d.task, SYS_DEVICE_IRQ, handle, 0, d.account, 9, 1), E_BUSY);
        } else {
            CHECK_EQ(config(index, 4, 2) & 0x400, 0x400); /* no INTx */
        }
        task_kill(d.task, 0);
        if (index == 1) {
            CHECK_EQ(config(1, 0x52, 2) & 1, 0); /* disabled by the end of its driver */
        } else if (index == 2) {
            CHECK_EQ(config(2, 0x72, 2) & 0xc000, 0xc000);
        }
        host_check_clean();
    }
}

TEST(a_32_bit_msi_has_its_data_elsewhere) {
    struct driver d = make_driver(0);
    host_pci_plug(1, PCI_ADDRESS(0, 3, 0, 0), HOST_PCI_MSI);
    CHECK(SYS(d.task, SYS_DEVICE_IRQ, device(&d, 1), 0, d.account) > 0);
    CHECK_EQ(config(1, 0x54, 4), 0xfee00000);
    struct irq_info info;
    CHECK_EQ(irq_describe(0, &info), OK);
    CHECK_EQ(config(1, 0x58, 2), info.vector);
    host_check_clean();
}

TEST(msix_wants_a_table_in_memory) {
    struct driver d = make_driver(0);
    uint64_t handle = device(&d, 2);
    for (unsigned vector = 0; vector < 3; vector++) {
        CHECK(SYS(d.task, SYS_DEVICE_IRQ, handle, vector, d.account) > 0);
    }
    CHECK_EQ(SYS(d.task, SYS_DEVICE_IRQ, handle, 3, d.account), E_RANGE);
    set_config(2, 0x74, 4, 1); /* in BAR 1, which is ports */
    CHECK_EQ(SYS(d.task, SYS_DEVICE_IRQ, handle, 0, d.account), E_NOT_FOUND);
    set_config(2, 0x74, 4, 5); /* in BAR 5, which is not there */
    CHECK_EQ(SYS(d.task, SYS_DEVICE_IRQ, handle, 0, d.account), E_NOT_FOUND);
    host_check_clean();
    d = make_driver(0);
    host_no_device_window = true;
    CHECK_EQ(SYS(d.task, SYS_DEVICE_IRQ, device(&d, 2), 0, d.account), E_QUOTA);
    host_no_device_window = false;
    host_check_clean();
}

TEST(vectors_run_out) {
    struct driver d = make_driver(0);
    uint64_t handle = device(&d, 1);
    int64_t status;
    unsigned count = 0;
    while ((status = SYS(d.task, SYS_DEVICE_IRQ, handle, 0, d.account)) > 0) {
        count++;
    }
    CHECK_EQ(status, E_NO_SPACE);
    CHECK(count > 0);
    host_check_clean();
}

TEST(system_interrupts_are_lines) {
    struct driver d = make_driver(0);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IRQ, d.system, 16, 1, d.account), E_INVALID);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IRQ, d.system, 1ull << 16, 0, d.account), E_INVALID);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IRQ, d.system, 3, 8, d.account), E_INVALID);
    int64_t isa = SYS(d.task, SYS_SYSTEM_IRQ, d.system, 4, 1, d.account);
    CHECK(isa > 0);
    CHECK(SYS(d.task, SYS_SYSTEM_IRQ, d.system, 5, 6, d.account) > 0);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IRQ, d.system, 4, 0, d.account), E_BUSY);
    CHECK_EQ(SYS(d.task, SYS_IRQ_BIND, (uint64_t)isa, d.bell, 1), OK);
    CHECK_EQ(SYS(d.task, SYS_IRQ_BIND, (uint64_t)isa, d.bell, 2), OK); /* instead of it */
    irq_handle(0x34);
    CHECK_EQ(d.notification->bits, 2);
    host_check_clean();
}

TEST(dma_memory_is_contiguous_and_goes_with_its_handles) {
    struct driver d = make_driver(0);
    uint64_t handle = device(&d, 1);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_DMA, handle, 0, d.account), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_DMA, handle, (4ull << 20) + 1, d.account), E_RANGE);
    handle_t own = host_grant(d.task, &d.task->account->object);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_DMA, handle, 4ull << 20, own), E_QUOTA);
    uint64_t before = frame_free_count();
    int64_t memory = SYS(d.task, SYS_DEVICE_DMA, handle, 3 * PAGE_SIZE - 1, d.account);
    REQUIRE(memory > 0);
    CHECK_EQ(host_context(d.task)->rdi % PAGE_SIZE, 0);
    CHECK(frame_free_count() <= before - 3);
    CHECK_EQ(SYS(d.task, SYS_MEMORY_WRITE, (uint64_t)memory, PAGE_SIZE - 2, HOST_SCRATCH, 4), 4);
    CHECK_EQ(SYS(d.task, SYS_MAP, 0, (uint64_t)memory, 0, 0x700000, 3 * PAGE_SIZE, PROT_READ), OK);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_ENABLE, handle, 1), OK);
    CHECK_EQ(config(1, 4, 2) & 4, 4);
    CHECK_EQ(SYS(d.task, SYS_DEVICE_ENABLE, handle, 0), OK);
    CHECK_EQ(config(1, 4, 2) & 4, 0);
    host_check_clean();
}

TEST(dma_behind_an_iommu_wants_page_tables) {
    struct driver d = make_driver(0);
    uint64_t handle = device(&d, 1);
    iommu_units = 1;
    host_map_fails = 2;
    CHECK_EQ(SYS(d.task, SYS_DEVICE_DMA, handle, 2 * PAGE_SIZE, d.account), E_QUOTA);
    CHECK(SYS(d.task, SYS_DEVICE_DMA, handle, 2 * PAGE_SIZE, d.account) > 0);
    host_check_clean();
    iommu_units = 0;
}

/* ---- ports -------------------------------------------------------------------------------------
 */

TEST(port_ranges_leave_the_kernels_own_out) {
    struct driver d = make_driver(0);
    static const uint64_t own[] = {0x20, 0xa1, 0x40, 0x43, 0xcf8, 0xcff};
    for (unsigned i = 0; i < 6; i++) {
        CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOPORT, d.system, own[i], 1, d.account), E_RIGHTS);
    }
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOPORT, d.system, 0, 0x10000, d.account), E_RIGHTS);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOPORT, d.system, 0x100, 0, d.account), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOPORT, d.system, 0x10000, 1, d.account), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOPORT, d.system, 0xffff, 2, d.account), E_RANGE);
    CHECK(SYS(d.task, SYS_SYSTEM_IOPORT, d.system, 0xffff, 1, d.account) > 0);
    host_check_clean();
}

TEST(ports_are_read_and_written_within_their_range) {
    struct driver d = make_driver(0);
    uint64_t port = (uint64_t)SYS(d.task, SYS_SYSTEM_IOPORT, d.system, 0x3f8, 8, d.account);
    CHECK_EQ(SYS(d.task, SYS_PORT_READ, port, 0, 1), 0xff);
    CHECK_EQ(SYS(d.task, SYS_PORT_READ, port, 8, 1), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_PORT_READ, port, 7, 2), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_PORT_READ, port, 0, 3), E_RANGE);
    host_port_log_length = 0;
    CHECK_EQ(SYS(d.task, SYS_PORT_WRITE, port, 0, 1, 'a'), OK);
    CHECK_EQ(SYS(d.task, SYS_PORT_WRITE, port, 6, 4, 'a'), E_RANGE);
    CHECK(host_store(d.task, HOST_SCRATCH, "0123456789", 10));
    CHECK_EQ(SYS(d.task, SYS_PORT_FILL, port, 0, HOST_SCRATCH, 10), OK);
    CHECK_EQ(host_port_log_length, 11);
    CHECK(memcmp(host_port_log, "a0123456789", 11) == 0);
    CHECK_EQ(SYS(d.task, SYS_PORT_FILL, port, 8, HOST_SCRATCH, 1), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_PORT_FILL, port, 0, HOST_SCRATCH, 65), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_PORT_FILL, port, 0, 0, 1), E_FAULT);
    CHECK_EQ(SYS(d.task, SYS_PORT_DRAIN, port, 5, 1, 8, HOST_SCRATCH, 1), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_PORT_DRAIN, port, 5, 1, 0, 0, 1), E_FAULT);
    host_port_log_length = 0;
    host_check_clean();
}

TEST(more_bytes_than_are_kept_stay_in_the_device) {
    struct driver d = make_driver(PAGE_SIZE);
    struct ioport *ioport;
    char text[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    CHECK_EQ(ioport_create(account_root, 0x100, 8, &ioport), OK);
    handle_t port = host_grant(d.task, &ioport->object);
    object_put(&ioport->object);
    host_fifo_put(text);
    CHECK_EQ(SYS(d.task, SYS_PORT_DRAIN, port, 5, 1, 0, HOST_SCRATCH, 40), 40);
    CHECK_EQ(SYS(d.task, SYS_PORT_DRAIN, port, 5, 1, 0, HOST_SCRATCH, 40), 24);
    CHECK_EQ(SYS(d.task, SYS_PORT_DRAIN, port, 5, 1, 0, HOST_SCRATCH, 40), 0);
    CHECK_EQ(SYS(d.task, SYS_COMMIT_RECEIVE, 0, 0, 0, 0, 0, 0, 0, 0, RECEIVE_ALL | RECEIVE_POLL),
             EVENT_NONE);
    CHECK_EQ(SYS(d.task, SYS_PORT_DRAIN, port, 5, 1, 0, HOST_SCRATCH, 40), 36);
    host_check_clean();
}

/* ---- the system object -------------------------------------------------------------------------
 */

TEST(system_info_describes_everything) {
    struct driver d = make_driver(0);
    struct system_info system;
    struct task_info task;
    struct cpu_info cpu;
    struct handle_info handle;
    const uint64_t at = HOST_SCRATCH;
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_SYSTEM, 0, at, 4096), sizeof(system));
    CHECK(host_load(d.task, at, &system, sizeof(system)));
    CHECK_EQ(system.tasks, 1);
    CHECK_EQ(system.cpus, 1);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_TASK, 0, at, 4096), sizeof(task));
    CHECK(host_load(d.task, at, &task, sizeof(task)));
    CHECK_STR(task.name, "driver");
    CHECK_EQ(task.main_state, THREAD_RUNNING);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_TASK, 1, at, 4096), E_NOT_FOUND);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_IRQ, 0, at, 4096), E_NOT_FOUND);
    CHECK(SYS(d.task, SYS_SYSTEM_IRQ, d.system, 4, 1, d.account) > 0);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_IRQ, 0, at, 4096),
             sizeof(struct irq_info));
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_CPU, 0, at, 4096), sizeof(cpu));
    CHECK(host_load(d.task, at, &cpu, sizeof(cpu)));
    CHECK_EQ(cpu.id, 0);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_CPU, 1, at, 4096), E_NOT_FOUND);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_HANDLE, 0, at, 4096), sizeof(handle));
    CHECK(host_load(d.task, at, &handle, sizeof(handle)));
    CHECK_EQ(handle.handle, d.system);
    CHECK_EQ(handle.type, OBJECT_SYSTEM);
    CHECK_EQ(handle.initial, 1);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_HANDLE, 99, at, 4096), E_NOT_FOUND);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, 99, 0, at, 4096), E_INVALID);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_CPU, 0, 0, 4096), E_FAULT);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_INFO, d.system, INFO_CPU, 0, at, 3), 3);
    host_check_clean();
}

TEST(physical_memory_is_the_devices_only) {
    struct driver d = make_driver(0);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_MEMORY, d.system, 0xfd000001, PAGE_SIZE, d.account), E_INVALID);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_MEMORY, d.system, 0xfd000000, 0, d.account), E_INVALID);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_MEMORY, d.system, 1ull << 52, PAGE_SIZE, d.account), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_MEMORY, d.system, 1ull << 51, 1ull << 52, d.account), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_MEMORY, d.system, PAGE_SIZE, PAGE_SIZE, d.account), E_RIGHTS);
    int64_t memory = SYS(d.task, SYS_SYSTEM_MEMORY, d.system, 0xfd000000, PAGE_SIZE, d.account);
    CHECK(memory > 0);
    CHECK_EQ(SYS(d.task, SYS_MAP, 0, (uint64_t)memory, 0, 0x700000, PAGE_SIZE, PROT_EXEC),
             E_RIGHTS);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOMMU, d.system, PAGE_SIZE), E_INVALID);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOMMU, d.system, 0xfed90001), E_INVALID);
    CHECK_EQ(SYS(d.task, SYS_SYSTEM_IOMMU, d.system, 0xfed90000), OK);
    iommu_units = 0;
    host_check_clean();
}

TEST(the_log_is_written_and_read) {
    struct driver d = make_driver(0);
    CHECK(host_store(d.task, HOST_SCRATCH, "some words", 10));
    CHECK_EQ(SYS(d.task, SYS_LOG_WRITE, d.system, HOST_SCRATCH, 10), OK);
    CHECK_STR(host_log, "driver: some words");
    CHECK_EQ(SYS(d.task, SYS_LOG_WRITE, d.system, HOST_SCRATCH, 257), E_RANGE);
    CHECK_EQ(SYS(d.task, SYS_LOG_WRITE, d.system, 0, 1), E_FAULT);
    CHECK_EQ(SYS(d.task, SYS_LOG_READ, d.system, 0, HOST_SCRATCH, 100), 0);
    CHECK_EQ(SYS(d.task, SYS_LOG_READ, d.system, 0, HOST_SCRATCH, 1 << 20), 0);
    host_check_clean();
}
