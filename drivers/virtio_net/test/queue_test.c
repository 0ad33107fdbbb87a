/* SPDX-License-Identifier: MIT
 * The queues against a model of the device, sane and mad.
 */
#include "../nic.h"

#include "check.h"
#include <proto/netif.h>

#define BUS_HEADERS 0x1000ull
#define BUS_BUFFERS 0x100000ull

static uint8_t page[QUEUE_BYTES] __attribute__((aligned(4096)));
static struct receive_queue receive;
static struct transmit_queue transmit;
static uint16_t device_seen; /* of the available ring */

/* The device uses the next available buffer. False: there is none. */
static bool device_uses(struct queue *queue, uint32_t length, uint32_t *id) {
    if (queue->available->index == device_seen) {
        return false;
    }
    *id = queue->available->ring[device_seen++ % QUEUE_SIZE];
    uint16_t at = queue->used->index;
    queue->used->ring[at % QUEUE_SIZE].id = *id;
    queue->used->ring[at % QUEUE_SIZE].length = length;
    queue->used->index = (uint16_t)(at + 1);
    return true;
}

static void start_receive(void) {
    device_seen = 0;
    receive_queue_init(&receive, page, BUS_HEADERS, BUS_BUFFERS);
    for (uint32_t i = 0; i < RECEIVE_BUFFERS; i++) {
        CHECK(receive_queue_give(&receive, i));
    }
    CHECK(queue_publish(&receive.queue));
    CHECK(!queue_publish(&receive.queue));
}

TEST(receives) {
    uint32_t id, frames[NETIF_BATCH];
    start_receive();
    CHECK(!receive_queue_give(&receive, 3));
    CHECK(!receive_queue_give(&receive, RECEIVE_BUFFERS));
    CHECK_EQ(receive.queue.descriptors[6].address, BUS_HEADERS + 48);
    CHECK_EQ(receive.queue.descriptors[6].flags, 3);
    CHECK_EQ(receive.queue.descriptors[6].next, 7);
    CHECK_EQ(receive.queue.descriptors[7].address, BUS_BUFFERS + 3 * 2048);
    CHECK_EQ(receive_queue_take(&receive, frames, NETIF_BATCH), 0);
    CHECK(device_uses(&receive.queue, 12 + 60, &id));
    CHECK(device_uses(&receive.queue, 12 + 1514, &id));
    CHECK_EQ(receive_queue_take(&receive, frames, 1), 1);
    CHECK_EQ(frames[0], NETIF_FRAME(0, 60));
    CHECK_EQ(receive_queue_take(&receive, frames, NETIF_BATCH), 1);
    CHECK_EQ(frames[0], NETIF_FRAME(1, 1514));
}

TEST(checked_frames_are_marked) {
    static uint8_t headers[RECEIVE_BUFFERS * 16];
    uint32_t id, frames[NETIF_BATCH];
    start_receive();
    receive.headers = headers;
    headers[0] = NET_HEADER_NEEDS_CHECKSUM;
    headers[16] = NET_HEADER_DATA_VALID;
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(device_uses(&receive.queue, 12 + 60, &id));
        REQUIRE(receive_queue_take(&receive, frames, 1) == 1);
        CHECK_EQ(NETIF_FRAME_LENGTH(frames[0]), 60);
        CHECK_EQ((frames[0] & NETIF_FRAME_CHECKED) != 0, i < 2);
    }
}

TEST(refuses_what_a_mad_device_says) {
    uint32_t id, frames[NETIF_BATCH];
    start_receive();
    CHECK(device_uses(&receive.queue, 11, &id));
    CHECK(device_uses(&receive.queue, 0xffffffff, &id));
    CHECK(device_uses(&receive.queue, 100, &id));
    receive.queue.used->ring[2].id = 5; /* odd */
    CHECK(device_uses(&receive.queue, 100, &id));
    receive.queue.used->ring[3].id = 128;
    CHECK(device_uses(&receive.queue, 100, &id));
    CHECK(device_uses(&receive.queue, 100, &id));
    receive.queue.used->ring[5].id = 8; /* twice */
    CHECK_EQ(receive_queue_take(&receive, frames, NETIF_BATCH), 1);
    CHECK_EQ(receive.bad, 5);
    receive.queue.used->index = (uint16_t)(receive.queue.seen + QUEUE_SIZE + 1);
    CHECK_EQ(receive_queue_take(&receive, frames, NETIF_BATCH), 0);
    memset(page, 0xff, sizeof page);
    (void)receive_queue_take(&receive, frames, NETIF_BATCH);
}

TEST(sends_and_returns_for_ever) {
    bool net_has[TRANSMIT_BUFFERS];
    uint32_t id, back[NETIF_BATCH];
    uint64_t sent = 0;
    device_seen = 0;
    memset(net_has, 1, sizeof net_has);
    transmit_queue_init(&transmit, page, BUS_HEADERS, BUS_BUFFERS);
    for (uint32_t step = 0; step < 400000; step++) {
        uint32_t choice = (uint32_t)check_random_below(4);
        if (choice == 0) {
            uint32_t buffer = (uint32_t)check_random_below(TRANSMIT_BUFFERS);
            uint32_t length = (uint32_t)check_random_below(1600);
            bool fits = length >= FRAME_MIN && length <= FRAME_MAX;
            REQUIRE(transmit_queue_put(&transmit, buffer, length) == (net_has[buffer] && fits));
            net_has[buffer] = false;
        } else if (choice == 1) {
            (void)queue_publish(&transmit.queue);
        } else if (choice == 2) {
            sent += device_uses(&transmit.queue, 0, &id);
        } else {
            transmit_queue_reap(&transmit);
            uint32_t count = transmit_buffers_return(&transmit.owners, back, NETIF_BATCH);
            for (uint32_t i = 0; i < count; i++) {
                REQUIRE(!net_has[back[i]]);
                net_has[back[i]] = true;
            }
        }
        uint32_t with_net = 0;
        for (uint32_t i = 0; i < TRANSMIT_BUFFERS; i++) {
            with_net += net_has[i];
        }
        REQUIRE(with_net == transmit_buffers_free(&transmit.owners));
    }
    CHECK(sent > 66000); /* the 16-bit indices have wrapped */
    CHECK_EQ(transmit.bad, 0);
}

TEST(interrupts_are_not_lost) {
    uint32_t id, frames[NETIF_BATCH];
    start_receive();
    CHECK_EQ(receive.queue.available->flags, 1);
    CHECK(!queue_interrupt(&receive.queue, true));
    CHECK_EQ(receive.queue.available->flags, 0);
    CHECK(!queue_interrupt(&receive.queue, false));
    CHECK(device_uses(&receive.queue, 100, &id));
    CHECK(!queue_interrupt(&receive.queue, false));
    CHECK(queue_interrupt(&receive.queue, true));
    CHECK_EQ(receive_queue_take(&receive, frames, NETIF_BATCH), 1);
    CHECK(!queue_interrupt(&receive.queue, true));
    receive.queue.used->flags = USED_NO_NOTIFY;
    CHECK(receive_queue_give(&receive, id / 2));
    CHECK(!queue_publish(&receive.queue));
}

static uint8_t config_space[256];

static uint32_t read_config(uint32_t offset, uint32_t width) {
    uint32_t value = 0;
    memcpy(&value, &config_space[offset & 0xff], width);
    return value;
}

static void capability(uint32_t at, uint8_t next, uint8_t type, uint32_t offset, uint32_t length) {
    config_space[at] = CAPABILITY_VENDOR;
    config_space[at + 1] = next;
    config_space[at + 3] = type;
    config_space[at + 4] = CLAIMED_BAR;
    memcpy(&config_space[at + 8], &offset, 4);
    memcpy(&config_space[at + 12], &length, 4);
}

TEST(finds_the_structures) {
    static uint8_t registers[0x4000];
    static uint8_t rings[RINGS_SIZE];
    struct nic nic;
    struct netdev_parts parts = {

        .rings = rings,
        .registers = registers,
        .registers_size = sizeof registers,
        .config_read = read_config};
    memset(&nic, 0, sizeof nic);
    CHECK_EQ(nic_open(&nic, &parts), E_UNSUPPORTED);
    config_space[PCI_STATUS] = PCI_STATUS_CAPABILITIES;
    config_space[PCI_CAPABILITIES] = 0x40;
    capability(0x40, 0x60, TYPE_COMMON, 0, 0x1000);
    capability(0x60, 0x80, TYPE_ISR, 0x1000, 0x1000);
    capability(0x80, 0xa0, TYPE_DEVICE, 0x2000, 0x1000);
    capability(0xa0, 0x40, TYPE_NOTIFY, 0x3000, 0x1001); /* beyond the BAR; and a loop */
    CHECK_EQ(nic_open(&nic, &parts), E_UNSUPPORTED);
    capability(0xa0, 0, TYPE_NOTIFY, 0x3000, 0x1000);
    memset(&nic, 0, sizeof nic);
    CHECK_EQ(nic_open(&nic, &parts), OK);
    CHECK(nic.common == registers && nic.notify == registers + 0x3000);
    CHECK(!nic_start(&nic, (uint8_t[6]){0})); /* it offers no features */
}
