/* SPDX-License-Identifier: MIT
 * The program's address space: regions as mmap makes them. The kernel's mappings follow them.
 */
#pragma once
#include "personality.h"

#define SPACE_START 0x0000000000010000ull
#define MAPS_START 0x0000200000000000ull /* mmap goes up from here */
#define MAPS_END 0x00005ff000000000ull
#define PROGRAM_STACK_TOP 0x00005ffe00000000ull
#define PROGRAM_STACK_LIMIT (8ull << 20)
#define PIE_BASE 0x0000155500000000ull

enum region_kind { REGION_PRIVATE = 1, REGION_SHARED, REGION_STACK, REGION_HEAP };

/* Forgets everything mapped: exec. */
void memory_clear(void);
/* Anonymous memory at a free place, or at `address` exactly. >= 0: address. */
int64_t memory_anonymous(uint64_t address, uint64_t length, uint32_t prot, enum region_kind kind);
int64_t memory_remove(uint64_t address, uint64_t length);
int64_t memory_change(uint64_t address, uint64_t length, uint32_t prot);
/* A free range of that length for mmap; 0: none. */
uint64_t memory_place(uint64_t length);
bool memory_allows(uint64_t address, uint64_t length, uint32_t prot);
/* What is mapped at the address or next above it, of a stack what has been touched. False: nothing.
 */
struct memory_part {
    uint64_t start, end;
    uint32_t prot; /* LINUX_PROT_* */
    enum region_kind kind;
};
bool memory_next(uint64_t address, struct memory_part *part);
/* A fault on the stack's unmapped part, or one that another thread has resolved: try again. */
bool memory_fault(uint64_t address, bool write);
int64_t memory_stack(void);
void memory_heap(uint64_t start);
/* Before and after TASK_CLONE. */
void memory_lock(void);
void memory_unlock(void);
void memory_forked(bool child);

linux_call call_mmap, call_munmap, call_mprotect, call_brk, call_mremap, call_madvise, call_msync;
