/* SPDX-License-Identifier: MIT
 * Reader of static ELF64 x86-64 executables (System V gABI, chapters 4 and 5). Free of kernel
 * state, so that it runs on the host; the file is read through a callback and never trusted.
 */
#pragma once

#include <axolotl/abi.h>

#define ELF_SEGMENTS 8

struct elf_segment {
    uint64_t address, memory_size; /* as in the program header */
    uint64_t file_offset, file_size;
    uint32_t prot; /* PROT_* */
};

struct elf_file {
    uint64_t entry;
    uint32_t segment_count;
    struct elf_segment segments[ELF_SEGMENTS];
    struct image_note note; /* zero when there is none */
};

/* Reads `length` bytes at `offset`; returns a status. */
typedef status_t (*elf_read_t)(void *context, uint64_t offset, void *to, uint64_t length);

/* Checks and describes the file of `size` bytes. E_FORMAT. */
status_t elf_parse(elf_read_t read, void *context, uint64_t size, struct elf_file *out);
