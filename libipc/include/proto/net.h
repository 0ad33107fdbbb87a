/* SPDX-License-Identifier: MIT
 * Network protocol. Served by net. A *stack* session (wired by the manifest, root badge) makes
 * sockets and answers questions about the stack; a *socket* session is one socket: its last handle
 * closed closes the socket. Addresses and ports are in host byte order.
 */
#pragma once
#include <axolotl/abi.h>

#define NET_PROTOCOL_VERSION 1
#define NET_IO_MAX 65536 /* bytes that one SEND or RECEIVE moves at most */
#define NET_NAME_MAX 256

#define NET_PROTOCOL(OP)                                                                           \
    OP(1, SOCKET, socket, struct net_socket_request, struct net_empty)                             \
    OP(2, BIND, bind, struct net_address, struct net_empty)                                        \
    OP(3, LISTEN, listen, struct net_listen_request, struct net_empty)                             \
    OP(4, ACCEPT, accept, struct net_empty, struct net_address)                                    \
    OP(5, CONNECT, connect, struct net_address, struct net_empty)                                  \
    OP(6, SEND, send, struct net_io_request, struct net_io_reply)                                  \
    OP(7, RECEIVE, receive, struct net_io_request, struct net_io_reply)                            \
    OP(8, SHUTDOWN, shutdown, struct net_shutdown_request, struct net_empty)                       \
    OP(9, LOCAL, local, struct net_empty, struct net_address)                                      \
    OP(10, PEER, peer, struct net_empty, struct net_address)                                       \
    OP(11, OPTION, option, struct net_option_request, struct net_option_reply)                     \
    OP(12, POLL, poll, struct net_poll_request, struct net_poll_reply)                             \
    OP(16, RESOLVE, resolve, struct net_resolve_request, struct net_address)                       \
    OP(17, PING, ping, struct net_ping_request, struct net_ping_reply)                             \
    OP(18, INTERFACE, interface, struct net_index_request, struct net_interface)                   \
    OP(19, ARP, arp, struct net_index_request, struct net_arp_entry)                               \
    OP(20, CONNECTION, connection, struct net_index_request, struct net_connection)                \
    OP(21, CONFIGURE, configure, struct net_configure_request, struct net_empty)                   \
    OP(22, COUNTERS, counters, struct net_empty, struct net_counters)

enum net_operation {
    NET_SOCKET = 1,
    NET_BIND,
    NET_LISTEN,
    NET_ACCEPT,
    NET_CONNECT,
    NET_SEND,
    NET_RECEIVE,
    NET_SHUTDOWN,
    NET_LOCAL,
    NET_PEER,
    NET_OPTION,
    NET_POLL,
    NET_RESOLVE = 16,
    NET_PING,
    NET_INTERFACE,
    NET_ARP,
    NET_CONNECTION,
    NET_CONFIGURE,
    NET_COUNTERS,
};

struct net_empty {
    uint64_t reserved;
};

struct net_address {
    uint32_t ip; /* 10.0.2.15 is 0x0a00020f; 0: any */
    uint32_t port;
    uint64_t reserved; /* for IPv6 */
};

enum net_kind { NET_TCP = 1, NET_UDP = 2 };

/* Answer: one handle, the socket session. */
struct net_socket_request {
    uint64_t kind;
};

struct net_listen_request {
    uint64_t backlog;
};

/* ACCEPT: parked until a connection is there; answer: one handle and the peer's address. */

/* SEND: lease 0 LEASE_READ; parked until at least one byte is taken. RECEIVE: lease 0 LEASE_WRITE;
 * parked until there is at least one byte; length 0: the peer has closed. UDP: address is the
 * destination (0: the connected one) or in the answer the source; one datagram a call. */
#define NET_IO_NO_WAIT 1u /* E_WOULD_BLOCK rather than park */
struct net_io_request {
    uint64_t length;
    uint64_t flags;
    struct net_address address;
};

struct net_io_reply {
    uint64_t length;
    struct net_address address;
};

#define NET_SHUTDOWN_READ 1u
#define NET_SHUTDOWN_WRITE 2u
struct net_shutdown_request {
    uint64_t how;
};

enum net_option { NET_OPTION_NODELAY = 1, NET_OPTION_KEEPALIVE = 2, NET_OPTION_REUSE = 3 };
struct net_option_request {
    uint64_t option;
    uint64_t value;
    uint64_t set; /* 0: get */
};

struct net_option_reply {
    uint64_t value;
};

#define NET_POLL_READ 1u
#define NET_POLL_WRITE 2u
#define NET_POLL_CLOSED 4u
struct net_poll_request {
    uint64_t events; /* parked until one of them holds */
};

struct net_poll_reply {
    uint64_t events;
};

/* Parked until answered, E_NOT_FOUND no such name, E_TIMEOUT. Dotted numbers are accepted. */
struct net_resolve_request {
    char name[NET_NAME_MAX];
};

struct net_ping_request {
    uint32_t ip;
    uint32_t sequence;
    uint64_t size;       /* payload bytes */
    uint64_t timeout_ns; /* E_TIMEOUT after it */
};

struct net_ping_reply {
    uint64_t rtt_ns;
    uint32_t ip; /* who answered */
    uint32_t ttl;
    uint64_t size;
};

struct net_index_request {
    uint64_t index; /* E_NOT_FOUND past the end */
};

struct net_interface {
    char name[16];
    uint8_t mac[8];
    uint32_t ip, mask, gateway, dns;
    uint32_t up, link, dhcp; /* dhcp: 0 static, 1 asking, 2 bound */
    uint32_t mtu;
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped;
    uint64_t driver_generation;
};

struct net_arp_entry {
    uint32_t ip;
    uint32_t state;
    uint8_t mac[8];
};

struct net_connection {
    uint32_t kind;  /* enum net_kind */
    uint32_t state; /* TCP: lwIP's numbering: 0 CLOSED 1 LISTEN 2 SYN_SENT 3 SYN_RCVD 4 ESTABLISHED
                       5 FIN_WAIT_1 6 FIN_WAIT_2 7 CLOSE_WAIT 8 CLOSING 9 LAST_ACK 10 TIME_WAIT */
    uint32_t local_ip, local_port, remote_ip, remote_port;
    uint64_t receive_queue, send_queue;
};

struct net_configure_request {
    uint64_t dhcp; /* 1: use DHCP, the rest is ignored */
    uint32_t ip, mask, gateway, dns;
};

struct net_counters {
    uint64_t link_rx, link_tx, link_drop;
    uint64_t arp_rx, arp_tx;
    uint64_t ip_rx, ip_tx, ip_drop, ip_checksum;
    uint64_t icmp_rx, icmp_tx;
    uint64_t udp_rx, udp_tx, udp_drop;
    uint64_t tcp_rx, tcp_tx, tcp_drop, tcp_checksum, tcp_retransmit;
    uint64_t sockets, sockets_max, memory_used, memory_max;
};
