/* SPDX-License-Identifier: MIT
 * The whole lasting state of proc: processes, waiting calls, pipes, terminals. One struct in the
 * arena; the contents of pipes and the output under way lie beside it (payload.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <proto/proc.h>
#include <proto/tty.h>

#include "tty.h"

#define PROCESSES 128u
#define WAITERS 256u
#define PIPES 64u
#define COUNTERS 64u
#define TERMINALS 8u
#define ALARMS PROC_ALARMS /* beside the one of each process */
#define SIGNAL_QUEUE 12u
#define NONE 0xffffu

/* ---- badges: kind 56-62, serial 16-47, index 0-15 ---- */
enum badge_kind {
    BADGE_PROCESS = 1,
    BADGE_SUPERVISOR,
    BADGE_READ,
    BADGE_WRITE,
    BADGE_TERMINAL,
    BADGE_COUNTER,
    BADGE_PAIR /* both ways: reads of one pipe, writes to the other */
};
static inline uint64_t badge_make(enum badge_kind kind, uint32_t serial, uint32_t index) {
    return (uint64_t)kind << 56 | (uint64_t)serial << 16 | index;
}
static inline uint32_t badge_kind(uint64_t badge) {
    return (uint32_t)(badge >> 56);
}
static inline uint32_t badge_serial(uint64_t badge) {
    return (uint32_t)(badge >> 16);
}
static inline uint32_t badge_index(uint64_t badge) {
    return (uint32_t)badge & 0xffff;
}

/* ---- processes ---- */
enum process_state {
    PROCESS_FREE = 0,
    PROCESS_EMBRYO, /* FORK was answered, FORKED is still to come */
    PROCESS_RUNNING,
    PROCESS_STOPPED,
    PROCESS_ZOMBIE,
};

struct signal_info {
    int32_t signal; /* 0: unused */
    int32_t code;
    int32_t pid;
    int32_t thread; /* to whom alone it goes; 0: any */
    uint64_t value;
    uint32_t alarm; /* index of the timer that sent it, plus 1; 0: none */
    bool told;      /* the thread's process knows that it has to tell the thread */
};

struct process {
    uint32_t state; /* enum process_state */
    uint32_t serial;
    int32_t pid, pgid, sid;
    uint16_t parent;   /* index, NONE: proc itself */
    uint16_t terminal; /* controlling, NONE */
    handle_t task, supervisor;
    handle_t run_vfs;      /* RUN: what is given to the task */
    uint64_t run_client;   /* RUN: badge of who started it, 0: forked */
    int32_t status;        /* ZOMBIE, or what to report */
    bool stop_reported;    /* STOPPED: WAIT has told */
    bool continue_pending; /* continued, WAIT has not told */
    bool execed;
    bool kept; /* RUN: the zombie stays for RUN_WAIT */
    uint64_t ignored, ignore_flags;
    uint64_t start_ns, cpu_ns, children_ns;
    struct signal_info queue[SIGNAL_QUEUE]; /* pending, oldest first */
    char name[16];
    uint32_t command_length; /* of its arguments, in `commands` */
};

/* ---- calls that wait ---- */
enum waiter_kind {
    WAITER_FREE = 0,
    WAITER_CHILD, /* CHILD: until FORKED */
    WAITER_STOP,  /* STOP: until it is continued */
    WAITER_WAIT,  /* WAIT: object = process */
    WAITER_RUN,   /* RUN_WAIT */
    WAITER_READ,  /* pipe or terminal by badge kind */
    WAITER_WRITE,
    WAITER_POLL, /* holds a notification instead of a token */
    WAITER_EXIT, /* EXIT of an embryo: until FORKED */
};

struct waiter {
    uint32_t kind; /* enum waiter_kind */
    uint16_t next; /* in the order of coming; NONE ends */
    uint16_t object;
    uint32_t stream; /* enum badge_kind for READ, WRITE, POLL */
    handle_t notification;
    token_t token;
    uint64_t length;  /* READ, WRITE: asked for; WAIT: options; POLL: bits; EXIT: status */
    uint64_t done;    /* WRITE: moved already; POLL: events */
    int64_t selector; /* WAIT; POLL: key */
};

/* ---- pipes ---- */
struct pipe {
    uint32_t used; /* the ends that are open: 1 read, 2 write; 4: a pair's end that reads it */
    uint32_t serial;
    uint32_t head;  /* of the ring: next byte to read */
    uint32_t count; /* bytes in it */
    uint32_t flags[2];
    uint32_t other, other_serial; /* of a pair: the pipe the other way */
    bool mapped;                  /* its 64 KiB of payload are there */
    bool postponed;               /* who waits for room is served in the next turn */
    uint32_t freed;               /* bytes of the ring that were freed in turn `freed_turn`, */
    uint64_t freed_turn;          /* in which nothing may be written there */
};

/* ---- counters ---- */
struct counter {
    bool used;
    uint32_t serial;
    uint32_t kind; /* enum proc_counter_kind */
    uint32_t flags;
    uint64_t value;
    struct proc_timer timer; /* TIMER: when it rises next, 0 never; and then again */
};

/* ---- timers that send signals ---- */
/* The first PROCESSES belong to the process of the same index (SIGALRM), the rest to whom they were
 * made for. While its signal is pending the timer stands at the time that this one was for. */
struct alarm {
    uint16_t owner; /* index of a process; NONE: free */
    bool numbered;  /* the value is its number */
    int32_t signal; /* 0: sends none */
    int32_t thread; /* to whom alone; 0: any */
    uint64_t value;
    struct proc_timer timer; /* as in struct counter */
    uint64_t overrun;        /* of the signal that was taken last */
};

/* ---- terminals ---- */
struct terminal {
    uint32_t used; /* 0: free, else sessions (1: has been opened) */
    uint32_t serial;
    uint32_t flags;
    uint32_t number; /* at the console */
    handle_t console;
    int32_t sid, foreground;
    bool reading, writing; /* a call to the console is under way */
    bool always;           /* read on without being asked: keys make signals */
    bool hung;             /* its session's leader is gone */
    bool opened;           /* its session is open somewhere */
    token_t read_token;
    uint32_t out_offset, out_length; /* the text under way, in the payload page */
    struct tty tty;
};

struct proc {
    uint64_t magic;
    handle_t image; /* of the personality */
    handle_t timer; /* of counters and alarms; HANDLE_NONE: none was needed yet */
    uint32_t serial;
    int32_t last_pid;
    uint16_t first_waiter, last_waiter;
    uint64_t unknown[8];      /* system calls that were logged as missing */
    struct pipe pipes[PIPES]; /* what the usual turn changes lies together */
    struct waiter waiters[WAITERS];
    struct process processes[PROCESSES];
    struct terminal terminals[TERMINALS];
    struct counter counters[COUNTERS];
    struct alarm alarms[PROCESSES + ALARMS];
    char commands[PROCESSES][PROC_COMMAND_MAX];
};
#define PROC_MAGIC 0x636f72706f6c7861ull
extern struct proc proc;

#define BIT_AGAIN 1u /* own notification: writers of pipes to serve */
#define BIT_TIMER 2u /* counters or alarms are due */

/* ---- Linux numbers ---- */
enum {
    SIGNAL_HUP = 1,
    SIGNAL_INT = 2,
    SIGNAL_QUIT = 3,
    SIGNAL_ILL = 4,
    SIGNAL_BUS = 7,
    SIGNAL_FPE = 8,
    SIGNAL_KILL = 9,
    SIGNAL_SEGV = 11,
    SIGNAL_PIPE = 13,
    SIGNAL_ALRM = 14,
    SIGNAL_CHLD = 17,
    SIGNAL_CONT = 18,
    SIGNAL_STOP = 19,
    SIGNAL_TSTP = 20,
    SIGNAL_TTIN = 21,
    SIGNAL_TTOU = 22,
    SIGNAL_WINCH = 28,
    SIGNAL_MAX = 64,
    SIGNAL_QUEUED = 32, /* from here on each one counts */
};
#define SIGNAL_BIT(signal) (1ull << ((signal)-1))
#define SI_USER 0
#define SI_TIMER (-2)
#define SI_KERNEL 0x80
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_STOPPED 5
#define CLD_CONTINUED 6
#define POLLIN 1u
#define POLLOUT 4u
#define POLLERR 8u
#define POLLHUP 16u
#define POLLRDHUP 0x2000u
#define O_NONBLOCK 04000u
