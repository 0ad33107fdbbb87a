/* SPDX-License-Identifier: MIT
 * Upcalls: which system call is whose.
 */
#include "file.h"
#include "memory.h"
#include "poll.h"
#include "process.h"
#include "signals.h"
#include "socket.h"
#include "timing.h"

static linux_call *const calls[] = {
    [0] = call_read,
    [1] = call_write,
    [2] = call_open,
    [3] = call_close,
    [4] = call_stat,
    [5] = call_fstat,
    [6] = call_lstat,
    [7] = call_poll,
    [8] = call_lseek,
    [9] = call_mmap,
    [10] = call_mprotect,
    [11] = call_munmap,
    [12] = call_brk,
    [13] = call_rt_sigaction,
    [14] = call_rt_sigprocmask,
    [15] = call_rt_sigreturn,
    [16] = call_ioctl,
    [17] = call_pread64,
    [18] = call_pwrite64,
    [19] = call_readv,
    [20] = call_writev,
    [21] = call_access,
    [22] = call_pipe,
    [23] = call_select,
    [24] = call_sched_yield,
    [25] = call_mremap,
    [26] = call_msync,
    [28] = call_madvise,
    [32] = call_dup,
    [33] = call_dup2,
    [34] = call_pause,
    [35] = call_nanosleep,
    [36] = call_getitimer,
    [37] = call_alarm,
    [38] = call_setitimer,
    [39] = call_getpid,
    [40] = call_sendfile,
    [41] = call_socket,
    [42] = call_connect,
    [43] = call_accept,
    [44] = call_sendto,
    [45] = call_recvfrom,
    [46] = call_sendmsg,
    [47] = call_recvmsg,
    [48] = call_shutdown,
    [49] = call_bind,
    [50] = call_listen,
    [51] = call_getsockname,
    [52] = call_getpeername,
    [53] = call_socketpair,
    [54] = call_setsockopt,
    [55] = call_getsockopt,
    [56] = call_clone,
    [57] = call_fork,
    [58] = call_vfork,
    [59] = call_execve,
    [60] = call_exit,
    [61] = call_wait4,
    [62] = call_kill,
    [63] = call_uname,
    [72] = call_fcntl,
    [74] = call_fsync,
    [75] = call_fsync, /* fdatasync */
    [76] = call_truncate,
    [77] = call_ftruncate,
    [79] = call_getcwd,
    [80] = call_chdir,
    [81] = call_fchdir,
    [82] = call_rename,
    [83] = call_mkdir,
    [84] = call_rmdir,
    [85] = call_creat,
    [87] = call_unlink,
    [89] = call_readlink,
    [95] = call_umask,
    [96] = call_gettimeofday,
    [97] = call_getrlimit,
    [98] = call_getrusage,
    [99] = call_sysinfo,
    [100] = call_times,
    [102] = call_zero,   /* getuid */
    [104] = call_zero,   /* getgid */
    [105] = call_set_id, /* setuid */
    [106] = call_set_id, /* setgid */
    [107] = call_zero,   /* geteuid */
    [108] = call_zero,   /* getegid */
    [109] = call_setpgid,
    [110] = call_getppid,
    [111] = call_getpgrp,
    [112] = call_setsid,
    [115] = call_getgroups,
    [118] = call_getres_id, /* getresuid */
    [120] = call_getres_id, /* getresgid */
    [121] = call_getpgid,
    [124] = call_getsid,
    [127] = call_rt_sigpending,
    [128] = call_rt_sigtimedwait,
    [129] = call_rt_sigqueueinfo,
    [130] = call_rt_sigsuspend,
    [131] = call_sigaltstack,
    [137] = call_statfs,
    [138] = call_fstatfs,
    [140] = call_getpriority,
    [157] = call_prctl,
    [158] = call_arch_prctl,
    [160] = call_setrlimit,
    [162] = call_zero, /* sync */
    [186] = call_gettid,
    [200] = call_tkill,
    [201] = call_time,
    [202] = call_futex,
    [204] = call_sched_getaffinity,
    [213] = call_epoll_create,
    [217] = call_getdents64,
    [218] = call_set_tid_address,
    [222] = call_timer_create,
    [223] = call_timer_settime,
    [224] = call_timer_gettime,
    [225] = call_timer_getoverrun,
    [226] = call_timer_delete,
    [228] = call_clock_gettime,
    [229] = call_clock_getres,
    [230] = call_clock_nanosleep,
    [231] = call_exit_group,
    [232] = call_epoll_wait,
    [233] = call_epoll_ctl,
    [234] = call_tgkill,
    [247] = call_waitid,
    [257] = call_openat,
    [258] = call_mkdirat,
    [262] = call_newfstatat,
    [263] = call_unlinkat,
    [264] = call_renameat,
    [267] = call_readlinkat,
    [269] = call_faccessat,
    [270] = call_pselect6,
    [271] = call_ppoll,
    [273] = call_set_robust_list,
    [281] = call_epoll_pwait,
    [283] = call_timerfd_create,
    [284] = call_eventfd,
    [286] = call_timerfd_settime,
    [287] = call_timerfd_gettime,
    [288] = call_accept4,
    [290] = call_eventfd2,
    [291] = call_epoll_create1,
    [292] = call_dup3,
    [293] = call_pipe2,
    [295] = call_preadv,
    [296] = call_pwritev,
    [297] = call_rt_tgsigqueueinfo,
    [299] = call_recvmmsg,
    [302] = call_prlimit64,
    [307] = call_sendmmsg,
    [309] = call_getcpu,
    [316] = call_renameat2,
    [318] = call_getrandom,
    [332] = call_statx,
    [436] = call_close_range,
    [439] = call_faccessat2,
    [441] = call_epoll_pwait2,
};

int64_t unknown_call(uint64_t number) {
    struct proc_flags request = {number};
    (void)call_simple(process.proc, PROC_UNKNOWN, &request, sizeof request, NULL, 0);
    return -ENOSYS;
}

static void system_call(struct thread *thread) {
    struct upcall_page *page = &thread->page;
    const uint64_t number = page->rax & 0x7fffffff;
    const uint64_t a[] = {page->rdi, page->rsi, page->rdx, page->r10, page->r8, page->r9};
    linux_call *handler = number < sizeof calls / sizeof calls[0] ? calls[number] : NULL;
    int64_t result = handler == NULL ? unknown_call(number) : handler(thread, a);
    if (result != NO_RESULT) {
        page->rax = (uint64_t)result;
    }
    if (thread->look || thread->ready.number != 0 || result == RESTART_BY_FLAG ||
        result == RESTART_UNLESS_HANDLED || thread->suspended) {
        signal_deliver(thread, result, number);
    }
}

void upcall(struct thread *thread) {
    switch (thread->page.reason) {
    case UPCALL_SYSCALL:
        system_call(thread);
        break;
    case UPCALL_FAULT:
        if (thread->page.vector != 14 ||
            !memory_fault(thread->page.address, (thread->page.error & 2) != 0)) {
            signal_fault(thread);
        }
        break;
    default:
        thread->look = thread->ask = true;
        signal_deliver(thread, 0, 0);
        break;
    }
}
