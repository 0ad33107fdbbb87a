/* SPDX-License-Identifier: MIT
 * System calls: decode here, act in the objects. A handler validates and copies in without side
 * effects, then calls the object's function.
 */
#pragma once

#include "machine.h"
#include "staged.h"
#include "task.h"
#include <arch/hooks.h>
#include <arch/user_copy.h>

/* The handlers: sys_NAME(thread, the objects of its handle arguments that <axolotl/syscall.def>
 * names, NULL for an optional one that is absent); what it CREATES needs none. */
#define TYPE(NAME, structure, no_handles, destroy) typedef struct structure TYPE_##NAME;
OBJECT_TYPES(TYPE)
#define HANDLE(argument, type, right) , TYPE_##type *
#define CREATES(number, NAME, function, rights, arguments)
#define SYSCALL(number, NAME, name, class, handles)                                                \
    int64_t sys_##name(struct thread *thread handles);
#include <axolotl/syscall.def>

#define COPY_MAX 0x8000ull /* bytes of one copy, which runs with interrupts off */
#define UNMAP_MAX 128u     /* pages that one entry takes away, likewise */

/* Argument n of the current system call. */
#define ARG(n) context_argument(&thread->context, (n))
#define ARG_HANDLE(n) ((handle_t)ARG(n))

/* Looks up argument n as an object of a type with rights. */
#define LOOKUP(n, type, rights, out)                                                               \
    TRY(handle_lookup(&thread->task->handles, ARG_HANDLE(n), type, rights, out))

/* A handle to the object, or a status. */
int64_t give_handle(struct thread *thread, struct object *object, uint32_t rights);
/* The same for an object just made; takes over the caller's reference, also on failure. */
int64_t give_new(struct thread *thread, struct object *object, uint32_t rights);

/* Does the effect now in a plain task, stages it in an actor. The record is a template. */
status_t effect(struct thread *thread, const struct staged *template);
