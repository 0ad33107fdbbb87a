/* SPDX-License-Identifier: MIT */
/*
 * Decoding of calls by a protocol's X-macro list. In dispatch.c of a server:
 *
 *     #define OP(number, NAME, name, request, reply) DISPATCH_DECLARE(handle_##name, request,
 * reply) FILE_PROTOCOL(OP) #undef OP void dispatch(struct event *event) { switch (event->label) {
 *     #define OP(number, NAME, name, request, reply) \
 *             DISPATCH_CASE(number, handle_##name, request, reply)
 *             FILE_PROTOCOL(OP)
 *     #undef OP
 *         default:
 *             reply_status(event->token, E_UNSUPPORTED);
 *         }
 *     }
 *
 * A handler gets the request (zero where the caller sent nothing) and fills the answer (zero
 * before): status_t handle_open(struct event *event, const struct file_open_request *request,
 *                          struct file_open_reply *answer);
 * Its status becomes the answer's label. Statuses >= 0 and the answer's words and handles
 * (event_answer_handle) are sent; with a negative status handles are not. DISPATCH_PARKED sends
 * nothing: the handler has kept the token, or answered itself.
 */
#pragma once

#include <stdbool.h>

#include <ipc/event.h>

#define DISPATCH_PARKED 1

#define DISPATCH_DECLARE(handler, request_type, answer_type)                                       \
    status_t handler(struct event *event, const request_type *request, answer_type *answer);

#define DISPATCH_CASE(number, handler, request_type, answer_type)                                  \
    case (number): {                                                                               \
        _Static_assert(sizeof(request_type) % 8 == 0 && sizeof(request_type) <= 512, "request");   \
        _Static_assert(sizeof(answer_type) % 8 == 0 && sizeof(answer_type) <= 512, "answer");      \
        request_type request;                                                                      \
        answer_type answer = {0};                                                                  \
        status_t status = dispatch_begin(event, &request, sizeof request, &answer, sizeof answer); \
        if (status == OK) {                                                                        \
            status = handler(event, &request, &answer);                                            \
            event->answer_size = sizeof answer;                                                    \
        }                                                                                          \
        dispatch_answer(event, status, &answer, sizeof answer);                                    \
        break;                                                                                     \
    }

/* Takes the request. An answer that is not all zero ends the program. */
status_t dispatch_begin(const struct event *event, void *request, size_t request_size,
                        const void *answer, size_t answer_size);

/* Sends what a handler decided. A status >= 0 without a handler that has run, or with a size that
 * is not its answer's, ends the program. */
void dispatch_answer(struct event *event, status_t status, const void *data, size_t size);

/* True when the text array of a request ends within its `size` bytes. */
bool dispatch_text_valid(const char *text, size_t size);
