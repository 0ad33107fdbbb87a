/* SPDX-License-Identifier: MIT */
/*
 * A world for the stack under test: memory, clock, calls with their leases, and a driver whose wire
 * the test reads and writes frame by frame. Our station is 10.0.0.1, the peer 10.0.0.2.
 */
#pragma once

#include "../socket.h"

#define OUR_IP 0x0a000001u
#define PEER_IP 0x0a000002u
#define STRANGER_IP 0x0a000003u /* never answers */
#define FRAME_MAX 1600

struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t length;
};

/* An IPv4 address of the protocol, from a number in host order. */
struct net_ip v4(uint32_t ip);

/* Starts the stack, once; the later ones see the earlier ones' state. */
void world_start(void);
/* The driver's first life, or a new one. */
void world_driver(void);
/* As world_start, and gives it its address and the peer's MAC. */
void world_address(void);

/* Ends a turn: net_settle, and the driver takes what there is to send. */
void turn(void);
/* Lets time pass, with turns as the stack asks for them. */
void pass(uint64_t milliseconds);

/* What is beside the stack (payload, calls, driver), for another process that starts from the
 * stack's records. */
struct world {
    uint8_t bytes[4u << 20];
};
void world_save(struct world *to);
void world_load(const struct world *from);
struct records_reader;
/* In place of world_start, as the server does it. */
MUST_CHECK status_t world_import(struct records_reader *records);

size_t world_allocations(void);
extern bool world_memory_low;
/* So many more allocations succeed, then none. */
extern size_t world_allocations_left;

/* Bits that were set since the last look; the handle given up last. */
uint64_t world_signals(handle_t notification);
extern handle_t world_released;

/* ---- Calls */
struct call {
    token_t token;
    bool answered;
    status_t status;
    uint64_t session; /* badge of the session in the answer */
    uint8_t data[512];
    void *lease;
    size_t lease_size;
};
/* Answers to calls that are none are forgotten; else they are a fault. */
extern bool world_stale_tokens;
/* A new call that lends `size` bytes. */
struct call *call_begin(void *lease, size_t size);
/* What the operation returned: an answer at once, or the call is parked. */
void call_result(struct call *call, status_t status, const void *data, size_t size);

/* ---- Wire */
void wire_put(const struct frame *frame); /* the driver receives it; ends with a turn */
bool wire_get(struct frame *frame);       /* the oldest frame that was sent */
void wire_clear(void);
extern struct interface *const wire_interface;
extern bool wire_checked;           /* the device has found the checksums right */
extern uint32_t world_filter_flags; /* of the answers to the driver */
extern bool wire_holds;             /* the driver does not take frames */

/* ---- frame.c: addresses and ports in host order, checksums are filled in */
extern const uint8_t our_mac[6], peer_mac[6];
uint16_t get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);
void put16(uint8_t *at, uint32_t value);
void put32(uint8_t *at, uint32_t value);

#define IP_AT 14
#define DATA_AT 34 /* behind an IP header without options */

void frame_arp(struct frame *frame, uint32_t operation, uint32_t sender, uint32_t target);
/* IP packet from `from` to us. */
void frame_ip(struct frame *frame, uint32_t protocol, uint32_t from, uint32_t to,
              const void *payload, size_t length);
void frame_udp(struct frame *frame, uint32_t from, uint32_t from_port, uint32_t to,
               uint32_t to_port, const void *payload, size_t length);
void frame_icmp(struct frame *frame, uint32_t from, uint32_t type, uint32_t id, uint32_t sequence,
                const void *payload, size_t length);

/* An ICMPv6 message of `length` bytes to all nodes, from fe80::2. */
void frame_icmp6(struct frame *frame, const uint8_t *message, size_t length);
/* The peer, fe80::2, is a router for 2001:db8::/64. */
void frame_router(struct frame *frame);

#define FIN 1u
#define SYN 2u
#define RST 4u
#define ACK 16u
struct segment {
    uint32_t from_port, to_port, sequence, acknowledgement, flags, window;
    const uint8_t *data;
    size_t length;
};
void frame_tcp(struct frame *frame, const struct segment *segment);
/* The next TCP segment that was sent, other frames dropped; data points into *frame. Checks the
 * checksum. */
bool wire_get_tcp(struct frame *frame, struct segment *segment);
/* The next frame of this IP protocol (ARP: 0). */
bool wire_get_protocol(struct frame *frame, uint32_t protocol);
bool ip_checksums_valid(const struct frame *frame);
