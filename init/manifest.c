/* SPDX-License-Identifier: MIT */
/* Manifest parser: a line is split into words, its first word chooses the function that takes it.
 */
#include "manifest.h"

#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>

enum { LINE_WORDS = 24, LINE_LENGTH = 512 };

struct parser {
    struct manifest *manifest;
    struct manifest_service *service; /* of the section; NULL outside, or in one left out */
    bool skipping;                    /* in a section whose head was in error */
    uint32_t line;
    manifest_report *report;
    void *context;
    uint32_t word_count;
    char *words[LINE_WORDS]; /* into buffer */
    char buffer[LINE_LENGTH];
};

static void fail(struct parser *parser, const char *text, const char *word) {
    char message[128];
    if (word != NULL) {
        format(message, sizeof message, "%s '%s'", text, word);
    } else {
        strlcpy(message, text, sizeof message);
    }
    parser->manifest->error_count++;
    parser->report(parser->context, parser->line, message);
}

/* ---- Words -------------------------------------------------------------------------------- */

static bool is_space(char character) {
    return character == ' ' || character == '\t' || character == '\r';
}

/* Copies the next word of the line to *out, without quotes. NULL after a quote that does not end.
 */
static const char *split_word(const char *at, const char *end, char **out) {
    char *to = *out;
    bool quoted = false;
    for (; at < end && (quoted || !is_space(*at)); at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else {
            *to++ = *at;
        }
    }
    *to++ = '\0';
    *out = to;
    return quoted ? NULL : at;
}

/* Splits [at, end) into words up to a comment. False: the line cannot be used. */
static bool split_line(struct parser *parser, const char *at, const char *end) {
    char *to = parser->buffer;
    parser->word_count = 0;
    if (end - at >= LINE_LENGTH) {
        fail(parser, "line is too long", NULL);
        return false;
    }
    for (;;) {
        while (at < end && is_space(*at)) {
            at++;
        }
        if (at == end || *at == '#') {
            return true;
        }
        if (parser->word_count == LINE_WORDS) {
            fail(parser, "too many words", NULL);
            return false;
        }
        parser->words[parser->word_count++] = to;
        at = split_word(at, end, &to);
        if (at == NULL) {
            fail(parser, "quote does not end", NULL);
            return false;
        }
    }
}

static bool word_is(const struct parser *parser, uint32_t index, const char *text) {
    return index < parser->word_count && strcmp(parser->words[index], text) == 0;
}

static bool valid_name(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length >= MANIFEST_NAME) {
        return false;
    }
    for (; *name != '\0'; name++) {
        bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
        bool digit = *name >= '0' && *name <= '9';
        if (!letter && !digit && strchr("-_.", *name) == NULL) {
            return false;
        }
    }
    return true;
}

static bool take_name(struct parser *parser, uint32_t index, char *name) {
    if (index >= parser->word_count) {
        fail(parser, "name is missing after", parser->words[index - 1]);
        return false;
    }
    if (!valid_name(parser->words[index])) {
        fail(parser, "bad name", parser->words[index]);
        return false;
    }
    strlcpy(name, parser->words[index], MANIFEST_NAME);
    return true;
}

static bool take_number(struct parser *parser, uint32_t index, uint64_t limit, uint64_t *value) {
    if (index >= parser->word_count) {
        fail(parser, "number is missing after", parser->words[index - 1]);
        return false;
    }
    const char *word = parser->words[index];
    uint64_t number;
    if (!parse_size(word, strlen(word), &number)) {
        fail(parser, "bad number", word);
        return false;
    }
    if (number > limit) {
        fail(parser, "number is too large:", word);
        return false;
    }
    *value = number;
    return true;
}

/* Every line ends where its words end. */
static bool take_end(struct parser *parser, uint32_t index) {
    if (index < parser->word_count) {
        fail(parser, "unexpected word", parser->words[index]);
        return false;
    }
    return true;
}

/* ---- Lines of a section ------------------------------------------------------------------- */

static void line_program(struct parser *parser) {
    char name[MANIFEST_NAME];
    if (take_name(parser, 1, name) && take_end(parser, 2)) {
        strlcpy(parser->service->program, name, MANIFEST_NAME);
    }
}

/* protocol NAME/VERSION... */
static void line_protocol(struct parser *parser) {
    char *protocols = parser->service->protocols;
    size_t length = 0;
    for (uint32_t i = 1; i < parser->word_count; i++) {
        size_t needed = strlen(parser->words[i]) + (length != 0);
        if (strchr(parser->words[i], '/') == NULL || length + needed >= IMAGE_PROTOCOLS) {
            protocols[0] = '\0';
            fail(parser, "bad protocol", parser->words[i]);
            return;
        }
        format_append(protocols, IMAGE_PROTOCOLS, &length, "%s%s", length != 0 ? " " : "",
                      parser->words[i]);
    }
    if (length == 0) {
        fail(parser, "protocol needs a NAME/VERSION", NULL);
    }
}

static void line_kind(struct parser *parser) {
    if (word_is(parser, 1, "server")) {
        parser->service->kind = KIND_SERVER;
    } else if (word_is(parser, 1, "program")) {
        parser->service->kind = KIND_PROGRAM;
    } else if (word_is(parser, 1, "driver")) {
        parser->service->kind = KIND_DRIVER;
    } else {
        fail(parser, "kind is server, driver or program", NULL);
        return;
    }
    take_end(parser, 2);
}

static void line_restart(struct parser *parser) {
    static const char *const names[] = {"always", "failure", "never"};
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (word_is(parser, 1, names[i]) && take_end(parser, 2)) {
            parser->service->restart = i;
            return;
        }
    }
    fail(parser, "restart is always, failure or never", NULL);
}

static void line_priority(struct parser *parser) {
    uint64_t priority;
    if (take_number(parser, 1, 31, &priority) && take_end(parser, 2)) {
        parser->service->priority = (uint32_t)priority;
    }
}

/* memory SIZE [or N%] */
static void line_memory(struct parser *parser) {
    uint64_t size, percent = 0;
    if (!take_number(parser, 1, (uint64_t)1 << 40, &size)) {
        return;
    }
    if (parser->word_count > 2) {
        char *word = parser->word_count == 4 ? parser->words[3] : NULL;
        size_t length = word != NULL ? strlen(word) : 0;
        if (!word_is(parser, 2, "or") || length < 2 || word[length - 1] != '%' ||
            !parse_u64(word, length - 1, &percent) || percent > 100) {
            fail(parser, "expected: memory SIZE or N%", NULL);
            return;
        }
    }
    parser->service->memory = size;
    parser->service->memory_percent = (uint32_t)percent;
}

static void line_arena(struct parser *parser) {
    uint64_t size;
    if (take_number(parser, 1, (uint64_t)1 << 32, &size) && take_end(parser, 2)) {
        parser->service->arena = size;
    }
}

static void line_optional(struct parser *parser) {
    if (take_end(parser, 1)) {
        parser->service->optional = 1;
    }
}

static void line_manual(struct parser *parser) {
    if (take_end(parser, 1)) {
        parser->service->manual = 1;
    }
}

static void line_args(struct parser *parser) {
    struct manifest_service *service = parser->service;
    for (uint32_t i = 1; i < parser->word_count; i++) {
        size_t size = strlen(parser->words[i]) + 1;
        if (service->argument_length + size > MANIFEST_ARGUMENTS) {
            fail(parser, "arguments are too long at", parser->words[i]);
            return;
        }
        memcpy(service->arguments + service->argument_length, parser->words[i], size);
        service->argument_length += (uint32_t)size;
        service->argument_count++;
    }
}

/* ---- Grants ------------------------------------------------------------------------------- */

/* Takes "as NAME" at *index, if it is there. */
static bool take_as(struct parser *parser, uint32_t *index, struct grant *grant) {
    if (!word_is(parser, *index, "as")) {
        return true;
    }
    *index += 2;
    return take_name(parser, *index - 1, grant->name);
}

static void add_grant(struct parser *parser, const struct grant *grant) {
    struct manifest_service *service = parser->service;
    if (service->grant_count == MANIFEST_GRANTS) {
        fail(parser, "too many handles at", grant->name);
        return;
    }
    for (uint32_t i = 0; i < service->grant_count; i++) {
        if (strcmp(service->grants[i].name, grant->name) == 0) {
            fail(parser, "two handles are named", grant->name);
            return;
        }
    }
    service->grants[service->grant_count++] = *grant;
}

/* use SERVICE [as NAME] [badge N] [operator] */
static void line_use(struct parser *parser) {
    struct grant grant = {.kind = GRANT_USE};
    uint32_t index = 2;
    if (!take_name(parser, 1, grant.target)) {
        return;
    }
    strlcpy(grant.name, grant.target, sizeof grant.name);
    if (!take_as(parser, &index, &grant)) {
        return;
    }
    if (word_is(parser, index, "badge")) {
        if (!take_number(parser, index + 1, 0xffff, &grant.first)) {
            return;
        }
        index += 2;
    }
    if (word_is(parser, index, "operator")) {
        grant.rights = 1;
        index++;
    }
    if (take_end(parser, index)) {
        add_grant(parser, &grant);
    }
}

/* system [as NAME] RIGHT... with RIGHT info, log, trace, manage or copy */
static void line_system(struct parser *parser) {
    struct grant grant = {.kind = GRANT_SYSTEM, .name = "system"};
    uint32_t index = 1;
    if (!take_as(parser, &index, &grant)) {
        return;
    }
    for (; index < parser->word_count; index++) {
        if (word_is(parser, index, "info")) {
            grant.rights |= RIGHT_READ;
        } else if (word_is(parser, index, "log")) {
            grant.rights |= RIGHT_WRITE;
        } else if (word_is(parser, index, "trace")) {
            grant.rights |= RIGHT_RECEIVE;
        } else if (word_is(parser, index, "manage")) {
            grant.rights |= RIGHT_MANAGE;
        } else if (word_is(parser, index, "copy")) {
            grant.rights |= RIGHT_COPY;
        } else {
            fail(parser, "system's rights are info, log, trace, manage and copy, not",
                 parser->words[index]);
            return;
        }
    }
    if ((grant.rights & ~RIGHT_COPY) == 0) {
        fail(parser, "system needs info, log, trace or manage", NULL);
        return;
    }
    add_grant(parser, &grant);
}

/* WORD FIRST [SECOND] as NAME, for ioport, irq and physical */
static void line_hardware(struct parser *parser, uint32_t kind, uint32_t numbers, uint64_t limit) {
    struct grant grant = {.kind = kind};
    uint32_t index = 1 + numbers;
    if (!take_number(parser, 1, limit, &grant.first) ||
        (numbers == 2 && !take_number(parser, 2, limit, &grant.second)) ||
        !take_as(parser, &index, &grant)) {
        return;
    }
    if (grant.name[0] == '\0') {
        fail(parser, "\"as NAME\" is missing", NULL);
        return;
    }
    if (take_end(parser, index)) {
        add_grant(parser, &grant);
    }
}

static void line_ioport(struct parser *parser) {
    line_hardware(parser, GRANT_IOPORT, 2, 0xffff);
}

static void line_irq(struct parser *parser) {
    line_hardware(parser, GRANT_IRQ, 1, 15);
}

static void line_physical(struct parser *parser) {
    line_hardware(parser, GRANT_MEMORY, 2, (uint64_t)1 << 52);
}

/* WORD [as NAME] */
static void line_plain(struct parser *parser, uint32_t kind) {
    struct grant grant = {.kind = kind};
    uint32_t index = 1;
    strlcpy(grant.name, parser->words[0], sizeof grant.name);
    if (take_as(parser, &index, &grant) && take_end(parser, index)) {
        add_grant(parser, &grant);
    }
}

static void line_framebuffer(struct parser *parser) {
    line_plain(parser, GRANT_FRAMEBUFFER);
}

static void line_boot(struct parser *parser) {
    line_plain(parser, GRANT_BOOT);
}

static void line_supervisor(struct parser *parser) {
    line_plain(parser, GRANT_SUPERVISOR);
}

/* module NAME [as NAME] */
static void line_module(struct parser *parser) {
    struct grant grant = {.kind = GRANT_MODULE};
    uint32_t index = 2;
    if (!take_name(parser, 1, grant.target)) {
        return;
    }
    strlcpy(grant.name, grant.target, sizeof grant.name);
    if (take_as(parser, &index, &grant) && take_end(parser, index)) {
        add_grant(parser, &grant);
    }
}

/* ---- Sections ----------------------------------------------------------------------------- */

static void line_service(struct parser *parser) {
    struct manifest *manifest = parser->manifest;
    char name[MANIFEST_NAME];
    parser->service = NULL;
    parser->skipping = true;
    if (!take_name(parser, 1, name) || !take_end(parser, 2)) {
        return;
    }
    if (manifest_find(manifest, name) != NULL || strcmp(name, "init") == 0) {
        fail(parser, "there is a service already named", name);
        return;
    }
    if (manifest->service_count == MANIFEST_SERVICES) {
        fail(parser, "too many services at", name);
        return;
    }
    struct manifest_service *service = &manifest->services[manifest->service_count++];
    memset(service, 0, sizeof *service);
    strlcpy(service->name, name, MANIFEST_NAME);
    strlcpy(service->program, name, MANIFEST_NAME);
    service->priority = 10;
    service->memory = (uint64_t)1 << 20;
    parser->service = service;
    parser->skipping = false;
}

static const struct {
    const char *word;
    void (*take)(struct parser *parser);
} lines[] = {
    {"program", line_program},   {"kind", line_kind},
    {"restart", line_restart},   {"priority", line_priority},
    {"memory", line_memory},     {"arena", line_arena},
    {"optional", line_optional}, {"args", line_args},
    {"use", line_use},           {"system", line_system},
    {"ioport", line_ioport},     {"irq", line_irq},
    {"physical", line_physical}, {"framebuffer", line_framebuffer},
    {"boot", line_boot},         {"module", line_module},
    {"protocol", line_protocol}, {"supervisor", line_supervisor},
    {"manual", line_manual},
};

static void parse_words(struct parser *parser) {
    if (word_is(parser, 0, "service")) {
        line_service(parser);
        return;
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!word_is(parser, 0, lines[i].word)) {
            continue;
        }
        if (parser->service != NULL) {
            lines[i].take(parser);
        } else if (!parser->skipping) {
            fail(parser, "no service line before", parser->words[0]);
        }
        return;
    }
    fail(parser, "unknown word", parser->words[0]);
}

/* Reports and removes `use` lines whose service does not exist. */
static void check_uses(struct parser *parser) {
    for (uint32_t s = 0; s < parser->manifest->service_count; s++) {
        struct manifest_service *service = &parser->manifest->services[s];
        uint32_t kept = 0;
        for (uint32_t g = 0; g < service->grant_count; g++) {
            const struct grant *grant = &service->grants[g];
            if (grant->kind == GRANT_USE && strcmp(grant->target, "init") != 0 &&
                manifest_find(parser->manifest, grant->target) == NULL) {
                char text[80];
                format(text, sizeof text,
                       "service %s uses a service that is not there:", service->name);
                fail(parser, text, grant->target);
                continue;
            }
            service->grants[kept++] = *grant;
        }
        service->grant_count = kept;
    }
}

void manifest_parse(const char *text, size_t length, struct manifest *manifest,
                    manifest_report *report, void *context) {
    struct parser parser = {.manifest = manifest, .report = report, .context = context};
    const char *end = text + length;
    manifest->service_count = 0;
    manifest->error_count = 0;
    while (text < end) {
        const char *line_end = text;
        while (line_end < end && *line_end != '\n') {
            line_end++;
        }
        parser.line++;
        if (split_line(&parser, text, line_end) && parser.word_count > 0) {
            parse_words(&parser);
        }
        text = line_end < end ? line_end + 1 : end;
    }
    check_uses(&parser);
}

struct manifest_service *manifest_find(struct manifest *manifest, const char *name) {
    for (uint32_t i = 0; i < manifest->service_count; i++) {
        if (strcmp(manifest->services[i].name, name) == 0) {
            return &manifest->services[i];
        }
    }
    return NULL;
}
