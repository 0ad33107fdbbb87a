/* SPDX-License-Identifier: MIT
 * netstat: connections and counters.
 */
#include <client/net.h>
#include <common/string.h>

#include "shell.h"

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
    print(shell, "ip6  rx=%lu tx=%lu drop=%lu\n", (unsigned long)c.ip6_rx, (unsigned long)c.ip6_tx,
          (unsigned long)c.ip6_drop);
    print(shell, "icmp rx=%lu tx=%lu\n", (unsigned long)c.icmp_rx, (unsigned long)c.icmp_tx);
    print(shell, "icmp6 rx=%lu tx=%lu nd_rx=%lu nd_tx=%lu\n", (unsigned long)c.icmp6_rx,
          (unsigned long)c.icmp6_tx, (unsigned long)c.nd_rx, (unsigned long)c.nd_tx);
    print(shell, "udp  rx=%lu tx=%lu drop=%lu\n", (unsigned long)c.udp_rx, (unsigned long)c.udp_tx,
          (unsigned long)c.udp_drop);
    print(shell, "tcp  rx=%lu tx=%lu drop=%lu bad_checksum=%lu retransmitted=%lu\n",
          (unsigned long)c.tcp_rx, (unsigned long)c.tcp_tx, (unsigned long)c.tcp_drop,
          (unsigned long)c.tcp_checksum, (unsigned long)c.tcp_retransmit);
    print(shell, "sockets %lu of %lu, memory %lu of %lu bytes, denied %lu\n",
          (unsigned long)c.sockets, (unsigned long)c.sockets_max, (unsigned long)c.memory_used,
          (unsigned long)c.memory_max, (unsigned long)c.denied);
    return 0;
}

static int run_netstat(struct shell *shell, int argc, char **argv) {
    static const char *const states[] = {"CLOSED",      "LISTEN",     "SYN_SENT",   "SYN_RCVD",
                                         "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
                                         "CLOSING",     "LAST_ACK",   "TIME_WAIT"};
    bool counters = argc == 2 && strcmp(argv[1], "-s") == 0;
    if ((!counters && !count_arguments(shell, argc, argv, 0, 0)) ||
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
        char local[ADDRESS_TEXT];
        char remote[ADDRESS_TEXT];
        bool tcp = entry.kind == NET_TCP;
        print(shell, "%-5s %-21s %-21s %-11s %6lu %6lu\n", tcp ? "tcp" : "udp",
              text_address(local, &entry.local), text_address(remote, &entry.remote),
              tcp && entry.state < 11 ? states[entry.state] : "-",
              (unsigned long)entry.receive_queue, (unsigned long)entry.send_queue);
    }
    return status == E_NOT_FOUND ? show_counters(shell) : fail_status(shell, "net", status);
}

const struct command commands_netstat[] = {
    {"netstat", run_netstat, "[-s]", "Lists connections and counters; -s only the counters."},
    {NULL, NULL, NULL, NULL},
};
