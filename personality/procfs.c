/* SPDX-License-Identifier: MIT
 * /proc/PID: what proc knows of every process, and the personality of its own. Nothing of it is
 * kept: each look asks anew, so it does not matter what was started again between two of them.
 */
#include "procfs.h"

#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>

#include "made.h"
#include "memory.h"
#include "process.h"
#include "signals.h"

#define DEVICE 8u
#define NS_PER_TICK 10000000u

enum made_kind {
    MADE_SELF = 1, /* /proc/self itself, a link */
    MADE_PROCESS,
    MADE_DESCRIPTORS,
    MADE_DESCRIPTOR,
    MADE_CMDLINE,
    MADE_COMM,
    MADE_CWD,
    MADE_EXE,
    MADE_MAPS,
    MADE_MOUNTS,
    MADE_STAT,
    MADE_STATM,
    MADE_STATUS,
};

struct made {
    enum made_kind kind;
    int32_t pid;
    uint64_t number; /* DESCRIPTOR */
};

static const struct {
    const char *name;
    enum made_kind kind;
} names[] = {
    {"cmdline", MADE_CMDLINE}, {"comm", MADE_COMM},      {"cwd", MADE_CWD},
    {"exe", MADE_EXE},         {"fd", MADE_DESCRIPTORS}, {"maps", MADE_MAPS},
    {"mounts", MADE_MOUNTS},   {"stat", MADE_STAT},      {"statm", MADE_STATM},
    {"status", MADE_STATUS},
};
#define NAMES (sizeof names / sizeof names[0])

/* ---- names ---- */

/* The component at *at, which moves behind it and the '/' that follows. */
static size_t component(const char **at) {
    const char *end = strchr(*at, '/');
    size_t length = end == NULL ? strlen(*at) : (size_t)(end - *at);
    *at += end == NULL ? length : length + 1;
    return length;
}

static bool parse_name(const char *name, size_t length, const char *rest, struct made *made) {
    for (uint32_t i = 0; i < NAMES; i++) {
        if (parse_equal(name, length, names[i].name)) {
            made->kind = names[i].kind;
        }
    }
    if (made->kind == MADE_DESCRIPTORS && *rest != 0) {
        made->kind = MADE_DESCRIPTOR;
        return parse_u64(rest, strlen(rest), &made->number);
    }
    return made->kind != MADE_PROCESS && *rest == 0;
}

/* False: the path is none of ours. */
static bool parse(const char *path, struct made *made) {
    static const char root[] = "/proc/";
    uint64_t pid = (uint64_t)process.pid;
    if (strncmp(path, root, sizeof root - 1) != 0) {
        return false;
    }
    const char *at = path + sizeof root - 1;
    const char *name = at;
    size_t length = component(&at);
    bool self = parse_equal(name, length, "self");
    if (!self && (!parse_u64(name, length, &pid) || pid == 0 || pid > INT32_MAX)) {
        return false;
    }
    *made = (struct made){.kind = MADE_PROCESS, .pid = (int32_t)pid};
    if (*at == 0) {
        made->kind = self && name[length] == 0 ? MADE_SELF : MADE_PROCESS;
        return true;
    }
    name = at;
    length = component(&at);
    return parse_name(name, length, at, made);
}

void procfs_follow(char path[FILE_PATH_MAX]) {
    struct made made;
    char own[FILE_PATH_MAX];
    if (!parse(path, &made)) {
        return;
    }
    if (made.pid == process.pid && made.kind == MADE_EXE) {
        strlcpy(path, process.program, FILE_PATH_MAX);
    } else if (made.pid == process.pid && made.kind == MADE_CWD) {
        strlcpy(path, process.directory, FILE_PATH_MAX);
    } else if (made.kind == MADE_MOUNTS) {
        strlcpy(path, "/proc/mounts", FILE_PATH_MAX);
    } else if (strncmp(path, "/proc/self", 10) == 0) {
        format(own, sizeof own, "/proc/%d%s", made.pid, path + 10);
        strlcpy(path, own, FILE_PATH_MAX);
    }
}

bool procfs_descriptor(const char *path, uint64_t *number) {
    struct made made;
    if (!parse(path, &made) || made.kind != MADE_DESCRIPTOR || made.pid != process.pid) {
        return false;
    }
    *number = made.number;
    return true;
}

/* The process itself; false: there is none. */
static bool find(int64_t pid, struct proc_list_reply *reply) {
    struct proc_pid request = {pid};
    return call_simple(process.proc, PROC_LIST, &request, sizeof request, reply, sizeof *reply) ==
               OK &&
           reply->pid == pid;
}

/* ---- texts ---- */

/* Bytes of the address space; known of the own one only, otherwise 0. */
static uint64_t memory_size(int32_t pid) {
    struct memory_part part = {.end = 0};
    uint64_t size = 0;
    while (pid == process.pid && memory_next(part.end, &part)) {
        size += part.end - part.start;
    }
    return size;
}

struct sets {
    uint64_t blocked, ignored, caught;
};

static struct sets sets_of(int32_t pid) {
    struct sets sets = {0, 0, 0};
    if (pid == process.pid) {
        sets.blocked = first_thread.blocked;
        signal_sets(&sets.ignored, &sets.caught);
    }
    return sets;
}

/* Who looks at himself runs. */
static char state_of(const struct proc_list_reply *of) {
    return of->pid == process.pid ? 'R' : (char)of->state;
}

static void make_stat(struct text *text, const struct proc_list_reply *of) {
    struct sets sets = sets_of((int32_t)of->pid);
    text_add(text, "%ld (%s) %c %ld %ld %ld %lu %ld 0 0 0 0 0 ", of->pid, of->name, state_of(of),
             of->ppid, of->pgid, of->sid, of->terminal, of->foreground);
    text_add(text, "%lu 0 %lu 0 20 0 %lu 0 %lu ", of->cpu_ns / NS_PER_TICK,
             of->children_ns / NS_PER_TICK, of->threads, of->start_ns / NS_PER_TICK);
    text_add(text, "%lu 0 %lu 0 0 0 0 0 ", memory_size((int32_t)of->pid), UINT64_MAX);
    text_add(text, "%lu %lu %lu %lu 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
             of->pending & INT32_MAX, sets.blocked & INT32_MAX, sets.ignored & INT32_MAX,
             sets.caught & INT32_MAX);
}

static void make_status(struct text *text, const struct proc_list_reply *of) {
    char state = state_of(of);
    struct sets sets = sets_of((int32_t)of->pid);
    text_add(text, "Name:\t%s\nState:\t%c (%s)\nTgid:\t%ld\nPid:\t%ld\nPPid:\t%ld\nTracerPid:\t0\n",
             of->name, state,
             state == 'R'   ? "running"
             : state == 'S' ? "sleeping"
             : state == 'T' ? "stopped"
                            : "zombie",
             of->pid, of->pid, of->ppid);
    text_add(text, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t%d\nGroups:\t \n", DESCRIPTORS);
    if (of->pid == process.pid) {
        text_add(text, "VmSize:\t%8lu kB\n", memory_size(process.pid) / 1024);
    }
    text_add(text, "Threads:\t%lu\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", of->threads, of->pending,
             sets.blocked);
    text_add(text, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", sets.ignored, sets.caught);
}

static void make_cmdline(struct text *text, int32_t pid) {
    struct proc_pid request = {pid};
    struct proc_command command = {.length = 0};
    if (call_simple(process.proc, PROC_COMMAND, &request, sizeof request, &command,
                    sizeof command) == OK) {
        text_bytes(text, command.arguments, command.length);
    }
}

static void make_maps(struct text *text) {
    struct memory_part part = {.end = 0};
    while (memory_next(part.end, &part)) {
        const char *name = part.kind == REGION_STACK  ? "[stack]"
                           : part.kind == REGION_HEAP ? "[heap]"
                                                      : "";
        char line[96];
        format(line, sizeof line, "%08lx-%08lx %c%c%c%c 00000000 00:00 0", part.start, part.end,
               (part.prot & LINUX_PROT_READ) != 0 ? 'r' : '-',
               (part.prot & LINUX_PROT_WRITE) != 0 ? 'w' : '-',
               (part.prot & LINUX_PROT_EXEC) != 0 ? 'x' : '-',
               part.kind == REGION_SHARED ? 's' : 'p');
        text_add(text, "%-*s %s\n", *name == 0 ? 0 : 72, line, name);
    }
}

static int64_t open_file(const struct made *made, const struct proc_list_reply *of,
                         uint32_t flags) {
    struct text text;
    if ((flags & O_ACCMODE) != 0) {
        return -EACCES;
    }
    if ((flags & O_DIRECTORY) != 0) {
        return -ENOTDIR;
    }
    int64_t result = text_begin(&text);
    if (result != 0) {
        return result;
    }
    switch (made->kind) {
    case MADE_CMDLINE:
        make_cmdline(&text, made->pid);
        break;
    case MADE_COMM:
        text_add(&text, "%s\n", of->name);
        break;
    case MADE_MAPS:
        make_maps(&text);
        break;
    case MADE_STAT:
        make_stat(&text, of);
        break;
    case MADE_STATM:
        text_add(&text, "%lu 0 0 0 0 0 0\n", (uint64_t)(memory_size(made->pid) / PAGE_SIZE));
        break;
    default:
        make_status(&text, of);
        break;
    }
    return text_end(&text, flags);
}

static bool is_directory(const struct made *made) {
    return made->kind == MADE_PROCESS || made->kind == MADE_DESCRIPTORS;
}

/* Only the process itself knows, as with those of other users in Linux. */
static bool is_private(const struct made *made) {
    return made->pid != process.pid && made->kind != MADE_PROCESS && made->kind < MADE_MOUNTS &&
           made->kind != MADE_CMDLINE && made->kind != MADE_COMM;
}

/* The process that it is about; -ENOENT, or -EACCES: it is not for this one. */
static int64_t find_allowed(const struct made *made, struct proc_list_reply *of) {
    return !find(made->pid, of) ? -ENOENT : is_private(made) ? -EACCES : 0;
}

bool procfs_open(const char *path, uint32_t flags, int64_t *result) {
    struct made made;
    struct proc_list_reply of;
    if (!parse(path, &made)) {
        return false;
    }
    *result = find_allowed(&made, &of);
    if (*result != 0) {
        return true;
    }
    if (!is_directory(&made)) {
        *result = open_file(&made, &of, flags);
    } else if ((flags & (O_ACCMODE | O_CREAT)) != 0) {
        *result = -EISDIR;
    } else {
        struct descriptor descriptor = {.kind = DESCRIPTOR_DIRECTORY,
                                        .close_on_exec = (flags & O_CLOEXEC) != 0,
                                        .flags = flags & ~O_CLOEXEC,
                                        .place = place_add(path)};
        *result = descriptor.place == 0 ? -EMFILE : descriptor_add(&descriptor, 0);
    }
    return true;
}

/* ---- looking ---- */

bool procfs_stat(const char *path, struct linux_stat *to, int64_t *result) {
    struct made made;
    struct proc_list_reply of;
    if (!parse(path, &made)) {
        return false;
    }
    bool link = made.kind == MADE_SELF || made.kind == MADE_EXE || made.kind == MADE_CWD ||
                made.kind == MADE_DESCRIPTOR;
    bool there = find(made.pid, &of) && (made.kind != MADE_DESCRIPTOR || made.pid != process.pid ||
                                         descriptor_get(made.number) != NULL);
    *to = (struct linux_stat){.dev = DEVICE,
                              .ino = 0x200000 + (uint64_t)made.pid * 0x1000 +
                                     (uint64_t)made.kind * 0x100 + made.number % 0x100,
                              .nlink = 1,
                              .mode = link                  ? S_IFLNK | 0777u
                                      : is_directory(&made) ? S_IFDIR | 0555u
                                                            : S_IFREG | 0444u,
                              .blksize = 4096};
    *result = there ? 0 : -ENOENT;
    return true;
}

static int64_t descriptor_text(uint64_t number, char text[FILE_PATH_MAX]) {
    const struct descriptor *descriptor = descriptor_get(number);
    struct linux_stat stat;
    if (descriptor == NULL || stat_descriptor(number, &stat) != 0) {
        return -ENOENT;
    }
    if (descriptor->kind == DESCRIPTOR_DIRECTORY) {
        strlcpy(text, place_path(descriptor->place), FILE_PATH_MAX);
    } else if (descriptor->kind == DESCRIPTOR_FILE) {
        return -EACCES; /* nobody keeps under which name it was opened */
    } else if ((stat.mode & S_IFMT) == S_IFCHR) {
        strlcpy(text, "/dev/tty", FILE_PATH_MAX);
    } else {
        const char *type = (stat.mode & S_IFMT) == S_IFSOCK ? "socket"
                           : (stat.mode & S_IFMT) == 0      ? "anon_inode"
                                                            : "pipe";
        format(text, FILE_PATH_MAX, "%s:[%lu]", type, stat.ino);
    }
    return 0;
}

bool procfs_link(const char *path, char text[FILE_PATH_MAX], int64_t *result) {
    struct made made;
    struct proc_list_reply of;
    if (!parse(path, &made)) {
        return false;
    }
    *result = find_allowed(&made, &of);
    if (*result != 0) {
        return true;
    }
    if (made.kind == MADE_SELF) {
        format(text, FILE_PATH_MAX, "%d", made.pid);
    } else if (made.kind == MADE_EXE) {
        strlcpy(text, process.program, FILE_PATH_MAX);
    } else if (made.kind == MADE_CWD) {
        strlcpy(text, process.directory, FILE_PATH_MAX);
    } else if (made.kind == MADE_DESCRIPTOR) {
        *result = descriptor_text(made.number, text);
    } else {
        *result = -EINVAL;
    }
    return true;
}

/* ---- directories ---- */

static bool next_process(uint64_t *at, struct file_entry *entry) {
    struct proc_pid request = {(int64_t)*at};
    struct proc_list_reply reply;
    if (*at == 0) {
        entry->type = ENTRY_LINK;
        strlcpy(entry->name, "self", sizeof entry->name);
        *at = 1;
        return true;
    }
    if (call_simple(process.proc, PROC_LIST, &request, sizeof request, &reply, sizeof reply) !=
        OK) {
        return false;
    }
    format(entry->name, sizeof entry->name, "%ld", reply.pid);
    *at = (uint64_t)reply.pid + 1;
    return true;
}

static bool next_descriptor(uint64_t *at, struct file_entry *entry) {
    while (*at < DESCRIPTORS && descriptor_get(*at) == NULL) {
        (*at)++;
    }
    entry->type = ENTRY_LINK;
    format(entry->name, sizeof entry->name, "%lu", *at);
    return (*at)++ < DESCRIPTORS;
}

bool procfs_entry(const char *directory, uint64_t *at, struct file_entry *entry) {
    struct made made;
    *entry = (struct file_entry){.type = FILE_DIRECTORY};
    if (procfs_is_root(directory)) {
        return next_process(at, entry);
    }
    if (!parse(directory, &made) || (made.kind == MADE_PROCESS && *at >= NAMES)) {
        return false;
    }
    if (made.kind == MADE_DESCRIPTORS) {
        return made.pid == process.pid && next_descriptor(at, entry);
    }
    enum made_kind kind = names[*at].kind;
    strlcpy(entry->name, names[*at].name, sizeof entry->name);
    entry->type = kind == MADE_DESCRIPTORS               ? FILE_DIRECTORY
                  : kind == MADE_EXE || kind == MADE_CWD ? ENTRY_LINK
                                                         : FILE_REGULAR;
    (*at)++;
    return true;
}

bool procfs_is_root(const char *directory) {
    return strcmp(directory, "/proc") == 0 || strcmp(directory, "/proc/") == 0;
}
