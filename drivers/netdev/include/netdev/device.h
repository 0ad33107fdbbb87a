/* SPDX-License-Identifier: MIT
 * What a NIC driver program is to the common part: one structure of functions about its device.
 * Free of IPC, so that devices are tested on the host.
 */
#pragma once

#include <axolotl/abi.h>
#include <netdev/buffers.h>
#include <proto/netif.h>

/* What a NIC driver speaks, for its note: it is the client of that protocol. */
#define NETDEV_PROTOCOL PROTOCOL("netif-driver", NETIF_PROTOCOL_VERSION)

/* What the driver was given; the memories are mapped. */
struct netdev_parts {
    volatile uint8_t *registers; /* the claimed BAR */
    uint64_t registers_size;
    uint8_t *buffers; /* receive buffers, then transmit buffers, NETIF_BUFFER bytes each */
    uint64_t buffers_bus;
    uint8_t *rings; /* rings_size bytes of zeros */
    uint64_t rings_bus;
    uint16_t device_id;
    uint32_t irq_kind; /* 0 INTx, 1 MSI, 2 MSI-X */
    bool confined;     /* behind an IOMMU, which lets it reach these memories only */
    uint32_t (*config_read)(uint32_t offset, uint32_t width);
};

struct netdev_device {
    uint32_t id_count;
    uint32_t ids[8]; /* vendor << 16 | device */
    uint32_t bar;
    uint64_t rings_size;
    bool master_first; /* start needs bus mastering; reset has surely stopped all DMA */

    /* Once, before anything else. E_UNSUPPORTED: it can't be driven. */
    status_t (*open)(const struct netdev_parts *parts);
    const char *(*name)(void);
    /* True: the device does not use the IOMMU that there is. NULL: it can't help it. After start.
     */
    bool (*bypass)(void);
    /* Masks interrupts and resets. Bus mastering is off, and stays so until after start, which
     * comes at least 10 ms later. */
    void (*reset)(void);
    /* Sets up empty rings and reads the address; interrupts stay masked. False: it can't run. */
    bool (*start)(uint8_t mac[6]);
    /* Masks interrupts, acknowledges the causes. True: look at the link. */
    bool (*interrupt)(void);
    /* Unmasks receive, transmit completion, and always link changes. True: there is something
     * already for which no interrupt will come. */
    bool (*unmask)(bool receive, bool transmit);
    /* Makes what was given and put known to the device. */
    void (*publish)(void);
    /* Mbit/s, 0: no link. */
    uint32_t (*link)(void);
    /* Gives a receive buffer to the device. False: no such buffer, or it has it already. */
    bool (*give)(uint32_t buffer);
    /* Takes up to `limit` received frames as NETIF_FRAME(buffer, length), perhaps with
     * NETIF_FRAME_CHECKED; damaged ones go back. */
    uint32_t (*take)(uint32_t *frames, uint32_t limit);
    /* Queues a frame of net's. False: refused, see transmit_buffers_take. */
    bool (*put)(uint32_t buffer, uint32_t length);
    /* Collects what is sent. */
    void (*reap)(void);
    /* Frames lost or damaged since start. */
    uint32_t (*lost)(void);
    /* Receives frames to these groups only, or to all. NULL: the device can't. */
    void (*filter)(const struct netif_filter *filter);
    struct transmit_buffers *transmit;
};

/* The driver's main(): never returns. */
_Noreturn void netdev_run(const struct netdev_device *device);
