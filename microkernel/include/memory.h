/* SPDX-License-Identifier: MIT
 * Memory objects and the mappings of them into tasks.
 * Anonymous pages are allocated at first touch and shared copy-on-write between clones by the
 * frame's share count: a page may be mapped writable only while its share count is 1.
 */
#pragma once

#include "account.h"
#include "frame.h"
#include <arch/paging.h>
#include <common/list.h>

struct task;
struct thread;
struct session;

#define MEMORY_MAX_SIZE (1ull << 30) /* of kinds with a page table of their own */
#define MEMORY_TABLE_PAGES 512ull    /* frames in one page of a table */

struct memory {
    struct object object;
    uint64_t size;     /* bytes, a multiple of PAGE_SIZE */
    uint8_t kind;      /* enum memory_kind */
    phys_t base;       /* device, DMA: contiguous */
    uint64_t resident; /* pages */
    uint64_t *pages;   /* ≤ 512 pages: the frames; else pointers to arrays of 512 frames */
    struct list mappings;
    struct session *pager; /* MEMORY_PAGED */
    struct arena *arena;   /* MEMORY_ARENA */
    struct object *keep;   /* DMA: the device */
};

struct mapping {
    struct list task_link; /* sorted by address */
    struct list memory_link;
    struct task *task;
    struct memory *memory;
    uint64_t address, length, offset;
    uint32_t prot;
    uint32_t flags;
};

#define MAPPING_IMAGE 0x100u   /* rebuilt by a reset */
#define MAPPING_INITIAL 0x200u /* made before the task first started */
#define MAPPING_PROVISIONAL 0x400u
#define MAPPING_GOING 0x800u /* unmapped in this turn */
/* Whoever maps has these rights (PROT_*) to the memory: PROTECT gives no others. */
#define MAPPING_MAY(prot) ((uint32_t)(prot) << 16)

/* Kinds with pages of their own; those of MEMORY_ARENA are charged at once, others at first touch.
 */
MUST_CHECK status_t memory_create(struct account *account, uint64_t size, enum memory_kind kind,
                                  struct memory **out);
MUST_CHECK status_t memory_create_physical(struct account *account, phys_t base, uint64_t size,
                                           enum memory_kind kind, struct memory **out);
MUST_CHECK status_t memory_clone(struct account *account, struct memory *source,
                                 struct memory **out);
/* The frame of a page, allocated (charged) if absent; `write`: not shared with a clone. */
MUST_CHECK status_t memory_page(struct memory *memory, uint64_t index, bool write, phys_t *out);
/* The frame or 0 if absent; never allocates. */
phys_t memory_page_peek(struct memory *memory, uint64_t index);
/* Makes room in the table for a page. E_QUOTA. */
MUST_CHECK status_t memory_page_reserve(struct memory *memory, uint64_t index);
/* Puts a frame that is already charged into an absent page with room in the table. */
void memory_page_set(struct memory *memory, uint64_t index, phys_t frame);
/* Zeroes every page that is there. */
void memory_clear(struct memory *memory);
/* Bytes from `offset` to the end of its page, at most `length`. */
static inline uint64_t page_step(uint64_t offset, uint64_t length) {
    uint64_t room = PAGE_SIZE - offset % PAGE_SIZE;
    return room < length ? room : length;
}
/* Kernel pointer to the byte at `offset`, good for the rest of its page; one that is only read is
 * not allocated. As memory_page. */
MUST_CHECK status_t memory_bytes(struct memory *memory, uint64_t offset, bool write, char **out);
/* Copies from the content to a buffer of the kernel's or, if `user`, of the current task's, or
 * `into` it; not of device memory. E_RANGE, E_TYPE, E_FAULT, and as memory_page. */
MUST_CHECK status_t memory_copy(struct memory *memory, uint64_t offset, void *buffer,
                                uint64_t length, bool into, bool user);

/* ---- mappings ---- */
struct mapping *mapping_find(struct task *task, uint64_t address);
/* The one at the address, else the first beyond; NULL: none. */
struct mapping *mapping_next(struct task *task, uint64_t address);
/* The next one of its task, or NULL. */
struct mapping *mapping_after(const struct mapping *mapping);
/* Cuts the mapping in two at an address inside it. E_QUOTA. */
MUST_CHECK status_t mapping_cut(struct mapping *mapping, uint64_t address);
/* The new one is the task's last_mapping. */
MUST_CHECK status_t mapping_create(struct task *task, struct memory *memory, uint64_t offset,
                                   uint64_t address, uint64_t length, uint32_t prot,
                                   uint32_t flags);
void mapping_destroy(struct mapping *mapping);
/* Unmaps the first `pages` pages that are there; returns the address up to which none is left. They
 * come back by faults, with the rights that they may have then. */
uint64_t mapping_unmap_pages(struct mapping *mapping, uint64_t pages);
/* prot may be 0: no access. E_INVALID, E_RIGHTS. */
MUST_CHECK status_t mapping_protect(struct mapping *mapping, uint32_t prot);

/* Resolves a fault of `task` at `address`: maps the page. E_FAULT: not mapped or access denied;
 * E_QUOTA: the memory's account can't pay; E_WOULD_BLOCK: pager-backed page is absent. */
MUST_CHECK status_t memory_fault(struct task *task, uint64_t address, bool write, bool execute);

/* Copies from (`write`: to) a range of another task to (from) a range of the current one, resolving
 * faults on the way. The other task's arena can't be written. E_FAULT, E_QUOTA; some bytes may have
 * been copied. */
MUST_CHECK status_t task_copy(struct task *remote, uint64_t address, uint64_t local,
                              uint64_t length, bool write);
