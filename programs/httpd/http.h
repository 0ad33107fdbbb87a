/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 (RFC 9110, 9112) as far as a server of files needs it. Free of system calls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <proto/file.h>

#define HTTP_HEAD_MAX 8192 /* request line and header fields */

enum http_method { HTTP_GET = 1, HTTP_HEAD, HTTP_OTHER };
enum http_range { HTTP_RANGE_NONE = 0, HTTP_RANGE_FROM, HTTP_RANGE_SUFFIX };

struct http_request {
    enum http_method method;
    bool keep_alive;
    bool slash;           /* the path ended in a slash */
    bool has_body;        /* of unknown length */
    uint64_t body_length; /* to be skipped */
    enum http_range range;
    uint64_t range_first; /* FROM: first and last byte; SUFFIX: first = number of bytes */
    uint64_t range_last;
    char path[FILE_PATH_MAX]; /* decoded, absolute, without "." and ".." and double slashes */
};

/* Length of the head with the empty line that ends it, 0 when it is not complete. */
size_t http_head_length(const char *bytes, size_t length);

/* Parses a complete head. Returns 0, or the status that answers it (400, 414, 505); then
 * the connection must be closed. */
int http_request_parse(const char *head, size_t length, struct http_request *request);

/* Decodes a target ("/a%20b/../c?q") into path and slash. 0, 400 or 414. */
int http_target_parse(const char *target, size_t length, struct http_request *request);

/* The bytes [*first, *first + *count) of a file that the request's range means: 200 all, 206 a
 * part, 416 none. */
int http_range_apply(const struct http_request *request, uint64_t size, uint64_t *first,
                     uint64_t *count);

/* What goes in front of a body. */
struct http_answer {
    int status;
    bool keep_alive;
    const char *type;     /* NULL: none */
    const char *location; /* NULL: none; a decoded path */
    const char *allow;    /* NULL: none */
    uint64_t length;      /* of the body */
    uint64_t first, size; /* 206: first byte, size of the file; 416: size */
};
#define HTTP_ANSWER_MAX 1536
/* Returns the number of bytes written to `to`, which has room for HTTP_ANSWER_MAX. */
size_t http_answer_format(const struct http_answer *answer, char *to);

/* "Not Found" */
const char *http_status_text(int status);

/* Media type by the end of the name. */
const char *http_type(const char *path);

/* Appends to a text of `used` bytes in `size`; both return false, adding nothing, without room. */
bool http_append_url(char *text, size_t size, size_t *used, const char *path);
bool http_append_html(char *text, size_t size, size_t *used, const char *plain);
