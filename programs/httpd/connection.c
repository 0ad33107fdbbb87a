/* SPDX-License-Identifier: MIT */
/*
 * One connection: requests in, files out. A client that says nothing or takes nothing for a while
 * is left, so that it can't keep a worker.
 */
#include <client/file.h>
#include <client/net.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/time.h>

#include "httpd.h"

#define IDLE_LIMIT (10 * NS_PER_S) /* between two requests, and for the parts of one */
#define SEND_LIMIT (30 * NS_PER_S) /* for one piece */
#define REQUEST_LIMIT 1000         /* on one connection */
#define SKIP_MAX (1u << 20)        /* body of a request that is read to be dropped */

struct connection {
    const struct site *site;
    struct worker *worker;
    handle_t socket;
    bool keep_alive;
    struct http_request request;
};

/* ---- Moving bytes ------------------------------------------------------------------------- */

static status_t receive_some(struct connection *connection, char *to, size_t room, size_t *done) {
    status_t status =
        net_receive(connection->socket, to, room, 0, time_now_ns() + IDLE_LIMIT, done);
    return status >= 0 && *done == 0 ? E_CLOSED : status;
}

static status_t send_all(struct connection *connection, const char *from, size_t length) {
    return net_send_all(connection->socket, from, length, time_now_ns() + SEND_LIMIT);
}

/* Sends the head and `length` bytes that lie in the body's place of the output already. */
static status_t send_answer(struct connection *connection, const struct http_answer *answer,
                            size_t length) {
    char head[HTTP_ANSWER_MAX];
    char *body = connection->worker->output + HTTP_ANSWER_MAX;
    size_t size = http_answer_format(answer, head);
    memcpy(body - size, head, size);
    return send_all(connection, body - size, size + length);
}

/* ---- Answers ------------------------------------------------------------------------------ */

static status_t answer_error(struct connection *connection, int status) {
    char *body = connection->worker->output + HTTP_ANSWER_MAX;
    const char *text = http_status_text(status);
    size_t length = format(body, BODY_ROOM, "<!doctype html><title>%d %s</title><h1>%d %s</h1>\n",
                           status, text, status, text);
    struct http_answer answer = {
        .status = status,
        .keep_alive = connection->keep_alive,
        .type = "text/html; charset=utf-8",
        .length = length,
        .allow = status == 405 ? "GET, HEAD" : NULL,
    };
    bool head_only = connection->request.method == HTTP_HEAD;
    return send_answer(connection, &answer, head_only ? 0 : length);
}

static int status_of_error(status_t error) {
    switch (error) {
    case E_NOT_FOUND:
    case E_NOT_DIRECTORY:
        return 404;
    case E_NAME_TOO_LONG:
        return 414;
    case E_RIGHTS:
        return 403;
    case E_QUOTA:
    case E_BUSY:
        return 503;
    default:
        return 500;
    }
}

/* Sends `count` bytes of the file. A file that shrinks meanwhile ends the connection: nothing else
 * tells the client. */
static status_t send_file(struct connection *connection, const struct http_answer *answer,
                          handle_t file, uint64_t first, uint64_t count) {
    char *body = connection->worker->output + HTTP_ANSWER_MAX;
    bool begun = false;
    do {
        size_t wanted = count < BODY_ROOM ? (size_t)count : BODY_ROOM;
        size_t done = 0;
        status_t status = wanted != 0 ? file_read(file, first, body, wanted, &done) : OK;
        if (status < 0) {
            return begun ? status : answer_error(connection, status_of_error(status));
        }
        if (done != wanted) {
            return E_IO;
        }
        status = begun ? send_all(connection, body, done) : send_answer(connection, answer, done);
        if (status != OK) {
            return status;
        }
        begun = true;
        first += done;
        count -= done;
    } while (count != 0);
    return OK;
}

static status_t answer_file(struct connection *connection, const char *path, handle_t file,
                            uint64_t size) {
    uint64_t first, count;
    struct http_answer answer = {
        .keep_alive = connection->keep_alive, .type = http_type(path), .size = size};
    answer.status = http_range_apply(&connection->request, size, &first, &count);
    if (answer.status == 416) {
        answer.type = NULL;
        return send_answer(connection, &answer, 0);
    }
    answer.first = first;
    answer.length = count;
    if (connection->request.method == HTTP_HEAD) {
        return send_answer(connection, &answer, 0);
    }
    return send_file(connection, &answer, file, first, count);
}

/* ---- Directories -------------------------------------------------------------------------- */

struct listing {
    char *text;
    size_t used;
    bool full;
};

#define LISTING_ROOM (BODY_ROOM - 64)

static void list_text(struct listing *listing, const char *text) {
    size_t length = strlen(text);
    if (listing->full || listing->used + length > LISTING_ROOM) {
        listing->full = true;
        return;
    }
    memcpy(listing->text + listing->used, text, length);
    listing->used += length;
}

static void list_entry(struct listing *listing, const struct file_entry *entry) {
    const char *slash = entry->type == FILE_DIRECTORY ? "/" : "";
    list_text(listing, "<li><a href=\"./");
    listing->full =
        listing->full || !http_append_url(listing->text, LISTING_ROOM, &listing->used, entry->name);
    list_text(listing, slash);
    list_text(listing, "\">");
    listing->full = listing->full ||
                    !http_append_html(listing->text, LISTING_ROOM, &listing->used, entry->name);
    list_text(listing, slash);
    list_text(listing, "</a>\n");
}

static status_t answer_listing(struct connection *connection, handle_t directory) {
    struct listing listing = {.text = connection->worker->output + HTTP_ANSWER_MAX};
    struct file_readdir_reply entries = {0};
    list_text(&listing, "<!doctype html><meta charset=utf-8><title>");
    (void)http_append_html(listing.text, LISTING_ROOM, &listing.used, connection->request.path);
    list_text(&listing, "</title><ul>\n");
    do {
        status_t status = file_readdir(directory, entries.cursor, &entries);
        if (status < 0) {
            return answer_error(connection, status_of_error(status));
        }
        for (uint64_t i = 0; i < entries.count && !listing.full; i++) {
            size_t before = listing.used;
            list_entry(&listing, &entries.entries[i]);
            listing.used = listing.full ? before : listing.used;
        }
    } while (entries.count != 0 && !listing.full);
    listing.used += format(listing.text + listing.used, BODY_ROOM - listing.used, "%s</ul>\n",
                           listing.full ? "<li>and more\n" : "");
    struct http_answer answer = {.status = 200,
                                 .keep_alive = connection->keep_alive,
                                 .type = "text/html; charset=utf-8",
                                 .length = listing.used};
    bool head_only = connection->request.method == HTTP_HEAD;
    return send_answer(connection, &answer, head_only ? 0 : listing.used);
}

/* A directory's index.html, or what is in it. */
static status_t answer_directory(struct connection *connection, const char *path,
                                 handle_t directory) {
    char name[FILE_PATH_MAX];
    handle_t file;
    struct file_open_reply information;
    size_t length = format(name, sizeof name, "%s/index.html", path);
    if (length < sizeof name &&
        file_open(connection->site->vfs, name, FILE_OPEN_READ, &file, &information) >= 0) {
        status_t status = information.type == FILE_REGULAR
                              ? answer_file(connection, name, file, information.size)
                              : answer_listing(connection, directory);
        handle_close(file);
        return status;
    }
    return answer_listing(connection, directory);
}

static status_t answer_redirect(struct connection *connection) {
    char location[FILE_PATH_MAX + 1];
    (void)format(location, sizeof location, "%s/", connection->request.path);
    struct http_answer answer = {
        .status = 301, .keep_alive = connection->keep_alive, .location = location};
    return send_answer(connection, &answer, 0);
}

/* ---- Requests ----------------------------------------------------------------------------- */

static status_t answer_opened(struct connection *connection, const char *path, handle_t file,
                              const struct file_open_reply *information) {
    bool root = strcmp(connection->request.path, "/") == 0;
    if (information->type == FILE_DIRECTORY) {
        return connection->request.slash || root ? answer_directory(connection, path, file)
                                                 : answer_redirect(connection);
    }
    if (information->type != FILE_REGULAR) {
        return answer_error(connection, 403);
    }
    if (connection->request.slash) {
        return answer_error(connection, 404);
    }
    return answer_file(connection, path, file, information->size);
}

static status_t answer_request(struct connection *connection) {
    char path[FILE_PATH_MAX];
    handle_t file;
    struct file_open_reply information;
    if (connection->request.method == HTTP_OTHER) {
        return answer_error(connection, 405);
    }
    bool root = strcmp(connection->request.path, "/") == 0;
    size_t length =
        format(path, sizeof path, "%s%s", connection->site->root,
               root && connection->site->root[0] != '\0' ? "" : connection->request.path);
    if (length >= sizeof path) {
        return answer_error(connection, 414);
    }
    status_t status = file_open(connection->site->vfs, path, FILE_OPEN_READ, &file, &information);
    if (status < 0) {
        return answer_error(connection, status_of_error(status));
    }
    status = answer_opened(connection, strcmp(path, "/") == 0 ? "" : path, file, &information);
    handle_close(file);
    return status;
}

/* Waits for a whole head; *length its size. Sends the answer to an unfit one. */
static status_t receive_head(struct connection *connection, size_t *length) {
    struct worker *worker = connection->worker;
    while ((*length = http_head_length(worker->input, worker->filled)) == 0) {
        size_t done = 0;
        if (worker->filled == sizeof worker->input) {
            (void)answer_error(connection, 431);
            return E_MESSAGE_SIZE;
        }
        status_t status = receive_some(connection, worker->input + worker->filled,
                                       sizeof worker->input - worker->filled, &done);
        if (status != OK) {
            if (status == E_TIMEOUT && worker->filled != 0) {
                (void)answer_error(connection, 408);
            }
            return status;
        }
        worker->filled += done;
    }
    return OK;
}

static void use_up(struct worker *worker, size_t length) {
    worker->filled -= length;
    memmove(worker->input, worker->input + length, worker->filled);
}

/* Drops the request's body. */
static status_t skip_body(struct connection *connection) {
    struct worker *worker = connection->worker;
    uint64_t rest = connection->request.body_length;
    while (rest != 0) {
        size_t piece = rest < worker->filled ? (size_t)rest : worker->filled;
        use_up(worker, piece);
        rest -= piece;
        if (rest != 0) {
            status_t status =
                receive_some(connection, worker->input, sizeof worker->input, &worker->filled);
            if (status != OK) {
                return status;
            }
        }
    }
    return OK;
}

/* One request and its answer; anything but OK ends the connection. */
static status_t serve_one(struct connection *connection) {
    size_t length;
    connection->keep_alive = false;
    connection->request.method = HTTP_GET;
    status_t status = receive_head(connection, &length);
    if (status != OK) {
        return status;
    }
    int refused = http_request_parse(connection->worker->input, length, &connection->request);
    use_up(connection->worker, length);
    if (refused == 0 && connection->request.has_body) {
        refused = 411;
    } else if (refused == 0 && connection->request.body_length > SKIP_MAX) {
        refused = 413;
    }
    if (refused != 0) {
        (void)answer_error(connection, refused);
        return E_CLOSED;
    }
    status = skip_body(connection);
    if (status != OK) {
        return status;
    }
    connection->keep_alive = connection->request.keep_alive;
    return answer_request(connection);
}

void connection_serve(const struct site *site, struct worker *worker, handle_t socket) {
    struct connection connection = {.site = site, .worker = worker, .socket = socket};
    worker->filled = 0;
    for (int i = 0; i < REQUEST_LIMIT; i++) {
        status_t status = serve_one(&connection);
        if (status != OK || !connection.keep_alive) {
            break;
        }
    }
}
