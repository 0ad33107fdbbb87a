/* SPDX-License-Identifier: MIT
 * System calls and their errors; prints what should be the same on every Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long result) {
    printf("%s: %ld %s\n", what, result < 0 ? -1 : result, result < 0 ? strerror(errno) : "");
}
#define SHOW(call) (errno = 0, show(#call, (long)(call)))

static void errors(void) {
    char buffer[16];
    struct stat stat_buffer;
    void *volatile bad = (void *)8;
    SHOW(open("/nothing/there", O_RDONLY));
    SHOW(open("", O_RDONLY));
    SHOW(close(99));
    SHOW(read(99, buffer, 1));
    SHOW(write(1, bad, 1));
    SHOW(syscall(SYS_fstat, 0, bad));
    SHOW(stat("/", &stat_buffer));
    SHOW(S_ISDIR(stat_buffer.st_mode));
    SHOW(open("/", O_WRONLY));
    SHOW(chdir("/dev/null"));
    SHOW(mkdir("/", 0777));
    SHOW(kill(99999, 0));
    SHOW(kill(getpid(), 65));
    SHOW(waitpid(-1, NULL, 0));
    SHOW(dup2(99, 5));
    SHOW(fcntl(99, F_GETFD));
    SHOW(getcwd(buffer, 0) == NULL);
    SHOW(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW(munmap((void *)1, 4096));
    SHOW(sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL));
    SHOW(nanosleep(&(struct timespec){0, -1}, NULL));
    SHOW(pipe(bad));
    SHOW(execl("/nothing", "x", NULL));
    SHOW(setpgid(99999, 0));
}

static void files(void) {
    char buffer[64] = "";
    int fd = open("calls.tmp", O_RDWR | O_CREAT | O_TRUNC, 0644);
    SHOW(write(fd, "hello world", 11));
    SHOW(pwrite(fd, "HE", 2, 0));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pread(fd, buffer, 5, 0));
    puts(buffer);
    struct iovec parts[2] = {{"ab", 2}, {"cd", 2}};
    SHOW(writev(fd, parts, 2));
    SHOW(lseek(fd, 100, SEEK_SET));
    SHOW(write(fd, "x", 1));
    SHOW(lseek(fd, -1, SEEK_SET));
    int copy = dup(fd);
    SHOW(lseek(copy, 3, SEEK_SET));
    SHOW(read(fd, buffer, 4));
    SHOW(lseek(copy, 0, SEEK_CUR));
    SHOW(ftruncate(fd, 4));
    struct stat st;
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    int append = open("calls.tmp", O_WRONLY | O_APPEND);
    SHOW(write(append, "zz", 2));
    SHOW(read(append, buffer, 1));
    SHOW(fcntl(append, F_GETFL) & (O_APPEND | O_ACCMODE));
    SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(open("calls.tmp", O_CREAT | O_EXCL | O_RDWR, 0644));
    SHOW(rename("calls.tmp", "calls.two"));
    SHOW(access("calls.tmp", F_OK));
    SHOW(unlink("calls.two"));
    SHOW(read(fd, buffer, sizeof buffer));
    SHOW(pread(fd, buffer, sizeof buffer, 0));
    char *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("%.6s\n", map);
    munmap(map, 4096);
    close(fd);
    close(copy);
    close(append);
}

static void pipes(void) {
    int p[2];
    static char big[100000];
    SHOW(pipe(p));
    SHOW(write(p[1], "abc", 3));
    SHOW(read(p[0], big, 2));
    struct pollfd polls[2] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}};
    SHOW(poll(polls, 2, 0));
    SHOW(polls[0].revents | polls[1].revents << 8);
    SHOW(read(p[0], big, 2));
    SHOW(fcntl(p[0], F_SETFL, O_NONBLOCK));
    SHOW(read(p[0], big, 2));
    SHOW(poll(polls, 1, 10));
    SHOW(fcntl(p[1], F_SETFL, O_NONBLOCK));
    SHOW(write(p[1], big, sizeof big));
    SHOW(write(p[1], big, 1));
    SHOW(lseek(p[0], 0, SEEK_SET));
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    SHOW(write(p[1], "x", 1));
    SHOW(poll(&polls[1], 1, 0));
    SHOW(polls[1].revents & POLLERR);
    close(p[1]);
    pipe(p);
    if (fork() == 0) {
        close(p[0]);
        memset(big, 'q', sizeof big);
        _exit(write(p[1], big, sizeof big) == sizeof big ? 0 : 1);
    }
    close(p[1]);
    long total = 0, got;
    while ((got = read(p[0], big, 777)) > 0) {
        total += got;
    }
    int status;
    wait(&status);
    SHOW(total);
    SHOW(status);
    close(p[0]);
}

static volatile int handled, code;
static volatile pid_t sender;
static void handler(int number, siginfo_t *info, void *context) {
    (void)context;
    handled = number;
    code = info->si_code;
    sender = info->si_pid;
}

static jmp_buf again;
static void *volatile fault_at;
static void on_fault(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    fault_at = info->si_addr;
    siglongjmp(again, 1);
}

static void signals(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigset_t set, old;
    sigaction(SIGUSR1, &action, NULL);
    SHOW(kill(getpid(), SIGUSR1));
    SHOW(handled);
    SHOW(code);
    SHOW(sender == getpid());
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    handled = 0;
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    SHOW(handled);
    sigset_t pending;
    sigpending(&pending);
    SHOW(sigismember(&pending, SIGUSR1));
    SHOW(sigsuspend(&old));
    SHOW(handled);
    sigprocmask(SIG_SETMASK, &old, NULL);
    action.sa_sigaction = on_fault;
    sigaction(SIGSEGV, &action, NULL);
    if (sigsetjmp(again, 1) == 0) {
        static volatile int *volatile nowhere = (volatile int *)16;
        *nowhere = 1;
    }
    SHOW((long)fault_at);
    signal(SIGSEGV, SIG_DFL);
    double x = 1.5;
    action.sa_sigaction = handler;
    sigaction(SIGCHLD, &action, NULL);
    handled = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit((int)(x * 4));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    SHOW(WEXITSTATUS(status));
    SHOW(handled == SIGCHLD && sender == child);
    child = fork();
    if (child == 0) {
        signal(SIGUSR2, SIG_DFL);
        pause();
    }
    kill(child, SIGSTOP);
    SHOW(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    SHOW(WSTOPSIG(status));
    kill(child, SIGCONT);
    SHOW(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    kill(child, SIGUSR2);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    SHOW(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    SHOW(SIGRTMIN >= 34);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int counter;
static __thread int mine;
static void *work(void *argument) {
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        mine++;
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    return (void *)((long)argument + mine);
}

static void threads(void) {
    pthread_t all[8];
    long sum = 0;
    for (long i = 0; i < 8; i++) {
        pthread_create(&all[i], NULL, work, (void *)i);
    }
    pthread_mutex_lock(&mutex);
    while (counter < 8000) {
        pthread_cond_wait(&condition, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 8; i++) {
        void *result;
        pthread_join(all[i], &result);
        sum += (long)result;
    }
    SHOW(counter);
    SHOW(sum);
}

static void memory(void) {
    size_t size = 1 << 20;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    p[4096] = 'a';
    p[8192] = 'b';
    SHOW(munmap(p, 4096));
    SHOW(mprotect(p + 4096, 4096, PROT_READ));
    SHOW(p[4096] + p[8192]);
    SHOW(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE));
    p = mremap(p + 4096, size - 4096, 3 * size, MREMAP_MAYMOVE);
    SHOW(p[0] + p[4096]);
    SHOW(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    if (fork() == 0) { /* what may not be touched is there in the child too */
        *shared = 42;
        p[4096] = 'z';
        _exit(0);
    }
    wait(NULL);
    SHOW(*shared);
    SHOW(p[4096]);
    SHOW(madvise(p + 4096, 4096, MADV_DONTNEED));
    SHOW(p[4096]);
    volatile char deep[500000];
    deep[0] = 1;
    deep[499999] = 2;
    SHOW(deep[0] + deep[499999]);
    struct timespec now, then = {0, 2000000};
    clock_gettime(CLOCK_MONOTONIC, &now);
    SHOW(nanosleep(&then, NULL));
    clock_gettime(CLOCK_MONOTONIC, &then);
    SHOW((then.tv_sec - now.tv_sec) * 1000000000 + then.tv_nsec - now.tv_nsec >= 2000000);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "missing") == 0) {
        SHOW(syscall(SYS_init_module, 0, 0, 0));
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    errors();
    files();
    pipes();
    signals();
    threads();
    memory();
    return 0;
}
