/* SPDX-License-Identifier: MIT */
/*
 * lwIP's configuration. One thread, no operating system below; every object comes from the arena's
 * heap, so counts are limited where they arise (backlogs, queues, accounts), not by pools.
 */
#pragma once

#include <stdint.h>

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMERS 1
#define LWIP_TIMERS_CUSTOM 1 /* ../timers.c */

/* Memory */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define PBUF_POOL_SIZE 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
/* A queued packet is copied: a socket may be gone, its blocks used again, before ARP answers. */
#define PBUF_NEEDS_COPY(p) ((void)(p), 1)

/* Link */
#define LWIP_ARP 1
#define LWIP_ETHERNET 1
#define ARP_TABLE_SIZE 64
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 8
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 256
#define LWIP_LOOPIF_MULTICAST 0
#define LWIP_NETIF_HOSTNAME 0 /* the name comes by LWIP_HOOK_DHCP_APPEND_OPTIONS */
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

/* IP */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_IPV6_NUM_ADDRESSES 4
#define LWIP_IPV6_FORWARD 0
#define LWIP_IPV6_DHCP6 0
#define LWIP_ND6_QUEUEING 0 /* one packet waits for each neighbour, as queues have no limit */
#define LWIP_ND6_NUM_NEIGHBORS 64
#define LWIP_ND6_NUM_DESTINATIONS 64
#define IPV6_REASS_MAXAGE 15
#define IPV6_FRAG_COPYHEADER 1
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define IP_REASS_MAX_PBUFS 64
#define IP_REASS_MAXAGE 15
#define IP_DEFAULT_TTL 64
#define LWIP_ICMP 1
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0
#define LWIP_RAW 1
#define LWIP_IGMP 1
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 0

/* UDP, DHCP, DNS */
#define LWIP_UDP 1
#define LWIP_DHCP 1
#define DHCP_DOES_ARP_CHECK 1
#define LWIP_DHCP_BOOTP_FILE 0
#define LWIP_DHCP_GET_NTP_SRV 1
#define LWIP_DHCP_MAX_NTP_SERVERS 1
#define LWIP_DNS 1
#define DNS_TABLE_SIZE 16
#define DNS_MAX_NAME_LENGTH 256
#define DNS_MAX_SERVERS 3
#define DNS_MAX_RETRIES 4
#define LWIP_DNS_SUPPORT_MDNS_QUERIES 1

/* TCP */
#define LWIP_TCP 1
#define LWIP_CALLBACK_API 1
#define LWIP_ALTCP 0
#define TCP_LISTEN_BACKLOG 1
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define TCP_WND (90 * TCP_MSS)
#define TCP_SND_BUF (90 * TCP_MSS)
#define TCP_SND_QUEUELEN 512
#define TCP_SNDLOWAT 32768
#define TCP_SNDQUEUELOWAT 256
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define TCP_OOSEQ_MAX_PBUFS 256
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_RTO_TIME 1000
#define TCP_MSL 5000
#define TCP_OVERSIZE 0
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1

struct ip_addr;
uint32_t port_initial_sequence(const struct ip_addr *local, uint16_t local_port,
                               const struct ip_addr *remote, uint16_t remote_port);
#define LWIP_HOOK_TCP_ISN port_initial_sequence

/* A hook instead of netif->hostname, which would be a pointer to a constant in the arena. */
struct dhcp_msg;
void interface_dhcp_options(struct dhcp_msg *message, uint8_t type, uint16_t *length);
#define LWIP_HOOK_DHCP_APPEND_OPTIONS(netif, dhcp, state, message, type, length)                   \
    interface_dhcp_options(message, type, length)

/* Counters */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS_DISPLAY 0
#define MIB2_STATS 1
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
