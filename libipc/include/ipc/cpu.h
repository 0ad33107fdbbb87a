/* SPDX-License-Identifier: MIT */
/* What the processor says of itself: CPUID, and its cycle counter. */
#pragma once

#include <stdint.h>

#include <common/string.h>

/* Registers eax, ebx, ecx, edx of a leaf, subleaf 0. */
static inline void cpu_id_read(uint32_t leaf, uint32_t registers[4]) {
    __asm__ volatile("cpuid"
                     : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]),
                       "=d"(registers[3])
                     : "a"(leaf), "c"(0));
}

/* The cycle counter; the clock page has its rate. */
static inline uint64_t cpu_cycles(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* Name of the processor, NUL-terminated; "unknown" if it has none. */
static inline void cpu_model(char name[49]) {
    uint32_t registers[4];
    cpu_id_read(0x80000000u, registers);
    strlcpy(name, "unknown", 49);
    if (registers[0] >= 0x80000004u) {
        for (uint32_t i = 0; i < 3; i++) {
            cpu_id_read(0x80000002u + i, registers);
            memcpy(name + 16 * i, registers, 16);
        }
        name[48] = '\0';
    }
}
