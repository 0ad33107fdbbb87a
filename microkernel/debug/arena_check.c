/* SPDX-License-Identifier: MIT
 * Compares a page that is about to be committed in part with its committed image.
 */
#include "arena_check.h"

#include <common/string.h>
#include <frame.h>

bool arena_check_named(struct thread *thread, uint64_t named) {
    struct memory *memory = thread->task->arena;
    uint64_t page = arena_named_page(named);
    if (memory == NULL || page >= memory->size / PAGE_SIZE) {
        return false;
    }
    const char *now = frame_bytes(memory_page_peek(memory, page));
    const char *then = frame_bytes(memory_page_peek(memory->arena->committed, page));
    uint64_t at = ARENA_RANGE_OFFSET(named) % PAGE_SIZE, end = at + ARENA_RANGE_LENGTH(named);
    if (memcmp(now, then, at) == 0 && memcmp(now + end, then + end, PAGE_SIZE - end) == 0) {
        return false;
    }
    fault_send(thread, FAULT_LABEL_FAULT, FAULT_VECTOR_UNNAMED, 0, ARENA_VA + page * PAGE_SIZE);
    return true;
}
