/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server program: one thread serves all connections, none of which it ever waits for; a
 * second one accepts them.
 */
#pragma once

#include <axolotl/abi.h>

#include "http.h"

/* How long a client may be silent: with a request, a part of one, or in taking a piece of an
 * answer. A segment that is lost several times in a row comes again only after ten seconds. */
#define HTTP_IDLE_NS (60 * NS_PER_S)

#define CONNECTIONS 1000u
#define BODY_ROOM 65536u

struct site {
    handle_t vfs;
    const char *root; /* "" for the whole tree, else a path without slash at its end */
};

/* One client. What it does not need at the moment it does not have. */
struct connection {
    handle_t socket;       /* HANDLE_NONE: the slot is free */
    handle_t file;         /* being sent; HANDLE_NONE: none */
    uint64_t first, count; /* of the file: the bytes still to be sent */
    char *pending;         /* text still to be sent before them; from the heap */
    size_t pending_at, pending_length;
    char *input; /* received and not yet used up: `filled` of HTTP_HEAD_MAX bytes; from the heap */
    size_t filled;
    uint64_t skip;     /* bytes of a request's body that are dropped as they come */
    uint64_t deadline; /* ns; then it has been silent, or has taken nothing, for too long */
    uint32_t requests;
    bool keep_alive;
};

/* connection.c: what all share. False: no memory. */
bool connections_create(const struct site *site);
/* Goes on as far as it can without waiting. False: it is over. */
bool connection_run(struct connection *connection);
/* It has waited for too long: a last word, if any. */
void connection_expire(struct connection *connection);
/* Gives up what it holds. */
void connection_close(struct connection *connection);

/* files.c: what to answer a request with. */
struct answer_to {
    const struct site *site;
    const struct http_request *request;
    bool keep_alive;
    char *body; /* BODY_ROOM bytes for a text */
    /* The result: */
    struct http_answer head;
    size_t length; /* of the text in `body` */
    handle_t file; /* or a file, from `first` on; the caller's to close */
    uint64_t first, count;
};
void answer_request(struct answer_to *answer);
void answer_error(struct answer_to *answer, int status);
