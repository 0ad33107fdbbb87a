/* SPDX-License-Identifier: MIT */
/* The sum that goes with a message. */
#include "program.h"

uint64_t sum_add(uint64_t sum, const void *data, size_t size) {
    const uint64_t factor = 0x9e3779b97f4a7c15; /* odd, so that no bit of a word is lost */
    for (size_t at = (size + 7) & ~7ull; at != 0; at -= 8) {
        sum = (sum ^ load_word(data, size, at - 8)) * factor;
    }
    return sum;
}

uint64_t sum_finish(uint64_t sum, uint64_t tag) {
    tag &= ~(TAG_SUM_MASK << TAG_SUM_SHIFT | TAG_FLAGS_MASK);
    sum = sum_add(sum, &tag, sizeof tag) >> 48;
    return sum != 0 ? sum : 1;
}

uint64_t message_sum(uint64_t tag, const void *data, size_t size) {
    return sum_finish(sum_add(0, data, size), tag);
}
