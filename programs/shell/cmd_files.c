/* SPDX-License-Identifier: MIT
 * Commands that look at files.
 */
#include <client/file.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/status.h>

#include "path.h"
#include "shell.h"
#include "text.h"

#define READ_PIECE 4096
#define TREE_DEPTH (FILE_PATH_MAX / 2) /* no path has more names */

static char piece[READ_PIECE];

static void show_entry(struct shell *shell, const char *name, uint64_t type, uint64_t size,
                       bool details) {
    const char *mark = type == FILE_DIRECTORY ? "/" : "";
    if (details) {
        char letter = type == FILE_DIRECTORY ? 'd' : type == FILE_DEVICE ? 'c' : '-';
        print(shell, "%c %10lu %s%s\n", letter, (unsigned long)size, name, mark);
    } else {
        print(shell, "%s%s\n", name, mark);
    }
}

static status_t list_directory(struct shell *shell, const char *path, bool details) {
    handle_t directory;
    status_t status =
        file_open(shell->vfs, path, FILE_OPEN_READ | FILE_OPEN_DIRECTORY, &directory, NULL);
    if (status != OK) {
        return status;
    }
    struct file_readdir_reply entries = {.cursor = 0};
    do {
        status = file_readdir(directory, entries.cursor, &entries);
        for (uint64_t i = 0; status == OK && i < entries.count; i++) {
            const struct file_entry *entry = &entries.entries[i];
            show_entry(shell, entry->name, entry->type, entry->size, details);
        }
    } while (status == OK && entries.count != 0 && !shell_stopped(shell));
    handle_close(directory);
    return status;
}

static int list_one(struct shell *shell, const char *argument, bool details, bool title) {
    char path[FILE_PATH_MAX];
    struct file_stat stat;
    if (!path_argument(shell, argument, path)) {
        return STATUS_USAGE;
    }
    status_t status = file_stat(shell->vfs, path, &stat);
    if (status == OK && stat.type != FILE_DIRECTORY) {
        show_entry(shell, argument, stat.type, stat.size, details);
        return 0;
    }
    if (status == OK) {
        if (title) {
            print(shell, "%s:\n", argument);
        }
        status = list_directory(shell, path, details);
    }
    return status == OK ? 0 : fail_status(shell, argument, status);
}

static int run_ls(struct shell *shell, int argc, char **argv) {
    bool details = false;
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != 0; at++) {
        if (strcmp(argv[at], "-l") != 0) {
            return usage(shell, "unknown option %s", argv[at]);
        }
        details = true;
    }
    if (!need(shell, shell->vfs, "vfs")) {
        return STATUS_FAILED;
    }
    if (at == argc) {
        return list_one(shell, ".", details, false);
    }
    int result = 0;
    for (int i = at; i < argc && !shell_stopped(shell); i++) {
        int one = list_one(shell, argv[i], details, argc - at > 1);
        result = one != 0 ? one : result;
    }
    return result;
}

/* ---- tree --------------------------------------------------------------------------------- */

/* One level of the walk: where it stands in a directory's list. */
struct tree_level {
    handle_t directory;
    uint64_t cursor; /* of the entries below */
    uint64_t index;  /* in them */
    size_t path;     /* length of the directory's path */
};

struct tree {
    struct shell *shell;
    struct tree_level levels[TREE_DEPTH];
    int depth; /* of the level on top, -1: done */
    uint64_t directories, files;
    char path[FILE_PATH_MAX];
};

static status_t tree_push(struct tree *tree) {
    handle_t directory;
    status_t status = file_open(tree->shell->vfs, tree->path, FILE_OPEN_READ | FILE_OPEN_DIRECTORY,
                                &directory, NULL);
    if (status == OK) {
        tree->levels[++tree->depth] =
            (struct tree_level){directory, 0, 0, strlen(tree->path) == 1 ? 0 : strlen(tree->path)};
    }
    return status;
}

static status_t tree_enter(struct tree *tree, const char *name) {
    const struct tree_level *level = &tree->levels[tree->depth];
    if (tree->depth + 1 == TREE_DEPTH || level->path + 1 + strlen(name) >= sizeof(tree->path)) {
        return E_NAME_TOO_LONG;
    }
    tree->path[level->path] = '/';
    strlcpy(tree->path + level->path + 1, name, sizeof(tree->path) - level->path - 1);
    status_t status = tree_push(tree);
    return status == E_NOT_FOUND ? OK : status; /* removed meanwhile */
}

/* The next entry of the level on top, or back up at its end. */
static status_t tree_step(struct tree *tree) {
    struct tree_level *level = &tree->levels[tree->depth];
    struct file_readdir_reply entries;
    status_t status = file_readdir(level->directory, level->cursor, &entries);
    if (status != OK) {
        return status;
    }
    if (level->index >= entries.count) {
        level->cursor = entries.cursor;
        level->index = 0;
        if (entries.count == 0) {
            handle_close(level->directory);
            tree->depth--;
        }
        return OK;
    }
    const struct file_entry *entry = &entries.entries[level->index++];
    bool directory = entry->type == FILE_DIRECTORY;
    *(directory ? &tree->directories : &tree->files) += 1;
    print(tree->shell, "%*s%s%s\n", 2 * (tree->depth + 1), "", entry->name, directory ? "/" : "");
    return directory ? tree_enter(tree, entry->name) : OK;
}

static int run_tree(struct shell *shell, int argc, char **argv) {
    static struct tree tree;
    tree = (struct tree){.shell = shell, .depth = -1};
    if (!count_arguments(shell, argc, argv, 0, 1) || !need(shell, shell->vfs, "vfs") ||
        !path_argument(shell, argc == 2 ? argv[1] : ".", tree.path)) {
        return STATUS_USAGE;
    }
    status_t status = tree_push(&tree);
    if (status == OK) {
        print(shell, "%s\n", tree.path);
    }
    while (status == OK && tree.depth >= 0 && !shell_stopped(shell)) {
        status = tree_step(&tree);
    }
    for (; tree.depth >= 0; tree.depth--) {
        handle_close(tree.levels[tree.depth].directory);
    }
    if (status != OK) {
        return fail_status(shell, tree.path, status);
    }
    print(shell, "%lu directories, %lu files\n", (unsigned long)tree.directories,
          (unsigned long)tree.files);
    return 0;
}

/* ---- Content ------------------------------------------------------------------------------ */

/* Opens a file for reading; a message when that fails. */
static bool open_argument(struct shell *shell, const char *argument, handle_t *file) {
    char path[FILE_PATH_MAX];
    struct file_open_reply information;
    if (!need(shell, shell->vfs, "vfs") || !path_argument(shell, argument, path)) {
        return false;
    }
    status_t status = file_open(shell->vfs, path, FILE_OPEN_READ, file, &information);
    if (status == OK && information.type == FILE_DIRECTORY) {
        handle_close(*file);
        status = E_IS_DIRECTORY;
    }
    if (status != OK) {
        fail_status(shell, argument, status);
        return false;
    }
    return true;
}

static int run_cat(struct shell *shell, int argc, char **argv) {
    int result = 0;
    if (!count_arguments(shell, argc, argv, 1, TOKENS_WORDS)) {
        return STATUS_USAGE;
    }
    for (int i = 1; i < argc && !shell_stopped(shell); i++) {
        handle_t file;
        if (!open_argument(shell, argv[i], &file)) {
            result = STATUS_FAILED;
            continue;
        }
        size_t done;
        status_t status;
        while ((status = file_read(file, FILE_OFFSET_CURRENT, piece, sizeof(piece), &done)) == OK &&
               done != 0 && !shell_stopped(shell)) {
            print_bytes(shell, piece, done);
        }
        handle_close(file);
        if (status != OK) {
            result = fail_status(shell, argv[i], status);
        }
    }
    return result;
}

/* "[-n LINES] FILE" of head and tail. */
static bool lines_arguments(struct shell *shell, int argc, char **argv, uint64_t *lines,
                            handle_t *file) {
    *lines = 10;
    int at = 1;
    if (argc > 1 && strcmp(argv[1], "-n") == 0) {
        if (argc < 3) {
            usage(shell, "-n needs a number");
            return false;
        }
        if (!number_argument(shell, argv[2], 1000000000, lines)) {
            return false;
        }
        at = 3;
    }
    if (at < argc && is_option(argv[at])) {
        usage(shell, "unknown option %s", argv[at]);
        return false;
    }
    if (argc - at != 1) {
        usage(shell, argc == at ? "FILE is missing" : "more than one FILE");
        return false;
    }
    return open_argument(shell, argv[at], file);
}

/* Shows the lines from number `first` (from 0) on, at most `count`; *total counts all lines. */
static status_t show_lines(struct shell *shell, handle_t file, uint64_t first, uint64_t count,
                           uint64_t *total) {
    uint64_t line = 0;
    bool ended = true;
    size_t done;
    status_t status;
    uint64_t offset = 0;
    while ((status = file_read(file, offset, piece, sizeof(piece), &done)) == OK && done != 0 &&
           !shell_stopped(shell)) {
        offset += done;
        for (size_t i = 0; i < done; i++) {
            if (line >= first && line - first < count) {
                print_bytes(shell, &piece[i], 1);
            }
            ended = piece[i] == '\n';
            line += ended;
        }
        if (total == NULL && line >= first + count) {
            break;
        }
    }
    if (total != NULL) {
        *total = line + !ended;
    }
    return status;
}

static int run_head(struct shell *shell, int argc, char **argv) {
    uint64_t lines;
    handle_t file;
    if (!lines_arguments(shell, argc, argv, &lines, &file)) {
        return STATUS_USAGE;
    }
    status_t status = show_lines(shell, file, 0, lines, NULL);
    handle_close(file);
    return status == OK ? 0 : fail_status(shell, argv[argc - 1], status);
}

static int run_tail(struct shell *shell, int argc, char **argv) {
    uint64_t lines;
    uint64_t total = 0;
    handle_t file;
    if (!lines_arguments(shell, argc, argv, &lines, &file)) {
        return STATUS_USAGE;
    }
    status_t status = show_lines(shell, file, 0, 0, &total);
    if (status == OK) {
        status = show_lines(shell, file, total > lines ? total - lines : 0, lines, &total);
    }
    handle_close(file);
    return status == OK ? 0 : fail_status(shell, argv[argc - 1], status);
}

static int run_stat(struct shell *shell, int argc, char **argv) {
    int result = 0;
    if (!count_arguments(shell, argc, argv, 1, TOKENS_WORDS) || !need(shell, shell->vfs, "vfs")) {
        return STATUS_USAGE;
    }
    for (int i = 1; i < argc && !shell_stopped(shell); i++) {
        char path[FILE_PATH_MAX];
        char time[TEXT_SIZE];
        struct file_stat stat;
        if (!path_argument(shell, argv[i], path)) {
            return STATUS_USAGE;
        }
        status_t status = file_stat(shell->vfs, path, &stat);
        if (status != OK) {
            result = fail_status(shell, argv[i], status);
            continue;
        }
        print(shell, "%s: %s, %lu bytes, number %lu on mount %lu, %lu links, modified %s%s\n", path,
              stat.type == FILE_DIRECTORY ? "directory"
              : stat.type == FILE_DEVICE  ? "device"
                                          : "file",
              (unsigned long)stat.size, (unsigned long)stat.id, (unsigned long)stat.mount,
              (unsigned long)stat.links, text_duration(time, stat.modified),
              stat.flags & FILE_STAT_READ_ONLY ? " after boot, read-only" : " after boot");
    }
    return result;
}

static int run_df(struct shell *shell, int argc, char **argv) {
    static const char *const mounts[] = {"/", "/boot", "/proc", "/dev"};
    if (!count_arguments(shell, argc, argv, 0, 1) || !need(shell, shell->vfs, "vfs")) {
        return STATUS_USAGE;
    }
    char path[FILE_PATH_MAX];
    if (argc == 2 && !path_argument(shell, argv[1], path)) {
        return STATUS_USAGE;
    }
    for (size_t i = 0; i < (argc == 2 ? 1 : sizeof(mounts) / sizeof(mounts[0])); i++) {
        const char *name = argc == 2 ? path : mounts[i];
        struct file_statfs info;
        char total[TEXT_SIZE];
        char used[TEXT_SIZE];
        char left[TEXT_SIZE];
        status_t status = file_statfs(shell->vfs, name, &info);
        if (status != OK) {
            if (argc == 2 || status != E_NOT_FOUND) {
                return fail_status(shell, name, status);
            }
            continue;
        }
        uint64_t taken = info.total - info.free;
        if (i == 0) {
            print(shell, "%-10s %10s %10s %10s %4s %7s  %s\n", "KIND", "TOTAL", "USED", "FREE",
                  "USE", "FILES", "PATH");
        }
        print(shell, "%-10s %10s %10s %10s %3lu%% %7lu  %s\n", info.kind,
              text_bytes(total, info.total), text_bytes(used, taken), text_bytes(left, info.free),
              (unsigned long)(info.total != 0 ? (taken * 100 + info.total - 1) / info.total : 0),
              (unsigned long)info.files, name);
    }
    return 0;
}

const struct command commands_files[] = {
    {"ls", run_ls, "[-l] [PATH]...", "Lists directories; -l with type and size."},
    {"tree", run_tree, "[DIRECTORY]", "Shows everything below a directory."},
    {"cat", run_cat, "FILE...", "Prints files."},
    {"head", run_head, "[-n LINES] FILE", "Prints the first lines of a file, 10 by default."},
    {"tail", run_tail, "[-n LINES] FILE", "Prints the last lines of a file, 10 by default."},
    {"stat", run_stat, "PATH...", "Shows what is known about files."},
    {"df", run_df, "[PATH]", "Shows the space of the mounted file systems."},
    {NULL, NULL, NULL, NULL},
};
