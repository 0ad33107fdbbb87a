/* SPDX-License-Identifier: MIT */
/* UDP sockets: a bounded queue of datagrams; what does not fit is dropped, as UDP may. */
#include "socket.h"

#include <common/ip.h>

#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <lwip/udp.h>

#define DATAGRAMS 64u /* waiting at one socket */
#define DATAGRAM_MAX 65507u

static bool enqueue(struct socket *socket, struct pbuf *packet, const struct net_address *from) {
    struct datagram *datagram;
    if (socket->datagram_count >= DATAGRAMS ||
        policy_check(socket->policy, NET_ACTION_ACCEPT, NET_UDP, from) != OK ||
        (datagram = port_allocate_zeroed(1, sizeof *datagram)) == NULL) {
        return false;
    }
    datagram->packet = packet;
    datagram->from = *from;
    if (socket->datagram_last != NULL) {
        socket->datagram_last->next = datagram;
    } else {
        socket->datagram_first = datagram;
    }
    socket->datagram_last = datagram;
    socket->datagram_count++;
    return true;
}

static void on_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *packet,
                        const ip_addr_t *ip, u16_t port) {
    struct socket *socket = argument;
    struct net_address from;
    (void)pcb;
    address_from_lwip(ip, port, &from);
    if (enqueue(socket, packet, &from)) {
        socket_mark(socket);
    } else {
        pbuf_free(packet);
    }
}

status_t udp_socket_open(struct socket *socket) {
    socket->udp = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (socket->udp == NULL) {
        return E_QUOTA;
    }
    udp_set_multicast_ttl(socket->udp, 1);
    udp_recv(socket->udp, on_datagram, socket);
    return OK;
}

/* ---- Multicast groups --------------------------------------------------------------------- */

static err_t group_change(const struct membership *membership, bool join) {
    struct netif *netif = netif_get_by_index((u8_t)membership->interface);
    ip_addr_t group;
    ip_to_lwip(&membership->group, membership->interface, &group);
    if (netif == NULL) {
        return ERR_VAL;
    }
    if (IP_IS_V6_VAL(group)) {
        return join ? mld6_joingroup_netif(netif, ip_2_ip6(&group))
                    : mld6_leavegroup_netif(netif, ip_2_ip6(&group));
    }
    return join ? igmp_joingroup_netif(netif, ip_2_ip4(&group))
                : igmp_leavegroup_netif(netif, ip_2_ip4(&group));
}

/* The link to the membership, or to where it would be added. */
static struct membership **membership_find(struct socket *socket, const struct net_ip *group,
                                           uint32_t interface, uint32_t *count) {
    struct membership **link = &socket->groups;
    for (*count = 0; *link != NULL; link = &(*link)->next, ++*count) {
        if ((*link)->interface == interface &&
            ip_prefix_equal((*link)->group.bytes, group->bytes, 128)) {
            break;
        }
    }
    return link;
}

static status_t group_join(struct membership **link, uint32_t count, const struct net_ip *group,
                           uint32_t interface) {
    if (*link != NULL) {
        return E_EXISTS;
    }
    struct membership *added =
        count < SOCKET_GROUPS ? port_allocate_zeroed(1, sizeof *added) : NULL;
    if (added == NULL) {
        return E_QUOTA;
    }
    added->group = *group;
    added->interface = interface;
    err_t error = group_change(added, true);
    if (error != ERR_OK) {
        port_free(added);
        return error == ERR_VAL ? E_ADDRESS : status_of(error);
    }
    *link = added;
    return OK;
}

static status_t group_leave(struct membership **link) {
    struct membership *membership = *link;
    if (membership == NULL) {
        return E_NOT_FOUND;
    }
    (void)group_change(membership, false); /* the interface may have gone */
    *link = membership->next;
    port_free(membership);
    return OK;
}

status_t udp_socket_group(struct socket *socket, const struct net_group_request *request) {
    uint32_t interface = (uint32_t)request->interface, count;
    if (interface == 0 && netif_default != NULL) {
        interface = netif_get_index(netif_default);
    }
    if (interface == 0 || interface > UINT8_MAX) {
        return E_ADDRESS;
    }
    struct membership **link = membership_find(socket, &request->group, interface, &count);
    return request->join != 0 ? group_join(link, count, &request->group, interface)
                              : group_leave(link);
}

void udp_socket_close(struct socket *socket) {
    while (socket->groups != NULL) {
        (void)group_leave(&socket->groups);
    }
    if (socket->udp != NULL) {
        udp_remove(socket->udp);
        socket->udp = NULL;
    }
}

/* ---- Ends --------------------------------------------------------------------------------- */

status_t udp_socket_bind(struct socket *socket, const struct net_address *address) {
    ip_addr_t ip;
    if (!address_to_lwip(address, &ip)) {
        return E_ADDRESS;
    }
    if (socket->udp->local_port != 0) {
        return E_STATE;
    }
    if (IP_IS_ANY_TYPE_VAL(ip)) {
        IP_SET_TYPE_VAL(ip, IP_GET_TYPE(&socket->udp->local_ip));
    }
    return status_of(udp_bind(socket->udp, &ip, address->port));
}

status_t udp_socket_connect(struct socket *socket, const struct net_address *address) {
    ip_addr_t ip;
    if (!address_to_lwip(address, &ip) || !IP_ADDR_PCB_VERSION_MATCH(socket->udp, &ip)) {
        return E_ADDRESS;
    }
    status_t status = status_of(udp_connect(socket->udp, &ip, address->port));
    socket->connected = socket->connected || status == OK;
    return status;
}

void udp_socket_disconnect(struct socket *socket) {
    udp_disconnect(socket->udp);
    socket->connected = false;
}

/* A connected socket that is bound to no address sends from the one that the route gives. */
void udp_socket_local(const struct socket *socket, struct net_address *address) {
    const struct udp_pcb *pcb = socket->udp;
    const ip_addr_t *ip = &pcb->local_ip;
    if (socket->connected && ip_addr_isany(ip)) {
        struct netif *netif = ip_route(ip, &pcb->remote_ip);
        const ip_addr_t *source =
            netif != NULL ? ip_netif_get_local_ip(netif, &pcb->remote_ip) : NULL;
        ip = source != NULL ? source : ip;
    }
    address_from_lwip(ip, pcb->local_port, address);
}

/* ---- Data --------------------------------------------------------------------------------- */

static status_t transmit(struct socket *socket, struct pbuf *packet,
                         const struct net_address *address) {
    ip_addr_t ip;
    if (address->port == 0) {
        return status_of_packet(udp_send(socket->udp, packet));
    }
    if (!address_to_lwip(address, &ip) || !IP_ADDR_PCB_VERSION_MATCH(socket->udp, &ip)) {
        return E_ADDRESS;
    }
    return status_of_packet(udp_sendto(socket->udp, packet, &ip, address->port));
}

static status_t may_send(const struct socket *socket, const struct net_address *address) {
    if (address->port == 0) {
        return socket->connected ? OK : E_NOT_CONNECTED;
    }
    if (ip_is_any(address->ip.bytes)) {
        return E_ADDRESS;
    }
    return policy_check(socket->policy, NET_ACTION_CONNECT, NET_UDP, address);
}

status_t udp_socket_send(struct socket *socket, token_t token, const struct net_io_request *request,
                         struct net_io_reply *reply) {
    if (request->length > DATAGRAM_MAX) {
        return E_MESSAGE_SIZE;
    }
    status_t status = may_send(socket, &request->address);
    if (status != OK) {
        return status;
    }
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, (u16_t)request->length, PBUF_RAM);
    if (packet == NULL) {
        return E_QUOTA;
    }
    if (request->length != 0) {
        status = port_lease_read(token, 0, packet->payload, request->length);
    }
    if (status == OK) {
        status = transmit(socket, packet, &request->address);
    }
    pbuf_free(packet);
    reply->length = request->length;
    return status;
}

static status_t copy_out(token_t token, const struct pbuf *packet, uint64_t length,
                         uint64_t *done) {
    for (; packet != NULL && *done < length; packet = packet->next) {
        uint64_t piece = length - *done < packet->len ? length - *done : packet->len;
        status_t status = port_lease_write(token, *done, packet->payload, piece);
        if (status != OK) {
            return status;
        }
        *done += piece;
    }
    return OK;
}

static void drop_first(struct socket *socket) {
    struct datagram *datagram = socket->datagram_first;
    socket->datagram_first = datagram->next;
    if (datagram->next == NULL) {
        socket->datagram_last = NULL;
    }
    socket->datagram_count--;
    pbuf_free(datagram->packet);
    port_free(datagram);
}

status_t udp_socket_receive(struct socket *socket, const struct request *request,
                            struct net_io_reply *reply) {
    const struct datagram *datagram = socket->datagram_first;
    if (datagram == NULL) {
        return socket->udp->local_port != 0 ? E_WOULD_BLOCK : E_NOT_CONNECTED;
    }
    status_t status = copy_out(request->token, datagram->packet, request->length, &reply->length);
    if (status != OK) {
        return status;
    }
    reply->address = datagram->from;
    reply->size = datagram->packet->tot_len;
    if ((request->flags & NET_PEEK) == 0) {
        drop_first(socket);
    }
    return OK;
}

uint64_t udp_socket_ready(const struct socket *socket) {
    return NET_POLL_WRITE | (socket->datagram_first != NULL ? NET_POLL_READ : 0u);
}

/* ---- Options ------------------------------------------------------------------------------ */

static status_t option_get(const struct socket *socket, uint64_t option, uint64_t *value) {
    const struct udp_pcb *pcb = socket->udp;
    switch (option) {
    case NET_OPTION_REUSE:
        *value = ip_get_option(pcb, SOF_REUSEADDR) ? 1 : 0;
        return OK;
    case NET_OPTION_BROADCAST:
        *value = ip_get_option(pcb, SOF_BROADCAST) ? 1 : 0;
        return OK;
    case NET_OPTION_V6_ONLY:
        *value = IP_IS_V6_VAL(pcb->local_ip) ? 1 : 0;
        return OK;
    case NET_OPTION_HOP_LIMIT:
        *value = pcb->ttl;
        return OK;
    case NET_OPTION_TRAFFIC_CLASS:
        *value = pcb->tos;
        return OK;
    case NET_OPTION_MULTICAST_HOPS:
        *value = udp_get_multicast_ttl(pcb);
        return OK;
    case NET_OPTION_MULTICAST_LOOP:
        *value = (udp_flags(pcb) & UDP_FLAGS_MULTICAST_LOOP) != 0;
        return OK;
    case NET_OPTION_RECEIVE_QUEUED:
        *value = socket->datagram_first != NULL ? socket->datagram_first->packet->tot_len : 0;
        return OK;
    case NET_OPTION_SEND_QUEUED:
        *value = 0;
        return OK;
    default:
        return E_UNSUPPORTED;
    }
}

static void flag_set(struct udp_pcb *pcb, uint8_t flag, bool on) {
    if (on) {
        ip_set_option(pcb, flag);
    } else {
        ip_reset_option(pcb, flag);
    }
}

static status_t v6_only_set(struct udp_pcb *pcb, bool on) {
    if (pcb->local_port != 0) {
        return E_STATE;
    }
    IP_SET_TYPE_VAL(pcb->local_ip, on ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
    return OK;
}

static status_t option_set(struct socket *socket, uint64_t option, uint64_t value) {
    struct udp_pcb *pcb = socket->udp;
    bool hops = option == NET_OPTION_HOP_LIMIT || option == NET_OPTION_MULTICAST_HOPS;
    if ((hops && value == 0) || value > UINT8_MAX) {
        return E_INVALID;
    }
    switch (option) {
    case NET_OPTION_REUSE:
        flag_set(pcb, SOF_REUSEADDR, value != 0);
        return OK;
    case NET_OPTION_BROADCAST:
        flag_set(pcb, SOF_BROADCAST, value != 0);
        return OK;
    case NET_OPTION_V6_ONLY:
        return v6_only_set(pcb, value != 0);
    case NET_OPTION_HOP_LIMIT:
        pcb->ttl = (u8_t)value;
        return OK;
    case NET_OPTION_TRAFFIC_CLASS:
        pcb->tos = (u8_t)value;
        return OK;
    case NET_OPTION_MULTICAST_HOPS:
        udp_set_multicast_ttl(pcb, (u8_t)value);
        return OK;
    case NET_OPTION_MULTICAST_LOOP:
        udp_setflags(pcb, value != 0 ? udp_flags(pcb) | UDP_FLAGS_MULTICAST_LOOP
                                     : udp_flags(pcb) & (u8_t)~UDP_FLAGS_MULTICAST_LOOP);
        return OK;
    default:
        return E_UNSUPPORTED;
    }
}

status_t udp_socket_option(struct socket *socket, const struct net_option_request *request,
                           uint64_t *value) {
    status_t status = request->set != 0 ? option_set(socket, request->option, request->value) : OK;
    return status == OK ? option_get(socket, request->option, value) : status;
}
