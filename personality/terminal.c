/* SPDX-License-Identifier: MIT
 * ioctl, and waiting for several streams.
 */
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/time.h>

#include "file.h"
#include "signals.h"
#include "timing.h"

enum {
    TCGETS = 0x5401,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCSBRK = 0x5409,
    TCXONC,
    TCFLSH,
    TIOCSCTTY = 0x540e,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCGWINSZ = 0x5413,
    TIOCSWINSZ,
    FIONREAD = 0x541b,
    FIONBIO = 0x5421,
    TIOCGSID = 0x5429,
    FIONCLEX = 0x5450,
    FIOCLEX = 0x5451,
};
#define TERMIOS_SIZE 36 /* of the kernel's struct termios */

static int64_t control(struct thread *thread, const struct descriptor *descriptor, uint64_t what,
                       int64_t *x, int64_t *y) {
    bool fixed = signal_blocked_or_ignored(thread, SIGTTOU);
    struct proc_control_request request = {what, *x, *y, process.pid, fixed ? PROC_IO_NO_STOP : 0};
    struct proc_control_reply reply = {0};
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status =
        call_server(thread, descriptor->handle, PROC_CONTROL, &message, &answer, true);
    *x = reply.a;
    *y = reply.b;
    return status == E_INTR          ? RESTART_BY_FLAG
           : status == E_UNSUPPORTED ? -ENOTTY
           : status == E_RIGHTS      ? -EPERM
                                     : error_of(status);
}

static int64_t settings(const struct descriptor *descriptor, uint64_t set, uint64_t user) {
    struct proc_termios_request request = {.set = set};
    struct proc_termios termios = {0};
    if (set != 0 && user_read(&request.termios, user, TERMIOS_SIZE) != 0) {
        return -EFAULT;
    }
    status_t status = call_simple(descriptor->handle, PROC_TERMIOS, &request, sizeof request,
                                  &termios, sizeof termios);
    if (status != OK) {
        return status == E_UNSUPPORTED ? -ENOTTY : error_of(status);
    }
    return set == 0 ? user_write(user, &termios, TERMIOS_SIZE) : 0;
}

static int64_t give_number(struct thread *thread, const struct descriptor *descriptor,
                           uint64_t what, uint64_t user) {
    int64_t x = 0;
    int64_t y = 0;
    int64_t result = control(thread, descriptor, what, &x, &y);
    int32_t number = (int32_t)x;
    return result != 0 ? result : user_write(user, &number, sizeof number);
}

static int64_t take_group(struct thread *thread, const struct descriptor *descriptor,
                          uint64_t user) {
    int32_t number;
    int64_t y = 0;
    int64_t result = user_read(&number, user, sizeof number);
    int64_t x = number;
    return result != 0  ? result
           : number < 0 ? -EINVAL
                        : control(thread, descriptor, PROC_FOREGROUND_SET, &x, &y);
}

static int64_t window(struct thread *thread, const struct descriptor *descriptor, bool set,
                      uint64_t user) {
    uint16_t size[4] = {0};
    int64_t x = 0;
    int64_t y = 0;
    int64_t result = set ? user_read(size, user, sizeof size) : 0;
    if (result != 0) {
        return result;
    }
    x = size[0];
    y = size[1];
    result = control(thread, descriptor, set ? PROC_WINDOW_SET : PROC_WINDOW_GET, &x, &y);
    if (result != 0 || set) {
        return result;
    }
    size[0] = (uint16_t)x;
    size[1] = (uint16_t)y;
    return user_write(user, size, sizeof size);
}

static int64_t available(const struct descriptor *descriptor, uint64_t user) {
    struct proc_state_reply state = {0};
    status_t status = call_simple(descriptor->handle, PROC_STATE, NULL, 0, &state, sizeof state);
    int32_t number = (int32_t)state.available;
    return status != OK ? error_of(status) : user_write(user, &number, sizeof number);
}

static int64_t set_nonblocking(const struct descriptor *descriptor, uint64_t user) {
    int32_t on;
    int64_t result = user_read(&on, user, sizeof on);
    struct proc_flags_request request = {1, on != 0 ? O_NONBLOCK : 0};
    return result != 0 ? result
                       : error_of(call_simple(descriptor->handle, PROC_FLAGS, &request,
                                              sizeof request, NULL, 0));
}

int64_t call_ioctl(struct thread *thread, const uint64_t *a) {
    struct descriptor *descriptor = descriptor_get(a[0]);
    int64_t what = 0;
    int64_t none = 0;
    if (descriptor == NULL) {
        return -EBADF;
    }
    if (a[1] == FIOCLEX || a[1] == FIONCLEX) {
        descriptor->close_on_exec = a[1] == FIOCLEX;
        return 0;
    }
    if (descriptor->kind != DESCRIPTOR_STREAM) {
        return -ENOTTY;
    }
    switch (a[1]) {
    case TCGETS:
        return settings(descriptor, 0, a[2]);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return settings(descriptor, a[1] - TCSETS + 1, a[2]);
    case TCSBRK:
    case TCXONC:
        return 0;
    case TCFLSH:
        what = (int64_t)a[2];
        return control(thread, descriptor, PROC_FLUSH, &what, &none);
    case TIOCSCTTY:
        return give_number(thread, descriptor, PROC_SESSION_GET, 0) == -ENOTTY ? -ENOTTY : -EPERM;
    case TIOCGPGRP:
        return give_number(thread, descriptor, PROC_FOREGROUND_GET, a[2]);
    case TIOCSPGRP:
        return take_group(thread, descriptor, a[2]);
    case TIOCGSID:
        return give_number(thread, descriptor, PROC_SESSION_GET, a[2]);
    case TIOCGWINSZ:
        return window(thread, descriptor, false, a[2]);
    case TIOCSWINSZ:
        return window(thread, descriptor, true, a[2]);
    case FIONREAD:
        return available(descriptor, a[2]);
    case FIONBIO:
        return set_nonblocking(descriptor, a[2]);
    default:
        return -ENOTTY;
    }
}

/* ---- poll and select ---- */

uint64_t stream_events(struct descriptor *descriptor, uint64_t events, handle_t notification,
                       uint64_t bits) {
    struct proc_poll_request request = {events, bits};
    struct proc_flags reply = {0};
    struct handle_slot slot = {notification, RIGHT_SIGNAL};
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .handles = &slot,
                              .handle_count = notification != HANDLE_NONE ? 1 : 0};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    if (descriptor->kind != DESCRIPTOR_STREAM) {
        return events & (POLLIN | POLLOUT);
    }
    status_t status = call_server(NULL, descriptor->handle, PROC_POLL, &message, &answer, false);
    return status == OK ? reply.flags : POLLERR;
}

/* Calls `scan`, which counts what is ready and subscribes, until something is or time is over. */
struct waiting {
    uint32_t (*scan)(struct waiting *waiting, handle_t notification);
    void *context;
    uint64_t count;
};

static int64_t wait_ready(struct thread *thread, struct waiting *waiting, uint64_t deadline) {
    if (thread->notification == HANDLE_NONE &&
        notification_create(process.account, &thread->notification) != OK) {
        return -ENOMEM;
    }
    for (;;) {
        uint64_t bits;
        uint32_t ready = waiting->scan(waiting, HANDLE_NONE);
        if (ready != 0 || deadline == 0) {
            return ready;
        }
        ready = waiting->scan(waiting, thread->notification);
        if (ready != 0) {
            return ready;
        }
        status_t status = notification_wait(thread->notification, ~0ull, deadline, &bits);
        if (status == E_TIMEOUT) {
            return waiting->scan(waiting, HANDLE_NONE);
        }
        if (status == E_INTR && signal_waiting(thread)) {
            return RESTART_UNLESS_HANDLED;
        }
    }
}

struct poll_entry {
    int32_t fd;
    uint16_t events, result;
};
#define POLL_MAX DESCRIPTORS

static uint32_t scan_poll(struct waiting *waiting, handle_t notification) {
    struct poll_entry *entries = waiting->context;
    uint32_t ready = 0;
    for (uint64_t i = 0; i < waiting->count; i++) {
        struct poll_entry *entry = &entries[i];
        entry->result = 0;
        if (entry->fd < 0) {
            continue;
        }
        struct descriptor *descriptor = descriptor_get((uint32_t)entry->fd);
        entry->result = descriptor == NULL ? POLLNVAL
                                           : (uint16_t)stream_events(descriptor, entry->events,
                                                                     notification, 1ull << i % 64);
        ready += entry->result != 0 ? 1 : 0;
    }
    return ready;
}

static int64_t poll_until(struct thread *thread, uint64_t user, uint64_t count, uint64_t deadline) {
    struct poll_entry entries[POLL_MAX];
    struct waiting waiting = {scan_poll, entries, count};
    if (count > POLL_MAX) {
        return -EINVAL;
    }
    if (user_read(entries, user, count * sizeof entries[0]) != 0) {
        return -EFAULT;
    }
    int64_t result = wait_ready(thread, &waiting, deadline);
    return result >= 0 && user_write(user, entries, count * sizeof entries[0]) != 0 ? -EFAULT
                                                                                    : result;
}

int64_t call_poll(struct thread *thread, const uint64_t *a) {
    int32_t ms = (int32_t)a[2];
    uint64_t deadline = ms < 0    ? DEADLINE_NONE
                        : ms == 0 ? 0
                                  : time_now_ns() + (uint64_t)ms * NS_PER_MS;
    return poll_until(thread, a[0], a[1], deadline);
}

/* A deadline from a timespec in the program, 0 meaning for ever. */
static int64_t deadline_of(uint64_t user, uint64_t *deadline) {
    uint64_t ns;
    *deadline = DEADLINE_NONE;
    if (user == 0) {
        return 0;
    }
    int64_t result = timing_read(user, &ns);
    *deadline = ns == 0 ? 0 : time_now_ns() + ns;
    return result;
}

int64_t call_ppoll(struct thread *thread, const uint64_t *a) {
    uint64_t deadline;
    int64_t result = deadline_of(a[2], &deadline);
    if (result == 0) {
        result = signal_suspend_with(thread, a[3], a[4]);
    }
    return result != 0 ? result : poll_until(thread, a[0], a[1], deadline);
}

struct selection {
    uint64_t in[3][16]; /* read, write, exceptional */
    uint64_t out[3][16];
};

static uint32_t scan_select(struct waiting *waiting, handle_t notification) {
    static const uint64_t wanted[3] = {POLLIN, POLLOUT, 0};
    struct selection *selection = waiting->context;
    uint32_t ready = 0;
    memset(selection->out, 0, sizeof selection->out);
    for (uint64_t fd = 0; fd < waiting->count; fd++) {
        struct descriptor *descriptor = descriptor_get(fd);
        for (uint32_t set = 0; set < 3; set++) {
            if ((selection->in[set][fd / 64] >> fd % 64 & 1) == 0 || descriptor == NULL) {
                continue;
            }
            uint64_t events = stream_events(descriptor, wanted[set], notification, 1ull << fd % 64);
            if (set < 2 && (events & (wanted[set] | POLLERR | POLLHUP)) != 0) {
                selection->out[set][fd / 64] |= 1ull << fd % 64;
                ready++;
            }
        }
    }
    return ready;
}

static int64_t select_until(struct thread *thread, const uint64_t *a, uint64_t deadline) {
    struct selection selection;
    struct waiting waiting = {scan_select, &selection, a[0]};
    size_t bytes = (a[0] + 63) / 64 * 8;
    if (a[0] > 1024) {
        return -EINVAL;
    }
    memset(&selection, 0, sizeof selection);
    for (uint32_t set = 0; set < 3; set++) {
        if (a[1 + set] != 0 && user_read(selection.in[set], a[1 + set], bytes) != 0) {
            return -EFAULT;
        }
    }
    for (uint64_t fd = 0; fd < a[0]; fd++) {
        uint64_t any =
            selection.in[0][fd / 64] | selection.in[1][fd / 64] | selection.in[2][fd / 64];
        if ((any >> fd % 64 & 1) != 0 && descriptor_get(fd) == NULL) {
            return -EBADF;
        }
    }
    int64_t result = wait_ready(thread, &waiting, deadline);
    for (uint32_t set = 0; set < 3 && result >= 0; set++) {
        if (a[1 + set] != 0 && user_write(a[1 + set], selection.out[set], bytes) != 0) {
            return -EFAULT;
        }
    }
    return result;
}

int64_t call_select(struct thread *thread, const uint64_t *a) {
    uint64_t deadline = DEADLINE_NONE;
    struct linux_timeval time;
    if (a[4] != 0) {
        if (user_read(&time, a[4], sizeof time) != 0) {
            return -EFAULT;
        }
        if (time.seconds < 0 || time.microseconds < 0) {
            return -EINVAL;
        }
        uint64_t ns = (uint64_t)time.seconds * NS_PER_S + (uint64_t)time.microseconds * NS_PER_US;
        deadline = ns == 0 ? 0 : time_now_ns() + ns;
    }
    return select_until(thread, a, deadline);
}

int64_t call_pselect6(struct thread *thread, const uint64_t *a) {
    uint64_t deadline;
    uint64_t mask[2] = {0, 0};
    int64_t result = deadline_of(a[4], &deadline);
    if (result == 0 && a[5] != 0) {
        result = user_read(mask, a[5], sizeof mask);
    }
    if (result == 0) {
        result = signal_suspend_with(thread, mask[0], mask[1]);
    }
    return result != 0 ? result : select_until(thread, a, deadline);
}
