/* SPDX-License-Identifier: MIT */
/* What the files of libipc share. Outside the arena: rebuilt at every start. */
#pragma once

#include <axolotl/abi.h>

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
