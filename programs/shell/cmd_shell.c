/* SPDX-License-Identifier: MIT
 * Commands about the shell itself.
 */
#include <client/file.h>
#include <client/tty.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "shell.h"

#define SCRIPT_DEPTH 3
#define SCRIPT_MAX 8192
#define SLEEP_MAX 1000000 /* s */

static int run_help(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 1)) {
        return STATUS_USAGE;
    }
    if (argc == 2) {
        const struct command *command = command_find(argv[1]);
        if (command == NULL) {
            return fail(shell, "%s: unknown command", argv[1]);
        }
        print(shell, "usage: %s%s%s\n%s\n", command->name, *command->usage ? " " : "",
              command->usage, command->help);
        return 0;
    }
    for (const struct command_group *group = command_groups; group->title != NULL; group++) {
        if (*group->title != 0) {
            print(shell, "%s\n", group->title);
        }
        for (const struct command *command = group->commands; command->name != NULL; command++) {
            print(shell, "  %-10s %s\n", command->name, command->help);
        }
    }
    print(shell, "'help COMMAND' or 'COMMAND -h' tells more; '> FILE' and '>> FILE' redirect.\n");
    return 0;
}

static int run_history(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    struct tty_history_reply entry;
    status_t status;
    for (uint64_t i = 0; (status = tty_history(shell->tty, i, &entry)) == OK; i++) {
        print(shell, "%5lu  %s\n", (unsigned long)entry.number, entry.line);
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "console", status);
}

static int run_clear(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    status_t status = tty_clear(shell->tty);
    return status == OK ? 0 : fail_status(shell, "console", status);
}

static int run_cd(struct shell *shell, int argc, char **argv) {
    char path[FILE_PATH_MAX];
    struct file_stat stat;
    if (!count_arguments(shell, argc, argv, 0, 1) || !need(shell, shell->vfs, "vfs") ||
        !path_argument(shell, argc == 2 ? argv[1] : "/", path)) {
        return STATUS_USAGE;
    }
    status_t status = file_stat(shell->vfs, path, &stat);
    if (status == OK && stat.type != FILE_DIRECTORY) {
        status = E_NOT_DIRECTORY;
    }
    if (status != OK) {
        return fail_status(shell, path, status);
    }
    strlcpy(shell->directory, path, sizeof(shell->directory));
    return 0;
}

static int run_pwd(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    print(shell, "%s\n", shell->directory);
    return 0;
}

/* Seconds with an optional fraction, as ns. */
static bool parse_seconds(const char *text, uint64_t *ns) {
    const char *dot = strchr(text, '.');
    size_t length = dot != NULL ? (size_t)(dot - text) : strlen(text);
    uint64_t seconds;
    if (!parse_u64(text, length, &seconds) || seconds > SLEEP_MAX) {
        return false;
    }
    uint64_t fraction = 0;
    uint64_t unit = NS_PER_S / 10;
    for (const char *at = dot != NULL ? dot + 1 : ""; *at != 0; at++, unit /= 10) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        fraction += (uint64_t)(*at - '0') * unit;
    }
    *ns = seconds * NS_PER_S + fraction;
    return true;
}

static int run_sleep(struct shell *shell, int argc, char **argv) {
    uint64_t ns;
    if (!count_arguments(shell, argc, argv, 1, 1)) {
        return STATUS_USAGE;
    }
    if (!parse_seconds(argv[1], &ns)) {
        return usage(shell, "'%s' is no number of seconds up to %d", argv[1], SLEEP_MAX);
    }
    status_t status = thread_sleep(ns);
    return status == OK ? 0 : fail_status(shell, "sleep", status);
}

static int run_yield(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    thread_yield();
    return 0;
}

/* Runs the lines of a text, which is cut up by that. */
static void run_lines(struct shell *shell, char *text) {
    while (*text != 0 && !shell_stopped(shell)) {
        char *end = strchr(text, '\n');
        if (end != NULL) {
            *end = 0;
        }
        shell_run_line(shell, text);
        text = end != NULL ? end + 1 : text + strlen(text);
    }
}

static int run_run(struct shell *shell, int argc, char **argv) {
    static char texts[SCRIPT_DEPTH][SCRIPT_MAX + 1];
    char path[FILE_PATH_MAX];
    if (!count_arguments(shell, argc < 2 ? argc : 2, argv, 1, 1) ||
        !need(shell, shell->vfs, "vfs") || !path_argument(shell, argv[1], path)) {
        return STATUS_USAGE;
    }
    if (program_is(shell, path)) {
        return program_run(shell, path, argc - 1, argv + 1);
    }
    if (shell->depth == SCRIPT_DEPTH) {
        return fail(shell, "scripts run scripts more than %d deep", SCRIPT_DEPTH);
    }
    handle_t file;
    size_t length = 0;
    status_t status = file_open(shell->vfs, path, FILE_OPEN_READ, &file, NULL);
    if (status == OK) {
        status = file_read(file, 0, texts[shell->depth], SCRIPT_MAX, &length);
        handle_close(file);
    }
    if (status != OK) {
        return fail_status(shell, path, status);
    }
    if (length == SCRIPT_MAX) {
        return fail(shell, "%s: larger than %d bytes", path, SCRIPT_MAX);
    }
    if (memchr(texts[shell->depth], 0, length) != NULL) {
        return fail(shell, "%s: no text and no program", path);
    }
    if (!count_arguments(shell, argc, argv, 1, 1)) { /* a text gets none */
        return STATUS_USAGE;
    }
    texts[shell->depth][length] = 0;
    print_flush(shell);
    shell->depth++;
    run_lines(shell, texts[shell->depth - 1]);
    shell->depth--;
    return shell->last_status;
}

static int run_exit(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    task_exit(0);
}

const struct command commands_shell[] = {
    {"help", run_help, "[COMMAND]", "Lists the commands or explains one."},
    {"history", run_history, "", "Lists the lines entered at this terminal."},
    {"clear", run_clear, "", "Clears the screen."},
    {"cd", run_cd, "[DIRECTORY]", "Changes the working directory; without argument to /."},
    {"pwd", run_pwd, "", "Prints the working directory."},
    {"run", run_run, "FILE [ARGUMENT...]",
     "Runs a Linux program, or a text file's lines as commands."},
    {"sleep", run_sleep, "SECONDS", "Waits, for example 1 or 0.25 seconds."},
    {"exit", run_exit, "", "Ends the shell; a terminal of the machine gets a new one."},
    {"yield", run_yield, "", "Gives the processor to the next thread."},
    {NULL, NULL, NULL, NULL},
};
