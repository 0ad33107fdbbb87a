/* SPDX-License-Identifier: MIT
 * Mappings of memory into tasks, page faults, and copies through a task's mappings.
 * Invariant: a task's list is sorted by address and free of overlaps; a page-table entry exists
 * only inside a mapping and refers to the frame that the memory has at that page.
 */
#include <arch/hooks.h>
#include <arch/user_copy.h>
#include <task.h>

struct mapping *mapping_next(struct task *task, uint64_t address) {
    struct mapping *last = task->last_mapping;
    if (last != NULL && address - last->address < last->length) {
        return last;
    }
    LIST_FOR_EACH(link, &task->mappings) {
        struct mapping *mapping = LIST_ENTRY(link, struct mapping, task_link);
        if (mapping->address + mapping->length > address) {
            task->last_mapping = mapping;
            return mapping;
        }
    }
    return NULL;
}

struct mapping *mapping_find(struct task *task, uint64_t address) {
    struct mapping *mapping = mapping_next(task, address);
    return mapping != NULL && mapping->address <= address ? mapping : NULL;
}

static bool prot_ok(uint32_t prot) {
    return (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) == 0 &&
           (prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC);
}

static uint32_t cache_flags(const struct mapping *mapping) {
    if (mapping->memory->kind != MEMORY_DEVICE) {
        return 0;
    }
    return (mapping->flags & MAP_WRITE_COMBINE) != 0 ? PAGE_WRITE_COMBINE : PAGE_UNCACHED;
}

static status_t fault_page(struct mapping *mapping, uint64_t address, bool write) {
    struct memory *memory = mapping->memory;
    uint64_t index = (mapping->offset + (address - mapping->address)) / PAGE_SIZE;
    phys_t frame;
    TRY(memory_page(memory, index, write, &frame));
    uint32_t prot = mapping->prot;
    if (memory->kind == MEMORY_ARENA && write) {
        return arena_touch(memory->arena, index, frame);
    }
    if (memory->kind == MEMORY_ARENA || (memory->pages != NULL && frame_shares(frame) > 1)) {
        prot &= ~PROT_WRITE;
    }
    return arch_map(&mapping->task->space, address, frame, prot | cache_flags(mapping));
}

status_t mapping_create(struct task *task, struct memory *memory, uint64_t offset, uint64_t address,
                        uint64_t length, uint32_t prot, uint32_t flags) {
    if (((offset | address | length) & (PAGE_SIZE - 1)) != 0 || length == 0 || !prot_ok(prot) ||
        !user_range_ok(address, length)) {
        return E_INVALID;
    }
    if (offset > memory->size || length > memory->size - offset) {
        return E_RANGE;
    }
    struct mapping *next = mapping_next(task, address);
    if (next != NULL && next->address < address + length) {
        return E_EXISTS;
    }
    struct mapping *mapping = kmem_alloc_raw(task->account, sizeof(*mapping));
    if (mapping == NULL) {
        return E_QUOTA;
    }
    mapping->task = task;
    mapping->memory = memory;
    mapping->address = address;
    mapping->length = length;
    mapping->offset = offset;
    mapping->prot = prot;
    mapping->flags = flags | MAPPING_MAY(prot);
    task->last_mapping = mapping;
    object_get(&memory->object);
    list_insert_before(next == NULL ? &task->mappings : &next->task_link, &mapping->task_link);
    list_push_back(&memory->mappings, &mapping->memory_link);
    for (uint64_t at = 0; (flags & MAP_POPULATE) != 0 && at < length; at += PAGE_SIZE) {
        status_t status = fault_page(mapping, address + at, false);
        if (status != OK) {
            mapping_destroy(mapping);
            return status;
        }
    }
    return OK;
}

uint64_t mapping_unmap_pages(struct mapping *mapping, uint64_t pages) {
    struct arch_space *space = &mapping->task->space;
    uint64_t at = mapping->address, end = at + mapping->length;
    bool any = false;
    for (; (at = arch_next_mapped(space, at, end)) < end && pages > 0; at += PAGE_SIZE, pages--) {
        any |= arch_unmap(space, at);
    }
    if (any) {
        arch_shootdown(space, mapping->address, (at - mapping->address) / PAGE_SIZE);
    }
    return at;
}

void mapping_destroy(struct mapping *mapping) {
    struct task *task = mapping->task;
    struct memory *memory = mapping->memory;
    if (task->state != TASK_DEAD) { /* its page tables go as a whole */
        mapping_unmap_pages(mapping, ~0ull);
    }
    list_remove(&mapping->task_link);
    list_remove(&mapping->memory_link);
    if (task->last_mapping == mapping) {
        task->last_mapping = NULL;
    }
    if (memory->arena != NULL && memory->arena->task == task && list_empty(&memory->mappings)) {
        memory->arena->task = NULL;
    }
    kmem_free(task->account, mapping, sizeof(*mapping));
    object_put(&memory->object);
}

struct mapping *mapping_after(const struct mapping *mapping) {
    struct list *link = mapping->task_link.next;
    return link == &mapping->task->mappings ? NULL : LIST_ENTRY(link, struct mapping, task_link);
}

status_t mapping_cut(struct mapping *mapping, uint64_t address) {
    struct mapping *rest = kmem_alloc_raw(mapping->task->account, sizeof(*rest));
    if (rest == NULL) {
        return E_QUOTA;
    }
    uint64_t head = address - mapping->address;
    *rest = *mapping;
    rest->address += head;
    rest->offset += head;
    rest->length -= head;
    mapping->length = head;
    object_get(&rest->memory->object);
    list_insert_before(mapping->task_link.next, &rest->task_link);
    list_push_back(&rest->memory->mappings, &rest->memory_link);
    return OK;
}

status_t mapping_protect(struct mapping *mapping, uint32_t prot) {
    if (!prot_ok(prot)) {
        return E_INVALID;
    }
    if ((MAPPING_MAY(prot) & ~mapping->flags) != 0) {
        return E_RIGHTS;
    }
    mapping->prot = prot;
    mapping_unmap_pages(mapping, ~0ull);
    return OK;
}

status_t memory_fault(struct task *task, uint64_t address, bool write, bool execute) {
    struct mapping *mapping = mapping_find(task, address);
    uint32_t wanted = write ? PROT_WRITE : execute ? PROT_EXEC : PROT_READ;
    if (mapping == NULL || (mapping->prot & wanted) == 0) {
        return E_FAULT;
    }
    return fault_page(mapping, address & ~(PAGE_SIZE - 1), write);
}

/* Kernel pointer to one byte of a task's memory; an arena's changes must go through the dirty bits
 * of its page table. */
static status_t task_bytes(struct task *task, uint64_t address, bool write, char **out) {
    struct mapping *mapping = mapping_find(task, address);
    if (mapping == NULL || (mapping->prot & (write ? PROT_WRITE : PROT_READ)) == 0 ||
        mapping->memory->kind == MEMORY_DEVICE ||
        (write && mapping->memory->kind == MEMORY_ARENA)) {
        return E_FAULT;
    }
    uint64_t offset = mapping->offset + (address - mapping->address);
    status_t status = memory_bytes(mapping->memory, offset, write, out);
    return status == E_WOULD_BLOCK ? E_FAULT : status;
}

status_t task_copy(struct task *remote, uint64_t address, uint64_t local, uint64_t length,
                   bool write) {
    for (uint64_t done = 0, step; done < length; done += step) {
        char *page;
        step = page_step(address + done, length - done);
        TRY(task_bytes(remote, address + done, write, &page));
        TRY(write ? copy_from_user(page, local + done, step)
                  : copy_to_user(local + done, page, step));
    }
    return OK;
}

/* ---- hooks of the architecture ---- */

phys_t page_table_alloc(struct account *account) {
    return account_charge(account, PAGE_SIZE) == OK ? frame_alloc_zeroed() : 0;
}

void page_table_free(struct account *account, phys_t table) {
    account_release(account, PAGE_SIZE);
    frame_free(table);
}
