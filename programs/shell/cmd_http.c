/* SPDX-License-Identifier: MIT
 * httpget: HTTP/1.0, the body streamed to the output.
 */
#include <client/net.h>
#include <client/tty.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/time.h>

#include "shell.h"
#include "text.h"
#include "url.h"

#define RECEIVE_PIECE 16384

static char piece[RECEIVE_PIECE];

/* "URL" or "HOST PORT PATH". */
static bool url_arguments(struct shell *shell, int argc, char **argv, struct url *url) {
    char text[URL_HOST + URL_PATH + 16];
    const char *address = argv[1];
    if (argc == 3) {
        usage(shell, "PATH is missing");
        return false;
    }
    if (argc == 4) {
        format(text, sizeof(text), "%s:%s%s%s", argv[1], argv[2], argv[3][0] == '/' ? "" : "/",
               argv[3]);
        address = text;
    }
    if (!url_parse(address, url)) {
        usage(shell, "'%s' is no http address", address);
        return false;
    }
    return true;
}

static status_t send_request(handle_t socket, const struct url *url) {
    static char request[URL_HOST + URL_PATH + 128];
    size_t length = format(request, sizeof(request),
                           "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: axolotl\r\n"
                           "Connection: close\r\n\r\n",
                           url->path, url->host);
    return net_send_all(socket, request, length, 0);
}

/* Reads the answer to its end and prints its body. *body: bytes of it. */
static status_t receive_answer(struct shell *shell, handle_t socket, struct http_head *head,
                               uint64_t *body) {
    for (;;) {
        size_t done;
        status_t status = net_receive(socket, piece, sizeof(piece), 0, 0, &done);
        if (status != OK || done == 0) {
            return status;
        }
        size_t at = 0;
        while (at < done && !head->complete) {
            http_head_feed(head, piece[at++]);
        }
        print_bytes(shell, piece + at, done - at);
        *body += done - at;
        bool whole = head->complete && head->length_known && *body >= head->length;
        if (whole || shell_stopped(shell)) {
            return OK;
        }
    }
}

static int judge(struct shell *shell, const struct http_head *head, uint64_t body) {
    if (!head->complete || head->status == 0) {
        return fail(shell, "the answer is no HTTP");
    }
    if (head->status < 200 || head->status > 299) {
        return fail(shell, "the server answers with status %u", head->status);
    }
    if (head->length_known && body < head->length) {
        return fail(shell, "the connection ended after %lu of %lu bytes", (unsigned long)body,
                    (unsigned long)head->length);
    }
    return 0;
}

static int fetch(struct shell *shell, const struct url *url, handle_t socket) {
    struct http_head head = {.status = 0};
    uint64_t body = 0;
    uint64_t start = time_now_ns();
    struct net_resolve_reply found;
    char name[URL_HOST];
    url_name(url, name);
    status_t status = net_resolve(shell->net, name, 0, &found);
    if (status == OK) {
        struct net_address server = {.ip = found.ips[0], .port = (uint16_t)url->port};
        status = net_connect(socket, &server, 0, 0);
    }
    if (status == OK) {
        status = send_request(socket, url);
    }
    if (status == OK) {
        status = receive_answer(shell, socket, &head, &body);
    }
    if (status != OK) {
        return fail_status(shell, url->host, status);
    }
    if (shell_stopped(shell)) {
        return STATUS_FAILED;
    }
    int result = judge(shell, &head, body);
    if (result == 0 && shell->file != HANDLE_NONE) {
        char text[TEXT_SIZE];
        print_flush(shell);
        tty_print(shell->tty, "%lu bytes in %s\n", (unsigned long)body,
                  text_duration(text, time_now_ns() - start));
    }
    return result;
}

static int run_httpget(struct shell *shell, int argc, char **argv) {
    static struct url url;
    handle_t socket;
    if (!count_arguments(shell, argc, argv, 1, 3) || !need(shell, shell->net, "net") ||
        !url_arguments(shell, argc, argv, &url)) {
        return STATUS_USAGE;
    }
    status_t status = net_socket(shell->net, NET_TCP, &socket);
    if (status != OK) {
        return fail_status(shell, "net", status);
    }
    int result = fetch(shell, &url, socket);
    handle_close(socket);
    return result;
}

const struct command commands_http[] = {
    {"httpget", run_httpget, "URL | HOST PORT PATH", "Fetches a page; '> FILE' keeps it."},
    {NULL, NULL, NULL, NULL},
};
