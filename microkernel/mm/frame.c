/* SPDX-License-Identifier: MIT
 * Owns all RAM that the boot information lists as free. One bit per frame (set: free) and one share
 * count per frame, both in a table at the start of the largest range.
 * Invariant: bit set <=> share count 0 and the frame is not reserved.
 */
#include <arch/boot.h>
#include <common/string.h>
#include <debug.h>
#include <frame.h>

static uint64_t *free_map;
static uint16_t *shares;
static uint64_t frame_end; /* number of frames covered */
static uint64_t free_count;
static uint64_t hint; /* word of the map where the search starts */

static bool is_free(uint64_t frame) {
    return (free_map[frame / 64] >> (frame % 64) & 1) != 0;
}

static void mark_free(uint64_t frame) {
    free_map[frame / 64] |= 1ull << (frame % 64);
    free_count++;
}

uint64_t frame_init(const struct boot_info *info) {
    frame_end = info->memory_end / PAGE_SIZE;
    uint64_t map_size = (frame_end + 63) / 64 * 8;
    uint64_t table = PAGE_ROUND_UP(map_size + frame_end * sizeof(*shares));
    uint32_t best = 0;
    for (uint32_t i = 1; i < info->range_count; i++) {
        if (info->ranges[i].end - info->ranges[i].start >
            info->ranges[best].end - info->ranges[best].start) {
            best = i;
        }
    }
    phys_t place = info->ranges[best].start;
    ASSERT(info->ranges[best].end - place > table);
    free_map = phys_to_virt(place);
    shares = (uint16_t *)(void *)((char *)free_map + map_size);
    memset(free_map, 0, table);
    for (uint32_t i = 0; i < info->range_count; i++) {
        phys_t start = info->ranges[i].start + (i == best ? table : 0);
        for (uint64_t frame = start / PAGE_SIZE; frame < info->ranges[i].end / PAGE_SIZE; frame++) {
            mark_free(frame);
        }
    }
    uint64_t total = free_count;
    for (uint32_t i = 0; i < info->module_count; i++) {
        const struct boot_module_info *module = &info->modules[i];
        for (uint64_t at = 0; module->start % PAGE_SIZE == 0 && at < module->size;
             at += PAGE_SIZE) {
            uint64_t frame = (module->start + at) / PAGE_SIZE;
            ASSERT(frame < frame_end && shares[frame] == 0 && !is_free(frame));
            shares[frame] = 1;
            total++;
        }
    }
    return total;
}

phys_t frame_alloc(void) {
    uint64_t words = (frame_end + 63) / 64;
    for (uint64_t scanned = 0; scanned <= words; scanned++) {
        uint64_t word = free_map[hint];
        if (word != 0) {
            uint64_t frame = hint * 64 + (uint64_t)__builtin_ctzll(word);
            free_map[hint] = word & (word - 1);
            shares[frame] = 1;
            free_count--;
            return frame * PAGE_SIZE;
        }
        hint = hint + 1 == words ? 0 : hint + 1;
    }
    panic("out of frames although every one is accounted for");
}

phys_t frame_alloc_zeroed(void) {
    phys_t frame = frame_alloc();
    memset(phys_to_virt(frame), 0, PAGE_SIZE);
    return frame;
}

char *frame_bytes(phys_t frame) {
    static char zeroes[PAGE_SIZE];
    return frame == 0 ? zeroes : phys_to_virt(frame);
}

phys_t frame_alloc_run(uint64_t count) {
    uint64_t end = frame_end < (1ull << 20) ? frame_end : 1ull << 20; /* below 4 GiB */
    uint64_t run = 0;
    /* From the top, so that long-lived DMA memory stays out of the way of single frames. */
    for (uint64_t frame = end; frame-- > 1;) {
        run = is_free(frame) ? run + 1 : 0;
        if (run == count) {
            for (uint64_t i = frame; i < frame + count; i++) {
                free_map[i / 64] &= ~(1ull << (i % 64));
                shares[i] = 1;
            }
            free_count -= count;
            memset(phys_to_virt(frame * PAGE_SIZE), 0, count * PAGE_SIZE);
            return frame * PAGE_SIZE;
        }
    }
    return 0;
}

void frame_free(phys_t address) {
    uint64_t frame = address / PAGE_SIZE;
    ASSERT(frame < frame_end && shares[frame] > 0);
    if (--shares[frame] == 0) {
        mark_free(frame);
        if (frame / 64 < hint) {
            hint = frame / 64;
        }
    }
}

void frame_share(phys_t address) {
    uint64_t frame = address / PAGE_SIZE;
    ASSERT(shares[frame] > 0 && shares[frame] < UINT16_MAX);
    shares[frame]++;
}

uint32_t frame_shares(phys_t address) {
    return shares[address / PAGE_SIZE];
}

uint64_t frame_free_count(void) {
    return free_count;
}
