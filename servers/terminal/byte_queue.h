/* SPDX-License-Identifier: MIT
 * Ring of bytes over memory that its owner gives. Empty when head == tail; the counters run freely
 * and are reduced modulo the size, which is a power of two. Nothing is ever overwritten: a push
 * beyond the room is refused, so the owner asks byte_queue_room first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_queue {
    uint8_t *bytes;
    uint32_t size;
    uint32_t head; /* next byte to take */
    uint32_t tail; /* next byte to store */
};

static inline void byte_queue_init(struct byte_queue *queue, uint8_t *bytes, uint32_t size) {
    *queue = (struct byte_queue){.bytes = bytes, .size = size, .head = 0, .tail = 0};
}

static inline uint32_t byte_queue_length(const struct byte_queue *queue) {
    return queue->tail - queue->head;
}

static inline uint32_t byte_queue_room(const struct byte_queue *queue) {
    return queue->size - byte_queue_length(queue);
}

static inline bool byte_queue_push(struct byte_queue *queue, uint8_t byte) {
    if (byte_queue_room(queue) == 0) {
        return false;
    }
    queue->bytes[queue->tail++ & (queue->size - 1)] = byte;
    return true;
}

/* The byte that was stored when the tail was at `place`, and has not been overwritten since. */
static inline uint8_t byte_queue_at(const struct byte_queue *queue, uint32_t place) {
    return queue->bytes[place & (queue->size - 1)];
}

static inline bool byte_queue_pop(struct byte_queue *queue, uint8_t *byte) {
    if (byte_queue_length(queue) == 0) {
        return false;
    }
    *byte = queue->bytes[queue->head++ & (queue->size - 1)];
    return true;
}

static inline void byte_queue_clear(struct byte_queue *queue) {
    queue->head = queue->tail;
}
