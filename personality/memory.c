/* SPDX-License-Identifier: MIT
 * Address space. Invariant: regions are sorted and disjoint; for each, the kernel has mappings over
 * all of it (of the stack: from `mapped` up) with its protection.
 */
#include "memory.h"

#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/memory.h>

#include "file.h"

#define REGIONS 400u
#define STACK_STEP 0x20000ull
#define PAGE_MASK (PAGE_SIZE - 1)
#define MEMORY_MAX (1ull << 30)

struct region {
    uint64_t start, end;
    uint64_t mapped; /* stack: lowest mapped address */
    uint64_t offset; /* shared: of `start` in the memory */
    handle_t memory; /* shared: kept for fork; counted by `owner` */
    uint32_t prot;   /* LINUX_PROT_* */
    uint32_t kind;   /* enum region_kind */
    bool lent;       /* private and not writable at the last fork: parent and child have one
                      * memory */
};

static struct region regions[REGIONS];
static uint32_t count;
static struct lock memory_mutex;
static uint64_t heap_start, heap_end; /* heap_end: the break */

void memory_lock(void) {
    lock_take(&memory_mutex);
}

void memory_unlock(void) {
    lock_give(&memory_mutex);
}

/* The first region that ends above the address. */
static uint32_t find(uint64_t address) {
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (regions[middle].end > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static bool insert(const struct region *region) {
    if (count == REGIONS) {
        return false;
    }
    uint32_t at = find(region->start);
    memmove(&regions[at + 1], &regions[at], (count - at) * sizeof regions[0]);
    regions[at] = *region;
    count++;
    return true;
}

static void delete (uint32_t at) {
    memmove(&regions[at], &regions[at + 1], (count - at - 1) * sizeof regions[0]);
    count--;
}

/* Cuts the region around the address in two. */
static bool cut(uint64_t address) {
    uint32_t at = find(address);
    if (at == count || regions[at].start >= address) {
        return true;
    }
    struct region rest = regions[at];
    if (rest.memory != HANDLE_NONE &&
        handle_copy(regions[at].memory, RIGHT_ALL, &rest.memory) != OK) {
        return false;
    }
    rest.offset += address - rest.start;
    rest.start = address;
    if (rest.mapped < address) {
        rest.mapped = address;
    }
    if (count == REGIONS) {
        handle_close(rest.memory);
        return false;
    }
    regions[at].end = address;
    if (regions[at].mapped > address) {
        regions[at].mapped = address;
    }
    return insert(&rest);
}

/* ---- kernel mappings ---- */

static status_t map_new(uint64_t address, uint64_t length, uint32_t prot, handle_t *keep) {
    for (uint64_t done = 0; done < length;) {
        uint64_t part = length - done < MEMORY_MAX ? length - done : MEMORY_MAX;
        handle_t memory;
        status_t status = memory_create(process.account, part, &memory);
        if (status != OK) {
            return status;
        }
        status =
            memory_map(TASK_SELF, memory, 0, address + done, part, prot == 0 ? PROT_READ : prot);
        if (status == OK && prot == 0) {
            status = memory_protect(TASK_SELF, address + done, part, 0);
        }
        if (keep != NULL && status == OK) {
            *keep = memory;
        } else {
            handle_close(memory);
        }
        if (status != OK) {
            return status;
        }
        done += part;
    }
    return OK;
}

/* W and X together are never given: such memory is writable, then what it is protected to. */
static uint32_t native(uint32_t prot) {
    uint32_t result = prot & (LINUX_PROT_READ | LINUX_PROT_WRITE | LINUX_PROT_EXEC);
    if ((result & PROT_WRITE) != 0) {
        result = (result & ~PROT_EXEC) | PROT_READ;
    }
    return (result & PROT_EXEC) != 0 ? result | PROT_READ : result;
}

static bool is_free(uint64_t start, uint64_t end) {
    uint32_t at = find(start);
    return at == count || regions[at].start >= end;
}

uint64_t memory_place(uint64_t length) {
    uint64_t at = MAPS_START;
    for (uint32_t i = find(at); i < count && regions[i].start < MAPS_END; i++) {
        if (regions[i].start >= at && regions[i].start - at >= length) {
            break;
        }
        if (regions[i].end > at) {
            at = regions[i].end;
        }
    }
    return length <= MAPS_END - at ? at : 0;
}

/* [start, end) is free afterwards. */
static int64_t remove_locked(uint64_t start, uint64_t end) {
    if (!cut(start) || !cut(end)) {
        return -ENOMEM;
    }
    for (uint32_t at = find(start); at < count && regions[at].start < end;) {
        struct region *region = &regions[at];
        uint64_t from = region->kind == REGION_STACK ? region->mapped : region->start;
        if (from < region->end) {
            (void)memory_unmap(TASK_SELF, from, region->end - from);
        }
        handle_close(region->memory);
        delete (at);
    }
    return 0;
}

static int64_t anonymous_locked(uint64_t address, uint64_t length, uint32_t prot,
                                enum region_kind kind) {
    struct region region = {
        .start = address, .end = address + length, .prot = prot, .kind = kind, .mapped = address};
    if (count == REGIONS || (kind == REGION_SHARED && length > MEMORY_MAX)) {
        return -ENOMEM;
    }
    status_t status =
        map_new(address, length, native(prot), kind == REGION_SHARED ? &region.memory : NULL);
    if (status != OK) {
        (void)memory_unmap(TASK_SELF, address, length);
        return -ENOMEM;
    }
    return insert(&region) ? (int64_t)address : -ENOMEM;
}

int64_t memory_anonymous(uint64_t address, uint64_t length, uint32_t prot, enum region_kind kind) {
    length = PAGE_ROUND_UP(length);
    memory_lock();
    if (address == 0) {
        address = memory_place(length);
    }
    int64_t result = -ENOMEM;
    if (address != 0) {
        result = remove_locked(address, address + length);
        if (result == 0) {
            result = anonymous_locked(address, length, prot, kind);
        }
    }
    memory_unlock();
    return result;
}

int64_t memory_remove(uint64_t address, uint64_t length) {
    memory_lock();
    int64_t result = remove_locked(address, address + PAGE_ROUND_UP(length));
    memory_unlock();
    return result;
}

void memory_clear(void) {
    memory_lock();
    (void)remove_locked(0, USER_HIGHEST);
    heap_start = heap_end = 0;
    memory_unlock();
}

/* A memory that a parent or child may have as well is replaced by a copy before it is written. */
static int64_t own(struct region *region) {
    uint64_t length = region->end - region->start;
    handle_t copy;
    if (memory_protect(TASK_SELF, region->start, length, PROT_READ) != OK ||
        memory_create(process.account, length, &copy) != OK) {
        return -ENOMEM;
    }
    status_t status = OK;
    for (uint64_t done = 0; done < length && status == OK; done += PAGE_SIZE) {
        status = memory_write(copy, done, (const void *)(region->start + done), PAGE_SIZE);
    }
    if (status == OK) {
        (void)memory_unmap(TASK_SELF, region->start, length);
        status = memory_map(TASK_SELF, copy, 0, region->start, length, PROT_READ);
    }
    handle_close(copy);
    region->lent = false;
    return status == OK ? 0 : -ENOMEM;
}

int64_t memory_change(uint64_t address, uint64_t length, uint32_t prot) {
    uint64_t end = address + PAGE_ROUND_UP(length);
    int64_t result = 0;
    memory_lock();
    if (!cut(address) || !cut(end)) {
        memory_unlock();
        return -ENOMEM;
    }
    uint64_t at = address;
    for (uint32_t i = find(address); i < count && at < end && result == 0; i++) {
        struct region *region = &regions[i];
        if (region->start > at) {
            break;
        }
        if (region->kind == REGION_STACK && region->mapped > region->start) {
            at = region->end; /* what is not mapped yet comes with the old rights */
            continue;
        }
        if (region->lent && (prot & LINUX_PROT_WRITE) != 0) {
            result = own(region);
        }
        if (result == 0 && memory_protect(TASK_SELF, region->start, region->end - region->start,
                                          native(prot)) != OK) {
            result = -ENOMEM;
        }
        region->prot = prot;
        at = region->end;
    }
    memory_unlock();
    return result != 0 ? result : at < end ? -ENOMEM : 0;
}

/* ---- checks and faults ---- */

static bool grow_stack(struct region *region, uint64_t address) {
    uint64_t low = address & ~(STACK_STEP - 1);
    low = low < region->start ? region->start : low;
    if (map_new(low, region->mapped - low, native(region->prot), NULL) != OK) {
        return false;
    }
    region->mapped = low;
    return true;
}

bool memory_allows(uint64_t address, uint64_t length, uint32_t prot) {
    if (length == 0) {
        return true;
    }
    if (address + length < address) {
        return false;
    }
    uint64_t end = address + length;
    bool good = true;
    memory_lock();
    for (uint32_t i = find(address); address < end && good; i++) {
        struct region *region = &regions[i];
        good = i < count && region->start <= address && (region->prot & prot) == prot;
        if (good && region->kind == REGION_STACK && address < region->mapped) {
            good = grow_stack(region, address);
        }
        address = good ? region->end : address;
    }
    memory_unlock();
    return good;
}

bool memory_next(uint64_t address, struct memory_part *part) {
    memory_lock();
    uint32_t i = find(address);
    bool there = i < count;
    if (there) {
        const struct region *region = &regions[i];
        bool stack = region->kind == REGION_STACK;
        *part = (struct memory_part){stack ? region->mapped : region->start, region->end,
                                     region->prot, (enum region_kind)region->kind};
    }
    memory_unlock();
    return there;
}

bool memory_fault(uint64_t address, bool write) {
    bool again = false;
    memory_lock();
    uint32_t i = find(address);
    if (i < count && regions[i].start <= address &&
        (regions[i].prot & (write ? LINUX_PROT_WRITE : LINUX_PROT_READ)) != 0 &&
        regions[i].kind == REGION_STACK && address < regions[i].mapped) {
        again = grow_stack(&regions[i], address);
    }
    memory_unlock();
    return again;
}

int64_t memory_stack(void) {
    struct region stack = {.start = PROGRAM_STACK_TOP - PROGRAM_STACK_LIMIT,
                           .end = PROGRAM_STACK_TOP,
                           .mapped = PROGRAM_STACK_TOP,
                           .prot = LINUX_PROT_READ | LINUX_PROT_WRITE,
                           .kind = REGION_STACK};
    memory_lock();
    bool good = insert(&stack) && grow_stack(&regions[find(stack.start)], stack.end - 1);
    memory_unlock();
    return good ? 0 : -ENOMEM;
}

void memory_forked(bool child) {
    for (uint32_t i = 0; i < count; i++) {
        struct region *region = &regions[i];
        if (region->kind != REGION_SHARED) {
            region->lent |= (region->prot & LINUX_PROT_WRITE) == 0;
        } else if (child && (region->prot & LINUX_PROT_WRITE) != 0) {
            /* the clone copied it; the handle still names the shared one */
            uint64_t length = region->end - region->start;
            if (memory_unmap(TASK_SELF, region->start, length) != OK ||
                memory_map(TASK_SELF, region->memory, region->offset, region->start, length,
                           native(region->prot)) != OK) {
                region->prot = 0; /* no room: what touches it is told by SIGSEGV */
            }
        }
    }
}

/* ---- system calls ---- */

void memory_heap(uint64_t start) {
    heap_start = heap_end = PAGE_ROUND_UP(start);
}

int64_t call_brk(struct thread *thread, const uint64_t *a) {
    uint64_t wanted = a[0];
    (void)thread;
    memory_lock();
    uint64_t old = PAGE_ROUND_UP(heap_end);
    uint64_t new = PAGE_ROUND_UP(wanted);
    if (wanted >= heap_start && wanted < ARENA_VA - (2ull << 30)) {
        int64_t result = 0;
        if (new > old && is_free(old, new)) {
            result =
                anonymous_locked(old, new - old, LINUX_PROT_READ | LINUX_PROT_WRITE, REGION_HEAP);
        } else if (new > old) {
            result = -ENOMEM;
        } else if (new < old) {
            result = remove_locked(new, old);
        }
        if (result >= 0) {
            heap_end = wanted;
        }
    }
    int64_t end = (int64_t)heap_end;
    memory_unlock();
    return end;
}

int64_t call_mmap(struct thread *thread, const uint64_t *a) {
    uint64_t address = a[0];
    uint64_t length = PAGE_ROUND_UP(a[1]);
    uint32_t prot = (uint32_t)a[2] & 7;
    uint32_t flags = (uint32_t)a[3];
    uint32_t type = flags & MAP_TYPE;
    if (a[1] == 0 || length == 0 || (address & PAGE_MASK) != 0 || (a[5] & PAGE_MASK) != 0 ||
        (type != MAP_PRIVATE && type != MAP_SHARED && type != 3)) {
        return -EINVAL;
    }
    bool fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
    if (length > MAPS_END - MAPS_START ||
        (fixed && (address < SPACE_START || address >= PROGRAM_STACK_TOP ||
                   length > PROGRAM_STACK_TOP - address))) {
        return fixed && address < SPACE_START ? -EPERM : -ENOMEM;
    }
    if ((flags & MAP_FIXED_NOREPLACE) != 0 && memory_allows(address, 1, 0)) {
        return -EEXIST;
    }
    if ((flags & MAP_ANONYMOUS) == 0) {
        return file_map(thread, (int)a[4], fixed ? address : 0, length, prot, type != MAP_PRIVATE,
                        a[5]);
    }
    return memory_anonymous(fixed ? address : 0, length, prot,
                            type == MAP_PRIVATE ? REGION_PRIVATE : REGION_SHARED);
}

int64_t call_munmap(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if ((a[0] & PAGE_MASK) != 0 || a[1] == 0 || a[0] + a[1] < a[0] || a[0] >= USER_HIGHEST ||
        a[1] > USER_HIGHEST - a[0]) {
        return -EINVAL;
    }
    return memory_remove(a[0], a[1]);
}

int64_t call_mprotect(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if ((a[0] & PAGE_MASK) != 0 || (a[2] & ~7ull) != 0) {
        return -EINVAL;
    }
    if (a[1] == 0) {
        return 0;
    }
    return a[0] >= USER_HIGHEST || a[1] > USER_HIGHEST - a[0]
               ? -ENOMEM
               : memory_change(a[0], a[1], (uint32_t)a[2]);
}

/* Moves by copying: a region has no memory of its own to map elsewhere. */
int64_t call_mremap(struct thread *thread, const uint64_t *a) {
    uint64_t old = PAGE_ROUND_UP(a[1]);
    uint64_t new = PAGE_ROUND_UP(a[2]);
    (void)thread;
    if ((a[0] & PAGE_MASK) != 0 || new == 0 || old == 0 || (a[3] & ~3ull) != 0 || (a[3] & 2) != 0) {
        return -EINVAL;
    }
    memory_lock();
    uint32_t i = find(a[0]);
    bool whole = i < count && regions[i].start <= a[0];
    uint32_t prot = whole ? regions[i].prot : 0;
    enum region_kind kind = whole ? (enum region_kind)regions[i].kind : REGION_PRIVATE;
    while (whole && regions[i].end < a[0] + old) { /* parts that are alike count as one */
        whole = i + 1 < count && regions[i + 1].start == regions[i].end &&
                regions[i + 1].prot == prot && regions[i + 1].kind == (uint32_t)kind;
        i++;
    }
    bool room = whole && regions[i].end == a[0] + old && is_free(a[0] + old, a[0] + new);
    memory_unlock();
    if (!whole) {
        return -EFAULT;
    }
    if (kind != REGION_PRIVATE && kind != REGION_HEAP) {
        return -ENOMEM;
    }
    if (new <= old) {
        int64_t result = new < old ? memory_remove(a[0] + new, old - new) : 0;
        return result == 0 ? (int64_t)a[0] : result;
    }
    if (room) {
        int64_t result = memory_anonymous(a[0] + old, new - old, prot, REGION_PRIVATE);
        return result < 0 ? result : (int64_t)a[0];
    }
    if ((a[3] & 1) == 0) {
        return -ENOMEM;
    }
    int64_t moved = memory_anonymous(0, new, prot | LINUX_PROT_WRITE, REGION_PRIVATE);
    if (moved < 0) {
        return moved;
    }
    memcpy((void *)moved, (const void *)a[0], old);
    if ((prot & LINUX_PROT_WRITE) == 0) {
        (void)memory_change((uint64_t)moved, new, prot);
    }
    (void)memory_remove(a[0], old);
    return moved;
}

#define MADV_DONTNEED 4
int64_t call_madvise(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if ((a[0] & PAGE_MASK) != 0) {
        return -EINVAL;
    }
    if (a[2] != MADV_DONTNEED) {
        return a[2] <= 25 ? 0 : -EINVAL;
    }
    uint64_t end = a[0] + PAGE_ROUND_UP(a[1]);
    for (uint64_t at = a[0]; at < end;) { /* private pages are zero afterwards */
        memory_lock();
        uint32_t i = find(at);
        bool inside = i < count && regions[i].start <= at;
        struct region region = inside ? regions[i] : (struct region){0};
        memory_unlock();
        if (!inside) {
            return -ENOMEM;
        }
        uint64_t to = region.end < end ? region.end : end;
        if (region.kind == REGION_PRIVATE || region.kind == REGION_HEAP) {
            int64_t result =
                memory_anonymous(at, to - at, region.prot, (enum region_kind)region.kind);
            if (result < 0) {
                return result;
            }
        }
        at = to;
    }
    return 0;
}

int64_t call_msync(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return (a[0] & PAGE_MASK) != 0 ? -EINVAL : memory_allows(a[0], a[1], 0) ? 0 : -ENOMEM;
}
