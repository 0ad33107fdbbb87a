/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces: lwIP's netif, addresses, DHCP, SLAAC. An interface comes into being with its
 * driver's first HELLO and stays when the driver dies; meanwhile its frames are dropped.
 */
#include <common/ip.h>
#include <common/parse.h>
#include <common/string.h>

#include "socket.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <lwip/prot/dhcp.h>
#include <lwip/prot/etharp.h>

#define MTU_MIN 576u
#define MTU_MAX 1500u
#define DEFEND_MS 10000u  /* RFC 5227, 2.4 */
#define FALLBACK_MS 6000u /* without an answer from a DHCP server */
#define ROUTER_MS 4000u   /* a router that has not spoken by then is not awaited */

static ip4_addr_t address_of(uint32_t ip) {
    return (ip4_addr_t){.addr = lwip_htonl(ip)};
}

static uint32_t host_order(const ip4_addr_t *address) {
    return lwip_ntohl(address->addr);
}

static err_t on_output(struct netif *netif, struct pbuf *packet) {
    return nic_output(netif->state, packet);
}

static err_t on_group4(struct netif *netif, const ip4_addr_t *group,
                       enum netif_mac_filter_action action) {
    struct interface *interface = netif->state;
    (void)group;
    (void)action;
    interface->nic.filter_changed = interface->nic.filters;
    return ERR_OK;
}

static err_t on_group6(struct netif *netif, const ip6_addr_t *group,
                       enum netif_mac_filter_action action) {
    (void)group;
    return on_group4(netif, NULL, action);
}

static void add_group(struct netif_filter *filter, const uint8_t mac[6]) {
    if (filter->count == NETIF_GROUPS) {
        filter->all = 1;
    } else {
        memcpy(filter->macs[filter->count++], mac, 6);
    }
}

void interface_filter(struct interface *interface, struct netif_filter *filter) {
    const struct netif *netif = &interface->netif;
    for (const struct igmp_group *group = netif_igmp_data(netif); group != NULL;
         group = group->next) {
        uint32_t ip = host_order(&group->group_address);
        add_group(filter, (uint8_t[]){1, 0, 0x5e, ip >> 16 & 0x7f, ip >> 8 & 255, ip & 255});
    }
    for (const struct mld_group *group = netif_mld6_data(netif); group != NULL;
         group = group->next) {
        const uint8_t *ip = (const uint8_t *)group->group_address.addr;
        add_group(filter, (uint8_t[]){0x33, 0x33, ip[12], ip[13], ip[14], ip[15]});
    }
    add_group(filter, (uint8_t[]){0x33, 0x33, 0, 0, 0, 1}); /* all nodes: no group of lwIP's */
}

/* Our name, where we ask for an address or go on with one (RFC 2132, 3.14). */
void interface_dhcp_options(struct dhcp_msg *message, uint8_t type, uint16_t *length) {
    static const char name[] = "axolotl";
    const size_t size = sizeof name - 1;
    if ((type != DHCP_DISCOVER && type != DHCP_REQUEST) ||
        *length + 2 + size >= sizeof message->options) { /* the end mark still follows */
        return;
    }
    message->options[(*length)++] = DHCP_OPTION_HOSTNAME;
    message->options[(*length)++] = (uint8_t)size;
    memcpy(message->options + *length, name, size);
    *length = (uint16_t)(*length + size);
}

static err_t on_init(struct netif *netif) {
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = on_output;
    netif_set_igmp_mac_filter(netif, on_group4);
    netif_set_mld_mac_filter(netif, on_group6);
    return ERR_OK;
}

#define OCTETS(ip) (ip) >> 24, (ip) >> 16 & 255, (ip) >> 8 & 255, (ip)&255

static void log_ip4(struct interface *interface) {
    const struct netif *netif = &interface->netif;
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

static void log_ip6(struct interface *interface, s8_t index) {
    const struct netif *netif = &interface->netif;
    uint8_t state = netif_ip6_addr_state(netif, index);
    uint8_t told = interface->reported_ip6[index];
    struct net_ip ip;
    char text[IP_TEXT];
    ip_from_lwip6(netif_ip6_addr(netif, index), &ip);
    if (ip6_addr_isvalid(state) && !ip6_addr_isvalid(told)) {
        port_log("%s: address %s/64", interface->label, ip_format(text, ip.bytes));
    } else if (ip6_addr_isduplicated(state) && !ip6_addr_isduplicated(told)) {
        port_log("%s: address %s is another station's", interface->label,
                 ip_format(text, ip.bytes));
    }
    interface->reported_ip6[index] = state;
}

/* A line in the log when an address is another one. */
static void on_status(struct netif *netif) {
    log_ip4(netif->state);
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        log_ip6(netif->state, i);
    }
}

static void set_addresses(struct netif *netif, const struct address_settings *settings) {
    ip4_addr_t ip = address_of(settings->ip), mask = address_of(settings->mask);
    ip4_addr_t gateway = address_of(settings->gateway);
    netif_set_addr(netif, &ip, &mask, &gateway);
    if (settings->dns != 0) {
        ip_addr_t server = IPADDR4_INIT(lwip_htonl(settings->dns));
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
        nic_tick(&net.interfaces[i], now_ms);
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

status_t interface_create(struct interface *interface) {
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
    mdns_join(netif);
    return OK;
}

static void set_up_addresses(struct interface *interface) {
    netif_create_ip6_linklocal_address(&interface->netif, 1);
    netif_set_ip6_autoconfig_enabled(&interface->netif, 1);
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
    netif->mtu6 = netif->mtu; /* routers may lower it */
    bool other_card = !first && memcmp(netif->hwaddr, hello->mac, ETH_HWADDR_LEN) != 0;
    memcpy(netif->hwaddr, hello->mac, ETH_HWADDR_LEN);
    interface->nic.filters = interface->nic.filter_changed =
        (hello->flags & NETIF_HELLO_FILTER) != 0;
    interface_link(interface, &(struct netif_link){hello->link, hello->speed});
    if (other_card && netif_is_link_up(netif)) { /* everybody has to learn that it is ours */
        (void)etharp_gratuitous(netif);
    }
    if (first) {
        set_up_addresses(interface);
    }
    tcp_socket_hurry();
    return OK;
}

void interface_link(struct interface *interface, const struct netif_link *link) {
    struct netif *netif = &interface->netif;
    interface->speed = link->speed;
    if (!interface->used || (link->up != 0) == (netif_is_link_up(netif) != 0)) {
        return;
    }
    if (link->up != 0) {
        interface->wait6_ms = timers_now_ms() + ROUTER_MS;
        netif_set_link_up(netif);
    } else {
        netif_set_link_down(netif);
    }
    port_log("%s: link %s", interface->label, link->up != 0 ? "up" : "down");
}

/* A line in the log for the 1st, 2nd, 4th... time; the address is defended every 10 s at most. */
static void conflict(struct interface *interface, const struct etharp_hdr *arp) {
    uint64_t now = timers_now_ms();
    const uint8_t *mac = arp->shwaddr.addr;
    interface->conflicts++;
    if ((interface->conflicts & (interface->conflicts - 1)) == 0) {
        port_log("%s: our address is also that of %02x:%02x:%02x:%02x:%02x:%02x", interface->label,
                 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    }
    if (interface->conflicts == 1 || now - interface->defended_ms >= DEFEND_MS) {
        interface->defended_ms = now;
        etharp_gratuitous(&interface->netif);
    }
}

void interface_before(struct interface *interface, const struct pbuf *frame) {
    const struct eth_hdr *ethernet = frame->payload;
    struct netif *netif = &interface->netif;
    struct etharp_hdr arp;
    ip4_addr_t sender;
    if (frame->len < SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR ||
        ethernet->type != PP_HTONS(ETHTYPE_ARP)) {
        return;
    }
    memcpy(&arp, (const uint8_t *)frame->payload + SIZEOF_ETH_HDR, sizeof arp);
    IPADDR_WORDALIGNED_COPY_TO_IP4_ADDR_T(&sender, &arp.sipaddr);
    if (!ip4_addr_isany(&sender) && ip4_addr_cmp(&sender, netif_ip4_addr(netif)) &&
        memcmp(&arp.shwaddr, netif->hwaddr, ETH_HWADDR_LEN) != 0) {
        conflict(interface, &arp);
    }
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

/* ---- Configuration ------------------------------------------------------------------------ */

static void stop_dhcp(struct interface *interface) {
    interface->give_up_ms = TIMERS_NEVER;
    if (interface->dhcp) {
        dhcp_release_and_stop(&interface->netif);
        interface->dhcp = false;
    }
}

static status_t configure_dhcp(struct interface *interface) {
    if (interface->dhcp && dhcp_supplied_address(&interface->netif)) {
        return dhcp_renew(&interface->netif) == ERR_OK ? OK : E_QUOTA;
    }
    ask(interface);
    return OK;
}

static status_t configure_static(struct interface *interface,
                                 const struct net_configure_request *request) {
    bool gateway = !ip_is_any(request->gateway.bytes);
    if (!ip_is_v4(request->ip.bytes) || (gateway && !ip_is_v4(request->gateway.bytes)) ||
        request->prefix_length == 0 || request->prefix_length > 32) {
        return E_ADDRESS;
    }
    struct address_settings settings = {
        .ip = ip_to_v4(request->ip.bytes),
        .mask = ~0u << (32 - request->prefix_length),
        .gateway = gateway ? ip_to_v4(request->gateway.bytes) : 0,
    };
    if (!address_valid(&settings)) {
        return E_ADDRESS;
    }
    stop_dhcp(interface);
    set_addresses(&interface->netif, &settings);
    return OK;
}

/* lwIP knows no prefix of a fixed address but 64. */
static status_t configure_add6(struct interface *interface,
                               const struct net_configure_request *request) {
    struct netif *netif = &interface->netif;
    const uint8_t *bytes = request->ip.bytes;
    ip_addr_t ip;
    s8_t index;
    if (ip_is_v4(bytes) || ip_is_any(bytes) || ip_is_multicast(bytes) || ip_is_loopback(bytes) ||
        request->prefix_length != 64) {
        return E_ADDRESS;
    }
    ip_to_lwip(&request->ip, netif_get_index(netif), &ip);
    if (netif_get_ip6_addr_match(netif, ip_2_ip6(&ip)) >= 0) {
        return E_EXISTS;
    }
    if (netif_add_ip6_address(netif, ip_2_ip6(&ip), &index) != ERR_OK) {
        return E_QUOTA;
    }
    netif_ip6_addr_set_valid_life(netif, index, IP6_ADDR_LIFE_STATIC);
    netif_ip6_addr_set_pref_life(netif, index, IP6_ADDR_LIFE_STATIC);
    return OK;
}

static status_t configure_remove6(struct interface *interface, const struct net_ip *address) {
    struct netif *netif = &interface->netif;
    ip_addr_t ip;
    ip_to_lwip(address, netif_get_index(netif), &ip);
    s8_t index = IP_IS_V6_VAL(ip) ? netif_get_ip6_addr_match(netif, ip_2_ip6(&ip)) : -1;
    if (index < 0) {
        return E_NOT_FOUND;
    }
    netif_ip6_addr_set_state(netif, index, IP6_ADDR_INVALID);
    return OK;
}

static status_t configure_dns(const struct net_configure_request *request) {
    u8_t count = 0;
    for (int i = 0; i < NET_INTERFACE_DNS; i++) {
        ip_addr_t server;
        if (!ip_is_any(request->dns[i].bytes)) {
            ip_to_lwip(&request->dns[i], 0, &server);
            dns_setserver(count++, &server);
        }
    }
    for (u8_t i = count; i < DNS_MAX_SERVERS; i++) {
        dns_setserver(i, IP_ADDR_ANY);
    }
    return OK;
}

static status_t configure_forget(const struct net_ip *ip) {
    struct eth_addr nobody = {{2, 0, 0, 0, 0, 0}};
    ip4_addr_t address = address_of(ip_to_v4(ip->bytes));
    struct eth_addr *known;
    const ip4_addr_t *found;
    if (!ip_is_v4(ip->bytes)) {
        return E_UNSUPPORTED;
    }
    if (etharp_find_addr(NULL, &address, &known, &found) < 0) {
        return E_NOT_FOUND;
    }
    /* Fixed entries are the only ones that lwIP lets go. */
    err_t error = etharp_add_static_entry(&address, &nobody);
    return error == ERR_OK ? status_of(etharp_remove_static_entry(&address)) : status_of(error);
}

static struct interface *interface_numbered(uint32_t number) {
    for (int i = 0; i < NET_INTERFACES; i++) {
        struct interface *interface = &net.interfaces[i];
        if (interface->used && (number == 0 || netif_get_index(&interface->netif) == number)) {
            return interface;
        }
    }
    return NULL;
}

status_t interface_configure(const struct net_configure_request *request) {
    struct interface *interface = interface_numbered(request->interface);
    if (request->action == NET_CONFIGURE_DNS) {
        return configure_dns(request);
    }
    if (interface == NULL) {
        return request->interface == 0 ? E_NET_DOWN : E_NOT_FOUND;
    }
    switch (request->action) {
    case NET_CONFIGURE_DHCP:
        return configure_dhcp(interface);
    case NET_CONFIGURE_STATIC:
        return configure_static(interface, request);
    case NET_CONFIGURE_RELEASE:
        stop_dhcp(interface);
        return OK;
    case NET_CONFIGURE_UP:
        netif_set_up(&interface->netif);
        return OK;
    case NET_CONFIGURE_DOWN:
        netif_set_down(&interface->netif);
        return OK;
    case NET_CONFIGURE_ADD6:
        return configure_add6(interface, request);
    case NET_CONFIGURE_REMOVE6:
        return configure_remove6(interface, &request->ip);
    case NET_CONFIGURE_FORGET:
        return configure_forget(&request->ip);
    default:
        return E_INVALID;
    }
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
