/* SPDX-License-Identifier: MIT
 * Timers that send signals, and signals that carry a value; prints what should be the same on every
 * Linux. Waits for what happens, never for a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long result) {
    printf("%s: %ld %s\n", what, result < 0 ? -1 : result, result < 0 ? strerror(errno) : "");
}
#define SHOW(call) (errno = 0, show(#call, (long)(call)))

static volatile sig_atomic_t seen[_NSIG];
static volatile int codes[_NSIG], values[_NSIG]; /* of the last of each */
static void handler(int number, siginfo_t *info, void *context) {
    (void)context;
    seen[number]++;
    codes[number] = info->si_code;
    values[number] = info->si_value.sival_int;
}

static void handle(int number) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(number, &action, NULL);
}

/* Blocks the signals of the set but for the waiting; until one has been seen so often. */
static sigset_t unblocked;
static void until(int number, int times) {
    while (seen[number] < times) {
        sigsuspend(&unblocked);
    }
}

static void block(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void intervals(void) {
    struct itimerval soon = {.it_value = {0, 1000}}, often = {{0, 1000}, {0, 1000}}, old;
    struct itimerval bad = {.it_value = {0, 1000000}}, off = {{0, 0}, {0, 0}};
    handle(SIGALRM);
    block(SIGALRM);
    SHOW(alarm(1000000));
    SHOW(alarm(500000) > 900000);
    SHOW(getitimer(ITIMER_REAL, &old));
    SHOW(old.it_value.tv_sec > 400000 && old.it_interval.tv_sec == 0);
    SHOW(alarm(0) > 400000);
    SHOW(alarm(0));
    SHOW(setitimer(ITIMER_REAL, &soon, &old));
    SHOW(old.it_value.tv_sec + old.it_value.tv_usec);
    until(SIGALRM, 1);
    SHOW(codes[SIGALRM] == SI_KERNEL);
    SHOW(getitimer(ITIMER_REAL, &old));
    SHOW(old.it_value.tv_sec + old.it_value.tv_usec);
    SHOW(setitimer(ITIMER_REAL, &often, NULL));
    until(SIGALRM, 4);
    SHOW(setitimer(ITIMER_REAL, &off, &old));
    SHOW(old.it_interval.tv_usec);
    SHOW(setitimer(ITIMER_REAL, &bad, NULL));
    SHOW(setitimer(99, &soon, NULL));
    SHOW(getitimer(-1, &old));
    SHOW(setitimer(ITIMER_REAL, (void *)8, NULL));
    alarm(1000000);
    if (fork() == 0) { /* a child has none */
        _exit((int)alarm(0));
    }
    int status;
    wait(&status);
    SHOW(status);
    SHOW(alarm(0) > 900000);
}

static void timers(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec soon = {.it_value = {0, 1000000}}, old;
    struct itimerspec late = {{7, 0}, {1000000, 0}}, bad = {.it_value = {0, -1}};
    timer_t timer, none, plain;
    event.sigev_value.sival_int = 42;
    handle(SIGRTMIN);
    block(SIGRTMIN);
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    SHOW(timer_settime(timer, 0, &soon, NULL));
    until(SIGRTMIN, 1);
    SHOW(codes[SIGRTMIN] == SI_TIMER);
    SHOW(values[SIGRTMIN]);
    SHOW(timer_getoverrun(timer));
    SHOW(timer_gettime(timer, &old));
    SHOW(old.it_value.tv_sec + old.it_value.tv_nsec);
    SHOW(timer_settime(timer, 0, &late, &old));
    SHOW(timer_gettime(timer, &old));
    SHOW(old.it_value.tv_sec > 900000 && old.it_interval.tv_sec == 7);
    struct itimerspec past = {.it_interval = {0, 1000000}, .it_value = {0, 1}};
    SHOW(timer_settime(timer, TIMER_ABSTIME, &past, NULL)); /* due since the start of the machine */
    until(SIGRTMIN, 2);
    SHOW(timer_getoverrun(timer) > 0);
    SHOW(timer_settime(timer, 0, &bad, NULL));
    SHOW(timer_settime(timer, 0, NULL, NULL));
    SHOW(timer_delete(timer));
    SHOW(syscall(SYS_timer_delete, 9999));
    SHOW(syscall(SYS_timer_getoverrun, 9999));
    SHOW(syscall(SYS_timer_gettime, 9999, &old));
    event.sigev_notify = SIGEV_NONE;
    SHOW(timer_create(CLOCK_REALTIME, &event, &none));
    SHOW(timer_settime(none, 0, &late, NULL));
    SHOW(timer_gettime(none, &old));
    SHOW(old.it_value.tv_sec > 900000);
    SHOW(timer_delete(none));
    SHOW(timer_create(CLOCK_REALTIME, NULL, &plain));
    clock_gettime(CLOCK_REALTIME, &soon.it_value);
    seen[SIGALRM] = 0;
    SHOW(timer_settime(plain, TIMER_ABSTIME, &soon, NULL));
    until(SIGALRM, 1);
    SHOW(codes[SIGALRM] == SI_TIMER);
    SHOW(timer_delete(plain));
    SHOW(timer_create(99, &event, &timer));
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = 65;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    event.sigev_notify = 17;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
}

static sem_t told;
static volatile int told_value;
static void notified(union sigval argument) {
    told_value = argument.sival_int;
    sem_post(&told);
}

static void by_thread(void) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified};
    struct itimerspec often = {{0, 1000000}, {0, 1000000}};
    timer_t timers[3];
    sem_init(&told, 0, 0);
    for (int i = 0; i < 3; i++) {
        event.sigev_value.sival_int = 7;
        SHOW(timer_create(CLOCK_MONOTONIC, &event, &timers[i]));
        SHOW(timer_settime(timers[i], 0, &often, NULL));
    }
    for (int i = 0; i < 9; i++) {
        while (sem_wait(&told) != 0) {
        }
    }
    SHOW(told_value);
    for (int i = 0; i < 3; i++) {
        SHOW(timer_delete(timers[i]));
    }
}

struct receiver {
    sem_t ready;
    pid_t number;
};
static void *receive(void *argument) {
    struct receiver *receiver = argument;
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    receiver->number = (pid_t)syscall(SYS_gettid);
    sem_post(&receiver->ready);
    int number;
    while ((number = sigwaitinfo(&set, &info)) < 0) {
    }
    return (void *)(long)(number == SIGRTMIN + 1 && info.si_code == SI_QUEUE
                              ? info.si_value.sival_int
                              : -1);
}

static void queued(void) {
    union sigval sent = {.sival_int = 1};
    siginfo_t info;
    sigset_t set;
    sigemptyset(&set);
    for (int number = SIGRTMIN + 1; number <= SIGRTMIN + 2; number++) {
        block(number);
        sigaddset(&set, number);
    }
    sigaddset(&set, SIGUSR1);
    block(SIGUSR1);
    SHOW(sigqueue(getpid(), SIGRTMIN + 2, sent));
    sent.sival_int = 2;
    SHOW(sigqueue(getpid(), SIGRTMIN + 1, sent));
    sent.sival_int = 3;
    SHOW(sigqueue(getpid(), SIGRTMIN + 1, sent));
    SHOW(sigqueue(getpid(), SIGUSR1, sent));
    SHOW(sigqueue(getpid(), SIGUSR1, sent));
    for (int i = 0; i < 4; i++) { /* the lowest first, each kind in its order */
        int number = sigwaitinfo(&set, &info);
        printf("%d %d %d %d\n", number > SIGUSR1 ? number - SIGRTMIN : -1, info.si_code,
               info.si_value.sival_int, info.si_pid == getpid());
    }
    SHOW(sigtimedwait(&set, &info, &(struct timespec){0, 0}));
    SHOW(sigqueue(getpid(), 0, sent));
    SHOW(sigqueue(getpid(), 65, sent));
    SHOW(sigqueue(999999, SIGUSR1, sent));
    memset(&info, 0, sizeof info);
    SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info));
    SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, (void *)8));
    SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), 999999, SIGUSR1, &info));
    pthread_t threads[2];
    struct receiver receivers[2];
    void *result;
    for (int i = 0; i < 2; i++) {
        sem_init(&receivers[i].ready, 0, 0);
        pthread_create(&threads[i], NULL, receive, &receivers[i]);
        sem_wait(&receivers[i].ready);
    }
    for (int i = 0; i < 2; i++) {
        memset(&info, 0, sizeof info);
        info.si_code = SI_QUEUE;
        info.si_value.sival_int = 10 + i;
        SHOW(
            syscall(SYS_rt_tgsigqueueinfo, getpid(), receivers[1 - i].number, SIGRTMIN + 1, &info));
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &result);
        SHOW((long)result);
    }
    pid_t child = fork();
    if (child == 0) {
        _exit(sigwaitinfo(&set, &info) == SIGRTMIN + 2 && info.si_pid == getppid()
                  ? info.si_value.sival_int
                  : 99);
    }
    sent.sival_int = 33;
    SHOW(sigqueue(child, SIGRTMIN + 2, sent));
    int status;
    waitpid(child, &status, 0);
    SHOW(WEXITSTATUS(status));
}

/* What the others have to wait for, whatever the timers do. */
static int child_ends(void) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        _exit(5);
    }
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

/* The shortest and the longest times. */
static void extremes(void) {
    const struct itimerspec shortest = {{0, 1}, {0, 1}}, off = {{0, 0}, {0, 0}};
    const time_t most = (time_t)(~0ull >> 1);
    const struct itimerspec longest = {{most, 999999999}, {most, 999999999}};
    const struct itimerspec past = {{most, 999999999}, {0, 1}};
    const struct itimerval short_val = {{0, 1}, {0, 1}}, off_val = {{0, 0}, {0, 0}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec now;
    uint64_t count = 0;
    timer_t timer;
    int file = timerfd_create(CLOCK_MONOTONIC, 0);
    struct pollfd ready = {.fd = file, .events = POLLIN};
    signal(SIGALRM, SIG_IGN);
    SHOW(timerfd_settime(file, 0, &shortest, NULL));
    SHOW(setitimer(ITIMER_REAL, &short_val, NULL));
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    seen[SIGRTMIN] = 0;
    SHOW(timer_settime(timer, 0, &shortest, NULL));
    for (int i = 0; i < 3; i++) {
        SHOW(poll(&ready, 1, -1));
        SHOW(child_ends());
        SHOW(read(file, &count, sizeof count));
        SHOW(count > 0);
        until(SIGRTMIN, i + 1);
    }
    SHOW(timerfd_gettime(file, &now));
    SHOW(now.it_interval.tv_nsec);
    SHOW(timerfd_settime(file, 0, &off, NULL));
    SHOW(timer_settime(timer, 0, &off, NULL));
    SHOW(setitimer(ITIMER_REAL, &off_val, NULL));
    SHOW(timerfd_settime(file, 0, &longest, NULL));
    SHOW(poll(&ready, 1, 0));
    SHOW(timerfd_gettime(file, &now));
    SHOW(now.it_value.tv_sec > 1000000000 && now.it_interval.tv_sec > 1000000000);
    SHOW(timerfd_settime(file, TFD_TIMER_ABSTIME, &past, NULL));
    SHOW(read(file, &count, sizeof count));
    SHOW(count);
    SHOW(poll(&ready, 1, 0));
    SHOW(timer_settime(timer, 0, &longest, NULL));
    SHOW(timer_gettime(timer, &now));
    SHOW(now.it_value.tv_sec > 1000000000);
    SHOW(timer_delete(timer));
    close(file);
}

/* Timers go off until there is a file "stop": says how many of the runs were wrong. */
static int busy(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec soon = {.it_value = {0, 2000000}};
    struct itimerval also = {.it_value = {0, 3000}};
    int wrong = 0;
    timer_t timer;
    handle(SIGRTMIN);
    handle(SIGALRM);
    block(SIGRTMIN);
    block(SIGALRM);
    puts("started");
    for (int i = 0; access("stop", F_OK) != 0; i++) {
        event.sigev_value.sival_int = i;
        int alarms = seen[SIGALRM], others = seen[SIGRTMIN];
        wrong += timer_create(CLOCK_MONOTONIC, &event, &timer) != 0;
        wrong += setitimer(ITIMER_REAL, &also, NULL) != 0;
        wrong += timer_settime(timer, 0, &soon, NULL) != 0;
        until(SIGRTMIN, others + 1);
        wrong += values[SIGRTMIN] != i;
        until(SIGALRM, alarms + 1);
        wrong += timer_getoverrun(timer) != 0 || timer_delete(timer) != 0;
        wrong += seen[SIGRTMIN] != others + 1 || seen[SIGALRM] != alarms + 1;
    }
    unlink("stop");
    printf("%d wrong, finished\n", wrong);
    return 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    sigprocmask(SIG_SETMASK, NULL, &unblocked);
    if (argc > 1 && strcmp(argv[1], "busy") == 0) {
        return busy();
    }
    intervals();
    timers();
    by_thread();
    queued();
    extremes();
    return 0;
}
