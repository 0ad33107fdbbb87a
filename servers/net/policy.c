/* SPDX-License-Identifier: MIT */
/*
 * What a stack session may do: a mode and a list of rules. A session made by RESTRICT has a policy
 * below that of the session it came from, and both must allow what is done. Sockets keep the policy
 * of the session that made them.
 */
#include <common/ip.h>
#include <common/parse.h>
#include <common/string.h>

#include "socket.h"

#define BADGE_POLICY 0x8000u /* in the low 16 bits, where sockets have less */
#define NUMBER_NONE UINT32_MAX
_Static_assert(NET_SOCKETS <= BADGE_POLICY && NET_POLICIES <= BADGE_POLICY, "badges differ");

/* ---- Which policy ------------------------------------------------------------------------- */

struct policy *policy_find(uint64_t badge) {
    uint64_t index = badge & 0xffff;
    if (index < BADGE_POLICY || index - BADGE_POLICY >= NET_POLICIES) {
        return NULL;
    }
    struct policy *policy = net.policies[index - BADGE_POLICY];
    return policy != NULL && policy->badge == badge ? policy : NULL;
}

static struct policy *policy_wired(uint32_t number) {
    for (uint32_t i = 0; i < NET_POLICIES; i++) {
        if (net.policies[i] != NULL && net.policies[i]->number == number) {
            return net.policies[i];
        }
    }
    return NULL;
}

struct policy *policy_of(uint64_t badge) {
    return (badge & BADGE_ROOT) != 0 ? policy_wired((uint32_t)badge & NET_BADGE_NUMBER)
                                     : policy_find(badge);
}

/* ---- Life --------------------------------------------------------------------------------- */

static struct policy *policy_allocate(uint32_t *index) {
    for (*index = 0; *index < NET_POLICIES; ++*index) {
        if (net.policies[*index] == NULL) {
            struct policy *policy = port_allocate_zeroed(1, sizeof *policy);
            net.policies[*index] = policy;
            return policy;
        }
    }
    return NULL;
}

struct policy *policy_hold(struct policy *policy) {
    if (policy != NULL) {
        policy->references++;
    }
    return policy;
}

static void policy_free(struct policy *policy) {
    for (uint32_t i = 0; i < NET_POLICIES; i++) {
        if (net.policies[i] == policy) {
            net.policies[i] = NULL;
        }
    }
    account_release_socket(policy->account);
    port_free(policy);
}

void policy_release(struct policy *policy) {
    while (policy != NULL && --policy->references == 0) {
        struct policy *parent = policy->parent;
        policy_free(policy);
        policy = parent;
    }
}

void policy_closed(struct policy *policy) {
    policy->badge = 0;
    policy_release(policy);
}

static bool rule_valid(const struct net_rule *rule) {
    return rule->prefix_length <= 128 && rule->port_first <= rule->port_last &&
           (rule->actions & ~(NET_ACTION_CONNECT | NET_ACTION_BIND | NET_ACTION_ACCEPT)) == 0;
}

static bool request_valid(const struct net_restrict_request *request) {
    if (request->mode < NET_MODE_NONE || request->mode > NET_MODE_SHARED ||
        request->count > NET_RULES) {
        return false;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        if (!rule_valid(&request->rules[i])) {
            return false;
        }
    }
    return true;
}

status_t policy_create(struct policy *parent, uint32_t account,
                       const struct net_restrict_request *request, struct policy **result) {
    uint32_t index;
    if (!request_valid(request)) {
        return E_INVALID;
    }
    status_t status = account_charge_socket(account);
    if (status != OK) {
        return status;
    }
    struct policy *policy = policy_allocate(&index);
    if (policy == NULL) {
        account_release_socket(account);
        return E_QUOTA;
    }
    policy->badge = ++net.badge_count << 16 | BADGE_POLICY | index;
    policy->number = NUMBER_NONE;
    policy->references = 1;
    policy->account = account;
    policy->mode = request->mode;
    policy->count = request->count;
    memcpy(policy->rules, request->rules, sizeof policy->rules);
    policy->parent = policy_hold(parent);
    *result = policy;
    return OK;
}

/* ---- Checks ------------------------------------------------------------------------------- */

static bool rule_fits(const struct net_rule *rule, uint32_t action, uint32_t kind,
                      const struct net_address *address) {
    return (rule->actions & action) != 0 && (rule->kinds >> kind & 1) != 0 &&
           address->port >= rule->port_first && address->port <= rule->port_last &&
           ip_prefix_equal(rule->ip.bytes, address->ip.bytes, rule->prefix_length);
}

static bool allows(const struct policy *policy, uint32_t action, uint32_t kind,
                   const struct net_address *address) {
    if (policy->mode == NET_MODE_NONE ||
        (policy->mode == NET_MODE_LOOPBACK && !ip_is_ours(&address->ip))) {
        return false;
    }
    for (uint32_t i = 0; i < policy->count; i++) {
        if (rule_fits(&policy->rules[i], action, kind, address)) {
            return policy->rules[i].deny == 0;
        }
    }
    return true;
}

/* One line for the 1st, 2nd, 4th, 8th... time: nobody can fill the log. */
static void report(struct policy *policy, uint32_t action, uint32_t kind,
                   const struct net_address *address) {
    static const char *const kinds[] = {"?", "tcp", "udp", "icmp"};
    char text[IP_TEXT];
    net.denied++;
    policy->denied++;
    if ((policy->denied & (policy->denied - 1)) == 0) {
        port_log("denied (%lu): %s %s %s port %u", (unsigned long)policy->denied, kinds[kind & 3],
                 action == NET_ACTION_BIND     ? "binding"
                 : action == NET_ACTION_ACCEPT ? "from"
                                               : "to",
                 ip_format(text, address->ip.bytes), address->port);
    }
}

status_t policy_check(struct policy *policy, uint32_t action, uint32_t kind,
                      const struct net_address *address) {
    for (const struct policy *at = policy; at != NULL; at = at->parent) {
        if (!allows(at, action, kind, address)) {
            report(policy, action, kind, address);
            return E_RIGHTS;
        }
    }
    return OK;
}

bool policy_shared(const struct policy *policy) {
    for (; policy != NULL; policy = policy->parent) {
        if (policy->mode != NET_MODE_SHARED) {
            return false;
        }
    }
    return true;
}

/* ---- Arguments ---------------------------------------------------------------------------- */

/* The next word of a list with commas; false at its end. */
static bool next_word(const char **at, const char **word, size_t *length) {
    if (*at == NULL) {
        return false;
    }
    const char *end = strchr(*at, ',');
    *word = *at;
    *length = end != NULL ? (size_t)(end - *at) : strlen(*at);
    *at = end != NULL ? end + 1 : NULL;
    return true;
}

/* Where the word stands in the list, from 0; -1: nowhere. */
static int word_index(const char *word, size_t length, const char *const *list, int count) {
    for (int i = 0; i < count; i++) {
        if (parse_equal(word, length, list[i])) {
            return i;
        }
    }
    return -1;
}

/* "*", "10.0.0.0/8", "2001:db8::/32", or one address. */
static bool parse_prefix(const char *word, size_t length, struct net_rule *rule) {
    const char *slash = memchr(word, '/', length);
    size_t size = slash != NULL ? (size_t)(slash - word) : length;
    uint64_t bits = 128;
    if (parse_equal(word, length, "*")) {
        rule->prefix_length = 0;
        return true;
    }
    if (!ip_parse(word, size, rule->ip.bytes)) {
        return false;
    }
    if (slash != NULL) {
        uint64_t shift = ip_is_v4(rule->ip.bytes) ? IP_MAPPED_BITS : 0;
        if (!parse_u64(slash + 1, length - size - 1, &bits) || bits + shift > 128) {
            return false;
        }
        bits += shift;
    }
    rule->prefix_length = (uint8_t)bits;
    return true;
}

/* "*", "80", "1-1023". */
static bool parse_ports(const char *word, size_t length, struct net_rule *rule) {
    const char *dash = memchr(word, '-', length);
    size_t size = dash != NULL ? (size_t)(dash - word) : length;
    uint64_t first, last;
    if (parse_equal(word, length, "*")) {
        rule->port_last = 0xffff;
        return true;
    }
    if (!parse_u64(word, size, &first) || first > 0xffff) {
        return false;
    }
    last = first;
    if (dash != NULL && (!parse_u64(dash + 1, length - size - 1, &last) || last > 0xffff)) {
        return false;
    }
    rule->port_first = (uint16_t)first;
    rule->port_last = (uint16_t)last;
    return first <= last;
}

/* What follows "allow" or "deny": ACTION,KIND,PREFIX,PORTS. */
static bool parse_rule(const char *at, struct net_rule *rule) {
    static const char *const actions[] = {"connect", "bind", "accept", "*"};
    static const char *const kinds[] = {"tcp", "udp", "icmp", "*"};
    const char *words[4];
    size_t lengths[4];
    for (int i = 0; i < 4; i++) {
        if (!next_word(&at, &words[i], &lengths[i])) {
            return false;
        }
    }
    int action = word_index(words[0], lengths[0], actions, 4);
    int kind = word_index(words[1], lengths[1], kinds, 4);
    if (at != NULL || action < 0 || kind < 0) {
        return false;
    }
    rule->actions = (uint8_t)(action == 3 ? 7 : 1 << action);
    rule->kinds = (uint8_t)(kind == 3 ? 0xe : 2 << kind);
    return parse_prefix(words[2], lengths[2], rule) && parse_ports(words[3], lengths[3], rule);
}

/* The policy for the client `number`, made when it is asked for first. */
static struct policy *wired_get(uint32_t number) {
    struct net_restrict_request everything = {.mode = NET_MODE_SHARED};
    struct policy *policy = policy_wired(number);
    if (policy == NULL && policy_create(NULL, 0, &everything, &policy) == OK) {
        policy->number = number;
        policy->badge = 0;
    }
    return policy;
}

bool policy_wire(const char *text) {
    static const char *const words[] = {"none", "loopback", "shared", "allow", "deny"};
    const char *word;
    size_t length;
    uint64_t number;
    if (!next_word(&text, &word, &length) || !parse_u64(word, length, &number) ||
        number > NET_BADGE_NUMBER || !next_word(&text, &word, &length)) {
        return false;
    }
    int which = word_index(word, length, words, 5);
    struct net_rule rule = {.deny = which == 4};
    bool is_rule = which >= 3;
    if (which < 0 || (is_rule ? text == NULL || !parse_rule(text, &rule) : text != NULL)) {
        return false;
    }
    struct policy *policy = wired_get((uint32_t)number);
    if (policy == NULL || (is_rule && policy->count == NET_RULES)) {
        return false;
    }
    if (is_rule) {
        policy->rules[policy->count++] = rule;
    } else {
        policy->mode = NET_MODE_NONE + (uint32_t)which;
    }
    return true;
}
