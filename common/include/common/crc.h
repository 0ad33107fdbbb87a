/* SPDX-License-Identifier: MIT */
/*
 * Cyclic redundancy checks. Both can be fed piece by piece: start from the START value and give the
 * result of one piece to the next.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xffff, no reflection): "123456789" -> 0x29b1. */
#define CRC16_START ((uint16_t)0xffff)
uint16_t crc16(uint16_t crc, const void *bytes, size_t size);

/* CRC-32 of IEEE 802.3, as zlib's crc32(): "123456789" -> 0xcbf43926. */
#define CRC32_START ((uint32_t)0)
uint32_t crc32(uint32_t crc, const void *bytes, size_t size);
