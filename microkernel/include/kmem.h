/* SPDX-License-Identifier: MIT
 * Kernel memory in size classes up to a page, for objects, charged to an account.
 */
#pragma once

#include "account.h"

/* Bytes that an allocation of `size` takes. */
uint32_t kmem_class(size_t size);
/* Zeroed memory, or NULL when the account can't pay. size ≤ 4096. */
void *kmem_alloc(struct account *account, size_t size);
/* The same, not zeroed. */
void *kmem_alloc_raw(struct account *account, size_t size);
void kmem_free(struct account *account, void *pointer, size_t size);
