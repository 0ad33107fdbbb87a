/* SPDX-License-Identifier: MIT
 * Processes and threads: fork, clone, exit, wait, identity.
 */
#include "process.h"

#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "file.h"
#include "memory.h"
#include "poll.h"
#include "signals.h"

void upcall_entry(void);
_Noreturn void leave_stack(void *flag, uint32_t value);

struct process process;
struct thread first_thread;

static struct thread *threads[THREADS_MAX]; /* those with a stack of their own */
static struct lock threads_mutex;
static uint32_t thread_count = 1;

_Noreturn void process_exit(int status) {
    struct proc_status request = {status};
    for (;;) {
        struct message message = {.data = &request, .size = sizeof request};
        status_t result = call(process.proc, PROC_EXIT, &message, NULL);
        if (result != E_INTR && result != E_CANCELLED) {
            task_exit(status >> 8);
        }
    }
}

/* ---- threads ---- */

struct thread *thread_find(int32_t tid) {
    if (first_thread.tid == tid) {
        return &first_thread;
    }
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        struct thread *thread = threads[i];
        if (thread != NULL && thread->used && thread->tid == tid) {
            return thread;
        }
    }
    return NULL;
}

void thread_wake(struct thread *thread) {
    if (thread->handle != HANDLE_NONE) {
        (void)thread_interrupt(thread->handle);
        return;
    }
    struct proc_identity_request request = {.what = PROC_INTERRUPT};
    (void)call_simple(process.proc, PROC_IDENTITY, &request, sizeof request, NULL, 0);
}

static struct thread *thread_allocate(void) {
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        uint64_t base = THREAD_STACKS_VA + i * THREAD_STACK_SIZE;
        struct thread *thread = thread_at(base);
        if (threads[i] == NULL) {
            handle_t memory;
            if (memory_create(process.account, THREAD_STACK_SIZE - PAGE_SIZE, &memory) != OK) {
                return NULL;
            }
            status_t status = memory_map(TASK_SELF, memory, 0, base + PAGE_SIZE,
                                         THREAD_STACK_SIZE - PAGE_SIZE, PROT_READ | PROT_WRITE);
            handle_close(memory);
            if (status != OK) {
                return NULL;
            }
            threads[i] = thread;
        } else if (thread->used) {
            continue;
        }
        handle_close(thread->handle);
        handle_close(thread->notification);
        *thread = (struct thread){.used = true, .stack_top = (uint64_t)(uintptr_t)thread};
        return thread;
    }
    return NULL;
}

static _Noreturn void thread_begin(struct thread *thread) {
    (void)syscall_4(SYS_THREAD_SET_FOREIGN, 0, (uintptr_t)upcall_entry, (uintptr_t)thread, 0);
    for (;;) {
        (void)syscall_2(SYS_UPCALL_RETURN, 0, 0);
    }
}

static int32_t new_number(void) {
    struct proc_pid reply = {0};
    (void)call_simple(process.proc, PROC_NUMBER, NULL, 0, &reply, sizeof reply);
    return (int32_t)reply.pid;
}

static int64_t clone_thread(struct thread *thread, const uint64_t *a) {
    uint32_t flags = (uint32_t)a[0];
    lock_take(&threads_mutex);
    struct thread *created = thread_allocate();
    lock_give(&threads_mutex);
    if (created == NULL) {
        return -EAGAIN;
    }
    int32_t tid = new_number();
    created->page = thread->page;
    created->page.rax = 0;
    created->page.rsp = a[1];
    if ((flags & CLONE_SETTLS) != 0) {
        created->page.fs_base = a[4];
    }
    created->tid = tid;
    created->blocked = thread->blocked;
    created->alt_flags = SS_DISABLE;
    created->clear_tid = (flags & CLONE_CHILD_CLEARTID) != 0 ? a[3] : 0;
    if ((flags & CLONE_PARENT_SETTID) != 0) {
        (void)user_write(a[2], &tid, sizeof tid);
    }
    if ((flags & CLONE_CHILD_SETTID) != 0) {
        (void)user_write(a[3], &tid, sizeof tid);
    }
    __atomic_fetch_add(&thread_count, 1, __ATOMIC_ACQ_REL);
    uint64_t block = created->stack_top & ~(THREAD_STACK_SIZE - 1);
    int64_t handle =
        syscall_6(SYS_THREAD_CREATE, TASK_SELF, (uintptr_t)thread_begin, created->stack_top - 8,
                  (uintptr_t)created, block + THREAD_STACK_SIZE - THREAD_TOP_SIZE, 12);
    if (handle < 0) {
        __atomic_fetch_sub(&thread_count, 1, __ATOMIC_ACQ_REL);
        created->used = false;
        return -EAGAIN;
    }
    created->handle = (handle_t)handle;
    return tid;
}

static void release_waiters(struct thread *thread) {
    const uint32_t zero = 0;
    if (thread->clear_tid != 0 && user_write(thread->clear_tid, &zero, sizeof zero) == 0) {
        (void)futex_wake((const uint32_t *)(uintptr_t)thread->clear_tid, 1);
    }
    thread->clear_tid = 0;
}

_Noreturn void thread_leave(struct thread *thread) {
    release_waiters(thread);
    __atomic_fetch_sub(&thread_count, 1, __ATOMIC_ACQ_REL);
    leave_stack(&thread->used, 0);
}

bool threads_end(struct thread *thread) {
    if (thread->handle != HANDLE_NONE) {
        return false;
    }
    process.ending = true;
    while (__atomic_load_n(&thread_count, __ATOMIC_ACQUIRE) > 1) {
        for (uint32_t i = 0; i < THREADS_MAX; i++) {
            if (threads[i] != NULL && threads[i]->used) {
                (void)thread_interrupt(threads[i]->handle);
            }
        }
        thread_yield();
    }
    process.ending = false;
    return true;
}

int64_t call_exit(struct thread *thread, const uint64_t *a) {
    if (__atomic_load_n(&thread_count, __ATOMIC_ACQUIRE) == 1) {
        process_exit((int)(a[0] & 0xff) << 8);
    }
    if (thread->handle != HANDLE_NONE) {
        thread_leave(thread);
    }
    /* The first thread stays, to take the signals of the process. */
    release_waiters(thread);
    if (__atomic_fetch_sub(&thread_count, 1, __ATOMIC_ACQ_REL) == 1) {
        process_exit((int)(a[0] & 0xff) << 8);
    }
    for (;;) {
        (void)thread_sleep_until(DEADLINE_NONE);
        thread->look = thread->ask = true;
        signal_deliver(thread, 0, 0);
    }
}

int64_t call_exit_group(struct thread *thread, const uint64_t *a) {
    (void)thread;
    process_exit((int)(a[0] & 0xff) << 8);
}

/* ---- fork ---- */

static void child_setup(struct thread *thread, handle_t session, int32_t pid) {
    struct proc_child_reply reply;
    handle_close(process.proc);
    process.proc = session;
    process.pid = pid;
    if (call_simple(session, PROC_CHILD, NULL, 0, &reply, sizeof reply) != OK) {
        task_exit(1); /* the parent is gone, and with it everybody who would know of us */
    }
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        if (threads[i] != NULL && threads[i] != thread) {
            handle_close(threads[i]->handle);
            handle_close(threads[i]->notification);
            threads[i]->handle = threads[i]->notification = HANDLE_NONE;
            threads[i]->used = false;
        }
    }
    handle_close(thread->notification);
    handle_close(thread->handle);
    thread->notification = thread->handle = HANDLE_NONE;
    thread->tid = pid;
    if (thread != &first_thread) {
        first_thread.tid = 0;
    }
    thread_count = 1;
    process.start_ns = time_now_ns();
    signals_forked(thread);
    epoll_forked();
}

static int64_t fork_process(struct thread *thread, uint32_t flags, uint64_t stack, uint64_t ptid,
                            uint64_t ctid, uint64_t tls) {
    struct proc_pid reply = {0};
    struct message message = {.data = NULL};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call_server(NULL, process.proc, PROC_FORK, &message, &answer, false);
    if (status != OK) {
        return -EAGAIN;
    }
    handle_t session = answer.handles[0].handle;
    int32_t pid = (int32_t)reply.pid;
    lock_take(&threads_mutex);
    memory_lock();
    int64_t task = syscall_2(SYS_TASK_CLONE, process.account, 0);
    memory_forked(task == 0);
    memory_unlock();
    lock_give(&threads_mutex);
    if (task == 0) {
        child_setup(thread, session, pid);
        if ((flags & CLONE_CHILD_SETTID) != 0) {
            (void)user_write(ctid, &pid, sizeof pid);
        }
        thread->clear_tid = (flags & CLONE_CHILD_CLEARTID) != 0 ? ctid : 0;
        thread->page.rsp = stack != 0 ? stack : thread->page.rsp;
        thread->page.fs_base = (flags & CLONE_SETTLS) != 0 ? tls : thread->page.fs_base;
        return 0;
    }
    if ((flags & CLONE_PARENT_SETTID) != 0 && task > 0) {
        (void)user_write(ptid, &pid, sizeof pid);
    }
    struct proc_pid done = {pid};
    struct handle_slot slot = {(handle_t)task, RIGHT_ALL};
    struct message forked = {
        .data = &done, .size = sizeof done, .handles = &slot, .handle_count = task > 0 ? 1 : 0};
    status = call_server(NULL, process.proc, PROC_FORKED, &forked, NULL, false);
    handle_close(session);
    handle_close(task > 0 ? (handle_t)task : HANDLE_NONE);
    return task > 0 && status == OK ? pid : -EAGAIN;
}

int64_t call_fork(struct thread *thread, const uint64_t *a) {
    (void)a;
    return fork_process(thread, 0, 0, 0, 0, 0);
}

/* The child has a copy of its own, so the parent need not wait for it. */
int64_t call_vfork(struct thread *thread, const uint64_t *a) {
    return call_fork(thread, a);
}

int64_t call_clone(struct thread *thread, const uint64_t *a) {
    uint32_t flags = (uint32_t)a[0];
    if ((flags & CLONE_THREAD) != 0) {
        return clone_thread(thread, a);
    }
    if ((flags & CLONE_VM) != 0 && (flags & CLONE_VFORK) == 0) {
        return -EINVAL; /* processes that share memory and are no threads */
    }
    return fork_process(thread, flags, a[1], a[2], a[3], a[4]);
}

/* ---- wait ---- */

static void usage_of(uint64_t cpu_ns, uint64_t to) {
    struct {
        struct linux_timeval user, system;
        int64_t rest[14];
    } usage;
    memset(&usage, 0, sizeof usage);
    usage.user.seconds = (int64_t)(cpu_ns / NS_PER_S);
    usage.user.microseconds = (int64_t)(cpu_ns % NS_PER_S / NS_PER_US);
    (void)user_write(to, &usage, sizeof usage);
}

static int64_t wait_child(struct thread *thread, int64_t pid, uint64_t options,
                          struct proc_wait_reply *reply) {
    struct proc_wait_request request = {pid, options};
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = reply, .size = sizeof *reply};
    status_t status = call_server(thread, process.proc, PROC_WAIT, &message, &answer, true);
    return status == E_NOT_FOUND ? -ECHILD : status == E_INTR ? RESTART_BY_FLAG : error_of(status);
}

int64_t call_wait4(struct thread *thread, const uint64_t *a) {
    struct proc_wait_reply reply;
    uint64_t options = a[2] & 0xff;
    if ((a[2] & ~0xe000000bull) != 0) {
        return -EINVAL;
    }
    int64_t result =
        wait_child(thread, (int32_t)a[0],
                   (options & (PROC_WAIT_NO_HANG | PROC_WAIT_STOPPED | PROC_WAIT_CONTINUED)) |
                       PROC_WAIT_EXITED,
                   &reply);
    if (result != 0 || reply.pid == 0) {
        return result;
    }
    int32_t status = (int32_t)reply.status;
    if (a[1] != 0 && user_write(a[1], &status, sizeof status) != 0) {
        return -EFAULT;
    }
    if (a[3] != 0) {
        usage_of(reply.cpu_ns, a[3]);
    }
    return reply.pid;
}

int64_t call_waitid(struct thread *thread, const uint64_t *a) {
    static const int64_t all = -1;
    struct proc_wait_reply reply;
    struct linux_siginfo info;
    int64_t pid = a[0] == 0 ? all : a[0] == 1 ? (int32_t)a[1] : -(int64_t)(int32_t)a[1];
    if (a[0] > 2 || (a[3] & 0xe) == 0) {
        return -EINVAL;
    }
    int64_t result = wait_child(thread, pid, a[3] & 0x0100000f, &reply);
    if (result != 0) {
        return result;
    }
    memset(&info, 0, sizeof info);
    if (reply.pid != 0) {
        int32_t status = (int32_t)reply.status;
        info.number = SIGCHLD;
        info.pid = (int32_t)reply.pid;
        if (status == 0xffff) {
            info.code = 6;
            info.value = SIGCONT;
        } else if ((status & 0xff) == 0x7f) {
            info.code = 5;
            info.value = (uint64_t)(status >> 8 & 0xff);
        } else {
            info.code = (status & 0x7f) == 0 ? 1 : 2;
            info.value = (uint64_t)((status & 0x7f) == 0 ? status >> 8 & 0xff : status & 0x7f);
        }
    }
    if (a[4] != 0) {
        usage_of(reply.cpu_ns, a[4]);
    }
    return a[2] != 0 ? user_write(a[2], &info, sizeof info) : 0;
}

/* ---- identity ---- */

static int64_t identity(uint64_t what, int64_t pid, int64_t value) {
    struct proc_identity_request request = {what, pid, value};
    struct proc_pid reply = {0};
    status_t status =
        call_simple(process.proc, PROC_IDENTITY, &request, sizeof request, &reply, sizeof reply);
    return status == OK            ? reply.pid
           : status == E_NOT_FOUND ? -ESRCH
           : status == E_RIGHTS    ? -EPERM
           : status == E_STATE     ? -EACCES
                                   : error_of(status);
}

int64_t call_getpid(struct thread *thread, const uint64_t *a) {
    (void)thread;
    (void)a;
    return process.pid;
}

int64_t call_gettid(struct thread *thread, const uint64_t *a) {
    (void)a;
    return thread->tid;
}

int64_t call_getppid(struct thread *thread, const uint64_t *a) {
    (void)thread;
    (void)a;
    return identity(PROC_GET_PARENT, 0, 0);
}

int64_t call_setpgid(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return identity(PROC_SET_GROUP, (int32_t)a[0], (int32_t)a[1]);
}

int64_t call_getpgid(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return identity(PROC_GET_GROUP, (int32_t)a[0], 0);
}

int64_t call_getpgrp(struct thread *thread, const uint64_t *a) {
    (void)thread;
    (void)a;
    return identity(PROC_GET_GROUP, 0, 0);
}

int64_t call_setsid(struct thread *thread, const uint64_t *a) {
    (void)thread;
    (void)a;
    return identity(PROC_NEW_SESSION, 0, 0);
}

int64_t call_getsid(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return identity(PROC_GET_SESSION, (int32_t)a[0], 0);
}

int64_t call_set_tid_address(struct thread *thread, const uint64_t *a) {
    thread->clear_tid = a[0];
    return thread->tid;
}

int64_t call_set_robust_list(struct thread *thread, const uint64_t *a) {
    thread->robust = a[0];
    return a[1] == 24 ? 0 : -EINVAL;
}

int64_t call_arch_prctl(struct thread *thread, const uint64_t *a) {
    switch (a[0]) {
    case 0x1001: /* ARCH_SET_GS */
    case 0x1002: /* ARCH_SET_FS */
        if (a[1] >= USER_HIGHEST) {
            return -EPERM;
        }
        *(a[0] == 0x1001 ? &thread->page.gs_base : &thread->page.fs_base) = a[1];
        return 0;
    case 0x1003:
        return user_write(a[1], &thread->page.fs_base, 8);
    case 0x1004:
        return user_write(a[1], &thread->page.gs_base, 8);
    default:
        return -EINVAL;
    }
}

static uint64_t cpu_time(void) {
    struct proc_pid request = {process.pid};
    struct proc_list_reply reply = {0};
    (void)call_simple(process.proc, PROC_LIST, &request, sizeof request, &reply, sizeof reply);
    return reply.cpu_ns;
}

int64_t call_getrusage(struct thread *thread, const uint64_t *a) {
    (void)thread;
    if (!user_ok(a[1], 144, true)) {
        return -EFAULT;
    }
    usage_of((int32_t)a[0] == -1 ? 0 : cpu_time(), a[1]); /* of children: not counted */
    return 0;
}

int64_t call_times(struct thread *thread, const uint64_t *a) {
    int64_t times[4] = {(int64_t)(cpu_time() / (10 * NS_PER_MS)), 0, 0, 0};
    (void)thread;
    if (a[0] != 0 && user_write(a[0], times, sizeof times) != 0) {
        return -EFAULT;
    }
    return (int64_t)(time_now_ns() / (10 * NS_PER_MS));
}
