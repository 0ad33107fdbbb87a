/* SPDX-License-Identifier: MIT
 * The device behind its PCI capabilities. Free of IPC.
 */
#pragma once

#include <netdev/device.h>

#include "queue.h"

#define RINGS_SIZE 12288u /* receive queue, transmit queue, headers */
#define CLAIMED_BAR 4u    /* where QEMU, and every device known, has all four structures */

struct nic {
    struct netdev_parts parts;
    volatile uint8_t *common, *notify, *isr, *config;
    uint32_t multiplier;
    uint32_t notify_length;
    volatile uint16_t *bell[2]; /* of each queue */
    bool has_status;
    bool has_platform; /* its DMA goes through the IOMMU, if there is one */
    struct receive_queue receive;
    struct transmit_queue transmit;
};

/* Finds the four structures. E_UNSUPPORTED: not a modern device, or they lie in other BARs. */
status_t nic_open(struct nic *nic, const struct netdev_parts *parts);
void nic_reset(struct nic *nic);
/* Negotiates features and sets the queues up. False: the device refuses. */
bool nic_start(struct nic *nic, uint8_t mac[6]);
bool nic_interrupt(struct nic *nic);
bool nic_unmask(struct nic *nic, bool receive, bool transmit);
void nic_publish(struct nic *nic);
uint32_t nic_link(const struct nic *nic);
