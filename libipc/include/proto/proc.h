/* SPDX-License-Identifier: MIT
 * Process protocol. Served by proc; meaning in docs/spec/proc.md. Three kinds of session: the
 * wired one (RUN…), one for each process (FORK…), one for each end of a pipe and each opened
 * terminal ("streams": READ…). Signal numbers, wait statuses, termios and poll events are Linux's.
 */
#pragma once
#include <axolotl/abi.h>

#define PROC_PROTOCOL_VERSION 1
#define PROC_STRINGS_MAX 32768 /* bytes of RUN's strings */
#define PROC_IO_MAX 65536      /* bytes that one READ or WRITE moves at most */
#define PROC_PIPE_SIZE 65536
#define PROC_PIPE_ATOMIC 4096 /* writes up to this size are not split */

#define PROC_PROTOCOL(OP)                                                                          \
    OP(1, RUN, run, struct proc_run_request, struct proc_pid)                                      \
    OP(2, RUN_WAIT, run_wait, struct proc_pid, struct proc_status)                                 \
    OP(3, RUN_SIGNAL, run_signal, struct proc_kill_request, struct proc_empty)                     \
    OP(8, FORK, fork, struct proc_empty, struct proc_pid)                                          \
    OP(9, FORKED, forked, struct proc_pid, struct proc_empty)                                      \
    OP(10, CHILD, child, struct proc_empty, struct proc_child_reply)                               \
    OP(11, EXECED, execed, struct proc_command, struct proc_empty)                                 \
    OP(12, EXIT, exit, struct proc_status, struct proc_empty)                                      \
    OP(13, WAIT, wait, struct proc_wait_request, struct proc_wait_reply)                           \
    OP(14, KILL, kill, struct proc_kill_request, struct proc_empty)                                \
    OP(15, SIGNAL, signal, struct proc_signal_request, struct proc_signal_reply)                   \
    OP(16, IGNORE, ignore, struct proc_ignore_request, struct proc_empty)                          \
    OP(17, STOP, stop, struct proc_status, struct proc_empty)                                      \
    OP(18, IDENTITY, identity, struct proc_identity_request, struct proc_pid)                      \
    OP(19, PIPE, pipe, struct proc_flags, struct proc_empty)                                       \
    OP(20, TERMINAL, terminal, struct proc_empty, struct proc_empty)                               \
    OP(21, UNKNOWN, unknown, struct proc_flags, struct proc_empty)                                 \
    OP(22, LIST, list, struct proc_pid, struct proc_list_reply)                                    \
    OP(23, NUMBER, number, struct proc_empty, struct proc_pid)                                     \
    OP(24, COUNTER, counter, struct proc_counter_request, struct proc_empty)                       \
    OP(25, PAIR, pair, struct proc_flags, struct proc_empty)                                       \
    OP(26, NAME, name, struct proc_name, struct proc_empty)                                        \
    OP(27, COMMAND, command, struct proc_pid, struct proc_command)                                 \
    OP(28, ALARM, alarm, struct proc_timer_request, struct proc_timer)                             \
    OP(29, ALARM_ADD, alarm_add, struct proc_alarm_request, struct proc_alarm)                     \
    OP(30, ALARM_SET, alarm_set, struct proc_alarm_set_request, struct proc_alarm_set_reply)       \
    OP(31, ALARM_DROP, alarm_drop, struct proc_alarm, struct proc_empty)                           \
    OP(32, READ, read, struct proc_io_request, struct proc_io_reply)                               \
    OP(33, WRITE, write, struct proc_io_request, struct proc_io_reply)                             \
    OP(34, POLL, poll, struct proc_poll_request, struct proc_flags)                                \
    OP(35, FLAGS, flags, struct proc_flags_request, struct proc_flags)                             \
    OP(36, STATE, state, struct proc_empty, struct proc_state_reply)                               \
    OP(37, TERMIOS, termios, struct proc_termios_request, struct proc_termios)                     \
    OP(38, CONTROL, control, struct proc_control_request, struct proc_control_reply)               \
    OP(39, TIMER, timer, struct proc_timer_request, struct proc_timer)

enum proc_operation {
    PROC_RUN = 1,
    PROC_RUN_WAIT,
    PROC_RUN_SIGNAL,
    PROC_FORK = 8,
    PROC_FORKED,
    PROC_CHILD,
    PROC_EXECED,
    PROC_EXIT,
    PROC_WAIT,
    PROC_KILL,
    PROC_SIGNAL,
    PROC_IGNORE,
    PROC_STOP,
    PROC_IDENTITY,
    PROC_PIPE,
    PROC_TERMINAL,
    PROC_UNKNOWN,
    PROC_LIST,
    PROC_NUMBER,
    PROC_COUNTER,
    PROC_PAIR,
    PROC_NAME,
    PROC_COMMAND,
    PROC_ALARM,
    PROC_ALARM_ADD,
    PROC_ALARM_SET,
    PROC_ALARM_DROP,
    PROC_READ = 32,
    PROC_WRITE,
    PROC_POLL,
    PROC_FLAGS,
    PROC_STATE,
    PROC_TERMIOS,
    PROC_CONTROL,
    PROC_TIMER,
};

struct proc_empty {
    uint64_t reserved;
};
struct proc_pid {
    int64_t pid;
};
struct proc_status {
    int64_t status; /* as wait(2) gives it; STOP: the signal, 0 to go on waiting */
};
struct proc_flags {
    uint64_t flags;
};
struct proc_name {
    char name[16];
};

/* What runs: a name for lists, and the program's arguments, each NUL-terminated; what goes beyond
 * the size is cut. A process that has ended has none. */
#define PROC_COMMAND_MAX 256u
struct proc_command {
    char name[16];
    uint64_t length; /* of the arguments */
    char arguments[PROC_COMMAND_MAX];
};

/* RUN: lease 0 (read) holds the strings, each NUL-terminated: working directory, path of the
 * program, `argc` arguments, `envc` environment strings. Handles: a session on vfs, a session on a
 * terminal of console, a stack session of net; those at the end may be missing. */
struct proc_run_request {
    uint64_t argc, envc;
    uint64_t length; /* bytes of all strings */
};

struct proc_child_reply {
    int64_t pid, ppid;
};

/* pid as waitpid(2): > 0, 0, -1, < -1. */
#define PROC_WAIT_NO_HANG 1u
#define PROC_WAIT_STOPPED 2u
#define PROC_WAIT_EXITED 4u
#define PROC_WAIT_CONTINUED 8u
#define PROC_WAIT_KEEP 0x01000000u
struct proc_wait_request {
    int64_t pid;
    uint64_t options;
};
struct proc_wait_reply {
    int64_t pid; /* 0: none yet, with NO_HANG */
    int64_t status;
    uint64_t cpu_ns;
};

/* pid as kill(2). signal 0: checks only. A negative code is that of sigqueue(3): the value is kept,
 * or the answer E_WOULD_BLOCK. */
struct proc_kill_request {
    int64_t pid;
    int64_t signal;
    int64_t code;
    uint64_t value;
    int64_t thread; /* a thread of the caller's own, to whom alone it goes; 0: any */
};

/* SIGNAL takes the first pending signal that is not in `blocked`, and for any thread or for this
 * one; signal 0: none. `pending` are those left. */
struct proc_signal_request {
    uint64_t blocked;
    uint64_t peek; /* 1: takes none */
    int64_t thread;
};
struct proc_signal_reply {
    int64_t signal;
    int64_t code;
    int64_t pid;    /* of a timer's: its number */
    uint64_t value; /* SIGCHLD: status */
    uint64_t pending;
    uint64_t overrun; /* of a timer's: how often it went off since, without a signal */
    int64_t other;    /* a thread to tell that something is pending for it alone; 0: none. It is
                       * said once for each signal */
};

/* Signals (bit n-1) that the process ignores, by its wish or by default: they need not wake it. */
#define PROC_NO_CHILD_WAIT 1u
#define PROC_NO_CHILD_STOP 2u
struct proc_ignore_request {
    uint64_t mask;
    uint64_t flags;
};

enum proc_identity {
    PROC_GET_PARENT = 1,
    PROC_GET_GROUP,   /* of pid, 0: own */
    PROC_SET_GROUP,   /* of pid (own or a child that did not exec) to value (0: its pid) */
    PROC_GET_SESSION, /* of pid */
    PROC_NEW_SESSION,
    PROC_INTERRUPT, /* the process's first thread: the caller has something for it */
};
struct proc_identity_request {
    uint64_t what; /* enum proc_identity */
    int64_t pid;
    int64_t value;
};

/* The process with the lowest pid >= the one asked for; E_NOT_FOUND. */
struct proc_list_reply {
    int64_t pid, ppid, pgid, sid;
    uint64_t state;     /* 'R', 'S', 'T', 'Z'; of the first thread */
    uint64_t terminal;  /* Linux's device number of the controlling one; 0: none */
    int64_t foreground; /* group of that terminal; -1: none */
    uint64_t cpu_ns, children_ns, start_ns;
    uint64_t threads;
    uint64_t pending; /* signals */
    char name[16];
};
#define PROC_TERMINAL_DEVICE 0x8800u /* the first terminal's; then upwards */

/* A stream of one number: READ gives it as 8 bytes and leaves 0 (SEMAPHORE: one less), and waits
 * while it is 0; WRITE adds 8 bytes to it, or time does (TIMER). */
enum proc_counter_kind { PROC_COUNTER_EVENT = 1, PROC_COUNTER_SEMAPHORE, PROC_COUNTER_TIMER };
struct proc_counter_request {
    uint64_t kind;  /* enum proc_counter_kind */
    uint64_t value; /* to begin with */
    uint64_t flags; /* O_NONBLOCK */
};

/* TIMER: sets the number to 0 and the time at which it first rises. Answer: what was set before,
 * with the time that was left. */
struct proc_timer {
    uint64_t due_ns;      /* of the machine's time; in the answer: left. 0: never */
    uint64_t interval_ns; /* then again and again; 0: once */
};
struct proc_timer_request {
    uint64_t set; /* 0: asks only */
    struct proc_timer timer;
};

/* Timers of a process that send it a signal: ALARM is about the one that each has (SIGALRM), the
 * others are made by ALARM_ADD. As long as a timer's signal waits to be taken no other one is sent:
 * the times are counted. Times are as in struct proc_timer. */
struct proc_alarm_request {
    uint64_t signal; /* 0: none, it only runs */
    uint64_t value;
    uint64_t number; /* 1: the value is the timer's number */
    int64_t thread;  /* to whom alone it goes; 0: any */
};
#define PROC_ALARMS 64u /* of all processes; numbers are below */
struct proc_alarm {
    uint64_t number;
};
struct proc_alarm_set_request {
    uint64_t number;
    struct proc_timer_request timer;
};
struct proc_alarm_set_reply {
    struct proc_timer timer;
    uint64_t overrun; /* with the signal that was taken last */
};

/* READ: lease 0 writable; WRITE: lease 0 readable. */
#define PROC_IO_NO_STOP 1u /* the process can't be stopped by SIGTTIN or SIGTTOU */
#define PROC_IO_NO_WAIT 2u
struct proc_io_request {
    uint64_t length;
    int64_t pid; /* who reads: terminals care */
    uint64_t flags;
};
struct proc_io_reply {
    uint64_t length;
};

/* Events that hold now. If none does and a notification came along, it is signalled with `bits`
 * once, when one may; that takes the place of an earlier POLL of the stream with that key. */
struct proc_poll_request {
    uint64_t events; /* POLLIN 1, POLLOUT 4, POLLERR 8, POLLHUP 16; a pair: POLLRDHUP 0x2000 */
    uint64_t bits;
    uint64_t key;
};

/* Flags of the open stream: O_NONBLOCK. */
struct proc_flags_request {
    uint64_t set; /* 1: sets them */
    uint64_t flags;
};

enum proc_stream_kind {
    PROC_STREAM_READ = 1,
    PROC_STREAM_WRITE,
    PROC_STREAM_TERMINAL,
    PROC_STREAM_COUNTER,
    PROC_STREAM_PAIR,
};
struct proc_state_reply {
    uint64_t kind; /* enum proc_stream_kind */
    uint64_t id;
    uint64_t available; /* bytes that can be read at once */
    uint64_t number;    /* of the terminal */
};

/* Linux's struct termios of the kernel interface, padded. */
struct proc_termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[19];
    uint8_t padding[4];
};
_Static_assert(sizeof(struct proc_termios) == 40, "protocol");

struct proc_termios_request {
    uint64_t set; /* 0: get, 1: set, 2: set after output, 3: and drop input */
    struct proc_termios termios;
};

enum proc_control {
    PROC_WINDOW_GET = 1, /* a, b: rows, columns */
    PROC_WINDOW_SET,
    PROC_FOREGROUND_GET,
    PROC_FOREGROUND_SET, /* a: group; pid, flags as in proc_io_request */
    PROC_SESSION_GET,
    PROC_FLUSH,    /* a: 0 input, 1 output, 2 both */
    PROC_SHUTDOWN, /* of a pair's end; a: 0 reading, 1 writing, 2 both */
};
struct proc_control_request {
    uint64_t what; /* enum proc_control */
    int64_t a, b;
    int64_t pid;
    uint64_t flags;
};
struct proc_control_reply {
    int64_t a, b;
};
