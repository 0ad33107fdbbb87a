/* SPDX-License-Identifier: MIT */
/*
 * A heap in one given range of memory: two-level segregated free lists, constant time, blocks of at
 * least 32 bytes aligned to 16. Everything, its head included, lies in that range, so a heap in the
 * arena survives with it. A damaged heap or a bad free ends the task (actor_abort). No locking.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap;

struct heap_usage {
    size_t total; /* bytes that the range can hold at most, without overhead */
    size_t used;  /* bytes in blocks, with their 16 bytes of overhead each */
    size_t peak;  /* highest value of used */
    size_t blocks;
};

/* Makes a heap of the `size` bytes at `start` (16-byte aligned, size >= HEAP_MINIMUM). */
#define HEAP_MINIMUM 8192
struct heap *heap_create(void *start, size_t size);

/* NULL when there is no room. heap_allocate(0) gives a block of the smallest size. */
void *heap_allocate(struct heap *heap, size_t size);
void *heap_allocate_zeroed(struct heap *heap, size_t size);

/* NULL is allowed. */
void heap_free(struct heap *heap, void *block);

void heap_usage(const struct heap *heap, struct heap_usage *usage);

/* Walks the whole heap; false when its structure is damaged. */
bool heap_check(const struct heap *heap);

/* The heap behind the linked variables of the arena, made at first use. */
struct heap *arena_heap(void);
/* heap_check of that heap; true also when there is none yet. */
bool arena_heap_sound(void);
void *arena_allocate(size_t size); /* zeroed */
void arena_free(void *block);

/* Size of the whole arena (0: none, as in init) and bytes used by linked variables. */
size_t arena_size(void);
size_t arena_linked_size(void);
