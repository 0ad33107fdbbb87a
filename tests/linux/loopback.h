/* SPDX-License-Identifier: MIT
 * What the programs of sockets and events share: connections over the loopback interface, and lines
 * that should be the same on every Linux. The port that was chosen is never printed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void show(const char *what, long result) {
    printf("%s: %ld %s\n", what, result < 0 ? -1 : result, result < 0 ? strerror(errno) : "");
}
#define SHOW(call) (errno = 0, show(#call, (long)(call)))

static struct sockaddr_in loopback = {.sin_family = AF_INET};
#define LOOPBACK ((struct sockaddr *)&loopback)

/* A listening socket; `loopback` has its port. */
static inline int listening(void) {
    socklen_t size = sizeof loopback;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    loopback.sin_port = 0;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SHOW(bind(fd, LOOPBACK, sizeof loopback));
    SHOW(listen(fd, 5));
    SHOW(getsockname(fd, LOOPBACK, &size));
    SHOW(size);
    return fd;
}

/* A connection of this process with itself. */
static inline void pair(int listener, int ends[2]) {
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(ends[0], LOOPBACK, sizeof loopback));
    ends[1] = accept(listener, NULL, NULL);
}

/* Until an event holds; those that do. */
static inline int ready(int fd, int events) {
    struct pollfd entry = {fd, (short)events, 0};
    poll(&entry, 1, -1);
    return entry.revents;
}
