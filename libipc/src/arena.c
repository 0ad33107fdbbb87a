/* SPDX-License-Identifier: MIT */
/* The heap in the part of the arena that linked variables leave free. */
#include <ipc/actor.h>
#include <ipc/heap.h>
#include <ipc/startup.h>

/* Set by user.ld. */
extern char arena_linked_start[], arena_linked_end[];

ARENA static struct heap *heap;

size_t arena_size(void) {
    return startup_block()->arena_size;
}

size_t arena_linked_size(void) {
    return (size_t)(arena_linked_end - arena_linked_start);
}

struct heap *arena_heap(void) {
    if (heap == NULL) {
        size_t start = (arena_linked_size() + 63) & ~(size_t)63;
        size_t size = arena_size();
        if (size < start + HEAP_MINIMUM) {
            actor_abort("the arena is too small for a heap");
        }
        heap = heap_create((void *)(ARENA_VA + start), size - start);
    }
    return heap;
}

bool arena_heap_sound(void) {
    return heap == NULL || heap_check(heap);
}

void *arena_allocate(size_t size) {
    return heap_allocate_zeroed(arena_heap(), size);
}

void arena_free(void *block) {
    heap_free(arena_heap(), block);
}
