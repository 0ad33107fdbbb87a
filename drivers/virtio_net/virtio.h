/* SPDX-License-Identifier: MIT
 * Virtual I/O Device Version 1.1, as far as the driver uses it: PCI transport (4.1), split queues
 * (2.6), network device (5.1).
 */
#pragma once

#include <stdint.h>

/* PCI capabilities, 4.1.4: offsets in a vendor capability, and its types. */
#define PCI_STATUS 0x06u
#define PCI_STATUS_CAPABILITIES 0x10u
#define PCI_CAPABILITIES 0x34u
#define CAPABILITY_VENDOR 0x09u
#define CAPABILITY_TYPE 3u
#define CAPABILITY_BAR 4u
#define CAPABILITY_OFFSET 8u
#define CAPABILITY_LENGTH 12u
#define CAPABILITY_MULTIPLIER 16u
#define TYPE_COMMON 1u
#define TYPE_NOTIFY 2u
#define TYPE_ISR 3u
#define TYPE_DEVICE 4u

/* Common configuration, 4.1.4.3; width in bits. */
#define COMMON_DEVICE_FEATURE_SELECT 0u /* 32 */
#define COMMON_DEVICE_FEATURE 4u        /* 32 */
#define COMMON_DRIVER_FEATURE_SELECT 8u /* 32 */
#define COMMON_DRIVER_FEATURE 12u       /* 32 */
#define COMMON_MSIX_CONFIG 16u          /* 16 */
#define COMMON_STATUS 20u               /* 8 */
#define COMMON_QUEUE_SELECT 22u         /* 16 */
#define COMMON_QUEUE_SIZE 24u           /* 16 */
#define COMMON_QUEUE_MSIX 26u           /* 16 */
#define COMMON_QUEUE_ENABLE 28u         /* 16 */
#define COMMON_QUEUE_NOTIFY 30u         /* 16 */
#define COMMON_QUEUE_DESCRIPTORS 32u    /* 64, as two halves; so the next two */
#define COMMON_QUEUE_AVAILABLE 40u
#define COMMON_QUEUE_USED 48u
#define COMMON_SIZE 56u

#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u

#define FEATURE_NET_GUEST_CSUM (1u << 1)  /* word 0: checksums may be looked at, or be partial */
#define FEATURE_NET_MAC (1u << 5)         /* word 0 */
#define FEATURE_NET_STATUS (1u << 16)     /* word 0 */
#define FEATURE_VERSION_1 (1u << 0)       /* word 1 */
#define FEATURE_ACCESS_PLATFORM (1u << 1) /* word 1 */

#define ISR_CONFIG 2u

/* Network device configuration, 5.1.4 */
#define NET_MAC 0u
#define NET_STATUS 6u /* 16 */
#define NET_STATUS_LINK 1u
#define NET_HEADER 12u /* bytes before each frame, 5.1.6; the first has flags */
#define NET_HEADER_NEEDS_CHECKSUM 1u
#define NET_HEADER_DATA_VALID 2u

#define QUEUE_RECEIVE 0u
#define QUEUE_TRANSMIT 1u

/* Split queue, 2.6.5-2.6.8 */
#define QUEUE_SIZE 128u

#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u
struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

#define AVAILABLE_NO_INTERRUPT 1u
struct available {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[QUEUE_SIZE];
    uint16_t used_event;
};

#define USED_NO_NOTIFY 1u
struct used {
    uint16_t flags;
    uint16_t index;
    struct {
        uint32_t id;
        uint32_t length;
    } ring[QUEUE_SIZE];
    uint16_t available_event;
};

_Static_assert(sizeof(struct descriptor) == 16, "2.6.5");
