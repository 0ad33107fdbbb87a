/* SPDX-License-Identifier: MIT */
/*
 * The telnet protocol (RFC 854), server's end, for one connection: options ECHO (857), SUPPRESS
 * GO AHEAD (858) and window size (1073); all others are refused. Free of system calls; lives in the
 * arena.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <terminal/byte_queue.h>

#define TELNET_REPLY 256
#define TELNET_STEP 16 /* bytes that one received byte adds to the replies at most */
#define TELNET_OPTIONS 3

struct telnet {
    uint32_t state;                 /* enum in telnet.c */
    uint8_t verb;                   /* WILL, WONT, DO or DONT, whose option comes next */
    uint8_t sub[8];                 /* a subnegotiation: option, then its bytes */
    uint8_t sub_length;             /* counts on beyond the room: then it is too long */
    uint8_t ours[TELNET_OPTIONS];   /* enum in telnet.c: what we do */
    uint8_t theirs[TELNET_OPTIONS]; /* ... and what the client does */
    bool echo;                      /* the client wants us to show what it types */
    bool resized;           /* columns and rows are new: for the owner to look at and clear */
    uint16_t columns, rows; /* 0: not told */
    bool after_return;      /* the last byte of text that was sent is CR */
    uint32_t reply_length;
    uint8_t reply[TELNET_REPLY]; /* still to be sent */
};

/* A new connection: the first replies say what we want. */
void telnet_open(struct telnet *telnet);

/* There is room for the replies to one more byte. */
bool telnet_ready(const struct telnet *telnet);

/* Takes a received byte. True: *typed is what was typed with it. */
bool telnet_input(struct telnet *telnet, uint8_t byte, uint8_t *typed);

/* Fills `to` with what is to be sent: replies, then text out of the queue. Returns its length. */
size_t telnet_output(struct telnet *telnet, struct byte_queue *text, uint8_t *to, size_t size);
