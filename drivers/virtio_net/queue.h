/* SPDX-License-Identifier: MIT
 * The receive and the transmit queue. Free of IPC and of registers. Buffer i has the descriptors 2i
 * (header) and 2i + 1 (frame) for ever, so a queue is never full.
 */
#pragma once

#include <stdbool.h>

#include <netdev/buffers.h>

#include "virtio.h"

#define QUEUE_AVAILABLE 2048u /* offsets in the page of a queue */
#define QUEUE_USED 2560u
#define QUEUE_BYTES 4096u

struct queue {
    volatile struct descriptor *descriptors;
    volatile struct available *available;
    volatile struct used *used;
    uint16_t next;      /* of the available ring, as far as filled */
    uint16_t published; /* as far as the device knows */
    uint16_t seen;      /* of the used ring */
};

struct receive_queue {
    struct queue queue;
    bool given[RECEIVE_BUFFERS];
    const volatile uint8_t *headers; /* 16 bytes for each buffer; NULL: they are not looked at */
    uint64_t bad;
};

struct transmit_queue {
    struct queue queue;
    struct transmit_buffers owners;
    uint64_t bad;
};

/* Empty queues in a page of zeros. headers: bus address of RECEIVE_BUFFERS * 16 bytes, or of one
 * header of zeros; buffers: of the first buffer. */
void receive_queue_init(struct receive_queue *queue, void *page, uint64_t headers,
                        uint64_t buffers);
void transmit_queue_init(struct transmit_queue *queue, void *page, uint64_t header,
                         uint64_t buffers);

bool receive_queue_give(struct receive_queue *queue, uint32_t buffer);
uint32_t receive_queue_take(struct receive_queue *queue, uint32_t *frames, uint32_t limit);
bool transmit_queue_put(struct transmit_queue *queue, uint32_t buffer, uint32_t length);
void transmit_queue_reap(struct transmit_queue *queue);

/* Shows the device what is new. True: it wants to be notified. */
bool queue_publish(struct queue *queue);

/* Asks for interrupts, or not. True: there is already something that will not interrupt. */
bool queue_interrupt(struct queue *queue, bool wanted);
