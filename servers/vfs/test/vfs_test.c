/* SPDX-License-Identifier: MIT
 * Paths, names, contents, archive, /proc and /dev, one rule a test.
 */
#include "../policy.h"
#include "../remote.h"
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
}

static uint32_t make(const char *path, const char *text) {
    uint32_t session = 0;
    size_t done = 0;
    CHECK_EQ(do_open(path, FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_CREATE, &session), OK);
    CHECK_EQ(do_write(session, 0, text, strlen(text), &done), OK);
    CHECK_EQ(done, strlen(text));
    return session;
}

static const char *text_of(uint32_t session) {
    static char text[FILE_IO_MAX + 1];
    size_t done = 0;
    CHECK_EQ(do_read(session, 0, text, FILE_IO_MAX, &done), OK);
    text[done] = '\0';
    return text;
}

static bool consistent(void) {
    const char *problem = NULL;
    if (fixture_consistent(&problem)) {
        return true;
    }
    printf("# %s\n", problem);
    return false;
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
    uint32_t a = make("/a", "text");
    CHECK_EQ(do_open("/a", FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_EXCLUSIVE, &s), E_EXISTS);
    CHECK_EQ(do_open("/a/b", FILE_OPEN_READ, &s), E_NOT_DIRECTORY);
    CHECK_EQ(do_open("/a/", FILE_OPEN_READ, &s), E_NOT_DIRECTORY);
    CHECK_EQ(do_open("/a", FILE_OPEN_READ | FILE_OPEN_DIRECTORY, &s), E_NOT_DIRECTORY);
    CHECK_EQ(do_open("/", FILE_OPEN_WRITE, &s), E_IS_DIRECTORY);
    REQUIRE(do_open("/a", FILE_OPEN_WRITE | FILE_OPEN_TRUNCATE, &s) == OK);
    CHECK_STR(text_of(a), "");
    size_t done;
    char byte;
    CHECK_EQ(do_read(s, 0, &byte, 1, &done), E_RIGHTS);
    do_close(s);
    REQUIRE(do_open("/a", FILE_OPEN_READ, &s) == OK);
    CHECK_EQ(do_write(s, 0, "x", 1, &done), E_RIGHTS);
    CHECK_EQ(do_truncate(s, 0), E_RIGHTS);
    do_close(s);
    do_close(a);
    CHECK(consistent());
    fixture_stop();
}

TEST(append_and_seek) {
    uint32_t s;
    size_t done;
    fixture_start(64);
    uint32_t a = make("/log", "one ");
    REQUIRE(do_open("/log", FILE_OPEN_WRITE | FILE_OPEN_APPEND, &s) == OK);
    CHECK_EQ(do_write(s, 0, "two ", 4, &done), OK);
    CHECK_EQ(do_write(a, 8, "three", 5, &done), OK);
    CHECK_EQ(do_write(s, FILE_OFFSET_CURRENT, "!", 1, &done), OK);
    CHECK_STR(text_of(a), "one two three!");
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
    uint32_t a = make("/a", "kept");
    uint64_t free = fixture->vfs.store.free;
    CHECK_EQ(do_unlink("/a"), OK);
    CHECK_EQ(do_stat("/a", &stat), E_NOT_FOUND);
    CHECK_STR(text_of(a), "kept");
    uint32_t b = make("/a", "another");
    CHECK_STR(text_of(a), "kept");
    CHECK(consistent());
    do_close(a);
    CHECK(consistent());
    CHECK_EQ(fixture->vfs.store.free, free);
    do_close(b);
    CHECK_EQ(do_unlink("/a"), OK);
    CHECK(consistent());
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
    do_close(make("/d/f", "x"));
    CHECK_EQ(do_mkdir("/d/f"), E_EXISTS);
    CHECK_EQ(do_mkdir("/d/f/g"), E_NOT_DIRECTORY);
    CHECK_EQ(do_rmdir("/d/f"), E_NOT_DIRECTORY);
    CHECK_EQ(do_unlink("/d/g"), E_NOT_FOUND);
    CHECK_EQ(do_stat("/tmp/../../d/../d/e", &stat), OK);
    CHECK_EQ(stat.type, FILE_DIRECTORY);
    uint32_t open;
    CHECK_EQ(do_open("/d/e", FILE_OPEN_READ | FILE_OPEN_DIRECTORY, &open), OK);
    CHECK_EQ(do_rmdir("/d/e"), OK);
    CHECK(consistent());
    do_close(open);
    CHECK_EQ(do_unlink("/d/f"), OK);
    CHECK_EQ(do_rmdir("/d"), OK);
    CHECK(consistent());
    fixture_stop();
}

TEST(rename_rules) {
    struct file_stat stat;
    fixture_start(64);
    do_mkdir("/d");
    do_mkdir("/d/e");
    do_mkdir("/empty");
    uint32_t a = make("/a", "a");
    do_close(make("/b", "b"));
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
    CHECK_STR(text_of(a), "a");
    CHECK_EQ(do_stat("/a", &stat), E_NOT_FOUND);
    CHECK_EQ(do_stat("/b", &stat), OK);
    CHECK_EQ(stat.size, 1);
    CHECK_EQ(do_rename("/d", "/empty/"), OK);
    CHECK_EQ(do_stat("/empty/e", &stat), OK);
    CHECK(consistent());
    do_close(a);
    fixture_stop();
}

TEST(readdir_shows_each_entry_once) {
    fixture_start(64);
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "/f%03d", i);
        do_close(make(name, "x"));
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
    CHECK(consistent());
    do_close(directory);
    fixture_stop();
}

TEST(a_cut_protects_committed_bytes_in_the_same_turn) {
    size_t done;
    fixture_start(64);
    uint32_t a = make("/a", "committed text");
    fixture_commit();
    CHECK_EQ(do_truncate(a, 4), OK);
    CHECK_EQ(do_write(a, 4, "XXXXXXXXXX", 10, &done), OK);
    fixture_roll_back();
    CHECK_STR(text_of(a), "committed text");
    fixture_stop();
}

TEST(gaps_read_as_zeros_after_a_rolled_back_append) {
    size_t done;
    char text[32];
    fixture_start(64);
    uint32_t a = make("/a", "ab");
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
    uint32_t a = make("/a", "start");
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
    CHECK_STR(text_of(a), "start");
    CHECK(consistent());
    fixture_stop();
}

TEST(full_store) {
    static char data[FILE_IO_MAX];
    size_t done;
    uint64_t size = 0;
    struct file_statfs statfs = {0};
    struct file_path_request path = {"/a"};
    fixture_start(4);
    uint32_t a = make("/a", "");
    while (do_write(a, size, data, sizeof data, &done) == OK && done > 0) {
        size += done;
        fixture_commit();
    }
    CHECK_EQ(do_write(a, size, data, 1, &done), E_NO_SPACE);
    CHECK(size > (4 * CHUNK_BLOCKS - STORE_RESERVE - 4) * BLOCK_SIZE);
    CHECK_EQ(operation_statfs(&fixture->vfs, &fixture_client, &path, 0, &statfs), OK);
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
    uint32_t small = make("/small", "stays");
    uint32_t a = make("/a", "");
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
    CHECK_STR(text_of(small), "stays");
    CHECK(consistent());
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
    CHECK(consistent());
    for (int i = 0; i < count - 1; i++) {
        snprintf(name, sizeof name, "/directory-%d", i);
        CHECK_EQ(do_rmdir(name), OK);
    }
    CHECK(consistent());
    CHECK_EQ(fixture->vfs.pool.used[POOL_NODE], 1);
    fixture_stop();
}

TEST(sessions_are_limited_per_account) {
    uint32_t sessions[VFS_SESSIONS_PER_ACCOUNT];
    uint32_t extra;
    fixture_start(64);
    uint32_t a = make("/a", "x");
    for (uint32_t i = 0; i < VFS_SESSIONS_PER_ACCOUNT - 1; i++) {
        REQUIRE(do_open("/a", FILE_OPEN_READ, &sessions[i]) == OK);
    }
    CHECK_EQ(do_open("/a", FILE_OPEN_WRITE | FILE_OPEN_TRUNCATE, &extra), E_QUOTA);
    CHECK_STR(text_of(a), "x");
    uint32_t id;
    uint64_t badge = session_get(&fixture->vfs, sessions[3])->badge;
    CHECK(session_find(&fixture->vfs, badge, &id) != NULL);
    do_close(sessions[3]);
    CHECK(session_find(&fixture->vfs, badge, &id) == NULL);
    REQUIRE(do_open("/a", FILE_OPEN_READ, &sessions[3]) == OK);
    CHECK(session_find(&fixture->vfs, badge, &id) == NULL);
    CHECK(session_find(&fixture->vfs, UINT64_MAX, &id) == NULL);
    CHECK(consistent());
    fixture_stop();
}

/* ---- Archive ----------------------------------------------------------------------------------
 */

static uint8_t tar[64 * 512];
static size_t tar_size;

static void tar_add(const char *name, char type, const char *text) {
    uint8_t *header = tar + tar_size;
    size_t size = strlen(text);
    memset(header, 0, 512);
    strcpy((char *)header, name);
    snprintf((char *)header + 124, 12, "%011o", (unsigned)size);
    header[156] = (uint8_t)type;
    strcpy((char *)header + 257, "ustar");
    header[263] = header[264] = '0';
    memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) {
        sum += header[i];
    }
    snprintf((char *)header + 148, 8, "%06o", sum);
    memset(header + 512, 0, (size + 511) / 512 * 512);
    for (size_t i = 0; i < size; i++) {
        header[512 + i] = (uint8_t)text[i];
    }
    tar_size += 512 + (size + 511) / 512 * 512;
}

static status_t layout(uint32_t *skipped, uint64_t *damaged) {
    status_t archive = OK;
    fixture_start(64);
    archive_attach(tar, tar_size);
    CHECK_EQ(operation_layout(&fixture->vfs, &archive, skipped, damaged), OK);
    CHECK(consistent());
    return archive;
}

static void make_tar(void) {
    tar_size = 0;
    tar_add("etc/", '5', "");
    tar_add("etc/motd", '0', "welcome\n");
    tar_add("./bin/deep/er/file", '0', "deep");
    tar_add("link", '2', "");
    tar_add("../../escape", '0', "contained");
    memset(tar + tar_size, 0, 1024);
    tar_size += 1024;
}

TEST(archive_shows_its_files) {
    struct file_stat stat;
    uint32_t s = 0;
    uint32_t skipped;
    uint64_t damaged;
    size_t done;
    make_tar();
    CHECK_EQ(layout(&skipped, &damaged), OK);
    CHECK_EQ(skipped, 2);
    REQUIRE(do_open("/boot/etc/motd", FILE_OPEN_READ, &s) == OK);
    CHECK_STR(text_of(s), "welcome\n");
    char piece[4];
    CHECK_EQ(do_read(s, 4, piece, 4, &done), OK);
    CHECK(done == 4 && memcmp(piece, "ome\n", 4) == 0);
    CHECK_EQ(do_read(s, 8, piece, 4, &done), OK);
    CHECK_EQ(done, 0);
    do_close(s);
    CHECK_EQ(do_stat("/boot/bin/deep/er/file", &stat), OK);
    CHECK_EQ(stat.flags, FILE_STAT_READ_ONLY);
    CHECK_EQ(do_stat("/escape", &stat), E_NOT_FOUND);
    CHECK_EQ(do_stat("/boot/escape", &stat), E_NOT_FOUND);
    CHECK_EQ(do_open("/boot/etc/motd", FILE_OPEN_WRITE, &s), E_READ_ONLY);
    CHECK_EQ(do_open("/boot/new", FILE_OPEN_WRITE | FILE_OPEN_CREATE, &s), E_READ_ONLY);
    CHECK_EQ(do_unlink("/boot/etc/motd"), E_READ_ONLY);
    CHECK_EQ(do_rename("/boot/etc/motd", "/boot/x"), E_READ_ONLY);
    CHECK_EQ(do_rmdir("/boot"), E_BUSY);
    do_close(make("/tmp/a", "x"));
    CHECK_EQ(do_rename("/tmp/a", "/boot/a"), E_UNSUPPORTED);
    fixture_stop();
}

TEST(damaged_archives_are_survived) {
    uint32_t skipped;
    uint64_t damaged;
    struct file_stat stat;
    make_tar();
    size_t whole = tar_size;
    tar_size = 512 + 512 + 4; /* cut within the contents of etc/motd */
    CHECK_EQ(layout(&skipped, &damaged), E_FORMAT);
    CHECK_EQ(damaged, 512);
    CHECK_EQ(do_stat("/boot/etc", &stat), OK);
    fixture_stop();
    tar_size = whole;
    for (unsigned round = 0; round < 200; round++) {
        make_tar();
        for (unsigned i = 0; i < 3; i++) {
            tar[check_random_below(tar_size)] = (uint8_t)check_random();
        }
        tar_size = check_random_below(tar_size + 1);
        (void)layout(&skipped, &damaged);
        fixture_stop();
    }
}

/* ---- /proc and /dev ---------------------------------------------------------------------------
 */

static const char *proc(const char *path) {
    static char text[FILE_IO_MAX + 1];
    uint32_t s = 0;
    text[0] = '\0';
    if (do_open(path, FILE_OPEN_READ, &s) == OK) {
        strcpy(text, text_of(s));
        do_close(s);
    }
    return text;
}

TEST(proc_files) {
    uint32_t s;
    uint32_t skipped;
    uint64_t damaged;
    make_tar();
    CHECK_EQ(layout(&skipped, &damaged), OK);
    CHECK_STR(proc("/proc/version"), "Axolotl 0.1.0 (test)\n");
    CHECK(strstr(proc("/proc/meminfo"), "MemTotal:        65536 kB\n") != NULL);
    CHECK(strstr(proc("/proc/tasks"), "vfs\n") != NULL);
    CHECK(strchr(proc("/proc/uptime"), '.') != NULL);
    CHECK_STR(proc("/proc/log"), "one line\nanother\n");
    CHECK_STR(proc("/proc/mounts"), "ramfs / ramfs rw 0 0\narchive /boot archive ro 0 0\n"
                                    "devices /dev devices rw 0 0\nproc /proc proc ro 0 0\n");
    CHECK_EQ(do_open("/proc/version", FILE_OPEN_WRITE, &s), E_READ_ONLY);
    CHECK_EQ(do_open("/proc/new", FILE_OPEN_WRITE | FILE_OPEN_CREATE, &s), E_READ_ONLY);
    CHECK(consistent());
    uint32_t services = 0;
    const struct node *root = node_get(&fixture->vfs, fixture->vfs.root);
    REQUIRE(proc_services_begin(&fixture->vfs, root->mount, &services) == OK);
    struct init_info_reply service = {.name = "console", .state = SERVICE_RUNNING};
    CHECK_EQ(proc_services_line(&fixture->vfs, services, &service), OK);
    node_release(&fixture->vfs, services);
    CHECK(consistent());
    fixture_stop();
}

TEST(devices) {
    uint32_t s = 0;
    uint32_t skipped;
    uint64_t damaged;
    uint8_t bytes[3000];
    size_t done;
    make_tar();
    CHECK_EQ(layout(&skipped, &damaged), OK);
    REQUIRE(do_open("/dev/null", FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_TRUNCATE, &s) == OK);
    CHECK_EQ(do_write(s, 0, "data", 4, &done), OK);
    CHECK_EQ(done, 4);
    CHECK_EQ(do_read(s, 0, bytes, 4, &done), OK);
    CHECK_EQ(done, 0);
    do_close(s);
    memset(bytes, 1, sizeof bytes);
    REQUIRE(do_open("/dev/zero", FILE_OPEN_READ, &s) == OK);
    CHECK_EQ(do_read(s, FILE_OFFSET_CURRENT, bytes, sizeof bytes, &done), OK);
    CHECK(done == sizeof bytes && bytes[0] == 0 && bytes[2999] == 0);
    do_close(s);
    REQUIRE(do_open("/dev/random", FILE_OPEN_READ, &s) == OK);
    CHECK_EQ(do_read(s, 0, bytes, sizeof bytes, &done), OK);
    CHECK(done == sizeof bytes && bytes[2999] == 0x5a);
    do_close(s);
    REQUIRE(do_open("/dev/full", FILE_OPEN_WRITE, &s) == OK);
    CHECK_EQ(do_write(s, 0, "x", 1, &done), E_NO_SPACE);
    do_close(s);
    CHECK_EQ(do_unlink("/dev/null"), E_READ_ONLY);
    fixture_stop();
}

TEST(proc_can_be_read_when_the_store_is_full) {
    static char data[FILE_IO_MAX];
    uint32_t s;
    uint32_t skipped;
    uint64_t damaged;
    uint64_t size = 0;
    size_t done;
    make_tar();
    CHECK_EQ(layout(&skipped, &damaged), OK);
    uint32_t a = make("/tmp/a", "");
    while (do_write(a, size, data, sizeof data, &done) == OK && done > 0) {
        size += done;
        fixture_commit();
    }
    CHECK_EQ(do_open("/proc/meminfo", FILE_OPEN_READ, &s), OK);
    CHECK(strstr(text_of(s), "MemTotal") != NULL);
    fixture_stop();
}

TEST(other_servers_own_what_is_below_their_mount) {
    char text[FILE_PATH_MAX];
    struct path path;
    handle_t server = HANDLE_NONE;
    fixture_start(64);
    struct vfs *vfs = &fixture->vfs;
    CHECK_EQ(do_mkdir("/m"), OK);
    do_close(make("/f", "x"));
    REQUIRE(path_normalise("/none", 6, &path) == OK);
    CHECK_EQ(remote_add(vfs, &path, 5), E_NOT_FOUND);
    REQUIRE(path_normalise("/f", 3, &path) == OK);
    CHECK_EQ(remote_add(vfs, &path, 5), E_NOT_DIRECTORY);
    REQUIRE(path_normalise("/", 2, &path) == OK);
    CHECK_EQ(remote_add(vfs, &path, 5), E_BUSY);
    REQUIRE(path_normalise("/m", 3, &path) == OK);
    CHECK_EQ(remote_add(vfs, &path, 5), OK);
    CHECK_EQ(remote_add(vfs, &path, 6), E_EXISTS);
    CHECK(remote_find(vfs, "/mx") == NULL);
    CHECK(remote_find(vfs, "/") == NULL);
    const struct remote *remote = remote_find(vfs, "/m");
    REQUIRE(remote != NULL && remote->server == 5);
    remote_path(remote, &path, text);
    CHECK_STR(text, "/");
    REQUIRE(path_normalise("/m/a/../b/", 11, &path) == OK);
    CHECK_EQ(remote_add(vfs, &path, 6), E_UNSUPPORTED);
    remote_path(remote_find(vfs, path.text), &path, text);
    CHECK_STR(text, "/b/");
    CHECK(remote_below(vfs, "/m") && remote_below(vfs, "/") && !remote_below(vfs, "/m/b"));
    CHECK_EQ(remote_remove(vfs, &path, &server), E_NOT_FOUND);
    REQUIRE(path_normalise("/m", 3, &path) == OK);
    CHECK_EQ(remote_remove(vfs, &path, &server), OK);
    CHECK_EQ(server, 5);
    CHECK(remote_find(vfs, "/m") == NULL);
    fixture_stop();
}

/* Requests of random bytes: any answer will do, as long as everything stays whole. */
TEST(garbage_requests) {
    uint32_t skipped;
    uint64_t damaged;
    make_tar();
    CHECK_EQ(layout(&skipped, &damaged), OK);
    uint32_t open = make("/tmp/a", "content");
    for (unsigned round = 0; round < 30000; round++) {
        union {
            struct file_open_request open;
            struct file_path_request path;
            struct file_rename_request rename;
            struct file_seek_request seek;
            struct file_truncate_request truncate;
            struct file_readdir_request readdir;
            uint8_t bytes[512];
        } request;
        union {
            struct file_open_reply open;
            struct file_stat stat;
            struct file_seek_reply seek;
            struct file_readdir_reply readdir;
            struct file_statfs statfs;
        } answer;
        for (size_t i = 0; i < sizeof request; i++) {
            request.bytes[i] = (uint8_t) "/a.\0tmp"[check_random_below(8)];
        }
        struct vfs *vfs = &fixture->vfs;
        struct session *session = session_get(vfs, open);
        struct opening opening;
        uint32_t id;
        status_t status = OK;
        switch (check_random_below(9)) {
        case 0:
            request.open.flags = check_random_below(128);
            status = operation_open(vfs, &fixture_client, &request.open, &opening);
            if (status == OK && node_get(vfs, opening.node)->kind != NODE_PROC) {
                status = operation_open_finish(vfs, &fixture_client, &opening, &id, &answer.open);
                if (status == OK) {
                    do_close(id);
                }
            }
            break;
        case 1:
            status = operation_stat(vfs, &fixture_client, &request.path, &answer.stat);
            break;
        case 2:
            status = operation_mkdir(vfs, &fixture_client, &request.path);
            break;
        case 3:
            status = operation_unlink(vfs, &fixture_client, &request.path);
            break;
        case 4:
            status = operation_rmdir(vfs, &fixture_client, &request.path);
            break;
        case 5:
            request.rename.split = check_random_below(300);
            status = operation_rename(vfs, &fixture_client, &request.rename);
            break;
        case 6:
            request.seek.whence = check_random_below(4);
            status = operation_seek(vfs, session, &request.seek, &answer.seek);
            break;
        case 7:
            request.truncate.size = check_random() >> check_random_below(64);
            status = operation_truncate(vfs, session, &request.truncate);
            break;
        default:
            status = operation_statfs(vfs, &fixture_client, &request.path, 0, &answer.statfs);
            break;
        }
        CHECK(status <= 0);
        fixture_commit();
    }
    CHECK(consistent());
    fixture_stop();
}
