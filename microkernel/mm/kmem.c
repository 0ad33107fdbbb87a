/* SPDX-License-Identifier: MIT
 * Kernel memory in size classes, a set of slabs per account. A slab is one frame: a header, then
 * elements of one class. Invariants: a slab with free elements is in its account's `partial` list
 * of the class; a slab without used ones does not exist; the account is charged whole slabs
 * (`used`, what the limit bounds), so that charges never exceed frames, and told apart how many
 * bytes of them are objects.
 */
#include <account.h>
#include <common/string.h>
#include <debug.h>
#include <frame.h>

/* Multiples of 64 from 128 on: FPU areas want that alignment. The last is a frame of its own. */
static const uint16_t classes[KMEM_CLASSES + 1] = {32,  64,  96,  128,  192,  256, 384,
                                                   576, 768, 960, 1344, 1984, 4096};

struct free_element {
    struct free_element *next;
};

struct slab {
    struct list link; /* in partial */
    struct free_element *free;
    uint16_t used, fresh; /* elements in use; elements never used yet */
    uint32_t size;
    uint64_t padding[4];
};
_Static_assert(sizeof(struct slab) == 64, "elements are aligned");

static unsigned class_index(size_t size) {
    unsigned i = 0;
    while (classes[i] < size) {
        i++;
    }
    return i;
}

uint32_t kmem_class(size_t size) {
    ASSERT(size <= PAGE_SIZE);
    return classes[class_index(size)];
}

static void *whole_frame(struct account *account) {
    if (account_charge(account, PAGE_SIZE) != OK) {
        return NULL;
    }
    return phys_to_virt(frame_alloc());
}

static struct slab *new_slab(struct account *account, unsigned index) {
    struct slab *slab = whole_frame(account);
    if (slab != NULL) {
        uint32_t size = classes[index];
        slab->free = NULL;
        slab->used = 0;
        slab->size = size;
        slab->fresh = (uint16_t)((PAGE_SIZE - sizeof(*slab)) / size);
        account->slabs += PAGE_SIZE;
        list_push_front(&account->partial[index], &slab->link);
    }
    return slab;
}

void *kmem_alloc_raw(struct account *account, size_t size) {
    ASSERT(size <= PAGE_SIZE);
    unsigned index = class_index(size);
    if (index == KMEM_CLASSES) {
        return whole_frame(account);
    }
    struct list *partial = &account->partial[index];
    struct slab *slab = list_empty(partial) ? new_slab(account, index)
                                            : LIST_ENTRY(partial->next, struct slab, link);
    if (slab == NULL) {
        return NULL;
    }
    void *element = slab->free;
    if (element != NULL) {
        slab->free = slab->free->next;
    } else {
        slab->fresh--;
        element = (char *)slab + sizeof(*slab) + (size_t)slab->fresh * slab->size;
    }
    slab->used++;
    account->objects += slab->size;
    if (slab->free == NULL && slab->fresh == 0) {
        list_remove(&slab->link);
    }
    return element;
}

void *kmem_alloc(struct account *account, size_t size) {
    void *pointer = kmem_alloc_raw(account, size);
    if (pointer != NULL) {
        memset(pointer, 0, size);
    }
    return pointer;
}

void kmem_free(struct account *account, void *pointer, size_t size) {
    unsigned index = class_index(size);
    struct slab *slab = (struct slab *)((uintptr_t)pointer & ~(PAGE_SIZE - 1));
    if (index < KMEM_CLASSES) {
        struct free_element *element = pointer;
        ASSERT(slab->size == classes[index] && slab->used > 0);
        if (slab->free == NULL && slab->fresh == 0) {
            list_push_front(&account->partial[index], &slab->link);
        }
        element->next = slab->free;
        slab->free = element;
        account->objects -= slab->size;
        if (--slab->used > 0) {
            return;
        }
        account->slabs -= PAGE_SIZE;
        list_remove(&slab->link);
    }
    frame_free(virt_to_phys(slab));
    account_release(account, PAGE_SIZE);
}
