/* SPDX-License-Identifier: MIT
 * Network interface protocol: a NIC driver is the client, net the server. Packets travel through
 * the driver's DMA memory; which buffer holds what is said in messages only, so a crash of either
 * side leaves nothing half said. Root badge: NETIF_BADGE, and the interface's number in bits 0-7.
 *
 * The buffer memory that HELLO hands over has rx_count + tx_count buffers of NETIF_BUFFER bytes:
 * receive buffers first. net may write transmit buffers that it owns and read any; it copies
 * received bytes before it parses them. All transmit buffers belong to net after HELLO.
 */
#pragma once
#include <axolotl/abi.h>

#define NETIF_PROTOCOL_VERSION 2
#define NETIF_BUFFER 2048
#define NETIF_BATCH 48 /* frames in one message */
#define NETIF_BADGE                                                                                \
    0x100 /* in the root badge of a driver's session; clients of the stack lack it */

#define NETIF_PROTOCOL(OP)                                                                         \
    OP(1, HELLO, hello, struct netif_hello, struct netif_hello_reply)                              \
    OP(2, RECEIVE, receive, struct netif_batch, struct netif_empty)                                \
    OP(3, TRANSMIT_WAIT, transmit_wait, struct netif_batch, struct netif_batch)                    \
    OP(4, LINK, link, struct netif_link, struct netif_empty)                                       \
    OP(5, FILTER, filter, struct netif_empty, struct netif_filter)

enum netif_operation {
    NETIF_HELLO = 1,
    NETIF_RECEIVE,
    NETIF_TRANSMIT_WAIT,
    NETIF_LINK,
    NETIF_FILTER
};

struct netif_empty {
    uint64_t reserved;
};

#define NETIF_HELLO_FILTER 1u /* wants to hear of multicast groups: FILTER */

/* One handle: the buffer memory (READ, WRITE). Ends every earlier generation of this interface:
 * its parked calls are answered E_CLOSED, its buffers are forgotten. */
struct netif_hello {
    uint8_t mac[8];
    uint32_t mtu;
    uint32_t flags;
    uint32_t rx_count, tx_count;
    uint32_t link, speed; /* link up 1; Mbit/s */
    char driver[16];
};

struct netif_hello_reply {
    uint64_t generation;
};

/* A frame: buffer index << 16 | length in bytes (without FCS). The index counts all buffers of the
 * memory: receive buffers 0..rx_count-1, transmit buffers rx_count..rx_count+tx_count-1. */
#define NETIF_FRAME(index, length) (((uint32_t)(index) << 16) | (uint32_t)(length))
#define NETIF_FRAME_INDEX(frame) ((frame) >> 16)
#define NETIF_FRAME_LENGTH(frame) ((frame)&0x7fffu)
/* Of a received frame: the device has found the checksums of IPv4 and of TCP or UDP to be right. */
#define NETIF_FRAME_CHECKED 0x8000u

/* RECEIVE: frames received; when answered net has copied them and the buffers are the driver's.
 * TRANSMIT_WAIT: request: transmit buffers whose frames are sent (back to net); parked until there
 * are frames; answer: frames to send (14..1518 bytes; shorter than 60: the driver pads). One such
 * call is outstanding at a time. A driver that wants to return buffers cancels its parked call: net
 * answers E_CANCELLED (or frames), and the driver calls again. Only the used part of frames is
 * sent.
 */
#define NETIF_BATCH_FILTER 1u /* answer to TRANSMIT_WAIT: call FILTER, the groups are others */
struct netif_batch {
    uint32_t count;
    uint32_t flags; /* RECEIVE: frames that were lost or damaged since HELLO; else NETIF_BATCH_* */
    uint32_t frames[NETIF_BATCH];
};

/* FILTER: the multicast addresses that are wanted; broadcasts and the own address always are. */
#define NETIF_GROUPS 32
struct netif_filter {
    uint32_t count;
    uint32_t all; /* there are more than fit: all multicast frames */
    uint8_t macs[NETIF_GROUPS][8];
};

struct netif_link {
    uint32_t up;
    uint32_t speed;
};
