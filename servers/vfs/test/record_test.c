/* SPDX-License-Identifier: MIT
 * Export and import: everything is there again; damaged records give a sound state or none; each
 * invariant of the arena is seen when it is broken.
 */
#include "fixture.h"

#include "check.h"

#define CHUNKS 64u
#define LARGE (LEAF_BLOCKS + 5) /* blocks: two levels of tables */

static const char long_name[] =
    "/tmp/a name that is so long that its entry is one of the long kind";

static uint32_t make(const char *path, uint64_t offset, const char *text) {
    uint32_t session;
    size_t done;
    CHECK_EQ(do_open(path, FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_CREATE, &session), OK);
    CHECK_EQ(do_write(session, offset, text, strlen(text), &done), OK);
    CHECK_EQ(done, strlen(text));
    return session;
}

static bool holds(uint32_t session, uint64_t offset, const char *text) {
    char bytes[64] = "";
    size_t done = 0;
    status_t status = do_read(session, offset, bytes, strlen(text), &done);
    return status == OK && done == strlen(text) && memcmp(bytes, text, done) == 0;
}

static uint32_t by_badge(uint64_t badge) {
    uint32_t id = 0;
    return session_find(&fixture->vfs, badge, &id) != NULL ? id : 0;
}

static uint64_t badge_of(uint32_t session) {
    return session_get(&fixture->vfs, session)->badge;
}

/* The badges of what the tree below is built with. */
static uint64_t small, medium, large, gone, directory;
static uint64_t small_id;

static void build(void) {
    status_t archive;
    uint32_t skipped, session;
    uint64_t damaged;
    struct file_stat stat;
    fixture_start(CHUNKS);
    archive_attach(NULL, 0);
    CHECK_EQ(operation_layout(&fixture->vfs, &archive, &skipped, &damaged), OK);
    CHECK_EQ(do_mkdir("/tmp/d"), OK);
    CHECK_EQ(do_mkdir("/tmp/d/e"), OK);
    small = badge_of(make("/tmp/d/small", 0, "a small file"));
    medium = badge_of(make("/tmp/d/e/medium", 5 * BLOCK_SIZE + 3, "behind a hole"));
    (void)make(long_name, 7 * BLOCK_SIZE, "the last direct block");
    large = badge_of(make("/tmp/large", (uint64_t)LARGE * BLOCK_SIZE, "far away"));
    (void)make("/tmp/large", 100, "and near");
    gone = badge_of(make("/tmp/gone", 0, "no name any more"));
    CHECK_EQ(do_unlink("/tmp/gone"), OK);
    session_get(&fixture->vfs, by_badge(small))->offset = 7;
    CHECK_EQ(do_open("/tmp/d", FILE_OPEN_READ | FILE_OPEN_DIRECTORY, &session), OK);
    directory = badge_of(session);
    CHECK_EQ(do_stat("/tmp/d/small", &stat), OK);
    small_id = stat.id;
    fixture_commit();
}

static void check_all(void) {
    struct file_stat stat;
    uint32_t session;
    CHECK(fixture_consistent());
    CHECK(vfs_check(&fixture->vfs, true) == NULL);
    REQUIRE(by_badge(small) != 0 && by_badge(medium) != 0 && by_badge(large) != 0 &&
            by_badge(gone) != 0 && by_badge(directory) != 0);
    CHECK(holds(by_badge(small), 0, "a small file"));
    CHECK(holds(by_badge(small), FILE_OFFSET_CURRENT, " file"));
    session_get(&fixture->vfs, by_badge(small))->offset = 7;
    CHECK(holds(by_badge(medium), 5 * BLOCK_SIZE + 3, "behind a hole"));
    CHECK(holds(by_badge(large), (uint64_t)LARGE * BLOCK_SIZE, "far away"));
    CHECK(holds(by_badge(large), 100, "and near"));
    CHECK(holds(by_badge(gone), 0, "no name any more"));
    CHECK_EQ(do_stat("/tmp/gone", &stat), E_NOT_FOUND);
    CHECK_EQ(do_stat("/tmp/d/small", &stat), OK);
    CHECK_EQ(stat.id, small_id);
    CHECK_EQ(stat.size, 12);
    CHECK_EQ(do_open(long_name, FILE_OPEN_READ, &session), OK);
    CHECK(holds(session, 7 * BLOCK_SIZE, "the last direct block"));
    do_close(session);
    CHECK_EQ(do_open("/proc/version", FILE_OPEN_READ, &session), OK);
    do_close(session);
    CHECK_EQ(do_stat("/dev/null", &stat), OK);
    CHECK_EQ(do_mkdir("/proc/x"), E_READ_ONLY);
}

TEST(everything_is_there_again) {
    build();
    check_all();
    for (int round = 0; round < 3; round++) {
        size_t size, again;
        void *records = fixture_records(&size);
        REQUIRE(fixture_import(records, size) == OK);
        fixture_commit();
        check_all();
        void *same = fixture_records(&again);
        CHECK_EQ(again, size);
        free(records);
        free(same);
    }
    fixture_stop();
}

TEST(cursors_of_a_directory_go_on) {
    build();
    struct file_readdir_request request = {0};
    struct file_readdir_reply answer;
    uint32_t id = by_badge(directory);
    CHECK_EQ(operation_readdir(&fixture->vfs, id, &request, &answer), OK);
    CHECK_EQ(answer.count, 2); /* e, small */
    request.cursor = answer.cursor - 1;
    size_t size;
    void *records = fixture_records(&size);
    REQUIRE(fixture_import(records, size) == OK);
    id = by_badge(directory);
    CHECK_EQ(operation_readdir(&fixture->vfs, id, &request, &answer), OK);
    REQUIRE(answer.count == 1);
    CHECK_STR(answer.entries[0].name, "small");
    free(records);
    fixture_stop();
}

TEST(work_goes_on_afterwards) {
    build();
    size_t size, done;
    void *records = fixture_records(&size);
    REQUIRE(fixture_import(records, size) == OK);
    CHECK_EQ(do_write(by_badge(large), (uint64_t)LARGE * BLOCK_SIZE, "FAR", 3, &done), OK);
    CHECK(holds(by_badge(large), (uint64_t)LARGE * BLOCK_SIZE, "FAR away"));
    CHECK_EQ(do_truncate(by_badge(large), 104), OK);
    CHECK_EQ(do_truncate(by_badge(medium), 0), OK);
    CHECK_EQ(do_rename("/tmp/d/e", "/tmp/f"), OK);
    do_close(by_badge(gone));
    uint32_t session = make("/tmp/new", 0, "new");
    CHECK(badge_of(session) >> 32 > directory >> 32);
    fixture_commit();
    CHECK(fixture_consistent());
    CHECK(vfs_check(&fixture->vfs, true) == NULL);
    free(records);
    fixture_stop();
}

TEST(nothing_the_old_program_needs_is_written) {
    build();
    size_t size;
    void *records = fixture_records(&size);
    REQUIRE(fixture_import(records, size) == OK);
    fixture_roll_back(); /* the new program is given up: the old arena is back */
    check_all();
    free(records);
    fixture_stop();
}

TEST(damaged_records_give_a_sound_state_or_none) {
    unsigned used = 0;
    build();
    size_t size;
    uint8_t *records = fixture_records(&size);
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t *damaged = malloc(size);
        memcpy(damaged, records, size);
        struct records_head *head = (struct records_head *)(void *)damaged;
        for (uint64_t hits = 1 + check_random_below(6); hits > 0; hits--) {
            size_t at = sizeof *head + check_random_below(size - sizeof *head);
            damaged[at] = (uint8_t)(check_random_below(2) != 0 ? check_random() : 0);
        }
        head->checksum = records_checksum(head + 1, head->length);
        if (fixture_import(damaged, size) == OK) {
            const char *wrong = vfs_check(&fixture->vfs, true);
            if (wrong != NULL) {
                printf("# round %u: %s\n", round, wrong);
                CHECK(false);
            }
            used++;
        }
        free(damaged);
    }
    CHECK(used > 1000);
    free(records);
    fixture_stop();
}

#define BREAKS(change, expected)                                                                   \
    do {                                                                                           \
        build();                                                                                   \
        struct vfs *vfs = &fixture->vfs;                                                           \
        struct node *root = node_get(vfs, vfs->root);                                              \
        struct entry *entry = entry_get(vfs, root->directory.first);                               \
        struct session *session = session_get(vfs, by_badge(small));                               \
        (void)entry;                                                                               \
        (void)session;                                                                             \
        const struct file_map *map = &node_get(vfs, session->node)->file;                          \
        struct file_map *large_map =                                                               \
            &node_get(vfs, session_get(vfs, by_badge(large))->node)->file;                         \
        struct pool_page *page =                                                                   \
            (struct pool_page *)(void *)vfs->pool.base + (entry->id >> 6); /* of its kind */       \
        (void)entry;                                                                               \
        (void)map;                                                                                 \
        (void)large_map;                                                                           \
        (void)page;                                                                                \
        CHECK(vfs_check(vfs, true) == NULL);                                                       \
        change;                                                                                    \
        const char *wrong = vfs_check(vfs, true);                                                  \
        if (wrong == NULL || strcmp(wrong, expected) != 0) {                                       \
            printf("# %s: %s\n", #change, wrong != NULL ? wrong : "not seen");                     \
            CHECK(false);                                                                          \
        }                                                                                          \
        fixture_stop();                                                                            \
    } while (0)

TEST(every_broken_invariant_is_seen) {
    BREAKS(vfs->magic++, "the arena is not vfs's");
    BREAKS(vfs->root = 0, "no root directory");
    BREAKS(vfs->mount_count = 0, "no root directory");
    BREAKS((vfs->mount_count++, vfs_seal(vfs)), "a damaged mount");
    BREAKS((vfs->mounts[1].root = 63, vfs_seal(vfs)), "a damaged mount");
    BREAKS((vfs->mounts[1].root = vfs->root, vfs_seal(vfs)),
           "references and what they refer to differ");
    BREAKS((memset(vfs->mounts[0].path, 'x', FILE_PATH_MAX), vfs_seal(vfs)), "a damaged mount");
    BREAKS(vfs->line_start = 1, "the console's line is wrong");
    BREAKS(vfs->line_block = 1, "the console's line is wrong");
    BREAKS(vfs->accounts[0].sessions++, "the sessions' counts are wrong");
}

/* Also by the check before each commit: nothing could tell later what was there. */
TEST(every_change_of_what_seldom_changes_is_seen) {
    static const char changed[] = "mounts or places have changed";
    BREAKS(vfs->root++, changed);
    BREAKS(vfs->mount_count--, changed);
    BREAKS(vfs->mounts[1].root++, changed);
    BREAKS(vfs->mounts[0].flags ^= MOUNT_FIXED, changed);
    BREAKS(vfs->mounts[1].path[1] ^= 1, changed);
    BREAKS(vfs->remotes[3].path[0] = '/', changed);
    BREAKS(vfs->archive_size++, changed);
    BREAKS(vfs->unowned_blocks++, changed);
    BREAKS(vfs->pool.pages--, changed);
    BREAKS(vfs->store.region[0]++, "the store's numbers are wrong");
    BREAKS(vfs->store.regions--, "the store's numbers are wrong");
    BREAKS(vfs->store.chunks++, "the store's numbers are wrong");
}

TEST(every_broken_invariant_of_the_pool_is_seen) {
    BREAKS(vfs->pool.untouched = (uint16_t)(vfs->pool.pages + 1), "the pool's numbers are wrong");
    BREAKS(vfs->pool.used[POOL_NODE]++, "the pool's pages are damaged");
    BREAKS(vfs->pool.used[POOL_ENTRY]--, "the pool's pages are damaged");
    BREAKS(vfs->pool.unused_pages--, "the pool's pages are damaged");
    BREAKS(vfs->pool.partial[POOL_NODE] = 0, "the pool's pages are damaged");
    BREAKS(vfs->pool.free = vfs->pool.partial[POOL_NODE], "the pool's pages are damaged");
    BREAKS(page->kind = POOL_KINDS, "the pool's pages are damaged");
    BREAKS(page->used++, "the pool's pages are damaged");
    BREAKS(page->touched++, "the pool's pages are damaged");
    BREAKS(page->prev = 1, "the pool's pages are damaged");
}

TEST(every_broken_invariant_of_the_tree_is_seen) {
    BREAKS(root->kind = NODE_FREE, "a damaged node");
    BREAKS(root->mounted = 63, "a damaged node");
    BREAKS(root->links++, "references and what they refer to differ");
    BREAKS(root->opens++, "references and what they refer to differ");
    BREAKS(root->number = vfs->node_number + 1, "a damaged node");
    BREAKS(root->directory.count++, "a directory's count is wrong");
    BREAKS(root->directory.cursor = 0, "a directory's count is wrong");
    BREAKS(root->directory.last = root->directory.first, "a directory's count is wrong");
    BREAKS(root->directory.first = 63, "a directory leads nowhere");
    BREAKS(root->directory.sessions = by_badge(small), "a directory's sessions are damaged");
    BREAKS(entry->directory++, "a damaged directory entry");
    BREAKS(entry->cursor += 1000, "a damaged directory entry");
    BREAKS(entry->node = 63, "a damaged directory entry");
    BREAKS(entry->length = 0, "a damaged directory entry");
    BREAKS(entry->name[0] ^= 1, "a damaged directory entry");
    BREAKS(entry->prev = entry->id, "a damaged directory entry");
    BREAKS(entry->hash_next = entry->id, "a chain of names is damaged");
    BREAKS(entry->hash++, "a chain of names is damaged");
    BREAKS(vfs->buckets[entry->hash % VFS_BUCKETS] = 0, "a chain has lost something");
    BREAKS(node_get(vfs, entry->node)->parent = 0, "a directory has another parent");
}

TEST(every_broken_invariant_of_the_sessions_is_seen) {
    BREAKS(session->node = 63, "a damaged session");
    BREAKS(session->place = 63, "a damaged session");
    BREAKS(session->node = session_get(vfs, by_badge(large))->node,
           "references and what they refer to differ");
    BREAKS(session->badge += 1ull << 32, "a chain of sessions is damaged");
    BREAKS(session->hash_next = by_badge(small), "a chain of sessions is damaged");
    BREAKS(vfs->session_buckets[(small >> 32) % VFS_SESSION_BUCKETS] = 0,
           "a chain has lost something");
    BREAKS(session_get(vfs, by_badge(directory))->prev = by_badge(small),
           "a directory's sessions are damaged");
    BREAKS(vfs->pending = 63, "the list of pending work is damaged");
}

/* Damage that a new head of the list would hide is seen before it is committed. */
TEST(pending_work_is_not_put_before_damage) {
    uint32_t first, second;
    build();
    struct vfs *vfs = &fixture->vfs;
    REQUIRE(pending_create(vfs, PENDING_SERVICES, 1000, &first) == OK);
    CHECK(vfs_check(vfs, false) == NULL);
    vfs->pending = 63;
    REQUIRE(pending_create(vfs, PENDING_SERVICES, 1001, &second) == OK);
    REQUIRE(vfs_check(vfs, false) != NULL);
    CHECK(strcmp(vfs_check(vfs, false), "the list of pending work is damaged") == 0);
    fixture_stop();
}

TEST(every_broken_invariant_of_the_blocks_is_seen) {
    BREAKS(vfs->store.chunks = STORE_CHUNKS + 1, "the store's numbers are wrong");
    BREAKS(vfs->store.free++, "the store's count is wrong");
    BREAKS(vfs->store.used[0] ^= 1, "the store's count is wrong");
    BREAKS(vfs->store.hint = vfs->store.chunks, "a free block below the hint");
    BREAKS((vfs->store.used[map->direct[0] / CHUNK_BLOCKS] ^= 1ull << (map->direct[0] - 1),
            vfs->store.free++, vfs->store.hint = 0),
           "a file's block map is damaged");
    BREAKS(large_map->levels = 3, "a file's block map is damaged");
    BREAKS(large_map->levels = 1, "a block that belongs to nothing");
    BREAKS((vfs->unowned_blocks++, vfs_seal(vfs)), "a block that belongs to nothing");
    BREAKS(large_map->direct[0] = map->direct[0], "a file's block map is damaged");
    BREAKS(large_map->direct[0] = 0, "a block that belongs to nothing");
    BREAKS(*(uint32_t *)store_block(large_map->direct[0]) = UINT32_MAX,
           "a file's block map is damaged");
    BREAKS(node_get(vfs, session->node)->size = 0, "a file's block map is damaged");
    BREAKS(node_get(vfs, session->node)->size = FILE_SIZE_MAX + 1, "a file's block map is damaged");
    BREAKS((vfs->line_block = map->direct[0], vfs->line_end = 1),
           "the block of the console's line is not ours");
}
