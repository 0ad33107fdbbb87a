/* SPDX-License-Identifier: MIT
 * Sockets of all kinds and their errors, compared with the host's.
 */
#include "loopback.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) < 0 ? -errno : value;
}

static void errors(void) {
    char byte;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(9)};
    far.sin_addr.s_addr = inet_addr("192.0.2.1");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    SHOW(socket(AF_INET, 99, 0));
    SHOW(socket(99, SOCK_STREAM, 0));
    SHOW(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    SHOW(fcntl(udp, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) == O_RDWR);
    SHOW(bind(fd, (struct sockaddr *)&far, sizeof far));
    SHOW(bind(fd, (struct sockaddr *)&far, 3));
    SHOW(bind(fd, (struct sockaddr *)&six, sizeof six));
    SHOW(bind(99, LOOPBACK, sizeof loopback));
    SHOW(bind(0, LOOPBACK, sizeof loopback));
    SHOW(accept(fd, NULL, NULL));
    SHOW(accept(udp, NULL, NULL));
    SHOW(listen(udp, 1));
    SHOW(recv(fd, &byte, 1, 0));
    SHOW(send(fd, &byte, 1, MSG_NOSIGNAL));
    SHOW(send(udp, &byte, 1, 0));
    SHOW(getpeername(fd, LOOPBACK, &(socklen_t){16}));
    SHOW(shutdown(fd, SHUT_RDWR));
    SHOW(shutdown(fd, 7));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(pread(fd, &byte, 1, 0));
    SHOW(ftruncate(fd, 0));
    SHOW(fsync(fd));
    struct stat st;
    SHOW(fstat(fd, &st));
    SHOW(S_ISSOCK(st.st_mode));
    SHOW(option(fd, SOL_SOCKET, SO_TYPE));
    SHOW(option(udp, SOL_SOCKET, SO_PROTOCOL));
    SHOW(option(fd, SOL_SOCKET, SO_DOMAIN));
    SHOW(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    SHOW(option(fd, SOL_SOCKET, 9999));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 1));
    SHOW(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, 4));
    SHOW(option(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
    SHOW(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, 4));
    SHOW(option(fd, SOL_SOCKET, SO_KEEPALIVE));
    close(fd);
    close(udp);
}

static void streams(void) {
    char buffer[100] = "";
    int count, ends[2];
    struct sockaddr_in own, peer;
    int listener = listening();
    SHOW(option(listener, SOL_SOCKET, SO_ACCEPTCONN));
    SHOW(fcntl(listener, F_SETFL, O_NONBLOCK));
    SHOW(accept(listener, NULL, NULL));
    SHOW(fcntl(listener, F_SETFL, 0));
    pair(listener, ends);
    SHOW(getsockname(ends[0], (struct sockaddr *)&own, &(socklen_t){sizeof own}));
    SHOW(getpeername(ends[1], (struct sockaddr *)&peer, &(socklen_t){sizeof peer}));
    SHOW(memcmp(&own, &peer, 8));
    SHOW(connect(ends[0], LOOPBACK, sizeof loopback));
    SHOW(write(ends[0], "hello", 5));
    SHOW(ready(ends[1], POLLIN | POLLOUT));
    SHOW(ioctl(ends[1], FIONREAD, &count));
    SHOW(count);
    SHOW(recv(ends[1], buffer, 2, MSG_PEEK));
    SHOW(read(ends[1], buffer, sizeof buffer));
    SHOW(recv(ends[1], buffer, 1, MSG_DONTWAIT));
    int copy = dup(ends[1]);
    SHOW(ioctl(copy, FIONBIO, &(int){1}));
    SHOW(read(ends[1], buffer, 1));
    SHOW(fcntl(ends[1], F_GETFL) == (O_RDWR | O_NONBLOCK));
    SHOW(fcntl(ends[1], F_SETFL, 0));
    struct iovec parts[3] = {{"ab", 2}, {"cde", 3}, {"f", 1}};
    SHOW(writev(copy, parts, 3));
    SHOW(recv(ends[0], buffer, 6, MSG_WAITALL));
    printf("%.6s\n", buffer);
    if (fork() == 0) { /* the child has the connection too */
        close(ends[0]);
        _exit(write(ends[1], "child", 5) == 5 ? 0 : 1);
    }
    wait(&count);
    SHOW(count);
    SHOW(recv(ends[0], buffer, 5, MSG_WAITALL));
    SHOW(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 1000}, 16));
    SHOW(read(ends[0], buffer, 1));
    SHOW(shutdown(ends[1], SHUT_WR));
    SHOW(ready(ends[0], POLLIN | POLLRDHUP));
    SHOW(read(ends[0], buffer, 1));
    SHOW(write(ends[0], "still", 5));
    SHOW(recv(ends[1], buffer, 5, MSG_WAITALL));
    signal(SIGPIPE, SIG_IGN);
    SHOW(write(ends[1], "x", 1));
    SHOW(send(ends[1], "x", 1, MSG_NOSIGNAL));
    close(copy);
    close(ends[0]);
    close(ends[1]);
    close(listener);
}

/* An attempt that does not wait, and one that is refused. */
static void connecting(void) {
    int listener = listening();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SHOW(connect(fd, LOOPBACK, sizeof loopback) == 0 || errno == EINPROGRESS);
    SHOW(ready(fd, POLLOUT));
    SHOW(option(fd, SOL_SOCKET, SO_ERROR));
    int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    SHOW(fcntl(server, F_GETFL) == (O_RDWR | O_NONBLOCK));
    SHOW(fcntl(server, F_GETFD));
    close(server);
    close(fd);
    close(listener);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(fd, LOOPBACK, sizeof loopback));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int result = connect(fd, LOOPBACK, sizeof loopback);
    SHOW(result < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED));
    int refused = errno == ECONNREFUSED;
    ready(fd, POLLOUT);
    SHOW(refused ? ECONNREFUSED : option(fd, SOL_SOCKET, SO_ERROR));
    close(fd);
}

static void datagrams(void) {
    char buffer[100] = "";
    struct sockaddr_in to = {.sin_family = AF_INET}, from;
    socklen_t size = sizeof to;
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SHOW(bind(a, (struct sockaddr *)&to, sizeof to));
    SHOW(getsockname(a, (struct sockaddr *)&to, &size));
    SHOW(sendto(b, "one", 3, 0, (struct sockaddr *)&to, sizeof to));
    SHOW(sendto(b, "", 0, 0, (struct sockaddr *)&to, sizeof to));
    SHOW(ready(a, POLLIN));
    SHOW(recvfrom(a, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size));
    SHOW(ntohl(from.sin_addr.s_addr) == INADDR_LOOPBACK && from.sin_port != 0);
    SHOW(recv(a, buffer, sizeof buffer, 0));
    SHOW(recv(a, buffer, sizeof buffer, MSG_DONTWAIT));
    SHOW(connect(a, (struct sockaddr *)&from, sizeof from));
    struct iovec parts[2] = {{"two ", 4}, {"parts", 5}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    SHOW(sendmsg(a, &message, 0));
    char left[3], right[100];
    struct iovec room[2] = {{left, 3}, {right, 2}};
    message = (struct msghdr){
        .msg_iov = room, .msg_iovlen = 2, .msg_name = &from, .msg_namelen = sizeof from};
    SHOW(recvmsg(b, &message, 0));
    printf("%.3s|%.2s %u %u\n", left, right, message.msg_namelen,
           (unsigned)(message.msg_flags & MSG_TRUNC) / MSG_TRUNC);
    struct mmsghdr both[2] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 1}},
                              {.msg_hdr = {.msg_iov = parts + 1, .msg_iovlen = 1}}};
    SHOW(sendmmsg(a, both, 2, 0));
    SHOW(both[0].msg_len * 10 + both[1].msg_len);
    SHOW(recv(b, buffer, 1, MSG_TRUNC));
    SHOW(recv(b, buffer, sizeof buffer, 0));
    static char large[65536];
    SHOW(send(a, large, sizeof large, 0));
    SHOW(connect(a, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
    SHOW(send(a, large, 1, 0));
    close(a);
    close(b);
}

static void six(void) {
    struct sockaddr_in6 any = {.sin6_family = AF_INET6}, peer;
    struct sockaddr_in four = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    char text[64];
    int listener = socket(AF_INET6, SOCK_STREAM, 0);
    SHOW(bind(listener, (struct sockaddr *)&any, sizeof any));
    SHOW(listen(listener, 1));
    SHOW(getsockname(listener, (struct sockaddr *)&any, &size));
    any.sin6_addr = in6addr_loopback;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    SHOW(connect(fd, (struct sockaddr *)&any, sizeof any));
    close(accept(listener, (struct sockaddr *)&peer, &size));
    puts(inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text));
    close(fd);
    four.sin_port = any.sin6_port;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(fd, (struct sockaddr *)&four, sizeof four));
    close(accept(listener, (struct sockaddr *)&peer, &size));
    puts(inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text));
    close(fd);
    close(listener);
}

static volatile int handled;
static void handler(int number) {
    handled = number;
}

/* Calls that a signal cuts short, while they wait. */
static void interrupted(void) {
    char byte;
    int ends[2];
    int listener = listening();
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    pair(listener, ends);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        for (;;) { /* until it is killed: the parent need not be waiting yet */
            usleep(20000);
            kill(parent, SIGUSR1);
        }
    }
    SHOW(read(ends[0], &byte, 1));
    SHOW(accept(listener, NULL, NULL));
    SHOW(poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1));
    int epoll = epoll_create1(0);
    SHOW(epoll_wait(epoll, &(struct epoll_event){0}, 1, -1));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    SHOW(handled == SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
    close(epoll);
    close(ends[0]);
    close(ends[1]);
    close(listener);
}

static void pairs(void) {
    char buffer[10], *big = calloc(1, 200000);
    int *volatile bad = (int *)8;
    int s[2], count;
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    SHOW(socketpair(AF_INET, SOCK_STREAM, 0, s));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, bad));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
    SHOW(fcntl(s[1], F_GETFD));
    SHOW(write(s[0], "hello", 5));
    SHOW(write(s[1], "back", 4));
    SHOW(ioctl(s[1], FIONREAD, &count));
    SHOW(count);
    SHOW(read(s[1], buffer, 3));
    SHOW(recv(s[1], buffer, 10, 0));
    SHOW(recv(s[0], buffer, 10, 0));
    SHOW(recv(s[0], buffer, 10, MSG_DONTWAIT));
    SHOW(ready(s[0], POLLIN | POLLOUT));
    SHOW(poll(&(struct pollfd){s[0], POLLIN, 0}, 1, 1));
    SHOW(option(s[0], SOL_SOCKET, SO_DOMAIN));
    SHOW(option(s[0], SOL_SOCKET, SO_ERROR));
    SHOW(getpeername(s[0], (struct sockaddr *)&name, &size));
    SHOW(name.ss_family * 100 + size);
    SHOW(listen(s[0], 1));
    struct stat st;
    fstat(s[0], &st);
    SHOW(S_ISSOCK(st.st_mode));
    if (fork() == 0) { /* gives back all it gets */
        close(s[0]);
        long got;
        while ((got = read(s[1], big, 200000)) > 0) {
            write(s[1], big, (size_t)got);
        }
        _exit(3);
    }
    close(s[1]);
    long sum = 0;
    if (fork() == 0) {
        _exit(write(s[0], big, 200000) == 200000 && shutdown(s[0], SHUT_WR) == 0 ? 4 : 5);
    }
    for (long got; (got = read(s[0], big, 200000)) > 0;) {
        sum += got;
    }
    SHOW(sum);
    wait(&count);
    sum = WEXITSTATUS(count);
    wait(&count);
    SHOW(sum + WEXITSTATUS(count));
    SHOW(ready(s[0], POLLIN | POLLRDHUP | POLLOUT));
    SHOW(write(s[0], "x", 1));
    close(s[0]);
    SHOW(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
    SHOW(read(s[0], buffer, 1));
    SHOW(shutdown(s[0], SHUT_WR));
    SHOW(read(s[1], buffer, 1));
    SHOW(write(s[1], "y", 1));
    SHOW(ready(s[1], POLLIN | POLLRDHUP));
    close(s[1]);
    SHOW(read(s[0], buffer, 2));
    SHOW(read(s[0], buffer, 2));
    SHOW(send(s[0], buffer, 2, MSG_NOSIGNAL));
    close(s[0]);
    free(big);
}

/* A read into several parts takes what there is and does not wait for more. */
static void parts(void) {
    int p[2];
    char left[2], right[2];
    struct iovec both[2] = {{left, 2}, {right, 2}};
    SHOW(pipe(p));
    SHOW(write(p[1], "ab", 2));
    SHOW(readv(p[0], both, 2));
    SHOW(write(p[1], "abc", 3));
    SHOW(readv(p[0], both, 2));
    close(p[0]);
    close(p[1]);
}

/* Several processes wait for the same listening socket; each gets its connections. */
static void shared_listener(void) {
    int listener = listening();
    int status, sum = 0;
    fcntl(listener, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            int fd;
            do {
                ready(listener, POLLIN);
                fd = accept(listener, NULL, NULL);
            } while (fd < 0);
            char byte;
            fcntl(fd, F_SETFL, 0);
            _exit(read(fd, &byte, 1) == 1 ? byte : 99);
        }
    }
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        char byte = (char)(1 << i);
        SHOW(connect(fd, LOOPBACK, sizeof loopback));
        write(fd, &byte, 1);
        close(fd);
    }
    while (wait(&status) > 0) {
        sum += WEXITSTATUS(status);
    }
    SHOW(sum);
    close(listener);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    errors();
    streams();
    connecting();
    datagrams();
    six();
    interrupted();
    parts();
    pairs();
    shared_listener();
    return 0;
}
