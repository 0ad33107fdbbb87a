/* SPDX-License-Identifier: MIT */
/*
 * The sum that goes with a message: a polynomial of its 64-bit words modulo a prime, so that no
 * change of one bit, and of hardly any other kind, leaves it as it was.
 */
#include "program.h"

#define PRIME 65521u /* the largest below 2^16, of Adler-32 */
#define FACTOR 17u   /* a primitive root: words at different places count differently */
#define HIGH 225u    /* 2^32 modulo the prime */

uint64_t sum_add(uint64_t sum, const void *data, size_t size) {
    for (size_t at = (size + 7) & ~7ull; at != 0; at -= 8) {
        uint64_t word = load_word(data, size, at - 8);
        sum = (sum * FACTOR + (word & UINT32_MAX) + (word >> 32) * HIGH) % PRIME;
    }
    return sum;
}

uint64_t sum_finish(uint64_t sum, uint64_t tag) {
    tag &= ~(TAG_SUM_MASK << TAG_SUM_SHIFT | TAG_FLAGS_MASK);
    return sum_add(sum, &tag, sizeof tag) + 1;
}

uint64_t message_sum(uint64_t tag, const void *data, size_t size) {
    return sum_finish(sum_add(0, data, size), tag);
}
