/* SPDX-License-Identifier: MIT
 * Futexes. Waiters are in hashed queues; a waiter holds a reference on its memory.
 */
#include <arch/timer.h>
#include <arch/user_copy.h>
#include <sched.h>

#define BUCKETS 64u
static struct list buckets[BUCKETS];

static struct list *bucket_of(const struct object *memory, uint64_t offset) {
    uint64_t hash = (memory->id * 0x9e3779b97f4a7c15ull) ^ (offset >> 2) * 0xff51afd7ed558ccdull;
    struct list *bucket = &buckets[hash >> 58];
    if (bucket->next == NULL) {
        list_init(bucket);
    }
    return bucket;
}

static status_t key_of(struct task *task, uint64_t address, struct object **memory,
                       uint64_t *offset) {
    struct mapping *mapping = (address & 3) != 0 ? NULL : mapping_find(task, address);
    if (mapping == NULL) {
        return E_FAULT;
    }
    *memory = &mapping->memory->object;
    *offset = mapping->offset + (address - mapping->address);
    return OK;
}

status_t futex_wait(struct thread *thread, uint64_t address, uint32_t expected, uint64_t deadline) {
    struct object *memory;
    uint64_t offset, word;
    TRY(key_of(thread->task, address, &memory, &offset));
    /* Four bytes move as one only as a part of eight: the copy's tail goes by bytes. */
    TRY(copy_from_user(&word, address & ~7ull, sizeof(word)));
    if ((uint32_t)(word >> (address & 4) * 8) != expected) {
        return E_WOULD_BLOCK;
    }
    if (deadline <= time_now()) {
        return E_TIMEOUT;
    }
    object_get(memory);
    thread->futex_memory = memory;
    thread->futex_offset = offset;
    list_push_back(bucket_of(memory, offset), &thread->futex_link);
    if (deadline != ~0ull) {
        timer_arm(&thread->timer, deadline);
    }
    sched_block(thread, THREAD_WAITING);
    return E_BUSY;
}

void futex_forget(struct thread *thread) {
    list_remove(&thread->futex_link);
    object_put(thread->futex_memory);
    thread->futex_memory = NULL;
}

int64_t futex_wake(struct task *task, uint64_t address, uint32_t count) {
    struct object *memory;
    uint64_t offset;
    TRY(key_of(task, address, &memory, &offset));
    int64_t woken = 0;
    LIST_FOR_EACH_SAFE(link, bucket_of(memory, offset)) {
        struct thread *thread = LIST_ENTRY(link, struct thread, futex_link);
        if (thread->futex_memory == memory && thread->futex_offset == offset && woken < count) {
            thread_detach(thread);
            context_set_status(&thread->context, OK);
            sched_wake(thread);
            woken++;
        }
    }
    return woken;
}
