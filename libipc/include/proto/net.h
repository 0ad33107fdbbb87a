/* SPDX-License-Identifier: MIT
 * Network protocol. Served by net. A *stack* session (wired by the manifest, root badge, or made by
 * RESTRICT) makes sockets and answers questions about the stack; a *socket* session is one socket:
 * its last handle closed closes the socket. Spec: docs/spec/net.md.
 */
#pragma once
#include <axolotl/abi.h>

#define NET_PROTOCOL_VERSION 2
#define NET_IO_MAX 65536 /* bytes that one SEND or RECEIVE moves at most */
#define NET_NAME_MAX 256

#define NET_PROTOCOL(OP)                                                                           \
    OP(1, SOCKET, socket, struct net_socket_request, struct net_empty)                             \
    OP(2, BIND, bind, struct net_address, struct net_empty)                                        \
    OP(3, LISTEN, listen, struct net_listen_request, struct net_empty)                             \
    OP(4, ACCEPT, accept, struct net_accept_request, struct net_address)                           \
    OP(5, CONNECT, connect, struct net_connect_request, struct net_empty)                          \
    OP(6, SEND, send, struct net_io_request, struct net_io_reply)                                  \
    OP(7, RECEIVE, receive, struct net_io_request, struct net_io_reply)                            \
    OP(8, SHUTDOWN, shutdown, struct net_shutdown_request, struct net_empty)                       \
    OP(9, LOCAL, local, struct net_empty, struct net_address)                                      \
    OP(10, PEER, peer, struct net_empty, struct net_address)                                       \
    OP(11, OPTION, option, struct net_option_request, struct net_option_reply)                     \
    OP(12, POLL, poll, struct net_poll_request, struct net_poll_reply)                             \
    OP(13, WATCH, watch, struct net_watch_request, struct net_poll_reply)                          \
    OP(14, GROUP, group, struct net_group_request, struct net_empty)                               \
    OP(16, RESOLVE, resolve, struct net_resolve_request, struct net_resolve_reply)                 \
    OP(17, PING, ping, struct net_ping_request, struct net_ping_reply)                             \
    OP(18, INTERFACE, interface, struct net_index_request, struct net_interface)                   \
    OP(19, NEIGHBOUR, neighbour, struct net_index_request, struct net_neighbour)                   \
    OP(20, CONNECTION, connection, struct net_index_request, struct net_connection)                \
    OP(21, CONFIGURE, configure, struct net_configure_request, struct net_empty)                   \
    OP(22, COUNTERS, counters, struct net_empty, struct net_counters)                              \
    OP(23, ROUTE, route, struct net_index_request, struct net_route)                               \
    OP(24, RESTRICT, restrict, struct net_restrict_request, struct net_empty)                      \
    OP(25, CAPTURE, capture, struct net_capture_request, struct net_empty)                         \
    OP(26, FRAMES, frames, struct net_frames_request, struct net_frames_reply)                     \
    OP(27, CLOCK, clock, struct net_empty, struct net_clock)

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
    NET_WATCH,
    NET_GROUP,
    NET_RESOLVE = 16,
    NET_PING,
    NET_INTERFACE,
    NET_NEIGHBOUR,
    NET_CONNECTION,
    NET_CONFIGURE,
    NET_COUNTERS,
    NET_ROUTE,
    NET_RESTRICT,
    NET_CAPTURE,
    NET_FRAMES,
    NET_CLOCK,
};

/* Badges of stack sessions: the client's number in bits 0-7 (rules for it: docs/spec/net.md), and
 */
#define NET_BADGE_NUMBER 0xffu
/* bit 8: a NIC driver, proto/netif.h. */
#define NET_BADGE_ADMIN 0x200u /* may CONFIGURE, CAPTURE and read FRAMES */

struct net_empty {
    uint64_t reserved;
};

/* Network byte order; IPv4 is mapped, ::ffff:10.0.2.15 (common/ip.h). All zeros: any, of either
 * family; ::ffff:0.0.0.0: any of IPv4. */
struct net_ip {
    uint8_t bytes[16];
};

struct net_address {
    struct net_ip ip;
    uint16_t port;      /* host byte order */
    uint16_t interface; /* of link-local IPv6 addresses: net_interface.number; 0: whichever fits */
    uint32_t reserved;
};

enum net_kind { NET_TCP = 1, NET_UDP = 2, NET_ICMP = 3 /* in rules only */ };

#define NET_NO_WAIT 1u /* E_WOULD_BLOCK rather than park */
#define NET_PEEK 2u    /* RECEIVE: what is read stays */

/* Answer: one handle, the socket session. A socket speaks both families (NET_OPTION_V6_ONLY). */
struct net_socket_request {
    uint64_t kind;
};

struct net_listen_request {
    uint64_t backlog;
};

/* Parked until a connection is there; answer: one handle and the peer's address. */
struct net_accept_request {
    uint64_t flags; /* NET_NO_WAIT */
};

/* With NET_NO_WAIT the attempt begins and the answer is E_WOULD_BLOCK; POLL WRITE says when it is
 * over, NET_OPTION_ERROR how. */
struct net_connect_request {
    struct net_address address;
    uint64_t flags;
};

/* SEND: lease 0 LEASE_READ; parked until at least one byte is taken. RECEIVE: lease 0 LEASE_WRITE;
 * parked until there is at least one byte; length 0: the peer has closed. UDP: address is the
 * destination (port 0: the connected one) or in the answer the source; one datagram a call. */
struct net_io_request {
    uint64_t length;
    uint64_t flags;
    struct net_address address;
};

struct net_io_reply {
    uint64_t length;
    struct net_address address;
    uint64_t size; /* of the whole datagram: what did not fit is lost */
};

#define NET_SHUTDOWN_READ 1u
#define NET_SHUTDOWN_WRITE 2u
struct net_shutdown_request {
    uint64_t how;
};

enum net_option {
    NET_OPTION_NODELAY = 1,
    NET_OPTION_KEEPALIVE,
    NET_OPTION_REUSE,
    NET_OPTION_KEEP_IDLE,     /* s before the first probe */
    NET_OPTION_KEEP_INTERVAL, /* s between probes */
    NET_OPTION_KEEP_COUNT,    /* unanswered probes that end the connection */
    NET_OPTION_V6_ONLY,       /* before BIND and CONNECT */
    NET_OPTION_HOP_LIMIT,     /* 1..255 */
    NET_OPTION_TRAFFIC_CLASS, /* 0..255 */
    NET_OPTION_ABORT,         /* closing resets the connection */
    NET_OPTION_MULTICAST_HOPS,
    NET_OPTION_MULTICAST_LOOP,
    NET_OPTION_BROADCAST, /* may send to broadcast addresses */
    NET_OPTION_NO_WAIT,   /* every call is as with NET_NO_WAIT */
    /* To be read only. */
    NET_OPTION_ERROR,          /* -status of the connection or the last attempt, 0 none; forgets it
                                  when the socket may be used again */
    NET_OPTION_KIND,           /* enum net_kind */
    NET_OPTION_LISTENING,      /* 1: it is */
    NET_OPTION_RECEIVE_QUEUED, /* bytes; UDP: of the first datagram */
    NET_OPTION_SEND_QUEUED,    /* bytes that the peer has not acknowledged */
    NET_OPTION_RECEIVE_BUFFER, /* bytes at most */
    NET_OPTION_SEND_BUFFER,
    NET_OPTION_COUNT,
};
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
#define NET_POLL_ERROR 8u
struct net_poll_request {
    uint64_t events; /* parked until one of them holds */
    uint64_t flags;  /* NET_NO_WAIT: answers at once, perhaps with 0 */
};

struct net_poll_reply {
    uint64_t events;
};

/* Handle 0: a notification (RIGHT_SIGNAL), whose `bits` net sets whenever one of `events` comes to
 * hold that did not hold before. Answer: what holds now. A further WATCH takes the place of the
 * earlier; events 0 (no handle) ends it. With a key other than 0 the bits are set once, and only if
 * nothing holds now; it takes the place of an earlier one with that key alone. */
struct net_watch_request {
    uint64_t events;
    uint64_t bits;
    uint64_t key;
};

/* UDP: multicast groups that the socket is in. */
struct net_group_request {
    struct net_ip group;
    uint64_t interface; /* 0: whichever the route leads to */
    uint64_t join;      /* 0: leave */
};

/* Parked until answered, E_NOT_FOUND no such name, E_TIMEOUT. Numbers are accepted. */
struct net_resolve_request {
    uint64_t family; /* 0: any, IPv4 first; 4; 6 */
    char name[NET_NAME_MAX];
};

#define NET_RESOLVE_MAX 4
struct net_resolve_reply {
    uint64_t count; /* at least 1 */
    struct net_ip ips[NET_RESOLVE_MAX];
};

struct net_ping_request {
    struct net_ip ip;
    uint32_t interface;  /* as in net_address */
    uint32_t sequence;   /* its low 16 bits are sent */
    uint64_t size;       /* payload bytes */
    uint64_t timeout_ns; /* E_TIMEOUT after it */
};

struct net_ping_reply {
    uint64_t rtt_ns;
    struct net_ip ip; /* who answered */
    uint64_t hop_limit;
    uint64_t size;
};

struct net_index_request {
    uint64_t index; /* E_NOT_FOUND past the end */
};

/* State of an IPv6 address of ours. */
enum net_ip6_state { NET_IP6_TENTATIVE = 1, NET_IP6_PREFERRED, NET_IP6_DEPRECATED, NET_IP6_DOUBLE };

struct net_ip6 {
    struct net_ip ip;
    uint8_t prefix_length;
    uint8_t state; /* enum net_ip6_state */
    uint8_t fixed; /* set by CONFIGURE, not by a router's advertisement */
    uint8_t reserved[5];
};

enum net_dhcp { NET_DHCP_OFF = 0, NET_DHCP_ASKING = 1, NET_DHCP_BOUND = 2 };

#define NET_INTERFACE_IP6 4
#define NET_INTERFACE_DNS 3
struct net_interface {
    char name[16];
    uint32_t number; /* from 1 */
    uint32_t mtu;
    uint8_t mac[8];
    uint32_t up, link, dhcp; /* dhcp: enum net_dhcp */
    uint32_t speed;          /* Mbit/s, 0 unknown */
    uint32_t lease_s;        /* DHCP: until the lease ends */
    uint32_t prefix_length;  /* of the IPv4 address */
    struct net_ip ip, gateway;
    struct net_ip router; /* IPv6, all zeros: none */
    struct net_ip6 ip6[NET_INTERFACE_IP6];
    uint64_t ip6_count;
    struct net_ip dns[NET_INTERFACE_DNS]; /* of the whole stack; all zeros: none */
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped;
    uint64_t driver_generation;
};

enum net_neighbour_state { NET_NEIGHBOUR_ASKING = 1, NET_NEIGHBOUR_KNOWN, NET_NEIGHBOUR_STALE };

struct net_neighbour {
    struct net_ip ip;
    uint8_t mac[8];
    uint32_t state; /* enum net_neighbour_state */
    uint32_t interface;
    uint64_t router; /* 1: an IPv6 router */
};

/* The numbering is lwIP's. */
enum net_tcp_state {
    NET_CLOSED,
    NET_LISTENING,
    NET_SYN_SENT,
    NET_SYN_RECEIVED,
    NET_ESTABLISHED,
    NET_FIN_WAIT_1,
    NET_FIN_WAIT_2,
    NET_CLOSE_WAIT,
    NET_CLOSING,
    NET_LAST_ACK,
    NET_TIME_WAIT,
};

struct net_connection {
    uint32_t kind;    /* enum net_kind */
    uint32_t state;   /* TCP: enum net_tcp_state */
    uint32_t account; /* whose socket; 0: the stack's own, or nobody's any more */
    uint32_t reserved;
    struct net_address local, remote;
    uint64_t receive_queue, send_queue;
};

enum net_configure_action {
    NET_CONFIGURE_DHCP = 1, /* start it, or renew the lease */
    NET_CONFIGURE_STATIC,   /* ip, prefix_length, gateway (or any: none): IPv4, without DHCP */
    NET_CONFIGURE_RELEASE,  /* end DHCP, give the address back */
    NET_CONFIGURE_UP,
    NET_CONFIGURE_DOWN,
    NET_CONFIGURE_ADD6,    /* ip, prefix_length */
    NET_CONFIGURE_REMOVE6, /* ip */
    NET_CONFIGURE_DNS,     /* dns, as many as are not any */
    NET_CONFIGURE_FORGET,  /* ip: a neighbour */
};

struct net_configure_request {
    uint32_t action;        /* enum net_configure_action */
    uint32_t interface;     /* net_interface.number; 0: the first */
    uint32_t prefix_length; /* IPv4: 1..32 */
    uint32_t reserved;
    struct net_ip ip, gateway;
    struct net_ip dns[NET_INTERFACE_DNS];
};

struct net_counters {
    uint64_t link_rx, link_tx, link_drop;
    uint64_t arp_rx, arp_tx;
    uint64_t ip_rx, ip_tx, ip_drop, ip_checksum;
    uint64_t ip6_rx, ip6_tx, ip6_drop;
    uint64_t icmp_rx, icmp_tx;
    uint64_t icmp6_rx, icmp6_tx, nd_rx, nd_tx;
    uint64_t udp_rx, udp_tx, udp_drop;
    uint64_t tcp_rx, tcp_tx, tcp_drop, tcp_checksum, tcp_retransmit;
    uint64_t sockets, sockets_max, memory_used, memory_max;
    uint64_t denied; /* by rules */
};

struct net_route {
    struct net_ip ip;       /* of the destinations; 0.0.0.0 or :: with prefix 0: all others */
    struct net_ip gateway;  /* any: they are on the link */
    uint32_t prefix_length; /* of the mapped form: 96 more for IPv4 */
    uint32_t interface;
};

/* ---- Rules -------------------------------------------------------------------------------- */

enum net_mode { NET_MODE_NONE = 1, NET_MODE_LOOPBACK, NET_MODE_SHARED };

/* What a rule is about. */
#define NET_ACTION_CONNECT 1u /* the address is the peer's: CONNECT, SEND, PING */
#define NET_ACTION_BIND 2u    /* the address is ours: BIND and LISTEN */
#define NET_ACTION_ACCEPT 4u  /* the peer's, of a connection or datagram that comes */

struct net_rule {
    struct net_ip ip;               /* prefix_length bits of it count */
    uint8_t prefix_length;          /* 0..128; of the mapped form, 0 is both families */
    uint8_t deny;                   /* 0: allow */
    uint8_t actions;                /* NET_ACTION_* */
    uint8_t kinds;                  /* bits 1 << enum net_kind */
    uint16_t port_first, port_last; /* both included; ICMP has port 0 */
};

#define NET_RULES 16
/* Answer: one handle, a stack session that may do what this one may, the mode allows and the rules
 * allow: the first that fits decides, without one it is allowed. It is no administrator's. */
struct net_restrict_request {
    uint32_t mode; /* enum net_mode */
    uint32_t count;
    struct net_rule rules[NET_RULES];
};

/* ---- Frames ------------------------------------------------------------------------------- */

/* Starts (again) or ends the recording of the last frames of all interfaces. */
struct net_capture_request {
    uint64_t on;
    uint64_t length; /* bytes kept of each, at most */
};

/* Lease 0 LEASE_WRITE: filled with records, each a struct net_frame and `kept` bytes, padded to a
 * multiple of 8. The answer's cursor is for the next call; length 0: no more yet. */
struct net_frames_request {
    uint64_t cursor; /* number of the first frame wanted; those overwritten are skipped */
};

struct net_frames_reply {
    uint64_t cursor;
    uint64_t length; /* bytes written to the lease */
};

struct net_frame {
    uint64_t number; /* from 0 */
    uint64_t time_ns;
    uint16_t length, kept;
    uint8_t sent; /* 0: received */
    uint8_t interface;
    uint16_t reserved;
};

/* ---- Time --------------------------------------------------------------------------------- */

/* Wall time by SNTP: E_UNAVAILABLE before the first answer. */
struct net_clock {
    uint64_t base_ns; /* 1970-01-01 UTC plus this is the machine's time 0 */
    uint64_t age_ns;  /* since the last answer */
    struct net_ip server;
    uint64_t stratum;
};

_Static_assert(sizeof(struct net_address) == 24, "protocol");
_Static_assert(sizeof(struct net_io_request) == 40, "protocol");
_Static_assert(sizeof(struct net_io_reply) == 40, "protocol");
_Static_assert(sizeof(struct net_rule) == 24, "protocol");
_Static_assert(sizeof(struct net_interface) == 312, "protocol");
_Static_assert(sizeof(struct net_restrict_request) == 392, "protocol");
_Static_assert(sizeof(struct net_frame) == 24, "protocol");
