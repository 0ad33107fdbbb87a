/* SPDX-License-Identifier: MIT
 * Commands that change files.
 */
#include <client/file.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/status.h>

#include "path.h"
#include "shell.h"
#include "text.h"

#define COPY_PIECE 16384

/* Calls an operation for each path argument from argv[first] on; goes on after a failure. */
static int each_path(struct shell *shell, int argc, char **argv, int first,
                     status_t (*operation)(handle_t vfs, const char *path)) {
    int result = 0;
    if (!need(shell, shell->vfs, "vfs")) {
        return STATUS_FAILED;
    }
    for (int i = first; i < argc && !shell_stopped(shell); i++) {
        char path[FILE_PATH_MAX];
        if (!path_argument(shell, argv[i], path)) {
            return STATUS_USAGE;
        }
        status_t status = operation(shell->vfs, path);
        if (status != OK) {
            result = fail_status(shell, argv[i], status);
        }
    }
    return result;
}

static int run_mkdir(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 1, TOKENS_WORDS)) {
        return STATUS_USAGE;
    }
    return each_path(shell, argc, argv, 1, file_mkdir);
}

static int run_rmdir(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 1, TOKENS_WORDS)) {
        return STATUS_USAGE;
    }
    return each_path(shell, argc, argv, 1, file_rmdir);
}

static status_t touch(handle_t vfs, const char *path) {
    handle_t file;
    struct file_stat stat;
    if (file_stat(vfs, path, &stat) == OK && stat.type == FILE_DIRECTORY) {
        return OK;
    }
    status_t status = file_open(vfs, path, FILE_OPEN_WRITE | FILE_OPEN_CREATE, &file, NULL);
    if (status == OK) {
        handle_close(file);
    }
    return status;
}

static int run_touch(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 1, TOKENS_WORDS)) {
        return STATUS_USAGE;
    }
    return each_path(shell, argc, argv, 1, touch);
}

/* ---- Text --------------------------------------------------------------------------------- */

static void print_words(struct shell *shell, int argc, char **argv, int first, bool newline) {
    for (int i = first; i < argc; i++) {
        print_bytes(shell, argv[i], strlen(argv[i]));
        if (i + 1 < argc) {
            print_bytes(shell, " ", 1);
        }
    }
    if (newline) {
        print_bytes(shell, "\n", 1);
    }
}

static int run_echo(struct shell *shell, int argc, char **argv) {
    bool newline = true;
    bool escapes = false;
    int first = 1;
    for (; first < argc; first++) {
        if (strcmp(argv[first], "-n") == 0) {
            newline = false;
        } else if (strcmp(argv[first], "-e") == 0) {
            escapes = true;
        } else {
            break;
        }
    }
    for (int i = first; escapes && i < argc; i++) {
        text_unescape(argv[i]);
    }
    print_words(shell, argc, argv, first, newline);
    return 0;
}

static int run_write(struct shell *shell, int argc, char **argv) {
    char path[FILE_PATH_MAX];
    if (!count_arguments(shell, argc < 2 ? argc : 2, argv, 1, 1) ||
        !need(shell, shell->vfs, "vfs") || !path_argument(shell, argv[1], path)) {
        return STATUS_USAGE;
    }
    if (shell->file != HANDLE_NONE) {
        return usage(shell, "can't be redirected");
    }
    handle_t file;
    status_t status = file_open(
        shell->vfs, path, FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_TRUNCATE, &file, NULL);
    if (status != OK) {
        return fail_status(shell, argv[1], status);
    }
    /* The output path of redirection, for this one text. */
    print_flush(shell);
    shell->file = file;
    print_words(shell, argc, argv, 2, true);
    print_flush(shell);
    shell->file = HANDLE_NONE;
    handle_close(file);
    status = shell->output_status;
    if (status != OK) {
        shell->output_status = OK;
        return fail_status(shell, argv[1], status);
    }
    return 0;
}

/* ---- rm ----------------------------------------------------------------------------------- */

/* Stores the path of the first entry of a directory behind its own; E_NOT_EMPTY when the result is
 * too long, E_NOT_FOUND when the directory is empty. */
static status_t first_entry(handle_t vfs, char path[FILE_PATH_MAX], uint64_t *type) {
    handle_t directory;
    struct file_readdir_reply entries;
    status_t status = file_open(vfs, path, FILE_OPEN_READ | FILE_OPEN_DIRECTORY, &directory, NULL);
    if (status != OK) {
        return status;
    }
    status = file_readdir(directory, 0, &entries);
    handle_close(directory);
    if (status == OK && entries.count == 0) {
        status = E_NOT_FOUND;
    }
    if (status != OK) {
        return status;
    }
    size_t length = strlen(path);
    if (length + 1 + strlen(entries.entries[0].name) >= FILE_PATH_MAX) {
        return E_NAME_TOO_LONG;
    }
    path[length] = '/';
    strlcpy(path + length + 1, entries.entries[0].name, FILE_PATH_MAX - length - 1);
    *type = entries.entries[0].type;
    return OK;
}

/* Removes a directory with all in it: always the first entry found, so it needs no stack. */
static status_t remove_tree(struct shell *shell, const char *top) {
    char path[FILE_PATH_MAX];
    size_t limit = strlen(top);
    strlcpy(path, top, sizeof(path));
    while (!shell_stopped(shell)) {
        uint64_t type = FILE_DIRECTORY;
        status_t status = first_entry(shell->vfs, path, &type);
        if (status == OK && type == FILE_DIRECTORY) {
            continue;
        }
        if (status == OK) {
            status = file_unlink(shell->vfs, path);
        } else if (status == E_NOT_FOUND) {
            status = file_rmdir(shell->vfs, path);
            if (status == OK && strlen(path) == limit) {
                return OK;
            }
        }
        if (status != OK) {
            return status;
        }
        *strrchr(path, '/') = 0;
    }
    return OK;
}

static int remove_one(struct shell *shell, const char *argument, bool recursive) {
    char path[FILE_PATH_MAX];
    struct file_stat stat;
    if (!path_argument(shell, argument, path)) {
        return STATUS_USAGE;
    }
    status_t status = file_stat(shell->vfs, path, &stat);
    if (status == OK && stat.type != FILE_DIRECTORY) {
        status = file_unlink(shell->vfs, path);
    } else if (status == OK) {
        size_t length = strlen(path);
        bool inside = strncmp(shell->directory, path, length) == 0 &&
                      (shell->directory[length] == 0 || shell->directory[length] == '/');
        if (inside || length == 1) {
            return fail(shell, "%s: the working directory lies in it", argument);
        }
        status = recursive ? remove_tree(shell, path) : E_IS_DIRECTORY;
    }
    return status == OK ? 0 : fail_status(shell, argument, status);
}

static int run_rm(struct shell *shell, int argc, char **argv) {
    bool recursive = false;
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != 0; at++) {
        if (strcmp(argv[at], "-r") != 0 && strcmp(argv[at], "-rf") != 0) {
            return usage(shell, "unknown option %s", argv[at]);
        }
        recursive = true;
    }
    if (at == argc) {
        return usage(shell, "PATH is missing");
    }
    if (!need(shell, shell->vfs, "vfs")) {
        return STATUS_FAILED;
    }
    int result = 0;
    for (; at < argc && !shell_stopped(shell); at++) {
        int one = remove_one(shell, argv[at], recursive);
        result = one != 0 ? one : result;
    }
    return result;
}

/* ---- cp, mv ------------------------------------------------------------------------------- */

/* The paths of "FROM TO"; a directory TO stands for TO/NAME. They are two different ones. */
static bool two_paths(struct shell *shell, int argc, char **argv, char from[FILE_PATH_MAX],
                      char to[FILE_PATH_MAX]) {
    struct file_stat stat;
    if (!count_arguments(shell, argc, argv, 2, 2) || !need(shell, shell->vfs, "vfs") ||
        !path_argument(shell, argv[1], from) || !path_argument(shell, argv[2], to)) {
        return false;
    }
    if (file_stat(shell->vfs, to, &stat) == OK && stat.type == FILE_DIRECTORY) {
        char directory[FILE_PATH_MAX];
        strlcpy(directory, to, sizeof(directory));
        if (!path_join(to, FILE_PATH_MAX, directory, path_name(from))) {
            fail(shell, "path too long");
            return false;
        }
    }
    if (strcmp(from, to) == 0) {
        fail(shell, "%s and %s are the same file", argv[1], argv[2]);
        return false;
    }
    return true;
}

static status_t copy_content(struct shell *shell, handle_t source, handle_t target) {
    static char piece[COPY_PIECE];
    for (;;) {
        size_t done;
        status_t status = file_read(source, FILE_OFFSET_CURRENT, piece, sizeof(piece), &done);
        if (status != OK || done == 0 || shell_stopped(shell)) {
            return status;
        }
        status = file_write(target, FILE_OFFSET_CURRENT, piece, done, NULL);
        if (status != OK) {
            return status;
        }
    }
}

static int run_cp(struct shell *shell, int argc, char **argv) {
    char from[FILE_PATH_MAX];
    char to[FILE_PATH_MAX];
    if (!two_paths(shell, argc, argv, from, to)) {
        return STATUS_USAGE;
    }
    handle_t source;
    handle_t target;
    struct file_open_reply information;
    status_t status = file_open(shell->vfs, from, FILE_OPEN_READ, &source, &information);
    if (status != OK) {
        return fail_status(shell, argv[1], status);
    }
    if (information.type == FILE_DIRECTORY) {
        handle_close(source);
        return fail_status(shell, argv[1], E_IS_DIRECTORY);
    }
    status = file_open(shell->vfs, to, FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_TRUNCATE,
                       &target, NULL);
    if (status == OK) {
        status = copy_content(shell, source, target);
        handle_close(target);
    }
    handle_close(source);
    return status == OK ? 0 : fail_status(shell, argv[2], status);
}

static int run_mv(struct shell *shell, int argc, char **argv) {
    char from[FILE_PATH_MAX];
    char to[FILE_PATH_MAX];
    if (!two_paths(shell, argc, argv, from, to)) {
        return STATUS_USAGE;
    }
    size_t length = strlen(from);
    if (strncmp(to, from, length) == 0 && to[length] == '/') {
        return fail(shell, "%s can't be moved into itself", argv[1]);
    }
    status_t status = file_rename(shell->vfs, from, to);
    if (status == E_UNSUPPORTED) {
        return fail(shell, "%s and %s are on different file systems", argv[1], argv[2]);
    }
    return status == OK ? 0 : fail_status(shell, argv[1], status);
}

const struct command commands_copy[] = {
    {"mkdir", run_mkdir, "PATH...", "Makes directories."},
    {"rmdir", run_rmdir, "PATH...", "Removes empty directories."},
    {"touch", run_touch, "PATH...", "Makes empty files where there are none."},
    {"write", run_write, "FILE [TEXT]...", "Writes a line of text to a file."},
    {"echo", run_echo, "[-n] [-e] [TEXT]...",
     "Prints text; -n without newline, -e with \\n \\t \\e \\\\."},
    {"rm", run_rm, "[-r] PATH...", "Removes files; -r also directories with all in them."},
    {"cp", run_cp, "FROM TO", "Copies a file, into TO if that is a directory."},
    {"mv", run_mv, "FROM TO", "Renames or moves, into TO if that is a directory."},
    {NULL, NULL, NULL, NULL},
};
