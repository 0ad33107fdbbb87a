/* SPDX-License-Identifier: MIT
 * The life of a task that RUN made: from the strings it was given to the first program.
 */
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/startup.h>
#include <ipc/syscall.h>
#include <ipc/time.h>

#include "file.h"
#include "memory.h"
#include "process.h"

void upcall_entry(void);
int main(void);

_Static_assert(offsetof(struct thread, stack_top) == 192, "entry.asm");

/* Working directory, path, then the arguments and the environment, which an empty string ends. */
static const char *take_strings(struct strings *strings) {
    const char *at = (const char *)STRINGS_VA;
    strlcpy(process.directory, at, sizeof process.directory);
    const char *path = at + strlen(at) + 1;
    at = path + strlen(path) + 1;
    const char *start = at;
    strings->argc = startup_block()->argc;
    for (uint64_t i = 0; i < strings->argc; i++) {
        at += strlen(at) + 1;
    }
    for (; *at != 0; at += strlen(at) + 1) {
        strings->envc++;
    }
    strings->used = (uint64_t)(at - start);
    memcpy(strings->text, start, strings->used);
    return path;
}

int main(void) {
    struct strings strings = {0};
    struct proc_child_reply identity = {0};
    process.proc = startup_handle("proc");
    process.vfs = startup_handle("vfs");
    process.net = startup_handle("net");
    process.account = startup_handle("account");
    process.umask = 022;
    process.start_ns = time_now_ns();
    first_thread.stack_top = STACK_TOP_VA - 64;
    first_thread.alt_flags = SS_DISABLE;
    (void)call_simple(process.proc, PROC_CHILD, NULL, 0, &identity, sizeof identity);
    process.pid = first_thread.tid = (int32_t)identity.pid;
    descriptor_start(startup_handle("tty"));
    handle_close(startup_handle("tty"));
    strings.text = exec_scratch();
    int64_t result = -ENOMEM;
    if (strings.text != NULL) {
        const char *path = take_strings(&strings);
        result = exec_path(&first_thread, path, &strings);
    }
    if (result < 0 && result != NO_RESULT) {
        process_exit(result == -ENOENT ? 127 << 8 : 126 << 8);
    }
    (void)syscall_4(SYS_THREAD_SET_FOREIGN, 0, (uintptr_t)upcall_entry, (uintptr_t)&first_thread,
                    0);
    (void)syscall_2(SYS_UPCALL_RETURN, 0, 0);
    return 1;
}
