/* SPDX-License-Identifier: MIT
 * trace: what the kernel does, recorded by it (docs/spec/trace.md).
 */
#include <client/file.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/machine.h>
#include <ipc/status.h>

#include "shell.h"
#include "trace.h"

#define LINES_DEFAULT 40
#define LINES_MAX 1000000000
#define PIECE 64

static struct trace_view view;
static uint64_t shown_from; /* position of the first line */

struct reading {
    struct shell *shell;
    uint64_t first, end, lost; /* positions; records that are gone */
};

/* Gives each record before `end`, or all that there are, to `take`. */
static status_t read_records(struct reading *reading, uint64_t end,
                             void (*take)(struct reading *reading,
                                          const struct trace_record *record, uint64_t position)) {
    static struct trace_record piece[PIECE];
    uint64_t position = reading->first;
    while (position < end && !shell_stopped(reading->shell)) {
        uint64_t asked = position;
        int64_t count = system_trace_read(reading->shell->system, &position, piece, PIECE);
        if (count <= 0) {
            return (status_t)count;
        }
        reading->lost += position - asked;
        for (int64_t i = 0; i < count && position < end; i++) {
            take(reading, &piece[i], position++);
        }
        reading->end = position;
    }
    return OK;
}

static void take_name(struct reading *reading, const struct trace_record *record,
                      uint64_t position) {
    if (position == reading->lost) {
        reading->first = position; /* the oldest that is there */
    }
    trace_names(&view, record);
}

static void put(void *context, const char *text) {
    print_bytes(context, text, strlen(text));
}

/* Names, and which records there are. False: none, with a message. */
static bool survey(struct shell *shell, struct reading *reading) {
    struct task_info task;
    *reading = (struct reading){.shell = shell};
    memset(&view, 0, sizeof(view));
    view.put = put;
    view.context = shell;
    status_t status = read_records(reading, UINT64_MAX, take_name);
    if (status != OK) {
        fail_status(shell, "kernel", status);
        return false;
    }
    if (reading->end == 0) {
        fail(shell, "nothing is recorded, 'trace on' begins");
        return false;
    }
    for (uint64_t i = 0; system_info_read(shell->system, INFO_TASK, i, &task, sizeof(task)) == OK;
         i++) {
        trace_name(&view, (uint32_t)task.id, task.name);
    }
    return true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void take_text(struct reading *reading, const struct trace_record *record,
                      uint64_t position) {
    (void)reading;
    trace_text(&view, record, position >= shown_from);
}

static int show(struct shell *shell, uint64_t lines) {
    struct reading reading;
    if (!survey(shell, &reading)) {
        return STATUS_FAILED;
    }
    shown_from = reading.end > lines ? reading.end - lines : 0;
    print(shell, "%14s %3s  %-12s %s\n", "TIME", "CPU", "TASK", "WHAT");
    status_t status = read_records(&reading, reading.end, take_text);
    if (reading.lost != 0) {
        print(shell, "%lu records are lost\n", (unsigned long)reading.lost);
    }
    return status == OK ? 0 : fail_status(shell, "kernel", status);
}

/* ---- a file --------------------------------------------------------------------------------- */

static void take_json(struct reading *reading, const struct trace_record *record,
                      uint64_t position) {
    (void)reading;
    (void)position;
    trace_json(&view, record);
}

static int write_json(struct shell *shell, const char *argument) {
    struct reading reading;
    struct system_info system;
    char path[FILE_PATH_MAX];
    handle_t file, output = shell->file;
    if (!need(shell, shell->vfs, "vfs") || !path_argument(shell, argument, path) ||
        !survey(shell, &reading)) {
        return STATUS_FAILED;
    }
    status_t status = system_info_read(shell->system, INFO_SYSTEM, 0, &system, sizeof(system));
    if (status != OK) {
        return fail_status(shell, "kernel", status);
    }
    status = file_open(shell->vfs, path, FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_TRUNCATE,
                       &file, NULL);
    if (status != OK) {
        return fail_status(shell, path, status);
    }
    print_flush(shell);
    shell->file = file;
    trace_json_begin(&view, system.cpus);
    status = read_records(&reading, reading.end, take_json);
    trace_json_end(&view);
    print_flush(shell);
    shell->file = output;
    handle_close(file);
    if (shell->output_status != OK) {
        status = shell->output_status;
        shell->output_status = OK;
        return fail_status(shell, path, status);
    }
    return status == OK ? 0 : fail_status(shell, "kernel", status);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int control(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 1, 1)) {
        return STATUS_USAGE;
    }
    status_t status = strcmp(argv[1], "on") == 0 ? system_trace_start(shell->system, shell->account)
                      : strcmp(argv[1], "off") == 0 ? system_trace_end(shell->system, TRACE_STOP)
                                                    : system_trace_end(shell->system, TRACE_DROP);
    return status == OK ? 0 : fail_status(shell, "kernel", status);
}

static int run_trace(struct shell *shell, int argc, char **argv) {
    uint64_t lines = LINES_DEFAULT;
    uint64_t position = UINT64_MAX;
    struct trace_record none;
    status_t status = (status_t)system_trace_read(shell->system, &position, &none, 0);
    if (status == E_RIGHTS) {
        return fail(shell, "this shell may not trace, the first terminal's may");
    }
    const char *action = argc > 1 ? argv[1] : "-n";
    if (strcmp(action, "-n") == 0) {
        if (argc == 2) {
            return usage(shell, "-n needs a number");
        }
        if (argc > 3) {
            return usage(shell, "unexpected argument '%s'", argv[3]);
        }
        if (argc == 3 && !number_argument(shell, argv[2], LINES_MAX, &lines)) {
            return STATUS_USAGE;
        }
        return show(shell, lines);
    }
    if (strcmp(action, "on") == 0 || strcmp(action, "off") == 0 || strcmp(action, "drop") == 0) {
        return control(shell, argc, argv);
    }
    if (strcmp(action, "json") == 0) {
        if (argc == 2) {
            return usage(shell, "FILE is missing");
        }
        return count_arguments(shell, argc, argv, 2, 2) ? write_json(shell, argv[2]) : STATUS_USAGE;
    }
    return is_option(action) ? usage(shell, "unknown option %s", action)
                             : usage(shell, "'%s' is not on, off, drop or json", action);
}

const struct command commands_trace[] = {
    {"trace", run_trace, "[on|off|drop|json FILE|-n LINES]",
     "Records what the kernel does; shows it, or writes it to FILE."},
    {NULL, NULL, NULL, NULL},
};
