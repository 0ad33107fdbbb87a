/* SPDX-License-Identifier: MIT
 * Futexes. Waiters are in hashed queues; a waiter holds a reference on its memory.
 */
#include <syscall.h>

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

int64_t sys_futex_wait(struct thread *thread) {
    struct object *memory;
    uint64_t address = ARG(0), offset, word;
    TRY(key_of(thread->task, address, &memory, &offset));
    /* Four bytes move as one only as a part of eight: the copy's tail goes by bytes. */
    TRY(copy_from_user(&word, address & ~7ull, sizeof(word)));
    if ((uint32_t)(word >> (address & 4) * 8) != (uint32_t)ARG(1)) {
        return E_WOULD_BLOCK;
    }
    TRY(thread_wait(thread, THREAD_WAITING, ARG(2)));
    object_get(memory);
    thread->futex_memory = memory;
    thread->futex_offset = offset;
    list_push_back(bucket_of(memory, offset), &thread->futex_link);
    return SYSCALL_NO_RESULT;
}

void futex_forget(struct thread *thread) {
    list_remove(&thread->futex_link);
    object_put(thread->futex_memory);
    thread->futex_memory = NULL;
}

int64_t sys_futex_wake(struct thread *thread) {
    struct object *memory;
    uint64_t offset;
    uint32_t woken = 0, count = (uint32_t)ARG(1);
    TRY(key_of(thread->task, ARG(0), &memory, &offset));
    LIST_FOR_EACH_SAFE(link, bucket_of(memory, offset)) {
        struct thread *waiter = LIST_ENTRY(link, struct thread, futex_link);
        if (waiter->futex_memory == memory && waiter->futex_offset == offset && woken < count) {
            thread_release(waiter, OK);
            woken++;
        }
    }
    return woken;
}
