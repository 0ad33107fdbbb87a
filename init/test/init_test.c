/* SPDX-License-Identifier: MIT */
/* The ladder, what programs speak, the archive reader and the ACPI reader. */
#include "check.h"

#include "../acpi.h"
#include "../init.h"
#include "../policy.h"
#include "../protocol.h"
#include "../rtc.h"
#include "../symbol.h"
#include "../ustar.h"

#define SECOND 1000000000ull

struct init init;

/* ---- Protocols ---------------------------------------------------------------------------- */

TEST(protocols_are_compared_by_whole_words) {
    CHECK(protocols_cover("net/2 netif/2", "netif/2"));
    CHECK(protocols_cover("netif/2  net/2 ", " net/2 netif/2"));
    CHECK(protocols_cover("file/1", ""));
    CHECK(!protocols_cover("netif/2", "net/2"));
    CHECK(!protocols_cover("net/21", "net/2"));
    CHECK(!protocols_cover("net/2", "net/21"));
    CHECK(!protocols_cover("net/2", "net/2 netif/2"));
    CHECK(!protocols_cover("", "file/1"));
}

TEST(a_program_is_refused_with_both_sides_named) {
    struct image_note program = {.name = "net", .protocols = "net/2 netif/2"};
    char reason[96] = "";
    CHECK(protocol_suits(&program, "net/2", reason, sizeof reason));
    CHECK_STR(reason, "");
    CHECK(!protocol_suits(&program, "file/1", reason, sizeof reason));
    CHECK_STR(reason, "net speaks net/2 netif/2, needed: file/1");
    CHECK(!protocol_suits(&program, "net/3 netif/2", reason, sizeof reason));
    CHECK_STR(reason, "net speaks net/2 netif/2, needed: net/3 netif/2");
    program.protocols[0] = '\0';
    CHECK(!protocol_suits(&program, "file/1", reason, sizeof reason));
    CHECK_STR(reason, "net speaks nothing, needed: file/1");
    CHECK(protocol_suits(&program, "", reason, sizeof reason));
}

TEST(a_program_without_a_note_serves_nobody) {
    struct image_note program = {0};
    char reason[96] = "";
    CHECK(!protocol_suits(&program, "file/1", reason, sizeof reason));
    CHECK_STR(reason, "the program has no note that says what it speaks, needed: file/1");
    CHECK(!protocol_suits(&program, "", reason, sizeof reason));
}

/* ---- Policy ------------------------------------------------------------------------------- */

#define LONG_LIFE (100 * SECOND)

static const struct death in_call = {14, 0x1000, EVENT_CALL, 77, LONG_LIFE, 1000};
static const struct death in_start = {14, 0x2000, EVENT_NONE, 0, SECOND, 0};

TEST(same_call_is_poisoned_at_the_third_time) {
    struct policy policy = {0};
    struct death other = in_call;
    other.token = 78;
    CHECK_EQ(policy_judge(&policy, &in_call, 0).step, STEP_RETRY);
    CHECK_EQ(policy_judge(&policy, &in_call, 0).step, STEP_RETRY);
    CHECK_EQ(policy_judge(&policy, &other, 0).step, STEP_RETRY);
    CHECK_EQ(policy_judge(&policy, &in_call, 0).step, STEP_RETRY);
    CHECK_EQ(policy_judge(&policy, &in_call, 0).step, STEP_RETRY);
    struct verdict verdict = policy_judge(&policy, &in_call, 0);
    CHECK_EQ(verdict.step, STEP_POISON);
    CHECK_EQ(verdict.flags, RESET_POISON);
    CHECK_EQ(verdict.delay_ns, 0);
    CHECK_EQ(policy_judge(&policy, &in_call, 0).step, STEP_RETRY);
}

TEST(same_call_is_poisoned_wherever_it_fails) {
    struct policy policy = {0};
    for (uint64_t i = 1; i < POLICY_STUCK_LIMIT; i++) {
        struct death death = {14, 0x1000 + i, EVENT_CALL, 77, LONG_LIFE, 1000};
        CHECK_EQ(policy_judge(&policy, &death, 0).step, STEP_RETRY);
    }
    CHECK_EQ(policy_judge(&policy, &in_call, 0).step, STEP_POISON);
    CHECK_EQ(policy_judge(&policy, &in_call, 0).step, STEP_RETRY);
}

/* A poisoned call ends what made the other clients wait. */
TEST(poisoning_ends_the_waiting) {
    struct policy policy = {0};
    struct death death = in_call;
    death.life = death.turns = 0;
    for (uint64_t i = 0; i < 30; i++) {
        death.token = 77 + i / 3;
        CHECK_EQ(policy_judge(&policy, &death, i * 61 * SECOND).delay_ns, 0);
    }
}

static struct verdict third(struct policy *policy, uint64_t now) {
    policy_judge(policy, &in_call, now);
    policy_judge(policy, &in_call, now);
    return policy_judge(policy, &in_call, now);
}

TEST(three_poisonings_make_a_new_instance) {
    struct policy policy = {0};
    CHECK_EQ(third(&policy, 100 * SECOND).step, STEP_POISON);
    CHECK_EQ(third(&policy, 101 * SECOND).step, STEP_POISON);
    struct verdict verdict = third(&policy, 102 * SECOND);
    CHECK_EQ(verdict.step, STEP_NEW_INSTANCE);
    CHECK_EQ(verdict.flags, RESET_COLD | RESET_POISON);
    /* Poisonings far apart don't add up. */
    for (uint64_t i = 0; i < 5; i++) {
        CHECK_EQ(third(&policy, (1000 + i * 61) * SECOND).step, STEP_POISON);
    }
}

TEST(other_events_lead_to_a_new_instance) {
    struct policy policy = {0};
    policy_judge(&policy, &in_start, 0);
    policy_judge(&policy, &in_start, 0);
    struct verdict verdict = policy_judge(&policy, &in_start, 0);
    CHECK_EQ(verdict.step, STEP_NEW_INSTANCE);
    CHECK_EQ(verdict.flags, RESET_COLD | RESET_DROP);
    /* Not at other places: nothing says that the state is at fault. */
    for (uint64_t i = 1; i <= 100; i++) {
        struct death death = {14, 0x3000 + i, EVENT_NOTIFY, 0, SECOND, 0};
        CHECK_EQ(policy_judge(&policy, &death, 0).step, STEP_RETRY);
    }
    /* Nor when it has got past that event before. */
    struct death later = in_start;
    later.event = EVENT_NOTIFY;
    later.turns = POLICY_SAME_TURNS;
    for (uint64_t i = 0; i < 10; i++) {
        CHECK_EQ(policy_judge(&policy, &later, 0).step, STEP_RETRY);
    }
    /* A server that works between its deaths keeps its state. */
    for (uint64_t i = 0; i < 100; i++) {
        struct death death = {14, 0x3000 + i, EVENT_NOTIFY, 0, SECOND, 1000};
        struct verdict working = policy_judge(&policy, &death, 0);
        CHECK_EQ(working.step, STEP_RETRY);
        CHECK_EQ(working.delay_ns, 0);
    }
}

TEST(rapid_deaths_wait) {
    struct policy policy = {0};
    struct death slow = in_start;
    slow.life = 10 * SECOND;
    uint64_t expected[] = {0, 0, 0, 100, 200, 400, 800, 1600, 2000};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        CHECK_EQ(policy_judge(&policy, &in_start, 0).delay_ns, expected[i] * 1000000);
    }
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(policy_judge(&policy, &in_start, 0).delay_ns, POLICY_DELAY_MAX_NS);
    }
    CHECK_EQ(policy_judge(&policy, &slow, 0).delay_ns, 0);
    policy_judge(&policy, &in_start, 0);
    policy_judge(&policy, &in_start, 0);
    policy_forget(&policy);
    CHECK_EQ(policy_judge(&policy, &in_start, 0).step, STEP_RETRY);
}

/* ---- Archive ------------------------------------------------------------------------------ */

struct bytes {
    const uint8_t *data;
    size_t size;
};

static status_t read_bytes(void *context, uint64_t offset, void *to, size_t size) {
    const struct bytes *bytes = context;
    if (offset > bytes->size || size > bytes->size - offset) {
        return E_RANGE;
    }
    memcpy(to, bytes->data + offset, size);
    return OK;
}

static size_t add_file(uint8_t *archive, size_t at, const char *name, char type, const char *text) {
    char *header = (char *)archive + at;
    size_t size = strlen(text);
    memset(header, 0, 512);
    strcpy(header, name);
    snprintf(header + 124, 12, "%011o", (unsigned)size);
    header[156] = type;
    memcpy(header + 257, "ustar\00000", 8);
    memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) {
        sum += (unsigned char)header[i];
    }
    snprintf(header + 148, 8, "%06o", sum);
    memset(archive + at + 512, 0, (size + 511) / 512 * 512);
    memcpy(archive + at + 512, text, size);
    return at + 512 + (size + 511) / 512 * 512;
}

TEST(ustar_files) {
    uint8_t *archive = calloc(1, 8192);
    size_t end = add_file(archive, 0, "etc", '5', "");
    end = add_file(archive, end, "etc/motd", '0', "hello");
    end = add_file(archive, end, "./manifest", '0', "service a\n");
    struct bytes bytes = {archive, end};
    uint64_t offset = 0, size = 0;
    CHECK_EQ(ustar_find(read_bytes, &bytes, end, "manifest", &offset, &size), OK);
    CHECK_EQ(size, 10);
    CHECK(memcmp(archive + offset, "service a\n", 10) == 0);
    CHECK_EQ(ustar_find(read_bytes, &bytes, end, "etc/motd", &offset, &size), OK);
    CHECK_EQ(offset, 1024);
    CHECK_EQ(ustar_find(read_bytes, &bytes, end, "etc", &offset, &size), E_NOT_FOUND);
    CHECK_EQ(ustar_find(read_bytes, &bytes, end, "none", &offset, &size), E_NOT_FOUND);
    CHECK_EQ(ustar_find(read_bytes, &bytes, 0, "none", &offset, &size), E_NOT_FOUND);
    /* Cut anywhere: an answer, never a read beyond the end. */
    for (size_t cut = 0; cut < end; cut++) {
        struct bytes part = {archive, cut};
        status_t status = ustar_find(read_bytes, &part, cut, "manifest", &offset, &size);
        REQUIRE(status == E_NOT_FOUND || status == E_FORMAT ||
                (status == OK && offset + size <= cut));
    }
    archive[512 + 3] ^= 1; /* a name with a wrong checksum */
    CHECK_EQ(ustar_find(read_bytes, &bytes, end, "manifest", &offset, &size), E_FORMAT);
    free(archive);
}

TEST(ustar_garbage) {
    uint8_t *archive = calloc(1, 4096);
    uint64_t offset, size;
    for (int round = 0; round < 3000; round++) {
        size_t end = add_file(archive, 0, "a", '0', "x");
        end = add_file(archive, end, "b", '0', "y");
        archive[check_random_below(end)] = (uint8_t)check_random();
        struct bytes bytes = {archive, end};
        status_t status = ustar_find(read_bytes, &bytes, end, "b", &offset, &size);
        REQUIRE(status == OK || status == E_FORMAT || status == E_NOT_FOUND);
        REQUIRE(status != OK || offset + size <= end);
    }
    free(archive);
}

/* ---- Function names ------------------------------------------------------------------------ */

struct symbol_file {
    uint8_t program[100];
    struct symbol_entry table[3];
    char names[20];
    struct symbol_trailer trailer;
} __attribute__((packed));

static struct symbol_file symbol_file(void) {
    struct symbol_file file = {
        .table = {{0x1000, 0}, {0x1040, 6}, {0x2000, 13}},
        .names = "alpha\0beta_2\0gamma",
        .trailer = {3, 19, SYMBOL_MAGIC},
    };
    return file;
}

TEST(function_names) {
    struct symbol_file file = symbol_file();
    struct bytes bytes = {(const uint8_t *)&file, sizeof file};
    char name[20];
    uint64_t offset;
    static const struct {
        uint64_t address, offset;
        const char *name;
    } cases[] = {{0x1000, 0, "alpha"},      {0x103f, 0x3f, "alpha"}, {0x1040, 0, "beta_2"},
                 {0x1fff, 0xfbf, "beta_2"}, {0x2000, 0, "gamma"},    {0x9000, 0x7000, "gamma"}};
    file.trailer.names_size = sizeof file.names;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        REQUIRE(symbol_find(read_bytes, &bytes, sizeof file, cases[i].address, name, sizeof name,
                            &offset) == OK);
        CHECK_STR(name, cases[i].name);
        CHECK_EQ(offset, cases[i].offset);
    }
    CHECK_EQ(symbol_find(read_bytes, &bytes, sizeof file, 0xfff, name, sizeof name, &offset),
             E_NOT_FOUND);
    CHECK_EQ(symbol_find(read_bytes, &bytes, sizeof file, 0x1050, name, 3, &offset), OK);
    CHECK_STR(name, "be");
    CHECK_EQ(symbol_find(read_bytes, &bytes, sizeof file - 1, 0x1000, name, 3, &offset),
             E_NOT_FOUND);
    CHECK_EQ(symbol_find(read_bytes, &bytes, 4, 0x1000, name, 3, &offset), E_NOT_FOUND);
}

TEST(function_names_garbage) {
    for (int round = 0; round < 20000; round++) {
        struct symbol_file file = symbol_file();
        uint8_t *raw = (uint8_t *)&file;
        file.trailer.names_size = sizeof file.names;
        for (int i = 0; i < 3; i++) {
            raw[check_random_below(sizeof file)] = (uint8_t)check_random();
        }
        struct bytes bytes = {raw, sizeof file};
        char name[8];
        uint64_t offset;
        status_t status =
            symbol_find(read_bytes, &bytes, sizeof file, 0x1050, name, sizeof name, &offset);
        REQUIRE(status == OK || status == E_FORMAT || status == E_NOT_FOUND);
        REQUIRE(status != OK || strnlen(name, sizeof name) < sizeof name);
    }
}

/* ---- ACPI --------------------------------------------------------------------------------- */

static uint8_t memory[0x4000];

static status_t read_memory(void *context, uint64_t physical, void *to, size_t size) {
    struct bytes bytes = {memory, sizeof memory};
    (void)context;
    return read_bytes(&bytes, physical, to, size);
}

static void put32(size_t at, uint32_t value) {
    memcpy(memory + at, &value, 4);
}

static void finish_table(size_t at, const char *signature, uint32_t length) {
    memcpy(memory + at, signature, 4);
    put32(at + 4, length);
    memory[at + 9] = 0;
    uint8_t sum = 0;
    for (uint32_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + memory[at + i]);
    }
    memory[at + 9] = (uint8_t)-sum;
}

/* QEMU's package: \_S5_ = {5, 5, 0, 0}, here far into the DSDT. */
static const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 5, 0x0a, 7, 0, 0};

static void build_tables(void) {
    memset(memory, 0, sizeof memory);
    memcpy(memory + 0x100, "RSD PTR ", 8);
    put32(0x100 + 16, 0x200);
    put32(0x200 + 36, 0x900);
    put32(0x200 + 40, 0x300);
    finish_table(0x200, "RSDT", 44);
    finish_table(0x900, "APIC", 40);
    put32(0x300 + 40, 0x1000);
    put32(0x300 + 48, 0xb2);
    memory[0x300 + 52] = 0xf1;
    put32(0x300 + 64, 0x604);
    put32(0x300 + 112, 1 << 10);
    memory[0x300 + 116] = 1;
    put32(0x300 + 120, 0xcf9);
    memory[0x300 + 128] = 0xf;
    finish_table(0x300, "FACP", 129);
    memcpy(memory + 0x1000 + 1530, s5, sizeof s5);
    finish_table(0x1000, "DSDT", 2000);
}

TEST(acpi_power_off) {
    struct acpi_power power = {0};
    build_tables();
    CHECK_EQ(acpi_find_power(read_memory, NULL, memory + 0x100, 36, &power), OK);
    CHECK_EQ(power.smi_command, 0xb2);
    CHECK_EQ(power.enable, 0xf1);
    CHECK_EQ(power.pm1a_control, 0x604);
    CHECK_EQ(power.pm1b_control, 0);
    CHECK_EQ(power.sleep_a, 5 << 10);
    CHECK_EQ(power.sleep_b, 7 << 10);
    CHECK_EQ(power.reset_port, 0xcf9);
    CHECK_EQ(power.reset_value, 0xf);
    power.reset_port = 0;
    memory[0x1000 + 1000] ^= 1;
    CHECK_EQ(acpi_find_power(read_memory, NULL, memory + 0x100, 36, &power), E_CHECKSUM);
    CHECK_EQ(power.reset_port, 0xcf9); /* needs no DSDT */
    power.reset_port = 0;
    build_tables();
    memory[0x1000 + 1530 + 5] = 0;
    finish_table(0x1000, "DSDT", 2000);
    put32(0x300 + 112, 0); /* there is no reset register */
    finish_table(0x300, "FACP", 129);
    CHECK_EQ(acpi_find_power(read_memory, NULL, memory + 0x100, 36, &power), E_NOT_FOUND);
    CHECK_EQ(power.reset_port, 0);
    build_tables();
    finish_table(0x300, "NONE", 116);
    CHECK_EQ(acpi_find_power(read_memory, NULL, memory + 0x100, 36, &power), E_NOT_FOUND);
    CHECK_EQ(acpi_find_power(read_memory, NULL, memory, 36, &power), E_NOT_FOUND);
    /* XSDT in place of the RSDT. */
    build_tables();
    memory[0x100 + 15] = 2;
    put32(0x100 + 24, 0x3000);
    put32(0x3000 + 36, 0x300);
    finish_table(0x3000, "XSDT", 44);
    CHECK_EQ(acpi_find_power(read_memory, NULL, memory + 0x100, 36, &power), OK);
}

TEST(acpi_garbage) {
    struct acpi_power power;
    for (int round = 0; round < 20000; round++) {
        build_tables();
        for (int i = 0; i < 3; i++) {
            memory[0x100 + check_random_below(0x280)] = (uint8_t)check_random();
        }
        status_t status = acpi_find_power(read_memory, NULL, memory + 0x100, 36, &power);
        REQUIRE(status <= OK);
    }
    uint8_t type_a, type_b;
    for (size_t cut = 0; cut <= sizeof s5; cut++) {
        uint8_t *part = malloc(cut + 1);
        memcpy(part, s5, cut);
        CHECK_EQ(acpi_scan_s5(part, cut, &type_a, &type_b), cut >= 12);
        free(part);
    }
}

/* ---- Real-time clock ---- */

TEST(clock_formats) {
    /* 2024-02-29 23:59:58, 2099-12-31 12:05:06, 2000-01-01 00:05:06. */
    static const uint8_t bcd[RTC_READS] = {2, 0x26, 0x58, 0x59, 0x23, 0x29, 2, 0x24, 0x58, 0x26};
    static const uint8_t noon[RTC_READS] = {4, 0, 6, 5, 0x8c, 31, 12, 99, 6, 0};
    static const uint8_t midnight[RTC_READS] = {4, 0, 6, 5, 12, 1, 1, 0, 6, 0};
    uint8_t values[RTC_READS];
    CHECK(rtc_steady(bcd));
    CHECK_EQ(rtc_time(bcd), 1709251198000000000ull);
    CHECK_EQ(rtc_time(noon), 4102401906000000000ull);
    CHECK_EQ(rtc_time(midnight), 946685106000000000ull);
    memcpy(values, bcd, sizeof values);
    values[1] |= 0x80;
    CHECK(!rtc_steady(values));
    memcpy(values, bcd, sizeof values);
    values[8]++;
    CHECK(!rtc_steady(values));
    memcpy(values, bcd, sizeof values);
    values[6] = 0x13;
    CHECK_EQ(rtc_time(values), 0);
}

/* ---- Invariants --------------------------------------------------------------------------- */

static struct service *build(void) {
    memset(&init, 0, sizeof init);
    init.service_count = init.manifest.service_count = init.next_start = 3;
    for (uint32_t i = 0; i < init.service_count; i++) {
        init.services[i].config = &init.manifest.services[i];
        init.services[i].state = SERVICE_RUNNING;
        init.services[i].task = init.services[i].account = init.services[i].image = 5;
    }
    state_seal();
    return &init.services[1];
}

#define BREAKS(change, expected)                                                                   \
    do {                                                                                           \
        struct service *service = build();                                                         \
        (void)service;                                                                             \
        CHECK(state_check(true) == NULL);                                                          \
        change;                                                                                    \
        const char *wrong = state_check(true);                                                     \
        CHECK_STR(wrong != NULL ? wrong : "not seen", expected);                                   \
    } while (0)

TEST(broken_invariants_are_seen) {
    BREAKS(init.service_count = MANIFEST_SERVICES + 1, "the numbers of services are wrong");
    BREAKS(init.service_count--, "the numbers of services are wrong");
    BREAKS(init.next_start = 4, "the numbers of services are wrong");
    BREAKS(memset(init.reason, 'x', sizeof init.reason), "the numbers of services are wrong");
    BREAKS(service->config++, "a damaged service");
    BREAKS(service->state = SERVICE_STOPPED + 1, "a damaged service");
    BREAKS(service->upgrade.step = UPGRADE_BACK + 1, "a damaged service");
    BREAKS(service->upgrade.kind = UPGRADE_PREVIOUS + 1, "a damaged service");
    BREAKS(memset(service->program, 'x', sizeof service->program), "a damaged service");
    BREAKS(memset(service->reason, 'x', sizeof service->reason), "a damaged service");
    BREAKS(service->task = HANDLE_NONE, "a damaged service");
    BREAKS(service->account = HANDLE_NONE, "a damaged service");
    BREAKS(service->image = HANDLE_NONE, "a damaged service");
    BREAKS(service->upgrade.step = UPGRADE_TRIAL, "a damaged service"); /* without a program */
    BREAKS(init.bell_ns = 1ull << 50, "no server would be looked at again");
    BREAKS(init.manifest.services[2].grants[1].first ^= 1, "the manifest has changed");
    BREAKS(init.manifest_sum++, "the manifest has changed");
}
