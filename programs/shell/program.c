/* SPDX-License-Identifier: MIT
 * Linux programs: handed to proc with a copy of our sessions on files and terminal.
 */
#include <client/file.h>
#include <client/net.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/message.h>
#include <proto/proc.h>

#include "shell.h"

#define SIGNAL_INTERRUPT 2
#define STATUS_NO_PROGRAM 126 /* what is no static Linux program ends so at its start */

bool program_is(struct shell *shell, const char *path) {
    char head[4] = "";
    size_t length = 0;
    handle_t file;
    if (shell->vfs == HANDLE_NONE ||
        file_open(shell->vfs, path, FILE_OPEN_READ, &file, NULL) != OK) {
        return false;
    }
    status_t status = file_read(file, 0, head, sizeof head, &length);
    handle_close(file);
    return status == OK && length == sizeof head &&
           (memcmp(head, "\177ELF", 4) == 0 || memcmp(head, "#!", 2) == 0);
}

struct text {
    char bytes[4096];
    size_t length;
    bool full;
};

static void add(struct text *text, const char *string) {
    size_t size = strlen(string) + 1;
    if (size > sizeof text->bytes - text->length) {
        text->full = true;
        return;
    }
    memcpy(text->bytes + text->length, string, size);
    text->length += size;
}

static status_t start(struct shell *shell, const char *path, int argc, char **argv, int64_t *pid) {
    static const char *const environment[] = {
        "PATH=/bin:/boot/bin", "HOME=/", "TERM=linux", "USER=root", "SHELL=/boot/bin/busybox",
        "PS1=axolotl:\\w\\$ "};
    static struct text text;
    text = (struct text){.length = 0};
    add(&text, shell->directory);
    add(&text, path);
    for (int i = 0; i < argc; i++) {
        add(&text, argv[i]);
    }
    size_t count = sizeof environment / sizeof environment[0];
    for (size_t i = 0; i < count; i++) {
        add(&text, environment[i]);
    }
    if (text.full) {
        return E_MESSAGE_SIZE;
    }
    struct proc_run_request request = {(uint64_t)argc, count, text.length};
    struct proc_pid reply;
    struct lease lease = lease_in(text.bytes, text.length);
    static const struct net_restrict_request plain = {.mode = NET_MODE_SHARED};
    struct handle_slot handles[] = {{shell->vfs, RIGHT_CALL | RIGHT_COPY},
                                    {shell->tty, RIGHT_CALL | RIGHT_COPY},
                                    {HANDLE_NONE, RIGHT_CALL | RIGHT_COPY}};
    bool net = shell->net != HANDLE_NONE &&
               net_restrict(shell->net, &plain, &handles[2].handle) == OK; /* no administrator */
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .leases = &lease,
                              .lease_count = 1,
                              .handles = handles,
                              .handle_count = net ? 3 : 2};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(shell->proc, PROC_RUN, &message, &answer);
    handle_close(handles[2].handle);
    *pid = reply.pid;
    return status;
}

/* Ctrl-C comes to us while the program reads nothing: it is passed on. */
static status_t wait_end(struct shell *shell, int64_t pid, int64_t *result) {
    struct proc_pid request = {pid};
    struct proc_status reply = {0};
    for (;;) {
        status_t status =
            call_words(shell->proc, PROC_RUN_WAIT, &request, sizeof request, &reply, sizeof reply);
        if (status != E_INTR && status != E_CANCELLED) {
            *result = reply.status;
            return status;
        }
        struct proc_kill_request kill = {.pid = pid, .signal = SIGNAL_INTERRUPT};
        (void)call_words(shell->proc, PROC_RUN_SIGNAL, &kill, sizeof kill, NULL, 0);
    }
}

int program_run(struct shell *shell, const char *path, int argc, char **argv) {
    int64_t pid;
    int64_t result = 0;
    if (!need(shell, shell->proc, "proc")) {
        return STATUS_FAILED;
    }
    if (shell->file != HANDLE_NONE) {
        return fail(shell, "the output of a program can't be redirected from here");
    }
    print_flush(shell);
    status_t status = start(shell, path, argc, argv, &pid);
    if (status == OK) {
        status = wait_end(shell, pid, &result);
    }
    if (status != OK) {
        return fail_status(shell, path, status);
    }
    int signal = (int)(result & 0x7f);
    if (signal != 0 && signal != SIGNAL_INTERRUPT) {
        fail(shell, "%s: ended by signal %d", path, signal);
    }
    int code = (int)(result >> 8 & 0xff);
    if (signal == 0 && code == STATUS_NO_PROGRAM) {
        fail(shell, "%s: can't be executed", path);
    }
    return signal != 0 ? 128 + signal : code;
}
