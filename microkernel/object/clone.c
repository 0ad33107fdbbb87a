/* SPDX-License-Identifier: MIT
 * TASK_CLONE: a copy-on-write child of a plain task, for fork.
 */
#include <arch/hooks.h>
#include <arch/switch.h>
#include <common/string.h>
#include <debug.h>
#include <kmem.h>
#include <task.h>

static status_t clone_mapping(struct account *account, struct task *child,
                              const struct mapping *mapping) {
    struct memory *memory = mapping->memory;
    object_get(&memory->object);
    if (memory->kind == MEMORY_ANONYMOUS && memory != clock_memory &&
        (mapping->prot & PROT_WRITE) != 0) {
        struct memory *copy;
        status_t status = memory_clone(account, memory, &copy);
        object_put(&memory->object);
        if (status != OK) {
            return status;
        }
        memory = copy;
    }
    status_t status =
        mapping_create(child, memory, mapping->offset, mapping->address, mapping->length,
                       mapping->prot, MAPPING_INITIAL | (mapping->flags & MAP_WRITE_COMBINE), NULL);
    object_put(&memory->object);
    return status;
}

/* Same slots, same generations: the child's copies of the numbers stay good. */
static status_t clone_handles(struct handle_table *from, struct handle_table *to) {
    for (uint32_t page = 0; page < from->page_count; page++) {
        status_t status = handle_table_grow(to);
        if (status != OK) {
            return status;
        }
    }
    handle_table_copy(from, to);
    return OK;
}

static status_t clone_thread(struct thread *parent, struct task *child) {
    struct thread *thread;
    status_t status =
        thread_create(child, 0, 0, 0, parent->message_buffer, parent->priority, &thread);
    if (status != OK) {
        return status;
    }
    child->main = thread;
    uint32_t fpu_cpu = thread->context.fpu_cpu;
    thread->context = parent->context;
    thread->context.fpu = NULL;
    thread->context.fpu_cpu = fpu_cpu;
    thread->context.rax = 0;
    thread->affinity = parent->affinity;
    thread->upcall_entry = parent->upcall_entry;
    thread->upcall_page = parent->upcall_page;
    thread->foreign_active = parent->foreign_active;
    if (parent->context.fpu != NULL) {
        thread->context.fpu = thread_fpu_area_alloc(thread);
        if (thread->context.fpu == NULL) {
            return E_QUOTA;
        }
        arch_fpu_copy(&thread->context, &parent->context);
    }
    return OK;
}

status_t task_clone(struct account *account, struct thread *parent, const char *name,
                    struct task **out) {
    struct task_create parameters = {.priority = parent->task->priority_limit};
    struct task *child;
    memcpy(parameters.name, name, TASK_NAME - 1);
    status_t status = task_create(&parameters, account, NULL, NULL, &child);
    if (status != OK) {
        return status;
    }
    LIST_FOR_EACH(link, &parent->task->mappings) {
        const struct mapping *mapping = LIST_ENTRY(link, struct mapping, task_link);
        if (status == OK && mapping->address != CLOCK_PAGE_VA) {
            status = clone_mapping(account, child, mapping);
        }
    }
    if (status == OK) {
        status = clone_handles(&parent->task->handles, &child->handles);
    }
    if (status == OK) {
        status = clone_thread(parent, child);
    }
    if (status != OK) {
        task_kill(child, status);
        object_put(&child->object);
        return status;
    }
    *out = child;
    return OK;
}
