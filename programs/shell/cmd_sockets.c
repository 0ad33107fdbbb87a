/* SPDX-License-Identifier: MIT
 * Talking over sockets: nc, udpsend, and connections that stay open between commands.
 */
#include <client/net.h>
#include <client/tty.h>
#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/status.h>
#include <ipc/time.h>

#include "shell.h"
#include "text.h"

#define PIECE 4096u
#define WAIT_DEFAULT 5u /* s for an answer */
#define CONNECTIONS 8u
#define REST_NS (300 * NS_PER_MS) /* for the answer to a typed line */

static char piece[PIECE];

static bool port_argument(struct shell *shell, const char *argument, uint64_t *port) {
    if (!number_argument(shell, argument, 65535, port)) {
        return false;
    }
    if (*port == 0) {
        usage(shell, "0 is no port");
    }
    return *port != 0;
}

/* The words from `at` on, joined by blanks, escapes resolved. */
static size_t join_words(int argc, char **argv, int at, char *to, size_t size) {
    size_t length = 0;
    to[0] = '\0';
    for (int i = at; i < argc; i++) {
        format_append(to, size, &length, "%s%s", i == at ? "" : " ", argv[i]);
    }
    text_unescape(to);
    return strlen(to);
}

/* ---- nc ----------------------------------------------------------------------------------- */

struct talk {
    bool udp, listen;
    uint64_t wait_s; /* for what comes; 0: for ever */
    uint64_t port;
    const char *host;
    char text[1024];
    bool has_text;
    handle_t socket;
    struct net_address peer; /* UDP: whom to send to */
};

static uint64_t deadline_in(uint64_t ns) {
    return ns == 0 ? 0 : time_now_ns() + ns;
}

/* Prints what comes until the peer's end, the deadline, or (UDP) one datagram. OK: the end. */
static status_t print_received(struct shell *shell, struct talk *talk, uint64_t wait_ns) {
    for (;;) {
        size_t done = 0;
        struct net_address from;
        status_t status = net_receive_from(talk->socket, piece, sizeof piece, 0,
                                           deadline_in(wait_ns), &from, &done);
        if (status != OK || (done == 0 && !talk->udp)) {
            return status;
        }
        if (talk->udp) {
            talk->peer = from;
        }
        print_bytes(shell, piece, done);
        print_flush(shell);
        if (shell_stopped(shell) || (talk->udp && talk->listen)) {
            return OK;
        }
    }
}

static status_t send_text(struct talk *talk, const char *text, size_t length) {
    size_t done;
    if (!talk->udp) {
        return net_send_all(talk->socket, text, length, 0);
    }
    return net_send_to(talk->socket, text, length, 0, &talk->peer, &done);
}

/* Typed lines until Ctrl-D; what has come is printed after each. */
static status_t send_typed(struct shell *shell, struct talk *talk) {
    static char line[TTY_LINE_MAX + 1];
    for (;;) {
        size_t length = 0;
        status_t status = tty_read_line(shell->tty, "", 0, line, TTY_LINE_MAX, &length);
        if (status == E_CLOSED) {
            return OK;
        }
        if (status == OK) {
            line[length++] = '\n';
            status = send_text(talk, line, length);
        }
        if (status == OK) {
            status = print_received(shell, talk, REST_NS);
            status = status == E_TIMEOUT ? OK : status;
        }
        if (status != OK || shell_stopped(shell)) {
            return status;
        }
    }
}

static status_t converse(struct shell *shell, struct talk *talk) {
    status_t status = OK;
    if (talk->listen && talk->udp) {
        status = print_received(shell, talk, talk->wait_s * NS_PER_S);
        return status == OK && talk->has_text ? send_text(talk, talk->text, strlen(talk->text))
                                              : status;
    }
    if (talk->has_text) {
        status = send_text(talk, talk->text, strlen(talk->text));
    } else if (!talk->listen) {
        status = send_typed(shell, talk);
    }
    if (status == OK && !talk->udp && (talk->has_text || !talk->listen)) {
        status = net_shutdown(talk->socket, NET_SHUTDOWN_WRITE);
    }
    return status == OK ? print_received(shell, talk, talk->wait_s * NS_PER_S) : status;
}

/* Waits for one peer and talks with it. */
static status_t serve_one(struct shell *shell, struct talk *talk) {
    struct net_address peer;
    char text[ADDRESS_TEXT];
    status_t status = net_bind_port(talk->socket, (uint32_t)talk->port);
    if (status != OK || talk->udp) {
        return status == OK ? converse(shell, talk) : status;
    }
    handle_t listener = talk->socket;
    status = net_listen(listener, 1);
    if (status == OK) {
        status = net_accept(listener, 0, &talk->socket, &peer);
    }
    if (status != OK) {
        return status;
    }
    handle_close(listener);
    tty_print(shell->tty, "from %s\n", text_address(text, &peer));
    return converse(shell, talk);
}

static status_t call_peer(struct shell *shell, struct talk *talk) {
    status_t status = net_connect(talk->socket, &talk->peer, 0, 0);
    return status == OK ? converse(shell, talk) : status;
}

static bool talk_arguments(struct shell *shell, int argc, char **argv, struct talk *talk) {
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "-u") == 0) {
            talk->udp = true;
        } else if (strcmp(argv[at], "-l") == 0) {
            talk->listen = true;
        } else if (strcmp(argv[at], "-w") == 0 && at + 1 < argc) {
            if (!number_argument(shell, argv[++at], 86400, &talk->wait_s)) {
                return false;
            }
        } else {
            usage(shell, "'%s' is no option", argv[at]);
            return false;
        }
    }
    int words = talk->listen ? 1 : 2;
    if (argc - at < words) {
        usage(shell, "too few arguments");
        return false;
    }
    talk->host = argv[at];
    at += words;
    talk->has_text = at < argc;
    (void)join_words(argc, argv, at, talk->text, sizeof talk->text);
    return port_argument(shell, argv[at - 1], &talk->port);
}

static int run_nc(struct shell *shell, int argc, char **argv) {
    static struct talk talk;
    talk = (struct talk){0};
    if (!talk_arguments(shell, argc, argv, &talk) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (talk.udp && talk.wait_s == 0 && !talk.listen) {
        talk.wait_s = WAIT_DEFAULT;
    }
    if (!talk.listen && !address_argument(shell, talk.host, talk.port, &talk.peer)) {
        return STATUS_FAILED;
    }
    status_t status = net_socket(shell->net, talk.udp ? NET_UDP : NET_TCP, &talk.socket);
    if (status == OK) {
        status = talk.listen ? serve_one(shell, &talk) : call_peer(shell, &talk);
        handle_close(talk.socket);
    }
    bool over = status == E_TIMEOUT && talk.udp && !talk.listen; /* as much as will come */
    return status == OK || over ? 0 : fail_status(shell, talk.listen ? "nc" : talk.host, status);
}

static int run_udpsend(struct shell *shell, int argc, char **argv) {
    struct net_address peer;
    char text[1024];
    uint64_t port;
    size_t done;
    handle_t socket;
    if (argc < 4) {
        return usage(shell, "too few arguments");
    }
    if (!port_argument(shell, argv[2], &port) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (!address_argument(shell, argv[1], port, &peer)) {
        return STATUS_FAILED;
    }
    status_t status = net_socket(shell->net, NET_UDP, &socket);
    if (status == OK) {
        size_t length = join_words(argc, argv, 3, text, sizeof text);
        status = net_send_to(socket, text, length, 0, &peer, &done);
        handle_close(socket);
    }
    return status == OK ? 0 : fail_status(shell, argv[1], status);
}

/* ---- Connections that stay ---------------------------------------------------------------- */

static handle_t connections[CONNECTIONS]; /* number - 1; HANDLE_NONE: free */

static handle_t connection_argument(struct shell *shell, const char *argument, uint64_t *number) {
    if (!number_argument(shell, argument, CONNECTIONS, number)) {
        return HANDLE_NONE;
    }
    if (*number == 0 || connections[*number - 1] == HANDLE_NONE) {
        fail(shell, "there is no connection %s", argument);
        return HANDLE_NONE;
    }
    return connections[*number - 1];
}

static int run_tcpconnect(struct shell *shell, int argc, char **argv) {
    struct net_address peer;
    uint64_t port;
    uint32_t slot = 0;
    handle_t socket;
    if (!count_arguments(shell, argc, argv, 2, 2) || !port_argument(shell, argv[2], &port) ||
        !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    while (slot < CONNECTIONS && connections[slot] != HANDLE_NONE) {
        slot++;
    }
    if (slot == CONNECTIONS) {
        return fail(shell, "%u connections are open, close one", CONNECTIONS);
    }
    if (!address_argument(shell, argv[1], port, &peer)) {
        return STATUS_FAILED;
    }
    status_t status = net_socket(shell->net, NET_TCP, &socket);
    if (status != OK) {
        return fail_status(shell, "net", status);
    }
    status = net_connect(socket, &peer, 0, 0);
    if (status != OK) {
        handle_close(socket);
        return fail_status(shell, argv[1], status);
    }
    connections[slot] = socket;
    print(shell, "connection %u\n", slot + 1);
    return 0;
}

static int run_tcpsend(struct shell *shell, int argc, char **argv) {
    char text[1024];
    uint64_t number;
    if (argc < 3) {
        return usage(shell, "too few arguments");
    }
    handle_t socket = connection_argument(shell, argv[1], &number);
    if (socket == HANDLE_NONE) {
        return STATUS_FAILED;
    }
    size_t length = join_words(argc, argv, 2, text, sizeof text);
    status_t status = net_send_all(socket, text, length, 0);
    return status == OK ? 0 : fail_status(shell, "tcp", status);
}

static int run_tcprecv(struct shell *shell, int argc, char **argv) {
    uint64_t number, seconds = WAIT_DEFAULT;
    size_t done = 0;
    if (!count_arguments(shell, argc, argv, 1, 2) ||
        (argc > 2 && !number_argument(shell, argv[2], 86400, &seconds))) {
        return STATUS_USAGE;
    }
    handle_t socket = connection_argument(shell, argv[1], &number);
    if (socket == HANDLE_NONE) {
        return STATUS_FAILED;
    }
    status_t status =
        net_receive(socket, piece, sizeof piece, 0, time_now_ns() + seconds * NS_PER_S, &done);
    if (status != OK) {
        return fail_status(shell, "tcp", status);
    }
    if (done == 0) {
        return fail(shell, "the peer has closed");
    }
    print_bytes(shell, piece, done);
    return 0;
}

static int run_tcpclose(struct shell *shell, int argc, char **argv) {
    uint64_t number;
    if (!count_arguments(shell, argc, argv, 1, 1)) {
        return STATUS_USAGE;
    }
    handle_t socket = connection_argument(shell, argv[1], &number);
    if (socket == HANDLE_NONE) {
        return STATUS_FAILED;
    }
    handle_close(socket);
    connections[number - 1] = HANDLE_NONE;
    return 0;
}

static void show_connection(struct shell *shell, uint32_t number, handle_t socket) {
    struct net_address local, peer;
    char here[ADDRESS_TEXT], there[ADDRESS_TEXT];
    uint64_t ready = 0, queued = 0;
    bool known = net_local(socket, &local) == OK && net_peer(socket, &peer) == OK &&
                 net_option_get(socket, NET_OPTION_RECEIVE_QUEUED, &queued) == OK;
    (void)net_poll(socket, NET_POLL_READ | NET_POLL_CLOSED | NET_POLL_ERROR, NET_NO_WAIT, 0,
                   &ready);
    print(shell, "%u %s %s %s %lu bytes to read\n", number,
          known ? text_address(here, &local) : "?", known ? text_address(there, &peer) : "?",
          (ready & NET_POLL_ERROR) != 0    ? "broken"
          : (ready & NET_POLL_CLOSED) != 0 ? "closed by the peer"
                                           : "open",
          (unsigned long)queued);
}

static int run_tcpstat(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        if (connections[i] != HANDLE_NONE) {
            show_connection(shell, i + 1, connections[i]);
        }
    }
    return 0;
}

const struct command commands_sockets[] = {
    {"nc", run_nc, "[-u] [-w SECONDS] HOST PORT [TEXT...] | -l [-u] [-w SECONDS] PORT [TEXT...]",
     "Sends TEXT, or typed lines up to Ctrl-D, and prints what comes; -l waits for a peer."},
    {"udpsend", run_udpsend, "HOST PORT TEXT...", "Sends one datagram."},
    {"tcpconnect", run_tcpconnect, "HOST PORT", "Opens a connection that stays."},
    {"tcpsend", run_tcpsend, "N TEXT...", "Sends TEXT, with \\n and the like, over connection N."},
    {"tcprecv", run_tcprecv, "N [SECONDS]", "Prints what came over connection N."},
    {"tcpclose", run_tcpclose, "N", "Closes connection N."},
    {"tcpstat", run_tcpstat, "", "Lists these connections."},
    {NULL, NULL, NULL, NULL},
};
