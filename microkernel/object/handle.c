/* SPDX-License-Identifier: MIT
 * Handle tables. A free entry keeps its generation, so that a handle is not reused at once.
 */
#include <account.h>
#include <debug.h>
#include <handle.h>

#define FREE_END 0xffffffffu
#define HIDDEN (ENTRY_CLOSING | ENTRY_RESERVED)

void handle_table_init(struct handle_table *table, struct account *account) {
    table->free_head = FREE_END;
    table->account = account;
}

static status_t table_grow(struct handle_table *table) {
    if (table->page_count == HANDLE_PAGES) {
        return E_NO_HANDLES;
    }
    struct handle_entry *page =
        kmem_alloc(table->account, HANDLE_PAGE_ENTRIES * sizeof(struct handle_entry));
    if (page == NULL) {
        return E_QUOTA;
    }
    uint32_t first = table->page_count * HANDLE_PAGE_ENTRIES;
    table->pages[table->page_count++] = page;
    for (uint32_t i = HANDLE_PAGE_ENTRIES; i-- > 0;) {
        page[i].generation = 1;
        page[i].epoch = table->free_head;
        table->free_head = first + i;
    }
    return OK;
}

status_t handle_install(struct handle_table *table, struct object *object, uint32_t rights,
                        uint32_t flags, handle_t *out) {
    if (table->free_head == FREE_END) {
        TRY(table_grow(table));
    }
    uint32_t slot = table->free_head;
    struct handle_entry *entry = handle_entry_at(table, slot);
    table->free_head = entry->epoch;
    table->used++;
    object_handle_get(object);
    entry->object = object;
    entry->epoch = object->epoch;
    entry->rights = rights & RIGHT_ALL;
    entry->flags = flags & 0xf;
    *out = slot | ((handle_t)entry->generation << 16);
    return OK;
}

struct handle_entry *handle_entry_find(struct handle_table *table, handle_t handle) {
    uint32_t slot = handle & 0xffff;
    if (slot >= table->page_count * HANDLE_PAGE_ENTRIES) {
        return NULL;
    }
    struct handle_entry *entry = handle_entry_at(table, slot);
    if (entry->object == NULL || entry->generation != handle >> 16) {
        return NULL;
    }
    return entry;
}

struct handle_entry *handle_entry_clear(struct handle_table *table, handle_t handle,
                                        uint32_t flags) {
    struct handle_entry *entry = handle_entry_find(table, handle);
    if (entry != NULL) {
        entry->flags &= ~flags & 0xf;
    }
    return entry;
}

static void entry_free(struct handle_table *table, uint32_t slot) {
    struct handle_entry *entry = handle_entry_at(table, slot);
    struct object *object = entry->object;
    entry->object = NULL;
    entry->flags = 0;
    entry->generation = entry->generation == 0x7fff ? 1 : (uint16_t)(entry->generation + 1);
    entry->epoch = table->free_head;
    table->free_head = slot;
    table->used--;
    object_handle_put(object); /* last: it may come back to this table */
}

void handle_remove(struct handle_table *table, handle_t handle) {
    if (handle_entry_find(table, handle) != NULL) {
        entry_free(table, handle & 0xffff);
    }
}

struct handle_entry *handle_table_next(struct handle_table *table, uint32_t *slot) {
    while (*slot < table->page_count * HANDLE_PAGE_ENTRIES) {
        struct handle_entry *entry = handle_entry_at(table, (*slot)++);
        if (entry->object != NULL) {
            return entry;
        }
    }
    return NULL;
}

void handle_table_trim(struct handle_table *table, uint32_t keep_flag) {
    const struct handle_entry *entry;
    for (uint32_t slot = 0; (entry = handle_table_next(table, &slot)) != NULL;) {
        if ((entry->flags & keep_flag) == 0) {
            entry_free(table, slot - 1);
        }
    }
}

void handle_table_destroy(struct handle_table *table) {
    handle_table_trim(table, 0);
    while (table->page_count > 0) {
        kmem_free(table->account, table->pages[--table->page_count],
                  HANDLE_PAGE_ENTRIES * sizeof(struct handle_entry));
    }
    table->free_head = FREE_END;
}

status_t handle_lookup(struct handle_table *table, handle_t handle, enum object_type type,
                       uint32_t rights, void *out) {
    struct handle_entry *entry = handle_entry_find(table, handle);
    if (entry == NULL || (entry->flags & HIDDEN) != 0) {
        return E_HANDLE;
    }
    if (entry->epoch != entry->object->epoch) {
        return E_REVOKED;
    }
    if (type != OBJECT_NONE && entry->object->type != type) {
        return E_TYPE;
    }
    if ((entry->rights & rights) != rights) {
        return E_RIGHTS;
    }
    *(struct object **)out = entry->object;
    return OK;
}

status_t handle_table_clone(const struct handle_table *from, struct handle_table *to) {
    ASSERT(to->page_count == 0);
    while (to->page_count < from->page_count) {
        TRY(table_grow(to));
    }
    to->free_head = from->free_head;
    to->used = from->used;
    for (uint32_t slot = 0; slot < from->page_count * HANDLE_PAGE_ENTRIES; slot++) {
        struct handle_entry *entry = handle_entry_at(to, slot);
        *entry = *handle_entry_at(from, slot);
        if (entry->object != NULL) {
            object_handle_get(entry->object);
            if ((entry->flags & HIDDEN) != 0) { /* not the child's: it is going, or not there yet */
                entry_free(to, slot);
            }
        }
    }
    return OK;
}
