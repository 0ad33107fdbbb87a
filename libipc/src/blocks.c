/* SPDX-License-Identifier: MIT */
/* Payload blocks: two linked stacks of indices (free, and freed in the present turn). */
#include <ipc/blocks.h>

#include <ipc/actor.h>

/* next[] of a block in use. */
#define BLOCK_USED (UINT32_MAX - 1)
/* ... and of one that an import has not come to yet. */
#define BLOCK_UNCLAIMED (UINT32_MAX - 2)

void blocks_init(struct blocks *blocks, void *base, uint32_t size, uint32_t count, uint32_t *next) {
    *blocks = (struct blocks){
        .base = (uintptr_t)base,
        .size = size,
        .count = count,
        .free = BLOCK_NONE,
        .pending = BLOCK_NONE,
        .pending_tail = BLOCK_NONE,
        .next = next,
    };
}

/* What was freed in an earlier, hence committed, turn can be given out again. */
static void release_pending(struct blocks *blocks) {
    if (blocks->pending != BLOCK_NONE && blocks->pending_turn != actor_turn()) {
        blocks->next[blocks->pending_tail] = blocks->free;
        blocks->free = blocks->pending;
        blocks->pending = BLOCK_NONE;
    }
}

uint32_t blocks_allocate(struct blocks *blocks) {
    release_pending(blocks);
    uint32_t index = blocks->free;
    if (index != BLOCK_NONE) {
        blocks->free = blocks->next[index];
    } else if (blocks->fresh < blocks->count) {
        index = blocks->fresh++;
    } else {
        return BLOCK_NONE;
    }
    blocks->next[index] = BLOCK_USED;
    blocks->used++;
    return index;
}

void blocks_free(struct blocks *blocks, uint32_t index) {
    if (index >= blocks->fresh || blocks->next[index] != BLOCK_USED) {
        actor_abort("a payload block is freed twice");
    }
    release_pending(blocks);
    if (blocks->pending == BLOCK_NONE) {
        blocks->pending_tail = index;
        blocks->pending_turn = actor_turn();
    }
    blocks->next[index] = blocks->pending;
    blocks->pending = index;
    blocks->used--;
}

uint32_t blocks_available(const struct blocks *blocks) {
    return blocks->count - blocks->used;
}

void blocks_adopt(struct blocks *blocks, uint32_t fresh) {
    blocks->fresh = fresh < blocks->count ? fresh : blocks->count;
    for (uint32_t i = 0; i < blocks->fresh; i++) {
        blocks->next[i] = BLOCK_UNCLAIMED;
    }
}

bool blocks_claim(struct blocks *blocks, uint32_t index) {
    if (index >= blocks->fresh || blocks->next[index] != BLOCK_UNCLAIMED) {
        return false;
    }
    blocks->next[index] = BLOCK_USED;
    blocks->used++;
    return true;
}

void blocks_adopted(struct blocks *blocks) {
    for (uint32_t i = 0; i < blocks->fresh; i++) {
        if (blocks->next[i] == BLOCK_UNCLAIMED) {
            blocks->next[i] = blocks->free;
            blocks->free = i;
        }
    }
}

/* Adds the length of a list; false: it leads astray. */
static bool count_list(const struct blocks *blocks, uint32_t index, uint32_t *count) {
    for (; index != BLOCK_NONE; index = blocks->next[index]) {
        if (index >= blocks->fresh || ++*count > blocks->fresh) {
            return false;
        }
    }
    return true;
}

bool blocks_sound(const struct blocks *blocks) {
    uint32_t free = 0;
    return blocks->next != NULL && blocks->fresh <= blocks->count &&
           count_list(blocks, blocks->free, &free) && count_list(blocks, blocks->pending, &free) &&
           (blocks->pending == BLOCK_NONE || (blocks->pending_tail < blocks->fresh &&
                                              blocks->next[blocks->pending_tail] == BLOCK_NONE)) &&
           free + blocks->used == blocks->fresh;
}

bool blocks_in_use(const struct blocks *blocks, uint32_t index) {
    return index < blocks->fresh && blocks->next[index] == BLOCK_USED;
}
