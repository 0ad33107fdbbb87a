/* SPDX-License-Identifier: MIT
 * What the files of the personality share. It lives in the task of the program that it serves and
 * trusts nobody there; everything others rely on is in the servers. What is here dies with the
 * process: memory map, descriptors (handle and close-on-exec), signal dispositions, working
 * directory.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <axolotl/abi.h>
#include <ipc/message.h>
#include <proto/file.h>
#include <proto/proc.h>

#include "linux.h"

#define STRINGS_VA 0x0000700000100000ull /* what RUN gave; servers/proc/run.c */
#define SCRATCH_VA 0x0000700001000000ull /* of the personality */
#define SCRATCH_SIZE 0x40000ull

/* A thread of the program. The kernel writes the page, entry.asm reads stack_top. */
struct thread {
    struct upcall_page page; /* first */
    uint64_t stack_top;
    handle_t handle; /* HANDLE_NONE: the first one, which proc interrupts for us */
    int32_t tid;
    uint64_t blocked; /* signal mask */
    uint64_t saved;   /* mask to restore after the handler, when `suspended` */
    bool suspended;
    bool look; /* signals may be there to deliver */
    bool ask;  /* and proc has to say which: it has interrupted us */
    bool used;
    uint64_t pending;   /* signals for this thread alone; set by others */
    uint64_t clear_tid; /* CLONE_CHILD_CLEARTID */
    uint64_t robust;
    uint64_t alt_base, alt_size, alt_flags;
    handle_t notification;     /* for poll */
    struct linux_signal ready; /* taken, to be delivered */
};
#define THREADS_MAX 60

/* The state of the process. */
struct process {
    handle_t proc, vfs, account;
    handle_t net; /* HANDLE_NONE: it has no network */
    int32_t pid;
    uint32_t umask;
    uint64_t start_ns;
    char directory[FILE_PATH_MAX];
    char program[FILE_PATH_MAX]; /* path of what runs: /proc/self/exe */
    char name[16];
    volatile bool ending; /* exec: other threads leave */
};
extern struct process process;

/* Results: >= 0 or -errno; these restart the call, or become EINTR. */
#define RESTART_UNLESS_HANDLED (-514) /* EINTR if there is a handler, whatever its flags */
#define RESTART_BY_FLAG (-512)        /* EINTR if the handler has no SA_RESTART */
#define NO_RESULT INT64_MIN           /* registers are set already */

typedef int64_t linux_call(struct thread *thread, const uint64_t *a);

/* calls.c */
void upcall(struct thread *thread);
int64_t unknown_call(uint64_t number);

/* start.c */
_Noreturn void enter_program(struct thread *thread);

/* error.c: 0 or -errno for a status of kernel or server. */
int64_t error_of(status_t status);
/* A call that is repeated when a signal cuts it short; `wait`: unless one is to be delivered, which
 * gives E_INTR. */
status_t call_server(struct thread *thread, handle_t session, uint32_t label,
                     const struct message *message, struct answer *answer, bool wait);
status_t call_simple(handle_t session, uint32_t label, const void *data, size_t size, void *result,
                     size_t result_size);

/* user.c: memory of the program */
bool user_ok(uint64_t address, uint64_t length, bool write);
int64_t user_read(void *to, uint64_t from, size_t length);
int64_t user_write(uint64_t to, const void *from, size_t length);
/* A string of less than `size` bytes; -ENAMETOOLONG, -EFAULT. */
int64_t user_string(char *to, uint64_t from, size_t size);

/* lock.c */
struct lock {
    uint32_t word;
};
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);
