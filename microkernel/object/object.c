/* SPDX-License-Identifier: MIT
 * Life of kernel objects: creation, counts, hooks by type.
 */
#include <debug.h>
#include <object.h>
#include <task.h>

struct type_hooks {
    void (*no_handles)(struct object *object); /* the last handle is gone */
    void (*destroy)(struct object *object);    /* releases what the object holds */
};

#define HOOKS(NAME, structure, no_handles, destroy) [OBJECT_##NAME] = {no_handles, destroy},
static const struct type_hooks hooks[OBJECT_TYPE_COUNT] = {OBJECT_TYPES(HOOKS)};

void object_no_hook(struct object *object) {
    (void)object;
}

void object_init(struct object *object, enum object_type type, size_t size,
                 struct account *account) {
    static uint64_t next_id = 1;
    object->type = (uint8_t)type;
    object->size_class = (uint16_t)kmem_class(size);
    object->references = 1;
    object->id = next_id++;
    object->account = account;
    object_get(&account->object);
}

status_t object_create(enum object_type type, size_t size, struct account *account, void *out) {
    struct object *object = kmem_alloc(account, size);
    if (object == NULL) {
        return E_QUOTA;
    }
    object_init(object, type, size, account);
    *(struct object **)out = object;
    return OK;
}

void object_put(struct object *object) {
    DEBUG_ASSERT(object == NULL || object->references > 0);
    if (object == NULL || --object->references > 0) {
        return;
    }
    /* The hook may take and drop references of its own. */
    object->references = 1;
    hooks[object->type].destroy(object);
    DEBUG_ASSERT(object->references == 1 && object->handles == 0);
    struct account *account = object->account;
    /* A thread begins with its context, for the entry code; every other object with `object`. */
    void *start = object->type == OBJECT_THREAD ? (void *)thread_of(object) : object;
    kmem_free(account, start, object->size_class);
    object_put(&account->object);
}

void object_handle_put(struct object *object) {
    if (object == NULL) {
        return;
    }
    DEBUG_ASSERT(object->handles > 0);
    if (--object->handles == 0) {
        hooks[object->type].no_handles(object);
    }
    object_put(object);
}
