/* SPDX-License-Identifier: MIT
 * Memory objects: pages at first touch, copy-on-write clones, kernel-side copies.
 * Invariant: `resident` pages are charged to the object's account, shared or not, so that breaking
 * a share never fails.
 */
#include <arch/user_copy.h>
#include <common/string.h>
#include <debug.h>
#include <machine.h>
#include <task.h>

static uint64_t page_count(const struct memory *memory) {
    return memory->size / PAGE_SIZE;
}

/* ---- the table from page index to frame: two levels if one page can't hold it
 * --------------------- */

static size_t root_size(const struct memory *memory) {
    uint64_t pages = page_count(memory);
    return 8 * (pages <= MEMORY_TABLE_PAGES ? pages : (pages - 1) / MEMORY_TABLE_PAGES + 1);
}

/* NULL: its second level is absent, and not to be made or not paid for. */
static uint64_t *entry_of(struct memory *memory, uint64_t index, bool create) {
    if (page_count(memory) <= MEMORY_TABLE_PAGES) {
        return &memory->pages[index];
    }
    uint64_t *root = &memory->pages[index / MEMORY_TABLE_PAGES];
    if (*root == 0 && create) {
        *root = (uint64_t)(uintptr_t)kmem_alloc(memory->object.account, PAGE_SIZE);
    }
    return *root == 0 ? NULL : &((uint64_t *)(uintptr_t)*root)[index % MEMORY_TABLE_PAGES];
}

static void table_destroy(struct memory *memory) {
    size_t size = root_size(memory);
    for (uint64_t i = 0; page_count(memory) > MEMORY_TABLE_PAGES && i < size / 8; i++) {
        if (memory->pages[i] != 0) {
            kmem_free(memory->object.account, (void *)(uintptr_t)memory->pages[i], PAGE_SIZE);
        }
    }
    kmem_free(memory->object.account, memory->pages, size);
}

/* ---- pages -------------------------------------------------------------------------------------
 */

status_t memory_create(struct account *account, uint64_t size, enum memory_kind kind,
                       struct memory **out) {
    struct memory *memory;
    if (size == 0 || size > MEMORY_MAX_SIZE) {
        return E_RANGE;
    }
    size = PAGE_ROUND_UP(size);
    TRY(memory_create_physical(account, 0, size, MEMORY_ANONYMOUS, &memory));
    memory->pages = kmem_alloc(account, root_size(memory));
    if (memory->pages == NULL || (kind == MEMORY_ARENA && account_charge(account, size) != OK)) {
        object_put(&memory->object);
        return E_QUOTA;
    }
    memory->kind = (uint8_t)kind;
    *out = memory;
    return OK;
}

status_t memory_create_physical(struct account *account, phys_t base, uint64_t size,
                                enum memory_kind kind, struct memory **out) {
    struct memory *memory;
    TRY(object_create(OBJECT_MEMORY, sizeof(*memory), account, &memory));
    list_init(&memory->mappings);
    memory->kind = (uint8_t)kind;
    memory->size = size;
    memory->base = base;
    *out = memory;
    return OK;
}

phys_t memory_page_peek(struct memory *memory, uint64_t index) {
    if (memory->pages == NULL) {
        return memory->base + index * PAGE_SIZE;
    }
    uint64_t *entry = entry_of(memory, index, false);
    return entry == NULL ? 0 : *entry;
}

/* Another frame takes the place of a shared one: nobody may see the old one through this object. */
static void break_share(struct memory *memory, uint64_t index, uint64_t *entry) {
    phys_t copy = frame_alloc();
    memcpy(phys_to_virt(copy), phys_to_virt(*entry), PAGE_SIZE);
    LIST_FOR_EACH(link, &memory->mappings) {
        struct mapping *mapping = LIST_ENTRY(link, struct mapping, memory_link);
        uint64_t offset = index * PAGE_SIZE;
        if (offset >= mapping->offset && offset - mapping->offset < mapping->length) {
            uint64_t address = mapping->address + offset - mapping->offset;
            if (arch_unmap(&mapping->task->space, address)) {
                arch_shootdown(&mapping->task->space, address, 1);
            }
        }
    }
    frame_free(*entry);
    *entry = copy;
}

status_t memory_page(struct memory *memory, uint64_t index, bool write, phys_t *out) {
    if (memory->pages == NULL) {
        *out = memory->base + index * PAGE_SIZE;
        return OK;
    }
    uint64_t *entry = entry_of(memory, index, true);
    if (entry == NULL) {
        return E_QUOTA;
    }
    if (*entry == 0) {
        if (memory->kind == MEMORY_PAGED) {
            return E_WOULD_BLOCK;
        }
        if (memory->kind != MEMORY_ARENA &&
            account_charge(memory->object.account, PAGE_SIZE) != OK) {
            return E_QUOTA;
        }
        *entry = frame_alloc_zeroed();
        memory->resident++;
    } else if (write && frame_shares(*entry) > 1) {
        break_share(memory, index, entry);
    }
    *out = *entry;
    return OK;
}

status_t memory_page_reserve(struct memory *memory, uint64_t index) {
    return entry_of(memory, index, true) == NULL ? E_QUOTA : OK;
}

void memory_page_set(struct memory *memory, uint64_t index, phys_t frame) {
    uint64_t *entry = entry_of(memory, index, false);
    ASSERT(entry != NULL && *entry == 0);
    *entry = frame;
    memory->resident++;
}

status_t memory_clone(struct account *account, struct memory *source, struct memory **out) {
    if (source->kind != MEMORY_ANONYMOUS) {
        return E_TYPE;
    }
    struct memory *clone;
    TRY(memory_create(account, source->size, MEMORY_ANONYMOUS, &clone));
    for (uint64_t index = 0; index < page_count(source); index++) {
        phys_t frame = memory_page_peek(source, index);
        if (frame == 0) {
            continue;
        }
        if (memory_page_reserve(clone, index) != OK || account_charge(account, PAGE_SIZE) != OK) {
            object_put(&clone->object);
            return E_QUOTA;
        }
        frame_share(frame);
        memory_page_set(clone, index, frame);
    }
    LIST_FOR_EACH(link, &source->mappings) { /* writes must fault from now on */
        struct mapping *mapping = LIST_ENTRY(link, struct mapping, memory_link);
        if ((mapping->prot & PROT_WRITE) != 0) {
            mapping_unmap_pages(mapping, ~0ull);
        }
    }
    *out = clone;
    return OK;
}

void memory_clear(struct memory *memory) {
    for (uint64_t index = 0; index < page_count(memory); index++) {
        phys_t frame = memory_page_peek(memory, index);
        if (frame != 0) {
            memset(phys_to_virt(frame), 0, PAGE_SIZE);
        }
    }
}

static void free_frames(struct memory *memory) {
    uint64_t charged = memory->kind == MEMORY_ARENA ? page_count(memory) : memory->resident;
    account_release(memory->object.account, charged * PAGE_SIZE);
    for (uint64_t index = 0; memory->resident > 0; index++) {
        phys_t frame = memory_page_peek(memory, index);
        if (frame != 0) {
            frame_free(frame);
            memory->resident--;
        }
    }
}

void memory_destroy(struct object *object) {
    struct memory *memory = (struct memory *)object;
    ASSERT(list_empty(&memory->mappings));
    if (memory->arena != NULL) {
        arena_destroy(memory->arena);
    }
    if (memory->pages != NULL) {
        free_frames(memory);
        table_destroy(memory);
    } else if (memory->kind == MEMORY_DMA) {
        device_dma_end(memory);
        for (uint64_t at = 0; at < memory->size; at += PAGE_SIZE) {
            frame_free(memory->base + at);
        }
        account_release(object->account, memory->size);
    }
    object_put(OBJECT_OF(memory->pager));
    object_put(memory->keep);
}

status_t memory_bytes(struct memory *memory, uint64_t offset, bool write, char **out) {
    phys_t frame = memory_page_peek(memory, offset / PAGE_SIZE);
    if (write || (frame == 0 && memory->kind == MEMORY_PAGED)) {
        TRY(memory_page(memory, offset / PAGE_SIZE, write, &frame));
    }
    *out = frame_bytes(frame) + offset % PAGE_SIZE;
    return OK;
}

status_t memory_copy(struct memory *memory, uint64_t offset, void *buffer, uint64_t length,
                     bool into, bool user) {
    if (offset > memory->size || length > memory->size - offset) {
        return E_RANGE;
    }
    if (memory->kind == MEMORY_DEVICE) {
        return E_TYPE;
    }
    for (uint64_t done = 0, step; done < length; done += step) {
        char *bytes, *other = (char *)buffer + done;
        step = page_step(offset + done, length - done);
        TRY(memory_bytes(memory, offset + done, into, &bytes));
        if (!user) {
            memcpy(into ? bytes : other, into ? other : bytes, step);
        } else {
            TRY(into ? copy_from_user(bytes, (uintptr_t)other, step)
                     : copy_to_user((uintptr_t)other, bytes, step));
        }
    }
    return OK;
}
