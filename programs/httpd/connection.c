/* SPDX-License-Identifier: MIT */
/*
 * One connection: requests in, files out, never waiting. A client that says nothing or takes
 * nothing for a while is left.
 */
#include <client/file.h>
#include <client/net.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/heap.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/time.h>

#include "httpd.h"

#define REQUEST_LIMIT 1000  /* on one connection */
#define SKIP_MAX (1u << 20) /* body of a request that is read to be dropped */
#define HEAP_VA 0x300000000000ull
#define HEAP_MAX (32u << 20)
#define RESERVE (192u << 10) /* of the account: stacks, page tables, handles */

static const struct site *site;
static struct heap *heap;
/* The head of an answer is put right before the first piece of its body. */
static char output[HTTP_ANSWER_MAX + BODY_ROOM];
static char *const body = output + HTTP_ANSWER_MAX;
static char
    scratch[HTTP_HEAD_MAX]; /* input of the connection that runs, if it has none of its own */

bool connections_create(const struct site *shared) {
    struct account_information account;
    site = shared;
    if (account_info(startup_handle("account"), &account) != OK ||
        account.limit - account.used < 2 * RESERVE) {
        return false;
    }
    uint64_t size = (account.limit - account.used - RESERVE) / 8 * 7; /* page tables come on top */
    size = (size < HEAP_MAX ? size : HEAP_MAX) & ~0xfffull;
    if (memory_map_new(HEAP_VA, size, 0) != OK) {
        return false;
    }
    heap = heap_create((void *)HEAP_VA, size);
    return true;
}

/* ---- Sending ------------------------------------------------------------------------------ */

/* As much as goes at once. OK: all; E_WOULD_BLOCK. */
static status_t push(struct connection *connection, const char *from, size_t length, size_t *sent) {
    *sent = 0;
    while (*sent < length) {
        size_t done = 0;
        status_t status =
            net_send(connection->socket, from + *sent, length - *sent, NET_NO_WAIT, &done);
        if (status != OK) {
            return status;
        }
        *sent += done;
        connection->deadline = time_now_ns() + HTTP_IDLE_NS;
    }
    return OK;
}

/* Keeps text that did not go. */
static status_t keep_pending(struct connection *connection, const char *from, size_t length) {
    connection->pending = heap_allocate(heap, length);
    if (connection->pending == NULL) {
        return E_QUOTA;
    }
    memcpy(connection->pending, from, length);
    connection->pending_at = 0;
    connection->pending_length = length;
    return E_WOULD_BLOCK;
}

static status_t flush_pending(struct connection *connection) {
    size_t sent;
    if (connection->pending == NULL) {
        return OK;
    }
    status_t status = push(connection, connection->pending + connection->pending_at,
                           connection->pending_length - connection->pending_at, &sent);
    connection->pending_at += sent;
    if (status == OK) {
        heap_free(heap, connection->pending);
        connection->pending = NULL;
    }
    return status;
}

/* Reads the next piece of the file to where bodies go. A file that shrinks meanwhile ends the
 * connection: nothing else tells the client. */
static status_t read_piece(struct connection *connection, size_t *length) {
    size_t wanted = connection->count < BODY_ROOM ? (size_t)connection->count : BODY_ROOM;
    status_t status = file_read(connection->file, connection->first, body, wanted, length);
    return status != OK ? status : *length == wanted ? OK : E_IO;
}

static void advance(struct connection *connection, size_t length) {
    connection->first += length;
    connection->count -= length;
    if (connection->count == 0) {
        handle_close(connection->file);
        connection->file = HANDLE_NONE;
    }
}

static status_t flush_file(struct connection *connection) {
    while (connection->file != HANDLE_NONE) {
        size_t length, sent;
        status_t status = read_piece(connection, &length);
        if (status != OK) {
            return status;
        }
        status = push(connection, body, length, &sent);
        advance(connection, sent);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

/* The head, and the first piece of the body with it. */
static status_t begin_answer(struct connection *connection, struct answer_to *answer) {
    char head[HTTP_ANSWER_MAX];
    size_t size = http_answer_format(&answer->head, head), length = answer->length, sent;
    connection->file = answer->file;
    connection->first = answer->first;
    connection->count = answer->count;
    if (connection->file != HANDLE_NONE) {
        status_t status = read_piece(connection, &length);
        if (status != OK) {
            return status;
        }
    } else if (answer->request->method == HTTP_HEAD) {
        length = 0;
    }
    memcpy(body - size, head, size);
    status_t status = push(connection, body - size, size + length, &sent);
    if (status != OK && status != E_WOULD_BLOCK) {
        return status;
    }
    bool is_file = connection->file != HANDLE_NONE;
    if (is_file && sent > size) {
        advance(connection, sent - size);
    }
    size_t text = is_file ? size : size + length; /* what can't be read again */
    return sent < text ? keep_pending(connection, body - size + sent, text - sent) : status;
}

/* ---- Requests ----------------------------------------------------------------------------- */

/* The bytes received: the connection's own, or the shared ones. */
struct input {
    char *bytes;
    size_t filled;
};

static void use_up(struct input *input, size_t length) {
    input->filled -= length;
    memmove(input->bytes, input->bytes + length, input->filled);
}

static status_t answer_with(struct connection *connection, const struct http_request *request,
                            int refused) {
    struct answer_to answer = {.site = site,
                               .request = request,
                               .keep_alive = connection->keep_alive,
                               .body = body,
                               .file = HANDLE_NONE};
    if (refused != 0) {
        answer_error(&answer, refused);
    } else {
        answer_request(&answer);
    }
    connection->deadline = time_now_ns() + HTTP_IDLE_NS;
    return begin_answer(connection, &answer);
}

/* Answers the request whose head of `length` bytes is there. */
static status_t serve_request(struct connection *connection, struct input *input, size_t length) {
    static struct http_request request;
    request.method = HTTP_GET;
    int refused = http_request_parse(input->bytes, length, &request);
    use_up(input, length);
    if (refused == 0 && request.has_body) {
        refused = 411;
    } else if (refused == 0 && request.body_length > SKIP_MAX) {
        refused = 413;
    }
    connection->requests++;
    connection->skip = refused == 0 ? request.body_length : 0;
    connection->keep_alive =
        refused == 0 && request.keep_alive && connection->requests < REQUEST_LIMIT;
    return answer_with(connection, &request, refused);
}

static status_t refuse(struct connection *connection, int status) {
    static const struct http_request none = {.method = HTTP_GET};
    connection->keep_alive = false;
    return answer_with(connection, &none, status);
}

static void skip_body(struct connection *connection, struct input *input) {
    size_t piece = connection->skip < input->filled ? (size_t)connection->skip : input->filled;
    use_up(input, piece);
    connection->skip -= piece;
}

static status_t receive_more(struct connection *connection, struct input *input) {
    size_t done = 0;
    status_t status = net_receive(connection->socket, input->bytes + input->filled,
                                  HTTP_HEAD_MAX - input->filled, NET_NO_WAIT, 0, &done);
    if (status == OK && done == 0) {
        return E_CLOSED;
    }
    if (status == OK) {
        input->filled += done;
        connection->deadline = time_now_ns() + HTTP_IDLE_NS;
    }
    return status;
}

/* Until nothing more can be done now (E_WOULD_BLOCK) or ever. */
static status_t run(struct connection *connection, struct input *input) {
    for (;;) {
        bool answering = connection->pending != NULL || connection->file != HANDLE_NONE;
        status_t status = flush_pending(connection);
        status = status == OK ? flush_file(connection) : status;
        if (status != OK) {
            return status;
        }
        if (answering || connection->requests != 0) {
            if (!connection->keep_alive) {
                return E_CLOSED;
            }
            connection->deadline = answering ? time_now_ns() + HTTP_IDLE_NS : connection->deadline;
        }
        skip_body(connection, input);
        size_t length = http_head_length(input->bytes, input->filled);
        if (length != 0) {
            status = serve_request(connection, input, length);
        } else if (input->filled == HTTP_HEAD_MAX) {
            connection->requests++;
            status = refuse(connection, 431);
        } else {
            status = receive_more(connection, input);
        }
        if (status != OK) {
            return status;
        }
    }
}

/* Keeps what was received and not used, gives the buffer back when there is nothing. */
static bool keep_input(struct connection *connection, const struct input *input) {
    connection->filled = input->filled;
    if (input->filled == 0) {
        heap_free(heap, connection->input);
        connection->input = NULL;
    } else if (connection->input == NULL) {
        connection->input = heap_allocate(heap, HTTP_HEAD_MAX);
        if (connection->input == NULL) {
            return false;
        }
        memcpy(connection->input, input->bytes, input->filled);
    }
    return true;
}

bool connection_run(struct connection *connection) {
    struct input input = {connection->input != NULL ? connection->input : scratch,
                          connection->filled};
    return run(connection, &input) == E_WOULD_BLOCK && keep_input(connection, &input);
}

void connection_expire(struct connection *connection) {
    bool answering = connection->pending != NULL || connection->file != HANDLE_NONE;
    if (!answering && connection->filled != 0) {
        (void)refuse(connection, 408);
    }
}

void connection_close(struct connection *connection) {
    handle_close(connection->file);
    handle_close(connection->socket);
    heap_free(heap, connection->pending);
    heap_free(heap, connection->input);
    *connection = (struct connection){.socket = HANDLE_NONE, .file = HANDLE_NONE};
}
