/* SPDX-License-Identifier: MIT
 * Who may have which device. Free of IPC.
 * Invariant: a function has one owner; a client that claims again gets the function it had.
 */
#pragma once

#include "pci.h"

#define CLAIM_GRANTS 8
#define CLAIM_IDS 8
#define CLAIM_ANY 0xffffu

/* One `grant CLIENT IDS` of the arguments: what a client may have. */
struct claim_grant {
    uint32_t client;
    uint32_t count;
    struct {
        uint16_t vendor, device; /* CLAIM_ANY: any */
    } ids[CLAIM_IDS];
    uint8_t class_code; /* with by_class: this class only */
    bool by_class;
};

struct claim_rules {
    uint32_t count;
    struct claim_grant grants[CLAIM_GRANTS];
};

/* Reads arguments `grant CLIENT IDS`..., IDS a list with commas of vendor:device in hexadecimal
 * (`*` for any device) or `class:CC`. Returns the number of the first argument that is wrong
 * (counted from 0), or -1. */
int claim_parse(struct claim_rules *rules, int argc, const char *const *argv);

/* True when the rules let the client have the function. */
bool claim_allowed(const struct claim_rules *rules, uint32_t client,
                   const struct pci_function *function);

/* True when any client could have it: there is a driver for it. */
bool claim_known(const struct claim_rules *rules, const struct pci_function *function);

/* Finds the function for a request and makes the client its owner. E_NOT_FOUND: none matches that
 * is free; E_RIGHTS: there is one, but not for this client; E_INVALID: bad request. */
status_t claim_take(struct pci_table *table, const struct claim_rules *rules, uint32_t client,
                    const struct pci_claim_request *request, uint32_t *index);
