/* SPDX-License-Identifier: MIT
 * Units of Intel VT-d (Virtualization Technology for Directed I/O, 3.3, 11.4). Blocked accesses are
 * looked for once a second: no flood of them costs more than that.
 */
#include "remap.h"

#include <common/parse.h>
#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/time.h>

#define TABLES_VA 0x500000000000ull /* the firmware's tables, plus their physical address */
#define REGISTERS_VA 0x600000000000ull
#define POLL_NS NS_PER_S

/* Registers in words of 32 bits. */
enum { CAPABILITY = 2, CAPABILITY_HIGH = 3, FAULT_STATUS = 13 };
#define DOMAINS_MASK 7u
#define WRITES_BUFFERED 0x10u /* the first units; the kernel does not flush those buffers */
#define DOMAINS_256 2u        /* at least so many: one for each function of the table */
#define FAULT_OVERFLOW 1u

/* A record of a fault: four words. */
enum { RECORD_ADDRESS = 0, RECORD_ADDRESS_HIGH, RECORD_SOURCE, RECORD_KIND, RECORD_WORDS };
#define KIND_FAULT (1u << 31)
#define KIND_READ (1u << 30)

_Static_assert(PCI_FUNCTIONS < 256, "a domain for each");

static status_t read_physical(uint64_t physical, void *to, size_t size) {
    for (uint64_t page = physical & ~(PAGE_SIZE - 1); page < physical + size; page += PAGE_SIZE) {
        handle_t memory;
        if (page >= REGISTERS_VA - TABLES_VA) {
            return E_RANGE;
        }
        status_t status = system_memory(startup_handle("system"), page, PAGE_SIZE,
                                        startup_handle("account"), &memory);
        if (status != OK) {
            return status;
        }
        status = memory_map(TASK_SELF, memory, 0, TABLES_VA + page, PAGE_SIZE, PROT_READ);
        handle_close(memory);
        if (status != OK && status != E_EXISTS) {
            return status;
        }
    }
    memcpy(to, (const void *)(TABLES_VA + physical), size);
    return OK;
}

static bool forbidden(const char *line, size_t size) {
    const char *word;
    size_t length;
    while ((length = parse_word(&line, line + strnlen(line, size), &word)) != 0) {
        if (parse_equal(word, length, "noiommu")) {
            return true;
        }
    }
    return false;
}

static status_t find(struct dmar *dmar) {
    static struct boot_page page;
    handle_t boot = startup_handle("boot");
    if (boot == HANDLE_NONE || memory_read(boot, 0, &page, sizeof page) != OK ||
        page.magic != BOOT_PAGE_MAGIC) {
        return E_NOT_FOUND;
    }
    status_t status = dmar_find(read_physical, page.rsdp_copy, dmar);
    return status == OK && forbidden(page.command_line, sizeof page.command_line) ? E_CANCELLED
                                                                                  : status;
}

static volatile uint32_t *unit_registers(uint32_t unit) {
    return (volatile uint32_t *)(REGISTERS_VA + unit * PAGE_SIZE);
}

static status_t map_unit(const struct remap *remap, uint32_t unit) {
    status_t status =
        memory_map(TASK_SELF, remap->registers[unit], 0, (uintptr_t)unit_registers(unit), PAGE_SIZE,
                   PROT_READ | PROT_WRITE | MAP_POPULATE);
    return status == E_EXISTS ? OK : status;
}

/* Nothing is put in force before all units were looked at. */
static status_t open_units(struct remap *remap, const struct dmar *dmar) {
    handle_t system = startup_handle("system");
    for (uint32_t i = 0; i < dmar->unit_count; i++) {
        remap->units[i] = dmar->units[i];
        status_t status = system_memory(system, dmar->units[i], PAGE_SIZE,
                                        startup_handle("account"), &remap->registers[i]);
        if (status == OK) {
            remap->unit_count++;
            status = map_unit(remap, i);
        }
        uint32_t capability = status == OK ? unit_registers(i)[CAPABILITY] : 0;
        if ((capability & DOMAINS_MASK) < DOMAINS_256 || (capability & WRITES_BUFFERED) != 0) {
            status = status == OK ? E_UNSUPPORTED : status;
        }
        if (status != OK) {
            return status;
        }
    }
    for (uint32_t i = 0; i < dmar->unit_count; i++) {
        status_t status = system_iommu(system, dmar->units[i]);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

void remap_create(struct remap *remap) {
    static const char unconfined[] = "devices reach all memory";
    struct dmar dmar;
    memset(remap, 0, sizeof *remap);
    status_t status = find(&dmar);
    if (status == E_NOT_FOUND) {
        log_line("no IOMMU: %s", unconfined);
    } else if (status == E_CANCELLED) {
        log_line("noiommu: %s", unconfined);
    } else if (status == OK && dmar.firmware) {
        log_line("IOMMU not used, since the firmware's devices need it open: %s", unconfined);
    } else {
        status = status == OK ? open_units(remap, &dmar) : status;
        remap->confined = status == OK;
        if (remap->confined) {
            log_line("IOMMU: a device reaches its driver's memory only");
        } else {
            log_line("IOMMU not used: %s; %s", status_text(status), unconfined);
        }
    }
    if (remap->confined && timer_create(startup_handle("account"), startup_handle("notification"),
                                        BIT_TIMER, &remap->timer) != OK) {
        log_line("no timer: blocked accesses are not reported");
    }
}

void remap_start(struct remap *remap) {
    for (uint32_t i = 0; remap->confined && i < remap->unit_count; i++) {
        if (map_unit(remap, i) != OK) {
            log_line("no registers: blocked accesses are not reported");
            remap->timer = HANDLE_NONE;
            return;
        }
    }
    if (remap->timer != HANDLE_NONE) {
        (void)timer_set(remap->timer, time_now_ns());
    }
}

/* Says it the first time, then at every doubling. */
static void report(struct remap *remap, const struct pci_table *table, uint64_t address,
                   uint32_t requester, uint32_t kind) {
    static const char *const names[] = {"write to", "read of"};
    const char *name = names[(kind & KIND_READ) != 0];
    for (uint32_t i = 0; i < table->count; i++) {
        const struct pci_function *function = &table->functions[i];
        struct pci_entry entry;
        if (function->requester != requester) {
            continue;
        }
        uint32_t count = ++remap->blocked[i];
        if ((count & (count - 1)) == 0) {
            pci_describe(function, &entry);
            log_line("%02x:%02x.%x %s [%s]: %s 0x%lx blocked, reason %u, %u so far",
                     entry.address >> 16, entry.address >> 11 & 31, entry.address >> 8 & 7,
                     entry.name, entry.driver, name, address, kind & 0xff, count);
        }
        return;
    }
    log_line("unknown device %04x: %s 0x%lx blocked, reason %u", requester, name, address,
             kind & 0xff);
}

static void poll_unit(struct remap *remap, volatile uint32_t *registers,
                      const struct pci_table *table) {
    uint32_t first = (registers[CAPABILITY] >> 24 | (registers[CAPABILITY_HIGH] & 3) << 8) * 4;
    uint32_t count = (registers[CAPABILITY_HIGH] >> 8 & 0xff) + 1;
    if ((first + count * RECORD_WORDS) * 4 > PAGE_SIZE) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        volatile uint32_t *record = &registers[first + i * RECORD_WORDS];
        uint32_t kind = record[RECORD_KIND];
        if ((kind & KIND_FAULT) != 0) {
            uint64_t high = record[RECORD_ADDRESS_HIGH];
            uint64_t address = high << 32 | (record[RECORD_ADDRESS] & ~0xfffu);
            report(remap, table, address, record[RECORD_SOURCE] & 0xffff, kind);
            record[RECORD_KIND] = KIND_FAULT; /* written 1: free again */
        }
    }
    registers[FAULT_STATUS] = FAULT_OVERFLOW;
}

void remap_poll(struct remap *remap, const struct pci_table *table) {
    for (uint32_t i = 0; i < remap->unit_count; i++) {
        poll_unit(remap, unit_registers(i), table);
    }
    actor_must(timer_set(remap->timer, time_now_ns() + POLL_NS));
}
