/* SPDX-License-Identifier: MIT
 * httpget: HTTP/1.0, the body streamed to the output. Redirections are followed; a status that is
 * no success becomes the exit code.
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
#define REDIRECTIONS 5
#define WAIT_DEFAULT 60 /* s without a byte */
#define WAIT_MAX 86400

static char piece[RECEIVE_PIECE];
static uint64_t wait_ns; /* for the server's next step */

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
    return net_send_all(socket, request, length, time_now_ns() + wait_ns);
}

/* A bar on the terminal, twice a second, when -p asks for it. */
struct progress {
    uint64_t next_ns;
    bool wanted, shown;
};
static struct progress progress;

static void progress_show(struct shell *shell, const struct http_head *head, uint64_t body) {
    static const char full[] = "##############################";
    char done[TEXT_SIZE], all[TEXT_SIZE];
    uint64_t now = time_now_ns();
    if (!progress.wanted || now < progress.next_ns) {
        return;
    }
    progress.next_ns = now + NS_PER_S / 2;
    progress.shown = true;
    if (!head->length_known || head->length == 0) {
        tty_print(shell->tty, "\r%s ", text_bytes(done, body));
        return;
    }
    uint64_t part = body < head->length ? body : head->length;
    int width = (int)(part * 30 / head->length);
    tty_print(shell->tty, "\r[%.*s%*s] %s of %s ", width, full, 30 - width, "",
              text_bytes(done, part), text_bytes(all, head->length));
}

/* Reads the answer to its end and prints the body of a success. *body: bytes of it. */
static status_t receive_answer(struct shell *shell, handle_t socket, struct http_head *head,
                               uint64_t *body) {
    status_t status = OK;
    bool whole = false;
    while (!whole && !shell_stopped(shell)) {
        size_t done = 0, at = 0;
        uint64_t deadline = time_now_ns() + wait_ns;
        status = net_receive(socket, piece, sizeof(piece), 0, deadline, &done);
        if (status != OK || done == 0) {
            break;
        }
        while (at < done && !head->complete) {
            http_head_feed(head, piece[at++]);
        }
        if (head->status >= 200 && head->status <= 299) {
            print_bytes(shell, piece + at, done - at);
        }
        *body += done - at;
        whole = head->complete && head->length_known && *body >= head->length;
        progress_show(shell, head, *body);
    }
    if (progress.shown) {
        tty_print(shell->tty, "\r%*s\r", 70, "");
    }
    return status;
}

static int judge(struct shell *shell, const struct http_head *head, uint64_t body) {
    if (!head->complete || head->status == 0) {
        return fail(shell, "the answer is no HTTP");
    }
    if (head->status < 200 || head->status > 299) {
        fail(shell, "the server answers with status %u", head->status);
        return (int)head->status;
    }
    if (head->length_known && body < head->length) {
        return fail(shell, "the connection ended after %lu of %lu bytes", (unsigned long)body,
                    (unsigned long)head->length);
    }
    return 0;
}

static status_t ask(struct shell *shell, const struct url *url, struct http_head *head,
                    uint64_t *body) {
    struct net_resolve_reply found;
    char name[URL_HOST];
    handle_t socket;
    url_name(url, name);
    status_t status = net_resolve(shell->net, name, 0, &found);
    if (status != OK || (status = net_socket(shell->net, NET_TCP, &socket)) != OK) {
        return status;
    }
    struct net_address server = {.ip = found.ips[0], .port = (uint16_t)url->port};
    status = net_connect(socket, &server, 0, time_now_ns() + wait_ns);
    if (status == OK) {
        status = send_request(socket, url);
    }
    if (status == OK) {
        status = receive_answer(shell, socket, head, body);
    }
    handle_close(socket);
    return status;
}

static int fetch(struct shell *shell, struct url *url) {
    static struct http_head head;
    uint64_t body = 0, start = time_now_ns();
    for (int hop = 0;; hop++) {
        memset(&head, 0, sizeof head);
        body = 0;
        status_t status = ask(shell, url, &head, &body);
        if (status != OK) {
            return fail_status(shell, url->host, status);
        }
        if (shell_stopped(shell)) {
            return STATUS_FAILED;
        }
        if (head.status < 300 || head.status > 399 || head.location[0] == '\0') {
            break;
        }
        if (hop == REDIRECTIONS) {
            return fail(shell, "more than %d redirections", REDIRECTIONS);
        }
        if (!url_follow(url, head.location)) {
            return fail(shell, "the server redirects to '%s'", head.location);
        }
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
    uint64_t seconds = WAIT_DEFAULT;
    progress = (struct progress){0};
    for (; argc > 1 && is_option(argv[1]); argc--, argv++) {
        if (strcmp(argv[1], "-p") == 0) {
            progress.wanted = true;
        } else if (strcmp(argv[1], "-w") == 0 && argc > 2) {
            if (!number_argument(shell, argv[2], WAIT_MAX, &seconds)) {
                return STATUS_USAGE;
            }
            argc--;
            argv++;
        } else {
            break; /* which count_arguments complains of */
        }
    }
    wait_ns = seconds * NS_PER_S;
    if (!count_arguments(shell, argc, argv, 1, 3) || !need(shell, shell->net, "net") ||
        !url_arguments(shell, argc, argv, &url)) {
        return STATUS_USAGE;
    }
    return fetch(shell, &url);
}

const struct command commands_http[] = {
    {"httpget", run_httpget, "[-p] [-w SECONDS] URL | HOST PORT PATH",
     "Fetches a page; '> FILE' keeps it; -p shows how far it is; -w: how long to wait for a byte."},
    {NULL, NULL, NULL, NULL},
};
