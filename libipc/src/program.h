/* SPDX-License-Identifier: MIT */
/* What the files of libipc share. Outside the arena: rebuilt at every start. */
#pragma once

#include <stdbool.h>

#include <axolotl/abi.h>

#include <common/string.h>

struct program {
    uint64_t incarnation;
    uint64_t turn;    /* events received by this incarnation */
    handle_t records; /* the word of the reset: memory with the records to start from */
};
extern struct program program;

_Noreturn void program_start(uint64_t incarnation, uint64_t reset_flags);

/* Reads a message's first words into registers, `count` of them from `size` bytes of data. */
struct message_registers;
void message_load(struct message_registers *registers, const void *data, size_t size,
                  uint32_t count);

/* The word at byte `offset` of the data; bytes beyond its end read as zero. */
static inline uint64_t load_word(const void *data, size_t size, size_t offset) {
    uint64_t word = 0;
    if (size - offset < sizeof word) {
        memcpy(&word, (const char *)data + offset, size - offset);
    } else {
        __builtin_memcpy(&word, (const char *)data + offset, sizeof word); /* one instruction */
    }
    return word;
}

/*
 * The sum that goes with a message (docs/adr/0012-messages-carry-a-sum.md), 1 to 65521: of the tag,
 * whose own sum does not count, and `size` bytes of data. Zero bytes at the end do not count, so
 * that the sum is the same for what was sent and for the structure that the receiver makes of it.
 */
uint64_t message_sum(uint64_t tag, const void *data, size_t size);

/* The same in pieces, from the last to the first, beginning with 0; then with the tag. */
uint64_t sum_add(uint64_t sum, const void *data, size_t size);
uint64_t sum_finish(uint64_t sum, uint64_t tag);

/* Whether the message in registers and message buffer is what its sum says; true without one. */
bool message_whole(const struct message_registers *registers);
