/* SPDX-License-Identifier: MIT
 * Text that is made when a file is opened: a stream that holds it, with nothing after it. It goes
 * into a pipe of proc, so what was opened can be read to its end whatever happens meanwhile.
 */
#pragma once
#include "personality.h"

struct text {
    handle_t from, to; /* ends of the pipe */
    size_t length;     /* bytes that wait to be written */
    size_t total;      /* never more than a pipe takes: what goes beyond is left out */
    char bytes[1024];
};

/* 0 or -errno. After 0 text_end must follow. */
int64_t text_begin(struct text *text);
void text_bytes(struct text *text, const char *bytes, size_t length);
/* As format; at most 511 bytes. */
__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *words, ...);
/* The number of a descriptor that reads it, or -errno. */
int64_t text_end(struct text *text, uint32_t flags);
