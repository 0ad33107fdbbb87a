/* SPDX-License-Identifier: MIT
 * Numbers and structures of Linux's user interface on x86-64 that the personality needs.
 */
#pragma once
#include <stdint.h>

#define ERRORS(E)                                                                                  \
    E(EPERM, 1)                                                                                    \
    E(ENOENT, 2)                                                                                   \
    E(ESRCH, 3)                                                                                    \
    E(EINTR, 4)                                                                                    \
    E(EIO, 5)                                                                                      \
    E(ENXIO, 6)                                                                                    \
    E(E2BIG, 7)                                                                                    \
    E(ENOEXEC, 8)                                                                                  \
    E(EBADF, 9)                                                                                    \
    E(ECHILD, 10)                                                                                  \
    E(EAGAIN, 11)                                                                                  \
    E(ENOMEM, 12)                                                                                  \
    E(EACCES, 13)                                                                                  \
    E(EFAULT, 14)                                                                                  \
    E(EBUSY, 16)                                                                                   \
    E(EEXIST, 17)                                                                                  \
    E(EXDEV, 18)                                                                                   \
    E(ENODEV, 19)                                                                                  \
    E(ENOTDIR, 20)                                                                                 \
    E(EISDIR, 21)                                                                                  \
    E(EINVAL, 22)                                                                                  \
    E(EMFILE, 24)                                                                                  \
    E(ENOTTY, 25)                                                                                  \
    E(EFBIG, 27)                                                                                   \
    E(ENOSPC, 28)                                                                                  \
    E(ESPIPE, 29)                                                                                  \
    E(EROFS, 30)                                                                                   \
    E(EPIPE, 32)                                                                                   \
    E(EDOM, 33)                                                                                    \
    E(ERANGE, 34)                                                                                  \
    E(ENAMETOOLONG, 36)                                                                            \
    E(ENOSYS, 38)                                                                                  \
    E(ENOTEMPTY, 39)                                                                               \
    E(ELOOP, 40)                                                                                   \
    E(EPROTO, 71)                                                                                  \
    E(EOVERFLOW, 75)                                                                               \
    E(ENOTSOCK, 88)                                                                                \
    E(EDESTADDRREQ, 89)                                                                            \
    E(EMSGSIZE, 90)                                                                                \
    E(ENOPROTOOPT, 92)                                                                             \
    E(EPROTONOSUPPORT, 93)                                                                         \
    E(ESOCKTNOSUPPORT, 94)                                                                         \
    E(EOPNOTSUPP, 95)                                                                              \
    E(EAFNOSUPPORT, 97)                                                                            \
    E(EADDRINUSE, 98)                                                                              \
    E(EADDRNOTAVAIL, 99)                                                                           \
    E(ENETDOWN, 100)                                                                               \
    E(ENETUNREACH, 101)                                                                            \
    E(ECONNABORTED, 103)                                                                           \
    E(ECONNRESET, 104)                                                                             \
    E(ENOBUFS, 105)                                                                                \
    E(EISCONN, 106)                                                                                \
    E(ENOTCONN, 107)                                                                               \
    E(ETIMEDOUT, 110)                                                                              \
    E(ECONNREFUSED, 111)                                                                           \
    E(EHOSTUNREACH, 113)                                                                           \
    E(EALREADY, 114)                                                                               \
    E(EINPROGRESS, 115)
#define E(name, number) name = (number),
enum linux_error { ERRORS(E) };
#undef E

struct linux_timespec {
    int64_t seconds, nanoseconds;
};
struct linux_timeval {
    int64_t seconds, microseconds;
};

struct linux_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, pad;
    uint64_t rdev;
    int64_t size, blksize, blocks;
    struct linux_timespec atime, mtime, ctime;
    int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "ABI");

#define S_IFMT 0170000u
#define S_IFIFO 0010000u
#define S_IFCHR 0020000u
#define S_IFDIR 0040000u
#define S_IFREG 0100000u
#define S_IFLNK 0120000u
#define S_IFSOCK 0140000u

#define O_ACCMODE 03u
#define O_WRONLY 01u
#define O_RDWR 02u
#define O_CREAT 0100u
#define O_EXCL 0200u
#define O_TRUNC 01000u
#define O_APPEND 02000u
#define O_NONBLOCK 04000u
#define O_DIRECTORY 0200000u
#define O_CLOEXEC 02000000u
#define O_PATH 010000000u
#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_REMOVEDIR 0x200u
#define AT_EMPTY_PATH 0x1000u

#define LINUX_PROT_READ 1u
#define LINUX_PROT_WRITE 2u
#define LINUX_PROT_EXEC 4u
#define MAP_SHARED 1u
#define MAP_PRIVATE 2u
#define MAP_TYPE 0xfu
#define MAP_FIXED 0x10u
#define MAP_ANONYMOUS 0x20u
#define MAP_FIXED_NOREPLACE 0x100000u

enum {
    SIGHUP = 1,
    SIGILL = 4,
    SIGTRAP = 5,
    SIGABRT = 6,
    SIGBUS = 7,
    SIGFPE = 8,
    SIGKILL = 9,
    SIGSEGV = 11,
    SIGPIPE = 13,
    SIGALRM = 14,
    SIGCHLD = 17,
    SIGCONT = 18,
    SIGSTOP = 19,
    SIGTSTP = 20,
    SIGTTIN = 21,
    SIGTTOU = 22,
    SIGURG = 23,
    SIGWINCH = 28,
    SIGNALS = 64,
};
#define SIGNAL_BIT(signal) (1ull << ((signal)-1))
#define SA_NOCLDSTOP 1u
#define SA_NOCLDWAIT 2u
#define SA_SIGINFO 4u
#define SA_RESTORER 0x04000000u
#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u
#define SIG_DFL 0u
#define SIG_IGN 1u
#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_TIMER (-2)
#define SI_TKILL (-6)

struct linux_sigaction {
    uint64_t handler, flags, restorer, mask;
};

/* What is known of a signal that was taken. */
struct linux_signal {
    int32_t number, code;
    int32_t pid; /* of a timer's: its number */
    int32_t overrun;
    uint64_t value; /* status, address, or sigval */
};

struct linux_siginfo {
    int32_t number, error, code, pad;
    union {
        struct {
            int32_t pid;
            uint32_t uid;   /* SI_TIMER: overrun */
            uint64_t value; /* SIGCHLD: status in the low half */
        };
        uint64_t address;
        uint8_t bytes[112];
    };
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "ABI");

struct linux_context {
    uint64_t flags, link;
    uint64_t stack_base;
    int32_t stack_flags, stack_pad;
    uint64_t stack_size;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, vector, oldmask, cr2;
    uint64_t fpstate;
    uint64_t reserved[8];
    uint64_t mask;
};
_Static_assert(sizeof(struct linux_context) == 304, "ABI");

#define CLONE_VM 0x100u
#define CLONE_VFORK 0x4000u
#define CLONE_THREAD 0x10000u
#define CLONE_SETTLS 0x80000u
#define CLONE_PARENT_SETTID 0x100000u
#define CLONE_CHILD_CLEARTID 0x200000u
#define CLONE_CHILD_SETTID 0x1000000u

#define POLLIN 1u
#define POLLOUT 4u
#define POLLERR 8u
#define POLLHUP 16u
#define POLLNVAL 32u
#define POLLRDNORM 0x40u
#define POLLWRNORM 0x100u
#define POLLRDHUP 0x2000u
