/* SPDX-License-Identifier: MIT
 * Commands to the network stack.
 */
#include <client/net.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/status.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "shell.h"
#include "text.h"

#define PING_SIZE 56
#define PING_INTERVAL NS_PER_S
#define PING_TIMEOUT (2 * NS_PER_S)

/* ---- Interface ---------------------------------------------------------------------------- */

static bool ip_argument(struct shell *shell, const char *argument, uint32_t *ip) {
    if (!parse_ipv4(argument, strlen(argument), ip)) {
        usage(shell, "'%s' is no IPv4 address", argument);
        return false;
    }
    return true;
}

static int configure(struct shell *shell, int argc, char **argv) {
    struct net_configure_request request = {.dhcp = 0};
    if (argc == 2 && strcmp(argv[1], "dhcp") == 0) {
        request.dhcp = 1;
    } else {
        uint32_t *const values[] = {&request.ip, &request.mask, &request.gateway, &request.dns};
        if (argc < 4) {
            return usage(shell,
                         argc == 2 ? "'%s' is neither dhcp nor IP MASK GATEWAY"
                                   : "'%s': MASK or GATEWAY is missing",
                         argv[1]);
        }
        for (int i = 1; i < argc; i++) {
            if (!ip_argument(shell, argv[i], values[i - 1])) {
                return STATUS_USAGE;
            }
        }
        uint32_t inverse = ~request.mask;
        if ((inverse & (inverse + 1)) != 0 || request.mask == 0) {
            return usage(shell, "'%s' is no network mask", argv[2]);
        }
    }
    status_t status = net_configure(shell->net, &request);
    return status == OK ? 0 : fail_status(shell, "net", status);
}

static int run_netinfo(struct shell *shell, int argc, char **argv) {
    static const char *const dhcp[] = {"static", "asking DHCP", "DHCP"};
    if (!count_arguments(shell, argc, argv, 0, 4) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (argc > 1) {
        return configure(shell, argc, argv);
    }
    struct net_interface info;
    status_t status;
    for (uint64_t i = 0; (status = net_interface(shell->net, i, &info)) == OK; i++) {
        char mac[TEXT_SIZE];
        char ip[TEXT_SIZE];
        char mask[TEXT_SIZE];
        char gateway[TEXT_SIZE];
        char dns[TEXT_SIZE];
        print(shell, "%s: %s, link %s, mac %s, mtu %u\n", info.name, info.up ? "up" : "down",
              info.link ? "up" : "down", text_mac(mac, info.mac), info.mtu);
        print(shell, "  ip %s mask %s gateway %s dns %s (%s)\n", text_ip(ip, info.ip),
              text_ip(mask, info.mask), text_ip(gateway, info.gateway), text_ip(dns, info.dns),
              info.dhcp < 3 ? dhcp[info.dhcp] : "?");
        print(shell,
              "  rx %lu packets %lu bytes %lu dropped, tx %lu packets %lu bytes %lu dropped\n",
              (unsigned long)info.rx_packets, (unsigned long)info.rx_bytes,
              (unsigned long)info.rx_dropped, (unsigned long)info.tx_packets,
              (unsigned long)info.tx_bytes, (unsigned long)info.tx_dropped);
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "net", status);
}

/* ---- ping, arp, dns ----------------------------------------------------------------------- */

static bool resolve(struct shell *shell, const char *name, uint32_t *ip) {
    if (strlen(name) >= NET_NAME_MAX) {
        fail(shell, "name too long");
        return false;
    }
    status_t status = net_resolve(shell->net, name, ip);
    if (status != OK) {
        fail_status(shell, name, status);
        return false;
    }
    return true;
}

/* One request; prints what became of it. False on Ctrl-C or a fault of the stack. */
static bool ping_once(struct shell *shell, uint32_t ip, uint32_t sequence, uint64_t *received) {
    struct net_ping_request request = {
        .ip = ip, .sequence = sequence, .size = PING_SIZE, .timeout_ns = PING_TIMEOUT};
    struct net_ping_reply result;
    char text[TEXT_SIZE];
    status_t status = net_ping(shell->net, &request, &result);
    if (status == OK) {
        *received += 1;
        unsigned long us = (unsigned long)(result.rtt_ns / NS_PER_US);
        print(shell, "%lu bytes from %s: seq=%u ttl=%u time=%lu.%03lu ms\n",
              (unsigned long)result.size, text_ip(text, result.ip), sequence, result.ttl, us / 1000,
              us % 1000);
    } else if (status == E_TIMEOUT) {
        print(shell, "no answer from %s: seq=%u\n", text_ip(text, ip), sequence);
    } else {
        fail_status(shell, text_ip(text, ip), status);
        return false;
    }
    print_flush(shell);
    return !shell_stopped(shell);
}

static int run_ping(struct shell *shell, int argc, char **argv) {
    uint64_t count = 4;
    int at = 1;
    if (argc > 1 && strcmp(argv[1], "-c") == 0) {
        if (argc < 3) {
            return usage(shell, "-c needs a number");
        }
        if (!number_argument(shell, argv[2], 1000000, &count)) {
            return STATUS_USAGE;
        }
        at = 3;
    }
    if (argc - at != 1) {
        return usage(shell, argc == at ? "HOST is missing" : "more than one HOST");
    }
    uint32_t ip;
    if (!need(shell, shell->net, "net") || !resolve(shell, argv[at], &ip)) {
        return STATUS_FAILED;
    }
    uint64_t sent = 0;
    uint64_t received = 0;
    status_t status = OK;
    while (sent < count && status == OK) {
        uint64_t next = time_now_ns() + PING_INTERVAL;
        sent++;
        if (!ping_once(shell, ip, (uint32_t)sent, &received)) {
            break;
        }
        if (sent < count) {
            status = thread_sleep_until(next);
        }
    }
    /* The summary also after Ctrl-C. */
    bool interrupted = status != OK || shell_stopped(shell);
    shell->output_status = OK;
    print(shell, "%lu sent, %lu received, %lu%% lost\n", (unsigned long)sent,
          (unsigned long)received, (unsigned long)(sent != 0 ? (sent - received) * 100 / sent : 0));
    return interrupted ? STATUS_INTERRUPTED : received != 0 || count == 0 ? 0 : STATUS_FAILED;
}

static int run_arp(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    struct net_arp_entry entry;
    status_t status;
    for (uint64_t i = 0; (status = net_arp(shell->net, i, &entry)) == OK; i++) {
        char ip[TEXT_SIZE];
        char mac[TEXT_SIZE];
        print(shell, "%-15s %s\n", text_ip(ip, entry.ip), text_mac(mac, entry.mac));
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "net", status);
}

static int run_dns(struct shell *shell, int argc, char **argv) {
    uint32_t ip;
    char text[TEXT_SIZE];
    if (!count_arguments(shell, argc, argv, 1, 1) || !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (!resolve(shell, argv[1], &ip)) {
        return STATUS_FAILED;
    }
    print(shell, "%s -> %s\n", argv[1], text_ip(text, ip));
    return 0;
}

/* ---- netstat ------------------------------------------------------------------------------ */

static int show_counters(struct shell *shell) {
    struct net_counters c;
    status_t status = net_counters(shell->net, &c);
    if (status != OK) {
        return fail_status(shell, "net", status);
    }
    print(shell, "link rx=%lu tx=%lu drop=%lu\n", (unsigned long)c.link_rx,
          (unsigned long)c.link_tx, (unsigned long)c.link_drop);
    print(shell, "arp  rx=%lu tx=%lu\n", (unsigned long)c.arp_rx, (unsigned long)c.arp_tx);
    print(shell, "ip   rx=%lu tx=%lu drop=%lu bad_checksum=%lu\n", (unsigned long)c.ip_rx,
          (unsigned long)c.ip_tx, (unsigned long)c.ip_drop, (unsigned long)c.ip_checksum);
    print(shell, "icmp rx=%lu tx=%lu\n", (unsigned long)c.icmp_rx, (unsigned long)c.icmp_tx);
    print(shell, "udp  rx=%lu tx=%lu drop=%lu\n", (unsigned long)c.udp_rx, (unsigned long)c.udp_tx,
          (unsigned long)c.udp_drop);
    print(shell, "tcp  rx=%lu tx=%lu drop=%lu bad_checksum=%lu retransmitted=%lu\n",
          (unsigned long)c.tcp_rx, (unsigned long)c.tcp_tx, (unsigned long)c.tcp_drop,
          (unsigned long)c.tcp_checksum, (unsigned long)c.tcp_retransmit);
    print(shell, "sockets %lu of %lu, memory %lu of %lu bytes\n", (unsigned long)c.sockets,
          (unsigned long)c.sockets_max, (unsigned long)c.memory_used, (unsigned long)c.memory_max);
    return 0;
}

static int run_netstat(struct shell *shell, int argc, char **argv) {
    static const char *const states[] = {"CLOSED",      "LISTEN",     "SYN_SENT",   "SYN_RCVD",
                                         "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
                                         "CLOSING",     "LAST_ACK",   "TIME_WAIT"};
    bool counters = argc == 2 && strcmp(argv[1], "-s") == 0;
    if (!count_arguments(shell, argc, argv, 0, counters ? 1 : 0) ||
        !need(shell, shell->net, "net")) {
        return STATUS_USAGE;
    }
    if (counters) {
        return show_counters(shell);
    }
    struct net_connection entry;
    status_t status;
    print(shell, "%-5s %-21s %-21s %-11s %6s %6s\n", "PROTO", "LOCAL", "REMOTE", "STATE", "RECV",
          "SEND");
    for (uint64_t i = 0; (status = net_connection(shell->net, i, &entry)) == OK; i++) {
        char local[TEXT_SIZE];
        char remote[TEXT_SIZE];
        bool tcp = entry.kind == NET_TCP;
        print(shell, "%-5s %15s:%-5u %15s:%-5u %-11s %6lu %6lu\n", tcp ? "tcp" : "udp",
              text_ip(local, entry.local_ip), entry.local_port, text_ip(remote, entry.remote_ip),
              entry.remote_port, tcp && entry.state < 11 ? states[entry.state] : "-",
              (unsigned long)entry.receive_queue, (unsigned long)entry.send_queue);
    }
    return status == E_NOT_FOUND ? show_counters(shell) : fail_status(shell, "net", status);
}

#define NETINFO_USAGE "[dhcp | IP MASK GATEWAY [DNS]]"
#define NETINFO_HELP "Shows or sets the addresses of the network interface."

const struct command commands_network[] = {
    {"netinfo", run_netinfo, NETINFO_USAGE, NETINFO_HELP},
    {"ifconfig", run_netinfo, NETINFO_USAGE, NETINFO_HELP},
    {"ping", run_ping, "[-c COUNT] HOST", "Sends echo requests, 4 by default."},
    {"arp", run_arp, "", "Lists the known hardware addresses."},
    {"dns", run_dns, "NAME", "Looks a name up."},
    {"netstat", run_netstat, "[-s]", "Lists connections and counters; -s only the counters."},
    {NULL, NULL, NULL, NULL},
};
