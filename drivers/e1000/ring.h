/* SPDX-License-Identifier: MIT
 * Descriptor rings. Free of IPC and of registers: the caller writes the tails.
 * A ring has more slots than there are buffers, so it is never full. A buffer is at any time at one
 * place: in a ring (the device's) or outside (net's, or about to go back to it).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <netdev/buffers.h>

#include "regs.h"

#define RING_SLOTS 128u /* 2 KiB of descriptors: a multiple of 128 bytes, as RDLEN wants */

struct receive_ring {
    volatile struct receive_descriptor *slots;
    uint64_t buffers; /* bus address of the first */
    uint32_t first;   /* oldest slot that the device has */
    uint32_t tail;    /* next slot to give it */
    bool given[RECEIVE_BUFFERS];
    uint8_t buffer_of[RING_SLOTS];
};

/* Empties the ring; the device must be stopped. All buffers are outside. */
void receive_ring_init(struct receive_ring *ring, volatile struct receive_descriptor *slots,
                       uint64_t buffers);

/* Gives a buffer to the device. False: no such buffer, or it has it already. */
bool receive_ring_give(struct receive_ring *ring, uint32_t buffer);

/* Takes up to `limit` received frames as NETIF_FRAME(buffer, length). Damaged ones go back into the
 * ring (*bad counts them; the tail moves). Returns the number of frames. */
uint32_t receive_ring_take(struct receive_ring *ring, uint32_t *frames, uint32_t limit,
                           uint64_t *bad);

struct transmit_ring {
    volatile struct transmit_descriptor *slots;
    uint64_t buffers;
    uint32_t first, tail;
    struct transmit_buffers owners;
    uint8_t buffer_of[RING_SLOTS];
};

void transmit_ring_init(struct transmit_ring *ring, volatile struct transmit_descriptor *slots,
                        uint64_t buffers);

/* Queues a frame of net's; see transmit_buffers_take. */
bool transmit_ring_put(struct transmit_ring *ring, uint32_t buffer, uint32_t length);

/* Collects what the device has sent. Returns the number of frames. */
uint32_t transmit_ring_reap(struct transmit_ring *ring);
