/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses as 16 bytes in network order. An IPv4 address is mapped (RFC 4291, 2.5.5.2):
 * 10.0.2.15 is ::ffff:10.0.2.15.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_BYTES 16
#define IP_TEXT 48 /* room for the longest text, with its NUL */
/* Bits of a prefix of mapped addresses: 96 more than IPv4 counts. */
#define IP_MAPPED_BITS 96

/* "10.0.2.15" or RFC 4291's text of IPv6 ("fe80::1", "::ffff:1.2.3.4"), without zone or brackets.
 * False, leaving `ip` untouched, when it is neither. */
bool ip_parse(const char *text, size_t length, uint8_t ip[IP_BYTES]);

/* IPv4 as dotted numbers, IPv6 as RFC 5952 wants it; returns `to`. */
char *ip_format(char to[IP_TEXT], const uint8_t ip[IP_BYTES]);

/* A mapped IPv4 address. */
bool ip_is_v4(const uint8_t ip[IP_BYTES]);
/* The last four bytes as a number in host order. */
uint32_t ip_to_v4(const uint8_t ip[IP_BYTES]);
/* The mapped form of a number in host order. */
void ip_from_v4(uint8_t ip[IP_BYTES], uint32_t v4);

/* All zeros, or IPv4's 0.0.0.0. */
bool ip_is_any(const uint8_t ip[IP_BYTES]);
/* 127.0.0.0/8 or ::1. */
bool ip_is_loopback(const uint8_t ip[IP_BYTES]);
/* 224.0.0.0/4 or ff00::/8. */
bool ip_is_multicast(const uint8_t ip[IP_BYTES]);
/* The first `bits` (0..128) of both are the same. */
bool ip_prefix_equal(const uint8_t a[IP_BYTES], const uint8_t b[IP_BYTES], uint32_t bits);
