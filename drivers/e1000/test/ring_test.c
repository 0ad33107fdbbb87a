/* SPDX-License-Identifier: MIT
 * Rings and registers against a model of the device: memory for registers, descriptors and buffers.
 */
#include "../nic.h"

#include "check.h"
#include <proto/netif.h>

#define BUS_RINGS 0x10000000ull
#define BUS_BUFFERS 0x20000000ull

static uint32_t registers[0x20000 / 4];
static uint8_t rings[RINGS_SIZE] __attribute__((aligned(16)));
static uint8_t buffers[(RECEIVE_BUFFERS + TRANSMIT_BUFFERS) * NETIF_BUFFER];
static struct nic nic;
static uint32_t device_receive, device_transmit; /* the model's head registers */
static uint8_t wire[FRAME_MAX];
static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

static struct receive_descriptor *receive_slot(uint32_t slot) {
    return (struct receive_descriptor *)(void *)rings + slot;
}

static struct transmit_descriptor *transmit_slot(uint32_t slot) {
    return (struct transmit_descriptor *)(void *)(rings + RINGS_TRANSMIT) + slot;
}

static void start(bool is_82574) {
    memset(&nic, 0, sizeof nic);
    memset(registers, 0, sizeof registers);
    memset(rings, 0xff, sizeof rings);
    nic.registers = registers;
    nic.rings = rings;
    nic.rings_bus = BUS_RINGS;
    nic.buffers_bus = BUS_BUFFERS;
    nic.is_82574 = is_82574;
    device_receive = device_transmit = 0;
    nic_start(&nic, mac);
}

static void give_all(void) {
    for (uint32_t i = 0; i < RECEIVE_BUFFERS; i++) {
        CHECK(receive_ring_give(&nic.receive, i));
    }
    nic_publish(&nic);
}

/* The device puts a frame of `length` bytes into the next buffer. False: it has none. */
static bool device_receives(uint16_t length, uint8_t status, uint8_t errors) {
    if (device_receive == registers[REG_RDT / 4]) {
        return false;
    }
    struct receive_descriptor *slot = receive_slot(device_receive);
    uint64_t buffer = slot->address - BUS_BUFFERS;
    CHECK(buffer < (uint64_t)RECEIVE_BUFFERS * NETIF_BUFFER && buffer % NETIF_BUFFER == 0);
    slot->length = length;
    slot->errors = errors;
    slot->status = status;
    device_receive = (device_receive + 1) % RING_SLOTS;
    return true;
}

/* The device sends one frame; its length, 0: none. */
static uint32_t device_sends(void) {
    if (device_transmit == registers[REG_TDT / 4]) {
        return 0;
    }
    struct transmit_descriptor *slot = transmit_slot(device_transmit);
    uint64_t from = slot->address - BUS_BUFFERS;
    CHECK(from >= RECEIVE_BUFFERS * (uint64_t)NETIF_BUFFER && from < sizeof buffers);
    CHECK_EQ(slot->command, 0x0b);
    memcpy(wire, buffers + from, slot->length);
    slot->status = TX_STATUS_DONE;
    device_transmit = (device_transmit + 1) % RING_SLOTS;
    return slot->length;
}

TEST(starts_with_empty_rings) {
    start(false);
    CHECK_EQ(registers[REG_RDBAL / 4], BUS_RINGS);
    CHECK_EQ(registers[REG_TDBAL / 4], BUS_RINGS + 2048);
    CHECK_EQ(registers[REG_RDLEN / 4], 2048);
    CHECK_EQ(registers[REG_RDT / 4], 0);
    CHECK_EQ(registers[REG_TDT / 4], 0);
    CHECK_EQ(registers[REG_RCTL / 4] & 2, 2);
    CHECK_EQ(registers[REG_RAL0 / 4], 0x12005452);
    CHECK_EQ(registers[REG_RAH0 / 4], 0x80005634);
    CHECK_EQ(registers[REG_IMS / 4], 0);
    CHECK_EQ(registers[REG_IVAR / 4], 0);
    uint32_t frames[8];
    CHECK_EQ(receive_ring_take(&nic.receive, frames, 8, &nic.bad_frames), 0);
    CHECK(!device_receives(60, 3, 0));
}

TEST(receives_frames_in_order) {
    uint32_t frames[NETIF_BATCH];
    start(false);
    give_all();
    for (uint16_t i = 0; i < 5; i++) {
        CHECK(device_receives((uint16_t)(60 + i), 3, 0));
    }
    CHECK_EQ(receive_ring_take(&nic.receive, frames, 3, &nic.bad_frames), 3);
    CHECK_EQ(receive_ring_take(&nic.receive, frames + 3, 10, &nic.bad_frames), 2);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_EQ(frames[i], NETIF_FRAME(i, 60 + i));
        CHECK(receive_ring_give(&nic.receive, i));
        CHECK(!receive_ring_give(&nic.receive, i));
    }
    CHECK(!receive_ring_give(&nic.receive, RECEIVE_BUFFERS));
    CHECK(!receive_ring_give(&nic.receive, UINT32_MAX));
    nic_publish(&nic);
    CHECK_EQ(registers[REG_RDT / 4], RECEIVE_BUFFERS + 5);
}

TEST(damaged_frames_go_back) {
    uint32_t frames[NETIF_BATCH];
    start(false);
    give_all();
    device_receives(2000, 3, 0);   /* too long */
    device_receives(13, 3, 0);     /* too short */
    device_receives(1024, 1, 0);   /* no end */
    device_receives(60, 3, 0x01);  /* CRC */
    device_receives(60, 3, 0x60);  /* bad TCP checksum: lwIP's business */
    device_receives(0xffff, 3, 0); /* impossible */
    CHECK_EQ(receive_ring_take(&nic.receive, frames, NETIF_BATCH, &nic.bad_frames), 1);
    CHECK_EQ(frames[0], NETIF_FRAME(4, 60));
    CHECK_EQ(nic.bad_frames, 5);
    nic_publish(&nic);
    CHECK_EQ(registers[REG_RDT / 4], RECEIVE_BUFFERS + 5);
    for (uint32_t i = 0; i < RECEIVE_BUFFERS; i++) {
        CHECK_EQ(nic.receive.given[i], i != 4);
    }
}

TEST(a_ring_of_garbage_ends) {
    uint32_t frames[NETIF_BATCH];
    start(false);
    give_all();
    memset(rings, 0xff, RINGS_TRANSMIT);
    CHECK_EQ(receive_ring_take(&nic.receive, frames, NETIF_BATCH, &nic.bad_frames), 0);
    CHECK_EQ(nic.bad_frames, RECEIVE_BUFFERS);
    (void)receive_ring_take(&nic.receive, frames, NETIF_BATCH, &nic.bad_frames);
    memset(rings + RINGS_TRANSMIT, 0xff, 2048);
    CHECK_EQ(transmit_ring_reap(&nic.transmit), 0);
}

TEST(sends_and_returns_buffers) {
    uint32_t back[NETIF_BATCH];
    start(true);
    memset(buffers, 0xaa, sizeof buffers);
    CHECK(transmit_ring_put(&nic.transmit, 3, 42));
    CHECK(transmit_ring_put(&nic.transmit, 7, 1514));
    CHECK(!transmit_ring_put(&nic.transmit, 7, 100)); /* the ring has it */
    CHECK(!transmit_ring_put(&nic.transmit, TRANSMIT_BUFFERS, 100));
    CHECK(!transmit_ring_put(&nic.transmit, 0u - RECEIVE_BUFFERS, 100));
    nic_publish(&nic);
    CHECK_EQ(device_sends(), 42);
    CHECK_EQ(wire[41], 0xaa);
    CHECK_EQ(transmit_ring_reap(&nic.transmit), 1);
    CHECK_EQ(transmit_buffers_free(&nic.transmit.owners), TRANSMIT_BUFFERS - 2);
    CHECK_EQ(transmit_buffers_return(&nic.transmit.owners, back, NETIF_BATCH), 1);
    CHECK_EQ(back[0], 3);
    CHECK_EQ(transmit_buffers_free(&nic.transmit.owners), TRANSMIT_BUFFERS - 1);
    CHECK_EQ(device_sends(), 1514);
    CHECK_EQ(device_sends(), 0);
    CHECK_EQ(transmit_ring_reap(&nic.transmit), 1);
    CHECK(transmit_ring_put(&nic.transmit, 3, 100));
    CHECK(!transmit_ring_put(&nic.transmit, 7, 100)); /* sent, but not yet net's again */
}

TEST(frames_of_bad_length_go_straight_back) {
    uint32_t back[NETIF_BATCH];
    start(false);
    CHECK(!transmit_ring_put(&nic.transmit, 1, 13));
    CHECK(!transmit_ring_put(&nic.transmit, 2, 1519));
    CHECK(!transmit_ring_put(&nic.transmit, 3, 0));
    nic_publish(&nic);
    CHECK_EQ(registers[REG_TDT / 4], 0);
    CHECK_EQ(transmit_buffers_return(&nic.transmit.owners, back, NETIF_BATCH), 3);
    CHECK_EQ(transmit_buffers_free(&nic.transmit.owners), TRANSMIT_BUFFERS);
}

/* Every buffer is at one place, whatever the order of events; nothing is lost. */
TEST(random_traffic_loses_no_buffer) {
    uint32_t frames[NETIF_BATCH];
    uint32_t outside[RECEIVE_BUFFERS], outside_count = 0;
    bool net_has[TRANSMIT_BUFFERS];
    uint64_t sent = 0, put = 0;
    memset(net_has, 1, sizeof net_has);
    start(false);
    give_all();
    for (uint32_t step = 0; step < 200000; step++) {
        uint32_t choice = (uint32_t)check_random_below(7);
        if (choice == 0) {
            device_receives((uint16_t)check_random_below(1600), check_random_below(8) ? 3 : 1,
                            check_random_below(8) ? 0 : 2);
        } else if (choice == 1) {
            uint32_t count = receive_ring_take(
                &nic.receive, frames, (uint32_t)check_random_below(NETIF_BATCH), &nic.bad_frames);
            for (uint32_t i = 0; i < count; i++) {
                outside[outside_count++] = NETIF_FRAME_INDEX(frames[i]);
            }
        } else if (choice == 2 && outside_count > 0) {
            CHECK(receive_ring_give(&nic.receive, outside[--outside_count]));
        } else if (choice == 3) {
            uint32_t buffer = (uint32_t)check_random_below(TRANSMIT_BUFFERS + 4);
            uint32_t length = (uint32_t)check_random_below(1600);
            bool good = buffer < TRANSMIT_BUFFERS && net_has[buffer];
            bool fits = length >= FRAME_MIN && length <= FRAME_MAX;
            CHECK_EQ(transmit_ring_put(&nic.transmit, buffer, length), good && fits);
            put += good && fits;
            if (good) {
                net_has[buffer] = false;
            }
        } else if (choice == 4) {
            sent += device_sends() != 0;
        } else if (choice == 5) {
            (void)transmit_ring_reap(&nic.transmit);
            uint32_t count = transmit_buffers_return(&nic.transmit.owners, frames,
                                                     (uint32_t)check_random_below(NETIF_BATCH));
            for (uint32_t i = 0; i < count; i++) {
                REQUIRE(frames[i] < TRANSMIT_BUFFERS && !net_has[frames[i]]);
                net_has[frames[i]] = true;
            }
        } else {
            nic_publish(&nic);
        }
        uint32_t inside = (nic.receive.tail - nic.receive.first) % RING_SLOTS;
        REQUIRE(inside + outside_count == RECEIVE_BUFFERS);
        uint32_t with_net = 0;
        for (uint32_t i = 0; i < TRANSMIT_BUFFERS; i++) {
            with_net += net_has[i];
        }
        REQUIRE(with_net == transmit_buffers_free(&nic.transmit.owners));
    }
    CHECK(put > 1000 && sent > 1000 && put >= sent);
}

TEST(reads_the_address) {
    uint8_t got[6];
    start(false);
    CHECK(nic_mac(&nic, got));
    CHECK_EQ(memcmp(got, mac, 6), 0);
    registers[REG_RAH0 / 4] = 0; /* not valid: from the EEPROM, which never answers here */
    CHECK(!nic_mac(&nic, got));
    registers[REG_RAH0 / 4] = RAH_VALID;
    registers[REG_RAL0 / 4] = 0;
    CHECK(!nic_mac(&nic, got)); /* all zeros */
    registers[REG_RAL0 / 4] = 1;
    CHECK(!nic_mac(&nic, got)); /* multicast */
}

TEST(masks_and_unmasks_causes) {
    start(false);
    nic_unmask(&nic, true, false);
    CHECK_EQ(registers[REG_IMS / 4], INT_LSC | INT_RXT0);
    registers[REG_IMS / 4] = 0;
    nic_unmask(&nic, true, false); /* nothing new: no register is written */
    CHECK_EQ(registers[REG_IMS / 4], 0);
    registers[REG_IMC / 4] = 0;
    nic_unmask(&nic, false, true);
    CHECK_EQ(registers[REG_IMC / 4], INT_RXT0);
    CHECK_EQ(registers[REG_IMS / 4], INT_LSC | INT_TXDW);
    registers[REG_ICR / 4] = INT_LSC;
    CHECK_EQ(nic_interrupt(&nic), INT_LSC);
    CHECK_EQ(registers[REG_IMC / 4], 0xffffffff);
    CHECK_EQ(nic.enabled, 0);
}

TEST(msix_has_causes_of_its_own) {
    start(true);
    nic.msix = true;
    nic_start(&nic, mac);
    CHECK_EQ(registers[REG_IVAR / 4], 0x00080808);
    nic_unmask(&nic, true, true);
    CHECK_EQ(registers[REG_IMS / 4],
             INT_LSC | INT_RXT0 | INT_TXDW | INT_OTHER | INT_RXQ0 | INT_TXQ0);
    CHECK_EQ(registers[REG_TCTL / 4] & TCTL_MULR, TCTL_MULR);
}

TEST(tells_the_link_speed) {
    start(false);
    registers[REG_STATUS / 4] = 0x80;
    CHECK_EQ(nic_link(&nic), 0);
    registers[REG_STATUS / 4] = 0x82;
    CHECK_EQ(nic_link(&nic), 1000);
    registers[REG_STATUS / 4] = 0x42;
    CHECK_EQ(nic_link(&nic), 100);
    registers[REG_STATUS / 4] = 0x02;
    CHECK_EQ(nic_link(&nic), 10);
}

TEST(checked_frames_are_marked) {
    uint32_t frames[NETIF_BATCH];
    start(true);
    CHECK_EQ(registers[REG_RXCSUM / 4], RXCSUM_IP | RXCSUM_TCP);
    give_all();
    static const struct {
        uint8_t status, errors;
        bool checked;
    } cases[] = {{0x63, 0, true},  {0x03, 0, false},    {0x67, 0, false},
                 {0x43, 0, false}, {0x63, 0x20, false}, {0x63, 0x40, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(device_receives(100, cases[i].status, cases[i].errors));
        REQUIRE(receive_ring_take(&nic.receive, frames, 1, &nic.bad_frames) == 1);
        CHECK_EQ(NETIF_FRAME_LENGTH(frames[0]), 100);
        CHECK_EQ((frames[0] & NETIF_FRAME_CHECKED) != 0, cases[i].checked);
    }
}

TEST(groups_are_let_in) {
    struct netif_filter filter = {.count = 2,
                                  .macs = {{1, 0, 0x5e, 0, 0, 0xfb}, {0x33, 0x33, 0, 0, 0, 1}}};
    start(false);
    CHECK_EQ(registers[REG_RCTL / 4] & RCTL_MPE, 0);
    nic_filter(&nic, &filter);
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 128; i++) {
        bits += (uint32_t)__builtin_popcount(registers[REG_MTA(i) / 4]);
    }
    CHECK_EQ(bits, 2);
    CHECK_EQ(registers[REG_MTA(0xfb0 / 32) / 4], 1u << 0xfb0 % 32);
    filter.all = 1;
    nic_filter(&nic, &filter);
    CHECK_EQ(registers[REG_MTA(5) / 4], UINT32_MAX);
    filter = (struct netif_filter){0};
    nic_filter(&nic, &filter);
    CHECK_EQ(registers[REG_MTA(0xfb0 / 32) / 4], 0);
    registers[REG_MPC / 4] = 3;
    CHECK_EQ(nic_lost(&nic), 3);
}
