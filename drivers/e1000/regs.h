/* SPDX-License-Identifier: MIT
 * Registers and descriptors of the 82540EM and the 82574L, as far as the driver uses them.
 * Sections: [G] PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual
 * (317453), [L] Intel 82574 GbE Controller Family Datasheet (317694). Where one is given, both
 * agree.
 */
#pragma once

#include <stdint.h>

/* General ([G] 13.4.1, 13.4.2, 13.4.4; [L] 10.2.2) */
#define REG_CTRL 0x0000u
#define CTRL_ASDE (1u << 5)
#define CTRL_SLU (1u << 6)  /* set link up */
#define CTRL_RST (1u << 26) /* clears itself */
#define REG_STATUS 0x0008u
#define STATUS_LINK (1u << 1)
#define STATUS_SPEED(status) ((status) >> 6 & 3u) /* 0: 10, 1: 100, else 1000 Mbit/s */
#define REG_EERD 0x0014u
#define EERD_START 1u
#define EERD_DONE_82540 (1u << 4)
#define EERD_ADDRESS_82540 8
#define EERD_DONE_82574 (1u << 1)
#define EERD_ADDRESS_82574 2
#define REG_CTRL_EXT 0x0018u
#define CTRL_EXT_DRIVER_LOADED (1u << 28) /* [L] 10.2.2.5 */
#define CTRL_EXT_PBA (1u << 31)           /* [L] MSI-X pending bit support */

/* Interrupts ([G] 13.4.17-13.4.21; [L] 10.2.4) */
#define REG_ICR 0x00c0u
#define REG_ITR 0x00c4u
#define REG_IMS 0x00d0u
#define REG_IMC 0x00d8u
#define REG_EIAC 0x00dcu                 /* [L] */
#define REG_IVAR 0x00e4u                 /* [L] 10.2.4.9 */
#define REG_EITR(i) (0x00e8u + 4u * (i)) /* [L] */
#define INT_TXDW (1u << 0)
#define INT_LSC (1u << 2)
#define INT_RXT0 (1u << 7)
#define INT_RXQ0 (1u << 20) /* [L] MSI-X causes */
#define INT_TXQ0 (1u << 22)
#define INT_OTHER (1u << 24)
#define INT_ALL 0xffffffffu
#define ITR_25_US 100u /* in units of 256 ns */
/* Receive queue 0, transmit queue 0 and other causes, all valid and on vector 0. */
#define IVAR_ALL_ON_0 (8u | 8u << 8 | 8u << 16)

/* Receive ([G] 13.4.22-13.4.32, 3.2; [L] 10.2.5, 7.1) */
#define REG_RCTL 0x0100u
#define RCTL_EN (1u << 1)
#define RCTL_MPE (1u << 4)  /* all multicast */
#define RCTL_BAM (1u << 15) /* broadcast */
#define RCTL_SECRC (1u << 26)
#define REG_RDBAL 0x2800u
#define REG_RDBAH 0x2804u
#define REG_RDLEN 0x2808u
#define REG_RDH 0x2810u
#define REG_RDT 0x2818u
#define REG_RDTR 0x2820u
#define REG_RADV 0x282cu
#define REG_RXCSUM 0x5000u
#define RXCSUM_IP (1u << 8)
#define RXCSUM_TCP (1u << 9)            /* and UDP */
#define REG_MPC 0x4010u                 /* missed frames; reading clears */
#define REG_MTA(i) (0x5200u + 4u * (i)) /* 128 of them */
#define REG_RAL0 0x5400u
#define REG_RAH0 0x5404u
#define RAH_VALID (1u << 31)

/* Transmit ([G] 13.4.33-13.4.43, 3.3; [L] 10.2.6, 7.2) */
#define REG_TCTL 0x0400u
#define TCTL_EN (1u << 1)
#define TCTL_PSP (1u << 3)
#define TCTL_CT (0x0fu << 4)
#define TCTL_COLD (0x40u << 12)
#define TCTL_MULR (1u << 28) /* [L]: must be set */
#define REG_TIPG 0x0410u
#define TIPG_COPPER (10u | 8u << 10 | 6u << 20)
#define REG_TDBAL 0x3800u
#define REG_TDBAH 0x3804u
#define REG_TDLEN 0x3808u
#define REG_TDH 0x3810u
#define REG_TDT 0x3818u
#define REG_TIDV 0x3820u
#define REG_TXDCTL 0x3828u
#define TXDCTL_82574 (1u << 22 | 1u << 24 | 1u << 16) /* [L] bit 22 must be set; by descriptor */

/* Legacy receive descriptor ([G] 3.2.3; [L] 7.1.4) */
struct receive_descriptor {
    uint64_t address;
    uint16_t length;
    uint16_t checksum;
    uint8_t status;
    uint8_t errors;
    uint16_t special;
};
#define RX_STATUS_DONE 1u
#define RX_STATUS_END 2u         /* end of packet */
#define RX_STATUS_IGNORE 4u      /* no checksums were looked at */
#define RX_STATUS_CHECKED 0x60u  /* TCPCS, IPCS: both were */
#define RX_ERRORS_CHECKSUM 0x60u /* TCPE, IPE */
#define RX_ERRORS_FRAME 0x97u    /* CE, SE, SEQ, CXE, RXE; not the checksum bits TCPE, IPE */

/* Legacy transmit descriptor ([G] 3.3.3; [L] 7.2.10) */
struct transmit_descriptor {
    uint64_t address;
    uint16_t length;
    uint8_t checksum_offset;
    uint8_t command;
    uint8_t status;
    uint8_t checksum_start;
    uint16_t special;
};
#define TX_COMMAND_END 1u
#define TX_COMMAND_FCS 2u
#define TX_COMMAND_REPORT 8u
#define TX_STATUS_DONE 1u

_Static_assert(sizeof(struct receive_descriptor) == 16, "hardware");
_Static_assert(sizeof(struct transmit_descriptor) == 16, "hardware");
