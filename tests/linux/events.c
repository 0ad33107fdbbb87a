/* SPDX-License-Identifier: MIT
 * epoll, select, eventfd and timerfd, compared with the host's.
 */
#include "loopback.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

/* What a wait for one event gives: its data, and the events, or -1. */
static long one(int epoll, int timeout) {
    struct epoll_event event = {0};
    int count = epoll_wait(epoll, &event, 1, timeout);
    return count == 1 ? (long)(event.data.u64 << 16 | event.events) : count == 0 ? -1 : -2;
}

static void epolls(void) {
    char buffer[10];
    int ends[2], p[2];
    int listener = listening();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event in = {.events = EPOLLIN, .data.u64 = 1};
    pair(listener, ends);
    SHOW(pipe(p));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &in));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &in));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, p[0], &in));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &in));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, 99, &in));
    SHOW(epoll_ctl(p[0], EPOLL_CTL_ADD, ends[1], &in));
    int file = open("epoll.tmp", O_RDWR | O_CREAT, 0600);
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, file, &in));
    close(file);
    unlink("epoll.tmp");
    SHOW(epoll_wait(epoll, NULL, 0, 0));
    SHOW(one(epoll, 0));
    SHOW(one(epoll, 5));
    write(ends[0], "x", 1);
    SHOW(one(epoll, -1));
    SHOW(one(epoll, -1)); /* level: it still holds */
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET, .data.u64 = 2};
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[1], &edge));
    SHOW(one(epoll, -1));
    SHOW(one(epoll, 0));
    SHOW(read(ends[1], buffer, 1));
    SHOW(one(epoll, 0));
    write(ends[0], "y", 1);
    SHOW(one(epoll, -1));
    SHOW(one(epoll, 10));
    struct epoll_event once = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 3};
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[1], &once));
    SHOW(one(epoll, -1));
    SHOW(one(epoll, 0));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[1], &once));
    SHOW(one(epoll, -1));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[1], NULL));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[1], NULL));
    in.data.u64 = 4;
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &in));
    if (fork() == 0) {
        _exit(write(p[1], "z", 1) == 1 ? 0 : 1);
    }
    SHOW(one(epoll, -1));
    wait(NULL);
    int outer = epoll_create1(0);
    in.data.u64 = 5;
    SHOW(epoll_ctl(outer, EPOLL_CTL_ADD, epoll, &in));
    SHOW(one(outer, -1));
    SHOW(read(p[0], buffer, 1));
    SHOW(one(outer, 0));
    close(p[1]);
    SHOW(one(epoll, -1));
    close(p[0]);
    SHOW(one(epoll, 0));
    close(outer);
    close(epoll);
    close(ends[0]);
    close(ends[1]);
    close(listener);
}

/* Another thread reads what an edge told; the waiting one must hear of the next. */
static int thread_end;
static void *read_one(void *argument) {
    char byte;
    (void)argument;
    while (read(thread_end, &byte, 1) != 1) {
    }
    return NULL;
}

static void edge_and_thread(void) {
    int ends[2];
    pthread_t thread;
    int listener = listening();
    int epoll = epoll_create1(0);
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET, .data.u64 = 6};
    pair(listener, ends);
    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &edge);
    write(ends[0], "a", 1);
    SHOW(one(epoll, -1));
    thread_end = ends[1];
    pthread_create(&thread, NULL, read_one, NULL);
    pthread_join(thread, NULL);
    write(ends[0], "b", 1);
    SHOW(one(epoll, -1));
    close(epoll);
    close(ends[0]);
    close(ends[1]);
    close(listener);
}

static void selects(void) {
    int ends[2];
    fd_set in, out;
    int listener = listening();
    pair(listener, ends);
    write(ends[0], "x", 1);
    ready(ends[1], POLLIN);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[1], &in);
    FD_SET(ends[0], &in);
    FD_SET(ends[0], &out);
    SHOW(select(ends[1] + 1, &in, &out, NULL, NULL));
    SHOW(FD_ISSET(ends[1], &in) && !FD_ISSET(ends[0], &in) && FD_ISSET(ends[0], &out));
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    SHOW(pselect(ends[0] + 1, &in, NULL, NULL, &(struct timespec){0, 1000000}, NULL));
    close(ends[0]);
    close(ends[1]);
    close(listener);
}

static void counters(void) {
    uint64_t value = 5;
    struct itimerspec timer = {.it_value = {0, 2000000}};
    int event = eventfd(3, EFD_NONBLOCK), one_by_one = eventfd(2, EFD_SEMAPHORE);
    SHOW(write(event, &value, 8));
    SHOW(read(event, &value, 4));
    SHOW(read(event, &value, 8));
    SHOW(value);
    SHOW(read(event, &value, 8));
    value = UINT64_MAX;
    SHOW(write(event, &value, 8));
    value = UINT64_MAX - 1;
    SHOW(write(event, &value, 8));
    SHOW(ready(event, POLLIN | POLLOUT));
    value = 1;
    SHOW(write(event, &value, 8));
    SHOW(read(one_by_one, &value, 8));
    SHOW(value);
    SHOW(ready(one_by_one, POLLIN | POLLOUT));
    SHOW(read(one_by_one, &value, 8));
    if (fork() == 0) {
        value = 7;
        _exit(write(one_by_one, &value, 8) == 8 ? 0 : 1);
    }
    SHOW(read(one_by_one, &value, 8)); /* waits for the child */
    wait(NULL);
    int clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    SHOW(timerfd_create(99, 0));
    SHOW(read(clock, &value, 8));
    SHOW(timerfd_settime(event, 0, &timer, NULL));
    SHOW(timerfd_settime(clock, 0, &timer, NULL));
    SHOW(ready(clock, POLLIN));
    SHOW(read(clock, &value, 8));
    SHOW(value);
    timer.it_interval.tv_nsec = 1000000;
    SHOW(timerfd_settime(clock, 0, &timer, NULL));
    usleep(20000);
    SHOW(read(clock, &value, 8));
    SHOW(value >= 10);
    timer = (struct itimerspec){.it_value = {1000, 0}};
    SHOW(timerfd_settime(clock, 0, &timer, NULL));
    SHOW(timerfd_gettime(clock, &timer));
    SHOW(timer.it_value.tv_sec >= 900 && timer.it_interval.tv_nsec == 0);
    timer.it_value = (struct timespec){1, 0}; /* long ago */
    SHOW(timerfd_settime(clock, TFD_TIMER_ABSTIME, &timer, &timer));
    SHOW(timer.it_value.tv_sec >= 900);
    struct epoll_event in = {.events = EPOLLIN, .data.u64 = 8};
    int epoll = epoll_create1(0);
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, clock, &in));
    SHOW(one(epoll, -1));
    SHOW(read(clock, &value, 8));
    SHOW(value);
    SHOW(epoll_wait(epoll, &in, 1, 0));
    close(epoll);
    close(clock);
    close(event);
    close(one_by_one);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    epolls();
    edge_and_thread();
    selects();
    counters();
    return 0;
}
