/* SPDX-License-Identifier: MIT
 * Signals: dispositions, masks, delivery, return.
 */
#include "signals.h"

#include <common/string.h>
#include <ipc/object.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "process.h"
#include "timing.h"

#define UNMASKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define RED_ZONE 128
#define FPU_SIZE 512
#define FLAG_DIRECTION 0x400u
#define FLAG_TRAP 0x100u

void fpu_save(void *area);
void fpu_load(const void *area);

static struct linux_sigaction actions[SIGNALS + 1];
static uint64_t told_mask =
    SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH);
static uint64_t told_flags;
static uint64_t left; /* what proc had pending when it was asked last; more comes by interrupts */

struct frame {
    uint64_t restorer;
    struct linux_context context;
    struct linux_siginfo info;
};

static bool default_ignored(int signal) {
    return signal == SIGCHLD || signal == SIGCONT || signal == SIGURG || signal == SIGWINCH;
}

static bool ignored(int signal) {
    uint64_t handler = actions[signal].handler;
    return handler == SIG_IGN || (handler == SIG_DFL && default_ignored(signal));
}

bool signal_blocked_or_ignored(const struct thread *thread, int signal) {
    return (thread->blocked & SIGNAL_BIT(signal)) != 0 || actions[signal].handler == SIG_IGN;
}

void signal_sets(uint64_t *ignoring, uint64_t *caught) {
    *ignoring = *caught = 0;
    for (int signal = 1; signal <= SIGNALS; signal++) {
        uint64_t handler = actions[signal].handler;
        *ignoring |= handler == SIG_IGN ? SIGNAL_BIT(signal) : 0;
        *caught |= handler > SIG_IGN ? SIGNAL_BIT(signal) : 0;
    }
}

static void tell_ignored(void) {
    struct proc_ignore_request request = {0, 0};
    for (int signal = 1; signal <= SIGNALS; signal++) {
        request.mask |= ignored(signal) ? SIGNAL_BIT(signal) : 0;
    }
    const struct linux_sigaction *child = &actions[SIGCHLD];
    if (child->handler == SIG_IGN || (child->flags & SA_NOCLDWAIT) != 0) {
        request.flags |= PROC_NO_CHILD_WAIT;
    }
    request.flags |= (child->flags & SA_NOCLDSTOP) != 0 ? PROC_NO_CHILD_STOP : 0;
    if (request.mask != told_mask || request.flags != told_flags) {
        told_mask = request.mask;
        told_flags = request.flags;
        (void)call_simple(process.proc, PROC_IGNORE, &request, sizeof request, NULL, 0);
    }
}

void signals_exec(void) {
    for (int signal = 1; signal <= SIGNALS; signal++) {
        uint64_t handler = actions[signal].handler == SIG_IGN ? SIG_IGN : SIG_DFL;
        actions[signal] = (struct linux_sigaction){.handler = handler};
    }
    tell_ignored();
}

void signals_forked(struct thread *thread) {
    thread->pending = 0;
    thread->ready = (struct linux_signal){0};
    left = 0;
}

/* ---- taking ---- */

static void stop(int signal) {
    struct proc_status request = {signal};
    status_t status;
    do {
        struct message message = {.data = &request, .size = sizeof request};
        status = call(process.proc, PROC_STOP, &message, NULL);
        request.status = 0;
    } while (status == E_INTR || status == E_CANCELLED);
}

/* Something is pending for that thread alone; it asks itself. */
static void tell(int64_t tid) {
    struct thread *thread = tid == 0 ? NULL : thread_find((int32_t)tid);
    if (thread != NULL) {
        thread_wake(thread);
    }
}

static bool take(struct thread *thread, struct linux_signal *out) {
    uint64_t mine = __atomic_load_n(&thread->pending, __ATOMIC_ACQUIRE) & ~thread->blocked;
    if (mine != 0) {
        int number = __builtin_ctzll(mine) + 1;
        __atomic_fetch_and(&thread->pending, ~SIGNAL_BIT(number), __ATOMIC_ACQ_REL);
        *out = (struct linux_signal){.number = number, .code = SI_TKILL, .pid = process.pid};
        return true;
    }
    if (!thread->ask && (left & ~thread->blocked) == 0) {
        return false;
    }
    thread->ask = false;
    struct proc_signal_request request = {.blocked = thread->blocked, .thread = thread->tid};
    struct proc_signal_reply reply = {0};
    status_t status;
    do {
        status =
            call_simple(process.proc, PROC_SIGNAL, &request, sizeof request, &reply, sizeof reply);
        left = reply.pending;
        tell(reply.other);
    } while (status == OK && reply.signal == 0 && reply.other != 0);
    if (reply.other != 0) { /* there may be more of them */
        thread->ask = thread->look = true;
    }
    if (status != OK || reply.signal == 0) {
        return false;
    }
    *out = (struct linux_signal){.number = (int32_t)reply.signal,
                                 .code = (int32_t)reply.code,
                                 .pid = (int32_t)reply.pid,
                                 .overrun = (int32_t)reply.overrun,
                                 .value = reply.value};
    return true;
}

static bool fetch(struct thread *thread) {
    while (thread->ready.number == 0) {
        struct linux_signal signal;
        if (process.ending && thread->handle != HANDLE_NONE) {
            return true; /* exec: this thread is to leave */
        }
        if (!take(thread, &signal)) {
            return false;
        }
        uint64_t handler = actions[signal.number].handler;
        bool stops = signal.number >= SIGSTOP && signal.number <= SIGTTOU;
        if (stops && (handler == SIG_DFL || signal.number == SIGSTOP)) {
            stop(signal.number);
            thread->ask = true; /* what came meanwhile did not interrupt */
        } else if (!ignored(signal.number)) {
            thread->ready = signal;
        }
    }
    return true;
}

bool signal_waiting(struct thread *thread) {
    thread->ask = true;
    return fetch(thread);
}

/* After signals were unblocked. */
static void look_again(struct thread *thread) {
    thread->look = thread->look || ((left | thread->pending) & ~thread->blocked) != 0;
}

void signal_self(struct thread *thread, int signal) {
    __atomic_fetch_or(&thread->pending, SIGNAL_BIT(signal), __ATOMIC_ACQ_REL);
    thread->look = true;
}

/* ---- frames ---- */

static void fill_info(struct linux_siginfo *info, const struct linux_signal *signal) {
    memset(info, 0, sizeof *info);
    info->number = signal->number;
    info->code = signal->code;
    bool fault = signal->code > 0 && signal->code < SI_KERNEL && signal->number != SIGCHLD;
    if (fault) {
        info->address = signal->value;
    } else {
        info->pid = signal->pid;
        info->uid = (uint32_t)signal->overrun;
        info->value = signal->value;
    }
}

static void fill_context(const struct thread *thread, struct linux_context *c, uint64_t mask) {
    const struct upcall_page *p = &thread->page;
    memset(c, 0, sizeof *c);
    c->flags = 6; /* UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
    c->stack_base = thread->alt_base;
    c->stack_size = thread->alt_size;
    c->stack_flags = (int32_t)thread->alt_flags;
    c->r8 = p->r8, c->r9 = p->r9, c->r10 = p->r10, c->r11 = p->r11;
    c->r12 = p->r12, c->r13 = p->r13, c->r14 = p->r14, c->r15 = p->r15;
    c->rdi = p->rdi, c->rsi = p->rsi, c->rbp = p->rbp, c->rbx = p->rbx;
    c->rdx = p->rdx, c->rax = p->rax, c->rcx = p->rcx, c->rsp = p->rsp;
    c->rip = p->rip, c->rflags = p->rflags;
    c->cs = 0x33, c->ss = 0x2b;
    c->error = p->error, c->vector = p->vector, c->cr2 = p->address;
    c->mask = mask;
}

static bool on_alternate(const struct thread *thread, uint64_t sp) {
    return (thread->alt_flags & SS_DISABLE) == 0 && sp - thread->alt_base - 1 < thread->alt_size;
}

static bool enter_handler(struct thread *thread, const struct linux_signal *signal) {
    struct linux_sigaction action = actions[signal->number];
    struct upcall_page *page = &thread->page;
    uint64_t sp = page->rsp - RED_ZONE;
    if ((action.flags & SA_ONSTACK) != 0 && (thread->alt_flags & SS_DISABLE) == 0 &&
        !on_alternate(thread, page->rsp)) {
        sp = thread->alt_base + thread->alt_size;
    }
    uint64_t fpu = (sp - FPU_SIZE) & ~63ull;
    uint64_t at = ((fpu - sizeof(struct frame)) & ~15ull) - 8;
    struct frame frame = {.restorer = action.restorer};
    uint64_t mask = thread->suspended ? thread->saved : thread->blocked;
    if (!user_ok(at, sp - at, true) || (action.flags & SA_RESTORER) == 0) {
        return false;
    }
    fill_info(&frame.info, signal);
    fill_context(thread, &frame.context, mask);
    frame.context.fpstate = fpu;
    fpu_save((void *)(uintptr_t)fpu);
    memset((void *)(uintptr_t)(fpu + 464), 0, 48); /* sw_reserved: no extended state */
    memcpy((void *)(uintptr_t)at, &frame, sizeof frame);
    thread->suspended = false;
    thread->blocked |= action.mask;
    if ((action.flags & SA_NODEFER) == 0) {
        thread->blocked |= SIGNAL_BIT(signal->number);
    }
    thread->blocked &= ~UNMASKABLE;
    if ((action.flags & SA_RESETHAND) != 0) {
        actions[signal->number].handler = SIG_DFL;
    }
    page->rip = action.handler;
    page->rsp = at;
    page->rdi = (uint64_t)signal->number;
    page->rsi = at + offsetof(struct frame, info);
    page->rdx = at + offsetof(struct frame, context);
    page->rax = 0;
    page->rflags &= ~(uint64_t)(FLAG_DIRECTION | FLAG_TRAP);
    return true;
}

static void act(struct thread *thread, const struct linux_signal *signal) {
    if (actions[signal->number].handler <= SIG_IGN || !enter_handler(thread, signal)) {
        int number = actions[signal->number].handler <= SIG_IGN ? signal->number : SIGSEGV;
        process_exit(number);
    }
}

/* What the call that was cut short gives, now that it is known whether a handler runs. */
static void settle(struct thread *thread, int64_t result, uint64_t number) {
    if (result != RESTART_BY_FLAG && result != RESTART_UNLESS_HANDLED) {
        return;
    }
    const struct linux_signal *signal = &thread->ready;
    bool handled = signal->number != 0 && actions[signal->number].handler > SIG_IGN;
    bool again = !handled ||
                 (result == RESTART_BY_FLAG && (actions[signal->number].flags & SA_RESTART) != 0);
    if (again) {
        thread->page.rip -= 2;
        thread->page.rax = number;
    } else {
        thread->page.rax = (uint64_t)-EINTR;
    }
}

void signal_deliver(struct thread *thread, int64_t result, uint64_t number) {
    if (thread->look) {
        thread->look = false;
        (void)fetch(thread);
    }
    settle(thread, result, number);
    while (thread->ready.number != 0) {
        struct linux_signal signal = thread->ready;
        thread->ready.number = 0;
        act(thread, &signal);
        thread->look = false;
        (void)fetch(thread);
    }
    if (thread->suspended) { /* no handler has run */
        thread->suspended = false;
        thread->blocked = thread->saved;
        look_again(thread);
    }
    if (thread->look) {
        signal_deliver(thread, 0, 0);
    }
    if (process.ending && thread->handle != HANDLE_NONE) {
        thread_leave(thread);
    }
}

/* A fault of the program: SIGSEGV and its like can't be blocked away. */
void signal_fault(struct thread *thread) {
    const struct upcall_page *page = &thread->page;
    struct linux_signal signal = {.number = SIGSEGV, .code = SI_KERNEL};
    switch (page->vector) {
    case 0:
        signal = (struct linux_signal){.number = SIGFPE, .code = 1, .value = page->rip};
        break;
    case 1:
    case 3:
        signal = (struct linux_signal){.number = SIGTRAP, .code = SI_KERNEL};
        break;
    case 6:
        signal = (struct linux_signal){.number = SIGILL, .code = 2, .value = page->rip};
        break;
    case 14:
        signal.code = (page->error & 1) != 0 ? 2 : 1;
        signal.value = page->address;
        break;
    case 16:
    case 19:
        signal = (struct linux_signal){.number = SIGFPE, .code = 7, .value = page->rip};
        break;
    case FAULT_VECTOR_QUOTA:
        signal.number = SIGKILL;
        break;
    case 17:
        signal.number = SIGBUS;
        break;
    default:
        break;
    }
    uint64_t bit = SIGNAL_BIT(signal.number);
    if ((thread->blocked & bit) != 0 || actions[signal.number].handler == SIG_IGN) {
        actions[signal.number].handler = SIG_DFL;
        thread->blocked &= ~bit;
    }
    act(thread, &signal);
}

/* ---- calls ---- */

int64_t call_rt_sigaction(struct thread *thread, const uint64_t *a) {
    struct linux_sigaction new;
    (void)thread;
    if (a[3] != 8 || a[0] == 0 || a[0] > SIGNALS ||
        (a[1] != 0 && (SIGNAL_BIT(a[0]) & UNMASKABLE) != 0)) {
        return -EINVAL;
    }
    struct linux_sigaction old = actions[a[0]];
    if (a[1] != 0) {
        if (user_read(&new, a[1], sizeof new) != 0) {
            return -EFAULT;
        }
        new.mask &= ~UNMASKABLE;
        actions[a[0]] = new;
        tell_ignored();
    }
    return a[2] != 0 ? user_write(a[2], &old, sizeof old) : 0;
}

int64_t call_rt_sigprocmask(struct thread *thread, const uint64_t *a) {
    uint64_t old = thread->blocked;
    uint64_t set;
    if (a[3] != 8) {
        return -EINVAL;
    }
    if (a[1] != 0) {
        if (user_read(&set, a[1], 8) != 0) {
            return -EFAULT;
        }
        if (a[0] > 2) {
            return -EINVAL;
        }
        uint64_t new = a[0] == 0 ? old | set : a[0] == 1 ? old & ~set : set;
        thread->blocked = new & ~UNMASKABLE;
        look_again(thread);
    }
    return a[2] != 0 ? user_write(a[2], &old, 8) : 0;
}

int64_t call_rt_sigpending(struct thread *thread, const uint64_t *a) {
    struct proc_signal_request request = {.peek = 1, .thread = thread->tid};
    struct proc_signal_reply reply = {0};
    if (a[1] > 8) {
        return -EINVAL;
    }
    (void)call_simple(process.proc, PROC_SIGNAL, &request, sizeof request, &reply, sizeof reply);
    uint64_t set = (reply.pending | thread->pending) & thread->blocked;
    return user_write(a[0], &set, a[1]);
}

int64_t signal_suspend_with(struct thread *thread, uint64_t user, uint64_t size) {
    uint64_t set;
    if (user == 0) {
        return 0;
    }
    if (size != 8) {
        return -EINVAL;
    }
    if (user_read(&set, user, 8) != 0) {
        return -EFAULT;
    }
    thread->saved = thread->blocked;
    thread->suspended = true;
    thread->blocked = set & ~UNMASKABLE;
    look_again(thread);
    return 0;
}

static int64_t sleep_for_signal(struct thread *thread) {
    while (!signal_waiting(thread)) {
        (void)thread_sleep_until(DEADLINE_NONE);
    }
    return RESTART_UNLESS_HANDLED;
}

int64_t call_rt_sigsuspend(struct thread *thread, const uint64_t *a) {
    int64_t result = a[0] == 0 ? -EFAULT : signal_suspend_with(thread, a[0], a[1]);
    return result != 0 ? result : sleep_for_signal(thread);
}

int64_t call_pause(struct thread *thread, const uint64_t *a) {
    (void)a;
    return sleep_for_signal(thread);
}

int64_t call_rt_sigtimedwait(struct thread *thread, const uint64_t *a) {
    uint64_t set;
    uint64_t ns = 0;
    struct linux_siginfo info;
    if (a[3] != 8) {
        return -EINVAL;
    }
    if (user_read(&set, a[0], 8) != 0 || (a[2] != 0 && timing_read(a[2], &ns) != 0)) {
        return -EFAULT;
    }
    uint64_t deadline = a[2] == 0 ? DEADLINE_NONE : time_now_ns() + ns;
    for (;;) {
        uint64_t blocked = thread->blocked;
        struct linux_signal signal;
        thread->blocked = ~(set & ~UNMASKABLE);
        thread->ask = true;
        bool got = take(thread, &signal);
        thread->blocked = blocked;
        if (got) {
            fill_info(&info, &signal);
            int64_t result = a[1] != 0 ? user_write(a[1], &info, sizeof info) : 0;
            return result != 0 ? result : signal.number;
        }
        if (time_now_ns() >= deadline) {
            return -EAGAIN;
        }
        if (thread_sleep_until(deadline) == E_INTR && signal_waiting(thread)) {
            return -EINTR;
        }
    }
}

int64_t call_rt_sigreturn(struct thread *thread, const uint64_t *a) {
    struct upcall_page *p = &thread->page;
    struct frame frame;
    (void)a;
    if (user_read(&frame, p->rsp - 8, sizeof frame) != 0) {
        process_exit(SIGSEGV);
    }
    const struct linux_context *c = &frame.context;
    p->r8 = c->r8, p->r9 = c->r9, p->r10 = c->r10, p->r11 = c->r11;
    p->r12 = c->r12, p->r13 = c->r13, p->r14 = c->r14, p->r15 = c->r15;
    p->rdi = c->rdi, p->rsi = c->rsi, p->rbp = c->rbp, p->rbx = c->rbx;
    p->rdx = c->rdx, p->rax = c->rax, p->rcx = c->rcx, p->rsp = c->rsp;
    p->rip = c->rip, p->rflags = c->rflags;
    if (c->fpstate != 0) {
        static const uint32_t mxcsr_mask = 0xffbf;
        if ((c->fpstate & 15) != 0 || !user_ok(c->fpstate, FPU_SIZE, true)) {
            process_exit(SIGSEGV);
        }
        *(uint32_t *)(uintptr_t)(c->fpstate + 24) &= mxcsr_mask;
        fpu_load((const void *)(uintptr_t)c->fpstate);
    }
    thread->blocked = c->mask & ~UNMASKABLE;
    look_again(thread);
    return NO_RESULT;
}

int64_t call_sigaltstack(struct thread *thread, const uint64_t *a) {
    struct {
        uint64_t base;
        int32_t flags, pad;
        uint64_t size;
    } new, old = {thread->alt_base, (int32_t)thread->alt_flags, 0, thread->alt_size};
    bool inside = on_alternate(thread, thread->page.rsp);
    old.flags |= inside ? (int32_t)SS_ONSTACK : 0;
    if (a[0] != 0) {
        if (user_read(&new, a[0], sizeof new) != 0) {
            return -EFAULT;
        }
        if (inside) {
            return -EPERM;
        }
        bool off = ((uint32_t) new.flags &SS_DISABLE) != 0;
        if (!off && new.size < 2048) {
            return -ENOMEM;
        }
        thread->alt_base = off ? 0 : new.base;
        thread->alt_size = off ? 0 : new.size;
        thread->alt_flags = off ? SS_DISABLE : 0;
    }
    return a[1] != 0 ? user_write(a[1], &old, sizeof old) : 0;
}

static int64_t send(const struct proc_kill_request *request) {
    status_t status = call_simple(process.proc, PROC_KILL, request, sizeof *request, NULL, 0);
    return status == E_NOT_FOUND ? -ESRCH : error_of(status);
}

int64_t call_kill(struct thread *thread, const uint64_t *a) {
    struct proc_kill_request request = {
        .pid = (int32_t)a[0], .signal = (int32_t)a[1], .code = SI_USER};
    (void)thread;
    return send(&request);
}

static int64_t kill_thread(struct thread *thread, int64_t group, int32_t tid, int32_t signal) {
    if (tid <= 0 || signal < 0 || signal > SIGNALS) {
        return -EINVAL;
    }
    struct thread *target = thread_find(tid);
    if (target == NULL || (group > 0 && group != process.pid)) {
        const uint64_t b[] = {(uint64_t)tid, (uint64_t)signal};
        return target != NULL ? -ESRCH : call_kill(thread, b);
    }
    if (signal == 0) {
        return 0;
    }
    signal_self(target, signal);
    if (target != thread) {
        thread_wake(target);
    }
    return 0;
}

int64_t call_tkill(struct thread *thread, const uint64_t *a) {
    return kill_thread(thread, 0, (int32_t)a[0], (int32_t)a[1]);
}

int64_t call_tgkill(struct thread *thread, const uint64_t *a) {
    return (int32_t)a[0] <= 0 ? -EINVAL
                              : kill_thread(thread, (int32_t)a[0], (int32_t)a[1], (int32_t)a[2]);
}

/* With what the caller says about it; only to oneself may it look like the kernel's or kill's. */
static int64_t queue(const struct thread *thread, int32_t to, struct proc_kill_request *request,
                     uint64_t user) {
    struct linux_siginfo info;
    if (user_read(&info, user, sizeof info) != 0) {
        return -EFAULT;
    }
    if ((info.code >= 0 || info.code == SI_TKILL) && to != thread->tid) {
        return -EPERM;
    }
    request->code = info.code;
    request->value = info.value;
    return request->pid <= 0 ? -ESRCH : send(request);
}

int64_t call_rt_sigqueueinfo(struct thread *thread, const uint64_t *a) {
    struct proc_kill_request request = {.pid = (int32_t)a[0], .signal = (int32_t)a[1]};
    return queue(thread, (int32_t)a[0], &request, a[2]);
}

int64_t call_rt_tgsigqueueinfo(struct thread *thread, const uint64_t *a) {
    int32_t group = (int32_t)a[0];
    int32_t tid = (int32_t)a[1];
    struct proc_kill_request request = {.pid = group, .signal = (int32_t)a[2]};
    if (group <= 0 || tid <= 0) {
        return -EINVAL;
    }
    if (group == process.pid && thread_find(tid) != NULL) {
        request.thread = tid;
    } else if (group == process.pid || group != tid) {
        request.pid = 0; /* there is none; of another process the first thread alone is known */
    }
    return queue(thread, tid, &request, a[3]);
}
