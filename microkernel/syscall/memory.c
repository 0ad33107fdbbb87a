/* SPDX-License-Identifier: MIT
 * Memory objects and mappings.
 */
#include <syscall.h>

#define COPY_MAX 0x40000ull /* bytes of one copy, which runs with interrupts off */

int64_t sys_memory_create(struct thread *thread) {
    struct account *account;
    struct memory *memory;
    struct session *pager = NULL;
    bool paged = ARG(3) == MEMORY_PAGED;
    LOOKUP(0, OBJECT_ACCOUNT, RIGHT_CHARGE, &account);
    if (ARG(3) != MEMORY_ANONYMOUS && !paged) {
        return E_INVALID;
    }
    if (paged) {
        LOOKUP(2, OBJECT_SESSION, RIGHT_CALL, &pager);
    }
    TRY(memory_create(account, ARG(1), paged ? MEMORY_PAGED : MEMORY_ANONYMOUS, &memory));
    if (pager != NULL) {
        memory->pager = pager;
        object_get(&pager->object);
    }
    return give_handle(thread, &memory->object, RIGHT_ALL, true);
}

int64_t sys_memory_clone(struct thread *thread) {
    struct account *account;
    struct memory *source, *memory;
    LOOKUP(0, OBJECT_ACCOUNT, RIGHT_CHARGE, &account);
    LOOKUP(1, OBJECT_MEMORY, RIGHT_READ, &source);
    TRY(memory_clone(account, source, &memory));
    return give_handle(thread, &memory->object, RIGHT_ALL, true);
}

/* Copies page by page between the memory's frames and the current task's memory. */
static int64_t copy(struct thread *thread, struct memory *memory, bool into) {
    uint64_t offset = ARG(1), address = ARG(2), length = ARG(3);
    if (offset > memory->size || length > memory->size - offset || length > COPY_MAX) {
        return E_RANGE;
    }
    if (memory->kind == MEMORY_DEVICE || (into && memory->kind == MEMORY_ARENA)) {
        return E_TYPE;
    }
    if (!user_range_ok(address, length)) {
        return E_FAULT;
    }
    for (uint64_t done = 0, step; done < length; done += step) {
        uint64_t at = offset + done, within = at % PAGE_SIZE;
        step = PAGE_SIZE - within < length - done ? PAGE_SIZE - within : length - done;
        phys_t frame;
        TRY(memory_page(memory, at / PAGE_SIZE, into, &frame));
        char *bytes = (char *)phys_to_virt(frame) + within;
        TRY(into ? copy_from_user(bytes, address + done, step)
                 : copy_to_user(address + done, bytes, step));
    }
    return (int64_t)length;
}

int64_t sys_memory_read(struct thread *thread) {
    struct memory *memory;
    LOOKUP(0, OBJECT_MEMORY, RIGHT_READ, &memory);
    return copy(thread, memory, false);
}

int64_t sys_memory_write(struct thread *thread) {
    struct memory *memory;
    LOOKUP(0, OBJECT_MEMORY, RIGHT_WRITE, &memory);
    if (thread->task->actor && (memory->object.flags & OBJECT_PROVISIONAL) == 0) {
        return E_NOT_STAGED;
    }
    return copy(thread, memory, true);
}

int64_t sys_memory_supply(struct thread *thread) {
    struct memory *source;
    LOOKUP(1, OBJECT_MEMORY, RIGHT_READ, &source);
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
    struct staged supply = {.kind = STAGED_SUPPLY,
                            .object = &source->object,
                            .other = &paged->object,
                            .value = ARG(0),
                            .page = (uint32_t)(offset / PAGE_SIZE)};
    status_t status = effect(thread, &supply);
    if (status != OK) {
        account_release(paged->object.account, PAGE_SIZE);
    } else if (thread->task->actor) {
        call->answered = true;
    }
    return status;
}

int64_t sys_memory_info(struct thread *thread) {
    struct memory *memory;
    LOOKUP(0, OBJECT_MEMORY, 0, &memory);
    struct memory_info info = {
        .size = memory->size,
        .physical = memory->base,
        .resident = memory->pages == NULL ? memory->size : memory->resident * PAGE_SIZE,
        .kind = memory->kind,
    };
    return copy_to_user(ARG(1), &info, sizeof(info));
}

int64_t sys_arena_create(struct thread *thread) {
    struct account *account;
    struct memory *memory;
    LOOKUP(0, OBJECT_ACCOUNT, RIGHT_CHARGE, &account);
    TRY(arena_create(account, ARG(1), &memory));
    return give_handle(thread, &memory->object, RIGHT_ALL, true);
}

/* The task that argument 0 names, 0: the caller's own. */
static status_t target_task(struct thread *thread, struct task **out) {
    *out = thread->task;
    if (ARG_HANDLE(0) != HANDLE_NONE) {
        LOOKUP(0, OBJECT_TASK, RIGHT_MANAGE, out);
    }
    return (*out)->state == TASK_DEAD ? E_STATE : OK;
}

int64_t sys_map(struct thread *thread) {
    struct task *task;
    struct memory *memory;
    struct mapping *mapping;
    uint64_t flags = ARG(5);
    uint32_t prot = (uint32_t)flags & (PROT_READ | PROT_WRITE | PROT_EXEC);
    TRY(target_task(thread, &task));
    LOOKUP(1, OBJECT_MEMORY,
           RIGHT_READ | ((prot & PROT_WRITE) != 0 ? RIGHT_WRITE : 0) |
               ((prot & PROT_EXEC) != 0 ? RIGHT_EXECUTE : 0),
           &memory);
    if ((flags & ~(uint64_t)(prot | MAP_POPULATE | MAP_WRITE_COMBINE | MAP_PERSIST)) != 0) {
        return E_INVALID;
    }
    if (memory->kind == MEMORY_ARENA) {
        return E_TYPE;
    }
    bool provisional = thread->task->actor && task == thread->task;
    if (thread->task->actor && !provisional && (task->object.flags & OBJECT_PROVISIONAL) == 0) {
        return E_NOT_STAGED;
    }
    struct staged *undo = provisional ? staged_add(thread->task, STAGED_CREATED_MAPPING) : NULL;
    if (provisional && undo == NULL) {
        return E_QUOTA;
    }
    uint32_t kind = (uint32_t)flags & (MAP_POPULATE | MAP_WRITE_COMBINE);
    bool keep = !task->started || (flags & MAP_PERSIST) != 0;
    kind |= (keep ? MAPPING_INITIAL : 0) | (provisional ? MAPPING_PROVISIONAL : 0);
    status_t status = mapping_create(task, memory, ARG(2), ARG(3), ARG(4), prot, kind, &mapping);
    if (undo != NULL && status == OK) {
        undo->mapping = mapping;
    } else if (undo != NULL) {
        staged_forget(thread->task, undo);
    }
    return status;
}

/* The first mapping of the range that arguments 1 and 2 name, which is cut at both ends. */
static status_t find_range(struct thread *thread, struct task **task, struct mapping **out) {
    uint64_t address = ARG(1), length = ARG(2);
    TRY(target_task(thread, task));
    struct mapping *first = mapping_next(*task, address);
    if (((address | length) & (PAGE_SIZE - 1)) != 0 || !user_range_ok(address, length)) {
        return E_INVALID;
    }
    if (first == NULL || first->address >= address + length ||
        (thread->task->actor && (first->address != address || first->length != length))) {
        return E_NOT_FOUND;
    }
    for (struct mapping *at = first; at != NULL && at->address < address + length;
         at = mapping_next(*task, at->address + at->length)) {
        if ((at->flags & (MAPPING_IMAGE | MAPPING_GOING)) != 0 ||
            at->memory->kind == MEMORY_ARENA) {
            return E_NOT_FOUND;
        }
    }
    TRY(mapping_cut(*task, address));
    TRY(mapping_cut(*task, address + length));
    *out = mapping_next(*task, address);
    return OK;
}

int64_t sys_unmap(struct thread *thread) {
    struct task *task;
    struct mapping *mapping;
    TRY(find_range(thread, &task, &mapping));
    if (thread->task->actor) {
        if (task != thread->task) {
            return E_NOT_STAGED;
        }
        struct staged unmap = {.kind = STAGED_UNMAP, .mapping = mapping};
        TRY(effect(thread, &unmap));
        mapping->flags |= MAPPING_GOING;
        return OK;
    }
    uint64_t end = ARG(1) + ARG(2);
    for (; mapping != NULL && mapping->address < end; mapping = mapping_next(task, ARG(1))) {
        mapping_destroy(mapping);
    }
    return OK;
}

int64_t sys_protect(struct thread *thread) {
    struct task *task;
    struct mapping *mapping;
    TRY(find_range(thread, &task, &mapping));
    if (thread->task->actor) {
        return E_NOT_STAGED;
    }
    uint64_t end = ARG(1) + ARG(2);
    for (; mapping != NULL && mapping->address < end;
         mapping = mapping_next(task, mapping->address + mapping->length)) {
        TRY(mapping_protect(mapping, (uint32_t)ARG(3)));
    }
    return OK;
}
