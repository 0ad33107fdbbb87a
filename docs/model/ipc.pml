/* SPDX-License-Identifier: MIT
 *
 * The call/commit/reset protocol (ARCHITECTURE of calls in docs/spec/syscalls.md) as a model for
 * SPIN. tests/model runs it; docs/model/README.md says what it covers.
 *
 * Two clients call server A ("read one byte"). For each A stages a call to server B, parks its
 * client, and passes on B's answer together with a session that it creates in that turn. B takes
 * bytes from a device: an interrupt sets a bit of B's notification, B drains the port into a buffer
 * in its arena, and answers calls from there or parks them. A client may cancel, at any time; A
 * then cancels its call to B. Either server may be killed between any two steps, KILLS times in
 * all.
 *
 * The properties: no byte is delivered twice or lost; A's count of answers is the number of answers
 * its clients saw; as many sessions exist as were handed out; a cancelled read has taken nothing;
 * nobody waits for ever.
 *
 * Each -D… below drops one rule; the model must then fail.
 *   SPLIT_OUT_FIRST   the commit releases outputs, then makes the arena lasting
 *   SPLIT_ARENA_FIRST the commit makes the arena lasting, then releases outputs
 *   NO_OUTBOX         outputs happen when they are made
 *   LOSE_BITS         bits of an unfinished turn are not restored
 *   LOSE_CALL         a taken call is not queued again
 *   LOSE_REPLY        the answer of an unfinished turn is not given again
 *   LOSE_CANCEL       the cancellation of an unfinished turn is not given again
 *   LOSE_BYTES        drained bytes are not kept until the commit
 *   KEEP_CREATED      objects created in an unfinished turn stay
 *   REQUEUE_ACCEPTED  a reset queues accepted calls again too
 *   LEAVE_AT_ONCE     a client that cancels does not wait for the server's answer
 *   FORGET_CANCEL     a taken call that is queued again forgets that it was cancelled
 */
#ifndef KILLS
#define KILLS 3
#endif
#ifndef BYTES
#define BYTES 2 /* that the device produces */
#endif
#ifndef CANCELS
#define CANCELS 1 /* that take effect; BYTES + CANCELS calls are made */
#endif

#define CLIENTS 2
#define CALLS 4 /* slots: 0 and 1 the clients', to A; 2 and 3 A's, to B */
#define NESTED(i) ((i) + CLIENTS)

mtype = { FREE, QUEUED, TAKEN, ACCEPTED, DONE };                   /* of a call */
mtype = { NO_EVENT, CALL, REPLY, NOTIFY, CANCEL };                 /* of a turn */
mtype = { SUCCESS, CANCELLED };                                    /* of an answer */

typedef call_t {
    mtype state = FREE;
    mtype status = SUCCESS;
    byte value;      /* the byte that was read */
    bit cancel;      /* asked for */
    bit cancel_seen; /* its event was delivered */
};
call_t calls[CALLS];

/* A server's turn and outbox. Index 0: A, 1: B. */
typedef server_t {
    mtype event = NO_EVENT;
    byte slot;            /* of the event's call */
    bit reply[CALLS];     /* staged answers */
    mtype status[CALLS];
    byte value[CALLS];
    bit call[CALLS];      /* staged calls */
    bit cancel[CALLS];    /* staged cancellations */
    byte created;         /* provisional objects */
};
server_t servers[2];

byte kills;   /* so far */
byte cancels; /* that may yet be asked for */
byte calls_left = BYTES + CANCELS;

/* The arenas: committed image c, working copy w. */
typedef arena_a { bit waiting[CLIENTS]; byte answers; };
arena_a a_c, a_w;
typedef arena_b { bit parked[CLIENTS]; byte buffer[BYTES]; byte length; };
arena_b b_c, b_w;

/* The device, its port and B's notification. Bytes are 0, 1, … */
byte produced, drained, drained_committed;
bit bits, bits_taken;

/* What the outside has seen. */
byte delivered[BYTES];
byte successes, sessions;

/* ---- Kernel ------------------------------------------------------------------------------- */

/* Call s is cancelled by its caller. */
inline kernel_cancel(s) {
    if
    :: calls[s].state == QUEUED -> calls[s].state = DONE; calls[s].status = CANCELLED
    :: calls[s].state == TAKEN || calls[s].state == ACCEPTED -> calls[s].cancel = 1
    :: else -> skip
    fi
}

inline kernel_send(s) {
    assert(calls[s].state == FREE);
    calls[s].state = QUEUED;
    calls[s].cancel = 0;
    calls[s].cancel_seen = 0
}

/* An answer to a call that has one is ignored (E_STALE), but by these rules there is none. */
#if defined(SPLIT_OUT_FIRST) || defined(NO_OUTBOX) || defined(REQUEUE_ACCEPTED)
#define ANSWERED_ONCE true
#else
#define ANSWERED_ONCE (calls[s].state == TAKEN || calls[s].state == ACCEPTED)
#endif
inline kernel_answer(s, what, byte_read) {
    assert(ANSWERED_ONCE);
    if
    :: calls[s].state == TAKEN || calls[s].state == ACCEPTED ->
        calls[s].state = DONE;
        calls[s].status = what;
        calls[s].value = byte_read
    :: else -> skip
    fi
}

inline arena_commit(x) {
    if
    :: x == 0 ->
        a_c.waiting[0] = a_w.waiting[0]; a_c.waiting[1] = a_w.waiting[1];
        a_c.answers = a_w.answers
    :: else ->
        b_c.parked[0] = b_w.parked[0]; b_c.parked[1] = b_w.parked[1];
        for (k : 0 .. BYTES - 1) { b_c.buffer[k] = b_w.buffer[k] }
        b_c.length = b_w.length;
        drained_committed = drained
    fi;
    k = 0
}

inline arena_rollback(x) {
    if
    :: x == 0 ->
        a_w.waiting[0] = a_c.waiting[0]; a_w.waiting[1] = a_c.waiting[1];
        a_w.answers = a_c.answers
    :: else ->
        b_w.parked[0] = b_c.parked[0]; b_w.parked[1] = b_c.parked[1];
        for (k : 0 .. BYTES - 1) { b_w.buffer[k] = b_c.buffer[k] }
        b_w.length = b_c.length;
#ifdef LOSE_BYTES
        drained_committed = drained
#else
        drained = drained_committed
#endif
    fi;
    k = 0
}

/* What the turn took is used up. */
inline consume(x) {
    if
    :: servers[x].event == CALL && calls[servers[x].slot].state == TAKEN ->
        calls[servers[x].slot].state = ACCEPTED
    :: servers[x].event == REPLY -> calls[servers[x].slot].state = FREE
    :: servers[x].event == NOTIFY -> bits_taken = 0
    :: else -> skip
    fi;
    servers[x].event = NO_EVENT;
    servers[x].slot = 0
}

inline outbox_clear(x) {
    for (k : 0 .. CALLS - 1) {
        servers[x].reply[k] = 0;
        servers[x].status[k] = SUCCESS;
        servers[x].value[k] = 0;
        servers[x].call[k] = 0;
        servers[x].cancel[k] = 0
    }
    servers[x].created = 0;
    k = 0
}

inline release(x) {
    for (k : 0 .. CALLS - 1) {
        if
        :: servers[x].reply[k] -> kernel_answer(k, servers[x].status[k], servers[x].value[k])
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
    sessions = sessions + servers[x].created;
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
        calls[s].state = DONE;
        calls[s].status = CANCELLED
#endif
    :: calls[s].state == TAKEN && !calls[s].cancel -> calls[s].state = QUEUED
    :: else -> skip
    fi
}

/* A killed server starts again: the turn is undone, its event goes back to where it came from. */
inline reset(x) {
    arena_rollback(x);
#ifdef KEEP_CREATED
    sessions = sessions + servers[x].created;
#endif
    outbox_clear(x);
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
        calls[servers[x].slot].state = FREE
#else
        skip /* the slot is still DONE: it is delivered again */
#endif
    :: servers[x].event == CANCEL ->
#ifdef LOSE_CANCEL
        skip
#else
        calls[servers[x].slot].cancel_seen = 0
#endif
    :: servers[x].event == NOTIFY ->
#ifndef LOSE_BITS
        bits = bits | bits_taken;
#endif
        bits_taken = 0
    :: else -> skip
    fi;
#ifdef REQUEUE_ACCEPTED
    for (k : 0 .. CALLS - 1) {
        if
        :: k / CLIENTS == x && calls[k].state == ACCEPTED -> calls[k].state = QUEUED
        :: else -> skip
        fi
    }
    k = 0;
#endif
    servers[x].event = NO_EVENT;
    servers[x].slot = 0
}

#define CANCEL_READY(s) \
    ((calls[s].state == TAKEN || calls[s].state == ACCEPTED) && calls[s].cancel && \
     !calls[s].cancel_seen)

inline take(x, kind, s) {
    servers[x].event = kind;
    servers[x].slot = s
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

inline stage_reply(x, s, what, byte_read) {
#ifdef NO_OUTBOX
    kernel_answer(s, what, byte_read)
#else
    servers[x].reply[s] = 1;
    servers[x].status[s] = what;
    servers[x].value[s] = byte_read
#endif
}

/* ---- Clients ------------------------------------------------------------------------------ */

proctype Client(byte me) {
    bit asked;
end:
    do
    :: atomic {
            calls_left > 0 -> calls_left--;
            asked = 0;
            kernel_send(me)
        };
        do
        :: atomic { calls[me].state == DONE -> break }
        :: atomic {
                !asked && cancels < CANCELS && calls[me].state != DONE ->
                cancels++;
                asked = 1;
#ifdef LEAVE_AT_ONCE
                /* The thread goes on with "cancelled"; the server answers nobody. */
                kernel_cancel(me);
                (calls[me].state == DONE) -> calls[me].status = CANCELLED;
#else
                kernel_cancel(me)
#endif
            }
        od;
        atomic {
            if
            :: calls[me].status == SUCCESS ->
                assert(calls[me].value < BYTES);
                delivered[calls[me].value]++;
                assert(delivered[calls[me].value] == 1);
                successes++;
                if
                :: asked -> cancels-- /* came too late: it may be tried again */
                :: else -> skip
                fi
            :: else -> assert(asked)
            fi;
            calls[me].state = FREE;
            calls[me].status = SUCCESS;
            calls[me].value = 0;
            asked = 0
        }
    od
}

/* ---- Server A: passes reads on to B ------------------------------------------------------- */

proctype A() {
    byte k;
start:
    COMMIT(0);
end:
    if
    :: atomic { CANCEL_READY(0) -> calls[0].cancel_seen = 1; take(0, CANCEL, 0) }
    :: atomic { CANCEL_READY(1) -> calls[1].cancel_seen = 1; take(0, CANCEL, 1) }
    :: atomic { calls[2].state == DONE -> take(0, REPLY, 2) }
    :: atomic { calls[3].state == DONE -> take(0, REPLY, 3) }
    :: atomic { calls[0].state == QUEUED -> calls[0].state = TAKEN; take(0, CALL, 0) }
    :: atomic { calls[1].state == QUEUED -> calls[1].state = TAKEN; take(0, CALL, 1) }
    fi;
    MAY_DIE(0);
    if
    :: servers[0].event == CALL ->
        atomic { assert(!a_w.waiting[servers[0].slot]); a_w.waiting[servers[0].slot] = 1 };
        MAY_DIE(0);
        atomic {
#ifdef NO_OUTBOX
            k = NESTED(servers[0].slot);
            kernel_send(k);
            k = 0
#else
            servers[0].call[NESTED(servers[0].slot)] = 1
#endif
        }
    :: servers[0].event == CANCEL && a_w.waiting[servers[0].slot] ->
        servers[0].cancel[NESTED(servers[0].slot)] = 1
    :: servers[0].event == REPLY ->
        if
        :: calls[servers[0].slot].status == SUCCESS ->
            atomic { a_w.answers++; servers[0].created++ };
            MAY_DIE(0)
        :: else -> skip
        fi;
        atomic {
            k = servers[0].slot - CLIENTS;
            a_w.waiting[k] = 0;
            stage_reply(0, k, calls[NESTED(k)].status, calls[NESTED(k)].value);
            k = 0
        }
    :: else -> skip
    fi;
    MAY_DIE(0);
    goto start
}

/* ---- Server B: owns the device ------------------------------------------------------------ */

/* Answers call s with the first byte of the buffer. */
inline hand_out(s) {
    stage_reply(1, s, SUCCESS, b_w.buffer[0]);
    for (k : 1 .. BYTES - 1) { b_w.buffer[k - 1] = b_w.buffer[k] }
    k = 0;
    b_w.length--;
    b_w.buffer[b_w.length] = 0
}

proctype B() {
    byte k;
start:
    COMMIT(1);
end:
    if
    :: atomic { CANCEL_READY(2) -> calls[2].cancel_seen = 1; take(1, CANCEL, 2) }
    :: atomic { CANCEL_READY(3) -> calls[3].cancel_seen = 1; take(1, CANCEL, 3) }
    :: atomic { bits -> bits = 0; bits_taken = 1; take(1, NOTIFY, 0) }
    :: atomic { calls[2].state == QUEUED -> calls[2].state = TAKEN; take(1, CALL, 2) }
    :: atomic { calls[3].state == QUEUED -> calls[3].state = TAKEN; take(1, CALL, 3) }
    fi;
    MAY_DIE(1);
    if
    :: servers[1].event == CALL ->
        atomic {
            if
            :: b_w.length > 0 -> k = servers[1].slot; hand_out(k)
            :: else -> b_w.parked[servers[1].slot - CLIENTS] = 1
            fi
        }
    :: servers[1].event == CANCEL && b_w.parked[servers[1].slot - CLIENTS] ->
        atomic {
            k = servers[1].slot;
            b_w.parked[k - CLIENTS] = 0;
            stage_reply(1, k, CANCELLED, 0);
            k = 0
        }
    :: servers[1].event == NOTIFY ->
        do
        :: atomic {
                drained < produced ->
                b_w.buffer[b_w.length] = drained;
                b_w.length++;
                drained++
            };
            MAY_DIE(1);
            atomic {
                if
                :: b_w.parked[0] -> b_w.parked[0] = 0; hand_out(2)
                :: b_w.parked[1] -> b_w.parked[1] = 0; hand_out(3)
                :: else -> skip
                fi
            }
        :: atomic { drained == produced -> break }
        od
    :: else -> skip
    fi;
    MAY_DIE(1);
    goto start
}

proctype Device() {
end:
    do
    :: atomic { produced < BYTES -> produced++; bits = 1 }
    od
}

/* ---- What must hold when nothing moves any more ------------------------------------------- */

init {
    byte k;
    atomic {
        run Client(0);
        run Client(1);
        run A();
        run B();
        run Device()
    };
    timeout;
    /* Everybody is served… */
    assert(calls_left == 0);
    for (k : 0 .. CALLS - 1) { assert(calls[k].state == FREE) }
    /* …each byte is with one client… */
    assert(produced == BYTES && drained == BYTES && drained_committed == BYTES);
    assert(successes == BYTES && b_c.length == 0);
    for (k : 0 .. BYTES - 1) { assert(delivered[k] == 1) }
    /* …and A knows what it has done. */
    assert(a_c.answers == successes);
    assert(sessions == successes);
    assert(!a_c.waiting[0] && !a_c.waiting[1] && !b_c.parked[0] && !b_c.parked[1])
}
