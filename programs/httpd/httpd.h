/* SPDX-License-Identifier: MIT */
/* The HTTP server program: workers that each serve one connection after another. */
#pragma once

#include <axolotl/abi.h>

#include "http.h"

#define BODY_ROOM 32768u

struct worker {
    char input[HTTP_HEAD_MAX]; /* received and not yet used up: `filled` bytes */
    size_t filled;
    /* The head of an answer is put right before the first piece of its body. */
    char output[HTTP_ANSWER_MAX + BODY_ROOM];
};

struct site {
    handle_t vfs;
    const char *root; /* "" for the whole tree, else a path without slash at its end */
};

/* Serves a connection until it ends; the caller closes it. */
void connection_serve(const struct site *site, struct worker *worker, handle_t connection);
