/* SPDX-License-Identifier: MIT */
/* UDP sockets: a bounded queue of datagrams; what does not fit is dropped, as UDP may. */
#include "socket.h"

#include <lwip/udp.h>

#define DATAGRAMS 64u /* waiting at one socket */
#define DATAGRAM_MAX 65507u

static bool enqueue(struct socket *socket, struct pbuf *packet, uint32_t ip, uint32_t port) {
    struct datagram *datagram;
    if (socket->datagram_count >= DATAGRAMS ||
        (datagram = port_allocate_zeroed(1, sizeof *datagram)) == NULL) {
        return false;
    }
    datagram->packet = packet;
    datagram->ip = ip;
    datagram->port = port;
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
    (void)pcb;
    if (enqueue(socket, packet, lwip_ntohl(ip->addr), port)) {
        socket_mark(socket);
    } else {
        pbuf_free(packet);
    }
}

status_t udp_socket_open(struct socket *socket) {
    socket->udp = udp_new();
    if (socket->udp == NULL) {
        return E_QUOTA;
    }
    udp_recv(socket->udp, on_datagram, socket);
    return OK;
}

void udp_socket_close(struct socket *socket) {
    if (socket->udp != NULL) {
        udp_remove(socket->udp);
        socket->udp = NULL;
    }
}

status_t udp_socket_bind(struct socket *socket, const struct net_address *address) {
    ip_addr_t ip = {.addr = lwip_htonl(address->ip)};
    return status_of(udp_bind(socket->udp, &ip, (u16_t)address->port));
}

status_t udp_socket_connect(struct socket *socket, const struct net_address *address) {
    ip_addr_t ip = {.addr = lwip_htonl(address->ip)};
    status_t status = status_of(udp_connect(socket->udp, &ip, (u16_t)address->port));
    socket->connected = socket->connected || status == OK;
    return status;
}

static err_t transmit(struct socket *socket, struct pbuf *packet,
                      const struct net_address *address) {
    if (address->port == 0) {
        return udp_send(socket->udp, packet);
    }
    ip_addr_t ip = {.addr = lwip_htonl(address->ip)};
    return udp_sendto(socket->udp, packet, &ip, (u16_t)address->port);
}

status_t udp_socket_send(struct socket *socket, token_t token, const struct net_io_request *request,
                         struct net_io_reply *reply) {
    const struct net_address *address = &request->address;
    if (request->length > DATAGRAM_MAX) {
        return E_MESSAGE_SIZE;
    }
    if (address->port == 0 && !socket->connected) {
        return E_NOT_CONNECTED;
    }
    if (address->port > 0xffff || (address->port != 0 && address->ip == 0)) {
        return E_ADDRESS;
    }
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, (u16_t)request->length, PBUF_RAM);
    if (packet == NULL) {
        return E_QUOTA;
    }
    status_t status =
        request->length != 0 ? port_lease_read(token, 0, packet->payload, request->length) : OK;
    if (status == OK) {
        status = status_of(transmit(socket, packet, address));
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

status_t udp_socket_receive(struct socket *socket, token_t token, uint64_t length,
                            struct net_io_reply *reply) {
    struct datagram *datagram = socket->datagram_first;
    if (datagram == NULL) {
        return socket->udp->local_port != 0 ? E_WOULD_BLOCK : E_NOT_CONNECTED;
    }
    status_t status = copy_out(token, datagram->packet, length, &reply->length);
    if (status != OK) {
        return status;
    }
    reply->address.ip = datagram->ip;
    reply->address.port = datagram->port;
    socket->datagram_first = datagram->next;
    if (datagram->next == NULL) {
        socket->datagram_last = NULL;
    }
    socket->datagram_count--;
    pbuf_free(datagram->packet);
    port_free(datagram);
    return OK;
}

uint64_t udp_socket_ready(const struct socket *socket) {
    return NET_POLL_WRITE | (socket->datagram_first != NULL ? NET_POLL_READ : 0);
}
