/* SPDX-License-Identifier: MIT
 * What files are: stat, access, directories, file systems; files in memory.
 */
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/time.h>

#include "file.h"
#include "memory.h"
#include "procfs.h"

static struct linux_timespec time_of(uint64_t since_boot) {
    uint64_t wall = time_wall_ns();
    uint64_t now = time_now_ns();
    uint64_t ns = wall > now ? wall - now + since_boot : since_boot;
    return (struct linux_timespec){(int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S)};
}

void stat_of(const struct file_stat *from, struct linux_stat *to) {
    *to = (struct linux_stat){.dev = from->mount + 1,
                              .ino = from->id + 1,
                              .nlink = from->links == 0 ? 1 : from->links,
                              .size = (int64_t)from->size,
                              .blksize = 4096,
                              .blocks = (int64_t)((from->size + 511) / 512)};
    bool fixed = (from->flags & FILE_STAT_READ_ONLY) != 0;
    to->mode = from->type == FILE_DIRECTORY ? S_IFDIR | 0755u
               : from->type == FILE_DEVICE  ? S_IFCHR | 0666u
                                            : S_IFREG | (fixed ? 0555u : 0755u);
    to->rdev = from->type == FILE_DEVICE ? 0x100 + from->id : 0;
    to->atime = to->mtime = to->ctime = time_of(from->modified);
}

int64_t stat_path(const char *path, struct linux_stat *to) {
    struct file_path_request request;
    struct file_stat stat;
    uint64_t number;
    int64_t result;
    if (path_descriptor(path, &number)) {
        return descriptor_get(number) == NULL ? -ENOENT : stat_descriptor(number, to);
    }
    if (strcmp(path, "/dev/tty") == 0) {
        *to = (struct linux_stat){
            .dev = 5, .ino = 9, .nlink = 1, .mode = S_IFCHR | 0666, .rdev = 0x500, .blksize = 4096};
        return 0;
    }
    if (procfs_stat(path, to, &result)) {
        return result;
    }
    memset(&request, 0, sizeof request);
    strlcpy(request.path, path, sizeof request.path);
    status_t status =
        call_simple(process.vfs, FILE_STAT, &request, sizeof request, &stat, sizeof stat);
    if (status == E_NOT_FOUND && made_is(path)) {
        *to = (struct linux_stat){
            .dev = 8, .ino = 10, .nlink = 1, .mode = S_IFREG | 0444, .blksize = 4096};
        return 0;
    }
    if (status == OK) {
        stat_of(&stat, to);
    }
    return error_of(status);
}

int64_t stat_descriptor(uint64_t number, struct linux_stat *to) {
    const struct descriptor *descriptor = descriptor_get(number);
    if (descriptor == NULL) {
        return -EBADF;
    }
    if (descriptor->kind == DESCRIPTOR_DIRECTORY && descriptor->handle == HANDLE_NONE) {
        return stat_path(place_path(descriptor->place), to);
    }
    if (!descriptor_seeks(descriptor) && descriptor->kind != DESCRIPTOR_STREAM) {
        bool socket = descriptor->kind == DESCRIPTOR_SOCKET;
        *to = (struct linux_stat){.dev = 8,
                                  .ino = 0x100000 + descriptor->identity,
                                  .nlink = 1,
                                  .mode = socket ? S_IFSOCK | 0777u : 0600u,
                                  .blksize = 4096};
        return 0;
    }
    if (descriptor->kind == DESCRIPTOR_STREAM) {
        struct proc_state_reply state;
        status_t status =
            call_simple(descriptor->handle, PROC_STATE, NULL, 0, &state, sizeof state);
        bool tty = state.kind == PROC_STREAM_TERMINAL;
        uint32_t type = state.kind == PROC_STREAM_COUNTER ? 0
                        : state.kind == PROC_STREAM_PAIR  ? S_IFSOCK
                                                          : S_IFIFO;
        *to = (struct linux_stat){.dev = tty ? 5 : 8,
                                  .ino = state.id,
                                  .nlink = 1,
                                  .mode = tty                ? S_IFCHR | 0620u
                                          : descriptor->made ? S_IFREG | 0444u
                                                             : type | 0600u,
                                  .rdev = tty ? PROC_TERMINAL_DEVICE + state.number : 0,
                                  .blksize = 4096};
        return error_of(status);
    }
    struct file_stat stat;
    status_t status = call_simple(descriptor->handle, FILE_FSTAT, NULL, 0, &stat, sizeof stat);
    if (status == OK) {
        stat_of(&stat, to);
    }
    return error_of(status);
}

static int64_t stat_at(int64_t at, uint64_t user, uint64_t flags, struct linux_stat *to) {
    char path[FILE_PATH_MAX];
    char first = 1;
    if ((flags & AT_EMPTY_PATH) != 0 &&
        (user == 0 || (user_read(&first, user, 1) == 0 && !first))) {
        return at == AT_FDCWD ? stat_path(process.directory, to)
                              : stat_descriptor((uint64_t)at, to);
    }
    bool link = (flags & AT_SYMLINK_NOFOLLOW) != 0;
    int64_t result = link ? path_text(at, user, path) : path_of(at, user, path);
    int64_t looked;
    if (result == 0 && link && procfs_stat(path, to, &looked)) {
        return looked;
    }
    return result != 0 ? result : stat_path(path, to);
}

static int64_t give_stat(int64_t result, uint64_t to, const struct linux_stat *stat) {
    return result != 0 ? result : user_write(to, stat, sizeof *stat);
}

int64_t call_stat(struct thread *thread, const uint64_t *a) {
    struct linux_stat stat;
    (void)thread;
    return give_stat(stat_at(AT_FDCWD, a[0], 0, &stat), a[1], &stat);
}

int64_t call_lstat(struct thread *thread, const uint64_t *a) {
    struct linux_stat stat;
    (void)thread;
    return give_stat(stat_at(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, &stat), a[1], &stat);
}

int64_t call_fstat(struct thread *thread, const uint64_t *a) {
    struct linux_stat stat;
    (void)thread;
    return give_stat(stat_descriptor(a[0], &stat), a[1], &stat);
}

int64_t call_newfstatat(struct thread *thread, const uint64_t *a) {
    struct linux_stat stat;
    (void)thread;
    return give_stat(stat_at((int32_t)a[0], a[1], a[3], &stat), a[2], &stat);
}

struct linux_statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad;
    uint64_t ino, size, blocks, attributes_mask;
    struct {
        int64_t seconds;
        uint32_t nanoseconds;
        int32_t pad;
    } atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t spare[14];
};
_Static_assert(sizeof(struct linux_statx) == 256, "ABI");

int64_t call_statx(struct thread *thread, const uint64_t *a) {
    struct linux_stat stat;
    (void)thread;
    int64_t result = stat_at((int32_t)a[0], a[1], a[2], &stat);
    if (result != 0) {
        return result;
    }
    struct linux_statx x = {.mask = 0x7ff,
                            .blksize = 4096,
                            .nlink = (uint32_t)stat.nlink,
                            .mode = (uint16_t)stat.mode,
                            .ino = stat.ino,
                            .size = (uint64_t)stat.size,
                            .blocks = (uint64_t)stat.blocks,
                            .rdev_major = (uint32_t)stat.rdev >> 8,
                            .rdev_minor = (uint32_t)stat.rdev & 0xff,
                            .dev_minor = (uint32_t)stat.dev};
    x.mtime.seconds = stat.mtime.seconds;
    x.mtime.nanoseconds = (uint32_t)stat.mtime.nanoseconds;
    x.atime = x.btime = x.ctime = x.mtime;
    return user_write(a[4], &x, sizeof x);
}

static int64_t access_at(int64_t at, uint64_t user, uint64_t mode) {
    struct linux_stat stat;
    if (mode > 7) {
        return -EINVAL;
    }
    int64_t result = stat_at(at, user, 0, &stat);
    if (result == 0 && (mode & 2) != 0 && (stat.mode & 0222) == 0) {
        return -EROFS;
    }
    return result;
}

int64_t call_access(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return access_at(AT_FDCWD, a[0], a[1]);
}

int64_t call_faccessat(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return access_at((int32_t)a[0], a[1], a[2]);
}

int64_t call_faccessat2(struct thread *thread, const uint64_t *a) {
    return call_faccessat(thread, a);
}

/* ---- directories ---- */

static bool put_entry(uint64_t *to, uint64_t end, uint64_t next, const struct file_entry *entry) {
    struct {
        uint64_t ino, offset;
        uint16_t size;
        uint8_t type;
        char name[FILE_NAME_MAX + 8];
    } __attribute__((packed)) record;
    size_t length = strlen(entry->name) + 1;
    size_t size = (19 + length + 7) & ~(size_t)7;
    if (end - *to < size) {
        return false;
    }
    memset(&record, 0, sizeof record);
    record.ino = next + 1;
    record.offset = next;
    record.size = (uint16_t)size;
    record.type = entry->type == FILE_DIRECTORY ? 4
                  : entry->type == FILE_DEVICE  ? 2
                  : entry->type == ENTRY_LINK   ? 10
                                                : 8;
    memcpy(record.name, entry->name, length);
    (void)user_write(*to, &record, size);
    *to += size;
    return true;
}

/* From this cursor on the entries are those that procfs.c makes. */
#define CURSOR_MADE (1ull << 40)

static int64_t made_entries(struct descriptor *descriptor, uint64_t start, uint64_t at,
                            uint64_t end) {
    uint64_t next = descriptor->cursor - CURSOR_MADE;
    struct file_entry entry;
    while (procfs_entry(place_path(descriptor->place), &next, &entry)) {
        if (!put_entry(&at, end, CURSOR_MADE + next, &entry)) {
            return at == start ? -EINVAL : (int64_t)(at - start);
        }
        descriptor->cursor = CURSOR_MADE + next;
    }
    return (int64_t)(at - start);
}

/* The cursor: 0 and 1 stand before "." and ".."; then comes the server's, plus 2. The server gives
 * up to three entries with one cursor behind them, so only the first of a group is a place to go on
 * from: a group is taken whole or, when it does not fit, skipped in again. */
int64_t call_getdents64(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    uint64_t at = a[1];
    uint64_t end = a[1] + a[2];
    (void)thread;
    if (descriptor == NULL || descriptor->kind != DESCRIPTOR_DIRECTORY) {
        return descriptor == NULL ? -EBADF : -ENOTDIR;
    }
    if (!user_ok(a[1], a[2], true)) {
        return -EFAULT;
    }
    while (descriptor->cursor < 2) {
        struct file_entry entry = {.type = FILE_DIRECTORY, .name = "."};
        if (descriptor->cursor == 1) {
            entry.name[1] = '.';
        }
        if (!put_entry(&at, end, descriptor->cursor + 1, &entry)) {
            return at == a[1] ? -EINVAL : (int64_t)(at - a[1]);
        }
        descriptor->cursor++;
    }
    if (descriptor->handle == HANDLE_NONE && descriptor->cursor < CURSOR_MADE) {
        descriptor->cursor = CURSOR_MADE;
    }
    while (descriptor->cursor < CURSOR_MADE) {
        struct file_readdir_request request = {descriptor->cursor - 2};
        struct file_readdir_reply reply;
        uint64_t start = at;
        status_t status = call_simple(descriptor->handle, FILE_READDIR, &request, sizeof request,
                                      &reply, sizeof reply);
        if (status == OK && reply.count == 0 && procfs_is_root(place_path(descriptor->place))) {
            descriptor->cursor = CURSOR_MADE;
            break;
        }
        if (status != OK || reply.count == 0) {
            return status != OK ? error_of(status) : (int64_t)(at - a[1]);
        }
        for (uint64_t i = 0; i < reply.count && i < 3; i++) {
            if (!put_entry(&at, end, reply.cursor + 2, &reply.entries[i])) {
                return start == a[1] ? -EINVAL : (int64_t)(start - a[1]);
            }
        }
        descriptor->cursor = reply.cursor + 2;
    }
    return made_entries(descriptor, a[1], at, end);
}

/* ---- file systems ---- */

static int64_t give_statfs(const char *path, uint64_t to) {
    struct file_path_request request;
    struct file_statfs from;
    struct {
        int64_t type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags;
        int64_t spare[4];
    } fs = {.type = 0x858458f6, .bsize = 4096, .namelen = FILE_NAME_MAX - 1, .frsize = 4096};
    memset(&request, 0, sizeof request);
    strlcpy(request.path, path, sizeof request.path);
    status_t status =
        call_simple(process.vfs, FILE_STATFS, &request, sizeof request, &from, sizeof from);
    if (status != OK) {
        return error_of(status);
    }
    fs.blocks = (int64_t)(from.total / 4096);
    fs.bfree = fs.bavail = (int64_t)(from.free / 4096);
    fs.files = (int64_t)from.files_max;
    fs.ffree = (int64_t)(from.files_max - from.files);
    return user_write(to, &fs, sizeof fs);
}

int64_t call_statfs(struct thread *thread, const uint64_t *a) {
    char path[FILE_PATH_MAX];
    (void)thread;
    int64_t result = path_of(AT_FDCWD, a[0], path);
    return result != 0 ? result : give_statfs(path, a[1]);
}

int64_t call_fstatfs(struct thread *thread, const uint64_t *a) {
    const struct descriptor *descriptor = descriptor_get(a[0]);
    (void)thread;
    return descriptor == NULL ? -EBADF : give_statfs("/", a[1]);
}

/* ---- files in memory ---- */

int64_t file_load(handle_t file, uint64_t offset, void *to, uint64_t length, uint64_t *done) {
    *done = 0;
    while (*done < length) {
        struct file_io_request request = {offset + *done, length - *done};
        struct file_io_reply reply = {0};
        if (request.length > FILE_IO_MAX) {
            request.length = FILE_IO_MAX;
        }
        struct lease lease = lease_out((char *)to + *done, request.length);
        struct message message = {
            .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
        struct answer answer = {.data = &reply, .size = sizeof reply};
        status_t status = call_server(NULL, file, FILE_READ, &message, &answer, false);
        if (status != OK || reply.length == 0) {
            return error_of(status);
        }
        *done += reply.length;
    }
    return 0;
}

/* A private mapping is a copy made now; a shared one that can be written is not to be had. */
int64_t file_map(struct thread *thread, int fd, uint64_t address, uint64_t length, uint32_t prot,
                 bool shared, uint64_t offset) {
    struct descriptor *descriptor = descriptor_get((uint32_t)fd);
    uint64_t done;
    (void)thread;
    if (descriptor == NULL) {
        return -EBADF;
    }
    if (descriptor->kind != DESCRIPTOR_FILE || (descriptor->flags & O_ACCMODE) == O_WRONLY) {
        return descriptor->kind != DESCRIPTOR_FILE ? -ENODEV : -EACCES;
    }
    if (shared && (prot & LINUX_PROT_WRITE) != 0) {
        return -ENODEV;
    }
    int64_t result =
        memory_anonymous(address, length, LINUX_PROT_READ | LINUX_PROT_WRITE, REGION_PRIVATE);
    if (result < 0) {
        return result;
    }
    int64_t loaded =
        file_load(descriptor->handle, offset, (void *)(uintptr_t)result, length, &done);
    if (loaded == 0 && prot != 3) {
        loaded = memory_change((uint64_t)result, length, prot);
    }
    return loaded != 0 ? loaded : result;
}
