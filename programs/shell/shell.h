/* SPDX-License-Identifier: MIT
 * The shell's state and what commands use: handles, output, messages. One shell serves one
 * terminal. A command returns its exit status: 0, STATUS_FAILED, STATUS_USAGE.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <axolotl/abi.h>
#include <proto/file.h>

#include <common/ip.h>
#include <proto/net.h>

#include "tokens.h"

#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define STATUS_UNKNOWN 127
#define STATUS_INTERRUPTED 130

#define OUTPUT_SIZE 4096

struct shell {
    handle_t tty, vfs, init, net, pci, ai, system, account, proc;
    uint32_t terminal; /* from 0 */
    char directory[FILE_PATH_MAX];
    int last_status;
    const struct command *command; /* that runs */
    handle_t question;             /* to the AI, asked without waiting */
    /* Output of the running command, gathered; goes to a file when redirected. */
    handle_t file;
    status_t output_status; /* of the first write that failed */
    size_t output_length;
    char output[OUTPUT_SIZE];
    struct tokens tokens;
    uint32_t depth; /* of scripts that run scripts */
};

struct command {
    const char *name;
    int (*run)(struct shell *shell, int argc, char **argv);
    const char *usage; /* arguments, "" for none */
    const char *help;  /* one line */
};

/* Commands of one file of this folder; ends with a NULL name. */
extern const struct command commands_shell[], commands_services[], commands_system[],
    commands_files[], commands_copy[], commands_network[], commands_ping[], commands_netstat[],
    commands_sockets[], commands_dump[], commands_nettest[], commands_http[], commands_ai[],
    commands_bench[], commands_trace[];

struct command_group {
    const char *title;
    const struct command *commands;
};
extern const struct command_group command_groups[];

/* NULL: unknown. */
const struct command *command_find(const char *name);

/* Runs one line; prints its errors. */
void shell_run_line(struct shell *shell, const char *line);

/* ---- Output ---- */

void print(struct shell *shell, const char *text, ...) __attribute__((format(printf, 2, 3)));
void print_bytes(struct shell *shell, const void *bytes, size_t length);

/* Sends what is gathered. Commands that take time call it to show progress. */
void print_flush(struct shell *shell);

/* True when the command should end: Ctrl-C, or the output can't be written. */
bool shell_stopped(const struct shell *shell);

/* "NAME: text" on the terminal, whatever the redirection; returns STATUS_FAILED. */
int fail(struct shell *shell, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* fail with "what: text of the status"; silent when it was Ctrl-C. */
int fail_status(struct shell *shell, const char *what, status_t status);

/* What is wrong with the arguments, then the usage if it fits in the line; returns STATUS_USAGE. */
int usage(struct shell *shell, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* ---- Linux programs: program.c ---- */

/* True when the file is one: ELF, or a script with an interpreter. */
bool program_is(struct shell *shell, const char *path);
/* Runs it on this terminal until it ends; returns its exit status, 128 + signal. */
int program_run(struct shell *shell, const char *path, int argc, char **argv);

/* ---- Arguments ---- */

/* Absolute form of an argument; false (with a message) when it is too long. */
bool path_argument(struct shell *shell, const char *argument, char path[FILE_PATH_MAX]);

/* "-x" and the like. */
bool is_option(const char *word);

/* Checks the number of arguments after the name, none of which may be an option (a file "-x" is
 * "./-x"); false with a message. */
bool count_arguments(struct shell *shell, int argc, char **argv, int least, int most);

/* A decimal number argument up to limit; false with a message. */
bool number_argument(struct shell *shell, const char *argument, uint64_t limit, uint64_t *value);

/* True when a service's session is there; else a message. */
bool need(struct shell *shell, handle_t handle, const char *service);

/* ---- Network ---- */

/* The first address of a name, or a number; family 0, 4, 6. False with a message. */
bool resolve_argument(struct shell *shell, const char *name, uint64_t family, struct net_ip *ip);

/* A name or number, with "%eth0" behind a link-local address, and a port. False with a message. */
bool address_argument(struct shell *shell, const char *host, uint64_t port,
                      struct net_address *address);

/* Room for "[IPv6]:port". */
#define ADDRESS_TEXT (IP_TEXT + 8)
char *text_address(char to[ADDRESS_TEXT], const struct net_address *address);
