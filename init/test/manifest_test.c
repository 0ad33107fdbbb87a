/* SPDX-License-Identifier: MIT */
/* The manifest parser: every kind of line, every kind of error, and garbage. */
#include "check.h"

#include "../manifest.h"

static struct manifest manifest;
static char errors[2048];

static void report(void *context, uint32_t line, const char *text) {
    size_t length = strlen(errors);
    (void)context;
    snprintf(errors + length, sizeof errors - length, "%u: %s\n", line, text);
}

static void parse(const char *text) {
    /* Exactly as long as the text, so that reading beyond it is seen. */
    size_t length = strlen(text);
    char *copy = malloc(length + 1);
    memcpy(copy, text, length);
    errors[0] = '\0';
    manifest_parse(copy, length, &manifest, report, NULL);
    free(copy);
}

TEST(a_full_section) {
    parse("# comment\n"
          "service net   # here too\n"
          "\tprogram netstack\n"
          "  kind server\n"
          "  protocol net/2 netif/2\n"
          "  priority 20\r\n"
          "  memory 3M or 15%\n"
          "  arena 768K\n"
          "  args dhcp \"two words\"\n"
          "  args third#not-a-comment\n"
          "  restart failure\n"
          "  optional\n"
          "  manual\n"
          "  system info log\n"
          "  use init as boss badge 0x10 operator\n"
          "  use net\n"
          "  ioport 0x3f8 8 as com1\n"
          "  irq 4 as com1-irq\n"
          "  physical 0xb8000 32K as text\n"
          "  framebuffer as screen\n"
          "  boot\n"
          "  supervisor\n"
          "  module boot.tar as archive");
    CHECK_STR(errors, "");
    REQUIRE(manifest.service_count == 1);
    const struct manifest_service *net = &manifest.services[0];
    CHECK_STR(net->name, "net");
    CHECK_STR(net->protocols, "net/2 netif/2");
    CHECK_STR(net->program, "netstack");
    CHECK_EQ(net->kind, KIND_SERVER);
    CHECK_EQ(net->priority, 20);
    CHECK_EQ(net->memory, 3 << 20);
    CHECK_EQ(net->memory_percent, 15);
    CHECK_EQ(net->arena, 768 << 10);
    CHECK_EQ(net->restart, RESTART_FAILURE);
    CHECK_EQ(net->optional, 1);
    CHECK_EQ(net->manual, 1);
    CHECK_EQ(net->argument_count, 3);
    CHECK_STR(net->arguments, "dhcp");
    CHECK_STR(net->arguments + 5, "two words");
    CHECK_STR(net->arguments + 15, "third#not-a-comment");
    REQUIRE(net->grant_count == 10);
    const struct grant *grants = net->grants;
    CHECK_EQ(grants[0].kind, GRANT_SYSTEM);
    CHECK_EQ(grants[0].rights, RIGHT_READ | RIGHT_WRITE);
    CHECK_STR(grants[0].name, "system");
    CHECK_EQ(grants[1].kind, GRANT_USE);
    CHECK_STR(grants[1].name, "boss");
    CHECK_STR(grants[1].target, "init");
    CHECK_EQ(grants[1].first, 16);
    CHECK_EQ(grants[1].rights, 1);
    CHECK_STR(grants[2].name, "net");
    CHECK_EQ(grants[2].rights, 0);
    CHECK_EQ(grants[3].kind, GRANT_IOPORT);
    CHECK_EQ(grants[3].first, 0x3f8);
    CHECK_EQ(grants[3].second, 8);
    CHECK_STR(grants[4].name, "com1-irq");
    CHECK_EQ(grants[5].kind, GRANT_MEMORY);
    CHECK_EQ(grants[5].second, 32768);
    CHECK_STR(grants[6].name, "screen");
    CHECK_STR(grants[7].name, "boot");
    CHECK_EQ(grants[8].kind, GRANT_SUPERVISOR);
    CHECK_STR(grants[8].name, "supervisor");
    CHECK_STR(grants[9].target, "boot.tar");
    CHECK_STR(grants[9].name, "archive");
    CHECK(manifest_find(&manifest, "net") == net);
    CHECK(manifest_find(&manifest, "nets") == NULL);
}

TEST(defaults) {
    parse("service a\nservice b\nkind program\nrestart never\nservice c\nkind driver\n");
    CHECK_STR(errors, "");
    REQUIRE(manifest.service_count == 3);
    const struct manifest_service *a = &manifest.services[0];
    CHECK_STR(a->program, "a");
    CHECK_EQ(a->kind, KIND_SERVER);
    CHECK_EQ(a->restart, RESTART_ALWAYS);
    CHECK_EQ(a->memory, 1 << 20);
    CHECK_EQ(a->arena, 0);
    CHECK_EQ(manifest.services[1].kind, KIND_PROGRAM);
    CHECK_EQ(manifest.services[2].kind, KIND_DRIVER);
    CHECK_EQ(manifest.services[1].restart, RESTART_NEVER);
}

/* One bad line inside a good section: the line's number, and everything else stays. */
static void bad_line(const char *line, const char *message) {
    char text[900], expected[900];
    snprintf(text, sizeof text, "service a\npriority 5\n%s\nmemory 2M\n", line);
    snprintf(expected, sizeof expected, "3: %s\n", message);
    parse(text);
    CHECK_STR(errors, expected);
    CHECK_EQ(manifest.error_count, 1);
    REQUIRE(manifest.service_count == 1);
    CHECK_EQ(manifest.services[0].priority, 5);
    CHECK_EQ(manifest.services[0].memory, 2 << 20);
}

TEST(errors_name_their_line) {
    bad_line("frobnicate", "unknown word 'frobnicate'");
    bad_line("priority", "number is missing after 'priority'");
    bad_line("priority x", "bad number 'x'");
    bad_line("priority 32", "number is too large: '32'");
    bad_line("priority 3 4", "unexpected word '4'");
    bad_line("protocol", "protocol needs a NAME/VERSION");
    bad_line("protocol net", "bad protocol 'net'");
    bad_line("protocol a/1 a-name-that-is-much-too-long-for-it/1",
             "bad protocol 'a-name-that-is-much-too-long-for-it/1'");
    bad_line("memory 1M or", "expected: memory SIZE or N%");
    bad_line("memory 1M or 101%", "expected: memory SIZE or N%");
    bad_line("memory 1M or %", "expected: memory SIZE or N%");
    bad_line("kind", "kind is server, driver or program");
    bad_line("program a/b", "bad name 'a/b'");
    bad_line("program abcdefghijklmnopqrst", "bad name 'abcdefghijklmnopqrst'");
    bad_line("restart sometimes", "restart is always, failure or never");
    bad_line("args \"open", "quote does not end");
    bad_line("use", "name is missing after 'use'");
    bad_line("use init as", "name is missing after 'as'");
    bad_line("use init badge", "number is missing after 'badge'");
    bad_line("use init badge 65536", "number is too large: '65536'");
    bad_line("use init somehow", "unexpected word 'somehow'");
    bad_line("system", "system needs info, log, trace or manage");
    bad_line("system copy", "system needs info, log, trace or manage");
    bad_line("system all", "system's rights are info, log, trace, manage and copy, not 'all'");
    bad_line("irq 4", "\"as NAME\" is missing");
    bad_line("irq 16 as x", "number is too large: '16'");
    bad_line("ioport 1 as x", "bad number 'as'");
    bad_line("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25", "too many words");
    char line[600];
    memset(line, 'x', 599);
    line[599] = '\0';
    bad_line(line, "line is too long");
}

TEST(sections_in_error_are_left_out) {
    parse("priority 3\nservice\npriority 4\nservice a b\nservice ok\nservice ok\npriority 31\n"
          "service init\n");
    CHECK_STR(errors, "1: no service line before 'priority'\n2: name is missing after 'service'\n"
                      "4: unexpected word 'b'\n6: there is a service already named 'ok'\n"
                      "8: there is a service already named 'init'\n");
    CHECK_EQ(manifest.service_count, 1);
    CHECK_EQ(manifest.services[0].priority, 10);
    parse("service a\nuse nobody\nuse b\nservice b\nboot\nboot\n");
    CHECK_STR(errors, "6: two handles are named 'boot'\n"
                      "6: service a uses a service that is not there: 'nobody'\n");
    REQUIRE(manifest.service_count == 2);
    CHECK_EQ(manifest.services[0].grant_count, 1);
    CHECK_STR(manifest.services[0].grants[0].target, "b");
}

TEST(limits) {
    static char text[20000];
    size_t length = 0;
    for (int i = 0; i <= MANIFEST_SERVICES; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "service s%d\n", i);
    }
    parse(text);
    CHECK_EQ(manifest.service_count, MANIFEST_SERVICES);
    CHECK_STR(errors, "25: too many services at 's24'\n");
    length = (size_t)snprintf(text, sizeof text, "service s\n");
    for (int i = 0; i <= MANIFEST_GRANTS; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "irq 1 as i%d\n", i);
    }
    parse(text);
    CHECK_EQ(manifest.services[0].grant_count, MANIFEST_GRANTS);
    CHECK_STR(errors, "18: too many handles at 'i16'\n");
    length = (size_t)snprintf(text, sizeof text, "service s\n");
    for (int i = 0; i < 3; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "args %0200d\n", i);
    }
    parse(text);
    CHECK_EQ(manifest.services[0].argument_count, 2);
    CHECK_EQ(manifest.error_count, 1);
    parse("");
    CHECK_EQ(manifest.service_count, 0);
}

TEST(garbage) {
    static const char *const pieces[] = {
        "service", " a",     " b",  "use", " init", " as", " badge", "\n",    "\n",   "\"", "#",
        " 5",      "memory", " 1M", " or", " 3%",   "irq", "system", " info", "args", "\t", "x"};
    for (int round = 0; round < 20000; round++) {
        char text[400] = "";
        for (uint64_t i = check_random_below(30); i > 0; i--) {
            strcat(text, pieces[check_random_below(sizeof pieces / sizeof pieces[0])]);
        }
        parse(text);
        REQUIRE(manifest.service_count <= MANIFEST_SERVICES);
    }
}
