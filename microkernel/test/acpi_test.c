/* SPDX-License-Identifier: MIT
 * The ACPI reader against good, broken and random tables in a small fake physical memory.
 */
#include "acpi.h"

#include <check.h>

#define MEMORY_BASE 0x7f0000u
#define MEMORY_SIZE 4096u

static uint8_t *memory; /* on the heap: ASan watches both ends */
static uint8_t rsdp[40];
static struct acpi_info info;

const void *acpi_memory(phys_t address, size_t size) {
    bool inside = address >= MEMORY_BASE && size <= MEMORY_SIZE &&
                  address - MEMORY_BASE <= MEMORY_SIZE - size;
    return inside ? memory + (address - MEMORY_BASE) : NULL;
}

static void checksum_fix(uint8_t *bytes, size_t size, size_t at) {
    uint8_t sum = 0;
    bytes[at] = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[at] = (uint8_t)-sum;
}

static void put(size_t at, const void *bytes, size_t size) {
    memcpy(memory + at, bytes, size);
}

static void put32(size_t at, uint32_t value) {
    put(at, &value, sizeof(value));
}

static void put64(size_t at, uint64_t value) {
    put(at, &value, sizeof(value));
}

static void table(size_t at, const char *name, uint32_t size) {
    put(at, name, 4);
    put32(at + 4, size);
    checksum_fix(memory + at, size, 9);
}

enum { XSDT = 0, MADT = 256, HPET = 512, MCFG = 640, FADT = 768 };

/* Two processors, one disabled, one x2APIC; one I/O APIC; IRQ 0 on GSI 2, IRQ 9 level low. */
static const uint8_t madt_entries[] = {
    0, 8,  0, 0, 1, 0, 0,    0,                              /* APIC id 0 */
    0, 8,  1, 3, 1, 0, 0,    0,                              /* APIC id 3 */
    0, 8,  2, 5, 0, 0, 0,    0,                              /* disabled */
    9, 16, 0, 0, 0, 1, 0,    0,    1,   0, 0, 0, 0, 0, 0, 0, /* x2APIC id 256 */
    1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0,   0, 0, 0,             /* 0xfec00000 */
    2, 10, 0, 0, 2, 0, 0,    0,    0,   0,                   /* IRQ 0 */
    2, 10, 0, 9, 9, 0, 0,    0,    0xf, 0,                   /* IRQ 9 */
};

static void build(void) {
    free(memory);
    memory = calloc(1, MEMORY_SIZE);
    memset(&info, 0, sizeof(info));
    put32(MADT + 36, 0xfee00000);
    put(MADT + 44, madt_entries, sizeof(madt_entries));
    table(MADT, "APIC", 44 + sizeof(madt_entries));
    put64(HPET + 44, 0xfed00000);
    table(HPET, "HPET", 56);
    put64(MCFG + 44, 0xb0000000);
    memory[MCFG + 55] = 255;
    table(MCFG, "MCFG", 60);
    put32(FADT + 76, 0x608);
    memory[FADT + 91] = 4;
    table(FADT, "FACP", 244);
    const uint64_t entries[5] = {MEMORY_BASE + MADT, MEMORY_BASE + HPET, MEMORY_BASE + MCFG,
                                 MEMORY_BASE + FADT, 0xdead00000000};
    put(XSDT + 36, entries, sizeof(entries));
    table(XSDT, "XSDT", 36 + sizeof(entries));
    memset(rsdp, 0, sizeof(rsdp));
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = 2;
    const uint64_t root = MEMORY_BASE + XSDT;
    memcpy(rsdp + 24, &root, sizeof(root));
    checksum_fix(rsdp, 20, 8);
    checksum_fix(rsdp, 36, 32);
}

TEST(good_tables) {
    build();
    acpi_parse(&info, rsdp);
    CHECK_EQ(info.root, MEMORY_BASE);
    CHECK(info.madt);
    REQUIRE(info.cpu_count == 3);
    CHECK_EQ(info.apic_ids[0], 0);
    CHECK_EQ(info.apic_ids[1], 3);
    CHECK_EQ(info.apic_ids[2], 256);
    REQUIRE(info.io_apic_count == 1);
    CHECK_EQ(info.io_apics[0].address, 0xfec00000);
    CHECK(info.isa[0].gsi == 2 && !info.isa[0].level);
    CHECK(info.isa[9].gsi == 9 && info.isa[9].level && info.isa[9].active_low);
    CHECK(info.isa[1].gsi == 1 && !info.isa[1].level && !info.isa[1].active_low);
    CHECK_EQ(info.hpet, 0xfed00000);
    CHECK_EQ(info.ecam, 0xb0000000);
    CHECK_EQ(info.ecam_size, 256u << 20);
    CHECK_EQ(info.pm_timer_port, 0x608);
}

TEST(old_rsdp_uses_the_rsdt) {
    build();
    const uint32_t entry = MEMORY_BASE + HPET;
    const uint32_t root = MEMORY_BASE + 2048;
    put(2048 + 36, &entry, sizeof(entry));
    table(2048, "RSDT", 40);
    rsdp[15] = 0;
    memcpy(rsdp + 16, &root, sizeof(root));
    checksum_fix(rsdp, 20, 8);
    acpi_parse(&info, rsdp);
    CHECK_EQ(info.root, MEMORY_BASE + 2048);
    CHECK_EQ(info.hpet, 0xfed00000);
}

TEST(bad_checksums) {
    build();
    memory[MADT + 50] ^= 1;
    acpi_parse(&info, rsdp);
    CHECK_EQ(info.cpu_count, 0);
    CHECK_EQ(info.hpet, 0xfed00000); /* the others still count */
    build();
    rsdp[8] ^= 1;
    acpi_parse(&info, rsdp);
    CHECK_EQ(info.root, 0);
    build();
    memory[XSDT + 40] ^= 1;
    acpi_parse(&info, rsdp);
    CHECK_EQ(info.root, 0);
}

TEST(table_longer_than_memory) {
    build();
    put32(MADT + 4, MEMORY_SIZE);
    acpi_parse(&info, rsdp);
    CHECK_EQ(info.cpu_count, 0);
}

TEST(madt_entry_of_length_zero_ends_it) {
    build();
    memory[MADT + 44 + 9] = 0;
    table(MADT, "APIC", 44 + sizeof(madt_entries));
    acpi_parse(&info, rsdp);
    CHECK_EQ(info.cpu_count, 1);
}

TEST(truncated_tables) {
    for (uint32_t size = 0; size < 300; size++) {
        static const size_t places[] = {XSDT, MADT, HPET, MCFG, FADT};
        for (size_t i = 0; i < 5; i++) {
            build();
            put32(places[i] + 4, size);
            checksum_fix(memory + places[i], size, 9);
            acpi_parse(&info, rsdp);
        }
    }
    CHECK(info.cpu_count <= CPU_MAX);
}

TEST(random_content) {
    for (int round = 0; round < 20000; round++) {
        build();
        size_t places[] = {MADT, HPET, MCFG, FADT};
        size_t place = places[check_random_below(4)];
        uint32_t size = 36 + (uint32_t)check_random_below(MEMORY_SIZE - 36 - place);
        for (uint32_t i = 36; i < size; i++) {
            memory[place + i] = (uint8_t)check_random();
        }
        for (uint32_t at = 44; at + 2 < size; at += 8) {
            memory[place + at] = (uint8_t)check_random_below(11);
            memory[place + at + 1] = (uint8_t)check_random_below(17);
        }
        put32(place + 4, size);
        checksum_fix(memory + place, size, 9);
        acpi_parse(&info, rsdp);
        CHECK(info.cpu_count <= CPU_MAX && info.io_apic_count <= ACPI_IO_APICS);
    }
}
