/* SPDX-License-Identifier: MIT */
/*
 * Switching the machine off: ACPI's S5 state; where that does nothing, the ports of the emulators.
 * Resetting it: ACPI's reset register, then the keyboard controller, then the PCI chipset. At last
 * a message. Each step is a turn of its own, since port writes happen at its end.
 */
#include "init.h"

#include <common/string.h>

#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/status.h>
#include <ipc/time.h>

#include "acpi.h"

#define TABLES_VA 0x500000000000ull /* the firmware's tables, while switching off */
#define STEP_NS (100 * NS_PER_MS)

#define KEYBOARD_COMMAND 0x64u
#define KEYBOARD_RESET 0xfeu /* pulses the processor's reset line */
#define CHIPSET_RESET 0xcf9u
#define CHIPSET_HARD 0x02u /* what kind of reset; the next bit starts it */
#define CHIPSET_START 0x04u

enum {
    POWER_ENABLE = 1,
    POWER_SLEEP,
    POWER_EMULATOR,
    POWER_RESET,
    POWER_KEYBOARD,
    POWER_CHIPSET,
    POWER_GIVE_UP
};

/* Maps the page with this physical address at TABLES_VA plus that address, if it is not there yet.
 * Page by page: what lies beside a table may be RAM that init may not have. */
static status_t map_table_page(uint64_t physical) {
    handle_t memory;
    if (physical >= TABLES_VA) {
        return E_RANGE;
    }
    status_t status = system_memory(init.system, physical, PAGE_SIZE, init.account, &memory);
    if (status != OK) {
        return status;
    }
    status = memory_map(TASK_SELF, memory, 0, TABLES_VA + physical, PAGE_SIZE, PROT_READ);
    handle_close(memory);
    return status == E_EXISTS ? OK : status;
}

static status_t read_physical(void *context, uint64_t physical, void *to, size_t size) {
    (void)context;
    for (uint64_t page = physical & ~(PAGE_SIZE - 1); page < physical + size; page += PAGE_SIZE) {
        status_t status = map_table_page(page);
        if (status != OK) {
            return status;
        }
    }
    memcpy(to, (const void *)(TABLES_VA + physical), size);
    return OK;
}

static void write_port(uint32_t port, uint32_t width, uint32_t value) {
    handle_t ports;
    status_t status = system_ioport(init.system, port, width, init.account, &ports);
    if (status == OK) {
        status = port_write(ports, 0, width, value);
        handle_close(ports);
    }
    if (status != OK) {
        log_line("power: port 0x%x: %s", port, status_text(status));
    }
}

static status_t find_power(struct acpi_power *power) {
    const struct boot_page *page = boot_page();
    return acpi_find_power(read_physical, NULL, page->rsdp_copy, sizeof page->rsdp_copy, power);
}

static void enable_acpi(void) {
    struct acpi_power power = {0};
    status_t status = find_power(&power);
    if (status != OK) {
        log_line("power off: ACPI tables: %s", status_text(status));
        init.power_step = POWER_EMULATOR;
        return;
    }
    if (power.smi_command != 0 && power.enable != 0) {
        write_port(power.smi_command, 1, power.enable);
    }
    init.power_step = POWER_SLEEP;
}

static void enter_s5(void) {
    struct acpi_power power = {0};
    init.power_step = POWER_EMULATOR;
    if (find_power(&power) != OK) {
        return;
    }
    write_port(power.pm1a_control, 2, power.sleep_a | ACPI_SLEEP_ENABLE | ACPI_SCI_ENABLED);
    if (power.pm1b_control != 0) {
        write_port(power.pm1b_control, 2, power.sleep_b | ACPI_SLEEP_ENABLE | ACPI_SCI_ENABLED);
    }
}

/* QEMU's fixed ports of its two machine types, and Bochs' port that wants a word spelt. */
static void emulator_ports(void) {
    static const char word[] = "Shutdown";
    write_port(0x604, 2, ACPI_SLEEP_ENABLE);
    write_port(0xb004, 2, ACPI_SLEEP_ENABLE);
    for (size_t i = 0; i < sizeof word - 1; i++) {
        write_port(0x8900, 1, (uint8_t)word[i]);
    }
    init.power_step = POWER_GIVE_UP;
}

static void reset_by_acpi(void) {
    struct acpi_power power = {0};
    (void)find_power(&power); /* the reset port may be known even if S5 is not */
    if (power.reset_port != 0) {
        write_port(power.reset_port, 1, power.reset_value);
    }
    init.power_step = POWER_KEYBOARD;
}

void power_step(void) {
    init.power_ns = time_now_ns() + STEP_NS;
    switch (init.power_step) {
    case POWER_ENABLE:
        enable_acpi();
        break;
    case POWER_SLEEP:
        enter_s5();
        break;
    case POWER_EMULATOR:
        emulator_ports();
        break;
    case POWER_RESET:
        reset_by_acpi();
        break;
    case POWER_KEYBOARD:
        write_port(KEYBOARD_COMMAND, 1, KEYBOARD_RESET);
        init.power_step = POWER_CHIPSET;
        break;
    case POWER_CHIPSET:
        write_port(CHIPSET_RESET, 1, CHIPSET_HARD);
        write_port(CHIPSET_RESET, 1, CHIPSET_HARD | CHIPSET_START);
        init.power_step = POWER_GIVE_UP;
        break;
    default:
        init.power_ns = 0;
        log_line("this machine obeys no software; it is safe to switch it off now");
        break;
    }
}

static void begin(uint32_t step) {
    init.power_step = step;
    power_step();
    timer_set(init.timer, init.power_ns);
}

void power_off(void) {
    log_line("power off");
    begin(POWER_ENABLE);
}

void power_reset(void) {
    log_line("rebooting");
    begin(POWER_RESET);
}
