/* SPDX-License-Identifier: MIT
 * Kernel objects: one header for all, counted references. `handles` counts handle-table entries,
 * handles inside messages, and a session's calls in progress; when it falls to zero the type's
 * no_handles hook runs (a session tells its server). `references` counts every pointer, handles
 * included; at zero the object is destroyed. Everything in the kernel that is not per-CPU is under
 * the big kernel lock.
 */
#pragma once

#include <arch/types.h>

struct account;

#define OBJECT_PROVISIONAL 1u /* made in the current turn of an actor; nobody else can see it */

struct object {
    uint8_t type; /* enum object_type */
    uint8_t flags;
    uint16_t size_class; /* bytes charged, for the release */
    uint32_t references;
    uint32_t handles;
    uint32_t epoch; /* a handle with another epoch is revoked */
    uint64_t id;
    struct account *account; /* pays for the object; holds a reference on it */
};

/* Allocates a zeroed object of `size` bytes with one reference, charged to `account`.
 * E_QUOTA: *out untouched. */
MUST_CHECK status_t object_create(enum object_type type, size_t size, struct account *account,
                                  void *out);

/* The header of an object of this type and size, with one reference, in zeroed memory that
 * `account` has paid. */
void object_init(struct object *object, enum object_type type, size_t size,
                 struct account *account);

/* The header of what a typed pointer points to; NULL for NULL. */
#define OBJECT_OF(pointer) ((pointer) == NULL ? NULL : &(pointer)->object)

/* A reference comes or goes; nothing happens to NULL. */
static inline void object_get(struct object *object) {
    if (object != NULL) {
        object->references++;
    }
}
void object_put(struct object *object);

/* The same for a handle to the object, which is a reference too. */
static inline void object_handle_get(struct object *object) {
    object->handles++;
    object->references++;
}
void object_handle_put(struct object *object);

/* Every type: TYPE(NAME, structure, hook for the last handle's end, hook for the object's end). A
 * hook stands in the object's own file; the second releases what the object holds. */
#define OBJECT_TYPES(TYPE)                                                                         \
    TYPE(NONE, object, object_no_hook, object_no_hook)                                             \
    TYPE(TASK, task, task_no_handles, object_no_hook)                                              \
    TYPE(THREAD, object /* see thread_of */, object_no_hook, thread_destroy)                       \
    TYPE(ENDPOINT, endpoint, endpoint_no_handles, object_no_hook)                                  \
    TYPE(SESSION, session, session_no_handles, session_destroy)                                    \
    TYPE(MEMORY, memory, object_no_hook, memory_destroy)                                           \
    TYPE(IMAGE, image, object_no_hook, image_destroy)                                              \
    TYPE(NOTIFICATION, notification, object_no_hook, object_no_hook)                               \
    TYPE(TIMER, timer, object_no_hook, timer_destroy)                                              \
    TYPE(IRQ, irq, object_no_hook, irq_destroy)                                                    \
    TYPE(IOPORT, ioport, object_no_hook, object_no_hook)                                           \
    TYPE(DEVICE, device, device_no_handles, device_destroy)                                        \
    TYPE(ACCOUNT, account, object_no_hook, account_destroy)                                        \
    TYPE(SYSTEM, object, object_no_hook, object_no_hook)                                           \
    TYPE(CALL, call, object_no_hook, call_destroy)

#define DECLARE_HOOKS(NAME, structure, no_handles, destroy)                                        \
    void no_handles(struct object *object);                                                        \
    void destroy(struct object *object);
OBJECT_TYPES(DECLARE_HOOKS)
