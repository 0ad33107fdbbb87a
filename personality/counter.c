/* SPDX-License-Identifier: MIT
 * eventfd and timerfd: counters of proc.
 */
#include "poll.h"
#include "timing.h"

#define EFD_SEMAPHORE 1u
#define TFD_TIMER_ABSTIME 1u

static int64_t open_counter(uint64_t kind, uint64_t value, uint32_t flags, bool realtime) {
    struct proc_counter_request request = {kind, value, flags & O_NONBLOCK};
    struct message message = {.data = &request, .size = sizeof request};
    struct answer answer = {.data = NULL};
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    status_t status = call_server(NULL, process.proc, PROC_COUNTER, &message, &answer, false);
    if (status != OK) {
        return status == E_NO_SPACE ? -EMFILE : error_of(status);
    }
    struct descriptor descriptor = {.handle = answer.handles[0].handle,
                                    .kind = DESCRIPTOR_STREAM,
                                    .close_on_exec = (flags & O_CLOEXEC) != 0,
                                    .realtime = realtime,
                                    .flags = O_RDWR};
    return descriptor_add(&descriptor, 0);
}

int64_t call_eventfd2(struct thread *thread, const uint64_t *a) {
    uint32_t flags = (uint32_t)a[1];
    (void)thread;
    return open_counter((flags & EFD_SEMAPHORE) != 0 ? PROC_COUNTER_SEMAPHORE : PROC_COUNTER_EVENT,
                        (uint32_t)a[0], flags & ~EFD_SEMAPHORE, false);
}

int64_t call_eventfd(struct thread *thread, const uint64_t *a) {
    const uint64_t b[] = {a[0], 0};
    return call_eventfd2(thread, b);
}

int64_t call_timerfd_create(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return timing_is_clock(a[0])
               ? open_counter(PROC_COUNTER_TIMER, 0, (uint32_t)a[1], timing_is_realtime(a[0]))
               : -EINVAL;
}

static int64_t set_timer(uint64_t number, const struct proc_timer_request *request, uint64_t user) {
    const struct descriptor *descriptor = descriptor_get(number);
    struct proc_timer old = {0, 0};
    if (descriptor == NULL || descriptor->kind != DESCRIPTOR_STREAM) {
        return descriptor == NULL ? -EBADF : -EINVAL;
    }
    uint32_t identity = descriptor->identity;
    status_t status =
        call_simple(descriptor->handle, PROC_TIMER, request, sizeof *request, &old, sizeof old);
    epoll_rearm(identity);
    return status == E_UNSUPPORTED ? -EINVAL
           : status != OK          ? error_of(status)
           : user == 0             ? 0
                                   : timing_give_timer(user, &old);
}

int64_t call_timerfd_settime(struct thread *thread, const uint64_t *a) {
    struct proc_timer_request request = {.set = 1};
    const struct descriptor *descriptor = descriptor_get(a[0]);
    bool wall = descriptor != NULL && descriptor->realtime;
    (void)thread;
    int64_t result = timing_read_timer(a[2], (a[1] & TFD_TIMER_ABSTIME) != 0, wall, &request.timer);
    if (result != 0 || (a[1] & ~3ull) != 0) {
        return result != 0 ? result : -EINVAL;
    }
    return set_timer(a[0], &request, a[3]);
}

int64_t call_timerfd_gettime(struct thread *thread, const uint64_t *a) {
    const struct proc_timer_request request = {.set = 0};
    (void)thread;
    return a[1] == 0 ? -EFAULT : set_timer(a[0], &request, a[1]);
}
