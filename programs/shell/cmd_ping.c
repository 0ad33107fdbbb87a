/* SPDX-License-Identifier: MIT
 * ping: echo requests and their statistics.
 */
#include <client/net.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/status.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "shell.h"
#include "text.h"

#define SIZE_DEFAULT 56u
#define SIZE_MAX_BYTES 65000u
#define TIMEOUT_DEFAULT (2 * NS_PER_S)

struct ping {
    struct net_address address;
    uint64_t count, interval, size, timeout;
    uint64_t sent, received;
    bool refused;                  /* not even the first could be sent */
    uint64_t least, greatest, sum; /* round trips, ns */
};

/* "1", "0.2", "1.5": seconds as ns. */
static bool seconds_argument(struct shell *shell, const char *argument, uint64_t *ns) {
    const char *dot = strchr(argument, '.');
    size_t length = dot != NULL ? (size_t)(dot - argument) : strlen(argument);
    uint64_t whole, part = 0, unit = NS_PER_S;
    if (parse_u64(argument, length, &whole) && whole <= 3600) {
        size_t digits = dot != NULL ? strlen(dot + 1) : 0;
        for (size_t i = 0; i < digits && i < 9; i++) {
            unit /= 10;
        }
        if (dot == NULL || (digits <= 9 && parse_u64(dot + 1, digits, &part))) {
            *ns = whole * NS_PER_S + part * unit;
            return true;
        }
    }
    usage(shell, "'%s' is not a number", argument);
    return false;
}

static bool option(struct shell *shell, struct ping *ping, char letter, const char *value) {
    switch (letter) {
    case 'c':
        if (!number_argument(shell, value, 1000000, &ping->count)) {
            return false;
        }
        if (ping->count == 0) {
            usage(shell, "COUNT is 0");
        }
        return ping->count != 0;
    case 's':
        return number_argument(shell, value, SIZE_MAX_BYTES, &ping->size);
    case 'i':
        return seconds_argument(shell, value, &ping->interval);
    case 'W':
        return seconds_argument(shell, value, &ping->timeout);
    default:
        usage(shell, "'-%c' is no option", letter);
        return false;
    }
}

/* Reads options and HOST, which it looks up. */
static bool arguments(struct shell *shell, int argc, char **argv, struct ping *ping, int *result) {
    uint64_t family = 0;
    int at = 1;
    *result = STATUS_USAGE;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
        char letter = argv[at][1];
        if (letter == '4' || letter == '6') {
            family = (uint64_t)(letter - '0');
            continue;
        }
        if (at + 1 >= argc) {
            usage(shell, "-%c needs a number", letter);
            return false;
        }
        if (!option(shell, ping, letter, argv[++at])) {
            return false;
        }
    }
    if (argc - at != 1) {
        usage(shell, argc == at ? "HOST is missing" : "more than one HOST");
        return false;
    }
    *result = STATUS_FAILED;
    if (!need(shell, shell->net, "net")) {
        return false;
    }
    return family == 0 ? address_argument(shell, argv[at], 0, &ping->address)
                       : resolve_argument(shell, argv[at], family, &ping->address.ip);
}

static void note(struct ping *ping, uint64_t rtt) {
    ping->least = ping->received == 0 || rtt < ping->least ? rtt : ping->least;
    ping->greatest = rtt > ping->greatest ? rtt : ping->greatest;
    ping->sum += rtt;
    ping->received++;
}

/* One request; prints what became of it. False on Ctrl-C or a fault of the stack. */
static bool ping_once(struct shell *shell, struct ping *ping) {
    struct net_ping_request request = {.ip = ping->address.ip,
                                       .interface = ping->address.interface,
                                       .sequence = (uint32_t)ping->sent,
                                       .size = ping->size,
                                       .timeout_ns = ping->timeout};
    struct net_ping_reply result;
    char text[IP_TEXT];
    status_t status = net_ping(shell->net, &request, &result);
    if (status == OK) {
        note(ping, result.rtt_ns);
        unsigned long us = (unsigned long)(result.rtt_ns / NS_PER_US);
        print(shell, "%lu bytes from %s: seq=%u ttl=%lu time=%lu.%03lu ms\n",
              (unsigned long)result.size, ip_format(text, result.ip.bytes), request.sequence,
              (unsigned long)result.hop_limit, us / 1000, us % 1000);
    } else if (status == E_TIMEOUT) {
        print(shell, "no answer from %s: seq=%u\n", ip_format(text, request.ip.bytes),
              request.sequence);
    } else {
        fail_status(shell, ip_format(text, request.ip.bytes), status);
        ping->refused = ping->sent == 1;
        return false;
    }
    print_flush(shell);
    return !shell_stopped(shell);
}

static void summary(struct shell *shell, const struct ping *ping) {
    uint64_t lost = ping->sent - ping->received;
    print(shell, "%lu sent, %lu received, %lu%% lost\n", (unsigned long)ping->sent,
          (unsigned long)ping->received,
          (unsigned long)(ping->sent != 0 ? lost * 100 / ping->sent : 0));
    if (ping->received != 0) {
        const uint64_t times[3] = {ping->least, ping->sum / ping->received, ping->greatest};
        print(shell, "round trip min/avg/max");
        for (int i = 0; i < 3; i++) {
            unsigned long us = (unsigned long)(times[i] / NS_PER_US);
            print(shell, "%s%lu.%03lu", i == 0 ? " " : "/", us / 1000, us % 1000);
        }
        print(shell, " ms\n");
    }
}

static int run_ping(struct shell *shell, int argc, char **argv) {
    struct ping ping = {
        .count = 4, .interval = NS_PER_S, .size = SIZE_DEFAULT, .timeout = TIMEOUT_DEFAULT};
    int result;
    if (!arguments(shell, argc, argv, &ping, &result)) {
        return result;
    }
    status_t status = OK;
    while (ping.sent < ping.count && status == OK) {
        uint64_t next = time_now_ns() + ping.interval;
        ping.sent++;
        if (!ping_once(shell, &ping)) {
            break;
        }
        if (ping.sent < ping.count) {
            status = thread_sleep_until(next);
        }
    }
    /* The summary also after Ctrl-C. */
    bool interrupted = status != OK || shell_stopped(shell);
    shell->output_status = OK;
    if (interrupted || !ping.refused) {
        summary(shell, &ping);
    }
    return interrupted ? STATUS_INTERRUPTED : ping.received != 0 ? 0 : STATUS_FAILED;
}

const struct command commands_ping[] = {
    {"ping", run_ping, "[-4 | -6] [-c COUNT] [-i SECONDS] [-s BYTES] [-W SECONDS] HOST",
     "Sends echo requests, 4 by default."},
    {NULL, NULL, NULL, NULL},
};
