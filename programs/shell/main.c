/* SPDX-License-Identifier: MIT
 * The shell: a plain program that reads lines from its terminal. The commands run in a thread of
 * their own; the first thread waits for Ctrl-C at the console and interrupts what the other is
 * waiting for. The terminal is the session "tty"; everything the shell knows is lost when it ends.
 */
#include "shell.h"

#include <client/tty.h>
#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#define RETRY_DELAY (200 * NS_PER_MS)
#define PRIORITY_HIGHEST 31

static struct shell shell;

static void shell_prompt(char prompt[FILE_PATH_MAX + 16]) {
    format(prompt, FILE_PATH_MAX + 16, "axolotl:%s$ ", shell.directory);
}

static _Noreturn void shell_loop(void) {
    static char line[TTY_LINE_MAX];
    char prompt[FILE_PATH_MAX + 16];
    for (;;) {
        size_t length;
        shell_prompt(prompt);
        status_t status =
            tty_read_line(shell.tty, prompt, TTY_READ_HISTORY, line, sizeof(line), &length);
        if (status == OK) {
            shell_run_line(&shell, line);
        } else if (status == E_INTR) {
            shell.last_status = STATUS_INTERRUPTED;
        } else if (status != E_CANCELLED && status != E_CLOSED) {
            thread_sleep(RETRY_DELAY);
        }
    }
}

static void shell_start(void *argument) {
    (void)argument;
    shell.directory[0] = '/';
    log_line("ready"); /* in the log of the first terminal's shell only: see the manifest */
    shell_loop();
}

/* The highest priority that this task may give. */
static status_t start_worker(handle_t *worker) {
    for (uint32_t priority = PRIORITY_HIGHEST; priority > 0; priority--) {
        status_t status = thread_create(shell_start, NULL, priority, worker);
        if (status != E_INVALID) {
            return status;
        }
    }
    return thread_create(shell_start, NULL, 0, worker);
}

int main(void) {
    shell.tty = startup_handle("tty");
    shell.vfs = startup_handle("vfs");
    shell.init = startup_handle("init");
    shell.net = startup_handle("net");
    shell.pci = startup_handle("devmgr");
    shell.ai = startup_handle("aiproxy");
    shell.system = startup_handle("system");
    shell.proc = startup_handle("proc");
    shell.account = startup_handle("account");
    struct tty_size size = {0};
    if (tty_size(shell.tty, &size) == OK) {
        shell.terminal = (uint32_t)size.terminal;
    }
    handle_t worker;
    status_t status = start_worker(&worker);
    if (status != OK) {
        tty_print(shell.tty, "shell: no thread (%d)\n", status);
        return 1;
    }
    for (;;) {
        status = tty_wait_interrupt(shell.tty);
        if (status == OK) {
            thread_interrupt(worker);
        } else {
            thread_sleep(RETRY_DELAY);
        }
    }
}
