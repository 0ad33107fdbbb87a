/* SPDX-License-Identifier: MIT
 * Rules and owners of devices.
 */
#include "claim.h"

#include <common/parse.h>
#include <common/string.h>

static bool parse_id(struct claim_grant *grant, const char *text, size_t length) {
    uint64_t vendor, device = CLAIM_ANY;
    if (length > 6 && parse_equal(text, 6, "class:")) {
        if (!parse_hex(text + 6, length - 6, &vendor) || vendor > 0xff || grant->by_class) {
            return false;
        }
        grant->class_code = (uint8_t)vendor;
        grant->by_class = true;
        return true;
    }
    if (length < 6 || text[4] != ':' || grant->count == CLAIM_IDS || !parse_hex(text, 4, &vendor)) {
        return false;
    }
    if (!parse_equal(text + 5, length - 5, "*") &&
        (length != 9 || !parse_hex(text + 5, 4, &device))) {
        return false;
    }
    grant->ids[grant->count].vendor = (uint16_t)vendor;
    grant->ids[grant->count].device = (uint16_t)device;
    grant->count++;
    return true;
}

static bool parse_ids(struct claim_grant *grant, const char *text) {
    for (;;) {
        const char *comma = strchr(text, ',');
        size_t length = comma != NULL ? (size_t)(comma - text) : strlen(text);
        if (!parse_id(grant, text, length)) {
            return false;
        }
        if (comma == NULL) {
            return true;
        }
        text = comma + 1;
    }
}

int claim_parse(struct claim_rules *rules, int argc, const char *const *argv) {
    memset(rules, 0, sizeof *rules);
    for (int i = 0; i < argc; i += 3) {
        uint64_t client;
        if (strcmp(argv[i], "grant") != 0 || rules->count == CLAIM_GRANTS) {
            return i;
        }
        if (i + 1 >= argc || !parse_u64(argv[i + 1], strlen(argv[i + 1]), &client) ||
            client > 0xffff) {
            return i + 1;
        }
        struct claim_grant *grant = &rules->grants[rules->count];
        grant->client = (uint32_t)client;
        if (i + 2 >= argc || !parse_ids(grant, argv[i + 2])) {
            memset(grant, 0, sizeof *grant);
            return i + 2;
        }
        rules->count++;
    }
    return -1;
}

static bool grant_covers(const struct claim_grant *grant, const struct pci_function *function) {
    if (grant->by_class && grant->class_code != function->class_code) {
        return false;
    }
    for (uint32_t i = 0; i < grant->count; i++) {
        if (grant->ids[i].vendor == function->vendor &&
            (grant->ids[i].device == CLAIM_ANY || grant->ids[i].device == function->device)) {
            return true;
        }
    }
    return grant->by_class && grant->count == 0;
}

bool claim_allowed(const struct claim_rules *rules, uint32_t client,
                   const struct pci_function *function) {
    for (uint32_t i = 0; i < rules->count; i++) {
        if (rules->grants[i].client == client && grant_covers(&rules->grants[i], function)) {
            return true;
        }
    }
    return false;
}

bool claim_known(const struct claim_rules *rules, const struct pci_function *function) {
    for (uint32_t i = 0; i < rules->count; i++) {
        if (grant_covers(&rules->grants[i], function)) {
            return true;
        }
    }
    return false;
}

static bool matches(const struct pci_claim_request *request, const struct pci_function *function) {
    uint32_t id = (uint32_t)function->vendor << 16 | function->device;
    for (uint32_t i = 0; i < request->count; i++) {
        if (request->matches[i] == id) {
            return true;
        }
    }
    return false;
}

static void own(struct pci_table *table, uint32_t index, uint32_t client, const char *driver) {
    for (uint32_t i = 0; i < table->count; i++) {
        if (i != index && table->functions[i].owner == client) {
            table->functions[i].owner = PCI_NO_OWNER;
            table->functions[i].driver[0] = '\0';
        }
    }
    table->functions[index].owner = client;
    strlcpy(table->functions[index].driver, driver, sizeof table->functions[index].driver);
    pci_seal(table);
}

status_t claim_take(struct pci_table *table, const struct claim_rules *rules, uint32_t client,
                    const struct pci_claim_request *request, uint32_t *index) {
    if (request->count == 0 || request->count > PCI_MATCH_MAX || request->bar > 5 ||
        strnlen(request->driver, sizeof request->driver) == sizeof request->driver) {
        return E_INVALID;
    }
    status_t status = E_NOT_FOUND;
    uint32_t found = PCI_FUNCTIONS;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct pci_function *function = &table->functions[i];
        if (!matches(request, function) ||
            (function->owner != PCI_NO_OWNER && function->owner != client)) {
            continue;
        }
        if (!claim_allowed(rules, client, function)) {
            status = E_RIGHTS;
        } else if (function->owner == client) {
            found = i;
            break;
        } else if (found == PCI_FUNCTIONS) {
            found = i;
        }
    }
    if (found == PCI_FUNCTIONS) {
        return status;
    }
    own(table, found, client, request->driver);
    *index = found;
    return OK;
}
