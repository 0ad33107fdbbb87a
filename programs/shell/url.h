/* SPDX-License-Identifier: MIT
 * Addresses of HTTP and the head of an answer. Free of IPC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_HOST 128
#define URL_PATH 512

struct url {
    char host[URL_HOST]; /* IPv6 in brackets */
    char path[URL_PATH]; /* with the query */
    uint32_t port;
};

/* "[http://]HOST[:PORT][/PATH]". False: malformed, another scheme, too long. */
bool url_parse(const char *text, struct url *url);

/* The host as a name to look up: without brackets. */
void url_name(const struct url *url, char name[URL_HOST]);

/* Goes where a Location says: an address, or a path of the same host. False: it can't be followed.
 */
bool url_follow(struct url *url, const char *location);

/* Reads an HTTP answer's head byte by byte. */
struct http_head {
    uint32_t status; /* 0: the first line is no HTTP */
    uint64_t length; /* Content-Length, if known */
    bool length_known;
    bool complete;
    uint32_t line_number;
    size_t line_length;
    char location[URL_PATH];  /* "": none, or too long */
    char line[URL_PATH + 16]; /* longer lines are cut */
};

/* Takes a byte; true when the head ended with it. */
bool http_head_feed(struct http_head *head, char byte);
