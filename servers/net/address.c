/* SPDX-License-Identifier: MIT */
/* Addresses of the protocol and lwIP's; which of them are ours. */
#include <common/ip.h>
#include <common/string.h>

#include "net.h"

#include <lwip/inet.h>

void ip_to_lwip(const struct net_ip *ip, uint32_t interface, ip_addr_t *to) {
    static const struct net_ip none;
    memset(to, 0, sizeof *to);
    if (memcmp(ip, &none, sizeof none) == 0) {
        IP_SET_TYPE(to, IPADDR_TYPE_ANY);
        return;
    }
    if (ip_is_v4(ip->bytes)) {
        ip_addr_set_ip4_u32(to, lwip_htonl(ip_to_v4(ip->bytes)));
        return;
    }
    IP_SET_TYPE(to, IPADDR_TYPE_V6);
    memcpy(ip_2_ip6(to)->addr, ip->bytes, sizeof ip->bytes);
    if (ip6_addr_has_scope(ip_2_ip6(to), IP6_UNKNOWN)) {
        uint32_t zone =
            interface != 0 || netif_default == NULL ? interface : netif_get_index(netif_default);
        ip6_addr_set_zone(ip_2_ip6(to), (u8_t)zone);
    }
}

void ip_from_lwip(const ip_addr_t *from, struct net_ip *ip) {
    memset(ip, 0, sizeof *ip);
    if (IP_IS_V6(from)) {
        memcpy(ip->bytes, ip_2_ip6(from)->addr, sizeof ip->bytes);
    } else if (!IP_IS_ANY_TYPE_VAL(*from)) {
        ip_from_v4(ip->bytes, lwip_ntohl(ip_2_ip4(from)->addr));
    }
}

void ip_from_lwip4(const ip4_addr_t *from, struct net_ip *ip) {
    ip_from_v4(ip->bytes, lwip_ntohl(from->addr));
}

void ip_from_lwip6(const ip6_addr_t *from, struct net_ip *ip) {
    memcpy(ip->bytes, from->addr, sizeof ip->bytes);
}

bool address_to_lwip(const struct net_address *address, ip_addr_t *to) {
    ip_to_lwip(&address->ip, address->interface, to);
    return address->interface == 0 || netif_get_by_index((u8_t)address->interface) != NULL;
}

void address_from_lwip(const ip_addr_t *ip, uint32_t port, struct net_address *address) {
    *address = (struct net_address){.port = (uint16_t)port};
    ip_from_lwip(ip, &address->ip);
    if (IP_IS_V6(ip)) {
        address->interface = ip6_addr_zone(ip_2_ip6(ip));
    }
}

static bool netif_has(const struct netif *netif, const struct net_ip *ip) {
    struct net_ip ours;
    ip_from_lwip4(netif_ip4_addr(netif), &ours);
    if (memcmp(&ours, ip, sizeof ours) == 0) {
        return true;
    }
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        ip_from_lwip6(netif_ip6_addr(netif, i), &ours);
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            memcmp(&ours, ip, sizeof ours) == 0) {
            return true;
        }
    }
    return false;
}

bool ip_is_ours(const struct net_ip *ip) {
    const struct netif *netif;
    if (ip_is_any(ip->bytes) || ip_is_loopback(ip->bytes)) {
        return true;
    }
    NETIF_FOREACH(netif) {
        if (netif_has(netif, ip)) {
            return true;
        }
    }
    return false;
}
