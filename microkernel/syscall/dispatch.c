/* SPDX-License-Identifier: MIT
 * From the number of a system call to its handler: a table of functions, called by entry.asm.
 */
#include <counters.h>
#include <sched.h>
#include <syscall.h>
#include <system.h>

_Static_assert(SYSCALL_TABLE_SIZE == 100 && SYSCALL_NO_RESULT == -0x80000000ll &&
                   offsetof(struct cpu, choose) == 104,
               "entry.asm");

int64_t sys_null(struct thread *thread) {
    (void)thread;
    return OK;
}

enum class { CLASS_READ, CLASS_IMMEDIATE, CLASS_CREATE, CLASS_STAGED, CLASS_BLOCKING };

/* look_up_NAME: looks up the handle arguments of the call; object[n] is argument n. */
#define HANDLE(n, type, right) LOOKUP(n, OBJECT_##type, RIGHT_##right, &object[n]);
#define OPTIONAL(n, type, right)                                                                   \
    object[n] = NULL;                                                                              \
    if (ARG_HANDLE(n) != HANDLE_NONE) {                                                            \
        HANDLE(n, type, right)                                                                     \
    }
#define OWN(n, type, right)                                                                        \
    OPTIONAL(n, type, right) else {                                                                \
        object[n] = thread->task;                                                                  \
    }
#define SYSTEM(right) HANDLE(0, SYSTEM, right)
#define SYSCALL(number, NAME, name, class, handles)                                                \
    static inline status_t look_up_##name(struct thread *thread, void *object[4]) {                \
        (void)object;                                                                              \
        handles return CLASS_##class == CLASS_BLOCKING && thread->task->actor ? E_NOT_STAGED : OK; \
    }
#include <axolotl/syscall.def>

/* enter_NAME: the whole call. */
#define HANDLE(n, type, right) object[n],
#define WORD(n) ARG(n),
#define SYSCALL(number, NAME, name, class, handles)
#define CREATES(number, NAME, function, rights, arguments)                                         \
    static int64_t enter_##function(struct thread *thread) {                                       \
        void *object[4];                                                                           \
        struct object *created;                                                                    \
        TRY(look_up_##function(thread, object));                                                   \
        TRY(function(arguments(void *) & created));                                                \
        return give_new(thread, created, rights);                                                  \
    }
#include <axolotl/syscall.def>
#define HANDLE(n, type, right) , object[n]
#define CREATES(number, NAME, function, rights, arguments)
#define SYSCALL(number, NAME, name, class, handles)                                                \
    static int64_t enter_##name(struct thread *thread) {                                           \
        void *object[4];                                                                           \
        TRY(look_up_##name(thread, object));                                                       \
        return sys_##name(thread handles);                                                         \
    }
#include <axolotl/syscall.def>

/* A foreign system call, or a native one that does not exist. */
static int64_t enter_other(struct thread *thread) {
    if ((thread->context.rax & SYSCALL_NATIVE) == 0) {
        foreign_call(thread);
        return SYSCALL_NO_RESULT;
    }
    counters.unknown_calls++;
    return E_NO_SYSCALL;
}

#pragma GCC diagnostic ignored "-Woverride-init"
int64_t (*const syscall_table[SYSCALL_TABLE_SIZE])(struct thread *) = {
    [0 ... SYSCALL_TABLE_SIZE - 1] = enter_other,
#define SYSCALL(number, NAME, name, class, handles) [number] = enter_##name,
#include <axolotl/syscall.def>
};
