/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces: lwIP's netif, addresses, DHCP. An interface comes into being with its
 * driver's first HELLO and stays when the driver dies; meanwhile its frames are dropped.
 */
#include <common/parse.h>
#include <common/string.h>

#include "net.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/etharp.h>

#define MTU_MIN 576u
#define MTU_MAX 1500u
#define FALLBACK_MS 6000u /* without an answer from a DHCP server */

static ip4_addr_t address_of(uint32_t ip) {
    return (ip4_addr_t){.addr = lwip_htonl(ip)};
}

static uint32_t host_order(const ip4_addr_t *address) {
    return lwip_ntohl(address->addr);
}

static err_t on_output(struct netif *netif, struct pbuf *packet) {
    return nic_output(netif->state, packet);
}

static err_t on_init(struct netif *netif) {
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->hostname = "axolotl";
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = on_output;
    return ERR_OK;
}

#define OCTETS(ip) (ip) >> 24, (ip) >> 16 & 255, (ip) >> 8 & 255, (ip)&255

/* A line in the log when the address is another one. */
static void on_status(struct netif *netif) {
    struct interface *interface = netif->state;
    uint32_t ip = host_order(netif_ip4_addr(netif));
    uint32_t mask = host_order(netif_ip4_netmask(netif));
    uint32_t gateway = host_order(netif_ip4_gw(netif));
    if (ip != interface->reported_ip && ip != 0) {
        port_log("%s: address %u.%u.%u.%u/%d, gateway %u.%u.%u.%u%s", interface->label, OCTETS(ip),
                 mask == 0 ? 0 : 32 - __builtin_ctz(mask), OCTETS(gateway),
                 dhcp_supplied_address(netif) ? " (DHCP)" : "");
    }
    interface->reported_ip = ip;
}

static void set_addresses(struct netif *netif, const struct address_settings *settings) {
    ip4_addr_t ip = address_of(settings->ip), mask = address_of(settings->mask);
    ip4_addr_t gateway = address_of(settings->gateway);
    netif_set_addr(netif, &ip, &mask, &gateway);
    if (settings->dns != 0) {
        ip_addr_t server = address_of(settings->dns);
        dns_setserver(0, &server);
    }
}

static void give_up(struct interface *interface) {
    interface->give_up_ms = TIMERS_NEVER;
    if (!interface->dhcp || dhcp_supplied_address(&interface->netif)) {
        return;
    }
    interface->gave_up = true;
    if (net.settings.fixed.mask == 0) {
        return;
    }
    port_log("%s: no answer from a DHCP server, using the fallback address", interface->label);
    set_addresses(&interface->netif, &net.settings.fixed);
}

static void ask(struct interface *interface) {
    interface->dhcp = true;
    interface->gave_up = false;
    if (dhcp_start(&interface->netif) != ERR_OK) {
        port_log("%s: can't start DHCP", interface->label);
    }
    interface->give_up_ms = timers_now_ms() + FALLBACK_MS;
}

void interface_tick(uint64_t now_ms) {
    for (int i = 0; i < NET_INTERFACES; i++) {
        if (net.interfaces[i].used && net.interfaces[i].give_up_ms <= now_ms) {
            give_up(&net.interfaces[i]);
        }
    }
}

uint64_t interface_deadline(void) {
    uint64_t next = TIMERS_NEVER;
    for (int i = 0; i < NET_INTERFACES; i++) {
        if (net.interfaces[i].used && net.interfaces[i].give_up_ms < next) {
            next = net.interfaces[i].give_up_ms;
        }
    }
    return next;
}

static status_t interface_create(struct interface *interface) {
    struct netif *netif = &interface->netif;
    if (netif_add(netif, NULL, NULL, NULL, interface, on_init, netif_input) == NULL) {
        return E_QUOTA;
    }
    interface->used = true;
    interface->give_up_ms = TIMERS_NEVER;
    strlcpy(interface->label, "eth0", sizeof interface->label);
    interface->label[3] = (char)('0' + (interface - net.interfaces));
    netif_set_status_callback(netif, on_status);
    if (netif_default == NULL) {
        netif_set_default(netif);
    }
    netif_set_up(netif);
    return OK;
}

static void set_up_addresses(struct interface *interface) {
    if (net.settings.dhcp) {
        ask(interface);
    } else if (net.settings.fixed.mask != 0) {
        set_addresses(&interface->netif, &net.settings.fixed);
    }
}

status_t interface_hello(struct interface *interface, const struct netif_hello *hello,
                         uint8_t *buffers) {
    struct netif *netif = &interface->netif;
    bool first = !interface->used;
    if (first) {
        status_t status = interface_create(interface);
        if (status != OK) {
            return status;
        }
    }
    nic_forget(&interface->nic, E_CLOSED);
    nic_bind(&interface->nic, hello, buffers, ++interface->generations);
    strlcpy(interface->driver, hello->driver, sizeof interface->driver);
    netif->mtu = (u16_t)(hello->mtu < MTU_MIN   ? MTU_MIN
                         : hello->mtu < MTU_MAX ? hello->mtu
                                                : MTU_MAX);
    memcpy(netif->hwaddr, hello->mac, ETH_HWADDR_LEN);
    bool checked = (hello->flags & NETIF_CHECKSUM_RX) != 0;
    NETIF_SET_CHECKSUM_CTRL(netif, checked
                                       ? NETIF_CHECKSUM_ENABLE_ALL &
                                             ~(NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP |
                                               NETIF_CHECKSUM_CHECK_UDP)
                                       : NETIF_CHECKSUM_ENABLE_ALL);
    interface_link(interface, &(struct netif_link){hello->link, hello->speed});
    if (first) {
        set_up_addresses(interface);
    }
    return OK;
}

void interface_link(struct interface *interface, const struct netif_link *link) {
    struct netif *netif = &interface->netif;
    interface->speed = link->speed;
    if (!interface->used || (link->up != 0) == (netif_is_link_up(netif) != 0)) {
        return;
    }
    if (link->up != 0) {
        netif_set_link_up(netif);
    } else {
        netif_set_link_down(netif);
    }
    port_log("%s: link %s", interface->label, link->up != 0 ? "up" : "down");
}

static bool address_valid(const struct address_settings *settings) {
    uint32_t ip = settings->ip, mask = settings->mask;
    uint32_t host = ~mask;
    if ((host & (host + 1)) != 0 || mask == 0 || ip >> 24 == 0 || ip >> 24 == 127 ||
        ip >> 28 >= 0xe) {
        return false;
    }
    if (host > 1 && ((ip & host) == 0 || (ip & host) == host)) {
        return false;
    }
    return settings->gateway == 0 || ((settings->gateway ^ ip) & mask) == 0;
}

status_t interface_configure(struct interface *interface,
                             const struct net_configure_request *request) {
    if (!interface->used) {
        return E_NET_DOWN;
    }
    if (request->dhcp == 1) {
        ask(interface);
        return OK;
    }
    struct address_settings settings = {request->ip, request->mask, request->gateway, request->dns};
    if (request->dhcp != 0) {
        return E_INVALID;
    }
    if (!address_valid(&settings)) {
        return E_ADDRESS;
    }
    interface->give_up_ms = TIMERS_NEVER;
    if (interface->dhcp) {
        dhcp_release_and_stop(&interface->netif);
        interface->dhcp = false;
    }
    set_addresses(&interface->netif, &settings);
    return OK;
}

/* ---- Report ------------------------------------------------------------------------------- */

static void report_addresses(const struct netif *netif, struct net_interface *report) {
    report->ip = host_order(netif_ip4_addr(netif));
    report->mask = host_order(netif_ip4_netmask(netif));
    report->gateway = host_order(netif_ip4_gw(netif));
    report->up = netif_is_up(netif) ? 1 : 0;
    report->link = netif_is_link_up(netif) ? 1 : 0;
    report->mtu = netif->mtu;
}

static void report_interface(const struct interface *interface, struct net_interface *report) {
    const struct netif *netif = &interface->netif;
    report_addresses(netif, report);
    strlcpy(report->name, interface->label, sizeof report->name);
    memcpy(report->mac, netif->hwaddr, ETH_HWADDR_LEN);
    report->dns = host_order(dns_getserver(0));
    if (interface->dhcp) {
        report->dhcp = dhcp_supplied_address(netif) ? INTERFACE_BOUND : INTERFACE_ASKING;
    }
    report->rx_packets = interface->receive_packets;
    report->tx_packets = interface->transmit_packets;
    report->rx_bytes = interface->receive_bytes;
    report->tx_bytes = interface->transmit_bytes;
    report->rx_dropped = interface->receive_dropped;
    report->tx_dropped = interface->transmit_dropped;
    report->driver_generation = interface->nic.generation;
}

static void report_loopback(const struct netif *netif, struct net_interface *report) {
    report_addresses(netif, report);
    strlcpy(report->name, "lo", sizeof report->name);
    report->rx_packets = netif->mib2_counters.ifinucastpkts;
    report->tx_packets = netif->mib2_counters.ifoutucastpkts;
    report->rx_bytes = netif->mib2_counters.ifinoctets;
    report->tx_bytes = netif->mib2_counters.ifoutoctets;
}

status_t interface_report(uint64_t index, struct net_interface *report) {
    const struct netif *netif;
    for (int i = 0; i < NET_INTERFACES; i++) {
        if (net.interfaces[i].used && index-- == 0) {
            report_interface(&net.interfaces[i], report);
            return OK;
        }
    }
    NETIF_FOREACH(netif) {
        if (netif->name[0] == 'l' && netif->name[1] == 'o' && index-- == 0) {
            report_loopback(netif, report);
            return OK;
        }
    }
    return E_NOT_FOUND;
}

/* ---- Arguments ---------------------------------------------------------------------------- */

static bool parse_network(const char *text, struct address_settings *settings) {
    const char *slash = strchr(text, '/');
    uint64_t bits;
    if (slash == NULL || !parse_ipv4(text, (size_t)(slash - text), &settings->ip) ||
        !parse_u64(slash + 1, strlen(slash + 1), &bits) || bits == 0 || bits > 32) {
        return false;
    }
    settings->mask = ~0u << (32 - bits);
    return true;
}

static bool parse_optional(const char *text, uint32_t *ip) {
    return text == NULL || parse_ipv4(text, strlen(text), ip);
}

bool interface_parse(const char *network, const char *gateway, const char *dns,
                     struct address_settings *settings) {
    struct address_settings result = {0};
    if (!parse_network(network, &result) || !parse_optional(gateway, &result.gateway) ||
        !parse_optional(dns, &result.dns) || !address_valid(&result)) {
        return false;
    }
    *settings = result;
    return true;
}
