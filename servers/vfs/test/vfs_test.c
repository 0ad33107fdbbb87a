/* SPDX-License-Identifier: MIT
 * Paths, names, contents and open files, one rule a test.
 */
#include "check.h"
#include "fixture.h"

static const char *normal(const char *text) {
    static struct path path;
    status_t status = path_normalise(text, strlen(text) + 1, &path);
    return status == OK ? path.text : status == E_INVALID ? "invalid" : "too long";
}

TEST(paths_are_normalised) {
    CHECK_STR(normal("/"), "/");
    CHECK_STR(normal("//a///b/./c/"), "/a/b/c");
    CHECK_STR(normal("/a/../b"), "/b");
    CHECK_STR(normal("/.."), "/");
    CHECK_STR(normal("/tmp/../../../etc/.."), "/");
    CHECK_STR(normal("/a/b/../../../../c"), "/c");
    CHECK_STR(normal("/..."), "/...");
    CHECK_STR(normal("/.a/..b"), "/.a/..b");
    CHECK_STR(normal(""), "invalid");
    CHECK_STR(normal("a/b"), "invalid");
}

TEST(paths_have_limits) {
    char text[400];
    struct path path;
    memset(text, 'x', sizeof text);
    text[0] = '/';
    text[FILE_NAME_MAX] = '\0';
    CHECK_EQ(path_normalise(text, sizeof text, &path), OK);
    text[FILE_NAME_MAX] = 'x';
    text[FILE_NAME_MAX + 1] = '\0';
    CHECK_EQ(path_normalise(text, sizeof text, &path), E_NAME_TOO_LONG);
    text[FILE_NAME_MAX + 1] = 'x';
    text[100] = '/';
    text[200] = '/';
    text[FILE_PATH_MAX - 1] = '\0';
    CHECK_EQ(path_normalise(text, sizeof text, &path), OK);
    CHECK_EQ(path_normalise(text, FILE_PATH_MAX - 1, &path), E_INVALID);
    text[FILE_PATH_MAX - 1] = 'x';
    text[FILE_PATH_MAX] = '\0';
    CHECK_EQ(path_normalise(text, sizeof text, &path), E_NAME_TOO_LONG);
}

TEST(random_paths_stay_normal) {
    for (unsigned round = 0; round < 20000; round++) {
        char text[64];
        struct path path;
        struct path again;
        size_t length = check_random_below(sizeof text - 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = "//..ab"[check_random_below(6)];
        }
        text[0] = '/';
        text[length == 0 ? 1 : length] = '\0';
        REQUIRE(path_normalise(text, sizeof text, &path) == OK);
        REQUIRE(path_normalise(path.text, sizeof path.text, &again) == OK);
        CHECK_STR(again.text, path.text);
        CHECK(strstr(path.text, "//") == NULL && strstr(path.text, "/../") == NULL);
    }
}

TEST(prefixes_end_at_components) {
    CHECK(path_within("/tmp", "/tmp"));
    CHECK(path_within("/tmp/a", "/tmp"));
    CHECK(!path_within("/tmpx", "/tmp"));
    CHECK(!path_within("/tm", "/tmp"));
    CHECK(path_within("/anything", "/"));
}

TEST(grants_limit_clients) {
    CHECK_EQ(policy_add("9:r:/etc"), OK);
    CHECK_EQ(policy_add("9:rw:/tmp/"), OK);
    CHECK_EQ(policy_add("9:x:/tmp"), E_INVALID);
    CHECK_EQ(policy_add("9:rw:tmp"), E_INVALID);
    CHECK_EQ(policy_add("tmp"), E_INVALID);
    CHECK(policy_allows(9, "/etc/hosts", POLICY_READ));
    CHECK(!policy_allows(9, "/etc/hosts", POLICY_WRITE));
    CHECK(policy_allows(9, "/tmp/a", POLICY_READ | POLICY_WRITE));
    CHECK(!policy_allows(9, "/tmpx", POLICY_READ));
    CHECK(!policy_allows(9, "/", POLICY_READ));
    CHECK(policy_allows(8, "/", POLICY_WRITE));
    struct path path;
    struct path to;
    CHECK_EQ(policy_path(9, "/tmp/../etc/", 13, POLICY_READ, &path), OK);
    CHECK_STR(path.text, "/etc");
    CHECK_EQ(policy_path(9, "/tmp/../bin", 12, POLICY_READ, &path), E_RIGHTS);
    CHECK_EQ(policy_path(9, "tmp", 4, POLICY_READ, &path), E_INVALID);
    struct file_rename_request request = {.split = 7, .paths = "/tmp/a\0/tmp/b"};
    CHECK_EQ(policy_paths(9, &request, &path, &to), OK);
    CHECK(strcmp(path.text, "/tmp/a") == 0 && strcmp(to.text, "/tmp/b") == 0);
    request = (struct file_rename_request){.split = 7, .paths = "/tmp/a\0/etc/b"};
    CHECK_EQ(policy_paths(9, &request, &path, &to), E_RIGHTS);
    request.split = 6;
    CHECK_EQ(policy_paths(9, &request, &path, &to), E_INVALID);
    request.split = sizeof request.paths;
    CHECK_EQ(policy_paths(9, &request, &path, &to), E_INVALID);
}

TEST(open_flags) {
    uint32_t s;
    fixture_start(64);
    CHECK_EQ(do_open("/a", FILE_OPEN_READ, &s), E_NOT_FOUND);
    CHECK_EQ(do_open("/a", 0, &s), E_INVALID);
    CHECK_EQ(do_open("/a", FILE_OPEN_READ | 1u << 20, &s), E_INVALID);
    CHECK_EQ(do_open("/a", FILE_OPEN_READ | FILE_OPEN_TRUNCATE, &s), E_INVALID);
    CHECK_EQ(do_open("/a/", FILE_OPEN_WRITE | FILE_OPEN_CREATE, &s), E_IS_DIRECTORY);
    CHECK_EQ(do_open("/x/a", FILE_OPEN_WRITE | FILE_OPEN_CREATE, &s), E_NOT_FOUND);
    uint32_t a = do_make("/a", "text");
    CHECK_EQ(do_open("/a", FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_EXCLUSIVE, &s), E_EXISTS);
    CHECK_EQ(do_open("/a/b", FILE_OPEN_READ, &s), E_NOT_DIRECTORY);
    CHECK_EQ(do_open("/a/", FILE_OPEN_READ, &s), E_NOT_DIRECTORY);
    CHECK_EQ(do_open("/a", FILE_OPEN_READ | FILE_OPEN_DIRECTORY, &s), E_NOT_DIRECTORY);
    CHECK_EQ(do_open("/", FILE_OPEN_WRITE, &s), E_IS_DIRECTORY);
    REQUIRE(do_open("/a", FILE_OPEN_WRITE | FILE_OPEN_TRUNCATE, &s) == OK);
    CHECK_STR(do_text(a), "");
    size_t done;
    char byte;
    CHECK_EQ(do_read(s, 0, &byte, 1, &done), E_RIGHTS);
    do_close(s);
    REQUIRE(do_open("/a", FILE_OPEN_READ, &s) == OK);
    CHECK_EQ(do_write(s, 0, "x", 1, &done), E_RIGHTS);
    CHECK_EQ(do_truncate(s, 0), E_RIGHTS);
    do_close(s);
    do_close(a);
    CHECK(fixture_consistent());
    fixture_stop();
}

TEST(append_and_seek) {
    uint32_t s;
    size_t done;
    fixture_start(64);
    uint32_t a = do_make("/log", "one ");
    REQUIRE(do_open("/log", FILE_OPEN_WRITE | FILE_OPEN_APPEND, &s) == OK);
    CHECK_EQ(do_write(s, 0, "two ", 4, &done), OK);
    CHECK_EQ(do_write(a, 8, "three", 5, &done), OK);
    CHECK_EQ(do_write(s, FILE_OFFSET_CURRENT, "!", 1, &done), OK);
    CHECK_STR(do_text(a), "one two three!");
    struct file_seek_request request = {-2, FILE_SEEK_END};
    struct file_seek_reply answer;
    struct session *session = session_get(&fixture->vfs, a);
    CHECK_EQ(operation_seek(&fixture->vfs, session, &request, &answer), OK);
    CHECK_EQ(answer.offset, 12);
    request = (struct file_seek_request){-13, FILE_SEEK_CURRENT};
    CHECK_EQ(operation_seek(&fixture->vfs, session, &request, &answer), E_INVALID);
    request = (struct file_seek_request){INT64_MAX, FILE_SEEK_END};
    CHECK_EQ(operation_seek(&fixture->vfs, session, &request, &answer), E_INVALID);
    request = (struct file_seek_request){0, 3};
    CHECK_EQ(operation_seek(&fixture->vfs, session, &request, &answer), E_INVALID);
    CHECK_EQ(session->offset, 12);
    do_close(s);
    do_close(a);
    fixture_stop();
}

TEST(open_file_outlives_its_name) {
    struct file_stat stat;
    fixture_start(64);
    uint32_t a = do_make("/a", "kept");
    uint64_t free = fixture->vfs.store.free;
    CHECK_EQ(do_unlink("/a"), OK);
    CHECK_EQ(do_stat("/a", &stat), E_NOT_FOUND);
    CHECK_STR(do_text(a), "kept");
    uint32_t b = do_make("/a", "another");
    CHECK_STR(do_text(a), "kept");
    CHECK(fixture_consistent());
    do_close(a);
    CHECK(fixture_consistent());
    CHECK_EQ(fixture->vfs.store.free, free);
    do_close(b);
    CHECK_EQ(do_unlink("/a"), OK);
    CHECK(fixture_consistent());
    fixture_stop();
}

TEST(directories) {
    struct file_stat stat;
    fixture_start(64);
    CHECK_EQ(do_mkdir("/d"), OK);
    CHECK_EQ(do_mkdir("/d"), E_EXISTS);
    CHECK_EQ(do_mkdir("/"), E_EXISTS);
    CHECK_EQ(do_mkdir("/x/y"), E_NOT_FOUND);
    CHECK_EQ(do_mkdir("/d/e/"), OK);
    CHECK_EQ(do_rmdir("/d"), E_NOT_EMPTY);
    CHECK_EQ(do_unlink("/d"), E_IS_DIRECTORY);
    CHECK_EQ(do_rmdir("/"), E_BUSY);
    do_close(do_make("/d/f", "x"));
    CHECK_EQ(do_mkdir("/d/f"), E_EXISTS);
    CHECK_EQ(do_mkdir("/d/f/g"), E_NOT_DIRECTORY);
    CHECK_EQ(do_rmdir("/d/f"), E_NOT_DIRECTORY);
    CHECK_EQ(do_unlink("/d/g"), E_NOT_FOUND);
    CHECK_EQ(do_stat("/tmp/../../d/../d/e", &stat), OK);
    CHECK_EQ(stat.type, FILE_DIRECTORY);
    uint32_t open;
    CHECK_EQ(do_open("/d/e", FILE_OPEN_READ | FILE_OPEN_DIRECTORY, &open), OK);
    CHECK_EQ(do_rmdir("/d/e"), OK);
    CHECK(fixture_consistent());
    do_close(open);
    CHECK_EQ(do_unlink("/d/f"), OK);
    CHECK_EQ(do_rmdir("/d"), OK);
    CHECK(fixture_consistent());
    fixture_stop();
}

TEST(rename_rules) {
    struct file_stat stat;
    fixture_start(64);
    do_mkdir("/d");
    do_mkdir("/d/e");
    do_mkdir("/empty");
    uint32_t a = do_make("/a", "a");
    do_close(do_make("/b", "b"));
    CHECK_EQ(do_rename("/none", "/x"), E_NOT_FOUND);
    CHECK_EQ(do_rename("/a", "/none/x"), E_NOT_FOUND);
    CHECK_EQ(do_rename("/d", "/d/e/f"), E_INVALID);
    CHECK_EQ(do_rename("/d", "/d/x"), E_INVALID);
    CHECK_EQ(do_rename("/d", "/d"), OK);
    CHECK_EQ(do_rename("/a", "/d"), E_IS_DIRECTORY);
    CHECK_EQ(do_rename("/d", "/a"), E_NOT_DIRECTORY);
    CHECK_EQ(do_rename("/empty", "/d"), E_NOT_EMPTY);
    CHECK_EQ(do_rename("/a", "/x/"), E_NOT_DIRECTORY);
    CHECK_EQ(do_rename("/", "/x"), E_BUSY);
    CHECK_EQ(do_rename("/d", "/"), E_BUSY);
    CHECK_EQ(do_rename("/a", "/b"), OK);
    CHECK_STR(do_text(a), "a");
    CHECK_EQ(do_stat("/a", &stat), E_NOT_FOUND);
    CHECK_EQ(do_stat("/b", &stat), OK);
    CHECK_EQ(stat.size, 1);
    CHECK_EQ(do_rename("/d", "/empty/"), OK);
    CHECK_EQ(do_stat("/empty/e", &stat), OK);
    CHECK(fixture_consistent());
    do_close(a);
    fixture_stop();
}

TEST(readdir_shows_each_entry_once) {
    fixture_start(64);
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "/f%03d", i);
        do_close(do_make(name, "x"));
    }
    uint32_t directory;
    REQUIRE(do_open("/", FILE_OPEN_READ, &directory) == OK);
    int seen[200] = {0};
    struct file_readdir_request request = {0};
    struct file_readdir_reply answer;
    int removed = 90;
    do {
        REQUIRE(operation_readdir(&fixture->vfs, directory, &request, &answer) == OK);
        for (uint64_t i = 0; i < answer.count; i++) {
            seen[atoi(answer.entries[i].name + 1)]++;
        }
        request.cursor = answer.cursor;
        if (removed < 95) { /* the next entry to be shown, among others */
            snprintf(name, sizeof name, "/f%03d", (removed - 90) * 4 + 3);
            CHECK_EQ(do_unlink(name), OK);
            removed++;
        }
    } while (answer.count != 0);
    for (int i = 0; i < 100; i++) {
        bool gone = i < 20 && i % 4 == 3;
        CHECK(gone ? seen[i] <= 1 : seen[i] == 1);
    }
    CHECK(fixture_consistent());
    do_close(directory);
    fixture_stop();
}

TEST(a_cut_protects_committed_bytes_in_the_same_turn) {
    size_t done;
    fixture_start(64);
    uint32_t a = do_make("/a", "committed text");
    fixture_commit();
    CHECK_EQ(do_truncate(a, 4), OK);
    CHECK_EQ(do_write(a, 4, "XXXXXXXXXX", 10, &done), OK);
    fixture_roll_back();
    CHECK_STR(do_text(a), "committed text");
    fixture_stop();
}

TEST(gaps_read_as_zeros_after_a_rolled_back_append) {
    size_t done;
    char text[32];
    fixture_start(64);
    uint32_t a = do_make("/a", "ab");
    fixture_commit();
    CHECK_EQ(do_write(a, 2, "garbage!", 8, &done), OK);
    fixture_roll_back();
    CHECK_EQ(do_write(a, 6, "c", 1, &done), OK);
    fixture_commit();
    CHECK_EQ(do_read(a, 0, text, sizeof text, &done), OK);
    CHECK_EQ(done, 7);
    CHECK(memcmp(text, "ab\0\0\0\0c", 7) == 0);
    fixture_stop();
}

TEST(large_sparse_file) {
    size_t done;
    char byte = 0;
    fixture_start(64);
    uint32_t a = do_make("/a", "start");
    CHECK_EQ(do_write(a, FILE_SIZE_MAX - 1, "e", 1, &done), OK);
    CHECK_EQ(do_write(a, FILE_SIZE_MAX, "e", 1, &done), E_RANGE);
    CHECK_EQ(do_truncate(a, FILE_SIZE_MAX + 1), E_RANGE);
    fixture_commit();
    CHECK_EQ(do_read(a, 3u << 30, &byte, 1, &done), OK);
    CHECK_EQ(byte, 0);
    CHECK_EQ(do_read(a, FILE_SIZE_MAX - 1, &byte, 1, &done), OK);
    CHECK_EQ(byte, 'e');
    CHECK_EQ(do_truncate(a, 5), OK);
    fixture_commit();
    CHECK_STR(do_text(a), "start");
    CHECK(fixture_consistent());
    fixture_stop();
}

TEST(full_store) {
    static char data[FILE_IO_MAX];
    size_t done;
    uint64_t size = 0;
    struct file_statfs statfs = {0};
    fixture_start(4);
    uint32_t a = do_make("/a", "");
    while (do_write(a, size, data, sizeof data, &done) == OK && done > 0) {
        size += done;
        fixture_commit();
    }
    CHECK_EQ(do_write(a, size, data, 1, &done), E_NO_SPACE);
    CHECK(size > (4 * CHUNK_BLOCKS - STORE_RESERVE - 4) * BLOCK_SIZE);
    CHECK_EQ(do_statfs("/a", &statfs), OK);
    CHECK_STR(statfs.kind, "ramfs");
    CHECK_EQ(statfs.free, 0);
    CHECK_EQ(statfs.total, 4 * CHUNK_SIZE);
    /* overwriting, cutting and removing work in a full store */
    CHECK_EQ(do_write(a, 100, data, sizeof data, &done), OK);
    CHECK_EQ(done, sizeof data);
    fixture_commit();
    CHECK_EQ(do_truncate(a, size / 2 + 1), OK);
    fixture_commit();
    CHECK_EQ(do_write(a, size / 2 + 1, data, 1, &done), OK);
    CHECK_EQ(do_unlink("/a"), OK);
    do_close(a);
    fixture_commit();
    CHECK_EQ(fixture->vfs.store.free, fixture->vfs.store.chunks * CHUNK_BLOCKS);
    fixture_stop();
}

TEST(memory_is_given_back) {
    static char data[FILE_IO_MAX];
    size_t done;
    fixture_start(256);
    uint32_t small = do_make("/small", "stays");
    uint32_t a = do_make("/a", "");
    for (uint64_t at = 0; at < 40u << 20; at += sizeof data) {
        CHECK_EQ(do_write(a, at, data, sizeof data, &done), OK);
        fixture_commit();
    }
    CHECK(fixture->vfs.store.chunks >= 160);
    CHECK_EQ(do_unlink("/a"), OK);
    do_close(a);
    for (int i = 0; i < 10; i++) {
        fixture_commit();
    }
    CHECK(fixture->vfs.store.chunks <= 2);
    CHECK_STR(do_text(small), "stays");
    CHECK(fixture_consistent());
    fixture_stop();
}

TEST(names_run_out_cleanly) {
    char name[64];
    status_t status = OK;
    int count = 0;
    fixture_start(64);
    while (status == OK) {
        snprintf(name, sizeof name, "/directory-%d", count++);
        status = do_mkdir(name);
    }
    CHECK_EQ(status, E_NO_SPACE);
    CHECK(count > 3000);
    CHECK(fixture_consistent());
    for (int i = 0; i < count - 1; i++) {
        snprintf(name, sizeof name, "/directory-%d", i);
        CHECK_EQ(do_rmdir(name), OK);
    }
    CHECK(fixture_consistent());
    CHECK_EQ(fixture->vfs.pool.used[POOL_NODE], 1);
    fixture_stop();
}

TEST(sessions_are_limited_per_account) {
    uint32_t sessions[VFS_SESSIONS_PER_ACCOUNT];
    uint32_t extra;
    fixture_start(64);
    uint32_t a = do_make("/a", "x");
    for (uint32_t i = 0; i < VFS_SESSIONS_PER_ACCOUNT - 1; i++) {
        REQUIRE(do_open("/a", FILE_OPEN_READ, &sessions[i]) == OK);
    }
    CHECK_EQ(do_open("/a", FILE_OPEN_WRITE | FILE_OPEN_TRUNCATE, &extra), E_QUOTA);
    CHECK_STR(do_text(a), "x");
    uint32_t id;
    uint64_t badge = session_get(&fixture->vfs, sessions[3])->badge;
    CHECK(session_find(&fixture->vfs, badge, &id) != NULL);
    do_close(sessions[3]);
    CHECK(session_find(&fixture->vfs, badge, &id) == NULL);
    REQUIRE(do_open("/a", FILE_OPEN_READ, &sessions[3]) == OK);
    CHECK(session_find(&fixture->vfs, badge, &id) == NULL);
    CHECK(session_find(&fixture->vfs, UINT64_MAX, &id) == NULL);
    CHECK(fixture_consistent());
    fixture_stop();
}
