/* SPDX-License-Identifier: MIT */
/*
 * A cyclic redundancy check. It can be fed piece by piece: start from the START value and give the
 * result of one piece to the next.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* CRC-32 of IEEE 802.3, as zlib's crc32(): "123456789" -> 0xcbf43926. */
#define CRC32_START ((uint32_t)0)
uint32_t crc32(uint32_t crc, const void *bytes, size_t size);
