/* SPDX-License-Identifier: MIT */
/*
 * Two-level segregated fit. Every block has a head of 16 bytes: the block before it in memory, and
 * its payload size with the flag BLOCK_FREE. Free neighbours are always joined; a used block of
 * size 0 closes the range. A free block's payload holds its links in the list of its size class.
 */
#include <ipc/heap.h>

#include <common/string.h>

#include <ipc/actor.h>

enum {
    ALIGNMENT = 16,
    HEAD = 16,    /* bytes before a payload */
    MINIMUM = 16, /* smallest payload: two links */
    SECOND_BITS = 4,
    SECOND = 1 << SECOND_BITS,
    SMALL = ALIGNMENT << SECOND_BITS, /* below: one class every 16 bytes */
    SMALL_SHIFT = 8,                  /* log2(SMALL) */
    FIRST = 28,
};

#define HEAP_MAGIC 0x70616568786f6c61ull
#define SIZE_LIMIT ((size_t)1 << (SMALL_SHIFT + FIRST - 2))
#define BLOCK_FREE ((size_t)1)

struct block {
    struct block *previous; /* in memory; NULL for the first */
    size_t size_flags;
    struct block *next_free; /* payload starts here */
    struct block *previous_free;
};

struct heap {
    uint64_t magic;
    struct block *first_block;
    struct block *last_block; /* the closing one */
    struct heap_usage usage;
    uint32_t first_map;
    uint32_t second_map[FIRST];
    struct block *lists[FIRST][SECOND];
};
_Static_assert(sizeof(struct heap) % ALIGNMENT == 0, "payloads are aligned");
_Static_assert(sizeof(struct heap) + 4 * HEAD <= HEAP_MINIMUM, "a smallest heap holds something");

static size_t block_size(const struct block *block) {
    return block->size_flags & ~BLOCK_FREE;
}

static bool block_is_free(const struct block *block) {
    return (block->size_flags & BLOCK_FREE) != 0;
}

static void *block_payload(const struct block *block) {
    return (char *)(uintptr_t)block + HEAD;
}

static struct block *block_of(const void *payload) {
    return (struct block *)((uintptr_t)payload - HEAD);
}

static struct block *block_next(const struct block *block) {
    return (struct block *)((char *)block_payload(block) + block_size(block));
}

static unsigned highest_bit(size_t value) {
    return 63u - (unsigned)__builtin_clzl(value);
}

struct class {
    unsigned first, second;
};

static struct class class_of(size_t size) {
    if (size < SMALL) {
        return (struct class){0, (unsigned)(size / ALIGNMENT)};
    }
    unsigned bit = highest_bit(size);
    return (struct class){bit - SMALL_SHIFT + 1,
                          (unsigned)(size >> (bit - SECOND_BITS)) & (SECOND - 1)};
}

/* The smallest class in which every block has at least `size` bytes. */
static struct class class_for(size_t size) {
    if (size >= SMALL) {
        size += ((size_t)1 << (highest_bit(size) - SECOND_BITS)) - 1;
    }
    return class_of(size);
}

static void list_add(struct heap *heap, struct block *block) {
    struct class class = class_of(block_size(block));
    struct block **list = &heap->lists[class.first][class.second];
    block->next_free = *list;
    block->previous_free = NULL;
    if (*list != NULL) {
        (*list)->previous_free = block;
    }
    *list = block;
    heap->first_map |= 1u << class.first;
    heap->second_map[class.first] |= 1u << class.second;
}

static void list_take(struct heap *heap, struct block *block) {
    struct class class = class_of(block_size(block));
    struct block **list = &heap->lists[class.first][class.second];
    if (block->previous_free != NULL ? block->previous_free->next_free != block : *list != block) {
        actor_abort("heap: damaged free list");
    }
    if (block->previous_free != NULL) {
        block->previous_free->next_free = block->next_free;
    } else {
        *list = block->next_free;
    }
    if (block->next_free != NULL) {
        block->next_free->previous_free = block->previous_free;
    }
    if (*list == NULL) {
        heap->second_map[class.first] &= ~(1u << class.second);
        if (heap->second_map[class.first] == 0) {
            heap->first_map &= ~(1u << class.first);
        }
    }
}

/* A free block of at least `size` bytes, still in its list; NULL when there is none. */
static struct block *find_block(struct heap *heap, size_t size) {
    struct class class = class_for(size);
    if (class.first >= FIRST) {
        return NULL;
    }
    uint32_t second = heap->second_map[class.first] & ~0u << class.second;
    if (second == 0) {
        uint32_t first = class.first + 1 < 32 ? heap->first_map & ~0u << (class.first + 1) : 0;
        if (first == 0) {
            return NULL;
        }
        class.first = (unsigned)__builtin_ctz(first);
        second = heap->second_map[class.first];
    }
    return heap->lists[class.first][__builtin_ctz(second)];
}

/* Makes the block `size` long; what remains behind it, if it can be a block, becomes free. */
static void trim_block(struct heap *heap, struct block *block, size_t size) {
    size_t rest = block_size(block) - size;
    if (rest < HEAD + MINIMUM) {
        return;
    }
    block->size_flags = size | (block->size_flags & BLOCK_FREE);
    struct block *tail = block_next(block);
    tail->previous = block;
    tail->size_flags = (rest - HEAD) | BLOCK_FREE;
    struct block *after = block_next(tail);
    if (block_is_free(after)) {
        list_take(heap, after);
        tail->size_flags += HEAD + block_size(after);
        after = block_next(tail);
    }
    after->previous = tail;
    list_add(heap, tail);
}

static void count_used(struct heap *heap, size_t before, size_t now) {
    heap->usage.used = heap->usage.used - before + now;
    if (heap->usage.used > heap->usage.peak) {
        heap->usage.peak = heap->usage.used;
    }
}

/* The payload size that serves a request; 0 when no heap can. */
static size_t round_size(size_t size) {
    if (size > SIZE_LIMIT) {
        return 0;
    }
    return size < MINIMUM ? MINIMUM : (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

struct heap *heap_create(void *start, size_t size) {
    if ((uintptr_t)start % ALIGNMENT != 0 || size < HEAP_MINIMUM) {
        actor_abort("heap: bad range");
    }
    struct heap *heap = start;
    memset(heap, 0, sizeof *heap);
    size_t room = (size - sizeof *heap - 2 * HEAD) & ~(size_t)(ALIGNMENT - 1);
    if (room > SIZE_LIMIT) {
        room = SIZE_LIMIT;
    }
    heap->magic = HEAP_MAGIC;
    heap->first_block = (struct block *)(heap + 1);
    heap->first_block->previous = NULL;
    heap->first_block->size_flags = room | BLOCK_FREE;
    heap->last_block = block_next(heap->first_block);
    heap->last_block->previous = heap->first_block;
    heap->last_block->size_flags = 0;
    heap->usage.total = room;
    list_add(heap, heap->first_block);
    return heap;
}

void *heap_allocate(struct heap *heap, size_t size) {
    size = round_size(size);
    struct block *block = size != 0 ? find_block(heap, size) : NULL;
    if (block == NULL) {
        return NULL;
    }
    list_take(heap, block);
    trim_block(heap, block, size);
    block->size_flags &= ~BLOCK_FREE;
    heap->usage.blocks++;
    count_used(heap, 0, HEAD + block_size(block));
    return block_payload(block);
}

void *heap_allocate_zeroed(struct heap *heap, size_t size) {
    void *payload = heap_allocate(heap, size);
    if (payload != NULL) {
        memset(payload, 0, size);
    }
    return payload;
}

/* Ends the task unless `block` is a used block of this heap with sound neighbours. */
static void check_block(const struct heap *heap, const struct block *block) {
    if (heap->magic != HEAP_MAGIC || (uintptr_t)block % ALIGNMENT != 0 ||
        block < heap->first_block || block >= heap->last_block) {
        actor_abort("heap: not a block of this heap");
    }
    if (block_is_free(block)) {
        actor_abort("heap: block is free already");
    }
    const struct block *next = block_next(block);
    if (next <= block || next > heap->last_block || next->previous != block ||
        (block->previous != NULL && block_next(block->previous) != block)) {
        actor_abort("heap: damaged block");
    }
}

void heap_free(struct heap *heap, void *payload) {
    if (payload == NULL) {
        return;
    }
    struct block *block = block_of(payload);
    check_block(heap, block);
    heap->usage.blocks--;
    count_used(heap, HEAD + block_size(block), 0);
    struct block *next = block_next(block);
    if (block_is_free(next)) {
        list_take(heap, next);
        block->size_flags += HEAD + block_size(next);
    }
    if (block->previous != NULL && block_is_free(block->previous)) {
        struct block *previous = block->previous;
        list_take(heap, previous);
        previous->size_flags = block_size(previous) + HEAD + block_size(block);
        block = previous;
    }
    block->size_flags |= BLOCK_FREE;
    block_next(block)->previous = block;
    list_add(heap, block);
}

void heap_usage(const struct heap *heap, struct heap_usage *usage) {
    *usage = heap->usage;
}

static bool list_holds(const struct heap *heap, const struct block *block) {
    struct class class = class_of(block_size(block));
    const struct block *entry = heap->lists[class.first][class.second];
    size_t rest = heap->usage.total / MINIMUM; /* a damaged list may run in circles */
    while (entry != NULL && entry != block && rest-- != 0) {
        entry = entry->next_free;
    }
    return entry == block && (heap->first_map & 1u << class.first) != 0 &&
           (heap->second_map[class.first] & 1u << class.second) != 0;
}

bool heap_check(const struct heap *heap) {
    size_t used = 0, blocks = 0;
    const struct block *previous = NULL;
    const struct block *block = heap->first_block;
    if (heap->magic != HEAP_MAGIC) {
        return false;
    }
    for (; block != heap->last_block; previous = block, block = block_next(block)) {
        if (block->previous != previous || block > heap->last_block ||
            block_size(block) < MINIMUM || block_size(block) % ALIGNMENT != 0) {
            return false;
        }
        if (block_is_free(block)) {
            if ((previous != NULL && block_is_free(previous)) || !list_holds(heap, block)) {
                return false;
            }
        } else {
            used += HEAD + block_size(block);
            blocks++;
        }
    }
    return block->previous == previous && block->size_flags == 0 && used == heap->usage.used &&
           blocks == heap->usage.blocks;
}
