/* SPDX-License-Identifier: MIT
 * Calls to servers, errors, memory of the program, locks.
 */
#include <common/string.h>
#include <ipc/object.h>
#include <ipc/thread.h>

#include "memory.h"
#include "personality.h"
#include "process.h"
#include "signals.h"

int64_t error_of(status_t status) {
    static const struct {
        status_t status;
        int32_t error;
    } table[] = {
        {OK, 0},
        {E_INVALID, -EINVAL},
        {E_HANDLE, -EBADF},
        {E_TYPE, -EINVAL},
        {E_RIGHTS, -EACCES},
        {E_FAULT, -EFAULT},
        {E_QUOTA, -ENOMEM},
        {E_NO_HANDLES, -EMFILE},
        {E_CANCELLED, -EINTR},
        {E_TIMEOUT, -ETIMEDOUT},
        {E_CLOSED, -EIO},
        {E_RESET, -EIO},
        {E_POISON, -EIO},
        {E_REVOKED, -EACCES},
        {E_BUSY, -EBUSY},
        {E_NOT_FOUND, -ENOENT},
        {E_EXISTS, -EEXIST},
        {E_RANGE, -EFBIG},
        {E_WOULD_BLOCK, -EAGAIN},
        {E_NO_SYSCALL, -ENOSYS},
        {E_STATE, -EINVAL},
        {E_INTR, -EINTR},
        {E_FORMAT, -ENOEXEC},
        {E_UNSUPPORTED, -EOPNOTSUPP},
        {E_NOT_DIRECTORY, -ENOTDIR},
        {E_IS_DIRECTORY, -EISDIR},
        {E_NOT_EMPTY, -ENOTEMPTY},
        {E_NAME_TOO_LONG, -ENAMETOOLONG},
        {E_READ_ONLY, -EROFS},
        {E_NO_SPACE, -ENOSPC},
        {E_IO, -EIO},
        {E_MESSAGE_SIZE, -EMSGSIZE},
        {E_PROTOCOL, -EPROTO},
        {E_CONN_REFUSED, -ECONNREFUSED},
        {E_CONN_RESET, -ECONNRESET},
        {E_CONN_ABORTED, -ECONNABORTED},
        {E_NOT_CONNECTED, -ENOTCONN},
        {E_IS_CONNECTED, -EISCONN},
        {E_ADDRESS_IN_USE, -EADDRINUSE},
        {E_ADDRESS, -EADDRNOTAVAIL},
        {E_HOST_UNREACHABLE, -EHOSTUNREACH},
        {E_NET_DOWN, -ENETDOWN},
        {E_PIPE, -EPIPE},
        {E_UNAVAILABLE, -ENXIO},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].status == status) {
            return table[i].error;
        }
    }
    return -EIO;
}

status_t call_server(struct thread *thread, handle_t session, uint32_t label,
                     const struct message *message, struct answer *answer, bool wait) {
    for (;;) {
        status_t status = call(session, label, message, answer);
        if (status != E_INTR && status != E_CANCELLED) {
            return status;
        }
        thread_self()->look = thread_self()->ask =
            true; /* at the end of the system call at the latest */
        if (wait && signal_waiting(thread)) {
            return E_INTR;
        }
    }
}

status_t call_simple(handle_t session, uint32_t label, const void *data, size_t size, void *result,
                     size_t result_size) {
    struct message message = {.data = data, .size = size};
    struct answer answer = {.data = result, .size = result_size};
    return call_server(NULL, session, label, &message, &answer, false);
}

/* ---- memory of the program ---- */

bool user_ok(uint64_t address, uint64_t length, bool write) {
    return memory_allows(address, length, write ? LINUX_PROT_WRITE : LINUX_PROT_READ);
}

int64_t user_read(void *to, uint64_t from, size_t length) {
    if (!user_ok(from, length, false)) {
        return -EFAULT;
    }
    memcpy(to, (const void *)(uintptr_t)from, length);
    return 0;
}

int64_t user_write(uint64_t to, const void *from, size_t length) {
    if (!user_ok(to, length, true)) {
        return -EFAULT;
    }
    memcpy((void *)(uintptr_t)to, from, length);
    return 0;
}

int64_t user_string(char *to, uint64_t from, size_t size) {
    for (size_t done = 0; done < size;) {
        uint64_t room = PAGE_SIZE - (from + done) % PAGE_SIZE; /* checked page by page */
        size_t part = room < size - done ? room : size - done;
        if (!user_ok(from + done, part, false)) {
            return -EFAULT;
        }
        memcpy(to + done, (const void *)(uintptr_t)(from + done), part);
        if (memchr(to + done, 0, part) != NULL) {
            return 0;
        }
        done += part;
    }
    to[size - 1] = 0;
    return -ENAMETOOLONG;
}

struct thread *thread_self(void) {
    uint64_t stack = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    return stack - THREAD_STACKS_VA < THREAD_STACKS_MAX * THREAD_STACK_SIZE ? thread_at(stack)
                                                                            : &first_thread;
}

/* ---- locks: 0 free, 1 held, 2 held and waited for ---- */

void lock_take(struct lock *lock) {
    uint32_t seen = 0;
    if (__atomic_compare_exchange_n(&lock->word, &seen, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        return;
    }
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0) {
        if (futex_wait(&lock->word, 2, DEADLINE_NONE) == E_INTR) {
            thread_self()->look = thread_self()->ask = true;
        }
    }
}

void lock_give(struct lock *lock) {
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2) {
        (void)futex_wake(&lock->word, 1);
    }
}
