/* SPDX-License-Identifier: MIT */
/*
 * The last frames of all interfaces, in slots beside the arena. A slot is written in place, also by
 * a turn that is undone later; so it says which frame it holds, and another's is passed over.
 */
#include <common/string.h>

#include "socket.h"

struct slot {
    struct net_frame head;
    uint8_t bytes[CAPTURE_SLOT - sizeof(struct net_frame)];
};
_Static_assert(sizeof(struct slot) == CAPTURE_SLOT, "slots follow each other");

static struct slot *slot_of(uint64_t number) {
    return (struct slot *)net.capture.slots + number % CAPTURE_SLOTS;
}

void capture_start(const struct net_capture_request *request) {
    struct capture *capture = &net.capture;
    capture->on = request->on != 0;
    if (capture->on) {
        capture->first = capture->next;
        capture->length = request->length < sizeof slot_of(0)->bytes
                              ? (uint32_t)request->length
                              : (uint32_t)sizeof slot_of(0)->bytes;
    }
}

void capture_frame(const struct interface *interface, const void *bytes, uint32_t length,
                   bool sent) {
    struct capture *capture = &net.capture;
    if (!capture->on) {
        return;
    }
    uint32_t kept = length < capture->length ? length : capture->length;
    struct slot *slot = slot_of(capture->next);
    slot->head = (struct net_frame){
        .number = capture->next,
        .time_ns = port_time_ns(),
        .length = (uint16_t)length,
        .kept = (uint16_t)kept,
        .sent = sent,
        .interface = netif_get_index(&interface->netif),
    };
    memcpy(slot->bytes, bytes, kept);
    capture->next++;
}

/* Where reading goes on: neither before the recording nor at what is overwritten. */
static uint64_t oldest(uint64_t cursor) {
    const struct capture *capture = &net.capture;
    uint64_t first = capture->next > CAPTURE_SLOTS ? capture->next - CAPTURE_SLOTS : 0;
    first = first < capture->first ? capture->first : first;
    return cursor < first ? first : cursor;
}

status_t capture_read(token_t token, uint64_t room, const struct net_frames_request *request,
                      struct net_frames_reply *reply) {
    uint64_t cursor = oldest(request->cursor);
    for (; cursor < net.capture.next; cursor++) {
        const struct slot *slot = slot_of(cursor);
        uint64_t size = sizeof slot->head + (slot->head.kept + 7u) / 8 * 8;
        if (slot->head.number != cursor || size > sizeof *slot) {
            continue;
        }
        if (reply->length + size > room) {
            break;
        }
        status_t status = port_lease_write(token, reply->length, slot, size);
        if (status != OK) {
            return status;
        }
        reply->length += size;
    }
    reply->cursor = cursor;
    return OK;
}
