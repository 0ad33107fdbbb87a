/* SPDX-License-Identifier: MIT */
/*
 * The driver's buffers. A received frame is copied before anything looks at it. A frame to send is
 * written into a transmit buffer that net owns, which nobody else reads before the answer that
 * names it is committed.
 */
#include <common/string.h>

#include <ipc/dispatch.h>

#include "net.h"

#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/ethernet.h>

/* What lwIP need not look at again. */
#define CHECKED_BY_DEVICE                                                                          \
    (NETIF_CHECKSUM_ENABLE_ALL &                                                                   \
     ~(NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP))

#define FRAME_MIN 60u /* without FCS; shorter ones are filled up with zeros */
#define IDLE_MS                                                                                    \
    3000u /* longer than the driver's own watchdog takes to find a device that hangs               \
           */

void nic_bind(struct nic *nic, const struct netif_hello *hello, uint8_t *buffers,
              uint64_t generation) {
    memset(nic, 0, sizeof *nic);
    nic->generation = generation;
    nic->buffers = buffers;
    nic->receive_count = hello->rx_count;
    nic->transmit_count = hello->tx_count < NET_BUFFERS ? hello->tx_count : NET_BUFFERS;
    while (nic->free_count < nic->transmit_count) {
        uint32_t last = nic->transmit_count - 1 - nic->free_count;
        nic->free[nic->free_count++] = (uint16_t)last;
    }
}

void nic_forget(struct nic *nic, status_t status) {
    if (nic->wait_token != TOKEN_NONE) {
        port_answer(nic->wait_token, status, NULL, 0);
    }
    memset(nic, 0, sizeof *nic);
}

/* False for a frame that no honest driver names. */
static bool receive_frame(struct interface *interface, uint32_t index, uint32_t length,
                          bool checked) {
    const struct nic *nic = &interface->nic;
    uint32_t longest = interface->netif.mtu + SIZEOF_ETH_HDR + SIZEOF_VLAN_HDR;
    if (index >= nic->receive_count || length < SIZEOF_ETH_HDR || length > NETIF_BUFFER) {
        interface->receive_dropped++;
        return false;
    }
    const uint8_t *frame = nic->buffers + (size_t)index * NETIF_BUFFER;
    struct pbuf *packet = length <= longest ? payload_packet(frame, length) : NULL;
    if (packet == NULL) {
        interface->receive_dropped++;
        return true;
    }
    capture_frame(interface, packet->payload, length, false);
    interface_before(interface, packet);
    tcp_socket_before(packet);
    interface->receive_packets++;
    interface->receive_bytes += length;
    NETIF_SET_CHECKSUM_CTRL(&interface->netif,
                            checked ? CHECKED_BY_DEVICE : NETIF_CHECKSUM_ENABLE_ALL);
    if (interface->netif.input(packet, &interface->netif) != ERR_OK) {
        pbuf_free(packet);
    }
    return true;
}

status_t nic_receive(struct interface *interface, const struct netif_batch *batch) {
    if (interface->nic.generation == 0) {
        return E_STATE;
    }
    if (batch->count > NETIF_BATCH) {
        return E_INVALID;
    }
    bool sound = true;
    for (uint32_t i = 0; i < batch->count; i++) {
        sound &= receive_frame(interface, NETIF_FRAME_INDEX(batch->frames[i]),
                               NETIF_FRAME_LENGTH(batch->frames[i]),
                               (batch->frames[i] & NETIF_FRAME_CHECKED) != 0);
    }
    interface->receive_dropped += batch->flags - interface->nic.lost;
    interface->nic.lost = batch->flags;
    return sound ? OK : E_INVALID;
}

static void take_back(struct nic *nic, uint32_t index) {
    uint32_t number = index - nic->receive_count;
    if (index >= nic->receive_count && number < nic->transmit_count &&
        nic->state[number] == NIC_SENT) {
        nic->state[number] = NIC_FREE;
        nic->free[nic->free_count++] = (uint16_t)number;
    }
}

status_t nic_transmit_wait(struct interface *interface, token_t token,
                           const struct netif_batch *batch) {
    struct nic *nic = &interface->nic;
    if (nic->generation == 0) {
        return E_STATE;
    }
    if (batch->count > NETIF_BATCH) {
        return E_INVALID;
    }
    if (nic->wait_token != TOKEN_NONE) {
        return E_BUSY;
    }
    bool scarce = nic->free_count == 0;
    nic->idle_ms = batch->count != 0 || nic->queue_count != 0 ? 0 : nic->idle_ms;
    for (uint32_t i = 0; i < batch->count; i++) {
        take_back(nic, NETIF_FRAME_INDEX(batch->frames[i]));
    }
    nic->wait_token = token;
    if (scarce && nic->free_count != 0) {
        tcp_txnow(); /* segments that found no buffer */
    }
    return DISPATCH_PARKED;
}

err_t nic_output(struct interface *interface, const struct pbuf *packet) {
    struct nic *nic = &interface->nic;
    uint32_t length = packet->tot_len;
    if (nic->generation == 0 || length > NETIF_BUFFER) {
        interface->transmit_dropped++;
        return ERR_OK;
    }
    if (nic->free_count == 0) {
        interface->transmit_dropped++;
        return ERR_MEM;
    }
    uint32_t number = nic->free[--nic->free_count];
    uint32_t index = nic->receive_count + number;
    uint8_t *buffer = nic->buffers + (size_t)index * NETIF_BUFFER;
    (void)pbuf_copy_partial(packet, buffer, (u16_t)length, 0);
    if (length < FRAME_MIN) {
        memset(buffer + length, 0, FRAME_MIN - length);
        length = FRAME_MIN;
    }
    path_mark(buffer, length);
    capture_frame(interface, buffer, length, true);
    nic->state[number] = NIC_QUEUED;
    nic->queue[nic->queue_count++] = NETIF_FRAME(index, length);
    interface->transmit_packets++;
    interface->transmit_bytes += length;
    return ERR_OK;
}

void nic_settle(struct nic *nic) {
    if (nic->wait_token == TOKEN_NONE || (nic->queue_count == 0 && !nic->filter_changed)) {
        return;
    }
    struct netif_batch batch = {.flags = nic->filter_changed ? NETIF_BATCH_FILTER : 0};
    nic->filter_changed = false;
    batch.count = nic->queue_count < NETIF_BATCH ? nic->queue_count : NETIF_BATCH;
    for (uint32_t i = 0; i < batch.count; i++) {
        batch.frames[i] = nic->queue[i];
        nic->state[NETIF_FRAME_INDEX(nic->queue[i]) - nic->receive_count] = NIC_SENT;
    }
    nic->queue_count -= batch.count;
    memmove(nic->queue, nic->queue + batch.count, nic->queue_count * sizeof nic->queue[0]);
    port_answer(nic->wait_token, OK, &batch, sizeof batch);
    nic->wait_token = TOKEN_NONE;
}

void nic_tick(struct interface *interface, uint64_t now_ms) {
    struct nic *nic = &interface->nic;
    bool stuck = nic->queue_count != 0 ? nic->wait_token == TOKEN_NONE : nic->free_count == 0;
    if (nic->generation == 0 || !netif_is_link_up(&interface->netif) || !stuck) {
        nic->idle_ms = 0;
    } else if (nic->idle_ms == 0) {
        nic->idle_ms = now_ms;
    } else if (now_ms - nic->idle_ms >= IDLE_MS) {
        port_log("%s: the driver has sent nothing for 3 s: it has to start again",
                 interface->label);
        nic_forget(nic, E_RESET);
    }
}
