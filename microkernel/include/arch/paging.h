/* SPDX-License-Identifier: MIT
 * User address spaces: four-level page tables, 4 KiB pages. Kernel lock held for all.
 *
 * Who unmaps or restricts a page calls arch_shootdown before the frame or the permission counts as
 * gone. arch_map where nothing was needs nothing: x86 does not cache absent entries.
 */
#pragma once

#include <arch/types.h>

#define PAGE_WRITE PROT_WRITE
#define PAGE_EXECUTE PROT_EXEC
#define PAGE_UNCACHED 0x100u
#define PAGE_WRITE_COMBINE 0x200u

/* Page tables of one address space; embedded in the owner's structure. */
struct arch_space {
    phys_t root;
    uint64_t cpus;           /* CPUs that have it loaded, hence may cache it */
    uint64_t walk_tag;       /* va >> 21 of walk_table, ~0: none */
    uint64_t *walk_table;    /* last page table used */
    struct account *account; /* pays for table pages */
};

/* One table page, charged to `account`. E_QUOTA. */
MUST_CHECK status_t arch_space_create(struct arch_space *space, struct account *account);

/* Frees all table pages; the frames mapped are the caller's. Leaves no CPU with it loaded. Nothing
 * is done to one that is all zero: creating it has failed. */
void arch_space_destroy(struct arch_space *space);

/* Maps a page, replacing whatever is mapped at va. va and pa page-aligned, va within [USER_LOWEST,
 * USER_HIGHEST). No shootdown inside. E_INVALID (address, W+X), E_QUOTA (table page). */
MUST_CHECK status_t arch_map(struct arch_space *space, uint64_t va, phys_t pa, uint32_t flags);

/* Removes one page: false if none was there. The local TLB entry is invalidated; other CPUs need
 * arch_shootdown. */
bool arch_unmap(struct arch_space *space, uint64_t va);

/* The page-table entry of a mapped page, for looking at its dirty bit; good while something in the
 * same 2 MiB stays mapped. NULL: nothing is mapped. */
uint64_t *arch_entry(struct arch_space *space, uint64_t va);
#define ARCH_ENTRY_WRITE 0x2u
#define ARCH_ENTRY_DIRTY 0x40u

/* Clears the dirty bit; writes count again only after an arch_shootdown. Atomic: another CPU may be
 * setting it. */
static inline void arch_entry_clean(uint64_t *entry) {
    __atomic_fetch_and(entry, ~(uint64_t)ARCH_ENTRY_DIRTY, __ATOMIC_RELAXED);
}

/* The same for the right to write. */
static inline void arch_entry_protect(uint64_t *entry) {
    __atomic_fetch_and(entry, ~(uint64_t)ARCH_ENTRY_WRITE, __ATOMIC_RELAXED);
}

/* First va >= start and < end whose slot may be in use (skips absent tables); end if none. */
uint64_t arch_next_mapped(struct arch_space *space, uint64_t start, uint64_t end);

/* ---- TLB --------------------------------------------------------------------------------- */

/* Forgets the translations of `pages` pages at va (pages == 0: all of the space) on every CPU that
 * has the space loaded, including this one; returns when all have. Cheap when only this CPU has it.
 * The lock is held; CPUs that wait for it answer while they wait. */
void arch_shootdown(struct arch_space *space, uint64_t va, size_t pages);

/* Forgets one translation on this CPU. */
static inline void arch_invalidate(uint64_t va) {
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* ---- Kernel mappings --------------------------------------------------------------------- */

/* Maps device registers, uncached, for good. NULL: the window is full. Not for RAM. */
volatile void *arch_map_device(phys_t address, size_t size);
