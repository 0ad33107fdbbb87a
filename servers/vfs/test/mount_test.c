/* SPDX-License-Identifier: MIT
 * What is mounted: the archive, /proc, /dev, other servers; and garbage asked of it all.
 */
#include "../remote.h"
#include "check.h"
#include "fixture.h"

/* ---- Archive --------------------------------------------------------------------------------- */

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
    CHECK(fixture_consistent());
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
    CHECK_STR(do_text(s), "welcome\n");
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
    do_close(do_make("/tmp/a", "x"));
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

/* ---- /proc and /dev -------------------------------------------------------------------------- */

static const char *proc(const char *path) {
    static char text[FILE_IO_MAX + 1];
    uint32_t s = 0;
    text[0] = '\0';
    if (do_open(path, FILE_OPEN_READ, &s) == OK) {
        strcpy(text, do_text(s));
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
    CHECK_STR(proc("/proc/loadavg"), "0.00 0.00 0.00 1/2 0\n");
    fixture_now = 1000000000;
    CHECK_STR(proc("/proc/stat"), "cpu  170 0 0 30 0 0 0 0 0 0\ncpu0 90 0 0 10 0 0 0 0 0 0\n"
                                  "cpu1 80 0 0 20 0 0 0 0 0 0\n"
                                  "intr 7\nctxt 9\nprocs_running 1\nprocs_blocked 0\n");
    CHECK_STR(proc("/proc/log"), "one line\nanother\n");
    CHECK_STR(proc("/proc/mounts"), "ramfs / ramfs rw 0 0\narchive /boot archive ro 0 0\n"
                                    "devices /dev devices rw 0 0\nproc /proc proc ro 0 0\n");
    CHECK_EQ(do_open("/proc/version", FILE_OPEN_WRITE, &s), E_READ_ONLY);
    CHECK_EQ(do_open("/proc/new", FILE_OPEN_WRITE | FILE_OPEN_CREATE, &s), E_READ_ONLY);
    CHECK(fixture_consistent());
    uint32_t services = 0;
    const struct node *root = node_get(&fixture->vfs, fixture->vfs.root);
    REQUIRE(proc_services_begin(&fixture->vfs, root->mount, &services) == OK);
    struct init_info_reply service = {.name = "console", .state = SERVICE_RUNNING};
    CHECK_EQ(proc_services_line(&fixture->vfs, services, &service), OK);
    node_release(&fixture->vfs, services);
    CHECK(fixture_consistent());
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
    uint32_t a = do_make("/tmp/a", "");
    while (do_write(a, size, data, sizeof data, &done) == OK && done > 0) {
        size += done;
        fixture_commit();
    }
    CHECK_EQ(do_open("/proc/meminfo", FILE_OPEN_READ, &s), OK);
    CHECK(strstr(do_text(s), "MemTotal") != NULL);
    fixture_stop();
}

TEST(other_servers_own_what_is_below_their_mount) {
    char text[FILE_PATH_MAX];
    struct path path;
    handle_t server = HANDLE_NONE;
    fixture_start(64);
    struct vfs *vfs = &fixture->vfs;
    CHECK_EQ(do_mkdir("/m"), OK);
    do_close(do_make("/f", "x"));
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
    uint32_t open = do_make("/tmp/a", "content");
    for (unsigned round = 0; round < 30000; round++) {
        union {
            char path[FILE_PATH_MAX];
            struct file_rename_request rename;
            struct file_seek_request seek;
            struct file_truncate_request truncate;
            uint8_t bytes[512];
        } request;
        union {
            struct file_stat stat;
            struct file_seek_reply seek;
            struct file_statfs statfs;
        } answer;
        for (size_t i = 0; i < sizeof request; i++) {
            request.bytes[i] = (uint8_t) "/a.\0tmp"[check_random_below(8)];
        }
        struct vfs *vfs = &fixture->vfs;
        struct session *session = session_get(vfs, open);
        struct path from;
        struct path to;
        uint32_t id;
        status_t status = OK;
        switch (check_random_below(9)) {
        case 0:
            status = do_open(request.path, check_random_below(128), &id);
            if (status == OK) {
                do_close(id);
            }
            break;
        case 1:
            status = do_stat(request.path, &answer.stat);
            break;
        case 2:
            status = do_mkdir(request.path);
            break;
        case 3:
            status = do_unlink(request.path);
            break;
        case 4:
            status = do_rmdir(request.path);
            break;
        case 5:
            request.rename.split = check_random_below(300);
            status = policy_paths(1, &request.rename, &from, &to);
            if (status == OK) {
                status = tree_rename(vfs, &from, &to);
            }
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
            status = do_statfs(request.path, &answer.statfs);
            break;
        }
        CHECK(status <= 0);
        fixture_commit();
    }
    CHECK(fixture_consistent());
    fixture_stop();
}
