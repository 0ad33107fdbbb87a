/* SPDX-License-Identifier: MIT
 * Split queues (Virtio 1.1, 2.6). x86 keeps the order of loads and of stores, and volatile that of
 * the compiler; only a store before a load needs a fence.
 */
#include "queue.h"

#include <common/string.h>
#include <proto/netif.h>

_Static_assert(QUEUE_SIZE >= 2 * RECEIVE_BUFFERS, "a pair for each buffer");
_Static_assert(QUEUE_SIZE >= 2 * TRANSMIT_BUFFERS, "a pair for each buffer");
_Static_assert(sizeof(struct descriptor) * QUEUE_SIZE <= QUEUE_AVAILABLE, "layout");
_Static_assert(QUEUE_AVAILABLE + sizeof(struct available) <= QUEUE_USED, "layout");
_Static_assert(QUEUE_USED + sizeof(struct used) <= QUEUE_BYTES, "layout");

static void queue_init(struct queue *queue, void *page) {
    memset(page, 0, QUEUE_BYTES);
    memset(queue, 0, sizeof *queue);
    queue->descriptors = page;
    queue->available = (volatile void *)((uint8_t *)page + QUEUE_AVAILABLE);
    queue->used = (volatile void *)((uint8_t *)page + QUEUE_USED);
    queue->available->flags = AVAILABLE_NO_INTERRUPT;
}

static void describe(struct queue *queue, uint32_t buffer, uint64_t header, uint64_t frame,
                     uint16_t flags) {
    uint16_t second = (uint16_t)(buffer * 2 + 1);
    volatile struct descriptor *pair = &queue->descriptors[buffer * 2];
    pair[0].address = header;
    pair[0].length = NET_HEADER;
    pair[0].flags = (uint16_t)(DESCRIPTOR_NEXT | flags);
    pair[0].next = second;
    pair[1].address = frame;
    pair[1].length = NETIF_BUFFER;
    pair[1].flags = flags;
}

static void queue_add(struct queue *queue, uint32_t buffer) {
    queue->available->ring[queue->next % QUEUE_SIZE] = (uint16_t)(buffer * 2);
    queue->next++;
}

/* The next element of the used ring. False: none, or the device has lost its mind. */
static bool queue_next(struct queue *queue, uint32_t *id, uint32_t *length) {
    uint16_t ready = (uint16_t)(queue->used->index - queue->seen);
    if (ready == 0 || ready > QUEUE_SIZE) {
        return false;
    }
    *id = queue->used->ring[queue->seen % QUEUE_SIZE].id;
    *length = queue->used->ring[queue->seen % QUEUE_SIZE].length;
    queue->seen++;
    return true;
}

void receive_queue_init(struct receive_queue *queue, void *page, uint64_t headers,
                        uint64_t buffers) {
    memset(queue, 0, sizeof *queue);
    queue_init(&queue->queue, page);
    for (uint32_t i = 0; i < RECEIVE_BUFFERS; i++) {
        describe(&queue->queue, i, headers + i * 16ull, buffers + i * (uint64_t)NETIF_BUFFER,
                 DESCRIPTOR_WRITE);
    }
}

void transmit_queue_init(struct transmit_queue *queue, void *page, uint64_t header,
                         uint64_t buffers) {
    memset(queue, 0, sizeof *queue);
    queue_init(&queue->queue, page);
    for (uint32_t i = 0; i < TRANSMIT_BUFFERS; i++) {
        describe(&queue->queue, i, header, buffers + i * (uint64_t)NETIF_BUFFER, 0);
    }
}

bool receive_queue_give(struct receive_queue *queue, uint32_t buffer) {
    if (buffer >= RECEIVE_BUFFERS || queue->given[buffer]) {
        return false;
    }
    queue->given[buffer] = true;
    queue_add(&queue->queue, buffer);
    return true;
}

/* The device has looked at the checksums, or the frame has never left the machine. */
static bool is_checked(const struct receive_queue *queue, uint32_t buffer) {
    return queue->headers != NULL &&
           (queue->headers[buffer * 16] & (NET_HEADER_NEEDS_CHECKSUM | NET_HEADER_DATA_VALID)) != 0;
}

uint32_t receive_queue_take(struct receive_queue *queue, uint32_t *frames, uint32_t limit) {
    uint32_t count = 0, id, length;
    for (uint32_t i = 0; i < QUEUE_SIZE && count < limit; i++) {
        if (!queue_next(&queue->queue, &id, &length)) {
            break;
        }
        uint32_t buffer = id / 2;
        if (id % 2 != 0 || buffer >= RECEIVE_BUFFERS || !queue->given[buffer]) {
            queue->bad++;
            continue;
        }
        queue->given[buffer] = false;
        if (length < NET_HEADER + FRAME_MIN || length > NET_HEADER + FRAME_MAX) {
            queue->bad++;
            (void)receive_queue_give(queue, buffer);
        } else {
            uint32_t frame = NETIF_FRAME(buffer, length - NET_HEADER);
            frames[count++] = is_checked(queue, buffer) ? frame | NETIF_FRAME_CHECKED : frame;
        }
    }
    return count;
}

bool transmit_queue_put(struct transmit_queue *queue, uint32_t buffer, uint32_t length) {
    if (!transmit_buffers_take(&queue->owners, buffer, length)) {
        return false;
    }
    queue->queue.descriptors[buffer * 2 + 1].length = length;
    queue_add(&queue->queue, buffer);
    return true;
}

void transmit_queue_reap(struct transmit_queue *queue) {
    uint32_t id, length;
    for (uint32_t i = 0; i < QUEUE_SIZE && queue_next(&queue->queue, &id, &length); i++) {
        if (id % 2 != 0 || !transmit_buffers_sent(&queue->owners, id / 2)) {
            queue->bad++;
        }
    }
}

bool queue_publish(struct queue *queue) {
    if (queue->published == queue->next) {
        return false;
    }
    queue->published = queue->next;
    queue->available->index = queue->next;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the index before the flags: 2.6.13.4 */
    return (queue->used->flags & USED_NO_NOTIFY) == 0;
}

bool queue_interrupt(struct queue *queue, bool wanted) {
    queue->available->flags = (uint16_t)(wanted ? 0 : AVAILABLE_NO_INTERRUPT);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the flags before the index: 2.6.7.2 */
    return wanted && queue->used->index != queue->seen;
}
