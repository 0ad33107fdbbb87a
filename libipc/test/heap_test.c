/* SPDX-License-Identifier: MIT */
/* Heap and payload blocks: random operations with contents checked, and damage that must be seen.
 */
#include "check.h"

#include <setjmp.h>

#include <ipc/actor.h>
#include <ipc/blocks.h>
#include <ipc/heap.h>

static jmp_buf abort_target;
static bool abort_expected;
static uint64_t turn = 1;

_Noreturn void actor_abort(const char *why) {
    if (!abort_expected) {
        printf("# unexpected abort: %s\n", why);
        exit(1);
    }
    longjmp(abort_target, 1);
}

uint64_t actor_turn(void) {
    return turn;
}

/* True when the statement ends in actor_abort. */
#define ABORTS(statement)                                                                          \
    (abort_expected = true, setjmp(abort_target) != 0                                              \
                                ? (abort_expected = false, true)                                   \
                                : ((void)(statement), abort_expected = false, false))

enum { RANGE = 1 << 20, SLOTS = 400, ROUNDS = 60000 };

struct slot {
    unsigned char *block;
    size_t size;
    unsigned char pattern;
};

static bool holds(const struct slot *slot) {
    for (size_t i = 0; i < slot->size; i++) {
        if (slot->block[i] != slot->pattern) {
            return false;
        }
    }
    return true;
}

static size_t random_size(void) {
    return check_random_below(check_random_below(10) == 0 ? 40000 : 300);
}

static void fill(struct slot *slot, size_t size) {
    slot->size = size;
    slot->pattern = (unsigned char)check_random();
    memset(slot->block, slot->pattern, size);
}

static bool step(struct heap *heap, struct slot *slot) {
    size_t size = random_size();
    if (slot->block == NULL) {
        slot->block = heap_allocate(heap, size);
        if (slot->block != NULL) {
            CHECK((uintptr_t)slot->block % 16 == 0);
            fill(slot, size);
        }
        return true;
    }
    if (!holds(slot)) {
        return false;
    }
    heap_free(heap, slot->block);
    slot->block = NULL;
    return true;
}

TEST(heap_random_operations) {
    void *range = aligned_alloc(4096, RANGE);
    struct heap *heap = heap_create(range, RANGE);
    static struct slot slots[SLOTS];
    for (int round = 0; round < ROUNDS; round++) {
        REQUIRE(step(heap, &slots[check_random_below(SLOTS)]));
        if (round % 500 == 0) {
            REQUIRE(heap_check(heap));
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        heap_free(heap, slots[i].block);
    }
    struct heap_usage usage;
    heap_usage(heap, &usage);
    CHECK(heap_check(heap));
    CHECK_EQ(usage.used, 0);
    CHECK_EQ(usage.blocks, 0);
    CHECK(usage.peak > 0);
    /* Everything is one block again. */
    void *whole = heap_allocate(heap, usage.total - usage.total / 16);
    CHECK(whole != NULL);
    heap_free(heap, whole);
    free(range);
}

TEST(heap_limits) {
    void *range = aligned_alloc(4096, HEAP_MINIMUM);
    struct heap *heap = heap_create(range, HEAP_MINIMUM);
    CHECK(heap_allocate(heap, HEAP_MINIMUM) == NULL);
    CHECK(heap_allocate(heap, SIZE_MAX) == NULL);
    CHECK(heap_allocate(heap, SIZE_MAX - 20) == NULL);
    void *empty = heap_allocate(heap, 0);
    CHECK(empty != NULL);
    heap_free(heap, NULL);
    heap_free(heap, empty);
    char *zeroed = heap_allocate_zeroed(heap, 100);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(zeroed[i], 0);
    }
    int count = 0;
    while (heap_allocate(heap, 16) != NULL) {
        count++;
    }
    CHECK(count > 80);
    CHECK(heap_check(heap));
    CHECK(ABORTS(heap_create((char *)range + 1, HEAP_MINIMUM)));
    free(range);
}

TEST(heap_sees_damage) {
    void *range = aligned_alloc(4096, 65536);
    struct heap *heap = heap_create(range, 65536);
    char *first = heap_allocate(heap, 100);
    char *second = heap_allocate(heap, 100);
    char *third = heap_allocate(heap, 100);
    CHECK(ABORTS(heap_free(heap, second + 16)));
    heap_free(heap, second);
    CHECK(ABORTS(heap_free(heap, second)));
    int local;
    CHECK(ABORTS(heap_free(heap, &local)));
    CHECK(heap_check(heap));
    memset(first, 0xff, 128); /* over the head of the free second block */
    CHECK(!heap_check(heap));
    CHECK(ABORTS(heap_free(heap, first)));
    CHECK(ABORTS(heap_free(heap, third)));
    free(range);
}

TEST(blocks_wait_for_the_next_turn) {
    enum { COUNT = 4 };
    uint32_t next[COUNT];
    struct blocks blocks;
    blocks_init(&blocks, (void *)0x10000, 2048, COUNT, next);
    uint32_t taken[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        taken[i] = blocks_allocate(&blocks);
        CHECK_EQ(taken[i], i);
    }
    CHECK_EQ(blocks_allocate(&blocks), BLOCK_NONE);
    CHECK(blocks_sound(&blocks) && blocks_in_use(&blocks, taken[1]));
    CHECK(blocks_address(&blocks, 2) == (void *)0x11000);
    blocks_free(&blocks, taken[1]);
    blocks_free(&blocks, taken[3]);
    CHECK_EQ(blocks_available(&blocks), 2);
    CHECK_EQ(blocks_allocate(&blocks), BLOCK_NONE);
    turn++;
    CHECK_EQ(blocks_allocate(&blocks), 3);
    blocks_free(&blocks, 0);
    CHECK_EQ(blocks_allocate(&blocks), 1);
    CHECK_EQ(blocks_allocate(&blocks), BLOCK_NONE);
    CHECK(ABORTS(blocks_free(&blocks, 0)));
    CHECK(ABORTS(blocks_free(&blocks, COUNT)));
    turn++;
    blocks_free(&blocks, 1);
    CHECK_EQ(blocks_allocate(&blocks), 0);
    CHECK_EQ(blocks_available(&blocks), 1);
}

#define BREAKS(place, value)                                                                       \
    do {                                                                                           \
        CHECK(blocks_sound(&blocks));                                                              \
        uint32_t before = (place);                                                                 \
        (place) = (value);                                                                         \
        CHECK(!blocks_sound(&blocks));                                                             \
        (place) = before;                                                                          \
    } while (0)

TEST(blocks_that_are_damaged_are_seen) {
    enum { COUNT = 6 };
    uint32_t next[COUNT];
    struct blocks blocks;
    blocks_init(&blocks, NULL, 2048, COUNT, next);
    for (uint32_t i = 0; i < 5; i++) {
        (void)blocks_allocate(&blocks);
    }
    blocks_free(&blocks, 0);
    blocks_free(&blocks, 1);
    turn++;
    blocks_free(&blocks, 2);
    blocks_free(&blocks, 3);
    CHECK(blocks_in_use(&blocks, 4) && !blocks_in_use(&blocks, 3) && !blocks_in_use(&blocks, 5));
    BREAKS(blocks.fresh, COUNT + 1);
    BREAKS(blocks.used, 2);
    BREAKS(blocks.free, 5);
    BREAKS(blocks.free, BLOCK_NONE);
    BREAKS(blocks.pending_tail, 3);
    BREAKS(next[0], 1); /* in circles */
    BREAKS(next[3], 4); /* to one that is in use */
}

TEST(blocks_random) {
    enum { COUNT = 200 };
    static uint32_t next[COUNT];
    static uint64_t freed_in[COUNT];
    static bool used[COUNT];
    struct blocks blocks;
    blocks_init(&blocks, NULL, 4096, COUNT, next);
    uint32_t in_use = 0;
    for (int round = 0; round < 40000; round++) {
        turn += check_random_below(4) == 0;
        uint32_t index = (uint32_t)check_random_below(COUNT);
        if (used[index]) {
            blocks_free(&blocks, index);
            used[index] = false;
            freed_in[index] = turn;
            in_use--;
        } else {
            index = blocks_allocate(&blocks);
            if (index != BLOCK_NONE) {
                REQUIRE(index < COUNT && !used[index] && freed_in[index] != turn);
                used[index] = true;
                in_use++;
            }
        }
        REQUIRE(blocks_available(&blocks) == COUNT - in_use);
    }
}
