/* SPDX-License-Identifier: MIT
 * Commands to the network stack: interfaces, neighbours, routes, names.
 */
#include <client/net.h>
#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/status.h>

#include "shell.h"
#include "text.h"

/* ---- Addresses ---------------------------------------------------------------------------- */

bool resolve_argument(struct shell *shell, const char *name, uint64_t family, struct net_ip *ip) {
    struct net_resolve_reply found;
    if (strlen(name) >= NET_NAME_MAX) {
        fail(shell, "name too long");
        return false;
    }
    status_t status = net_resolve(shell->net, name, family, &found);
    if (status == E_INVALID) {
        fail(shell, "'%s' is neither a host name nor an address", name);
        return false;
    }
    if (status != OK) {
        fail_status(shell, name, status);
        return false;
    }
    *ip = found.ips[0];
    return true;
}

static bool interface_find(struct shell *shell, const char *name, struct net_interface *found) {
    for (uint64_t i = 0; net_interface(shell->net, i, found) == OK; i++) {
        if (strcmp(found->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool address_argument(struct shell *shell, const char *host, uint64_t port,
                      struct net_address *address) {
    char name[NET_NAME_MAX];
    const char *zone = strchr(host, '%');
    size_t length = zone != NULL ? (size_t)(zone - host) : strlen(host);
    struct net_interface interface;
    if (length >= sizeof name) {
        fail(shell, "name too long");
        return false;
    }
    memcpy(name, host, length);
    name[length] = '\0';
    *address = (struct net_address){.port = (uint16_t)port};
    if (zone != NULL) {
        if (!interface_find(shell, zone + 1, &interface)) {
            usage(shell, "there is no interface '%s'", zone + 1);
            return false;
        }
        address->interface = (uint16_t)interface.number;
    }
    return resolve_argument(shell, name, 0, &address->ip);
}

char *text_address(char to[ADDRESS_TEXT], const struct net_address *address) {
    char ip[IP_TEXT];
    bool any = ip_is_any(address->ip.bytes);
    bool v6 = !any && !ip_is_v4(address->ip.bytes);
    format(to, ADDRESS_TEXT, v6 ? "[%s]:%u" : "%s:%u", any ? "*" : ip_format(ip, address->ip.bytes),
           address->port);
    return to;
}

/* ---- Showing interfaces ------------------------------------------------------------------- */

static const char *text_mask(char to[IP_TEXT], uint32_t bits) {
    uint8_t mask[IP_BYTES];
    ip_from_v4(mask, bits == 0 ? 0 : ~0u << (32 - bits));
    return ip_format(to, mask);
}

static void show_ip4(struct shell *shell, const struct net_interface *info) {
    static const char *const dhcp[] = {"static", "asking DHCP", "DHCP"};
    char ip[IP_TEXT], mask[IP_TEXT], gateway[IP_TEXT], dns[IP_TEXT];
    uint8_t none[IP_BYTES] = {0};
    ip_from_v4(none, 0);
    print(shell, "  ip %s mask %s gateway %s", ip_format(ip, info->ip.bytes),
          text_mask(mask, info->prefix_length), ip_format(gateway, info->gateway.bytes));
    for (int i = 0; i < NET_INTERFACE_DNS; i++) {
        bool known = !ip_is_any(info->dns[i].bytes);
        if (known || i == 0) {
            print(shell, "%s%s", i == 0 ? " dns " : ",",
                  ip_format(dns, known ? info->dns[i].bytes : none));
        }
    }
    print(shell, " (%s)\n", info->dhcp < 3 ? dhcp[info->dhcp] : "?");
    if (info->dhcp == NET_DHCP_BOUND) {
        print(shell, "  lease %u s\n", info->lease_s);
    }
}

static void show_ip6(struct shell *shell, const struct net_interface *info) {
    static const char *const states[] = {"?", "tentative", "preferred", "deprecated",
                                         "another station's"};
    char text[IP_TEXT];
    for (uint64_t i = 0; i < info->ip6_count && i < NET_INTERFACE_IP6; i++) {
        const struct net_ip6 *entry = &info->ip6[i];
        print(shell, "  ip6 %s/%u %s%s\n", ip_format(text, entry->ip.bytes), entry->prefix_length,
              entry->state < 5 ? states[entry->state] : "?", entry->fixed != 0 ? " fixed" : "");
    }
    if (!ip_is_any(info->router.bytes)) {
        print(shell, "  router %s\n", ip_format(text, info->router.bytes));
    }
}

static void show_interface(struct shell *shell, const struct net_interface *info) {
    char mac[TEXT_SIZE];
    print(shell, "%s: %s, link %s, mac %s, mtu %u", info->name, info->up ? "up" : "down",
          info->link ? "up" : "down", text_mac(mac, info->mac), info->mtu);
    if (info->speed != 0 && info->link) {
        print(shell, ", %u Mbit/s", info->speed);
    }
    print(shell, "\n");
    show_ip4(shell, info);
    show_ip6(shell, info);
    print(shell, "  rx %lu packets %lu bytes %lu dropped, tx %lu packets %lu bytes %lu dropped\n",
          (unsigned long)info->rx_packets, (unsigned long)info->rx_bytes,
          (unsigned long)info->rx_dropped, (unsigned long)info->tx_packets,
          (unsigned long)info->tx_bytes, (unsigned long)info->tx_dropped);
}

/* ---- Setting them ------------------------------------------------------------------------- */

static bool ip4_argument(struct shell *shell, const char *argument, struct net_ip *ip) {
    if (!ip_parse(argument, strlen(argument), ip->bytes) || !ip_is_v4(ip->bytes)) {
        usage(shell, "'%s' is no IPv4 address", argument);
        return false;
    }
    return true;
}

static bool ip6_argument(struct shell *shell, const char *argument, struct net_ip *ip) {
    const char *slash = strchr(argument, '/');
    size_t length = slash != NULL ? (size_t)(slash - argument) : strlen(argument);
    if (!ip_parse(argument, length, ip->bytes) || ip_is_v4(ip->bytes)) {
        usage(shell, "'%s' is no IPv6 address", argument);
        return false;
    }
    if (slash != NULL && strcmp(slash, "/64") != 0) {
        usage(shell, "'%s': the prefix must have 64 bits", argument);
        return false;
    }
    return true;
}

/* "255.255.255.0" as 24. */
static bool mask_argument(struct shell *shell, const char *argument, uint32_t *bits) {
    struct net_ip mask;
    if (!ip4_argument(shell, argument, &mask)) {
        return false;
    }
    uint32_t inverse = ~ip_to_v4(mask.bytes);
    if ((inverse & (inverse + 1)) != 0 || inverse == UINT32_MAX) {
        usage(shell, "'%s' is no network mask", argument);
        return false;
    }
    *bits = inverse == 0 ? 32 : (uint32_t)__builtin_clz(inverse);
    return true;
}

/* IP/BITS or IP MASK, then GATEWAY and DNS. */
static bool static_arguments(struct shell *shell, int argc, char **argv,
                             struct net_configure_request *request) {
    char *slash = strchr(argv[0], '/');
    int at = 1;
    request->action = NET_CONFIGURE_STATIC;
    if (slash != NULL) {
        uint64_t bits;
        *slash = '\0';
        if (!number_argument(shell, slash + 1, 32, &bits)) {
            return false;
        }
        request->prefix_length = (uint32_t)bits;
    }
    if (!ip4_argument(shell, argv[0], &request->ip)) {
        return false;
    }
    if (slash == NULL) {
        if (argc < 2) {
            usage(shell, "'%s': MASK is missing", argv[0]);
            return false;
        }
        if (!mask_argument(shell, argv[at++], &request->prefix_length)) {
            return false;
        }
    }
    if (argc > at + 2) {
        usage(shell, "too many arguments");
        return false;
    }
    return (argc <= at || ip4_argument(shell, argv[at], &request->gateway)) &&
           (argc <= at + 1 || ip4_argument(shell, argv[at + 1], &request->dns[0]));
}

static bool dns_arguments(struct shell *shell, int argc, char **argv,
                          struct net_configure_request *request) {
    request->action = NET_CONFIGURE_DNS;
    if (argc < 2 || argc > 1 + NET_INTERFACE_DNS) {
        usage(shell, argc < 2 ? "IP is missing" : "at most %d servers", NET_INTERFACE_DNS);
        return false;
    }
    for (int i = 1; i < argc; i++) {
        if (!ip_parse(argv[i], strlen(argv[i]), request->dns[i - 1].bytes)) {
            usage(shell, "'%s' is no address", argv[i]);
            return false;
        }
    }
    return true;
}

static const struct {
    const char *word;
    uint32_t action;
} actions[] = {
    {"up", NET_CONFIGURE_UP},
    {"down", NET_CONFIGURE_DOWN},
    {"dhcp", NET_CONFIGURE_DHCP},
    {"release", NET_CONFIGURE_RELEASE},
};

static bool configure_arguments(struct shell *shell, int argc, char **argv,
                                struct net_configure_request *request) {
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (argc == 1 && strcmp(argv[0], actions[i].word) == 0) {
            request->action = actions[i].action;
            return true;
        }
    }
    if (argc == 2 && (strcmp(argv[0], "add") == 0 || strcmp(argv[0], "del") == 0)) {
        request->action = argv[0][0] == 'a' ? NET_CONFIGURE_ADD6 : NET_CONFIGURE_REMOVE6;
        request->prefix_length = 64;
        return ip6_argument(shell, argv[1], &request->ip);
    }
    if (strcmp(argv[0], "dns") == 0) {
        return dns_arguments(shell, argc, argv, request);
    }
    if (argv[0][0] < '0' || argv[0][0] > '9') {
        usage(shell, "'%s' is no interface, action or IPv4 address", argv[0]);
        return false;
    }
    return static_arguments(shell, argc, argv, request);
}

static int configure(struct shell *shell, const struct net_configure_request *request) {
    status_t status = net_configure(shell->net, request);
    if (status == OK && request->action == NET_CONFIGURE_STATIC &&
        !ip_is_any(request->dns[0].bytes)) {
        struct net_configure_request dns = *request;
        dns.action = NET_CONFIGURE_DNS;
        status = net_configure(shell->net, &dns);
    }
    if (status == E_NOT_FOUND) {
        bool forget = request->action == NET_CONFIGURE_FORGET;
        return fail(shell, forget ? "no such neighbour" : "nothing of that can be set there");
    }
    return status == OK ? 0 : fail_status(shell, "net", status);
}

static int run_ifconfig(struct shell *shell, int argc, char **argv) {
    struct net_interface info;
    struct net_configure_request request = {0};
    if (!need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (argc > 1 && interface_find(shell, argv[1], &info)) {
        if (argc == 2) {
            show_interface(shell, &info);
            return 0;
        }
        request.interface = info.number;
        argc--;
        argv++;
    }
    if (argc > 1) {
        return configure_arguments(shell, argc - 1, argv + 1, &request) ? configure(shell, &request)
                                                                        : STATUS_USAGE;
    }
    status_t status;
    for (uint64_t i = 0; (status = net_interface(shell->net, i, &info)) == OK; i++) {
        show_interface(shell, &info);
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "net", status);
}

/* ---- Neighbours, routes, names ------------------------------------------------------------ */

static const char *interface_name(struct shell *shell, uint32_t number, char to[16]) {
    struct net_interface info;
    format(to, 16, "%u", number);
    for (uint64_t i = 0; net_interface(shell->net, i, &info) == OK; i++) {
        if (info.number == number) {
            strlcpy(to, info.name, 16);
        }
    }
    return to;
}

static int forget_neighbour(struct shell *shell, const char *argument) {
    struct net_configure_request request = {.action = NET_CONFIGURE_FORGET};
    if (!ip_parse(argument, strlen(argument), request.ip.bytes)) {
        return usage(shell, "'%s' is no address", argument);
    }
    return configure(shell, &request);
}

static int run_arp(struct shell *shell, int argc, char **argv) {
    static const char *const states[] = {"?", "asking", "known", "stale"};
    bool forget = argc > 1 && strcmp(argv[1], "-d") == 0;
    int least = forget ? 1 : 0;
    if (!count_arguments(shell, argc - least, argv + least, least, least) ||
        !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (forget) {
        return forget_neighbour(shell, argv[2]);
    }
    struct net_neighbour entry;
    status_t status;
    for (uint64_t i = 0; (status = net_neighbour(shell->net, i, &entry)) == OK; i++) {
        char ip[IP_TEXT], mac[TEXT_SIZE], name[16];
        print(shell, "%-15s %s %s %s%s\n", ip_format(ip, entry.ip.bytes), text_mac(mac, entry.mac),
              interface_name(shell, entry.interface, name),
              entry.state < 4 ? states[entry.state] : "?", entry.router != 0 ? " router" : "");
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "net", status);
}

static int run_route(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    struct net_route route;
    status_t status;
    for (uint64_t i = 0; (status = net_route(shell->net, i, &route)) == OK; i++) {
        char ip[IP_TEXT], gateway[IP_TEXT], name[16], target[IP_TEXT + 8];
        bool v4 = ip_is_v4(route.ip.bytes);
        uint32_t bits = route.prefix_length - (v4 ? IP_MAPPED_BITS : 0);
        format(target, sizeof target, "%s/%u", ip_format(ip, route.ip.bytes), bits);
        bool direct = ip_is_any(route.gateway.bytes);
        print(shell, "%-25s via %-25s %s\n", bits == 0 ? (v4 ? "default" : "default6") : target,
              direct ? "link" : ip_format(gateway, route.gateway.bytes),
              interface_name(shell, route.interface, name));
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "net", status);
}

static int run_dns(struct shell *shell, int argc, char **argv) {
    struct net_ip ip;
    char text[IP_TEXT];
    uint64_t family = 0;
    if (argc > 1 && (strcmp(argv[1], "-4") == 0 || strcmp(argv[1], "-6") == 0)) {
        family = (uint64_t)(argv[1][1] - '0');
        argc--;
        argv++;
    }
    if (!count_arguments(shell, argc, argv, 1, 1) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (!resolve_argument(shell, argv[1], family, &ip)) {
        return STATUS_FAILED;
    }
    print(shell, "%s -> %s\n", argv[1], ip_format(text, ip.bytes));
    return 0;
}

#define IFCONFIG_USAGE                                                                             \
    "[INTERFACE] [up | down | dhcp | release | IP/BITS [GATEWAY [DNS]] | IP MASK [GATEWAY [DNS]] " \
    "| add IP6 | del IP6 | dns IP...]"
#define IFCONFIG_HELP "Shows or sets the addresses of network interfaces."

const struct command commands_network[] = {
    {"netinfo", run_ifconfig, IFCONFIG_USAGE, IFCONFIG_HELP},
    {"ifconfig", run_ifconfig, IFCONFIG_USAGE, IFCONFIG_HELP},
    {"arp", run_arp, "[-d IP]", "Lists the known hardware addresses; -d forgets one."},
    {"route", run_route, "", "Lists where packets go."},
    {"dns", run_dns, "[-4 | -6] NAME", "Looks a name up."},
    {NULL, NULL, NULL, NULL},
};
