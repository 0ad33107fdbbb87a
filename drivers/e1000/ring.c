/* SPDX-License-Identifier: MIT
 * Descriptor rings ([G] 3.2.6, 3.4). The device sets DONE last, and x86 neither reorders loads nor
 * stores among themselves: volatile accesses in program order are enough.
 */
#include "ring.h"

#include <common/string.h>
#include <proto/netif.h>

_Static_assert(RING_SLOTS > RECEIVE_BUFFERS, "never full");
_Static_assert(RING_SLOTS > TRANSMIT_BUFFERS, "never full");

static uint32_t next_slot(uint32_t slot) {
    return (slot + 1) % RING_SLOTS;
}

void receive_ring_init(struct receive_ring *ring, volatile struct receive_descriptor *slots,
                       uint64_t buffers) {
    memset(ring, 0, sizeof *ring);
    ring->slots = slots;
    ring->buffers = buffers;
    for (uint32_t i = 0; i < RING_SLOTS; i++) {
        slots[i].address = 0;
        slots[i].status = 0;
    }
}

bool receive_ring_give(struct receive_ring *ring, uint32_t buffer) {
    if (buffer >= RECEIVE_BUFFERS || ring->given[buffer]) {
        return false;
    }
    volatile struct receive_descriptor *slot = &ring->slots[ring->tail];
    slot->address = ring->buffers + (uint64_t)buffer * NETIF_BUFFER;
    slot->length = 0;
    slot->errors = 0;
    slot->status = 0;
    ring->given[buffer] = true;
    ring->buffer_of[ring->tail] = (uint8_t)buffer;
    ring->tail = next_slot(ring->tail);
    return true;
}

uint32_t receive_ring_take(struct receive_ring *ring, uint32_t *frames, uint32_t limit,
                           uint64_t *bad) {
    uint32_t count = 0;
    for (uint32_t seen = 0; seen < RECEIVE_BUFFERS && count < limit; seen++) {
        volatile struct receive_descriptor *slot = &ring->slots[ring->first];
        uint8_t status = ring->first != ring->tail ? slot->status : 0;
        if ((status & RX_STATUS_DONE) == 0) {
            break;
        }
        uint32_t length = slot->length;
        uint32_t errors = slot->errors;
        uint32_t buffer = ring->buffer_of[ring->first];
        ring->given[buffer] = false;
        ring->first = next_slot(ring->first);
        if ((status & RX_STATUS_END) == 0 || (errors & RX_ERRORS_FRAME) != 0 ||
            length < FRAME_MIN || length > FRAME_MAX) {
            (*bad)++;
            (void)receive_ring_give(ring, buffer);
        } else {
            bool checked = (status & RX_STATUS_CHECKED) == RX_STATUS_CHECKED &&
                           (status & RX_STATUS_IGNORE) == 0 && (errors & RX_ERRORS_CHECKSUM) == 0;
            frames[count++] = NETIF_FRAME(buffer, length) | (checked ? NETIF_FRAME_CHECKED : 0);
        }
    }
    return count;
}

void transmit_ring_init(struct transmit_ring *ring, volatile struct transmit_descriptor *slots,
                        uint64_t buffers) {
    memset(ring, 0, sizeof *ring);
    ring->slots = slots;
    ring->buffers = buffers;
    for (uint32_t i = 0; i < RING_SLOTS; i++) {
        slots[i].address = 0;
        slots[i].command = 0;
        slots[i].status = 0;
    }
}

bool transmit_ring_put(struct transmit_ring *ring, uint32_t buffer, uint32_t length) {
    if (!transmit_buffers_take(&ring->owners, buffer, length)) {
        return false;
    }
    volatile struct transmit_descriptor *slot = &ring->slots[ring->tail];
    slot->address = ring->buffers + (uint64_t)buffer * NETIF_BUFFER;
    slot->length = (uint16_t)length;
    slot->checksum_offset = 0;
    slot->checksum_start = 0;
    slot->special = 0;
    slot->status = 0;
    slot->command = TX_COMMAND_END | TX_COMMAND_FCS | TX_COMMAND_REPORT;
    ring->buffer_of[ring->tail] = (uint8_t)buffer;
    ring->tail = next_slot(ring->tail);
    return true;
}

uint32_t transmit_ring_reap(struct transmit_ring *ring) {
    uint32_t count = 0;
    while (ring->owners.in_device > 0 && (ring->slots[ring->first].status & TX_STATUS_DONE) != 0) {
        (void)transmit_buffers_sent(&ring->owners, ring->buffer_of[ring->first]);
        ring->first = next_slot(ring->first);
        count++;
    }
    return count;
}
