/* SPDX-License-Identifier: MIT */
/* Memory objects and mappings. Sizes, offsets and addresses in bytes. Spec: docs/spec/syscalls.md.
 */
#pragma once

#include <ipc/syscall.h>

/* The calling task, where a task handle is wanted. */
#define TASK_SELF HANDLE_NONE

/* Anonymous zero pages, allocated and charged at first touch; the size is rounded up to pages. */
static inline MUST_CHECK status_t memory_create(handle_t account, uint64_t size, handle_t *memory) {
    return syscall_handle(syscall_4(SYS_MEMORY_CREATE, account, size, 0, MEMORY_ANONYMOUS), memory);
}

/* Memory whose pages come from a pager: it gets a call FAULT_LABEL_PAGE with struct page_message
 * for each page that is touched for the first time, and answers it by memory_supply. */
static inline MUST_CHECK status_t memory_create_paged(handle_t account, uint64_t size,
                                                      handle_t pager, handle_t *memory) {
    return syscall_handle(syscall_4(SYS_MEMORY_CREATE, account, size, pager, MEMORY_PAGED), memory);
}

/* Answers the call with a copy of a page of `memory`. E_STALE, E_RANGE, E_TYPE, E_QUOTA. Staged. */
static inline MUST_CHECK status_t memory_supply(token_t token, handle_t memory, uint64_t offset) {
    return (status_t)syscall_4(SYS_MEMORY_SUPPLY, token, memory, offset, 0);
}

/* A copy-on-write copy of an anonymous memory. */
static inline MUST_CHECK status_t memory_clone(handle_t account, handle_t memory, handle_t *clone) {
    return syscall_handle(syscall_2(SYS_MEMORY_CLONE, account, memory), clone);
}

/* Copies out of or into a memory without mapping it, so many bytes at a time. E_RANGE beyond its
 * size: some may be copied.
 * In an actor memory_write is allowed only on a memory created in the same turn. */
static inline status_t memory_read(handle_t memory, uint64_t offset, void *to, size_t size) {
    size_t done = 0;
    do {
        int64_t result =
            syscall_4(SYS_MEMORY_READ, memory, offset + done, (uintptr_t)to + done, size - done);
        if (result < 0) {
            return syscall_failure(result);
        }
        done += (size_t)result;
    } while (done < size);
    return OK;
}

static inline status_t memory_write(handle_t memory, uint64_t offset, const void *from,
                                    size_t size) {
    size_t done = 0;
    do {
        int64_t result =
            syscall_4(SYS_MEMORY_WRITE, memory, offset + done, (uintptr_t)from + done, size - done);
        if (result < 0) {
            return syscall_failure(result);
        }
        done += (size_t)result;
    } while (done < size);
    return OK;
}

static inline status_t memory_info(handle_t memory, struct memory_info *information) {
    return (status_t)syscall_2(SYS_MEMORY_INFO, memory, (uintptr_t)information);
}

/* An arena for a task, charged twice its size at once. */
static inline MUST_CHECK status_t arena_create(handle_t account, uint64_t size, handle_t *arena) {
    return syscall_handle(syscall_2(SYS_ARENA_CREATE, account, size), arena);
}

/* Maps `size` bytes of a memory at a page-aligned address; flags: PROT_* and MAP_*. The handle may
 * be closed afterwards. E_INVALID, E_EXISTS (overlap), E_RANGE, E_RIGHTS. */
static inline MUST_CHECK status_t memory_map(handle_t task, handle_t memory, uint64_t offset,
                                             uint64_t address, uint64_t size, uint32_t flags) {
    return (status_t)syscall_6(SYS_MAP, task, memory, offset, address, size, flags);
}

/* Removes whole mappings in the range. Staged in an actor. E_NOT_FOUND. */
static inline status_t memory_unmap(handle_t task, uint64_t address, uint64_t size) {
    return (status_t)syscall_4(SYS_UNMAP, task, address, size, 0);
}

/* Changes the protection of mappings; not in actors. */
static inline status_t memory_protect(handle_t task, uint64_t address, uint64_t size,
                                      uint32_t protection) {
    return (status_t)syscall_4(SYS_PROTECT, task, address, size, protection);
}

/* Creates a memory of `size` bytes charged to the own account (startup handle "account"), maps it
 * readable and writable at `address`, with more flags MAP_*, and keeps no handle: memory until it
 * is unmapped. */
MUST_CHECK status_t memory_map_new(uint64_t address, uint64_t size, uint32_t flags);
