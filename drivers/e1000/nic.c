/* SPDX-License-Identifier: MIT
 * Initialisation ([G] 14; [L] 4.6), interrupts and link of the device.
 */
#include "nic.h"

#include <common/string.h>
#include <proto/netif.h>

#define RCTL_WANTED (RCTL_EN | RCTL_BAM | RCTL_SECRC)
#define GROUP_WORDS 128u
#define EEPROM_TRIES 10000u /* a word takes some 100 us; only without address registers */

static uint32_t read_register(const struct nic *nic, uint32_t offset) {
    return nic->registers[offset / 4];
}

static void write_register(struct nic *nic, uint32_t offset, uint32_t value) {
    nic->registers[offset / 4] = value;
}

void nic_reset(struct nic *nic) {
    write_register(nic, REG_IMC, INT_ALL);
    nic->enabled = 0;
    write_register(nic, REG_CTRL, read_register(nic, REG_CTRL) | CTRL_RST);
}

static bool eeprom_read(struct nic *nic, uint32_t word, uint16_t *value) {
    uint32_t done = nic->is_82574 ? EERD_DONE_82574 : EERD_DONE_82540;
    uint32_t shift = nic->is_82574 ? EERD_ADDRESS_82574 : EERD_ADDRESS_82540;
    write_register(nic, REG_EERD, word << shift | EERD_START);
    for (uint32_t i = 0; i < EEPROM_TRIES; i++) {
        uint32_t data = read_register(nic, REG_EERD);
        if ((data & done) != 0) {
            *value = (uint16_t)(data >> 16);
            return true;
        }
    }
    return false;
}

static bool mac_valid(const uint8_t mac[6]) {
    static const uint8_t none[6];
    return (mac[0] & 1) == 0 && memcmp(mac, none, 6) != 0;
}

bool nic_mac(struct nic *nic, uint8_t mac[6]) {
    uint32_t low = read_register(nic, REG_RAL0);
    uint32_t high = read_register(nic, REG_RAH0);
    uint16_t words[3] = {(uint16_t)low, (uint16_t)(low >> 16), (uint16_t)high};
    for (uint32_t i = 0; (high & RAH_VALID) == 0 && i < 3; i++) {
        if (!eeprom_read(nic, i, &words[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < 6; i++) {
        mac[i] = (uint8_t)(words[i / 2] >> (i % 2 * 8));
    }
    return mac_valid(mac);
}

static void start_receive(struct nic *nic) {
    receive_ring_init(&nic->receive, nic->rings, nic->buffers_bus);
    write_register(nic, REG_RDBAL, (uint32_t)nic->rings_bus);
    write_register(nic, REG_RDBAH, (uint32_t)(nic->rings_bus >> 32));
    write_register(nic, REG_RDLEN, RING_SLOTS * sizeof(struct receive_descriptor));
    write_register(nic, REG_RDH, 0);
    write_register(nic, REG_RDT, 0);
    write_register(nic, REG_RDTR, 0);
    write_register(nic, REG_RADV, 0);
    write_register(nic, REG_RXCSUM, RXCSUM_IP | RXCSUM_TCP);
    nic->receive_tail = 0;
    if (read_register(nic, REG_RCTL) != RCTL_WANTED) { /* see README.md, Quirks */
        write_register(nic, REG_RCTL, RCTL_WANTED);
    }
}

static void start_transmit(struct nic *nic) {
    uint64_t bus = nic->rings_bus + RINGS_TRANSMIT;
    uint8_t *slots = (uint8_t *)nic->rings + RINGS_TRANSMIT;
    transmit_ring_init(&nic->transmit, (volatile struct transmit_descriptor *)(void *)slots,
                       nic->buffers_bus + RECEIVE_BUFFERS * (uint64_t)NETIF_BUFFER);
    write_register(nic, REG_TDBAL, (uint32_t)bus);
    write_register(nic, REG_TDBAH, (uint32_t)(bus >> 32));
    write_register(nic, REG_TDLEN, RING_SLOTS * sizeof(struct transmit_descriptor));
    write_register(nic, REG_TDH, 0);
    write_register(nic, REG_TDT, 0);
    write_register(nic, REG_TIDV, 0);
    write_register(nic, REG_TIPG, TIPG_COPPER);
    if (nic->is_82574) {
        write_register(nic, REG_TXDCTL, TXDCTL_82574);
    }
    nic->transmit_tail = 0;
    write_register(nic, REG_TCTL,
                   TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD | (nic->is_82574 ? TCTL_MULR : 0));
}

/* The table has a bit for each value of 12 bits of an address ([G] 13.5.1; [L] 10.2.5.16). NULL: no
 * groups. */
static void write_groups(struct nic *nic, const struct netif_filter *filter) {
    uint32_t words[GROUP_WORDS] = {0};
    for (uint32_t i = 0; filter != NULL && filter->all == 0 && i < filter->count; i++) {
        const uint8_t *mac = filter->macs[i];
        uint32_t place = ((uint32_t)mac[4] >> 4 | (uint32_t)mac[5] << 4) & 0xfff;
        words[place / 32] |= 1u << place % 32;
    }
    for (uint32_t i = 0; i < GROUP_WORDS; i++) {
        write_register(nic, REG_MTA(i), filter != NULL && filter->all != 0 ? UINT32_MAX : words[i]);
    }
}

void nic_filter(struct nic *nic, const struct netif_filter *filter) {
    write_groups(nic, filter);
}

uint32_t nic_lost(struct nic *nic) {
    nic->missed_frames += read_register(nic, REG_MPC);
    return (uint32_t)(nic->missed_frames + nic->bad_frames);
}

void nic_start(struct nic *nic, const uint8_t mac[6]) {
    write_register(nic, REG_IMC, INT_ALL);
    (void)read_register(nic, REG_ICR);
    nic->enabled = 0;
    nic->bad_frames = nic->missed_frames = 0;
    write_register(nic, REG_CTRL,
                   (read_register(nic, REG_CTRL) & ~CTRL_RST) | CTRL_SLU | CTRL_ASDE);
    write_register(nic, REG_RAL0,
                   (uint32_t)mac[0] | (uint32_t)mac[1] << 8 | (uint32_t)mac[2] << 16 |
                       (uint32_t)mac[3] << 24);
    write_register(nic, REG_RAH0, (uint32_t)mac[4] | (uint32_t)mac[5] << 8 | RAH_VALID);
    write_groups(nic, NULL);
    write_register(nic, REG_ITR, nic->msix ? 0 : ITR_25_US);
    if (nic->is_82574) {
        write_register(nic, REG_CTRL_EXT,
                       read_register(nic, REG_CTRL_EXT) | CTRL_EXT_DRIVER_LOADED |
                           (nic->msix ? CTRL_EXT_PBA : 0));
        write_register(nic, REG_EIAC, 0);
        write_register(nic, REG_IVAR, nic->msix ? IVAR_ALL_ON_0 : 0);
        write_register(nic, REG_EITR(0), nic->msix ? ITR_25_US : 0);
    }
    start_receive(nic);
    start_transmit(nic);
}

uint32_t nic_interrupt(struct nic *nic) {
    write_register(nic, REG_IMC, INT_ALL);
    nic->enabled = 0;
    uint32_t causes = read_register(nic, REG_ICR);
    if (nic->msix) { /* reading does not clear ([L] 10.2.4.1) */
        write_register(nic, REG_ICR, causes);
    }
    return causes;
}

void nic_unmask(struct nic *nic, bool receive, bool transmit) {
    uint32_t causes = INT_LSC | (receive ? INT_RXT0 : 0) | (transmit ? INT_TXDW : 0);
    if (nic->msix) {
        causes |= INT_OTHER | (receive ? INT_RXQ0 : 0) | (transmit ? INT_TXQ0 : 0);
    }
    if ((nic->enabled & ~causes) != 0) {
        write_register(nic, REG_IMC, nic->enabled & ~causes);
    }
    if ((causes & ~nic->enabled) != 0) {
        write_register(nic, REG_IMS, causes);
    }
    nic->enabled = causes;
}

void nic_publish(struct nic *nic) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* descriptors and padding before the tails */
    if (nic->receive_tail != nic->receive.tail) {
        nic->receive_tail = nic->receive.tail;
        write_register(nic, REG_RDT, nic->receive_tail);
    }
    if (nic->transmit_tail != nic->transmit.tail) {
        nic->transmit_tail = nic->transmit.tail;
        write_register(nic, REG_TDT, nic->transmit_tail);
    }
}

uint32_t nic_link(const struct nic *nic) {
    static const uint16_t speeds[4] = {10, 100, 1000, 1000};
    uint32_t status = read_register(nic, REG_STATUS);
    return (status & STATUS_LINK) != 0 ? speeds[STATUS_SPEED(status)] : 0;
}
