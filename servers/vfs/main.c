/* SPDX-License-Identifier: MIT
 * The file server: set-up and events. All lasting state is `vfs` and the page range behind it.
 */
#include "archive.h"
#include "policy.h"
#include "record.h"
#include "serve.h"
#include <common/parse.h>
#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/handle.h>
#include <ipc/heap.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/random.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/time.h>

#define ARENA_MINIMUM 65536u /* bytes for names, beside the variables */
#define ARCHIVE_VA 0x300000000000ull
#define SCRATCH_VA 0x400000000000ull /* while importing */

#ifndef VFS_VERSION
#define VFS_VERSION 1
#endif
ACTOR_IMAGE("vfs", 0, VFS_VERSION, PROTOCOL("file", FILE_PROTOCOL_VERSION));

ARENA struct vfs vfs;

void vfs_abort(const char *condition) {
    actor_abort(condition);
}

uint64_t vfs_time(void) {
    return time_now_ns();
}

void device_random(void *bytes, size_t length) {
    random_fill(bytes, length);
}

/* The pages are allocated now: a page fault that the account cannot pay for would kill us. */
static status_t grow(uint32_t first, uint32_t count) {
    return memory_map_new(BLOCKS_VA + (uint64_t)first * CHUNK_SIZE, (uint64_t)count * CHUNK_SIZE,
                          MAP_POPULATE);
}

static void shrink(uint32_t first, uint32_t count) {
    (void)memory_unmap(TASK_SELF, BLOCKS_VA + (uint64_t)first * CHUNK_SIZE,
                       (uint64_t)count * CHUNK_SIZE);
}

static const struct store_memory store_memory = {grow, shrink};

/* The length of the archive's file; its memory is longer, up to the end of a page. */
static uint64_t archive_length(uint64_t size) {
    static struct boot_page page;
    handle_t boot = startup_handle("boot");
    if (boot == HANDLE_NONE || memory_read(boot, 0, &page, sizeof page) != OK ||
        page.magic != BOOT_PAGE_MAGIC) {
        return size;
    }
    for (uint32_t i = 0; i < page.module_count && i < BOOT_MODULES; i++) {
        if (parse_equal(page.modules[i].name, strnlen(page.modules[i].name, STARTUP_NAME),
                        "boot.tar") &&
            page.modules[i].size < size) {
            size = page.modules[i].size;
        }
    }
    return size;
}

/* A mapping that is there already is from an earlier life of this task. */
static void map_archive(void) {
    struct memory_info info = {0};
    handle_t archive = startup_handle("archive");
    if (archive == HANDLE_NONE || memory_info(archive, &info) != OK) {
        log_line("there is no boot archive");
        return;
    }
    status_t status =
        memory_map(TASK_SELF, archive, 0, ARCHIVE_VA, PAGE_ROUND_UP(info.size), PROT_READ);
    if (status == OK || status == E_EXISTS) {
        vfs.archive_size = archive_length(info.size);
    } else {
        log_line("can't map the boot archive: %s", status_text(status));
    }
}

/* What the variables leave of the arena; there is no heap. E_NO_SPACE. */
static status_t page_range(void **start, size_t *size) {
    uintptr_t first = ARENA_VA + PAGE_ROUND_UP(arena_linked_size());
    uintptr_t end = ARENA_VA + arena_size();
    if (end < first + ARENA_MINIMUM) {
        return E_NO_SPACE;
    }
    *start = (void *)first;
    *size = end - first;
    return OK;
}

static void export(struct records_writer *records) {
    vfs_export(&vfs, records);
}

static status_t import(struct records_reader *records) {
    void *start;
    size_t size, scratch = PAGE_ROUND_UP(vfs_import_scratch(records));
    status_t status = page_range(&start, &size);
    if (status == OK) {
        status = scratch == 0 ? E_FORMAT : memory_map_new(SCRATCH_VA, scratch, 0);
    }
    if (status != OK) {
        return status;
    }
    map_archive();
    store_attach((void *)BLOCKS_VA, &store_memory);
    store_turn_begin();
    status = vfs_import(&vfs, start, size, records, (uint32_t *)SCRATCH_VA);
    (void)memory_unmap(TASK_SELF, SCRATCH_VA, scratch);
    return status;
}

static const char *check(bool full) {
    if (!store_attached()) {
        store_attach((void *)BLOCKS_VA, &store_memory);
    }
    return vfs_check(&vfs, full);
}

static status_t create(void) {
    void *range;
    size_t size;
    status_t status = page_range(&range, &size);
    if (status != OK) {
        return status;
    }
    (void)memory_unmap(TASK_SELF, BLOCKS_VA, (uint64_t)STORE_CHUNKS * CHUNK_SIZE);
    map_archive();
    store_attach((void *)BLOCKS_VA, &store_memory);
    archive_attach((const void *)ARCHIVE_VA, vfs.archive_size);

    status_t archive = OK;
    uint32_t skipped = 0;
    uint64_t damaged = 0;
    status = vfs_create(&vfs, range, size, random_u32() & 0x7fffffff);
    if (status == OK) {
        status = operation_layout(&vfs, &archive, &skipped, &damaged);
    }
    if (archive == E_FORMAT && vfs.archive_size != 0) {
        log_line("the boot archive is damaged at byte %lu", damaged);
    } else if (archive == E_NO_SPACE) {
        log_line("the boot archive has too many files");
    } else if (skipped != 0) {
        log_line("%u entries of the boot archive cannot be shown", skipped);
    }
    return status;
}

static void start(void) {
    store_attach((void *)BLOCKS_VA, &store_memory);
    archive_attach((const void *)ARCHIVE_VA, vfs.archive_size);
    for (int i = 0; i < startup_argc(); i++) {
        const char *argument = startup_argv(i);
        if (strncmp(argument, "grant=", 6) != 0 || policy_add(argument + 6) != OK) {
            log_line("bad argument: %s", argument);
        }
    }
}

static void call_event(struct event *event) {
    store_turn_begin();
    dispatch(event);
    store_turn_end(&vfs.store);
}

static void reply_event(struct event *event) {
    store_turn_begin();
    parked_reply(event);
    store_turn_end(&vfs.store);
}

static void cancel_event(struct event *event) {
    store_turn_begin();
    parked_cancel(event);
}

static void closed_event(struct event *event) {
    uint32_t id;
    store_turn_begin();
    if (session_find(&vfs, event->badge, &id) != NULL) {
        session_close(&vfs, id);
    }
    store_turn_end(&vfs.store);
}

int main(void) {
    static const struct actor actor = {
        .create = create,
        .start = start,
        .call = call_event,
        .reply = reply_event,
        .closed = closed_event,
        .cancel = cancel_event,
        .export = export,
        .import = import,
        .check = check,
    };
    actor_run(&actor);
}
