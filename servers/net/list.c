/* SPDX-License-Identifier: MIT */
/* What programs may read of the stack: interfaces, neighbours, routes, connections, counters. */
#include <common/ip.h>
#include <common/string.h>

#include "socket.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/nd6.h>
#include <lwip/priv/nd6_priv.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/udp.h>

static uint32_t mask_bits(const ip4_addr_t *mask) {
    uint32_t value = lwip_ntohl(mask->addr);
    return value == 0 ? 0 : 32 - (uint32_t)__builtin_ctz(value);
}

/* ---- Interfaces --------------------------------------------------------------------------- */

static uint8_t ip6_state(uint8_t state) {
    return ip6_addr_isduplicated(state)   ? NET_IP6_DOUBLE
           : ip6_addr_ispreferred(state)  ? NET_IP6_PREFERRED
           : ip6_addr_isdeprecated(state) ? NET_IP6_DEPRECATED
                                          : NET_IP6_TENTATIVE;
}

static void report_ip6(struct netif *netif, struct net_interface *report) {
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES && report->ip6_count < NET_INTERFACE_IP6; i++) {
        uint8_t state = netif_ip6_addr_state(netif, i);
        if (ip6_addr_isinvalid(state) && !ip6_addr_isduplicated(state)) {
            continue;
        }
        struct net_ip6 *entry = &report->ip6[report->ip6_count++];
        ip_from_lwip6(netif_ip6_addr(netif, i), &entry->ip);
        entry->prefix_length = ip_is_loopback(entry->ip.bytes) ? 128 : 64;
        bool own = ip6_addr_isloopback(netif_ip6_addr(netif, i)) ||
                   ip6_addr_islinklocal(netif_ip6_addr(netif, i));
        entry->state = own && ip6_addr_isvalid(state) ? NET_IP6_PREFERRED : ip6_state(state);
        entry->fixed = !own && netif_ip6_addr_isstatic(netif, i) ? 1 : 0;
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        const struct nd6_neighbor_cache_entry *router = default_router_list[i].neighbor_entry;
        if (router != NULL && router->netif == netif) {
            ip_from_lwip6(&router->next_hop_address, &report->router);
            break;
        }
    }
}

static void report_netif(struct netif *netif, struct net_interface *report) {
    report->number = netif_get_index(netif);
    report->mtu = netif->mtu;
    report->up = netif_is_up(netif) ? 1 : 0;
    report->link = netif_is_link_up(netif) ? 1 : 0;
    ip_from_lwip4(netif_ip4_addr(netif), &report->ip);
    ip_from_lwip4(netif_ip4_gw(netif), &report->gateway);
    report->prefix_length = mask_bits(netif_ip4_netmask(netif));
    report_ip6(netif, report);
    for (u8_t i = 0; i < NET_INTERFACE_DNS && i < DNS_MAX_SERVERS; i++) {
        const ip_addr_t *server = dns_getserver(i);
        if (!ip_addr_isany(server)) {
            ip_from_lwip(server, &report->dns[i]);
        }
    }
}

static void report_dhcp(const struct interface *interface, struct net_interface *report) {
    const struct dhcp *dhcp = netif_dhcp_data(&interface->netif);
    if (!interface->dhcp) {
        return;
    }
    report->dhcp = NET_DHCP_ASKING;
    if (dhcp_supplied_address(&interface->netif)) {
        report->dhcp = NET_DHCP_BOUND;
        report->lease_s = (uint32_t)(dhcp->t0_timeout - dhcp->lease_used) * DHCP_COARSE_TIMER_SECS;
    }
}

static void report_interface(struct interface *interface, struct net_interface *report) {
    struct netif *netif = &interface->netif;
    report_netif(netif, report);
    report_dhcp(interface, report);
    strlcpy(report->name, interface->label, sizeof report->name);
    memcpy(report->mac, netif->hwaddr, ETH_HWADDR_LEN);
    report->speed = interface->speed;
    report->rx_packets = interface->receive_packets;
    report->tx_packets = interface->transmit_packets;
    report->rx_bytes = interface->receive_bytes;
    report->tx_bytes = interface->transmit_bytes;
    report->rx_dropped = interface->receive_dropped;
    report->tx_dropped = interface->transmit_dropped;
    report->driver_generation = interface->nic.generation;
}

static void report_loopback(struct netif *netif, struct net_interface *report) {
    report_netif(netif, report);
    strlcpy(report->name, "lo", sizeof report->name);
    report->rx_packets = netif->mib2_counters.ifinucastpkts;
    report->tx_packets = netif->mib2_counters.ifoutucastpkts;
    report->rx_bytes = netif->mib2_counters.ifinoctets;
    report->tx_bytes = netif->mib2_counters.ifoutoctets;
}

status_t interface_report(uint64_t index, struct net_interface *report) {
    struct netif *netif;
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

/* ---- Neighbours --------------------------------------------------------------------------- */

static void fill_neighbour6(const struct nd6_neighbor_cache_entry *from,
                            struct net_neighbour *entry) {
    ip_from_lwip6(&from->next_hop_address, &entry->ip);
    memcpy(entry->mac, from->lladdr, ETH_HWADDR_LEN);
    entry->state = from->state == ND6_INCOMPLETE  ? NET_NEIGHBOUR_ASKING
                   : from->state == ND6_REACHABLE ? NET_NEIGHBOUR_KNOWN
                                                  : NET_NEIGHBOUR_STALE;
    entry->interface = netif_get_index(from->netif);
    entry->router = from->isrouter;
}

status_t list_neighbour(uint64_t index, struct net_neighbour *entry) {
    for (size_t i = 0; i < ARP_TABLE_SIZE; i++) {
        ip4_addr_t *ip;
        struct netif *netif;
        struct eth_addr *mac;
        if (etharp_get_entry(i, &ip, &netif, &mac) && index-- == 0) {
            ip_from_lwip4(ip, &entry->ip);
            entry->state = NET_NEIGHBOUR_KNOWN;
            entry->interface = netif_get_index(netif);
            memcpy(entry->mac, mac, ETH_HWADDR_LEN);
            return OK;
        }
    }
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        if (neighbor_cache[i].state != ND6_NO_ENTRY && index-- == 0) {
            fill_neighbour6(&neighbor_cache[i], entry);
            return OK;
        }
    }
    return E_NOT_FOUND;
}

/* ---- Routes ------------------------------------------------------------------------------- */

static bool route_link4(const struct netif *netif, struct net_route *route) {
    if (ip4_addr_isany(netif_ip4_addr(netif)) || !netif_is_up(netif)) {
        return false;
    }
    ip4_addr_t network;
    *route = (struct net_route){.interface = netif_get_index(netif)};
    ip4_addr_get_network(&network, netif_ip4_addr(netif), netif_ip4_netmask(netif));
    ip_from_lwip4(&network, &route->ip);
    ip_from_v4(route->gateway.bytes, 0);
    route->prefix_length = IP_MAPPED_BITS + mask_bits(netif_ip4_netmask(netif));
    return true;
}

static bool route_default4(const struct netif *netif, struct net_route *route) {
    if (netif != netif_default || ip4_addr_isany(netif_ip4_gw(netif)) || !netif_is_up(netif)) {
        return false;
    }
    *route =
        (struct net_route){.interface = netif_get_index(netif), .prefix_length = IP_MAPPED_BITS};
    ip_from_v4(route->ip.bytes, 0);
    ip_from_lwip4(netif_ip4_gw(netif), &route->gateway);
    return true;
}

static bool route_prefix6(const struct nd6_prefix_list_entry *prefix, struct net_route *route) {
    if (prefix->netif == NULL || prefix->invalidation_timer == 0) {
        return false;
    }
    *route = (struct net_route){.interface = netif_get_index(prefix->netif), .prefix_length = 64};
    ip_from_lwip6(&prefix->prefix, &route->ip);
    return true;
}

static bool route_default6(const struct nd6_router_list_entry *router, struct net_route *route) {
    if (router->neighbor_entry == NULL || router->invalidation_timer == 0) {
        return false;
    }
    *route = (struct net_route){.interface = netif_get_index(router->neighbor_entry->netif)};
    ip_from_lwip6(&router->neighbor_entry->next_hop_address, &route->gateway);
    return true;
}

status_t list_route(uint64_t index, struct net_route *route) {
    const struct netif *netif;
    NETIF_FOREACH(netif) {
        if ((route_link4(netif, route) && index-- == 0) ||
            (route_default4(netif, route) && index-- == 0)) {
            return OK;
        }
    }
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++) {
        if (route_prefix6(&prefix_list[i], route) && index-- == 0) {
            return OK;
        }
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        if (route_default6(&default_router_list[i], route) && index-- == 0) {
            return OK;
        }
    }
    return E_NOT_FOUND;
}

/* ---- Connections -------------------------------------------------------------------------- */

static void fill_tcp(const struct tcp_pcb *pcb, struct net_connection *connection) {
    /* The socket behind it; NULL for the stack's own and for what waits for its end. */
    const struct socket *socket = pcb->state != TIME_WAIT ? pcb->callback_arg : NULL;
    connection->kind = NET_TCP;
    connection->state = (uint32_t)pcb->state;
    address_from_lwip(&pcb->local_ip, pcb->local_port, &connection->local);
    connection->account = socket != NULL ? socket->account : 0;
    if (pcb->state == LISTEN) {
        return;
    }
    address_from_lwip(&pcb->remote_ip, pcb->remote_port, &connection->remote);
    if (socket != NULL) {
        connection->receive_queue = socket->receive_bytes;
        connection->send_queue = socket->transmit_bytes;
    }
}

static bool find_tcp(const struct tcp_pcb *pcb, uint64_t *index,
                     struct net_connection *connection) {
    for (; pcb != NULL; pcb = pcb->next) {
        if ((*index)-- == 0) {
            fill_tcp(pcb, connection);
            return true;
        }
    }
    return false;
}

static void fill_udp(const struct udp_pcb *pcb, struct net_connection *connection) {
    connection->kind = NET_UDP;
    address_from_lwip(&pcb->local_ip, pcb->local_port, &connection->local);
    address_from_lwip(&pcb->remote_ip, pcb->remote_port, &connection->remote);
    for (uint32_t i = 0; i < NET_SOCKETS; i++) {
        if (net.sockets[i] != NULL && net.sockets[i]->udp == pcb) {
            connection->account = net.sockets[i]->account;
            return;
        }
    }
}

status_t list_connection(uint64_t index, struct net_connection *connection) {
    if (find_tcp(tcp_listen_pcbs.pcbs, &index, connection) ||
        find_tcp(tcp_active_pcbs, &index, connection) ||
        find_tcp(tcp_tw_pcbs, &index, connection)) {
        return OK;
    }
    for (const struct udp_pcb *pcb = udp_pcbs; pcb != NULL; pcb = pcb->next) {
        if (index-- == 0) {
            fill_udp(pcb, connection);
            return OK;
        }
    }
    return E_NOT_FOUND;
}

/* ---- Counters ----------------------------------------------------------------------------- */

static void count_frames(struct net_counters *counters) {
    for (int i = 0; i < NET_INTERFACES; i++) {
        const struct interface *interface = &net.interfaces[i];
        counters->link_rx += interface->receive_packets;
        counters->link_tx += interface->transmit_packets;
        counters->link_drop += interface->receive_dropped + interface->transmit_dropped;
    }
}

static void count_ip(const struct stats_ *stats, struct net_counters *counters) {
    counters->arp_rx = stats->etharp.recv;
    counters->arp_tx = stats->etharp.xmit;
    counters->ip_rx = stats->ip.recv;
    counters->ip_tx = stats->ip.xmit;
    counters->ip_drop = stats->ip.drop + stats->ip_frag.drop;
    counters->ip_checksum = stats->ip.chkerr;
    counters->ip6_rx = stats->ip6.recv;
    counters->ip6_tx = stats->ip6.xmit;
    counters->ip6_drop = stats->ip6.drop + stats->ip6_frag.drop;
    counters->icmp_rx = stats->icmp.recv;
    counters->icmp_tx = stats->icmp.xmit;
    counters->icmp6_rx = stats->icmp6.recv;
    counters->icmp6_tx = stats->icmp6.xmit;
    counters->nd_rx = stats->nd6.recv;
    counters->nd_tx = stats->nd6.xmit;
}

void list_counters(struct net_counters *counters) {
    const struct stats_ *stats = &lwip_stats;
    count_frames(counters);
    count_ip(stats, counters);
    counters->udp_rx = stats->udp.recv;
    counters->udp_tx = stats->udp.xmit;
    counters->udp_drop = stats->udp.drop;
    counters->tcp_rx = stats->tcp.recv;
    counters->tcp_tx = stats->tcp.xmit;
    counters->tcp_drop = stats->tcp.drop;
    counters->tcp_checksum = stats->tcp.chkerr;
    counters->tcp_retransmit = stats->mib2.tcpretranssegs;
    counters->sockets = net.socket_count;
    counters->sockets_max = NET_SOCKETS;
    counters->denied = net.denied;
    port_memory(&counters->memory_used, &counters->memory_max);
}
