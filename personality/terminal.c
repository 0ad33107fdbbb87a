/* SPDX-License-Identifier: MIT
 * ioctl.
 */
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/time.h>

#include "file.h"
#include "signals.h"
#include "socket.h"

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
    if (descriptor->kind == DESCRIPTOR_SOCKET) {
        uint64_t value = 0;
        status_t result = socket_option(descriptor, NET_OPTION_RECEIVE_QUEUED, false, &value);
        int32_t queued = (int32_t)value;
        return result != OK ? error_of(result) : user_write(user, &queued, sizeof queued);
    }
    status_t status = call_simple(descriptor->handle, PROC_STATE, NULL, 0, &state, sizeof state);
    int32_t number = (int32_t)state.available;
    return status != OK ? error_of(status) : user_write(user, &number, sizeof number);
}

static int64_t set_nonblocking(const struct descriptor *descriptor, uint64_t user) {
    int32_t on;
    int64_t result = user_read(&on, user, sizeof on);
    if (result == 0 && descriptor->kind == DESCRIPTOR_SOCKET) {
        uint64_t value = on != 0;
        return error_of(socket_option(descriptor, NET_OPTION_NO_WAIT, true, &value));
    }
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
    if (descriptor->kind == DESCRIPTOR_SOCKET && a[1] != FIONREAD && a[1] != FIONBIO) {
        return -ENOTTY;
    }
    if (!descriptor_waits(descriptor)) {
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
