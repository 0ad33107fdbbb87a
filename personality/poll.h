/* SPDX-License-Identifier: MIT
 * Readiness of descriptors, and waiting for it.
 */
#pragma once
#include "file.h"

/* Who is to be told when something comes to hold. */
struct watch {
    handle_t notification; /* HANDLE_NONE: nobody, it is only asked */
    uint64_t key;          /* a watch takes the place of an earlier one with that key */
};
/* For the waits of this thread; -ENOMEM. */
int64_t thread_watch(struct thread *thread, struct watch *watch);
/* Those of `events` (POLL*) and POLLERR, POLLHUP that hold. If none does, the watch is told once
 * when one may. */
uint64_t descriptor_events(const struct descriptor *descriptor, uint64_t events,
                           const struct watch *watch);
/* A deadline from a timespec in the program: 0 at once, address 0 never. -EFAULT, -EINVAL. */
int64_t deadline_of(uint64_t user, uint64_t *deadline);

linux_call call_eventfd, call_eventfd2, call_timerfd_create, call_timerfd_settime,
    call_timerfd_gettime;

/* epoll.c */
uint64_t epoll_events(const struct descriptor *descriptor, const struct watch *watch);
/* Something was done with the open file `identity`: what is reported by edges may be again. */
void epoll_rearm(uint32_t identity);
/* Descriptor `number` is closed. */
void epoll_forget(uint32_t number);
/* In the child of a fork: nobody waits. */
void epoll_forked(void);
/* An epoll descriptor is copied, closed. */
void epoll_hold(uint16_t place);
void epoll_drop(uint16_t place);

linux_call call_poll, call_ppoll, call_select, call_pselect6, call_epoll_create, call_epoll_create1,
    call_epoll_ctl, call_epoll_wait, call_epoll_pwait, call_epoll_pwait2;
