/* SPDX-License-Identifier: MIT */
/*
 * State of the network server: one `struct net`, in the arena, like lwIP's own variables and every
 * object that either of them allocates. Only packet payload lies beside the arena, in two pools of
 * blocks. Free of system calls: see port.h.
 */
#pragma once

#include <stdbool.h>

#include <common/list.h>
#include <ipc/blocks.h>
#include <proto/net.h>
#include <proto/netif.h>

#include "port.h"

#include <lwip/netif.h>
#include <lwip/pbuf.h>

#ifndef NET_SOCKETS
#define NET_SOCKETS 4096 /* in all */
#endif
#define NET_ACCOUNTS 64          /* accounts with sockets at one time */
#define NET_ACCOUNT_SOCKETS 1024 /* of one account */
#define NET_INTERFACES 4
#define NET_BUFFERS 512 /* of one driver: transmit buffers used at most */
#define NET_PINGS 64
#define NET_RESOLVES 64
#define NET_CYCLIC_TIMERS 12
#define NET_POLICIES 256

#define RECEIVE_BLOCK 2048u
#define TRANSMIT_BLOCK 4096u

/* ---- Accounts: how much each may use ----------------------------------------------------- */

struct account {
    uint32_t id;
    uint32_t sockets; /* 0: the entry is free */
    uint32_t blocks;  /* of data to send */
};

/* ---- Rules -------------------------------------------------------------------------------- */

/* What a stack session may do, and the sockets made on it. */
struct policy {
    uint64_t badge;      /* of its session; 0: wired, or the session is gone */
    uint32_t number;     /* of the wired client that it is for; UINT32_MAX: made by RESTRICT */
    uint32_t references; /* sockets, policies below it, its session */
    uint32_t account;    /* who asked for it */
    uint32_t mode;       /* enum net_mode */
    uint32_t count;
    struct net_rule rules[NET_RULES];
    struct policy *parent; /* must allow it too; NULL: none */
    uint64_t denied;
};

/* ---- Sockets ------------------------------------------------------------------------------ */

/* A call that waits: parked until its socket can serve it. */
struct request {
    struct list link;
    token_t token;
    uint64_t length; /* SEND, RECEIVE; WATCH: bits */
    uint64_t events; /* POLL, WATCH */
    uint64_t flags;
    uint64_t key;          /* WATCH: not 0 */
    handle_t notification; /* WATCH: in place of a token */
    struct net_address address;
    uint32_t operation;
};
#define SOCKET_REQUESTS 16 /* parked at one socket */
#define SOCKET_WATCHES 64  /* with a key, at one socket */

/* Payload on its way to the peer: lwIP's segments point into the block until it is acknowledged. */
struct chunk {
    struct chunk *next;
    uint32_t block;
    uint32_t used; /* bytes filled */
};

/* A received datagram. */
struct datagram {
    struct datagram *next;
    struct pbuf *packet;
    struct net_address from;
};

/* A multicast group that a socket is in. */
struct membership {
    struct membership *next;
    struct net_ip group;
    uint32_t interface; /* netif index */
};
#define SOCKET_GROUPS 16

struct tcp_pcb;
struct udp_pcb;

struct socket {
    uint64_t badge;
    uint32_t account;
    uint32_t kind;         /* enum net_kind */
    struct policy *policy; /* NULL: everything is allowed */
    struct tcp_pcb *tcp;
    struct udp_pcb *udp;
    status_t error; /* why the connection ended; OK while it lives */

    bool listening, connecting, connected;
    bool end_of_stream;                  /* the peer has closed */
    bool read_closed, write_closed;      /* SHUTDOWN */
    bool orphan;                         /* no session: lives until its data is acknowledged */
    bool starved;                        /* a SEND waits for payload blocks */
    bool deferred;                       /* a CONNECT waits for the network to come up */
    bool abort_at_close;                 /* NET_OPTION_ABORT */
    bool no_wait;                        /* NET_OPTION_NO_WAIT */
    uint32_t request_count, watch_count; /* of `requests` */
    struct list requests;                /* of struct request, oldest first */

    struct pbuf *receive_first, *receive_last; /* TCP: packets, linked by next */
    uint32_t receive_bytes;
    struct datagram *datagram_first, *datagram_last;
    uint32_t datagram_count;

    struct chunk *chunk_first, *chunk_last;
    uint32_t acknowledged;   /* bytes of the first chunk that the peer has */
    uint32_t transmit_bytes; /* in chunks, unacknowledged */

    struct membership *groups;

    handle_t watcher; /* notification, HANDLE_NONE: nobody watches */
    uint64_t watch_bits;
    uint32_t watch_events, watch_told; /* NET_POLL_*: wanted; held when last looked at */

    struct socket *listener; /* waiting in its queue to be accepted */
    struct list accept_link;
    struct list accept_queue;

    struct list dirty; /* in net.dirty: something happened, see sockets_settle */
};

/* ---- Interfaces --------------------------------------------------------------------------- */

/* The driver's side of an interface; forgotten at each HELLO. */
struct nic {
    uint64_t generation; /* 0: no driver */
    uint8_t *buffers;
    uint32_t receive_count, transmit_count;
    token_t wait_token;  /* parked TRANSMIT_WAIT */
    bool filters;        /* the driver wants to hear of multicast groups */
    bool filter_changed; /* ... and has not heard of the last change */
    uint32_t lost;       /* frames, as the driver said last */
    uint64_t idle_ms; /* since when the driver does nothing about what is to be sent; 0: it does */
    uint32_t free_count, queue_count;
    uint16_t free[NET_BUFFERS];  /* transmit buffers that net may fill, as a stack */
    uint32_t queue[NET_BUFFERS]; /* NETIF_FRAME of those filled, not yet handed over */
    uint8_t state[NET_BUFFERS];  /* enum nic_buffer_state */
};

enum nic_buffer_state { NIC_FREE = 0, NIC_QUEUED = 1, NIC_SENT = 2 };

struct interface {
    bool used;
    bool dhcp;
    bool gave_up;  /* no DHCP server has answered in time */
    char label[8]; /* "eth0" */
    char driver[16];
    struct netif netif;
    struct nic nic;
    uint64_t generations;
    uint32_t speed;
    uint64_t give_up_ms;  /* when DHCP has had its time */
    uint64_t wait6_ms;    /* until when an IPv6 address is awaited */
    uint64_t conflicts;   /* ARP packets of others that claim our address */
    uint64_t defended_ms; /* when one of them was contradicted last */
    uint32_t reported_ip; /* last address in the log */
    uint8_t reported_ip6[LWIP_IPV6_NUM_ADDRESSES]; /* states in the log */
    uint64_t receive_packets, receive_bytes, receive_dropped;
    uint64_t transmit_packets, transmit_bytes, transmit_dropped;
};

/* Addresses in host order; mask 0: none. */
struct address_settings {
    uint32_t ip, mask, gateway, dns;
};

struct settings {
    bool dhcp;
    struct address_settings fixed; /* without DHCP, or when none answers (fallback) */
    const char *ntp;               /* name or address of the time server; NULL: DHCP's */
};

/* ---- Questions ---------------------------------------------------------------------------- */

struct ping {
    struct list link;
    token_t token;
    uint64_t sent_ns;
    uint64_t due_ms;
    ip_addr_t ip;
    uint16_t id, sequence;
    uint64_t size;
};

struct resolve {
    struct list link;
    token_t token;   /* TOKEN_NONE: cancelled, the resolver's answer is still to come */
    uint32_t family; /* 0: IPv4 first, then IPv6 */
    uint64_t start_ms;
    struct net_resolve_request request; /* as it came */
};

/* A request that waits for the network to come up. */
struct deferred {
    struct list link;
    token_t token;
    uint64_t badge;
    struct policy *policy; /* PING; held */
    uint32_t operation;    /* NET_CONNECT, NET_PING, NET_RESOLVE */
    union {
        struct net_address address;
        struct net_ping_request ping;
        struct net_resolve_request resolve;
    };
};

/* ---- Frames and time ---------------------------------------------------------------------- */

#define CAPTURE_SLOTS 128u
#define CAPTURE_SLOT 2048u

struct capture {
    void *slots; /* beside the arena */
    bool on;
    uint32_t length;      /* kept of each frame */
    uint64_t first, next; /* numbers: of this recording's first, of the next frame */
};

struct clock {
    struct udp_pcb *pcb;
    char name[64]; /* of the server; "": DHCP's */
    ip_addr_t server;
    uint64_t due_ms, retry_ms;
    uint64_t asked_ns; /* 0: no question is under way */
    uint32_t cookie[2];
    uint64_t base_ns; /* 0: not known */
    uint64_t answered_ns;
    uint32_t stratum;
};

struct raw_pcb;

struct net {
    struct account accounts[NET_ACCOUNTS];
    struct socket *sockets[NET_SOCKETS];
    uint32_t socket_count, socket_hint;
    uint64_t badge_count; /* of sockets made: makes badges unique */
    struct list dirty;
    uint32_t starved_count;

    struct policy *policies[NET_POLICIES];
    uint64_t denied;

    struct blocks receive_blocks, transmit_blocks;

    struct interface interfaces[NET_INTERFACES];
    struct settings settings;

    struct raw_pcb *ping_pcb, *ping6_pcb;
    struct list pings, resolves;
    uint32_t ping_count, resolve_count;
    uint16_t ping_id;

    struct capture capture;
    struct clock clock;
    struct udp_pcb *mdns_pcb;

    struct list deferred;
    uint32_t deferred_count;
    uint64_t start_ms;

    uint64_t cyclic_due_ms[NET_CYCLIC_TIMERS]; /* of lwip_cyclic_timers */

    uint32_t sequence_secret[4];
};

extern struct net net;

/* Once, before anything else; the two pools are prepared already. */
void net_init(const struct settings *settings);

/* Ends every turn: carries on what became possible. Returns the time (absolute, ns) at which
 * net_settle wants to be called again. */
uint64_t net_settle(void);

/* Cancels a parked call, answering it. */
void net_cancel(uint64_t badge, token_t token);

/* ---- timers.c */
#define TIMERS_NEVER UINT64_MAX
uint64_t timers_now_ms(void);
/* Does what is due. */
void timers_run(void);
/* When there is more to do. */
uint64_t timers_next_ms(void);

/* ---- account.c */
MUST_CHECK status_t account_charge_socket(uint32_t id);
void account_release_socket(uint32_t id);
/* Whether the account of a socket may have another block of data to send: the last quarter of them
 * is for accounts that have few. */
bool account_may_take_block(uint32_t id);
void account_take_block(uint32_t id);
void account_release_block(uint32_t id);

/* ---- address.c */
/* interface: net_interface.number, 0: the first. All zeros: lwIP's "any" of both families. */
void ip_to_lwip(const struct net_ip *ip, uint32_t interface, ip_addr_t *to);
void ip_from_lwip(const ip_addr_t *from, struct net_ip *ip);
void ip_from_lwip4(const ip4_addr_t *from, struct net_ip *ip);
void ip_from_lwip6(const ip6_addr_t *from, struct net_ip *ip);
/* False: there is no such interface. */
bool address_to_lwip(const struct net_address *address, ip_addr_t *to);
void address_from_lwip(const ip_addr_t *ip, uint32_t port, struct net_address *address);
/* An address of ours, loopback, or any. */
bool ip_is_ours(const struct net_ip *ip);

/* ---- policy.c */
/* The policy of a stack session; NULL: everything is allowed. */
struct policy *policy_of(uint64_t badge);
/* Of the badges that RESTRICT makes; else NULL. */
struct policy *policy_find(uint64_t badge);
/* Wires one rule or the mode: "N,loopback", "N,deny,bind,tcp,0.0.0.0/0,1-1023". False: malformed.
 */
bool policy_wire(const char *text);
MUST_CHECK status_t policy_create(struct policy *parent, uint32_t account,
                                  const struct net_restrict_request *request,
                                  struct policy **result);
struct policy *policy_hold(struct policy *policy);
void policy_release(struct policy *policy);
void policy_closed(struct policy *policy);
/* E_RIGHTS, and perhaps a line in the log. action: NET_ACTION_*. */
MUST_CHECK status_t policy_check(struct policy *policy, uint32_t action, uint32_t kind,
                                 const struct net_address *address);
/* Names may be looked up, addresses that are not ours pinged. */
bool policy_shared(const struct policy *policy);

/* ---- payload.c: packets whose payload lies in blocks */
/* A packet with a copy of the frame; NULL without memory. */
struct pbuf *payload_packet(const uint8_t *frame, uint32_t length);
/* Adds up to `length` bytes of the call's lease to the socket's chunks, contiguous in memory. *at
 * and *done tell where they are. E_NO_SPACE without blocks. */
MUST_CHECK status_t payload_append(struct socket *socket, token_t token, uint64_t offset,
                                   uint32_t length, void **at, uint32_t *done);
/* For an import: a received packet of bytes that lie in a block, and a block of the socket's data.
 * False or NULL: they can't, or there is no memory. */
struct pbuf *payload_adopt_packet(uint32_t block, uint32_t offset, uint32_t length);
bool payload_adopt_chunk(struct socket *socket, uint32_t block, uint32_t used);
/* Takes the last `length` bytes back: lwIP did not want them. */
void payload_retract(struct socket *socket, uint32_t length);
void payload_acknowledge(struct socket *socket, uint32_t length);
void payload_release(struct socket *socket);

/* ---- tcp_socket.c */
/* Memory is short: forgets the older half of the connections that are over but for their last
 * waiting time. False when there is none. */
bool tcp_socket_relieve(void);
/* To be called before tcp_tmr: connections that still send again are not given up. */
void tcp_socket_patience(void);
/* A driver or this server has begun a new life: what it has lost is sent again soon. */
void tcp_socket_hurry(void);
/* Looks at a frame before lwIP does: a peer may open a connection anew while the old one waits in
 * TIME_WAIT (RFC 1122, 4.2.2.13), which lwIP refuses. */
void tcp_socket_before(const struct pbuf *frame);

/* ---- path.c: path MTU discovery */
/* Looks at a frame that is about to be sent: routers may not fragment a TCP segment. */
void path_mark(uint8_t *frame, uint32_t length);
/* An IP packet with a message, from byte `at` on, that one of ours was too big for a link; `v6`:
 * ICMPv6. False: it is a lie, lwIP must not see it. */
bool path_too_big(struct pbuf *packet, uint32_t at, bool v6);

/* ---- interface.c */
/* The driver has come (again): mac and so on of the hello. */
MUST_CHECK status_t interface_create(struct interface *interface);
MUST_CHECK status_t interface_hello(struct interface *interface, const struct netif_hello *hello,
                                    uint8_t *buffers);
void interface_link(struct interface *interface, const struct netif_link *link);
/* The multicast groups that are wanted. */
void interface_filter(struct interface *interface, struct netif_filter *filter);
/* Looks at a frame before lwIP does: another station may claim our address (RFC 5227). */
void interface_before(struct interface *interface, const struct pbuf *frame);
MUST_CHECK status_t interface_configure(const struct net_configure_request *request);
/* Texts such as "10.0.2.15/24", "10.0.2.2", "10.0.2.3"; the last two may be NULL. */
bool interface_parse(const char *network, const char *gateway, const char *dns,
                     struct address_settings *settings);
void interface_tick(uint64_t now_ms);
uint64_t interface_deadline(void);

/* ---- nic.c */
void nic_bind(struct nic *nic, const struct netif_hello *hello, uint8_t *buffers,
              uint64_t generation);
/* The driver is gone; its parked call is answered with `status`. */
void nic_forget(struct nic *nic, status_t status);
MUST_CHECK status_t nic_receive(struct interface *interface, const struct netif_batch *batch);
/* Takes buffers back and parks the call. */
MUST_CHECK status_t nic_transmit_wait(struct interface *interface, token_t token,
                                      const struct netif_batch *batch);
/* Queues a frame. */
err_t nic_output(struct interface *interface, const struct pbuf *packet);
/* Answers the parked call if there are frames. */
void nic_settle(struct nic *nic);
/* At least once a second: finds a driver that has lost buffers or forgotten to ask. */
void nic_tick(struct interface *interface, uint64_t now_ms);

/* ---- query.c: ping, names, lists */
MUST_CHECK status_t query_ping(struct policy *policy, token_t token,
                               const struct net_ping_request *request);
/* OK: *address is the answer; DISPATCH_PARKED: it will be. */
MUST_CHECK status_t query_resolve(token_t token, const struct net_resolve_request *request,
                                  struct net_resolve_reply *answer);
/* The name needs no server. */
bool query_resolves_here(const char *name);
bool query_cancel(token_t token);
void query_tick(uint64_t now_ms);
uint64_t query_deadline(void);
void query_init(void);

/* ---- list.c: lists and counters */
MUST_CHECK status_t interface_report(uint64_t index, struct net_interface *report);
MUST_CHECK status_t list_neighbour(uint64_t index, struct net_neighbour *entry);
MUST_CHECK status_t list_connection(uint64_t index, struct net_connection *connection);
MUST_CHECK status_t list_route(uint64_t index, struct net_route *route);
void list_counters(struct net_counters *counters);

/* ---- capture.c */
void capture_start(const struct net_capture_request *request);
void capture_frame(const struct interface *interface, const void *bytes, uint32_t length,
                   bool sent);
/* Fills the call's lease of `room` bytes. */
MUST_CHECK status_t capture_read(token_t token, uint64_t room,
                                 const struct net_frames_request *request,
                                 struct net_frames_reply *reply);

/* ---- clock.c */
void clock_init(const char *server);
void clock_tick(uint64_t now_ms);
uint64_t clock_deadline(void);
MUST_CHECK status_t clock_report(struct net_clock *report);

/* ---- mdns.c */
void mdns_init(void);
/* The interface listens for questions from now on. */
void mdns_join(struct netif *netif);

/* ---- defer.c: what waits for the network to come up */
void defer_init(void);
/* Whether an operation on this address should wait. */
bool defer_wanted(const struct net_ip *ip);
/* TOKEN_NONE: the outcome becomes the socket's. */
MUST_CHECK status_t defer_connect(uint64_t badge, token_t token, const struct net_address *address);
MUST_CHECK status_t defer_ping(struct policy *policy, token_t token,
                               const struct net_ping_request *ping);
MUST_CHECK status_t defer_resolve(token_t token, const struct net_resolve_request *resolve);
void defer_settle(void);
uint64_t defer_deadline(void);
bool defer_cancel(token_t token);
