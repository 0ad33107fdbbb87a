/* SPDX-License-Identifier: MIT
 *
 * What the kernel does with calls, turns, commits and resets. Included by the models of this
 * folder, and by replay.pml, which has real runs of the kernel go through it.
 *
 * The including model defines before: CALLS and SERVERS (numbers of slots and of servers); SESSIONS
 * and TIMERS if it has some; arena_commit(x) and arena_rollback(x), inlines that make server x's
 * arena lasting and take it back. Each of its processes has a `byte k`, 0 between statements.
 *
 * Each -D below drops one rule of the kernel; in the models that need that rule, something must
 * then go wrong. The heads of the models say which rules they need.
 *   SPLIT_OUT_FIRST   the commit releases outputs, then makes the arena lasting
 *   SPLIT_ARENA_FIRST the commit makes the arena lasting, then releases outputs
 *   NO_OUTBOX         answers and calls are sent when they are made
 *   LOSE_BITS         bits of an unfinished turn are not restored
 *   LOSE_CALL         a taken call is not queued again
 *   LOSE_REPLY        the answer of an unfinished turn is not given again
 *   LOSE_CANCEL       the cancellation of an unfinished turn is not given again
 *   LOSE_CLOSED       the closed session of an unfinished turn is not given again
 *   REQUEUE_ACCEPTED  a reset queues accepted calls again too
 *   FORGET_CANCEL     a taken call that is queued again forgets that it was cancelled
 *   KEEP_CREATED      objects and handles created in an unfinished turn stay
 *   LEND_TO_THE_DEAD  the leases of a dead caller do not end
 *   MOVE_AT_ONCE      a handle that is moved leaves its table before the commit
 *   DROP_WHEN_TAKEN   a call's handles are dropped when it is taken, not when it is accepted
 *   CLOSE_CANCELLED   a handle that a call was to move is closed when the call ends unaccepted
 *   KEEP_MOVED        a handle that a call has moved stays in the sender's table too
 *   CALL_HOLDS_NOT    a call in progress does not keep its session open
 *   CLOSE_UNBORN      a session of an undone turn is closed like any other
 *   SET_AT_ONCE       a timer is set before the commit
 *   RELATIVE          a deadline counts from the commit that sets it, not from boot
 *   RING_ON           a timer that has expired stays armed
 *   MISS_THE_PAST     a deadline that has passed already is forgotten
 *   DISARM            a reset disarms the timers that its task has set
 */
#ifndef BITS
#define BITS byte /* of a notification */
#endif
#ifndef KILLS
#define KILLS 3 /* in all, of any server, between any two steps */
#endif

/* What can go wrong; HOLDS puts the name into the checker's message. */
hidden byte lost_effect, doubled_effect, waits_for_ever, false_answer, torn_bytes, wild_write,
    leaked_handle, lost_handle, closed_too_early, rang_early, rang_late, invented_packet, broken_state;
#define HOLDS(what, condition) assert((condition) || what)

mtype = { FREE, QUEUED, TAKEN, ACCEPTED, DONE };          /* of a call */
mtype = { NO_EVENT, CALL, REPLY, NOTIFY, CANCEL, CLOSED }; /* of a turn */
mtype = { SUCCESS, CANCELLED, GONE };                     /* of an answer */

typedef call_t {
    mtype state = FREE;
    mtype status = SUCCESS;
    byte value;      /* in the answer */
#ifdef ATTEMPTS
    bit again; /* it was delivered before */
#endif
    bit cancel;      /* asked for */
    bit cancel_seen; /* its event was delivered */
    bit orphan;      /* its caller is dead */
#ifdef SESSIONS
    byte session;  /* that it was made on, from 1; 0: one that never closes */
    byte moved;    /* the session whose handle the request carries, 0: none */
    byte kept;     /* the same handle in the sender's table, hidden until `accepted` */
    bit accepted;  /* by a server that got it */
    byte returned; /* the same of the answer */
#endif
};
call_t calls[CALLS];

/* A server's turn and outbox. */
typedef server_t {
    mtype event = NO_EVENT;
    byte slot;     /* of the event's call; a closed session */
    BITS bits;     /* taken by the event */
    BITS pending;  /* bits that wait */
    bit reply[CALLS]; /* staged answers */
    mtype status[CALLS];
    byte value[CALLS];
    bit call[CALLS];   /* staged calls */
    bit cancel[CALLS]; /* staged cancellations */
    byte created;      /* provisional objects that the model counts itself */
#ifdef SESSIONS
    byte handles[SESSIONS + 1];     /* in its table, by session */
    byte provisional[SESSIONS + 1]; /* of them those that a reset takes away */
    byte closing[SESSIONS + 1];     /* of them those that the commit takes away */
    byte returned[CALLS];           /* the handle in a staged answer */
#endif
#ifdef TIMERS
    bit set[TIMERS]; /* staged */
    byte deadline[TIMERS];
#endif
};
server_t servers[SERVERS];

byte kills; /* so far */

/* ---- Timers ------------------------------------------------------------------------------------ */

#ifdef TIMERS
typedef timer_t {
    byte deadline; /* 0: disarmed */
    byte server;
    byte bit_set;
    bit rung; /* since it was set */
};
timer_t timers[TIMERS];
byte now = 1;

inline timer_expire(t) {
    HOLDS(doubled_effect, !timers[t].rung);
    timers[t].rung = 1;
    servers[timers[t].server].pending = servers[timers[t].server].pending | timers[t].bit_set;
#ifndef RING_ON
    timers[t].deadline = 0
#endif
}

inline kernel_timer_set(t, when) {
    timers[t].deadline = when;
    timers[t].rung = 0;
    if
    :: when != 0 && when <= now ->
#ifdef MISS_THE_PAST
        timers[t].deadline = 0
#else
        timer_expire(t)
#endif
    :: else -> skip
    fi
}
#endif

/* ---- Sessions and their handles ---------------------------------------------------------------- */

#ifdef SESSIONS
typedef session_t {
    byte handles; /* in tables and messages, and calls in progress */
    bit unborn;   /* minted in a turn that is not committed */
    bit closed;   /* nobody has it; its server has yet to hear of that */
};
session_t sessions[SESSIONS + 1];

/* Inlines of SPIN take no place in a structure as an argument; macros do. */
#define HANDLE_GET(place) sessions[place].handles = sessions[place].handles + (place != 0)

#ifdef CLOSE_UNBORN
#define CLOSES(s) true
#else
#define CLOSES(s) !sessions[s].unborn
#endif
#define HANDLE_PUT(place) \
    if \
    :: place != 0 -> \
        HOLDS(broken_state, sessions[place].handles > 0); \
        sessions[place].handles--; \
        if \
        :: sessions[place].handles == 0 -> \
            sessions[place].closed = CLOSES(place); \
            sessions[place].unborn = 0 \
        :: else -> skip \
        fi \
    :: else -> skip \
    fi
#define MESSAGE_DROP(place) \
    HANDLE_PUT(place); \
    place = 0

/* Mints a session for server x: one handle in its table, provisional. */
inline mint(x, s) {
    sessions[s].unborn = 1;
    HANDLE_GET(s);
    servers[x].handles[s]++;
    servers[x].provisional[s]++
}

/* A handle leaves server x's table at the commit. */
inline stage_close(x, s) {
#ifdef MOVE_AT_ONCE
    servers[x].handles[s]--;
    HANDLE_PUT(s)
#else
    servers[x].closing[s]++
#endif
}

/* The receiver of a message with a handle has it, unless its turn is undone. */
#define HANDLE_RECEIVE(x, place) \
    if \
    :: place != 0 -> \
        HANDLE_GET(place); \
        servers[x].handles[place]++; \
        servers[x].provisional[place]++ \
    :: else -> skip \
    fi

inline handles_commit(x) {
    for (k : 1 .. SESSIONS) {
        if
        :: servers[x].provisional[k] > 0 -> sessions[k].unborn = 0; servers[x].provisional[k] = 0
        :: else -> skip
        fi;
        do
        :: servers[x].closing[k] > 0 ->
            servers[x].closing[k]--;
            servers[x].handles[k]--;
            HANDLE_PUT(k)
        :: else -> break
        od
    }
    k = 0
}

inline handles_rollback(x) {
    for (k : 0 .. CALLS - 1) {
        if
        :: servers[x].reply[k] -> MESSAGE_DROP(servers[x].returned[k])
        :: else -> skip
        fi
    }
    for (k : 1 .. SESSIONS) {
        servers[x].closing[k] = 0;
        do
        :: servers[x].provisional[k] > 0 ->
            servers[x].provisional[k]--;
#ifndef KEEP_CREATED
            servers[x].handles[k]--;
            HANDLE_PUT(k)
#endif
        :: else -> break
        od
    }
    k = 0
}

#define HOLD_SESSION(s) HANDLE_GET(calls[s].session)
#define LET_SESSION_GO(s) MESSAGE_DROP(calls[s].session)
#define DROP_MOVED(s) MESSAGE_DROP(calls[s].moved)
#define KEEP_UNTIL_ACCEPTED(s) calls[s].kept = calls[s].moved; HANDLE_GET(calls[s].kept)
#ifdef KEEP_MOVED
#define ACCEPT(s) calls[s].accepted = 1; DROP_MOVED(s)
#else
#define ACCEPT(s) calls[s].accepted = 1; MESSAGE_DROP(calls[s].kept); DROP_MOVED(s)
#endif
#else
#define HOLD_SESSION(s) skip
#define LET_SESSION_GO(s) skip
#define DROP_MOVED(s) skip
#define KEEP_UNTIL_ACCEPTED(s) skip
#define ACCEPT(s) skip
#endif

#ifdef CALL_HOLDS_NOT
#undef HOLD_SESSION
#undef LET_SESSION_GO
#define HOLD_SESSION(s) skip
#define LET_SESSION_GO(s) calls[s].session = 0
#endif

/* ---- Calls ------------------------------------------------------------------------------------- */

/* The server side is through with call s. A dead caller does not wait for the answer. */
inline call_finish(s, what) {
    calls[s].state = DONE;
    calls[s].status = what;
    DROP_MOVED(s);
#ifdef CLOSE_CANCELLED
    MESSAGE_DROP(calls[s].kept);
#endif
    LET_SESSION_GO(s)
}

/* Call s is cancelled by its caller, who has a handle that it would have moved again. */
inline kernel_cancel(s) {
    if
    :: calls[s].state == QUEUED -> call_finish(s, CANCELLED)
    :: calls[s].state == TAKEN || calls[s].state == ACCEPTED -> calls[s].cancel = 1
    :: else -> skip
    fi
}

inline kernel_send(s) {
    HOLDS(doubled_effect, calls[s].state == FREE);
    calls[s].state = QUEUED;
    calls[s].cancel = 0;
    calls[s].cancel_seen = 0;
    KEEP_UNTIL_ACCEPTED(s);
    HOLD_SESSION(s)
}

/* An answer to a call that has one is ignored (E_STALE), but by these rules there is none. */
#if defined(SPLIT_OUT_FIRST) || defined(NO_OUTBOX) || defined(REQUEUE_ACCEPTED)
#define ANSWERED_ONCE(s) true
#else
#define ANSWERED_ONCE(s) (calls[s].state == TAKEN || calls[s].state == ACCEPTED)
#endif
inline kernel_answer(s, what, byte_read) {
    HOLDS(doubled_effect, ANSWERED_ONCE(s));
    if
    :: calls[s].state == TAKEN || calls[s].state == ACCEPTED ->
        call_finish(s, what);
        calls[s].value = byte_read
    :: else -> skip
    fi
}

/* What a server may do with the memory that call s lends it. */
#ifdef LEND_TO_THE_DEAD
#define LENT(s) (calls[s].state == TAKEN || calls[s].state == ACCEPTED)
#else
#define LENT(s) ((calls[s].state == TAKEN || calls[s].state == ACCEPTED) && !calls[s].orphan)
#endif

/* The caller of s dies: its leases end, its call is to end. */
inline kernel_abandon(s) {
    calls[s].orphan = 1;
    kernel_cancel(s)
}

/* ---- Turns ------------------------------------------------------------------------------------- */

#define CANCEL_READY(s) \
    ((calls[s].state == TAKEN || calls[s].state == ACCEPTED) && calls[s].cancel && \
     !calls[s].cancel_seen)

inline take(x, kind, s) {
    servers[x].event = kind;
    servers[x].slot = s
}

inline take_cancel(x, s) {
    calls[s].cancel_seen = 1;
    take(x, CANCEL, s)
}

inline take_bits(x) {
    servers[x].bits = servers[x].pending;
    servers[x].pending = 0;
    take(x, NOTIFY, 0)
}

inline take_call(x, s) {
    calls[s].state = TAKEN;
    take(x, CALL, s);
#ifdef SESSIONS
    HANDLE_RECEIVE(x, calls[s].moved);
#ifdef DROP_WHEN_TAKEN
    MESSAGE_DROP(calls[s].moved)
#endif
#endif
}

inline take_reply(x, s) {
    take(x, REPLY, s);
#ifdef SESSIONS
    HANDLE_RECEIVE(x, calls[s].returned)
#endif
}

#ifdef SESSIONS
inline take_closed(x, s) {
    sessions[s].closed = 0;
    take(x, CLOSED, s)
}
#endif

/* The caller has its answer. */
inline call_free(s) {
    calls[s].state = FREE;
    calls[s].status = SUCCESS;
    calls[s].value = 0;
#ifdef ATTEMPTS
    calls[s].again = 0;
#endif
    calls[s].cancel = 0;
    calls[s].cancel_seen = 0;
    calls[s].orphan = 0;
#ifdef SESSIONS
    MESSAGE_DROP(calls[s].returned);
    MESSAGE_DROP(calls[s].kept);
    calls[s].accepted = 0
#endif
}

/* What the turn took is used up. */
inline consume(x) {
    if
    :: servers[x].event == CALL && calls[servers[x].slot].state == TAKEN ->
        calls[servers[x].slot].state = ACCEPTED;
        ACCEPT(servers[x].slot)
    :: servers[x].event == REPLY -> k = servers[x].slot; call_free(k); k = 0
    :: else -> skip
    fi;
    servers[x].event = NO_EVENT;
    servers[x].slot = 0;
    servers[x].bits = 0
}

inline outbox_clear(x) {
    for (k : 0 .. CALLS - 1) {
        servers[x].reply[k] = 0;
        servers[x].status[k] = SUCCESS;
        servers[x].value[k] = 0;
        servers[x].call[k] = 0;
        servers[x].cancel[k] = 0;
#ifdef SESSIONS
        servers[x].returned[k] = 0
#endif
    }
#ifdef TIMERS
    for (k : 0 .. TIMERS - 1) {
        servers[x].set[k] = 0;
        servers[x].deadline[k] = 0
    }
#endif
    servers[x].created = 0;
    k = 0
}

inline release(x) {
#ifdef SESSIONS
    handles_commit(x);
#endif
    for (k : 0 .. CALLS - 1) {
        if
        :: servers[x].reply[k] ->
#ifdef SESSIONS
            calls[k].returned = servers[x].returned[k];
#endif
            kernel_answer(k, servers[x].status[k], servers[x].value[k])
        :: else -> skip
        fi;
        if
        :: servers[x].call[k] -> kernel_send(k)
        :: else -> skip
        fi;
        if
        :: servers[x].cancel[k] -> kernel_cancel(k)
        :: else -> skip
        fi
    }
#ifdef TIMERS
    for (k : 0 .. TIMERS - 1) {
        if
#ifdef RELATIVE
        :: servers[x].set[k] && servers[x].deadline[k] != 0 ->
            kernel_timer_set(k, now + servers[x].deadline[k])
#endif
        :: servers[x].set[k] -> kernel_timer_set(k, servers[x].deadline[k])
        :: else -> skip
        fi
    }
#endif
    created_commit(x);
    outbox_clear(x)
}

/* A taken call goes back to the queue; one that was cancelled meanwhile goes back to its caller. */
inline requeue(s) {
    if
    :: calls[s].state == TAKEN && calls[s].cancel ->
#ifdef FORGET_CANCEL
        calls[s].cancel = 0;
        calls[s].state = QUEUED
#else
        call_finish(s, CANCELLED)
#endif
    :: calls[s].state == TAKEN && !calls[s].cancel ->
#ifdef ATTEMPTS
        calls[s].again = 1;
#endif
        calls[s].state = QUEUED
    :: else -> skip
    fi
}

/* The event goes back to where it came from. */
inline give_back(x) {
    if
    :: servers[x].event == CALL ->
#ifndef LOSE_CALL
        k = servers[x].slot;
        requeue(k);
        k = 0
#else
        skip
#endif
    :: servers[x].event == REPLY ->
#ifdef LOSE_REPLY
        k = servers[x].slot; call_free(k); k = 0
#else
        skip /* the slot is still DONE: it is delivered again */
#endif
    :: servers[x].event == CANCEL ->
#ifdef LOSE_CANCEL
        skip
#else
        calls[servers[x].slot].cancel_seen = 0
#endif
#ifdef SESSIONS
    :: servers[x].event == CLOSED ->
#ifdef LOSE_CLOSED
        skip
#else
        sessions[servers[x].slot].closed = 1
#endif
#endif
    :: servers[x].event == NOTIFY ->
#ifndef LOSE_BITS
        servers[x].pending = servers[x].pending | servers[x].bits;
#endif
        servers[x].bits = 0
    :: else -> skip
    fi;
    servers[x].event = NO_EVENT;
    servers[x].slot = 0
}

/* A killed server starts again: the turn is undone. */
inline reset(x) {
    arena_rollback(x);
#ifdef SESSIONS
    handles_rollback(x);
#endif
    created_rollback(x);
    outbox_clear(x);
#ifdef DISARM
    for (k : 0 .. TIMERS - 1) { timers[k].deadline = 0 }
    k = 0;
#endif
    give_back(x);
#ifdef REQUEUE_ACCEPTED
    for (k : 0 .. CALLS - 1) {
        if
        :: SERVER_OF(k) == x && calls[k].state == ACCEPTED -> calls[k].state = QUEUED
        :: else -> skip
        fi
    }
    k = 0;
#endif
    servers[x].event = NO_EVENT;
    servers[x].slot = 0
}

/* Between any two steps of a turn the server may die. */
#define MAY_DIE(x) \
    if \
    :: kills < KILLS -> atomic { kills++; reset(x) }; goto start \
    :: true -> skip \
    fi

/* The commit that ends a turn; the next event comes after it. */
#if defined(SPLIT_OUT_FIRST)
#define COMMIT(x) \
    atomic { release(x) }; \
    MAY_DIE(x); \
    atomic { arena_commit(x); consume(x) }
#elif defined(SPLIT_ARENA_FIRST)
#define COMMIT(x) \
    atomic { arena_commit(x) }; \
    MAY_DIE(x); \
    atomic { consume(x); release(x) }
#else
#define COMMIT(x) atomic { arena_commit(x); consume(x); release(x) }
#endif

/* ---- What a server stages ---------------------------------------------------------------------- */

inline stage_reply(x, s, what, byte_read) {
#ifdef NO_OUTBOX
    kernel_answer(s, what, byte_read)
#else
    servers[x].reply[s] = 1;
    servers[x].status[s] = what;
    servers[x].value[s] = byte_read
#endif
}

inline stage_call(x, s) {
#ifdef NO_OUTBOX
    kernel_send(s)
#else
    servers[x].call[s] = 1
#endif
}

inline stage_cancel(x, s) {
    servers[x].cancel[s] = 1
}

#ifdef TIMERS
inline stage_timer(x, t, when) {
#ifdef SET_AT_ONCE
    kernel_timer_set(t, when)
#else
    servers[x].set[t] = 1;
    servers[x].deadline[t] = when
#endif
}
#endif
