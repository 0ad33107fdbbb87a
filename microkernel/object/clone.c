/* SPDX-License-Identifier: MIT
 * TASK_CLONE: a copy-on-write child of a plain task, for fork.
 */
#include <arch/hooks.h>
#include <arch/switch.h>
#include <common/string.h>
#include <task.h>

static status_t clone_mapping(struct task *child, const struct mapping *mapping) {
    struct memory *memory = mapping->memory;
    uint32_t keep = MAP_WRITE_COMBINE | MAPPING_MAY(PROT_READ | PROT_WRITE | PROT_EXEC);
    if (memory->kind == MEMORY_ANONYMOUS && (mapping->prot & PROT_WRITE) != 0) {
        TRY(memory_clone(child->account, memory, &memory));
    } else {
        object_get(&memory->object);
    }
    status_t status =
        mapping_create(child, memory, mapping->offset, mapping->address, mapping->length,
                       mapping->prot, MAPPING_INITIAL | (mapping->flags & keep));
    object_put(&memory->object);
    return status;
}

static status_t clone_thread(struct task *child, struct thread *parent) {
    struct thread *thread;
    TRY(thread_create(child, 0, 0, 0, parent->message_buffer, parent->priority, &thread));
    child->main = thread;
    thread->context = parent->context;
    thread->context.fpu = NULL;
    thread->context.fpu_cpu = ~0u;
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

static status_t clone_content(struct task *child, struct thread *parent) {
    LIST_FOR_EACH(link, &parent->task->mappings) {
        const struct mapping *mapping = LIST_ENTRY(link, struct mapping, task_link);
        if (mapping->address != CLOCK_PAGE_VA) {
            TRY(clone_mapping(child, mapping));
        }
    }
    TRY(handle_table_clone(&parent->task->handles, &child->handles));
    return clone_thread(child, parent);
}

status_t task_clone(struct account *account, struct thread *parent, const char *name,
                    struct task **out) {
    struct task_create parameters = {.priority = parent->task->priority_limit};
    struct task *child;
    memcpy(parameters.name, name, TASK_NAME - 1);
    TRY(task_create(&parameters, account, NULL, NULL, &child));
    status_t status = clone_content(child, parent);
    if (status != OK) {
        task_kill(child, status);
        object_put(&child->object);
        return status;
    }
    *out = child;
    return OK;
}
