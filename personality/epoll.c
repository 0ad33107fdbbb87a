/* SPDX-License-Identifier: MIT
 * epoll. What is waited for is known to this process alone: after a fork each has its own list.
 * What holds is always asked of the servers. Edges: an event is reported once and again after the
 * process has read or written (`told` forgets), or when it had ceased to hold.
 */
#include <common/string.h>
#include <ipc/object.h>
#include <ipc/time.h>

#include "poll.h"
#include "process.h"
#include "signals.h"
#include "timing.h"

#define INSTANCES 16u
#define ITEMS 512u

#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)
#define EVENTS (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLRDHUP)
enum { CTL_ADD = 1, CTL_DEL, CTL_MOD };

struct linux_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));

struct item {
    uint16_t place; /* instance + 1, 0: free */
    bool disabled;  /* EPOLLONESHOT: reported */
    uint32_t fd, identity;
    uint32_t events;
    uint32_t told; /* EPOLLET: reported, and holds since */
    uint64_t data;
};

/* A thread that waits. */
struct sleeper {
    handle_t notification;
    struct sleeper *next;
};

static struct instance {
    uint32_t holders; /* descriptors */
    uint32_t next;    /* item to begin with, so that each has its turn */
    struct sleeper *sleepers;
} instances[INSTANCES];
static struct item items[ITEMS];
static uint32_t item_end; /* behind the last that was ever used */
static struct lock epoll_mutex;

/* ---- life ---- */

static int64_t create(uint32_t flags) {
    if ((flags & ~O_CLOEXEC) != 0) {
        return -EINVAL;
    }
    lock_take(&epoll_mutex);
    for (uint16_t i = 0; i < INSTANCES; i++) {
        if (instances[i].holders == 0) {
            instances[i] = (struct instance){.holders = 1};
            lock_give(&epoll_mutex);
            struct descriptor descriptor = {.kind = DESCRIPTOR_EPOLL,
                                            .close_on_exec = (flags & O_CLOEXEC) != 0,
                                            .place = (uint16_t)(i + 1),
                                            .flags = O_RDWR};
            int64_t result = descriptor_add(&descriptor, 0);
            if (result < 0) {
                epoll_drop(descriptor.place);
            }
            return result;
        }
    }
    lock_give(&epoll_mutex);
    return -EMFILE;
}

int64_t call_epoll_create1(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return create((uint32_t)a[0]);
}

int64_t call_epoll_create(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return (int32_t)a[0] <= 0 ? -EINVAL : create(0);
}

void epoll_hold(uint16_t place) {
    lock_take(&epoll_mutex);
    instances[place - 1].holders++;
    lock_give(&epoll_mutex);
}

void epoll_drop(uint16_t place) {
    lock_take(&epoll_mutex);
    if (--instances[place - 1].holders == 0) {
        for (uint32_t i = 0; i < item_end; i++) {
            items[i].place = items[i].place == place ? 0 : items[i].place;
        }
    }
    lock_give(&epoll_mutex);
}

void epoll_forget(uint32_t number) {
    if (item_end == 0) {
        return;
    }
    lock_take(&epoll_mutex);
    for (uint32_t i = 0; i < item_end; i++) {
        items[i].place = items[i].fd == number ? 0 : items[i].place;
    }
    lock_give(&epoll_mutex);
}

void epoll_forked(void) {
    epoll_mutex = (struct lock){0};
    for (uint32_t i = 0; i < INSTANCES; i++) {
        instances[i].sleepers = NULL;
    }
}

static void wake(const struct instance *instance) {
    for (const struct sleeper *s = instance->sleepers; s != NULL; s = s->next) {
        (void)notification_signal(s->notification, 1);
    }
}

void epoll_rearm(uint32_t identity) {
    if (item_end == 0) {
        return;
    }
    lock_take(&epoll_mutex);
    for (uint32_t i = 0; i < item_end; i++) {
        struct item *item = &items[i];
        if (item->place != 0 && item->identity == identity && item->told != 0) {
            item->told = 0;
            wake(&instances[item->place - 1]);
        }
    }
    lock_give(&epoll_mutex);
}

/* ---- the list ---- */

static struct item *find(uint16_t place, uint32_t fd) {
    for (uint32_t i = 0; i < item_end; i++) {
        if (items[i].place == place && items[i].fd == fd) {
            return &items[i];
        }
    }
    return NULL;
}

static struct item *free_item(void) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (items[i].place == 0) {
            item_end = i < item_end ? item_end : i + 1;
            return &items[i];
        }
    }
    return NULL;
}

static bool has_epoll(uint16_t place) {
    for (uint32_t i = 0; i < item_end; i++) {
        const struct descriptor *inner = descriptor_get(items[i].fd);
        if (items[i].place == place && inner != NULL && inner->kind == DESCRIPTOR_EPOLL) {
            return true;
        }
    }
    return false;
}

static int64_t add(uint16_t place, uint32_t fd, const struct descriptor *target,
                   const struct linux_epoll_event *event) {
    if (find(place, fd) != NULL) {
        return -EEXIST;
    }
    if (target->kind == DESCRIPTOR_EPOLL && has_epoll(target->place)) {
        return -ELOOP;
    }
    struct item *item = free_item();
    if (item == NULL) {
        return -ENOSPC;
    }
    *item = (struct item){.place = place,
                          .fd = fd,
                          .identity = target->identity,
                          .events = event->events,
                          .data = event->data};
    return 0;
}

static int64_t change(uint16_t place, uint64_t operation, uint32_t fd,
                      const struct descriptor *target, const struct linux_epoll_event *event) {
    if (operation == CTL_ADD) {
        return add(place, fd, target, event);
    }
    struct item *item = find(place, fd);
    if (item == NULL) {
        return -ENOENT;
    }
    if (operation == CTL_DEL) {
        item->place = 0;
        return 0;
    }
    item->events = event->events;
    item->data = event->data;
    item->told = 0;
    item->disabled = false;
    return 0;
}

int64_t call_epoll_ctl(struct thread *thread, const uint64_t *a) {
    const struct descriptor *epoll = descriptor_get(a[0]);
    const struct descriptor *target = descriptor_get(a[2]);
    struct linux_epoll_event event = {0, 0};
    (void)thread;
    if (a[1] != CTL_DEL && user_read(&event, a[3], sizeof event) != 0) {
        return -EFAULT;
    }
    if (epoll == NULL || target == NULL) {
        return -EBADF;
    }
    if (descriptor_seeks(target)) {
        return -EPERM;
    }
    if (epoll->kind != DESCRIPTOR_EPOLL || epoll->place == target->place || a[1] < CTL_ADD ||
        a[1] > CTL_MOD) {
        return -EINVAL;
    }
    uint16_t place = epoll->place;
    lock_take(&epoll_mutex);
    int64_t result = change(place, a[1], (uint32_t)a[2], target, &event);
    wake(&instances[place - 1]);
    lock_give(&epoll_mutex);
    return result;
}

/* ---- waiting ---- */

/* What is to be reported of an item; with `keep` it stays to be reported. */
static uint32_t item_events(struct item *item, const struct watch *watch, bool keep) {
    static const struct watch none;
    const struct descriptor *descriptor = descriptor_get(item->fd);
    uint32_t wanted = item->events & EVENTS;
    if (item->disabled || descriptor == NULL) {
        return 0;
    }
    bool edge = (item->events & EPOLLET) != 0;
    uint32_t holds = (uint32_t)descriptor_events(descriptor, wanted, edge ? &none : watch);
    if (edge) {
        item->told &= holds;
        if ((holds & ~item->told) == 0 && watch->notification != HANDLE_NONE) {
            holds |= (uint32_t)descriptor_events(descriptor, wanted & ~item->told, watch);
        }
        holds = (holds & ~item->told) != 0 ? holds : 0;
    }
    if (holds != 0 && !keep) {
        item->told = edge ? holds : 0;
        item->disabled = (item->events & EPOLLONESHOT) != 0;
    }
    return holds;
}

static uint32_t collect(uint16_t place, const struct watch *watch, uint32_t limit,
                        struct linux_epoll_event *events) {
    struct instance *instance = &instances[place - 1];
    uint32_t count = 0;
    uint32_t first = instance->next;
    for (uint32_t i = 0; i < item_end && count < limit; i++) {
        uint32_t at = (first + i) % item_end;
        if (items[at].place != place) {
            continue;
        }
        uint32_t holds = item_events(&items[at], watch, events == NULL);
        if (holds != 0 && events != NULL) {
            events[count] = (struct linux_epoll_event){holds, items[at].data};
            instance->next = at + 1;
        }
        count += holds != 0 ? 1 : 0;
    }
    return count;
}

uint64_t epoll_events(const struct descriptor *descriptor, const struct watch *watch) {
    struct watch own = *watch;
    own.key += descriptor->place;
    return collect(descriptor->place, &own, 1, NULL) != 0 ? POLLIN : 0;
}

static status_t sleep_until(uint16_t place, struct sleeper *sleeper, uint64_t deadline) {
    struct instance *instance = &instances[place - 1];
    uint64_t bits;
    status_t status = notification_wait(sleeper->notification, ~0ull, deadline, &bits);
    lock_take(&epoll_mutex);
    for (struct sleeper **link = &instance->sleepers; *link != NULL; link = &(*link)->next) {
        if (*link == sleeper) {
            *link = sleeper->next;
            break;
        }
    }
    lock_give(&epoll_mutex);
    return status;
}

static int64_t wait_events(struct thread *thread, const uint64_t *a, uint64_t deadline) {
    static const struct watch none;
    struct linux_epoll_event events[DESCRIPTORS];
    struct watch watch;
    const struct descriptor *epoll = descriptor_get(a[0]);
    uint32_t limit = (uint32_t)a[2] < DESCRIPTORS ? (uint32_t)a[2] : DESCRIPTORS;
    if (epoll == NULL || epoll->kind != DESCRIPTOR_EPOLL || (int32_t)a[2] <= 0) {
        return epoll == NULL ? -EBADF : -EINVAL;
    }
    if (!user_ok(a[1], limit * sizeof events[0], true)) {
        return -EFAULT;
    }
    uint16_t place = epoll->place;
    int64_t result = thread_watch(thread, &watch);
    watch.key += place;
    while (result == 0) {
        struct sleeper sleeper = {.notification = watch.notification};
        lock_take(&epoll_mutex);
        uint32_t count = collect(place, &none, limit, events);
        if (count == 0 && deadline != 0) {
            count = collect(place, &watch, limit, events);
        }
        if (count == 0 && deadline != 0) {
            sleeper.next = instances[place - 1].sleepers;
            instances[place - 1].sleepers = &sleeper;
        }
        lock_give(&epoll_mutex);
        if (count != 0 || deadline == 0) {
            result = user_write(a[1], events, count * sizeof events[0]);
            return result != 0 ? result : (int64_t)count;
        }
        status_t status = sleep_until(place, &sleeper, deadline);
        if (status == E_TIMEOUT) {
            deadline = 0;
        } else if (status == E_INTR && signal_waiting(thread)) {
            result = RESTART_UNLESS_HANDLED;
        }
    }
    return result;
}

static uint64_t deadline_of_ms(int32_t ms) {
    return ms < 0 ? DEADLINE_NONE : ms == 0 ? 0 : time_now_ns() + (uint64_t)ms * NS_PER_MS;
}

int64_t call_epoll_wait(struct thread *thread, const uint64_t *a) {
    return wait_events(thread, a, deadline_of_ms((int32_t)a[3]));
}

int64_t call_epoll_pwait(struct thread *thread, const uint64_t *a) {
    int64_t result = signal_suspend_with(thread, a[4], a[5]);
    return result != 0 ? result : wait_events(thread, a, deadline_of_ms((int32_t)a[3]));
}

int64_t call_epoll_pwait2(struct thread *thread, const uint64_t *a) {
    uint64_t deadline;
    int64_t result = deadline_of(a[3], &deadline);
    if (result == 0) {
        result = signal_suspend_with(thread, a[4], a[5]);
    }
    return result != 0 ? result : wait_events(thread, a, deadline);
}
