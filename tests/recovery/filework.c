/* SPDX-License-Identifier: MIT
 * The file-workload recovery test, inside the machine. One thread works on files and keeps in its
 * own memory what every operation must have done; another one, of higher priority than vfs, kills
 * vfs at random moments, so mostly in the middle of a turn. Each operation must succeed exactly
 * once: an append lost or done twice, a creation or removal executed again, an offset that moved
 * too far all show. Reports TAP on the kernel log. Arguments: kills=COUNT; or kills=0 stop=PATH,
 * which goes on until that file exists.
 */
#include <client/file.h>
#include <client/init.h>
#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/random.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#define RECORD 64u
#define SHADOW_MAX (192u * 1024)
#define PIECE_MAX 24000u
#define NAMES 24u
#define LOOP "/tmp/loop"
#define WORKER_PRIORITY 10u
#define SECONDS_MAX 20u /* a kill may take long where CPUs are not really there */

static handle_t vfs, init;
static uint64_t kills_wanted;
static uint32_t kills, finished; /* shared with the killer */
static uint32_t failures;
static uint64_t operations, slowest;

static handle_t ledger, steps, shadowed;
static uint64_t records; /* acknowledged in the ledger */
static uint64_t stepped; /* bytes written at the session's own offset */
static uint8_t shadow[SHADOW_MAX], piece[SHADOW_MAX];
static uint64_t shadow_size;
static uint64_t present[NAMES]; /* mark in the file of that name, 0: no such file */
static uint64_t next_mark;

/* What must hold; the first failures are told. */
static bool expect(bool holds, const char *what, int64_t detail) {
    if (!holds && failures++ < 10) {
        log_line("# wrong: %s (%ld) after %lu operations, %u kills", what, detail, operations,
                 kills);
    }
    return holds;
}

static bool expect_ok(status_t status, const char *what) {
    return expect(status == OK, what, status);
}

/* Kills after up to 5 more operations and a random time, so that some work gets done whatever a
 * restart costs, and most kills meet vfs in a turn. */
static void killer(void *unused) {
    (void)unused;
    uint64_t end = time_now_ns() + SECONDS_MAX * NS_PER_S;
    while (kills < kills_wanted && time_now_ns() < end) {
        uint64_t until = __atomic_load_n(&operations, __ATOMIC_RELAXED) + random_u64() % 6;
        while (__atomic_load_n(&operations, __ATOMIC_RELAXED) < until) {
            (void)thread_sleep(NS_PER_MS / 8);
        }
        (void)thread_sleep(random_u64() % (3 * NS_PER_MS));
        status_t status = init_kill(init, "vfs");
        if (status != OK) {
            log_line("# kill: %s", status_text(status));
        }
        __atomic_fetch_add(&kills, 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
}

static void fill(uint8_t *bytes, size_t length) {
    uint64_t value = random_u64();
    for (size_t i = 0; i < length; i++) {
        value = value * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(value >> 56);
    }
}

static void work_append(void) {
    char record[RECORD + 1];
    size_t done = 0;
    format(record, sizeof record, "record %010lu %045lu\n", records, records * 7919);
    expect_ok(file_write(ledger, FILE_OFFSET_CURRENT, record, RECORD, &done), "append");
    expect(done == RECORD, "append was short", (int64_t)done);
    records++;
}

/* Writes and reads at the session's offset, which must have moved exactly once each time. */
static void work_step(void) {
    uint64_t position = 0;
    uint64_t value = stepped;
    size_t done = 0;
    expect_ok(file_write(steps, FILE_OFFSET_CURRENT, &value, sizeof value, &done), "step");
    stepped += sizeof value;
    expect_ok(file_seek(steps, 0, FILE_SEEK_CURRENT, &position), "tell");
    expect(position == stepped, "the offset moved wrongly", (int64_t)(position - stepped));
    expect_ok(file_seek(steps, -(int64_t)sizeof value, FILE_SEEK_CURRENT, NULL), "seek");
    expect_ok(file_read(steps, FILE_OFFSET_CURRENT, &value, sizeof value, &done), "step back");
    expect(value == stepped - sizeof value, "a step reads wrong", (int64_t)value);
}

static void work_overwrite(void) {
    size_t length = 1 + random_u64() % PIECE_MAX;
    uint64_t offset = random_u64() % (SHADOW_MAX - length);
    size_t done = 0;
    fill(shadow + offset, length);
    expect_ok(file_write(shadowed, offset, shadow + offset, length, &done), "overwrite");
    expect(done == length, "overwrite was short", (int64_t)done);
    shadow_size = offset + length > shadow_size ? offset + length : shadow_size;
}

static void work_truncate(void) {
    uint64_t size = random_u64() % SHADOW_MAX;
    expect_ok(file_truncate(shadowed, size), "truncate");
    if (size < shadow_size) {
        memset(shadow + size, 0, shadow_size - size);
    }
    shadow_size = size;
}

static void check_shadow(uint64_t offset, size_t length) {
    size_t done = 0;
    size_t wanted = offset >= shadow_size ? 0 : (size_t)(shadow_size - offset);
    wanted = wanted < length ? wanted : length;
    expect_ok(file_read(shadowed, offset, piece, length, &done), "read");
    expect(done == wanted, "read was short", (int64_t)done);
    expect(memcmp(piece, shadow + offset, wanted) == 0, "contents differ", (int64_t)offset);
}

static void name_path(char *path, size_t size, uint32_t name) {
    format(path, size, "/tmp/filework/%s%u", name % 3 == 0 ? "" : "a-somewhat-longer-name-for-",
           name);
}

static void work_create(uint32_t name) {
    char path[FILE_NAME_MAX];
    handle_t file;
    uint64_t mark = ++next_mark;
    uint64_t flags = FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_EXCLUSIVE;
    name_path(path, sizeof path, name);
    if (expect_ok(file_open(vfs, path, flags, &file, NULL), "create")) {
        expect_ok(file_write(file, 0, &mark, sizeof mark, NULL), "mark");
        handle_close(file);
    }
    present[name] = mark;
}

static void work_rename(uint32_t from, uint32_t to) {
    char path[FILE_NAME_MAX];
    char target[FILE_NAME_MAX];
    name_path(path, sizeof path, from);
    name_path(target, sizeof target, to);
    expect_ok(file_rename(vfs, path, target), "rename");
    if (from != to) {
        present[to] = present[from];
        present[from] = 0;
    }
}

static void work_remove(uint32_t name) {
    char path[FILE_NAME_MAX];
    name_path(path, sizeof path, name);
    expect_ok(file_unlink(vfs, path), "unlink");
    present[name] = 0;
}

static void work_names(void) {
    uint32_t name = random_u32() % NAMES;
    if (present[name] == 0) {
        work_create(name);
    } else if (random_u32() % 2 == 0) {
        work_rename(name, random_u32() % NAMES);
    } else {
        work_remove(name);
    }
}

static void work_directory(void) {
    expect_ok(file_mkdir(vfs, "/tmp/filework/dir"), "mkdir");
    expect(file_mkdir(vfs, "/tmp/filework/dir") == E_EXISTS, "mkdir twice", 0);
    expect_ok(file_rmdir(vfs, "/tmp/filework/dir"), "rmdir");
}

static void check_names(void) {
    struct file_readdir_reply entries;
    uint32_t count = 0;
    uint32_t expected = 0;
    handle_t directory;
    for (uint32_t name = 0; name < NAMES; name++) {
        expected += present[name] != 0;
    }
    if (!expect_ok(file_open(vfs, "/tmp/filework", FILE_OPEN_READ, &directory, NULL), "list")) {
        return;
    }
    uint64_t cursor = 0;
    while (expect_ok(file_readdir(directory, cursor, &entries), "readdir") && entries.count != 0) {
        count += (uint32_t)entries.count;
        cursor = entries.cursor;
    }
    handle_close(directory);
    expect(count == expected, "number of names", (int64_t)count - expected);
}

/* vfs mounted in itself: every operation below goes through two turns and a staged call. */
static void mount_loop(void) {
    expect_ok(file_mkdir(vfs, LOOP), "mkdir");
    expect(file_mount(vfs, LOOP "/none", vfs) == E_NOT_FOUND, "mount nowhere", 0);
    expect_ok(file_mount(vfs, LOOP, vfs), "mount");
    expect(file_mount(vfs, LOOP, vfs) == E_EXISTS, "mount twice", 0);
    expect(file_rename(vfs, "/tmp", "/tmp2") == E_BUSY, "rename of a mount's parent", 0);
    expect(file_rename(vfs, LOOP "/tmp/x", "/tmp/x") == E_UNSUPPORTED, "rename across", 0);
}

static void work_mounted(void) {
    handle_t file;
    uint64_t mark = ++next_mark;
    uint64_t flags = FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_EXCLUSIVE;
    if (!expect_ok(file_open(vfs, LOOP "/tmp/inner", flags, &file, NULL), "open mounted")) {
        return;
    }
    expect_ok(file_write(file, 0, &mark, sizeof mark, NULL), "write mounted");
    expect_ok(file_rename(vfs, LOOP "/tmp/inner", LOOP "/tmp/inner2"), "rename mounted");
    mark = 0;
    expect_ok(file_read(file, 0, &mark, sizeof mark, NULL), "read mounted");
    expect(mark == next_mark, "mark mounted", (int64_t)mark);
    handle_close(file);
    expect_ok(file_unlink(vfs, "/tmp/inner2"), "unlink mounted");
}

static void unmount_loop(void) {
    struct file_stat stat;
    expect_ok(file_stat(vfs, LOOP "/tmp", &stat), "stat mounted");
    expect_ok(file_unmount(vfs, LOOP), "unmount");
    expect(file_unmount(vfs, LOOP) == E_NOT_FOUND, "unmount twice", 0);
    expect(file_stat(vfs, LOOP "/tmp", &stat) == E_NOT_FOUND, "stat unmounted", 0);
    expect_ok(file_rmdir(vfs, LOOP), "rmdir");
}

static void work(void) {
    switch (random_u32() % 10) {
    case 0:
    case 1:
    case 2:
        work_append();
        break;
    case 3:
        work_step();
        break;
    case 4:
    case 5:
        work_overwrite();
        break;
    case 6:
        check_shadow(random_u64() % SHADOW_MAX, 1 + random_u64() % PIECE_MAX);
        break;
    case 7:
        work_names();
        break;
    case 8:
        if (random_u32() % 2 == 0) {
            work_directory();
        } else {
            work_mounted();
        }
        break;
    default:
        if (random_u32() % 4 == 0) {
            work_truncate();
        } else {
            check_names();
        }
        break;
    }
}

/* Requests that no client stub would send. */
static void check_protocol(void) {
    static uint8_t bytes[16];
    uint64_t request[64] = {FILE_OFFSET_CURRENT, sizeof bytes};
    struct lease write = {(uintptr_t)bytes, sizeof bytes, LEASE_WRITE, 0};
    struct lease read = {(uintptr_t)bytes, sizeof bytes, LEASE_READ, 0};
    struct message message = {.data = request, .size = 16};
    expect(call(steps, FILE_READ, &message, NULL) == E_INVALID, "read without lease", 0);
    message.leases = &read;
    message.lease_count = 1;
    expect(call(steps, FILE_READ, &message, NULL) == E_INVALID, "read into a read lease", 0);
    message.leases = &write;
    expect(call(steps, FILE_WRITE, &message, NULL) == E_INVALID, "write from a write lease", 0);
    request[1] = sizeof bytes + 1;
    expect(call(steps, FILE_READ, &message, NULL) == E_RANGE, "read beyond the lease", 0);
    expect(call(vfs, FILE_READ, &message, NULL) == E_UNSUPPORTED, "read of the service", 0);
    expect(call(steps, FILE_MKDIR, &message, NULL) == E_UNSUPPORTED, "mkdir on a file", 0);
    expect(call(steps, 4711, &message, NULL) == E_UNSUPPORTED, "unknown operation", 0);
    message = (struct message){.data = request, .size = sizeof request};
    request[63] = 1;
    expect(call(steps, FILE_SEEK, &message, NULL) == E_MESSAGE_SIZE, "long request", 0);
    memset(request, 'x', sizeof request);
    message.size = FILE_PATH_MAX;
    expect(call(vfs, FILE_STAT, &message, NULL) == E_NAME_TOO_LONG, "endless path", 0);
}

static handle_t open_new(const char *path, uint64_t flags) {
    handle_t file = HANDLE_NONE;
    expect_ok(file_open(vfs, path, flags | FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_CREATE,
                        &file, NULL),
              path);
    return file;
}

/* The ledger holds every acknowledged record once, in order, and nothing else. */
static void check_ledger(void) {
    struct file_stat stat = {0};
    char expected[RECORD + 1];
    size_t done = 0;
    expect_ok(file_fstat(ledger, &stat), "fstat");
    expect(stat.size == records * RECORD, "size of the ledger",
           (int64_t)stat.size - (int64_t)(records * RECORD));
    for (uint64_t record = 0; record < records; record++) {
        uint64_t offset = record * RECORD;
        uint64_t within = offset % (SHADOW_MAX / RECORD * RECORD);
        if (within == 0) {
            expect_ok(file_read(ledger, offset, piece, SHADOW_MAX / RECORD * RECORD, &done),
                      "read the ledger");
        }
        format(expected, sizeof expected, "record %010lu %045lu\n", record, record * 7919);
        if (!expect(memcmp(piece + within, expected, RECORD) == 0, "record", (int64_t)record)) {
            return;
        }
    }
}

static void check_marks(void) {
    for (uint32_t name = 0; name < NAMES; name++) {
        char path[FILE_NAME_MAX];
        handle_t file;
        uint64_t mark = 0;
        name_path(path, sizeof path, name);
        status_t status = file_open(vfs, path, FILE_OPEN_READ, &file, NULL);
        expect(status == (present[name] == 0 ? E_NOT_FOUND : OK), path, status);
        if (status == OK) {
            expect_ok(file_read(file, 0, &mark, sizeof mark, NULL), "read a mark");
            expect(mark == present[name], "mark", (int64_t)mark);
            handle_close(file);
        }
    }
}

static uint32_t test_number;
static void result(const char *text) {
    log_line("%s %u - %s", failures == 0 ? "ok" : "not ok", ++test_number, text);
}

static uint64_t vfs_restarts(void) {
    struct init_info_reply service;
    for (uint64_t i = 0; init_info(init, i, &service) == OK; i++) {
        if (strncmp(service.name, "vfs", sizeof service.name) == 0) {
            return service.restarts;
        }
    }
    return 0;
}

int main(void) {
    handle_t thread;
    struct file_stat stat;
    const char *option = startup_option("kills", "1000");
    const char *stop = startup_option("stop", NULL);
    vfs = startup_handle("vfs");
    init = startup_handle("init");
    (void)parse_u64(option, strlen(option), &kills_wanted);
    log_line("1..5");
    expect_ok(file_mkdir(vfs, "/tmp/filework"), "mkdir");
    ledger = open_new("/tmp/ledger", FILE_OPEN_APPEND);
    steps = open_new("/tmp/steps", 0);
    shadowed = open_new("/tmp/shadow", 0);
    if (stop == NULL) { /* else deaths are counted, and a wrong request is one */
        check_protocol();
    }
    result(stop == NULL ? "malformed requests get their errors" : "no malformed requests");
    mount_loop();
    uint64_t restarts = vfs_restarts();
    uint64_t start = time_now_ns();
    uint32_t priority = WORKER_PRIORITY + 15;
    if (!expect_ok(thread_create(killer, NULL, priority, &thread), "thread")) {
        finished = 1;
    }
    (void)thread_schedule(HANDLE_NONE, WORKER_PRIORITY, 0);
    while (failures < 10 && (stop == NULL ? __atomic_load_n(&finished, __ATOMIC_ACQUIRE) == 0
                                          : file_stat(vfs, stop, &stat) != OK)) {
        uint64_t before = time_now_ns();
        work();
        uint64_t taken = time_now_ns() - before;
        slowest = taken > slowest ? taken : slowest;
        __atomic_fetch_add(&operations, 1, __ATOMIC_RELAXED);
    }
    uint64_t seconds = (time_now_ns() - start) / NS_PER_MS;
    restarts = vfs_restarts() - restarts;
    unmount_loop();
    result("every operation succeeded");
    check_ledger();
    result("the ledger holds every acknowledged record exactly once");
    check_shadow(0, SHADOW_MAX);
    check_marks();
    result("all files hold what was written last");
    expect((kills > 0 || stop != NULL) && restarts >= kills, "restarts", (int64_t)restarts);
    log_line("# %lu operations, %u kills, %lu restarts, %lu ms, slowest operation %lu us",
             operations, kills, restarts, seconds, slowest / NS_PER_US);
    result("vfs was killed and started again each time");
    return 0;
}
