/* SPDX-License-Identifier: MIT
 * Program images: the loadable segments of an ELF file in kernel memory that is never mapped, with
 * a checksum each. Tasks are made and rebuilt from copies of them.
 */
#pragma once

#include "memory.h"

#define IMAGE_SEGMENTS 8

struct segment {
    uint64_t address;     /* page-aligned */
    uint64_t memory_size; /* bytes, page-aligned */
    uint32_t prot;
    bool arena;             /* initial content of the arena */
    uint64_t checksum;      /* of the content */
    struct memory *content; /* from `address` on, all of it present; NULL: only zeroes */
};

struct image {
    struct object object;
    struct image_info info;
    uint32_t segment_count;
    struct segment segments[IMAGE_SEGMENTS];
};

/* From the ELF file in the first `length` bytes of `memory`. E_FORMAT, E_QUOTA, E_RANGE. */
MUST_CHECK status_t image_create(struct account *account, struct memory *memory, uint64_t length,
                                 struct image **out);
/* Maps fresh copies of the non-arena segments and a stack into a task. E_CHECKSUM, E_QUOTA. */
MUST_CHECK status_t image_load(struct image *image, struct task *task);
/* Initial content of the arena. E_CHECKSUM. */
MUST_CHECK status_t image_load_arena(struct image *image, struct arena *arena);
