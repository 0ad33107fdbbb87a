/* SPDX-License-Identifier: MIT */
/*
 * Threads with stacks from the own account. A stack belongs to a slot; slots of ended threads are
 * used again with their memory.
 */
#include <ipc/thread.h>

#include <stdbool.h>

#include <ipc/memory.h>

#include "program.h"

enum slot_state { SLOT_NEW = 0, SLOT_BUSY = 1, SLOT_FREE = 2 };

static uint32_t slots[THREAD_STACKS_MAX];

/* At the top of a stack block, below the message buffer. */
struct thread_start {
    void (*entry)(void *argument);
    void *argument;
    uint32_t *slot;
    uint64_t padding;
};

static _Noreturn void thread_main(struct thread_start *start) {
    start->entry(start->argument);
    uint32_t *slot = start->slot;
    /* From the store on another thread may use this stack: nothing here touches it any more. */
    __asm__ volatile("movl %[free], (%[slot])\n\tsyscall"
                     :
                     : [slot] "r"(slot), [free] "i"(SLOT_FREE),
                       "a"((uint64_t)(SYSCALL_NATIVE | SYS_THREAD_EXIT))
                     : "rcx", "r11", "memory");
    __builtin_unreachable();
}

static bool slot_claim(uint32_t *slot, uint32_t from) {
    return __atomic_compare_exchange_n(slot, &from, SLOT_BUSY, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* A claimed slot whose stack is mapped. */
static status_t slot_take(uint32_t *index) {
    for (uint32_t i = 0; i < THREAD_STACKS_MAX; i++) {
        if (slot_claim(&slots[i], SLOT_FREE)) {
            *index = i;
            return OK;
        }
        if (slot_claim(&slots[i], SLOT_NEW)) {
            status_t status = memory_map_new(THREAD_STACKS_VA + i * THREAD_STACK_SIZE + PAGE_SIZE,
                                             THREAD_STACK_SIZE - PAGE_SIZE, 0);
            if (status != OK) {
                __atomic_store_n(&slots[i], SLOT_NEW, __ATOMIC_RELEASE);
                return status;
            }
            *index = i;
            return OK;
        }
    }
    return E_QUOTA;
}

status_t thread_create(void (*entry)(void *argument), void *argument, uint32_t priority,
                       handle_t *thread) {
    uint32_t index;
    status_t status = slot_take(&index);
    if (status != OK) {
        return status;
    }
    uint64_t top = THREAD_STACKS_VA + (index + 1) * THREAD_STACK_SIZE - THREAD_TOP_SIZE;
    struct thread_start *start = (struct thread_start *)top - 1;
    *start = (struct thread_start){entry, argument, &slots[index], 0};
    /* As after a call instruction: rsp + 8 is a multiple of 16. */
    uint64_t stack = (uintptr_t)start - 8;
    int64_t result = syscall_6(SYS_THREAD_CREATE, TASK_SELF, (uintptr_t)thread_main, stack,
                               (uintptr_t)start, top, priority);
    if (result < 0) {
        __atomic_store_n(&slots[index], SLOT_FREE, __ATOMIC_RELEASE);
        return (status_t)result;
    }
    if (thread != NULL) {
        *thread = (handle_t)result;
    } else {
        syscall_2(SYS_HANDLE_CLOSE, (uint64_t)result, 0);
    }
    return OK;
}
