/* SPDX-License-Identifier: MIT
 * From the number of a system call to its handler. Compiled with every register free to use, as
 * sched/fastpath.c.
 */
#include <arch/hooks.h>
#include <counters.h>
#include <sched.h>
#include <syscall.h>
#include <system.h>

int64_t sys_null(struct thread *thread) {
    (void)thread;
    return OK;
}

enum class { CLASS_READ, CLASS_IMMEDIATE, CLASS_CREATE, CLASS_STAGED, CLASS_BLOCKING };

/* Looks up the handle arguments of the call: object[n] is argument n. */
static status_t look_up(struct thread *thread, uint32_t op, void *object[4]) {
    switch (op) {
#define HANDLE(n, type, right) LOOKUP(n, OBJECT_##type, RIGHT_##right, &object[n]);
#define OPTIONAL(n, type, right)                                                                   \
    if (ARG_HANDLE(n) != HANDLE_NONE) {                                                            \
        HANDLE(n, type, right)                                                                     \
    }
#define OWN(n, type, right)                                                                        \
    OPTIONAL(n, type, right) else {                                                                \
        object[n] = thread->task;                                                                  \
    }
#define SYSTEM(right) HANDLE(0, SYSTEM, right)
#define SYSCALL(number, NAME, name, class, handles)                                                \
    case number:                                                                                   \
        handles return CLASS_##class == CLASS_BLOCKING && thread->task->actor ? E_NOT_STAGED : OK;
#include <axolotl/syscall.def>
    default:
        counters.unknown_calls++;
        return E_NO_SYSCALL;
    }
}

static int64_t invoke(struct thread *thread, uint32_t op) {
    void *object[4] = {NULL};
    struct object *created;
    TRY(look_up(thread, op, object));
    switch (op) {
#define HANDLE(n, type, right) object[n],
#define OPTIONAL HANDLE
#define SYSTEM(right)
#define WORD(n) ARG(n),
#define SYSCALL(number, NAME, name, class, handles)
#define CREATES(number, NAME, function, rights, arguments)                                         \
    case number:                                                                                   \
        TRY(function(arguments(void *) & created));                                                \
        return give_new(thread, created, rights);
#include <axolotl/syscall.def>
#define HANDLE(n, type, right) , object[n]
#define OPTIONAL HANDLE
#define OWN HANDLE
#define SYSTEM(right)
#define CREATES(number, NAME, function, rights, arguments)
#define SYSCALL(number, NAME, name, class, handles)                                                \
    case number:                                                                                   \
        return sys_##name(thread handles);
#include <axolotl/syscall.def>
    default:
        return E_NO_SYSCALL;
    }
}

void syscall_dispatch(struct thread *thread) {
    uint32_t op = (uint32_t)thread->context.rax;
    if (UNLIKELY((op & SYSCALL_NATIVE) == 0)) {
        foreign_call(thread);
    } else {
        int64_t result = invoke(thread, op & ~SYSCALL_NATIVE);
        if (LIKELY(result != SYSCALL_NO_RESULT)) {
            thread->context.rax = (uint64_t)result;
        }
    }
    if (cpu_here()->choose) {
        sched_exit();
    }
}
