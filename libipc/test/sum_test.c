/* SPDX-License-Identifier: MIT */
/* The sum of a message: any bit counts, any place counts, zeros at the end do not. */
#include "check.h"

#include <ipc/message.h>

#include "../src/program.h"

static void fill(uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        words[i] = check_random() << 32 ^ check_random();
    }
}

TEST(every_bit_counts) {
    uint64_t words[MESSAGE_WORDS];
    for (uint32_t count = 0; count <= MESSAGE_WORDS; count++) {
        fill(words, count);
        uint64_t tag = TAG(count, count, 1, 2), sum = message_sum(tag, words, count * 8);
        CHECK(sum != 0 && sum <= TAG_SUM_MASK);
        for (size_t bit = 0; bit < (size_t)count * 64; bit++) {
            words[bit / 64] ^= 1ull << bit % 64;
            CHECK(message_sum(tag, words, count * 8) != sum);
            words[bit / 64] ^= 1ull << bit % 64;
        }
        for (unsigned bit = 0; bit < TAG_HANDLES_SHIFT + 3; bit++) {
            bool counts = bit < TAG_SUM_SHIFT || bit >= TAG_WORDS_SHIFT;
            CHECK_EQ(message_sum(tag ^ 1ull << bit, words, count * 8) != sum, counts);
        }
    }
}

TEST(places_count) {
    uint64_t words[4] = {1, 2, 3, 4}, sum = message_sum(TAG(1, 4, 0, 0), words, sizeof words);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < i; j++) {
            uint64_t other[4];
            memcpy(other, words, sizeof words);
            other[i] = words[j];
            other[j] = words[i];
            CHECK(message_sum(TAG(1, 4, 0, 0), other, sizeof other) != sum);
        }
    }
}

static struct message_buffer buffer;

struct message_buffer *message_buffer(void) {
    return &buffer;
}

TEST(both_ways_lead_to_it) {
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t count = (uint32_t)check_random() % (MESSAGE_WORDS + 1);
        uint64_t words[MESSAGE_WORDS] = {0};
        fill(words, count);
        struct message_registers registers = {.tag = TAG(check_random(), count, i % 5, i % 3)};
        registers.tag |= message_sum(registers.tag, words, (size_t)count * 8) << TAG_SUM_SHIFT;
        memcpy(registers.words, words, sizeof registers.words);
        memcpy(buffer.words, words, sizeof words);
        CHECK(message_whole(&registers));
        if (count > 0) {
            uint32_t at = i % count;
            *(at < MESSAGE_REGISTER_WORDS ? &registers.words[at] : &buffer.words[at]) ^= 1ull
                                                                                         << i % 64;
            CHECK(!message_whole(&registers));
        }
    }
}

TEST(zeros_at_the_end_do_not_count) {
    uint8_t text[100] = "axolotl";
    uint64_t tag = TAG(3, 1, 0, 0);
    for (size_t size = 7; size < sizeof text; size++) {
        CHECK_EQ(message_sum(tag, text, size), message_sum(tag, text, 7));
    }
    uint64_t nothing[2] = {0, 0};
    CHECK_EQ(message_sum(tag, nothing, sizeof nothing), message_sum(tag, NULL, 0));
}
