/* SPDX-License-Identifier: MIT
 * Tasks and threads.
 *
 * A task outlives its incarnations: task_reset ends its threads, undoes the unfinished turn, rolls
 * the arena back and starts the main thread again; handle table, account, endpoint binding,
 * accepted calls and answers under way stay.
 */
#pragma once

#include "arena.h"
#include "call.h"
#include "handle.h"
#include "image.h"
#include <arch/cpu.h>

/* The event that an actor's current turn works on. */
struct turn {
    uint8_t kind;            /* enum event_kind; EVENT_NONE outside a turn */
    struct call *call;       /* EVENT_CALL: TAKEN; EVENT_REPLY, EVENT_CANCEL: the call */
    struct session *session; /* EVENT_CLOSED */
    uint64_t bits;           /* EVENT_NOTIFY */
};

struct task {
    struct object object;
    struct list all_link;
    char name[TASK_NAME];
    uint8_t state; /* enum task_state */
    bool actor;    /* made with an arena, possibly empty */
    bool started;  /* has been started once */
    uint32_t incarnation;
    uint32_t priority_limit; /* of its threads and of the tasks it creates */
    int32_t exit_code;       /* as in struct task_info */
    struct account *account;
    struct handle_table handles;

    struct arch_space space;
    struct list mappings; /* by address */
    struct mapping *last_mapping;
    struct image *image;
    struct memory *arena;

    struct list threads;
    uint32_t thread_count;
    struct thread *main;
    bool pending;            /* false: actor_pending() would say false as well */
    struct thread *receiver; /* blocked in COMMIT_RECEIVE */
    struct thread *worker;   /* the one that received last */
    struct list kept_ports;  /* ioports with bytes read in this turn */

    struct endpoint *endpoint;         /* bound; holds a reference */
    struct notification *notification; /* bound; holds a reference */
    struct turn turn;
    struct list staged;
    struct list accepted; /* calls that wait for our answer */
    struct list outgoing; /* our staged calls, sent and not consumed */
    struct list replies;  /* of them the answered ones */

    struct session *supervisor;
    struct notification *watcher;
    uint64_t watcher_bits;

    uint64_t cpu_ticks, turn_start_ticks, commits, switches;
    uint64_t back_ns; /* as in struct task_info */
};

struct thread {
    struct arch_context context; /* first: the entry code finds it there */
    struct object object;
    struct task *task;
    struct list task_link;
    struct list run_link;
    uint8_t state; /* enum thread_state */
    uint8_t priority, effective;
    bool interrupted;    /* sticky */
    bool foreign_active; /* in an upcall */
    uint8_t resume; /* enum thread_resume: work to do in its own address space before it runs */
    uint32_t affinity;
    uint32_t cpu; /* last run there, or queued there */
    uint32_t receive_mask;
    uint64_t message_buffer;
    struct call *call; /* own slot, for CALL and faults */
    struct notification *waiting;
    struct timer_node timer;
    struct list futex_link;
    struct object *futex_memory;
    uint64_t futex_offset;
    uint64_t upcall_entry, upcall_page; /* foreign threads */
};

enum thread_resume { RESUME_NONE = 0, RESUME_EVENT, RESUME_ANSWER, RESUME_INTERRUPT };

static inline struct thread *thread_of(struct object *object) {
    return LIST_ENTRY(object, struct thread, object);
}

extern struct list task_all;
extern struct task *task_init; /* the supervisor, which the kernel itself restarts */

/* The page that every task sees at CLOCK_PAGE_VA. */
extern struct memory *clock_memory;

MUST_CHECK status_t task_create(const struct task_create *parameters, struct account *account,
                                struct image *image, struct memory *arena, struct task **out);
void task_start(struct task *task);
/* As TASK_RESET; image and arena may be NULL: as they are. Besides, of the kernel's own: */
#define RESET_STATE 0x100u /* the arena starts again; handles, mappings and sessions stay */
void task_reset(struct task *task, struct image *image, uint64_t flags, struct memory *arena);
/* Ends the task for good. */
void task_kill(struct task *task, int32_t exit_code);
/* As TASK_SUPERVISE. Of a dead task the watcher is told at once, and nothing is kept. */
void task_supervise(struct task *task, struct session *session, struct notification *watcher,
                    uint64_t bits);
void task_describe(const struct task *task, struct task_info *out);
MUST_CHECK status_t task_clone(struct account *account, struct thread *parent, const char *name,
                               struct task **out);

MUST_CHECK status_t thread_create(struct task *task, uint64_t entry, uint64_t stack,
                                  uint64_t argument, uint64_t buffer, uint32_t priority,
                                  struct thread **out);
/* Takes the thread off whatever it runs on or waits for. It never runs again. */
void thread_kill(struct thread *thread);
/* Gives up a call in progress; the thread is about to end or start anew. */
void thread_abandon_call(struct thread *thread);
/* Takes a blocked or running thread out of its state without an answer. */
void thread_detach(struct thread *thread);
/* The current thread waits for thread_release, which `state` names, or the deadline in ns; ~0:
 * none. E_TIMEOUT: it has passed; E_INTR: an interrupt was waiting. */
MUST_CHECK status_t thread_wait(struct thread *thread, enum thread_state state, uint64_t deadline);
/* Makes a thread that waits ready, with the status as its result. */
void thread_release(struct thread *thread, status_t status);
/* Before the thread waits: E_INTR if it is to be interrupted. */
MUST_CHECK static inline status_t thread_take_interrupt(struct thread *thread) {
    bool interrupted = thread->interrupted;
    thread->interrupted = false;
    return interrupted ? E_INTR : OK;
}
void thread_interrupt(struct thread *thread);

/* ---- actors: object/actor.c ---- */
/* What COMMIT_RECEIVE's caller names as changed; 0: nothing. */
static inline uint64_t receive_named(const struct arch_context *context) {
    return (context->r14 & RECEIVE_NAMED) != 0 ? context->r15 : 0;
}
/* Chooses the next event within the thread's mask and delivers it. False: none. */
bool actor_deliver(struct task *task, struct thread *thread, uint32_t mask);
/* What the server knows the turn's event by: a badge, a cookie, or bits. */
uint64_t turn_badge(const struct turn *turn);
/* Something came in: if the receiver waits for such a thing, it gets it and becomes ready. */
void actor_wake(struct task *task);
/* Whether the commit of the current turn has more to do than the arena and one answer, or an event
 * waits, or the task is not back yet. */
bool actor_pending(const struct task *task);
/* Commits the turn; `named` as of arena_commit. */
void actor_commit(struct task *task, uint64_t named);
/* Undoes the turn (roll back); flags as of TASK_RESET. */
void actor_undo(struct task *task, uint32_t flags);
/* Recomputes the receiver's effective priority. */
void actor_update_priority(struct task *task);
/* Puts a message into the thread's registers; what they can't carry follows as `resume` says. */
void message_deliver(struct thread *thread, const struct message *message,
                     enum thread_resume resume);
/* Copies what registers can't carry (words 6…, leases, handles) to the thread's message buffer; its
 * address space is current. */
void thread_resume_work(struct thread *thread);

/* ---- faults: object/fault.c ---- */
/* Gives a page, copied from `source`, to the page-in call and answers it; charged already. */
void pager_supply(struct call *call, struct memory *source, uint64_t index);
/* The supervisor answered (or will never answer) the fault message of a stopped thread. */
void fault_answered(struct thread *thread, status_t transport);
void fault_send(struct thread *thread, uint32_t label, uint64_t vector, uint64_t error,
                uint64_t address);

/* ---- foreign threads: object/foreign.c ---- */
/* A foreign system call: an upcall, or a fault message if it may not be one. */
void foreign_call(struct thread *thread);
/* A fault of user code: an upcall for a foreign thread's program code, else a fault message. */
void foreign_fault(struct thread *thread, uint64_t vector, uint64_t error, uint64_t address);
/* A sticky interrupt, if it may be delivered now. */
void foreign_interrupt(struct thread *thread);

/* ---- waiting for a word of memory, keyed by (memory object, offset): object/futex.c ---- */
/* The thread stops waiting. */
void futex_forget(struct thread *thread);
