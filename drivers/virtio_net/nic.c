/* SPDX-License-Identifier: MIT
 * Set-up of the device (Virtio 1.1, 3.1.1 and 4.1.5), notifications, link.
 */
#include "nic.h"

#include <proto/netif.h>

#define HEADERS (2 * QUEUE_BYTES)
#define TRANSMIT_HEADER (HEADERS + RECEIVE_BUFFERS * 16)
#define LINK_SPEED 1000u /* a virtual wire has none */

static uint16_t read16(const volatile uint8_t *at) {
    return *(const volatile uint16_t *)(const volatile void *)at;
}

static void write16(volatile uint8_t *at, uint16_t value) {
    *(volatile uint16_t *)(volatile void *)at = value;
}

static uint32_t read32(const volatile uint8_t *at) {
    return *(const volatile uint32_t *)(const volatile void *)at;
}

static void write32(volatile uint8_t *at, uint32_t value) {
    *(volatile uint32_t *)(volatile void *)at = value;
}

static void write64(volatile uint8_t *at, uint64_t value) {
    write32(at, (uint32_t)value);
    write32(at + 4, (uint32_t)(value >> 32));
}

/* One capability of the device's, at `at` of the configuration space. */
static void note_capability(struct nic *nic, uint32_t at) {
    const struct netdev_parts *parts = &nic->parts;
    uint32_t type = parts->config_read(at + CAPABILITY_TYPE, 1);
    uint32_t bar = parts->config_read(at + CAPABILITY_BAR, 1);
    uint64_t offset = parts->config_read(at + CAPABILITY_OFFSET, 4);
    uint64_t length = parts->config_read(at + CAPABILITY_LENGTH, 4);
    if (bar != CLAIMED_BAR || length < 4 || offset % 4 != 0 ||
        offset + length > parts->registers_size) {
        return;
    }
    volatile uint8_t *place = parts->registers + offset;
    if (type == TYPE_COMMON && length >= COMMON_SIZE && nic->common == NULL) {
        nic->common = place;
    } else if (type == TYPE_NOTIFY && nic->notify == NULL) {
        nic->notify = place;
        nic->notify_length = (uint32_t)length;
        nic->multiplier = parts->config_read(at + CAPABILITY_MULTIPLIER, 4);
    } else if (type == TYPE_ISR && nic->isr == NULL) {
        nic->isr = place;
    } else if (type == TYPE_DEVICE && length >= NET_STATUS + 2 && nic->config == NULL) {
        nic->config = place;
    }
}

status_t nic_open(struct nic *nic, const struct netdev_parts *parts) {
    nic->parts = *parts;
    if ((parts->config_read(PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES) == 0) {
        return E_UNSUPPORTED;
    }
    uint32_t at = parts->config_read(PCI_CAPABILITIES, 1) & 0xfcu;
    for (uint32_t i = 0; at >= 0x40 && i < 48; i++) {
        if (parts->config_read(at, 1) == CAPABILITY_VENDOR) {
            note_capability(nic, at);
        }
        at = parts->config_read(at + 1, 1) & 0xfcu;
    }
    bool complete =
        nic->common != NULL && nic->notify != NULL && nic->isr != NULL && nic->config != NULL;
    return complete ? OK : E_UNSUPPORTED;
}

void nic_reset(struct nic *nic) {
    nic->common[COMMON_STATUS] = 0;
}

static bool negotiate(struct nic *nic) {
    volatile uint8_t *common = nic->common;
    write32(common + COMMON_DEVICE_FEATURE_SELECT, 0);
    uint32_t low = read32(common + COMMON_DEVICE_FEATURE) &
                   (FEATURE_NET_GUEST_CSUM | FEATURE_NET_MAC | FEATURE_NET_STATUS);
    write32(common + COMMON_DEVICE_FEATURE_SELECT, 1);
    uint32_t high =
        read32(common + COMMON_DEVICE_FEATURE) & (FEATURE_VERSION_1 | FEATURE_ACCESS_PLATFORM);
    if ((low & FEATURE_NET_MAC) == 0 || (high & FEATURE_VERSION_1) == 0) {
        return false;
    }
    write32(common + COMMON_DRIVER_FEATURE_SELECT, 0);
    write32(common + COMMON_DRIVER_FEATURE, low);
    write32(common + COMMON_DRIVER_FEATURE_SELECT, 1);
    write32(common + COMMON_DRIVER_FEATURE, high);
    common[COMMON_STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    nic->has_status = (low & FEATURE_NET_STATUS) != 0;
    nic->has_platform = (high & FEATURE_ACCESS_PLATFORM) != 0;
    return (common[COMMON_STATUS] & STATUS_FEATURES_OK) != 0;
}

static bool start_queue(struct nic *nic, uint16_t number) {
    volatile uint8_t *common = nic->common;
    uint64_t bus = nic->parts.rings_bus + number * (uint64_t)QUEUE_BYTES;
    write16(common + COMMON_QUEUE_SELECT, number);
    if (read16(common + COMMON_QUEUE_SIZE) < QUEUE_SIZE) {
        return false;
    }
    write16(common + COMMON_QUEUE_SIZE, QUEUE_SIZE);
    if (nic->parts.irq_kind == 2) {
        write16(common + COMMON_QUEUE_MSIX, 0);
        if (read16(common + COMMON_QUEUE_MSIX) != 0) {
            return false;
        }
    }
    uint64_t bell = (uint64_t)read16(common + COMMON_QUEUE_NOTIFY) * nic->multiplier;
    if (bell % 2 != 0 || bell + 2 > nic->notify_length) {
        return false;
    }
    nic->bell[number] = (volatile uint16_t *)(volatile void *)(nic->notify + bell);
    write64(common + COMMON_QUEUE_DESCRIPTORS, bus);
    write64(common + COMMON_QUEUE_AVAILABLE, bus + QUEUE_AVAILABLE);
    write64(common + COMMON_QUEUE_USED, bus + QUEUE_USED);
    write16(common + COMMON_QUEUE_ENABLE, 1);
    return true;
}

bool nic_start(struct nic *nic, uint8_t mac[6]) {
    volatile uint8_t *common = nic->common;
    uint64_t transmit_buffers = nic->parts.buffers_bus + RECEIVE_BUFFERS * (uint64_t)NETIF_BUFFER;
    if (common[COMMON_STATUS] != 0) {
        return false; /* the reset is not over */
    }
    receive_queue_init(&nic->receive, nic->parts.rings, nic->parts.rings_bus + HEADERS,
                       nic->parts.buffers_bus);
    nic->receive.headers = nic->parts.rings + HEADERS;
    transmit_queue_init(&nic->transmit, nic->parts.rings + QUEUE_BYTES,
                        nic->parts.rings_bus + TRANSMIT_HEADER, transmit_buffers);
    common[COMMON_STATUS] = STATUS_ACKNOWLEDGE;
    common[COMMON_STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
    if (!negotiate(nic)) {
        return false;
    }
    if (nic->parts.irq_kind == 2) {
        write16(common + COMMON_MSIX_CONFIG, 0);
    }
    if (!start_queue(nic, QUEUE_RECEIVE) || !start_queue(nic, QUEUE_TRANSMIT)) {
        return false;
    }
    for (uint32_t i = 0; i < 6; i++) {
        mac[i] = nic->config[NET_MAC + i];
    }
    common[COMMON_STATUS] =
        STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
    return (mac[0] & 1) == 0;
}

bool nic_interrupt(struct nic *nic) {
    (void)queue_interrupt(&nic->receive.queue, false);
    (void)queue_interrupt(&nic->transmit.queue, false);
    return nic->parts.irq_kind != 0 || (*nic->isr & ISR_CONFIG) != 0; /* reading acknowledges */
}

bool nic_unmask(struct nic *nic, bool receive, bool transmit) {
    bool received = queue_interrupt(&nic->receive.queue, receive);
    bool sent = queue_interrupt(&nic->transmit.queue, transmit);
    return received || sent;
}

void nic_publish(struct nic *nic) {
    if (queue_publish(&nic->receive.queue)) {
        *nic->bell[QUEUE_RECEIVE] = QUEUE_RECEIVE;
    }
    if (queue_publish(&nic->transmit.queue)) {
        *nic->bell[QUEUE_TRANSMIT] = QUEUE_TRANSMIT;
    }
}

uint32_t nic_link(const struct nic *nic) {
    bool up = !nic->has_status || (read16(nic->config + NET_STATUS) & NET_STATUS_LINK) != 0;
    return up ? LINK_SPEED : 0;
}
