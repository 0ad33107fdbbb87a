/* SPDX-License-Identifier: MIT
 * Operations of proto/file.h. Each leaves the folder as it was.
 */
#include <client/file.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/startup.h>

#include "rows.h"

#define FOLDER "/tmp/sweep"
#define PLACE FOLDER "/place"
#define OTHER FOLDER "/other"
#define DATA FOLDER "/data"
#define LOOP FOLDER "/loop"
#define PIECE 6000u /* crosses a block */
#define FRESH (FILE_OPEN_READ | FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_EXCLUSIVE)

static handle_t vfs, data; /* `data` stays open: its offset must last */
static uint64_t position;
static uint8_t pattern[2 * PIECE], bytes[2 * PIECE];

static handle_t open_file(const char *path, uint64_t flags) {
    handle_t file = HANDLE_NONE;
    GOOD(file_open(vfs, path, flags, &file, NULL));
    return file;
}

static void prepare(void) {
    if (vfs != HANDLE_NONE) {
        return;
    }
    vfs = startup_handle("vfs");
    GOOD(file_mkdir(vfs, FOLDER));
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 31 + i / 256);
    }
    data = open_file(DATA, FRESH);
    GOOD(file_write(data, 0, pattern, sizeof pattern, NULL));
}

static void open(void) {
    prepare();
    struct file_stat stat = {0};
    handle_t file = open_file(PLACE, FRESH);
    handle_t twice;
    EQUAL(file_open(vfs, PLACE, FRESH, &twice, NULL), E_EXISTS);
    GOOD(file_fstat(file, &stat));
    EQUAL(stat.links, 1);
    handle_close(file);
    GOOD(file_unlink(vfs, PLACE));
    EQUAL(file_stat(vfs, PLACE, &stat), E_NOT_FOUND);
}

/* At the session's offset, which moves on once. */
static void read(void) {
    prepare();
    size_t done = 0;
    uint64_t now = 0;
    GOOD(file_read(data, FILE_OFFSET_CURRENT, bytes, PIECE, &done));
    EQUAL(done, position < sizeof pattern ? PIECE : 0);
    EQUAL(memcmp(bytes, pattern + position % sizeof pattern, done), 0);
    position += done;
    GOOD(file_seek(data, 0, FILE_SEEK_CURRENT, &now));
    EQUAL(now, position);
    if (done == 0) {
        GOOD(file_seek(data, 0, FILE_SEEK_SET, &position));
    }
}

static void write(void) {
    prepare();
    struct file_stat stat = {0};
    handle_t file = open_file(PLACE, FRESH | FILE_OPEN_APPEND);
    for (uint64_t i = 1; i <= 2; i++) {
        size_t done = 0;
        GOOD(file_write(file, FILE_OFFSET_CURRENT, pattern, PIECE, &done));
        EQUAL(done, PIECE);
        GOOD(file_fstat(file, &stat));
        EQUAL(stat.size, i * PIECE);
    }
    memset(bytes, 0, sizeof bytes);
    GOOD(file_read(file, PIECE, bytes, PIECE, NULL));
    EQUAL(memcmp(bytes, pattern, PIECE), 0);
    handle_close(file);
    GOOD(file_unlink(vfs, PLACE));
}

static void seek(void) {
    prepare();
    uint64_t before = 0, now = 0;
    GOOD(file_seek(data, 0, FILE_SEEK_CURRENT, &before));
    EQUAL(before, position);
    GOOD(file_seek(data, 7, FILE_SEEK_CURRENT, &now));
    EQUAL(now, before + 7);
    GOOD(file_seek(data, -7, FILE_SEEK_CURRENT, &now));
    EQUAL(now, before);
}

static void stat(void) {
    prepare();
    struct file_stat by_path = {0}, by_session = {0};
    GOOD(file_stat(vfs, DATA, &by_path));
    GOOD(file_fstat(data, &by_session));
    EQUAL(by_path.size, sizeof pattern);
    EQUAL(memcmp(&by_path, &by_session, sizeof by_path), 0);
}

/* The folder has one entry. */
static void readdir(void) {
    prepare();
    struct file_readdir_reply entries = {0};
    handle_t folder = open_file(FOLDER, FILE_OPEN_READ | FILE_OPEN_DIRECTORY);
    GOOD(file_readdir(folder, 0, &entries));
    EQUAL(entries.count, 1);
    EQUAL(strcmp(entries.entries[0].name, "data"), 0);
    GOOD(file_readdir(folder, entries.cursor, &entries));
    EQUAL(entries.count, 0);
    handle_close(folder);
}

static void mkdir(void) {
    prepare();
    GOOD(file_mkdir(vfs, PLACE));
    EQUAL(file_mkdir(vfs, PLACE), E_EXISTS);
    GOOD(file_rmdir(vfs, PLACE));
    EQUAL(file_rmdir(vfs, PLACE), E_NOT_FOUND);
}

static void unlink(void) {
    prepare();
    handle_close(open_file(PLACE, FRESH));
    GOOD(file_unlink(vfs, PLACE));
    EQUAL(file_unlink(vfs, PLACE), E_NOT_FOUND);
}

static void rename(void) {
    prepare();
    struct file_stat before = {0}, after = {0};
    handle_close(open_file(PLACE, FRESH));
    GOOD(file_stat(vfs, PLACE, &before));
    GOOD(file_rename(vfs, PLACE, OTHER));
    EQUAL(file_stat(vfs, PLACE, &after), E_NOT_FOUND);
    GOOD(file_stat(vfs, OTHER, &after));
    EQUAL(after.id, before.id);
    GOOD(file_unlink(vfs, OTHER));
}

static void truncate(void) {
    prepare();
    struct file_stat now = {0};
    size_t done = 0;
    handle_t file = open_file(PLACE, FRESH);
    GOOD(file_write(file, 0, pattern, PIECE, NULL));
    GOOD(file_truncate(file, 100));
    GOOD(file_truncate(file, PIECE));
    GOOD(file_fstat(file, &now));
    EQUAL(now.size, PIECE);
    GOOD(file_read(file, 0, bytes, PIECE, &done));
    EQUAL(memcmp(bytes, pattern, 100), 0);
    for (size_t i = 100; i < PIECE; i++) {
        if (!EQUAL(bytes[i], 0)) {
            break;
        }
    }
    handle_close(file);
    GOOD(file_unlink(vfs, PLACE));
}

/* What is made and removed is free again, to the byte. */
static void statfs(void) {
    prepare();
    struct file_statfs before = {0}, after = {0};
    GOOD(file_statfs(vfs, FOLDER, &before));
    handle_t file = open_file(PLACE, FRESH);
    GOOD(file_write(file, 0, pattern, PIECE, NULL));
    GOOD(file_statfs(vfs, FOLDER, &after));
    EQUAL(after.files, before.files + 1);
    handle_close(file);
    GOOD(file_unlink(vfs, PLACE));
    GOOD(file_statfs(vfs, FOLDER, &after));
    EQUAL(after.files, before.files);
    EQUAL(after.free, before.free);
}

static void sync(void) {
    prepare();
    GOOD(file_sync(data));
}

/* vfs mounted in itself: each operation below is two turns and a staged call. */
static void mount(void) {
    prepare();
    struct file_stat there = {0};
    GOOD(file_mkdir(vfs, LOOP));
    GOOD(file_mount(vfs, LOOP, vfs));
    EQUAL(file_mount(vfs, LOOP, vfs), E_EXISTS);
    handle_t file = open_file(LOOP PLACE, FRESH);
    GOOD(file_stat(vfs, PLACE, &there));
    handle_close(file);
    GOOD(file_unlink(vfs, LOOP PLACE));
    EQUAL(file_stat(vfs, PLACE, &there), E_NOT_FOUND);
    GOOD(file_unmount(vfs, LOOP));
    EQUAL(file_unmount(vfs, LOOP), E_NOT_FOUND);
    GOOD(file_rmdir(vfs, LOOP));
}

#define fstat stat
#define rmdir mkdir
#define unmount mount
#define ROW(number, NAME, name, request, answer) {"vfs", "file", #NAME, EVENT_CALL, number, name},
static const struct sweep_row file_rows[] = {
    FILE_PROTOCOL(ROW){"vfs", "", "a file is closed", EVENT_CLOSED, 0, open},
    {"vfs", "", "an answer of a mounted server", EVENT_REPLY, 0, mount},
};
ROWS(file_rows);
