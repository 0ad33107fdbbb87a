/* SPDX-License-Identifier: MIT */
/*
 * The stack's state as records. Programs' connections, listeners, waiting calls and received data
 * go over; what the network repeats by itself (segments out of order, ARP and neighbour tables,
 * queued frames) does not. Payload stays in its blocks.
 */
#pragma once

#include "socket.h"

#include <ipc/records.h>

enum {
    RECORD_GENERAL = 1,
    RECORD_POLICY,
    RECORD_INTERFACE,
    RECORD_SOCKET,
    RECORD_TCP,
    RECORD_UDP,
    RECORD_REQUEST,
    RECORD_CHUNK,
    RECORD_PACKET,
    RECORD_DATAGRAM,
    RECORD_GROUP,
    RECORD_PING,
    RECORD_DEFERRED,
    RECORD_WINDOW, /* driver.c */
    RECORD_WAKE,   /* main.c */
};

struct record_general {
    uint64_t badge_count, denied, start_ms;
    uint32_t secret[4];
    uint32_t receive_count, receive_fresh, transmit_count, transmit_fresh;
    uint64_t clock_base_ns, clock_answered_ns;
    uint32_t clock_stratum, ping_id;
};

/* An address of lwIP, whatever lwIP's own structure is. */
struct record_ip {
    uint8_t bytes[16];
    uint8_t type, zone, reserved[2];
};
struct record_ip record_ip_of(const ip_addr_t *ip);
ip_addr_t record_ip_to(const struct record_ip *ip);

void net_export(struct records_writer *records);

/* False: the most important record is missing. */
bool net_import_general(struct records_reader *records, struct record_general *general);
/* After net_init: policies that clients hold, before those of the arguments are made; then the
 * rest. E_QUOTA. */
void net_import_policies(struct records_reader *records);
MUST_CHECK status_t net_import(struct records_reader *records);

/* socket_record.c */
void sockets_export(struct records_writer *records);
void sockets_import(struct records_reader *records);
/* payload_record.c. *datagram: the one whose pieces come next, or NULL. */
void payload_export(const struct socket *socket, struct records_writer *records);
void payload_import(const struct record *record, struct datagram **datagram);
/* policies by their index in the exporting program, NULL: none; index 0xffff.. : none */
uint32_t record_policy_index(const struct policy *policy);
struct policy *record_policy(uint32_t index);

/* check.c: what is wrong with the state; NULL: nothing. */
const char *net_check(bool full);
