/* SPDX-License-Identifier: MIT
 * Pager-backed memory: a touch of an absent page is a call to the pager, in the name of the thread
 * that touched it; the answer is a page.
 */
#include <arch/paging.h>
#include <common/string.h>
#include <debug.h>
#include <sched.h>
#include <task.h>

status_t pager_request(struct thread *thread, uint64_t address, bool write) {
    struct mapping *mapping = mapping_find(thread->task, address);
    struct memory *memory = mapping->memory;
    struct call *call;
    if (memory->pager == NULL) {
        return E_FAULT;
    }
    status_t status = fault_slot(thread, &call);
    if (status != OK) {
        return status;
    }
    uint64_t offset = (mapping->offset + (address - mapping->address)) & ~(PAGE_SIZE - 1);
    call->request.words[0] = memory->object.id;
    call->request.words[1] = offset;
    call->request.words[2] = write;
    call->page_memory = memory;
    call->page_index = offset / PAGE_SIZE;
    object_get(&memory->object);
    sched_stop(thread, THREAD_FAULTED);
    status = fault_call(thread, memory->pager, TAG(FAULT_LABEL_PAGE, 3, 0, 0));
    if (status != OK) {
        call->page_memory = NULL;
        object_put(&memory->object);
    }
    return status;
}

void pager_supply(struct call *call, struct memory *source, uint64_t index) {
    struct memory *memory = call->page_memory;
    if (memory_page_peek(memory, call->page_index) == 0) {
        phys_t frame = frame_alloc();
        memcpy(phys_to_virt(frame), frame_bytes(memory_page_peek(source, index)), PAGE_SIZE);
        memory_page_set(memory, call->page_index, frame); /* MEMORY_SUPPLY made the table */
    } else { /* two threads touched it; the first answer counts */
        account_release(memory->object.account, PAGE_SIZE);
    }
    call->reply.tag = TAG(FAULT_RESUME, 0, 0, 0);
    call_complete(call);
}
