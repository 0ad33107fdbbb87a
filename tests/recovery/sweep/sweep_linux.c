/* SPDX-License-Identifier: MIT
 * The sweep's Linux program: the operations of proto/proc.h that processes make. Built for musl by
 * the test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <proto/proc.h>

#include "sweep.h"

#define PIECE 5000    /* more than a pipe takes at once */
#define PROC_TIMER 2u /* notification bit of servers/proc */

volatile struct sweep_state sweep = {.magic = SWEEP_MAGIC, .wanted = SWEEP_IDLE};

__attribute__((noipa)) void sweep_point(void) {
    __asm__ volatile("" ::: "memory");
}

bool check(bool holds, const char *what, int64_t detail) {
    if (!holds && sweep.failures++ == 0) {
        snprintf((char *)sweep.text, sizeof sweep.text, "%s: %lld, errno %d", what,
                 (long long)detail, errno);
    }
    return holds;
}

void refuse(const char *why) {
    sweep.refused = 1;
    snprintf((char *)sweep.text, sizeof sweep.text, "%s", why);
}

/* ---- Processes ----------------------------------------------------------------------------- */

static void end_is(pid_t child, int wanted) {
    int status = -1;
    EQUAL(waitpid(child, &status, 0), child);
    EQUAL(status, wanted);
    EQUAL(waitpid(child, &status, 0), -1);
}

static void fork_(void) {
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        _exit(getppid() == parent ? 7 : 8);
    }
    end_is(child, 7 << 8);
}

static void execed(void) {
    pid_t child = vfork();
    if (child == 0) {
        execl("/boot/bin/busybox", "busybox", "false", (char *)NULL);
        _exit(9);
    }
    end_is(child, 1 << 8);
}

static void kill_(void) {
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    GOOD(kill(child, SIGTERM));
    end_is(child, SIGTERM);
}

static volatile sig_atomic_t caught;
static void count(int number) {
    caught += number == SIGUSR1;
}

/* A signal comes once. */
static void signal_(void) {
    struct sigaction action = {.sa_handler = count};
    GOOD(sigaction(SIGUSR1, &action, NULL));
    caught = 0;
    GOOD(kill(getpid(), SIGUSR1));
    EQUAL(caught, 1);
    EQUAL(getppid() >= 0, true);
    EQUAL(caught, 1);
}

static void ignore(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    GOOD(sigaction(SIGUSR1, &action, NULL));
    GOOD(kill(getpid(), SIGUSR1));
    action.sa_handler = SIG_DFL;
    GOOD(sigaction(SIGUSR1, &action, NULL));
}

static void stop(void) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(5);
    }
    EQUAL(waitpid(child, &status, WUNTRACED), child);
    EQUAL(WIFSTOPPED(status), true);
    GOOD(kill(child, SIGCONT));
    end_is(child, 5 << 8);
}

static void identity(void) {
    pid_t child = fork();
    if (child == 0) {
        _exit(setpgid(0, 0) == 0 && getpgrp() == getpid() ? 3 : 4);
    }
    end_is(child, 3 << 8);
    child = fork();
    if (child == 0) {
        _exit(setsid() == getpid() && getsid(0) == getpid() ? 3 : 4);
    }
    end_is(child, 3 << 8);
}

static void unknown(void) {
    EQUAL(syscall(SYS_add_key, 0, 0, 0, 0, 0), -1);
    EQUAL(errno, ENOSYS);
}

/* The time that the process has used is from there. */
static void list(void) {
    struct timespec before, after;
    GOOD(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before));
    GOOD(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after));
    EQUAL(before.tv_sec + before.tv_nsec > 0, true);
    EQUAL(after.tv_sec > before.tv_sec || after.tv_nsec >= before.tv_nsec, true);
}

/* What a file of /proc says, of at most that size; its length, or -1. */
static ssize_t text_of(const char *path, char *text, size_t size) {
    int file = open(path, O_RDONLY);
    ssize_t length = read(file, text, size);
    GOOD(close(file));
    return length;
}

static void name(void) {
    char text[32] = "";
    GOOD(prctl(PR_SET_NAME, "swept"));
    EQUAL(text_of("/proc/self/comm", text, sizeof text), 6);
    EQUAL(strcmp(text, "swept\n"), 0);
    GOOD(prctl(PR_SET_NAME, "sweep"));
}

static void command(void) {
    static const char own[] = "/boot/test/sweep";
    char text[32] = "";
    EQUAL(text_of("/proc/self/cmdline", text, sizeof text), sizeof own);
    EQUAL(memcmp(text, own, sizeof own), 0);
}

static void *thread_main(void *argument) {
    return argument;
}

static void number(void) {
    pthread_t thread;
    void *result = NULL;
    GOOD(pthread_create(&thread, NULL, thread_main, (void *)&sweep));
    GOOD(pthread_join(thread, &result));
    EQUAL(result == (void *)&sweep, true);
}

/* ---- Streams ------------------------------------------------------------------------------- */

static char bytes[PIECE], got[PIECE];

/* Written once, read once, and nothing behind it. */
static void pass(int from, int to) {
    for (int i = 0; i < PIECE; i++) {
        bytes[i] = (char)(i * 13);
    }
    EQUAL(write(to, bytes, PIECE), PIECE);
    memset(got, 0, PIECE);
    for (ssize_t done, all = 0; all < PIECE; all += done) {
        done = read(from, got + all, (size_t)(PIECE - all));
        if (!check(done > 0, "read", done)) {
            break;
        }
    }
    EQUAL(memcmp(bytes, got, PIECE), 0);
    struct pollfd more = {.fd = from, .events = POLLIN};
    EQUAL(poll(&more, 1, 0), 0);
}

static void pipe_(void) {
    int ends[2];
    GOOD(pipe(ends));
    pass(ends[0], ends[1]);
    close(ends[1]);
    EQUAL(read(ends[0], got, PIECE), 0);
    close(ends[0]);
}

static void pair(void) {
    int ends[2];
    GOOD(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    pass(ends[0], ends[1]);
    pass(ends[1], ends[0]);
    close(ends[0]);
    close(ends[1]);
}

/* A reader that waits when the writer comes. */
static void poll_(void) {
    int ends[2];
    GOOD(pipe(ends));
    pid_t child = fork();
    if (child == 0) {
        struct pollfd one = {.fd = ends[0], .events = POLLIN};
        _exit(poll(&one, 1, -1) == 1 && read(ends[0], got, 1) == 1 && got[0] == 'x' ? 6 : 7);
    }
    usleep(2000);
    EQUAL(write(ends[1], "x", 1), 1);
    end_is(child, 6 << 8);
    struct pollfd more = {.fd = ends[0], .events = POLLIN};
    EQUAL(poll(&more, 1, 0), 0);
    close(ends[0]);
    close(ends[1]);
}

static void counter(void) {
    uint64_t value = 0;
    int file = eventfd(3, EFD_NONBLOCK);
    EQUAL(file >= 0, true);
    EQUAL(write(file, &(uint64_t){4}, 8), 8);
    EQUAL(read(file, &value, 8), 8);
    EQUAL(value, 7);
    EQUAL(read(file, &value, 8), -1);
    close(file);
}

static void timer(void) {
    uint64_t value = 0;
    struct itimerspec once = {.it_value = {.tv_nsec = 2000000}}, before;
    int file = timerfd_create(CLOCK_MONOTONIC, 0);
    EQUAL(file >= 0, true);
    GOOD(timerfd_settime(file, 0, &once, NULL));
    EQUAL(read(file, &value, 8), 8);
    EQUAL(value, 1);
    GOOD(timerfd_gettime(file, &before));
    EQUAL(before.it_value.tv_nsec, 0);
    close(file);
}

/* ---- Alarms -------------------------------------------------------------------------------- */

/* Waits for the next of a kind, which must be the only one: how it came and with what. */
static siginfo_t only(int kind) {
    sigset_t set;
    siginfo_t info = {0};
    sigemptyset(&set);
    sigaddset(&set, kind);
    EQUAL(sigwaitinfo(&set, &info), kind);
    EQUAL(sigtimedwait(&set, NULL, &(struct timespec){0, 0}), -1);
    return info;
}

static void block(int kind) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, kind);
    GOOD(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void alarm_(void) {
    struct itimerval once = {.it_value = {0, 2000}}, before;
    block(SIGALRM);
    EQUAL(alarm(1000), 0);
    GOOD(setitimer(ITIMER_REAL, &once, &before));
    EQUAL(before.it_value.tv_sec >= 900, true);
    EQUAL(only(SIGALRM).si_code, SI_KERNEL);
    EQUAL(alarm(0), 0);
}

static void alarm_timer(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
    struct itimerspec once = {.it_value = {0, 2000000}}, now;
    timer_t made;
    block(SIGRTMIN + 3);
    event.sigev_value.sival_int = 77;
    GOOD(timer_create(CLOCK_MONOTONIC, &event, &made));
    GOOD(timer_settime(made, 0, &once, NULL));
    siginfo_t info = only(SIGRTMIN + 3);
    EQUAL(info.si_code, SI_TIMER);
    EQUAL(info.si_value.sival_int, 77);
    GOOD(timer_gettime(made, &now));
    EQUAL(now.it_value.tv_nsec, 0);
    GOOD(timer_delete(made));
}

static void flags(void) {
    int ends[2];
    GOOD(pipe(ends));
    GOOD(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    EQUAL(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EQUAL(read(ends[0], got, 1), -1);
    EQUAL(errno, EAGAIN);
    close(ends[0]);
    close(ends[1]);
}

static void state(void) {
    int ends[2], available = 0;
    GOOD(pipe(ends));
    EQUAL(write(ends[1], "four", 4), 4);
    GOOD(ioctl(ends[0], FIONREAD, &available));
    EQUAL(available, 4);
    close(ends[0]);
    close(ends[1]);
}

static void terminal(void) {
    int file = open("/dev/tty", O_RDWR);
    EQUAL(file >= 0, true);
    EQUAL(isatty(file), 1);
    close(file);
}

static void termios_(void) {
    struct termios before, now;
    GOOD(tcgetattr(0, &before));
    now = before;
    now.c_lflag ^= ECHOK;
    GOOD(tcsetattr(0, TCSANOW, &now));
    GOOD(tcgetattr(0, &now));
    EQUAL(now.c_lflag ^ before.c_lflag, ECHOK);
    GOOD(tcsetattr(0, TCSADRAIN, &before));
}

static void control(void) {
    struct winsize size, again;
    GOOD(ioctl(0, TIOCGWINSZ, &size));
    GOOD(ioctl(0, TIOCSWINSZ, &size));
    GOOD(ioctl(0, TIOCGWINSZ, &again));
    EQUAL(memcmp(&size, &again, sizeof size), 0);
    EQUAL(tcgetpgrp(0), getpgrp());
}

static void native(void) {
    refuse("native programs only: sweep_other.c");
}

/* The host reads memory that is there: all of the table is touched once. So is the code at which it
 * stops: the fault of a page that is not there would bring the program to its point twice. */
static volatile size_t touched;
static void touch(void) {
    touched += *(const volatile uint8_t *)(uintptr_t)sweep_point;
    for (uint64_t i = 0; i < sweep_row_count; i++) {
        const struct sweep_row *row = &sweep_rows[i];
        touched += strlen(row->server) + strlen(row->protocol) + strlen(row->name);
    }
}

int main(void) {
    touch();
    for (;;) {
        sweep_point();
        uint64_t wanted = sweep.wanted;
        if (wanted == SWEEP_END) {
            return 0;
        }
        if (wanted >= sweep_row_count) {
            usleep(20000);
            continue;
        }
        sweep_rows[wanted].run();
        sweep_rows[wanted].run();
        sweep.rounds++;
    }
}

#define fork fork_
#define forked fork_
#define child fork_
#define exit fork_
#define wait fork_
#define kill kill_
#define signal signal_
#define pipe pipe_
#define read pipe_
#define write pipe_
#define poll poll_
#define termios termios_
#define alarm alarm_
#define alarm_add alarm_timer
#define alarm_set alarm_timer
#define alarm_drop alarm_timer
#define run native
#define run_wait native
#define run_signal native
#define ROW(number, NAME, name, request, answer) {"proc", "proc", #NAME, EVENT_CALL, number, name},
struct sweep_row sweep_rows[] = {
    PROC_PROTOCOL(ROW){"proc", "", "a stream is closed", EVENT_CLOSED, 0, pipe_},
    {"proc", "", "a timer", EVENT_NOTIFY, PROC_TIMER, timer},
    {"proc", "", "an alarm", EVENT_NOTIFY, PROC_TIMER, alarm_timer},
};
uint64_t sweep_row_count = sizeof sweep_rows / sizeof sweep_rows[0];
