/* SPDX-License-Identifier: MIT */
/*
 * The sum that goes with a message: a polynomial of its 64-bit words modulo a prime, so that no
 * change of one bit, and of hardly any other kind, leaves it as it was.
 */
#include <ipc/message.h>

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

/* Adds words to a sum from the first to the last; `power`: what the next one counts. It is another
 * way to the same sum than the one above, so that a mistake in either shows. */
static uint64_t add_forward(uint64_t sum, const uint64_t *words, uint32_t count, uint64_t *power) {
    for (uint32_t i = 0; i < count; i++) {
        uint64_t folded = ((words[i] & UINT32_MAX) + (words[i] >> 32) * HIGH) % PRIME;
        sum = (sum + folded * *power) % PRIME;
        *power = *power * FACTOR % PRIME;
    }
    return sum;
}

bool message_whole(const struct message_registers *registers) {
    uint64_t tag = registers->tag & ~(TAG_SUM_MASK << TAG_SUM_SHIFT | TAG_FLAGS_MASK);
    uint32_t count = TAG_WORDS(tag);
    uint64_t power = 1, sum = add_forward(0, &tag, 1, &power);
    if (count <= MESSAGE_REGISTER_WORDS) {
        sum = add_forward(sum, registers->words, count, &power);
    } else {
        sum = add_forward(sum, registers->words, MESSAGE_REGISTER_WORDS, &power);
        sum = add_forward(sum, message_buffer()->words + MESSAGE_REGISTER_WORDS,
                          count - MESSAGE_REGISTER_WORDS, &power);
    }
    return TAG_SUM(registers->tag) == 0 || TAG_SUM(registers->tag) == sum + 1;
}
