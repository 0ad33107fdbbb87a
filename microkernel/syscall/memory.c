/* SPDX-License-Identifier: MIT
 * Memory objects and mappings.
 */
#include <syscall.h>

int64_t sys_memory_create(struct thread *thread, struct account *account, struct session *pager) {
    struct memory *memory;
    enum memory_kind kind = pager != NULL ? MEMORY_PAGED : MEMORY_ANONYMOUS;
    if (ARG(3) != kind) {
        return E_INVALID;
    }
    TRY(memory_create(account, ARG(1), kind, &memory));
    memory->pager = pager;
    object_get(OBJECT_OF(pager));
    return give_new(thread, &memory->object, RIGHT_ALL);
}

/* Copies between the memory and the current task's, at most COPY_MAX bytes. */
static int64_t copy(struct thread *thread, struct memory *memory, bool into) {
    uint64_t length = ARG(3) < COPY_MAX ? ARG(3) : COPY_MAX;
    if (into && memory->kind == MEMORY_ARENA) {
        return E_TYPE;
    }
    TRY(memory_copy(memory, ARG(1), (void *)(uintptr_t)ARG(2), length, into, true));
    return (int64_t)length;
}

int64_t sys_memory_read(struct thread *thread, struct memory *memory) {
    return copy(thread, memory, false);
}

int64_t sys_memory_write(struct thread *thread, struct memory *memory) {
    if (thread->task->actor && (memory->object.flags & OBJECT_PROVISIONAL) == 0) {
        return E_NOT_STAGED;
    }
    return copy(thread, memory, true);
}

int64_t sys_memory_supply(struct thread *thread, struct memory *source) {
    uint64_t offset = ARG(2);
    struct call *call = call_find(ARG(0), thread->task);
    if (call == NULL || call->page_memory == NULL || call->answered) {
        return E_STALE;
    }
    if (offset % PAGE_SIZE != 0 || offset >= source->size) {
        return E_RANGE;
    }
    if (source->kind == MEMORY_DEVICE) {
        return E_TYPE;
    }
    struct memory *paged = call->page_memory;
    TRY(memory_page_reserve(paged, call->page_index));
    TRY(account_charge(paged->object.account, PAGE_SIZE));
    status_t status = effect(thread, &(struct staged){.kind = STAGED_SUPPLY,
                                                      .object = &source->object,
                                                      .other = &paged->object,
                                                      .value = ARG(0),
                                                      .page = (uint32_t)(offset / PAGE_SIZE)});
    if (status != OK) {
        account_release(paged->object.account, PAGE_SIZE);
    } else if (thread->task->actor) {
        call->answered = true;
    }
    return status;
}

int64_t sys_memory_info(struct thread *thread, struct memory *memory) {
    struct memory_info info = {
        .size = memory->size,
        .physical = memory->base,
        .resident = memory->pages == NULL ? memory->size : memory->resident * PAGE_SIZE,
        .kind = memory->kind,
    };
    return copy_to_user(ARG(1), &info, sizeof(info));
}

_Static_assert(RIGHT_READ == 4 * PROT_READ && RIGHT_WRITE == 4 * PROT_WRITE &&
                   RIGHT_EXECUTE == 4 * PROT_EXEC,
               "the rights that a mapping wants");

int64_t sys_map(struct thread *thread, struct task *task) {
    struct memory *memory;
    uint64_t flags = ARG(5);
    uint64_t prot = flags & (PROT_READ | PROT_WRITE | PROT_EXEC);
    if (task->state == TASK_DEAD) {
        return E_STATE;
    }
    LOOKUP(1, OBJECT_MEMORY, RIGHT_READ | 4 * (uint32_t)prot, &memory);
    if (prot == 0 || (flags & ~(prot | MAP_POPULATE | MAP_WRITE_COMBINE | MAP_PERSIST)) != 0) {
        return E_INVALID;
    }
    if (memory->kind == MEMORY_ARENA) {
        return E_TYPE;
    }
    bool provisional = thread->task->actor && task == thread->task;
    if (thread->task->actor && !provisional && (task->object.flags & OBJECT_PROVISIONAL) == 0) {
        return E_NOT_STAGED;
    }
    uint32_t rights = handle_entry_at(&thread->task->handles, ARG_HANDLE(1) & 0xffff)->rights;
    uint32_t kind = (uint32_t)flags & (MAP_POPULATE | MAP_WRITE_COMBINE);
    kind |= MAPPING_MAY(rights / 4 & (PROT_READ | PROT_WRITE | PROT_EXEC));
    bool keep = !task->started || (flags & MAP_PERSIST) != 0;
    kind |= (keep ? MAPPING_INITIAL : 0) | (provisional ? MAPPING_PROVISIONAL : 0);
    TRY(mapping_create(task, memory, ARG(2), ARG(3), ARG(4), (uint32_t)prot, kind));
    if (!provisional) {
        return OK;
    }
    struct mapping *mapping = task->last_mapping;
    status_t status =
        staged_effect(task, &(struct staged){.kind = STAGED_CREATED_MAPPING, .mapping = mapping});
    if (status != OK) {
        mapping_destroy(mapping);
    }
    return status;
}

/* The first mapping of the range that arguments 1 and 2 name, which is cut at both ends. */
static status_t find_range(struct thread *thread, struct task *task, struct mapping **out) {
    uint64_t address = ARG(1), length = ARG(2), end = address + length;
    struct mapping *first = mapping_next(task, address), *last = first;
    if (task->state == TASK_DEAD) {
        return E_STATE;
    }
    if (((address | length) & (PAGE_SIZE - 1)) != 0 || !user_range_ok(address, length)) {
        return E_INVALID;
    }
    if (first == NULL || first->address >= end ||
        (thread->task->actor && (first->address != address || first->length != length))) {
        return E_NOT_FOUND;
    }
    for (struct mapping *at = first; at != NULL && at->address < end; at = mapping_after(at)) {
        if ((at->flags & (MAPPING_IMAGE | MAPPING_GOING)) != 0 ||
            at->memory->kind == MEMORY_ARENA) {
            return E_NOT_FOUND;
        }
        last = at;
    }
    if (last->address + last->length > end) {
        TRY(mapping_cut(last, end));
    }
    if (first->address < address) {
        TRY(mapping_cut(first, address));
        first = mapping_after(first);
    }
    *out = first;
    return OK;
}

int64_t sys_unmap(struct thread *thread, struct task *task) {
    struct mapping *mapping;
    TRY(find_range(thread, task, &mapping));
    if (thread->task->actor) {
        if (task != thread->task) {
            return E_NOT_STAGED;
        }
        TRY(effect(thread, &(struct staged){.kind = STAGED_UNMAP, .mapping = mapping}));
        mapping->flags |= MAPPING_GOING;
        return OK;
    }
    /* One mapping at a time, of a large one so many pages; then the call comes again. */
    struct mapping *rest = mapping;
    uint64_t gone = mapping->length <= UNMAP_MAX * PAGE_SIZE
                        ? mapping->length
                        : mapping_unmap_pages(mapping, UNMAP_MAX) - mapping->address;
    if (gone < mapping->length) {
        mapping->address += gone;
        mapping->offset += gone;
        mapping->length -= gone;
    } else {
        rest = mapping_after(mapping);
        mapping_destroy(mapping);
    }
    if (rest == NULL || rest->address >= ARG(1) + ARG(2)) {
        return OK;
    }
    context_repeat(&thread->context);
    return SYSCALL_NO_RESULT;
}

int64_t sys_protect(struct thread *thread, struct task *task) {
    struct mapping *mapping;
    TRY(find_range(thread, task, &mapping));
    uint64_t end = ARG(1) + ARG(2);
    for (; mapping != NULL && mapping->address < end; mapping = mapping_after(mapping)) {
        TRY(mapping_protect(mapping, (uint32_t)ARG(3)));
    }
    return OK;
}
