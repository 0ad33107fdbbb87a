/* SPDX-License-Identifier: MIT
 * Who has which transmit buffer: net, the device, or nobody (sent, on its way back to net). Free of
 * IPC. Buffers are counted from the first transmit buffer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RECEIVE_BUFFERS 64u
#define TRANSMIT_BUFFERS 64u
#define FRAME_MIN 14u
#define FRAME_MAX 1518u /* with a VLAN tag, without FCS */

enum transmit_state { TRANSMIT_NET = 0, TRANSMIT_DEVICE, TRANSMIT_SENT };

struct transmit_buffers {
    uint32_t in_device;
    uint32_t sent_count;
    uint64_t sent_total; /* rises with each frame that the device has sent */
    uint8_t sent[TRANSMIT_BUFFERS];
    uint8_t state[TRANSMIT_BUFFERS]; /* enum transmit_state */
};

/* A frame of net's goes to the device. False: not a buffer that net has, or a bad length (such a
 * buffer goes straight back). */
static inline bool transmit_buffers_take(struct transmit_buffers *buffers, uint32_t buffer,
                                         uint32_t length) {
    if (buffer >= TRANSMIT_BUFFERS || buffers->state[buffer] != TRANSMIT_NET) {
        return false;
    }
    if (length < FRAME_MIN || length > FRAME_MAX) {
        buffers->state[buffer] = TRANSMIT_SENT;
        buffers->sent[buffers->sent_count++] = (uint8_t)buffer;
        return false;
    }
    buffers->state[buffer] = TRANSMIT_DEVICE;
    buffers->in_device++;
    return true;
}

/* The device has sent it. False: the device did not have it. */
static inline bool transmit_buffers_sent(struct transmit_buffers *buffers, uint32_t buffer) {
    if (buffer >= TRANSMIT_BUFFERS || buffers->state[buffer] != TRANSMIT_DEVICE) {
        return false;
    }
    buffers->state[buffer] = TRANSMIT_SENT;
    buffers->sent[buffers->sent_count++] = (uint8_t)buffer;
    buffers->in_device--;
    buffers->sent_total++;
    return true;
}

/* Takes up to `limit` sent buffers, which are net's from now on. */
static inline uint32_t transmit_buffers_return(struct transmit_buffers *buffers, uint32_t *to,
                                               uint32_t limit) {
    uint32_t count = 0;
    while (count < limit && buffers->sent_count > 0) {
        uint32_t buffer = buffers->sent[--buffers->sent_count];
        buffers->state[buffer] = TRANSMIT_NET;
        to[count++] = buffer;
    }
    return count;
}

/* Buffers that net can fill. */
static inline uint32_t transmit_buffers_free(const struct transmit_buffers *buffers) {
    return TRANSMIT_BUFFERS - buffers->in_device - buffers->sent_count;
}
