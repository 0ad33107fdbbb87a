/* SPDX-License-Identifier: MIT
 * Waiting for several descriptors: poll and select. Each is asked with a notification of the
 * thread's; what holds is always asked anew.
 */
#include "poll.h"

#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/time.h>

#include "signals.h"
#include "socket.h"
#include "timing.h"

/* ---- what holds ---- */

static uint64_t stream_events(const struct descriptor *descriptor, uint64_t events,
                              const struct watch *watch) {
    struct proc_poll_request request = {events, 1, watch->key};
    struct proc_flags reply = {0};
    struct handle_slot slot = {watch->notification, RIGHT_SIGNAL | RIGHT_COPY};
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .handles = &slot,
                              .handle_count = watch->notification != HANDLE_NONE ? 1 : 0};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call_server(NULL, descriptor->handle, PROC_POLL, &message, &answer, false);
    return status == OK ? reply.flags : POLLERR;
}

static uint64_t socket_events(const struct descriptor *descriptor, uint64_t events,
                              const struct watch *watch) {
    bool waits = watch->notification != HANDLE_NONE;
    uint64_t wanted = ((events & POLLIN) != 0 ? NET_POLL_READ : 0) |
                      ((events & POLLOUT) != 0 ? NET_POLL_WRITE : 0) |
                      ((events & POLLRDHUP) != 0 ? NET_POLL_CLOSED : 0) | NET_POLL_ERROR;
    struct net_watch_request request = {wanted, waits ? 1 : NET_NO_WAIT, watch->key};
    struct net_poll_reply reply = {0};
    struct handle_slot slot = {watch->notification, RIGHT_SIGNAL};
    struct message message = {.data = &request,
                              .size = waits ? sizeof request : sizeof(struct net_poll_request),
                              .handles = &slot,
                              .handle_count = waits ? 1 : 0};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    _Static_assert(offsetof(struct net_watch_request, bits) ==
                       offsetof(struct net_poll_request, flags),
                   "one request for both");
    status_t status = call_server(NULL, descriptor->handle, waits ? NET_WATCH : NET_POLL, &message,
                                  &answer, false);
    if (status != OK) {
        return POLLERR | POLLHUP;
    }
    return ((reply.events & NET_POLL_READ) != 0 ? POLLIN : 0) |
           ((reply.events & NET_POLL_WRITE) != 0 ? POLLOUT : 0) |
           ((reply.events & NET_POLL_CLOSED) != 0 ? POLLRDHUP : 0) |
           ((reply.events & NET_POLL_ERROR) != 0 ? POLLERR | POLLHUP : 0);
}

uint64_t descriptor_events(const struct descriptor *descriptor, uint64_t events,
                           const struct watch *watch) {
    /* Normal data is the data there is. */
    uint64_t plain = (events & (POLLIN | POLLOUT | POLLRDHUP)) |
                     ((events & POLLRDNORM) != 0 ? POLLIN : 0) |
                     ((events & POLLWRNORM) != 0 ? POLLOUT : 0);
    uint64_t holds;
    switch (descriptor->kind) {
    case DESCRIPTOR_STREAM:
        holds = stream_events(descriptor, plain, watch);
        break;
    case DESCRIPTOR_SOCKET:
        holds = socket_events(descriptor, plain, watch);
        break;
    case DESCRIPTOR_EPOLL:
        holds = epoll_events(descriptor, watch);
        break;
    default:
        holds = POLLIN | POLLOUT;
        break;
    }
    holds |= ((holds & POLLIN) != 0 ? POLLRDNORM : 0) | ((holds & POLLOUT) != 0 ? POLLWRNORM : 0);
    return holds & (events | POLLERR | POLLHUP);
}

/* ---- waiting ---- */

int64_t thread_watch(struct thread *thread, struct watch *watch) {
    if (thread->notification == HANDLE_NONE &&
        notification_create(process.account, &thread->notification) != OK) {
        return -ENOMEM;
    }
    *watch = (struct watch){thread->notification, (uint64_t)(uint32_t)thread->tid << 32};
    return 0;
}

/* Calls `scan`, which counts what is ready and subscribes, until something is or time is over. */
struct waiting {
    uint32_t (*scan)(struct waiting *waiting, const struct watch *watch);
    void *context;
    uint64_t count;
};

static int64_t wait_ready(struct thread *thread, struct waiting *waiting, uint64_t deadline) {
    static const struct watch none;
    struct watch watch;
    int64_t result = thread_watch(thread, &watch);
    if (result != 0) {
        return result;
    }
    for (;;) {
        uint64_t bits;
        uint32_t ready = waiting->scan(waiting, &none);
        if (ready != 0 || deadline == 0) {
            return ready;
        }
        ready = waiting->scan(waiting, &watch);
        if (ready != 0) {
            return ready;
        }
        status_t status = notification_wait(watch.notification, ~0ull, deadline, &bits);
        if (status == E_TIMEOUT) {
            return waiting->scan(waiting, &none);
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

static uint32_t scan_poll(struct waiting *waiting, const struct watch *watch) {
    struct poll_entry *entries = waiting->context;
    uint32_t ready = 0;
    for (uint64_t i = 0; i < waiting->count; i++) {
        struct poll_entry *entry = &entries[i];
        entry->result = 0;
        if (entry->fd < 0) {
            continue;
        }
        struct descriptor *descriptor = descriptor_get((uint32_t)entry->fd);
        entry->result = descriptor == NULL
                            ? POLLNVAL
                            : (uint16_t)descriptor_events(descriptor, entry->events, watch);
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

int64_t deadline_of(uint64_t user, uint64_t *deadline) {
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

static uint32_t scan_select(struct waiting *waiting, const struct watch *watch) {
    static const uint64_t wanted[3] = {POLLIN, POLLOUT, 0};
    static const uint64_t counted[3] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, 0};
    struct selection *selection = waiting->context;
    uint32_t ready = 0;
    memset(selection->out, 0, sizeof selection->out);
    for (uint64_t fd = 0; fd < waiting->count; fd++) {
        struct descriptor *descriptor = descriptor_get(fd);
        uint64_t asked = 0;
        for (uint32_t set = 0; set < 3; set++) {
            asked |= (selection->in[set][fd / 64] >> fd % 64 & 1) != 0 ? wanted[set] : 0;
        }
        uint64_t events =
            descriptor == NULL || asked == 0 ? 0 : descriptor_events(descriptor, asked, watch);
        for (uint32_t set = 0; set < 2; set++) {
            if ((selection->in[set][fd / 64] >> fd % 64 & 1) != 0 && (events & counted[set]) != 0) {
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
