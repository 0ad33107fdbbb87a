/* SPDX-License-Identifier: MIT
 * The simulated surroundings of the unit tests.
 */
#include "fixture.h"
#include "../session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT 1u
#define ACCOUNT 7u

struct fixture *fixture;
static struct fixture *committed;
static uint8_t *blocks;
static uint32_t chunks_max;
uint32_t fixture_shrunk;
uint64_t fixture_now;
uint32_t fixture_fuse;
jmp_buf fixture_death;

void vfs_abort(const char *condition) {
    fprintf(stderr, "assertion failed: %s\n", condition);
    abort();
}

uint64_t vfs_time(void) {
    return fixture_now += 1000;
}

void device_random(void *bytes, size_t length) {
    memset(bytes, 0x5a, length);
}

static status_t grow(uint32_t first, uint32_t count) {
    if (first + count > chunks_max) {
        return E_QUOTA;
    }
    memset(blocks + (size_t)first * CHUNK_SIZE, 0, (size_t)count * CHUNK_SIZE);
    return OK;
}

static status_t fake_info(uint32_t kind, uint64_t index, void *to, size_t size) {
    memset(to, 0, size);
    if (kind == INFO_SYSTEM) {
        struct system_info *info = to;
        strcpy(info->version, "Axolotl 0.1.0");
        strcpy(info->build, "(test)");
        info->irqs = 7;
        info->switches = 9;
        info->memory_total = 64 << 20;
        info->memory_free = 48 << 20;
        return OK;
    }
    if (kind == INFO_CPU && index < 2) {
        struct cpu_info *cpu = to;
        cpu->id = (uint32_t)index;
        cpu->idle_ns = (index + 1) * 100000000;
        return OK;
    }
    if (kind == INFO_TASK && index < 2) {
        struct task_info *task = to;
        task->id = index + 1;
        strcpy(task->name, index == 0 ? "init" : "vfs");
        task->main_state = index == 0 ? THREAD_RUNNING : THREAD_RECEIVING;
        return OK;
    }
    return E_NOT_FOUND;
}

static int64_t fake_log(uint64_t *position, void *to, size_t size) {
    static const char text[] = "one line\nanother\n";
    size_t left = sizeof text - 1 - *position;
    size_t part = left < size ? left : size;
    memcpy(to, text + *position, part);
    return (int64_t)part;
}

struct proc_source fixture_source = {fake_info, fake_log};

/* The commit makes it real; until then the memory keeps its content. */
static void shrink(uint32_t first, uint32_t count) {
    fixture_shrunk += count;
    (void)first;
}

static const struct store_memory store_memory = {grow, shrink};

static void restart(void) {
    store_attach(blocks, &store_memory);
    store_turn_begin();
}

void fixture_start(uint32_t chunks) {
    fixture = aligned_alloc(4096, sizeof *fixture);
    committed = aligned_alloc(4096, sizeof *committed);
    memset(fixture, 0, sizeof *fixture);
    memset(committed, 0, sizeof *committed);
    blocks = malloc((size_t)chunks * CHUNK_SIZE);
    memset(blocks, 0xbb, (size_t)chunks * CHUNK_SIZE);
    chunks_max = chunks;
    restart();
    if (vfs_create(&fixture->vfs, fixture->pool, sizeof fixture->pool, 5) != OK) {
        abort();
    }
    fixture_commit();
}

void fixture_stop(void) {
    free(fixture);
    free(committed);
    free(blocks);
    fixture = NULL;
}

/* Overwrites the blocks that `before` used and `after` does not. */
static void scribble(const struct store *before, const struct store *after) {
    for (uint32_t chunk = 0; chunk < chunks_max; chunk++) {
        uint64_t gone = before->used[chunk] & ~after->used[chunk];
        for (uint32_t i = 0; i < CHUNK_BLOCKS && gone >> i != 0; i++) {
            if ((gone >> i & 1) != 0) {
                uint8_t *block = blocks + ((size_t)chunk * CHUNK_BLOCKS + i) * BLOCK_SIZE;
                memset(block, 0xee, BLOCK_SIZE);
            }
        }
    }
}

uint32_t fixture_commit(void) {
    uint32_t dirty = 0;
    store_turn_end(&fixture->vfs.store);
    scribble(&committed->vfs.store, &fixture->vfs.store);
    for (size_t at = 0; at < sizeof *fixture; at += 4096) {
        uint8_t *from = (uint8_t *)fixture + at;
        uint8_t *to = (uint8_t *)committed + at;
        size_t part = sizeof *fixture - at < 4096 ? sizeof *fixture - at : 4096;
        if (memcmp(from, to, part) != 0) {
            memcpy(to, from, part);
            dirty++;
        }
    }
    store_turn_begin();
    return dirty;
}

void fixture_roll_back(void) {
    store_turn_end(&fixture->vfs.store);
    scribble(&fixture->vfs.store, &committed->vfs.store);
    memcpy(fixture, committed, sizeof *fixture);
    restart();
}

void *fixture_records(size_t *size) {
    struct records_writer writer;
    const struct image_note program = {.name = "vfs"};
    *size = 4 * sizeof *fixture;
    void *space = aligned_alloc(4096, *size);
    records_begin(&writer, space, *size);
    vfs_export(&fixture->vfs, &writer);
    if (records_end(&writer, &program) != OK) {
        abort();
    }
    *size = writer.used;
    return space;
}

status_t fixture_import(const void *space, size_t size) {
    struct records_reader reader;
    status_t status = records_open(&reader, space, size);
    if (status != OK) {
        return status;
    }
    memset(fixture, 0, sizeof *fixture);
    restart();
    size_t room = vfs_import_scratch(&reader);
    uint32_t *scratch = malloc(room + 1);
    status = vfs_import(&fixture->vfs, fixture->pool, sizeof fixture->pool, &reader, scratch);
    free(scratch);
    return status;
}

/* ---- Consistency ---------------------------------------------------------------------------- */

struct audit {
    uint64_t used[STORE_CHUNKS];
    uint32_t nodes, entries, sessions;
    const char *problem;
};

static bool claim(struct audit *audit, uint32_t block) {
    uint64_t *word = &audit->used[(block - 1) / CHUNK_BLOCKS];
    uint64_t bit = 1ull << ((block - 1) % CHUNK_BLOCKS);
    if ((*word & bit) != 0) {
        audit->problem = "a block belongs to two places";
        return false;
    }
    *word |= bit;
    return true;
}

static void claim_table(struct audit *audit, uint32_t block, uint32_t level) {
    if (block == 0 || !claim(audit, block) || level == 0) {
        return;
    }
    const uint32_t *numbers = store_block(block);
    for (uint32_t i = 0; i < LEAF_BLOCKS; i++) {
        claim_table(audit, numbers[i], level - 1);
    }
}

static void audit_file(struct audit *audit, const struct node *node) {
    uint32_t count = (uint32_t)((node->size + BLOCK_SIZE - 1) / BLOCK_SIZE);
    uint32_t reach[] = {DIRECT_BLOCKS, LEAF_BLOCKS, FILE_BLOCKS_MAX};
    for (uint32_t i = 0; i < DIRECT_BLOCKS; i++) {
        claim_table(audit, node->file.direct[i], node->file.levels);
    }
    for (uint32_t i = count; i < reach[node->file.levels] && i < count + 3000; i++) {
        if (file_contents_block(node, i) != 0) {
            audit->problem = "a block beyond the end of a file";
        }
    }
}

static void audit_directory(struct audit *audit, uint32_t id) {
    const struct vfs *vfs = &fixture->vfs;
    const struct node *node = node_get(vfs, id);
    uint64_t cursor = 0;
    uint32_t count = 0;
    uint32_t previous = 0;
    for (uint32_t at = node->directory.first; at != 0; at = entry_get(vfs, at)->next) {
        const struct entry *entry = entry_get(vfs, at);
        if (entry->id != at || entry->directory != id || entry->cursor <= cursor ||
            entry->prev != previous || directory_find(vfs, id, entry->name, entry->length) != at) {
            audit->problem = "a damaged directory entry";
            return;
        }
        cursor = entry->cursor;
        previous = at;
        count++;
    }
    if (count != node->directory.count || previous != node->directory.last) {
        audit->problem = "a directory's count is wrong";
    }
    audit->entries += count;
}

/* Links and opens that a node should have. */
static void audit_references(struct audit *audit, uint32_t id) {
    const struct vfs *vfs = &fixture->vfs;
    const struct node *node = node_get(vfs, id);
    uint32_t links = 0;
    uint32_t opens = 0;
    for (uint32_t i = 0; i < vfs->mount_count; i++) {
        links += vfs->mounts[i].root == id;
    }
    for (uint32_t page = 0; page < vfs->pool.untouched; page++) {
        for (uint32_t slot = 0; slot < 64; slot++) {
            uint32_t other = page << 6 | slot;
            if (pool_valid(&vfs->pool, POOL_ENTRY, other) ||
                pool_valid(&vfs->pool, POOL_ENTRY_LONG, other)) {
                links += entry_get(vfs, other)->id == other && entry_get(vfs, other)->node == id;
            } else if (pool_valid(&vfs->pool, POOL_SESSION, other)) {
                uint32_t found = 0;
                opens += session_get(vfs, other)->node == id &&
                         session_find(vfs, session_get(vfs, other)->badge, &found) != NULL &&
                         found == other;
            }
        }
    }
    if (links != node->links || opens != node->opens) {
        audit->problem = "a node's references are wrong";
    }
    audit->sessions += opens;
    if (links == 0 && opens == 0) {
        audit->problem = "a node that nothing refers to";
    }
}

bool fixture_consistent(void) {
    static struct audit audit;
    const struct vfs *vfs = &fixture->vfs;
    memset(&audit, 0, sizeof audit);
    for (uint32_t page = 0; page < vfs->pool.untouched; page++) {
        for (uint32_t slot = 0; slot < 64; slot++) {
            uint32_t id = page << 6 | slot;
            if (!pool_valid(&vfs->pool, POOL_NODE, id)) {
                continue;
            }
            const struct node *node = node_get(vfs, id);
            if (node->modified == 0 && node->links == 0) {
                continue; /* freed: zero but for the first byte */
            }
            audit.nodes++;
            audit_references(&audit, id);
            if (node->kind == NODE_FILE) {
                audit_file(&audit, node);
            } else if (node->kind == NODE_DIRECTORY) {
                audit_directory(&audit, id);
            }
        }
    }
    if (memcmp(audit.used, vfs->store.used, sizeof audit.used) != 0) {
        audit.problem = "blocks in use are not the blocks of files";
    }
    if (audit.nodes != vfs->pool.used[POOL_NODE] ||
        audit.sessions != vfs->pool.used[POOL_SESSION] ||
        audit.entries != vfs->pool.used[POOL_ENTRY] + vfs->pool.used[POOL_ENTRY_LONG]) {
        audit.problem = "the pool's counts are wrong";
    }
    uint32_t in_use = 0;
    for (uint32_t chunk = 0; chunk < STORE_CHUNKS; chunk++) {
        in_use += count_bits(vfs->store.used[chunk]);
    }
    if (in_use + vfs->store.free != vfs->store.chunks * CHUNK_BLOCKS) {
        audit.problem = "the store's count is wrong";
    }
    if (audit.problem == NULL) {
        audit.problem = vfs_check(vfs, true);
    }
    if (audit.problem != NULL) {
        printf("# %s\n", audit.problem);
    }
    return audit.problem == NULL;
}

/* ---- Operations ----------------------------------------------------------------------------- */

static void burn(void) {
    if (fixture_fuse != 0 && --fixture_fuse == 0) {
        longjmp(fixture_death, 1);
    }
}

static status_t move_out(void *context, uint64_t offset, void *bytes, size_t length) {
    burn();
    memcpy((char *)context + offset, bytes, length);
    return OK;
}

static status_t move_in(void *context, uint64_t offset, void *bytes, size_t length) {
    burn();
    memcpy(bytes, (char *)context + offset, length);
    burn();
    return OK;
}

/* Not terminated when the path fills its array, as a careless client would send it. */
static status_t normal(const char *text, struct path *path) {
    char sent[FILE_PATH_MAX] = {0};
    for (size_t i = 0; i < sizeof sent && text[i] != '\0'; i++) {
        sent[i] = text[i];
    }
    return policy_path(CLIENT, sent, sizeof sent, POLICY_READ, path);
}

status_t do_open(const char *text, uint64_t flags, uint32_t *session) {
    struct file_open_reply answer;
    struct opening opening;
    struct path path;
    status_t status = normal(text, &path);
    if (status == OK) {
        status = operation_open(&fixture->vfs, &path, flags, &opening);
    }
    if (status != OK) {
        return status;
    }
    const struct node *node = node_get(&fixture->vfs, opening.node);
    if (node->kind == NODE_PROC) {
        status =
            proc_make(&fixture->vfs, node->mount, node->object, &fixture_source, &opening.node);
    }
    return status != OK ? status
                        : operation_open_finish(&fixture->vfs, &opening, ACCOUNT, session, &answer);
}

status_t do_read(uint32_t session, uint64_t offset, void *to, size_t length, size_t *done) {
    struct file_io_request request = {offset, length};
    struct file_io_reply answer = {0};
    struct transfer transfer = {move_out, to};
    status_t status = operation_read(&fixture->vfs, session_get(&fixture->vfs, session), &request,
                                     &transfer, &answer);
    *done = answer.length;
    return status;
}

status_t do_write(uint32_t session, uint64_t offset, const void *from, size_t length,
                  size_t *done) {
    struct file_io_request request = {offset, length};
    struct file_io_reply answer = {0};
    struct transfer transfer = {move_in, (void *)(uintptr_t)from};
    status_t status = operation_write(&fixture->vfs, session_get(&fixture->vfs, session), &request,
                                      &transfer, &answer);
    *done = answer.length;
    return status;
}

static status_t change(const char *text,
                       status_t (*operation)(struct vfs *vfs, const struct path *path)) {
    struct path path;
    status_t status = normal(text, &path);
    return status == OK ? operation(&fixture->vfs, &path) : status;
}

status_t do_mkdir(const char *path) {
    return change(path, tree_mkdir);
}

status_t do_unlink(const char *path) {
    return change(path, tree_unlink);
}

status_t do_rmdir(const char *path) {
    return change(path, tree_rmdir);
}

status_t do_rename(const char *from_text, const char *to_text) {
    struct file_rename_request request = {.split = strlen(from_text) + 1};
    struct path from;
    struct path to;
    strcpy(request.paths, from_text);
    strcpy(request.paths + request.split, to_text);
    status_t status = policy_paths(CLIENT, &request, &from, &to);
    return status == OK ? tree_rename(&fixture->vfs, &from, &to) : status;
}

status_t do_stat(const char *text, struct file_stat *stat) {
    struct path path;
    status_t status = normal(text, &path);
    return status == OK ? operation_stat(&fixture->vfs, &path, stat) : status;
}

status_t do_statfs(const char *text, struct file_statfs *statfs) {
    struct path path;
    status_t status = normal(text, &path);
    return status == OK ? operation_statfs(&fixture->vfs, &path, 0, statfs) : status;
}

status_t do_truncate(uint32_t session, uint64_t size) {
    struct file_truncate_request request = {size};
    return operation_truncate(&fixture->vfs, session_get(&fixture->vfs, session), &request);
}

void do_close(uint32_t session) {
    session_close(&fixture->vfs, session);
}

uint32_t do_make(const char *path, const char *text) {
    uint32_t session = 0;
    size_t done = 0;
    status_t status = do_open(path, FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_CREATE, &session);
    if (status == OK) {
        status = do_write(session, 0, text, strlen(text), &done);
    }
    return status == OK && done == strlen(text) ? session : 0;
}

const char *do_text(uint32_t session) {
    static char text[FILE_IO_MAX + 1];
    size_t done = 0;
    status_t status = do_read(session, 0, text, FILE_IO_MAX, &done);
    text[done] = '\0';
    return status == OK ? text : NULL;
}
