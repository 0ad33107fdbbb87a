/* SPDX-License-Identifier: MIT
 * Commands to init: services and power.
 */
#include <client/file.h>
#include <client/init.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/time.h>

#include "shell.h"
#include "text.h"

static const char *state_name(uint32_t state) {
    static const char *const names[] = {"missing", "running", "backoff", "stopped"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static int run_services(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0) || !need(shell, shell->init, "init")) {
        return STATUS_USAGE;
    }
    struct init_info_reply info;
    status_t status;
    print(shell, "%-10s %-7s %3s %8s %7s %8s %14s %3s %9s  %s\n", "NAME", "STATE", "GEN",
          "RESTARTS", "CRASHES", "UPTIME", "MEMORY/LIMIT", "VER", "BACK IN", "LAST EVENT");
    for (uint64_t i = 0; (status = init_info(shell->init, i, &info)) == OK; i++) {
        char uptime[TEXT_SIZE] = "-", back[TEXT_SIZE] = "-";
        char memory[2 * TEXT_SIZE] = "-";
        char used[TEXT_SIZE];
        char limit[TEXT_SIZE];
        uint64_t now = time_now_ns();
        if (info.state == SERVICE_RUNNING && now >= info.started_ns) {
            text_duration(uptime, now - info.started_ns);
        }
        if (info.memory_limit != 0) {
            format(memory, sizeof(memory), "%s/%s", text_bytes_short(used, info.memory),
                   text_bytes_short(limit, info.memory_limit));
        }
        if (info.back_ns != 0) {
            format(back, sizeof(back), "%luus", (unsigned long)(info.back_ns / NS_PER_US));
        }
        print(shell, "%-10s %-7s %3u %8u %7u %8s %14s %3lu %9s  %s\n", info.name,
              state_name(info.state), info.generation, info.restarts, info.crashes, uptime, memory,
              info.version, back, info.reason[0] != 0 ? info.reason : "-");
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "init", status);
}

static int order(struct shell *shell, int argc, char **argv,
                 status_t (*give)(handle_t init, const char *name), const char *done) {
    if (!count_arguments(shell, argc, argv, 1, 1) || !need(shell, shell->init, "init")) {
        return STATUS_USAGE;
    }
    status_t status = give(shell->init, argv[1]);
    if (status == E_NOT_FOUND) {
        return fail(shell, "%s: no such service", argv[1]);
    }
    if (status != OK) {
        return fail_status(shell, argv[1], status);
    }
    print(shell, "%s: %s\n", argv[1], done);
    return 0;
}

static int run_kill(struct shell *shell, int argc, char **argv) {
    return order(shell, argc, argv, init_kill, "killed");
}

static int run_restart(struct shell *shell, int argc, char **argv) {
    return order(shell, argc, argv, init_restart, "restarted");
}

/* Copies an open file into a memory object. */
static status_t load(handle_t file, handle_t memory, uint64_t size) {
    static char piece[4096];
    for (uint64_t offset = 0; offset < size;) {
        size_t done = 0;
        status_t status = file_read(file, offset, piece, sizeof(piece), &done);
        if (status == OK && done == 0) {
            status = E_IO; /* the file has become shorter */
        }
        if (status == OK) {
            status = memory_write(memory, offset, piece, done);
        }
        if (status != OK) {
            return status;
        }
        offset += done;
    }
    return OK;
}

static const char *state_text(uint64_t state) {
    switch (state) {
    case PROGRAM_NO_STATE:
        return "no state to take over";
    case PROGRAM_STATE_KEPT:
        return "state kept";
    case PROGRAM_STATE_RECORDS:
        return "state kept by records";
    default:
        return "started afresh";
    }
}

typedef status_t program_order(handle_t init, const char *name, handle_t program, uint64_t length,
                               struct init_program_reply *answer);

static int order_memory(struct shell *shell, const char *name, handle_t memory, uint64_t size,
                        program_order *give) {
    struct init_program_reply answer;
    status_t status = give(shell->init, name, memory, size, &answer);
    if (status == E_NOT_FOUND) {
        return fail(shell, "%s: no such service", name);
    }
    if (status == E_UNAVAILABLE) {
        return fail(shell, "%s: the new program did not come up (%s); version %lu goes on", name,
                    answer.reason, answer.version);
    }
    if (status == E_TYPE) {
        return fail(shell, "%s: refused: %s", name, answer.reason);
    }
    if (status != OK) {
        return fail_status(shell, name, status);
    }
    print(shell, "%s: version %lu, %s\n", name, answer.version, state_text(answer.state));
    return 0;
}

static int order_program(struct shell *shell, int argc, char **argv, program_order *give) {
    char path[FILE_PATH_MAX];
    if (!count_arguments(shell, argc, argv, 2, 2) || !need(shell, shell->init, "init") ||
        !need(shell, shell->vfs, "vfs") || !path_argument(shell, argv[2], path)) {
        return STATUS_USAGE;
    }
    struct file_open_reply information;
    handle_t file;
    status_t status = file_open(shell->vfs, path, FILE_OPEN_READ, &file, &information);
    if (status != OK) {
        return fail_status(shell, path, status);
    }
    handle_t memory = HANDLE_NONE;
    if (information.type == FILE_DIRECTORY) {
        status = E_IS_DIRECTORY;
    } else if (information.size == 0) {
        status = E_FORMAT;
    } else {
        status = memory_create(shell->account, information.size, &memory);
    }
    if (status == OK) {
        status = load(file, memory, information.size);
    }
    handle_close(file);
    if (status != OK) {
        handle_close(memory); /* it may have all that the account has; to say so takes some, too */
        return fail_status(shell, path, status);
    }
    int result = order_memory(shell, argv[1], memory, information.size, give);
    handle_close(memory);
    return result;
}

static int run_swap(struct shell *shell, int argc, char **argv) {
    return order_program(shell, argc, argv, init_swap);
}

static int run_upgrade(struct shell *shell, int argc, char **argv) {
    return order_program(shell, argc, argv, init_upgrade);
}

static int power(struct shell *shell, int argc, char **argv, uint64_t action) {
    if (!count_arguments(shell, argc, argv, 0, 0) || !need(shell, shell->init, "init")) {
        return STATUS_USAGE;
    }
    status_t status = init_power(shell->init, action);
    return status == OK ? 0 : fail_status(shell, "init", status);
}

static int run_reboot(struct shell *shell, int argc, char **argv) {
    return power(shell, argc, argv, INIT_POWER_REBOOT);
}

static int run_poweroff(struct shell *shell, int argc, char **argv) {
    return power(shell, argc, argv, INIT_POWER_OFF);
}

const struct command commands_services[] = {
    {"services", run_services, "", "Lists the services: state, restarts, memory, last death."},
    {"kill", run_kill, "SERVICE", "Stops a service where it stands; init starts it again."},
    {"restart", run_restart, "SERVICE", "Restarts a service, also one that has stopped."},
    {"swap", run_swap, "SERVICE FILE", "Lets another program of the same protocols serve."},
    {"upgrade", run_upgrade, "SERVICE FILE", "Puts another version in place; its clients go on."},
    {"reboot", run_reboot, "", "Restarts the machine."},
    {"poweroff", run_poweroff, "", "Switches the machine off."},
    {NULL, NULL, NULL, NULL},
};
