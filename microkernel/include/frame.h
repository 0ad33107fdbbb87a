/* SPDX-License-Identifier: MIT
 * Physical page frames: a bitmap of free frames and a share count per frame (for copy-on-write).
 * Who allocates has charged an account first, so allocation fails only if the kernel's own books
 * are wrong: then it panics.
 */
#pragma once

#include "object.h"

/* Takes over the RAM that boot information calls usable, and the page-aligned boot modules as
 * allocated (share count 1). The number of frames that are left, with those of the modules. */
struct boot_info;
uint64_t frame_init(const struct boot_info *info);

/* One frame, zeroed or not. Share count 1. */
phys_t frame_alloc(void);
phys_t frame_alloc_zeroed(void);
/* `count` contiguous frames, zeroed, below 4 GiB; 0 when there is no such run. */
phys_t frame_alloc_run(uint64_t count);
/* Kernel pointer to the content; of frame 0: zeroes, not to be changed. */
char *frame_bytes(phys_t frame);
/* Drops one share; the last one frees the frame. */
void frame_free(phys_t frame);
void frame_share(phys_t frame);
uint32_t frame_shares(phys_t frame);

uint64_t frame_free_count(void);
