/* SPDX-License-Identifier: MIT */
/* ChaCha20 (RFC 8439, section 2.3) as a generator of random bytes. */
#include <ipc/random.h>

#include <stdbool.h>

#include <axolotl/abi.h>
#include <common/string.h>
#include <ipc/cpu.h>

static struct {
    bool keyed;
    uint32_t input[16];
    uint8_t output[64];
    size_t used; /* bytes of output that were given away */
} generator;

static uint32_t rotate(uint32_t value, int bits) {
    return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t *state, int a, int b, int c, int d) {
    state[a] += state[b];
    state[d] = rotate(state[d] ^ state[a], 16);
    state[c] += state[d];
    state[b] = rotate(state[b] ^ state[c], 12);
    state[a] += state[b];
    state[d] = rotate(state[d] ^ state[a], 8);
    state[c] += state[d];
    state[b] = rotate(state[b] ^ state[c], 7);
}

static void next_block(void) {
    uint32_t state[16];
    memcpy(state, generator.input, sizeof state);
    for (int round = 0; round < 10; round++) {
        quarter_round(state, 0, 4, 8, 12);
        quarter_round(state, 1, 5, 9, 13);
        quarter_round(state, 2, 6, 10, 14);
        quarter_round(state, 3, 7, 11, 15);
        quarter_round(state, 0, 5, 10, 15);
        quarter_round(state, 1, 6, 11, 12);
        quarter_round(state, 2, 7, 8, 13);
        quarter_round(state, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        state[i] += generator.input[i];
    }
    memcpy(generator.output, state, sizeof state);
    generator.input[12]++;
    generator.used = 0;
}

/* A hardware random number where the CPU has them, else 0. */
static uint64_t hardware_random(void) {
    uint32_t registers[4];
    uint64_t value = 0;
    cpu_id_read(1, registers);
    if ((registers[2] & 1u << 30) != 0) {
        __asm__ volatile("rdrand %0" : "+r"(value) : : "cc");
    }
    return value;
}

static void key(void) {
    const struct clock_page *page = (const struct clock_page *)CLOCK_PAGE_VA;
    uint64_t material[6] = {
        page->tsc_base,    page->wall_base,   cpu_cycles(),
        hardware_random(), hardware_random(), (uintptr_t)&material,
    };
    memcpy(generator.input, "expand 32-byte k", 16);
    memcpy(generator.input + 4, material, sizeof material);
    next_block();
    /* The output becomes the key, so the seeds cannot be read back from later output. */
    memcpy(generator.input + 4, generator.output, 32);
    next_block();
    generator.keyed = true;
}

void random_fill(void *buffer, size_t size) {
    uint8_t *to = buffer;
    if (!generator.keyed) {
        key();
    }
    for (; size != 0; size--) {
        if (generator.used == sizeof generator.output) {
            next_block();
        }
        *to++ = generator.output[generator.used++];
    }
}

uint32_t random_u32(void) {
    uint32_t value;
    random_fill(&value, sizeof value);
    return value;
}

uint64_t random_u64(void) {
    uint64_t value;
    random_fill(&value, sizeof value);
    return value;
}
