/* SPDX-License-Identifier: MIT
 * A task's handle table: pages of entries, allocated as needed and charged to the task's account.
 * Invariant: an entry with object != NULL holds a handle count on it.
 */
#pragma once

#include "object.h"

#define HANDLE_PAGE_ENTRIES 256
#define HANDLE_PAGES 64 /* 16,384 handles at most */

#define ENTRY_PROVISIONAL 1u /* made in this turn */
#define ENTRY_CLOSING 2u     /* closed in this turn, or in a message that moves it; invisible */
#define ENTRY_INITIAL 4u     /* given before the task first started */
#define ENTRY_RESERVED 8u    /* promised to a staged grant; invisible */

struct handle_entry {
    struct object *object; /* NULL: free, `epoch` links the free entries */
    union {
        struct {
            uint32_t epoch; /* the object's when the handle was made */
            uint16_t rights : 12;
            uint16_t flags : 4;
            uint16_t generation; /* 1 to 0x7fff */
        };
        uint64_t word; /* all four, for the fast path */
    };
};
#define ENTRY_RIGHTS_SHIFT 32
#define ENTRY_FLAGS_SHIFT 44
#define ENTRY_GENERATION_SHIFT 48
_Static_assert(sizeof(struct handle_entry) == 16, "256 entries fill a page");

struct handle_table {
    struct handle_entry *pages[HANDLE_PAGES];
    uint32_t page_count;
    uint32_t used;
    uint32_t free_head; /* slot */
    struct account *account;
};

/* An empty table, in zeroed memory. */
void handle_table_init(struct handle_table *table, struct account *account);
void handle_table_destroy(struct handle_table *table);

/* Puts a handle count on `object` into a free entry. E_NO_HANDLES, E_QUOTA. */
MUST_CHECK status_t handle_install(struct handle_table *table, struct object *object,
                                   uint32_t rights, uint32_t flags, handle_t *out);
/* Makes `to`, new and empty, a copy of `from`: same numbers, same rights. E_QUOTA. */
MUST_CHECK status_t handle_table_clone(const struct handle_table *from, struct handle_table *to);
/* The entry with a slot that the table has. */
static inline struct handle_entry *handle_entry_at(const struct handle_table *table,
                                                   uint32_t slot) {
    return &table->pages[slot / HANDLE_PAGE_ENTRIES][slot % HANDLE_PAGE_ENTRIES];
}
/* The entry, whatever its flags, or NULL for a free or foreign one. */
struct handle_entry *handle_entry_find(struct handle_table *table, handle_t handle);
/* Clears flags of an entry; returns it, or NULL for one that is gone. */
struct handle_entry *handle_entry_clear(struct handle_table *table, handle_t handle,
                                        uint32_t flags);
/* Empties the entry, unless it is gone, and drops its handle count. */
void handle_remove(struct handle_table *table, handle_t handle);
/* Drops every entry that lacks `keep_flag`. */
void handle_table_trim(struct handle_table *table, uint32_t keep_flag);
/* The first entry in use from *slot on, NULL: none; *slot moves behind it. */
struct handle_entry *handle_table_next(struct handle_table *table, uint32_t *slot);

/* Looks a handle up: type and rights checked. type OBJECT_NONE: any. The pointer is good as long as
 * the lock is held; keep a reference for longer. E_HANDLE, E_REVOKED, E_TYPE, E_RIGHTS. */
MUST_CHECK status_t handle_lookup(struct handle_table *table, handle_t handle,
                                  enum object_type type, uint32_t rights, void *out);
