/* SPDX-License-Identifier: MIT
 * Accounts: a tree of quotas in bytes. A child's limit is taken from its parent when it is made, so
 * a charge looks at one account only and a successful charge is a guarantee of memory.
 */
#pragma once

#include "object.h"
#include <common/list.h>

#define KMEM_CLASSES 12

struct account {
    struct object object;
    struct account *parent;            /* NULL: the root account */
    uint64_t limit, used;              /* bytes; used counts whole frames */
    uint64_t lent;                     /* of them limits of children */
    uint64_t objects;                  /* of them bytes that are kernel objects */
    uint64_t slabs;                    /* of them bytes of frames that hold kernel objects */
    struct list partial[KMEM_CLASSES]; /* kmem's slabs with free elements */
};

/* The root account, which owns all memory that the kernel does not keep for itself. */
extern struct account *account_root;

void account_init(uint64_t limit);
/* Bytes in use as people count: frames and objects, without the slack in slabs. The same set of
 * objects gives the same figure, whatever happened before. */
static inline uint64_t account_usage(const struct account *account) {
    return account->used - account->slabs + account->objects;
}
MUST_CHECK status_t account_create(struct account *parent, uint64_t limit, struct account **out);

MUST_CHECK static inline status_t account_charge(struct account *account, uint64_t bytes) {
    if (account->limit - account->used < bytes) {
        return E_QUOTA;
    }
    account->used += bytes;
    return OK;
}

static inline void account_release(struct account *account, uint64_t bytes) {
    account->used -= bytes;
}

/* ---- kernel memory in size classes up to a page, for objects: mm/kmem.c ---- */
/* Bytes that an allocation of `size` takes. */
uint32_t kmem_class(size_t size);
/* Zeroed memory, or NULL when the account can't pay. size ≤ 4096. */
void *kmem_alloc(struct account *account, size_t size);
/* The same, not zeroed. */
void *kmem_alloc_raw(struct account *account, size_t size);
void kmem_free(struct account *account, void *pointer, size_t size);
