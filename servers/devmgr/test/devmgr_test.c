/* SPDX-License-Identifier: MIT
 * Enumeration, routing, rules and names against a fake configuration space.
 */
#include "../claim.h"
#include "../dmar.h"
#include "../names.h"
#include "../pci.h"
#include "../record.h"

#include "check.h"

#define FAKE_FUNCTIONS 160

struct fake_function {
    uint32_t address;
    uint8_t space[256];
};

static struct fake_function fake[FAKE_FUNCTIONS];
static uint32_t fake_count;
static uint32_t fake_reads;
static struct pci_table table;

static uint32_t fake_read(void *context, uint32_t address, uint32_t width) {
    (void)context;
    fake_reads++;
    uint32_t offset = address & 0xff;
    for (uint32_t i = 0; i < fake_count; i++) {
        if (fake[i].address == (address & ~0xffu)) {
            uint32_t value = 0;
            memcpy(&value, &fake[i].space[offset], width);
            return value;
        }
    }
    return UINT32_MAX >> (32 - 8 * width);
}

static const struct pci_config config = {.read = fake_read, .context = NULL};

static uint8_t *add(uint32_t address, uint32_t vendor, uint32_t device, uint32_t class_code) {
    struct fake_function *function = &fake[fake_count++];
    memset(function, 0, sizeof *function);
    function->address = address;
    uint32_t id = device << 16 | vendor;
    uint32_t class_word = class_code << 16 | 3;
    memcpy(&function->space[0], &id, 4);
    memcpy(&function->space[8], &class_word, 4);
    return function->space;
}

static void set32(uint8_t *space, uint32_t offset, uint32_t value) {
    memcpy(space + offset, &value, 4);
}

static uint8_t *add_bridge(uint32_t address, uint8_t secondary) {
    uint8_t *space = add(address, 0x1b36, 0x0001, 0x0604);
    space[0x0e] = 1;
    space[0x19] = secondary;
    return space;
}

static void machine_pc(void) {
    fake_count = 0;
    add(PCI_ADDRESS(0, 0, 0, 0), 0x8086, 0x1237, 0x0600);
    uint8_t *piix = add(PCI_ADDRESS(0, 1, 0, 0), 0x8086, 0x7000, 0x0601);
    piix[0x0e] = 0x80;
    memcpy(&piix[0x60], "\x0a\x0a\x0b\x0b", 4);
    add(PCI_ADDRESS(0, 1, 1, 0), 0x8086, 0x7010, 0x0101);
    add(PCI_ADDRESS(0, 1, 3, 0), 0x8086, 0x7113, 0x0680);
    uint8_t *nic = add(PCI_ADDRESS(0, 3, 0, 0), 0x8086, 0x100e, 0x0200);
    set32(nic, 0x10, 0xfebc0000);
    set32(nic, 0x14, 0xc001);
    nic[0x3c] = 11;
    nic[0x3d] = 1;
}

static void machine_q35(void) {
    fake_count = 0;
    add(PCI_ADDRESS(0, 0, 0, 0), 0x8086, 0x29c0, 0x0600);
    uint8_t *nic = add(PCI_ADDRESS(0, 2, 0, 0), 0x8086, 0x100e, 0x0200);
    nic[0x3c] = 10;
    nic[0x3d] = 1;
    add_bridge(PCI_ADDRESS(0, 3, 0, 0), 1);
    uint8_t *behind = add(PCI_ADDRESS(1, 2, 0, 0), 0x10ec, 0x8139, 0x0200);
    behind[0x3d] = 1;
    set32(behind, 0x10, 0xfe00000c);
    set32(behind, 0x14, 0x00000001);
    uint8_t *lpc = add(PCI_ADDRESS(0, 31, 0, 0), 0x8086, 0x2918, 0x0601);
    lpc[0x0e] = 0x80;
    uint8_t *ahci = add(PCI_ADDRESS(0, 31, 2, 0), 0x8086, 0x2922, 0x0106);
    ahci[0x3d] = 1;
}

static uint32_t find(uint32_t address) {
    for (uint32_t i = 0; i < table.count; i++) {
        if (table.functions[i].address == address) {
            return i;
        }
    }
    return PCI_FUNCTIONS;
}

TEST(enumerates_multifunction_devices) {
    machine_pc();
    pci_enumerate(&table, &config);
    CHECK_EQ(table.count, 5);
    CHECK_EQ(table.chipset, PCI_CHIPSET_PIIX);
    uint32_t nic = find(PCI_ADDRESS(0, 3, 0, 0));
    REQUIRE(nic < table.count);
    const struct pci_function *function = &table.functions[nic];
    CHECK_EQ(function->vendor, 0x8086);
    CHECK_EQ(function->device, 0x100e);
    CHECK_EQ(function->class_code, 2);
    CHECK_EQ(function->subclass, 0);
    CHECK_EQ(function->revision, 3);
    CHECK_EQ(function->bar[0], 0xfebc0000);
    CHECK_EQ(function->bar[1], 0xc001);
    CHECK_EQ(function->owner, PCI_NO_OWNER);
    CHECK(find(PCI_ADDRESS(0, 1, 3, 0)) < table.count);
}

TEST(single_function_devices_are_not_probed_further) {
    fake_count = 0;
    add(PCI_ADDRESS(0, 4, 0, 0), 0x8086, 0x100e, 0x0200);
    add(PCI_ADDRESS(0, 4, 1, 0), 0x8086, 0x100e, 0x0200); /* an alias of function 0 */
    pci_enumerate(&table, &config);
    CHECK_EQ(table.count, 1);
}

TEST(follows_bridges_once) {
    machine_q35();
    add_bridge(PCI_ADDRESS(1, 5, 0, 0), 2);
    add(PCI_ADDRESS(2, 0, 0, 0), 0x8086, 0x10d3, 0x0200);
    add_bridge(PCI_ADDRESS(2, 1, 0, 0), 1); /* back up: must not loop */
    add_bridge(PCI_ADDRESS(2, 2, 0, 0), 0); /* never configured */
    pci_enumerate(&table, &config);
    CHECK_EQ(table.count, fake_count);
    uint32_t deep = find(PCI_ADDRESS(2, 0, 0, 0));
    REQUIRE(deep < table.count);
    CHECK_EQ(table.functions[deep].parent, find(PCI_ADDRESS(1, 5, 0, 0)));
    CHECK(fake_reads < 10000);
}

TEST(reads_64_bit_bars) {
    machine_q35();
    pci_enumerate(&table, &config);
    uint32_t index = find(PCI_ADDRESS(1, 2, 0, 0));
    REQUIRE(index < table.count);
    CHECK_EQ(table.functions[index].bar[0], 0x1fe000000);
    CHECK_EQ(table.functions[index].bar[1], 0);
}

TEST(counts_what_does_not_fit) {
    fake_count = 0;
    for (uint32_t i = 0; i < 15; i++) {
        for (uint32_t j = 0; j < 8; j++) {
            add(PCI_ADDRESS(0, i, j, 0), 0x8086, 0x100e, 0x0200)[0x0e] = 0x80;
        }
    }
    pci_enumerate(&table, &config);
    CHECK_EQ(table.count, PCI_FUNCTIONS);
    CHECK_EQ(table.dropped, 120 - PCI_FUNCTIONS);
}

TEST(routes_intx_on_pc) {
    struct pci_route route;
    machine_pc();
    pci_enumerate(&table, &config);
    uint32_t nic = find(PCI_ADDRESS(0, 3, 0, 0));
    REQUIRE(pci_route_intx(&table, &config, nic, &route));
    CHECK_EQ(route.gsi, 11);
    CHECK_EQ(route.flags, 1);
    fake[4].address = PCI_ADDRESS(0, 2, 0, 0);
    fake[4].space[0x3c] = 0;
    pci_enumerate(&table, &config);
    REQUIRE(pci_route_intx(&table, &config, find(PCI_ADDRESS(0, 2, 0, 0)), &route));
    CHECK_EQ(route.gsi, 10);
    fake[1].space[0x61] = 0x80; /* PIRQ B off and no line register */
    CHECK(!pci_route_intx(&table, &config, find(PCI_ADDRESS(0, 2, 0, 0)), &route));
    CHECK(!pci_route_intx(&table, &config, 0, &route)); /* the host bridge has no pin */
}

TEST(routes_intx_on_q35) {
    struct pci_route route;
    machine_q35();
    pci_enumerate(&table, &config);
    REQUIRE(pci_route_intx(&table, &config, find(PCI_ADDRESS(0, 2, 0, 0)), &route));
    CHECK_EQ(route.gsi, 22);
    CHECK_EQ(route.flags, 1);
    REQUIRE(pci_route_intx(&table, &config, find(PCI_ADDRESS(0, 31, 2, 0)), &route));
    CHECK_EQ(route.gsi, 16);
    /* slot 2 behind the bridge in slot 3: pin A becomes C, 20 + (3 + 2) % 4 */
    REQUIRE(pci_route_intx(&table, &config, find(PCI_ADDRESS(1, 2, 0, 0)), &route));
    CHECK_EQ(route.gsi, 21);
}

TEST(routes_by_line_register_on_unknown_boards) {
    struct pci_route route;
    fake_count = 0;
    add(PCI_ADDRESS(0, 0, 0, 0), 0x1022, 0x1480, 0x0600);
    uint8_t *nic = add(PCI_ADDRESS(0, 3, 0, 0), 0x8086, 0x100e, 0x0200);
    nic[0x3c] = 9;
    nic[0x3d] = 2;
    pci_enumerate(&table, &config);
    REQUIRE(pci_route_intx(&table, &config, 1, &route));
    CHECK_EQ(route.gsi, 9);
    CHECK_EQ(route.flags, 3);
    table.functions[1].interrupt_line = 0xff;
    CHECK(!pci_route_intx(&table, &config, 1, &route));
    table.functions[1].interrupt_pin = 7;
    CHECK(!pci_route_intx(&table, &config, 1, &route));
}

TEST(parses_rules) {
    struct claim_rules rules;
    const char *good[] = {"grant", "1", "8086:100e,8086:10d3", "grant", "2", "class:02,1af4:*"};
    CHECK_EQ(claim_parse(&rules, 6, good), -1);
    CHECK_EQ(rules.count, 2);
    CHECK_EQ(rules.grants[0].count, 2);
    CHECK_EQ(rules.grants[0].ids[1].device, 0x10d3);
    CHECK_EQ(rules.grants[1].class_code, 2);
    CHECK_EQ(rules.grants[1].ids[0].device, CLAIM_ANY);
    const char *bad[][3] = {
        {"give", "1", "8086:100e"},   {"grant", "x", "8086:100e"},
        {"grant", "1", "8086"},       {"grant", "1", "8086:100"},
        {"grant", "1", ""},           {"grant", "1", "8086:100e,"},
        {"grant", "1", "class:"},     {"grant", "1", "class:100"},
        {"grant", "70000", "8086:*"}, {"grant", "1", "8086:10000"},
        {"grant", "1", "808x:100e"},  {"grant", "1", "class:1,class:2"},
    };
    const int where[] = {0, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2};
    for (size_t i = 0; i < sizeof where / sizeof where[0]; i++) {
        CHECK_EQ(claim_parse(&rules, 3, bad[i]), where[i]);
        CHECK_EQ(rules.count, 0);
    }
    CHECK_EQ(claim_parse(&rules, 2, good), 2);
    CHECK_EQ(claim_parse(&rules, 0, good), -1);
    const char *many[] = {"grant", "1", "1:1,", "grant"};
    CHECK_EQ(claim_parse(&rules, 4, many), 2);
    const char *nine[] = {"grant", "1",
                          "0001:0001,0001:0002,0001:0003,0001:0004,0001:0005,0001:0006,0001:0007,"
                          "0001:0008,0001:0009"};
    CHECK_EQ(claim_parse(&rules, 3, nine), 2);
}

static struct claim_rules two_drivers(void) {
    struct claim_rules rules;
    const char *arguments[] = {"grant", "1", "8086:100e,8086:10d3", "grant", "2", "8086:*"};
    CHECK_EQ(claim_parse(&rules, 6, arguments), -1);
    return rules;
}

TEST(claims_are_sticky) {
    struct claim_rules rules = two_drivers();
    fake_count = 0;
    add(PCI_ADDRESS(0, 3, 0, 0), 0x8086, 0x100e, 0x0200);
    add(PCI_ADDRESS(0, 4, 0, 0), 0x8086, 0x10d3, 0x0200);
    pci_enumerate(&table, &config);
    struct pci_claim_request request = {
        .count = 2, .matches = {0x8086100e, 0x808610d3}, .driver = "e1000"};
    uint32_t index = 99;
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), OK);
    CHECK_EQ(index, 0);
    CHECK_EQ(claim_take(&table, &rules, 2, &request, &index), OK);
    CHECK_EQ(index, 1);
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), OK);
    CHECK_EQ(index, 0);
    CHECK_EQ(claim_take(&table, &rules, 2, &request, &index), OK);
    CHECK_EQ(index, 1);
    struct pci_entry entry;
    pci_describe(&table.functions[0], &entry);
    CHECK_STR(entry.driver, "e1000");
    CHECK_STR(entry.class_name, "Ethernet controller");
    CHECK_STR(entry.name, "Intel 82540EM gigabit Ethernet");
}

TEST(claims_are_refused) {
    struct claim_rules rules = two_drivers();
    fake_count = 0;
    add(PCI_ADDRESS(0, 3, 0, 0), 0x10ec, 0x8139, 0x0200);
    pci_enumerate(&table, &config);
    uint32_t index = 99;
    struct pci_claim_request request = {.count = 1, .matches = {0x10ec8139}};
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), E_RIGHTS);
    CHECK(!claim_known(&rules, &table.functions[0]));
    request.matches[0] = 0x8086100e;
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), E_NOT_FOUND);
    request.count = 0;
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), E_INVALID);
    request.count = PCI_MATCH_MAX + 1;
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), E_INVALID);
    request.count = 1;
    request.bar = 6;
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), E_INVALID);
    request.bar = 0;
    memset(request.driver, 'x', sizeof request.driver);
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), E_INVALID);
    CHECK_EQ(index, 99);
}

TEST(a_client_that_changes_its_mind_frees_its_device) {
    struct claim_rules rules = two_drivers();
    fake_count = 0;
    add(PCI_ADDRESS(0, 3, 0, 0), 0x8086, 0x100e, 0x0200);
    add(PCI_ADDRESS(0, 4, 0, 0), 0x8086, 0x10d3, 0x0200);
    pci_enumerate(&table, &config);
    struct pci_claim_request request = {.count = 1, .matches = {0x8086100e}};
    uint32_t index;
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), OK);
    request.matches[0] = 0x808610d3;
    CHECK_EQ(claim_take(&table, &rules, 1, &request, &index), OK);
    CHECK_EQ(index, 1);
    CHECK_EQ(table.functions[0].owner, PCI_NO_OWNER);
}

TEST(names_fit_their_fields) {
    char name[64];
    for (uint32_t class_code = 0; class_code < 256; class_code++) {
        for (uint32_t subclass = 0; subclass < 256; subclass++) {
            CHECK(strlen(pci_class_name((uint8_t)class_code, (uint8_t)subclass)) < 32);
        }
    }
    CHECK_STR(pci_class_name(0x0c, 0x99), "serial bus controller");
    CHECK_STR(pci_class_name(0x77, 0), "unknown class");
    pci_device_name(0x8086, 0x1237, name, sizeof name);
    CHECK_STR(name, "Intel 440FX host bridge");
    pci_device_name(0x8086, 0xabcd, name, sizeof name);
    CHECK_STR(name, "Intel device abcd");
    pci_device_name(0x4321, 0x8765, name, sizeof name);
    CHECK_STR(name, "4321:8765");
}

/* ---- Records ------------------------------------------------------------------------------- */

TEST(owners_go_over_by_records) {
    static uint8_t space[4096] __attribute__((aligned(8)));
    const struct image_note program = {.name = "devmgr"};
    struct records_writer writer;
    struct records_reader reader;
    machine_pc();
    pci_enumerate(&table, &config);
    table.functions[4].owner = 1;
    strcpy(table.functions[4].driver, "e1000");
    table.functions[2].owner = 3;
    records_begin(&writer, space, sizeof space);
    pci_export(&table, &writer);
    REQUIRE(records_end(&writer, &program) == OK);

    machine_pc();
    memcpy(&fake[2].space[0], "\x86\x80\x99\x99", 4); /* and that one is another */
    pci_enumerate(&table, &config);
    REQUIRE(records_open(&reader, space, writer.used) == OK);
    pci_import(&table, &reader);
    CHECK(pci_check(&table) == NULL);
    CHECK_EQ(table.functions[4].owner, 1);
    CHECK_STR(table.functions[4].driver, "e1000");
    CHECK_EQ(table.functions[2].owner, PCI_NO_OWNER);
}

TEST(damaged_records_leave_a_sound_table) {
    static uint8_t space[4096] __attribute__((aligned(8)));
    const struct image_note program = {.name = "devmgr"};
    struct records_writer writer;
    struct records_reader reader;
    for (uint32_t round = 0; round < 20000; round++) {
        machine_pc();
        pci_enumerate(&table, &config);
        for (uint32_t i = 0; i < 3; i++) {
            table.functions[i].owner = i;
            strcpy(table.functions[i].driver, "e1000");
        }
        records_begin(&writer, space, sizeof space);
        pci_export(&table, &writer);
        REQUIRE(records_end(&writer, &program) == OK);
        struct records_head *head = (struct records_head *)(void *)space;
        for (uint32_t hits = 0; hits < 1 + round % 8; hits++) {
            space[sizeof *head + check_random_below(head->length)] =
                (uint8_t)(round % 3 == 0 ? 0xff : check_random());
        }
        head->checksum = records_checksum(head + 1, head->length);
        pci_enumerate(&table, &config);
        if (records_open(&reader, space, writer.used) == OK) {
            pci_import(&table, &reader);
        }
        REQUIRE(pci_check(&table) == NULL);
    }
}

#define BREAKS(change, expected)                                                                   \
    do {                                                                                           \
        machine_pc();                                                                              \
        pci_enumerate(&table, &config);                                                            \
        CHECK(pci_check(&table) == NULL);                                                          \
        change;                                                                                    \
        const char *wrong = pci_check(&table);                                                     \
        CHECK_STR(wrong != NULL ? wrong : "not seen", expected);                                   \
    } while (0)

TEST(broken_invariants_are_seen) {
    BREAKS(table.count = PCI_FUNCTIONS + 1, "the table's numbers are wrong");
    BREAKS(table.chipset = 9, "the table's numbers are wrong");
    BREAKS(table.count--, "a device has changed");
    BREAKS(table.sum ^= 1, "a device has changed");
    BREAKS(table.functions[2].address ^= 8, "a device has changed");
    BREAKS(table.functions[2].bar[0] ^= 1ull << 40, "a device has changed");
    BREAKS(table.functions[3].owner = 1, "a device has changed");
    /* what a program puts there that was itself misled */
    BREAKS((table.functions[1].owner = 0x10000, pci_seal(&table)), "a damaged device");
    BREAKS((table.functions[1].parent = 1, pci_seal(&table)), "a damaged device");
    BREAKS((memset(table.functions[3].driver, 'x', sizeof table.functions[3].driver),
            pci_seal(&table)),
           "a damaged device");
}

/* ---- The IOMMU ----------------------------------------------------------------------------- */

static uint8_t *add_express(uint8_t *space, uint8_t type) {
    space[0x06] = 0x10;
    space[0x34] = 0x50;
    memcpy(&space[0x50], "\x05\x60", 2);
    space[0x60] = 0x10;
    space[0x62] = (uint8_t)(type << 4 | 2);
    return space;
}

TEST(bridges_to_conventional_pci_take_accesses_for_their_own) {
    fake_count = 0;
    add_express(add_bridge(PCI_ADDRESS(0, 4, 0, 0), 1), 4); /* a root port */
    add_express(add(PCI_ADDRESS(1, 0, 0, 0), 0x8086, 0x10d3, 0x0200), 0);
    add_express(add_bridge(PCI_ADDRESS(1, 0, 1, 0), 2), 7); /* to PCI */
    fake[1].space[0x0e] = 0x80;
    add(PCI_ADDRESS(2, 5, 0, 0), 0x8086, 0x100e, 0x0200);
    add_bridge(PCI_ADDRESS(2, 6, 0, 0), 3); /* PCI to PCI */
    add(PCI_ADDRESS(3, 1, 0, 0), 0x8086, 0x100e, 0x0200);
    add_bridge(PCI_ADDRESS(0, 5, 0, 0), 4); /* PCI to PCI, on the root */
    add(PCI_ADDRESS(4, 1, 0, 0), 0x8086, 0x100e, 0x0200);
    pci_enumerate(&table, &config);
    REQUIRE(table.count == fake_count);
    CHECK_EQ(table.functions[find(PCI_ADDRESS(1, 0, 0, 0))].requester, 0x100);
    CHECK_EQ(table.functions[find(PCI_ADDRESS(2, 5, 0, 0))].requester, 0x200);
    CHECK_EQ(table.functions[find(PCI_ADDRESS(3, 1, 0, 0))].requester, 0x200);
    CHECK_EQ(table.functions[find(PCI_ADDRESS(4, 1, 0, 0))].requester, 5u << 3);
}

#define TABLES 0x7fe0000ull
static uint8_t tables[2048], rsdp[40];
enum { ROOT = 0, FADT = 128, DMAR = 512 };

static status_t read_tables(uint64_t physical, void *to, size_t size) {
    if (physical < TABLES || physical - TABLES > sizeof tables ||
        size > sizeof tables - (physical - TABLES)) {
        return E_RANGE;
    }
    memcpy(to, tables + (physical - TABLES), size);
    return OK;
}

static void put(size_t at, uint64_t value, size_t size) {
    memcpy(tables + at, &value, size);
}

static void finish(size_t at, const char *name, uint32_t size) {
    uint8_t sum = 0;
    memcpy(tables + at, name, 4);
    put(at + 4, size, 4);
    tables[at + 9] = 0;
    for (uint32_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + tables[at + i]);
    }
    tables[at + 9] = (uint8_t)-sum;
}

/* Two units of segment 0 and a structure of another kind. */
static void build_tables(void) {
    memset(tables, 0, sizeof tables);
    memset(rsdp, 0, sizeof rsdp);
    memcpy(rsdp, "RSD PTR ", 8);
    uint32_t root = (uint32_t)TABLES;
    memcpy(rsdp + 16, &root, 4);
    put(ROOT + 36, TABLES + FADT, 4);
    put(ROOT + 40, TABLES + DMAR, 4);
    finish(ROOT, "RSDT", 44);
    finish(FADT, "FACP", 120);
    put(DMAR + 48, 24ull << 16, 4);
    put(DMAR + 56, 0xfed90000, 8);
    put(DMAR + 72, 2 | 16ull << 16, 4); /* ATSR */
    put(DMAR + 88, 16ull << 16, 4);
    put(DMAR + 96, 0xfed91000, 8);
    finish(DMAR, "DMAR", 104);
}

TEST(units_are_found_in_the_dmar) {
    struct dmar dmar;
    build_tables();
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), OK);
    CHECK_EQ(dmar.unit_count, 2);
    CHECK_EQ(dmar.units[0], 0xfed90000);
    CHECK_EQ(dmar.units[1], 0xfed91000);
    CHECK(!dmar.firmware);
    put(DMAR + 72, 1 | 16ull << 16, 4); /* reserved memory */
    finish(DMAR, "DMAR", 104);
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), OK);
    CHECK(dmar.firmware);
}

TEST(a_dmar_that_is_absent_or_broken_is_no_dmar) {
    struct dmar dmar;
    build_tables();
    finish(DMAR, "MCFG", 104);
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), E_NOT_FOUND);
    build_tables();
    tables[DMAR + 60] ^= 1;
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), E_CHECKSUM);
    build_tables();
    put(DMAR + 74, 8, 2); /* shorter than a structure can be */
    finish(DMAR, "DMAR", 104);
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), E_CHECKSUM);
    build_tables();
    put(DMAR + 90, 64, 2); /* longer than the table */
    finish(DMAR, "DMAR", 104);
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), E_CHECKSUM);
    build_tables();
    put(DMAR + 94, 1, 2); /* another segment: could not be told from the first */
    finish(DMAR, "DMAR", 104);
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), E_UNSUPPORTED);
    build_tables();
    put(DMAR + 4, 1u << 30, 4);
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), E_UNSUPPORTED);
    rsdp[0] = 'X';
    CHECK_EQ(dmar_find(read_tables, rsdp, &dmar), E_NOT_FOUND);
}
