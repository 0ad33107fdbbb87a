/* SPDX-License-Identifier: MIT
 * The device: registers in BAR 0 and the two rings. Free of IPC; waiting is the caller's.
 */
#pragma once

#include <proto/netif.h>

#include "ring.h"

/* Layout of the descriptor memory. */
#define RINGS_SIZE 4096u
#define RINGS_TRANSMIT (RING_SLOTS * sizeof(struct receive_descriptor))

struct nic {
    volatile uint32_t *registers;
    uint64_t buffers_bus;
    void *rings; /* RINGS_SIZE bytes */
    uint64_t rings_bus;
    bool is_82574;
    bool msix;
    uint32_t enabled; /* interrupt causes that are unmasked */
    struct receive_ring receive;
    struct transmit_ring transmit;
    uint32_t receive_tail, transmit_tail; /* as last written to the device */
    uint64_t bad_frames, missed_frames;
};

/* Masks interrupts and resets, which stops both directions. Wait 10 ms before anything else ([L]
 * 4.6.3: the EEPROM is loaded). Bus mastering is off, and stays so until after nic_start. */
void nic_reset(struct nic *nic);

/* The station's address. False: neither the address registers nor the EEPROM has a valid one. */
bool nic_mac(struct nic *nic, uint8_t mac[6]);

/* Sets up both directions with empty rings; interrupts stay masked. */
void nic_start(struct nic *nic, const uint8_t mac[6]);

/* Masks all causes and returns those that were pending (INT_*); they are acknowledged. */
uint32_t nic_interrupt(struct nic *nic);

/* Unmasks receive causes, transmit completion, and always link changes. */
void nic_unmask(struct nic *nic, bool receive, bool transmit);

/* Tells the device about new descriptors. */
void nic_publish(struct nic *nic);

/* Lets frames to these groups in, and few others. */
void nic_filter(struct nic *nic, const struct netif_filter *filter);

/* Frames that were missed or damaged since the start. */
uint32_t nic_lost(struct nic *nic);

/* Mbit/s, 0: no link. */
uint32_t nic_link(const struct nic *nic);
