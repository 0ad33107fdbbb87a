/* SPDX-License-Identifier: MIT
 * Running a line: words, redirection, the command, its status.
 */
#include "shell.h"

#include <client/file.h>
#include <client/tty.h>
#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/status.h>

#include "path.h"
#include "text.h"

#define MESSAGE_MAX 400u /* bytes of a message */
#define LINE_WIDTH 79u   /* a usage that would go beyond is left to -h */
#define WORD_SHOWN 60u   /* bytes of an unknown command */

const struct command_group command_groups[] = {
    {"Shell", commands_shell},   {"Services", commands_services},
    {"System", commands_system}, {"Files", commands_files},
    {"", commands_copy},         {"Network", commands_network},
    {"", commands_ping},         {"", commands_netstat},
    {"", commands_sockets},      {"", commands_dump},
    {"", commands_nettest},      {"", commands_http},
    {"AI", commands_ai},         {"Measuring", commands_bench},
    {"", commands_trace},        {NULL, NULL},
};

const struct command *command_find(const char *name) {
    for (const struct command_group *group = command_groups; group->title != NULL; group++) {
        for (const struct command *command = group->commands; command->name != NULL; command++) {
            if (strcmp(command->name, name) == 0) {
                return command;
            }
        }
    }
    return NULL;
}

/* ---- Output ------------------------------------------------------------------------------- */

static bool was_interrupted(status_t status) {
    return status == E_INTR || status == E_CANCELLED;
}

void print_flush(struct shell *shell) {
    if (shell->output_length == 0 || shell->output_status != OK) {
        shell->output_length = 0;
        return;
    }
    size_t length = shell->output_length;
    shell->output_length = 0;
    shell->output_status =
        shell->file != HANDLE_NONE
            ? file_write(shell->file, FILE_OFFSET_CURRENT, shell->output, length, NULL)
            : tty_write(shell->tty, shell->output, length);
}

void print_bytes(struct shell *shell, const void *bytes, size_t length) {
    const char *from = bytes;
    while (length != 0) {
        size_t room = OUTPUT_SIZE - shell->output_length;
        size_t part = length < room ? length : room;
        memcpy(shell->output + shell->output_length, from, part);
        shell->output_length += part;
        from += part;
        length -= part;
        if (shell->output_length == OUTPUT_SIZE) {
            print_flush(shell);
        }
    }
}

void print(struct shell *shell, const char *text, ...) {
    char buffer[1024];
    va_list arguments;
    va_start(arguments, text);
    size_t length = format_v(buffer, sizeof(buffer), text, arguments);
    va_end(arguments);
    print_bytes(shell, buffer, length < sizeof(buffer) ? length : sizeof(buffer) - 1);
}

bool shell_stopped(const struct shell *shell) {
    return shell->output_status != OK;
}

/* One line on the terminal itself, after the output so far. */
static void complain(struct shell *shell, const char *text, va_list arguments, bool with_usage) {
    char line[1024];
    size_t length = 0;
    const struct command *command = shell->command;
    print_flush(shell);
    if (command != NULL) {
        format_append(line, sizeof(line), &length, "%s: ", command->name);
    }
    (void)format_v(line + length, sizeof(line) - length, text, arguments);
    text_cut(line, MESSAGE_MAX);
    length = strlen(line);
    if (with_usage) {
        char hint[512];
        size_t size = format(hint, sizeof(hint), " (usage: %s%s%s)", command->name,
                             *command->usage ? " " : "", command->usage);
        bool fits = length + size <= LINE_WIDTH;
        format_append(line, sizeof(line), &length, fits ? "%s" : " (see '%s -h')",
                      fits ? hint : command->name);
    }
    line[length++] = '\n';
    status_t status = tty_write(shell->tty, line, length);
    if (status != OK && shell->output_status == OK) {
        shell->output_status = status;
    }
}

int fail(struct shell *shell, const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    complain(shell, text, arguments, false);
    va_end(arguments);
    return STATUS_FAILED;
}

int fail_status(struct shell *shell, const char *what, status_t status) {
    if (was_interrupted(status)) {
        shell->output_status = status;
        return STATUS_INTERRUPTED;
    }
    return fail(shell, "%s: %s", what, status_text(status));
}

int usage(struct shell *shell, const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    complain(shell, text, arguments, true);
    va_end(arguments);
    return STATUS_USAGE;
}

/* ---- Arguments ---------------------------------------------------------------------------- */

bool path_argument(struct shell *shell, const char *argument, char path[FILE_PATH_MAX]) {
    if (*argument == 0) {
        fail(shell, "empty path");
        return false;
    }
    if (!path_join(path, FILE_PATH_MAX, shell->directory, argument)) {
        fail(shell, "path too long");
        return false;
    }
    return true;
}

bool is_option(const char *word) {
    return word[0] == '-' && word[1] != 0;
}

bool count_arguments(struct shell *shell, int argc, char **argv, int least, int most) {
    for (int i = 1; i < argc; i++) {
        if (is_option(argv[i])) {
            usage(shell, "unknown option %s", argv[i]);
            return false;
        }
    }
    if (argc - 1 < least) {
        usage(shell, "too few arguments");
        return false;
    }
    if (argc - 1 > most) {
        usage(shell, "unexpected argument '%s'", argv[most + 1]);
        return false;
    }
    return true;
}

static bool all_digits(const char *text) {
    const char *at = text;
    while (*at >= '0' && *at <= '9') {
        at++;
    }
    return at != text && *at == 0;
}

bool number_argument(struct shell *shell, const char *argument, uint64_t limit, uint64_t *value) {
    uint64_t number = UINT64_MAX;
    if (!parse_u64(argument, strlen(argument), &number) && !all_digits(argument)) {
        usage(shell, "'%s' is not a number", argument);
        return false;
    }
    if (number > limit) {
        usage(shell, "%s is too large, at most %lu", argument, (unsigned long)limit);
        return false;
    }
    *value = number;
    return true;
}

bool need(struct shell *shell, handle_t handle, const char *service) {
    if (handle == HANDLE_NONE) {
        fail(shell, "this shell has no access to %s", service);
        return false;
    }
    return true;
}

/* ---- A line ------------------------------------------------------------------------------- */

/* Opens the file of > or >>; false with a message. */
static bool redirect(struct shell *shell) {
    const struct tokens *tokens = &shell->tokens;
    char path[FILE_PATH_MAX];
    shell->file = HANDLE_NONE;
    if (tokens->redirect == NULL) {
        return true;
    }
    if (!path_argument(shell, tokens->redirect, path)) {
        return false;
    }
    uint64_t flags = FILE_OPEN_WRITE | FILE_OPEN_CREATE;
    flags |= tokens->append ? FILE_OPEN_APPEND : FILE_OPEN_TRUNCATE;
    status_t status = file_open(shell->vfs, path, flags, &shell->file, NULL);
    if (status != OK) {
        shell->file = HANDLE_NONE;
        fail_status(shell, path, status);
        return false;
    }
    return true;
}

static int run_command(struct shell *shell) {
    struct tokens *tokens = &shell->tokens;
    const struct command *command = shell->command;
    bool asks_help = tokens->argc == 2 &&
                     (strcmp(tokens->argv[1], "-h") == 0 || strcmp(tokens->argv[1], "--help") == 0);
    if (asks_help) {
        print(shell, "usage: %s%s%s\n%s\n", command->name, *command->usage ? " " : "",
              command->usage, command->help);
        return 0;
    }
    return command->run(shell, tokens->argc, tokens->argv);
}

static int run_tokens(struct shell *shell) {
    struct tokens *tokens = &shell->tokens;
    shell->command = tokens->argc != 0 ? command_find(tokens->argv[0]) : NULL;
    if (tokens->argc != 0 && shell->command == NULL) {
        text_cut(tokens->argv[0], WORD_SHOWN);
        fail(shell, "%s: unknown command, try 'help'",
             *tokens->argv[0] != 0 ? tokens->argv[0] : "''");
        return STATUS_UNKNOWN;
    }
    if (!redirect(shell)) {
        return STATUS_FAILED;
    }
    int status = tokens->argc != 0 ? run_command(shell) : shell->last_status;
    print_flush(shell);
    handle_t file = shell->file;
    shell->file = HANDLE_NONE;
    handle_close(file);
    if (was_interrupted(shell->output_status)) {
        return STATUS_INTERRUPTED;
    }
    if (shell->output_status != OK && file != HANDLE_NONE) {
        return fail(shell, "%s: %s", tokens->redirect, status_text(shell->output_status));
    }
    return status;
}

void shell_run_line(struct shell *shell, const char *line) {
    shell->command = NULL;
    shell->output_status = OK;
    shell->output_length = 0;
    const char *error = tokens_split(&shell->tokens, line, shell->last_status);
    if (error != NULL) {
        fail(shell, "%s", error);
        shell->last_status = STATUS_USAGE;
        return;
    }
    if (shell->tokens.argc != 0 || shell->tokens.redirect != NULL) {
        shell->last_status = run_tokens(shell);
    }
}
