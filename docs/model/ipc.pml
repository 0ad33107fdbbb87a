/* SPDX-License-Identifier: MIT
 *
 * Calls, commits and resets between two clients and two servers. docs/model/README.md says what
 * the models cover.
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
 * Without any of these rules (kernel.pml, or below) that is violated:
 *   SPLIT_OUT_FIRST: waits_for_ever
 *   SPLIT_ARENA_FIRST: broken_state
 *   NO_OUTBOX: waits_for_ever
 *   LOSE_BITS: waits_for_ever
 *   LOSE_CALL: waits_for_ever
 *   LOSE_REPLY: waits_for_ever
 *   LOSE_CANCEL: waits_for_ever
 *   LOSE_BYTES: waits_for_ever
 *   KEEP_CREATED: leaked_handle
 *   REQUEUE_ACCEPTED: waits_for_ever
 *   LEAVE_AT_ONCE: waits_for_ever
 *   FORGET_CANCEL: waits_for_ever
 *
 *   LOSE_BYTES        drained bytes are not kept until the commit
 *   LEAVE_AT_ONCE     a client that cancels does not wait for the server's answer
 */
#ifndef BYTES
#define BYTES 2 /* that the device produces */
#endif
#ifndef CANCELS
#define CANCELS 1 /* that take effect; BYTES + CANCELS calls are made */
#endif

#define CLIENTS 2
#define SERVERS 2 /* 0: A, 1: B */
#define CALLS 4   /* slots: 0 and 1 the clients', to A; 2 and 3 A's, to B */
#define NESTED(i) ((i) + CLIENTS)
#define SERVER_OF(s) ((s) / CLIENTS)

byte cancels; /* that may yet be asked for */
byte calls_left = BYTES + CANCELS;

/* The arenas: committed image c, working copy w. */
typedef arena_a { bit waiting[CLIENTS]; byte answers; };
arena_a a_c, a_w;
typedef arena_b { bit parked[CLIENTS]; byte buffer[BYTES]; byte length; };
arena_b b_c, b_w;

/* The device and its port. Bytes are 0, 1, … */
byte produced, drained, drained_committed;

/* What the outside has seen. */
byte delivered[BYTES];
byte successes, handed;

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

inline created_commit(x) {
    handed = handed + servers[x].created
}

inline created_rollback(x) {
#ifdef KEEP_CREATED
    handed = handed + servers[x].created
#else
    skip
#endif
}

#include "kernel.pml"

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
                HOLDS(false_answer, calls[me].value < BYTES);
                delivered[calls[me].value]++;
                HOLDS(doubled_effect, delivered[calls[me].value] == 1);
                successes++;
                if
                :: asked -> cancels-- /* came too late: it may be tried again */
                :: else -> skip
                fi
            :: else -> HOLDS(false_answer, asked)
            fi;
            call_free(me);
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
    :: atomic { CANCEL_READY(0) -> take_cancel(0, 0) }
    :: atomic { CANCEL_READY(1) -> take_cancel(0, 1) }
    :: atomic { calls[2].state == DONE -> take_reply(0, 2) }
    :: atomic { calls[3].state == DONE -> take_reply(0, 3) }
    :: atomic { calls[0].state == QUEUED -> take_call(0, 0) }
    :: atomic { calls[1].state == QUEUED -> take_call(0, 1) }
    fi;
    MAY_DIE(0);
    if
    :: servers[0].event == CALL ->
        atomic { HOLDS(broken_state, !a_w.waiting[servers[0].slot]); a_w.waiting[servers[0].slot] = 1 };
        MAY_DIE(0);
        atomic {
            k = NESTED(servers[0].slot);
            stage_call(0, k);
            k = 0
        }
    :: servers[0].event == CANCEL && a_w.waiting[servers[0].slot] ->
        atomic { k = NESTED(servers[0].slot); stage_cancel(0, k); k = 0 }
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
    :: atomic { CANCEL_READY(2) -> take_cancel(1, 2) }
    :: atomic { CANCEL_READY(3) -> take_cancel(1, 3) }
    :: atomic { servers[1].pending -> take_bits(1) }
    :: atomic { calls[2].state == QUEUED -> take_call(1, 2) }
    :: atomic { calls[3].state == QUEUED -> take_call(1, 3) }
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
    :: atomic { produced < BYTES -> produced++; servers[1].pending = 1 }
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
    HOLDS(waits_for_ever, calls_left == 0);
    for (k : 0 .. CALLS - 1) { HOLDS(waits_for_ever, calls[k].state == FREE) }
    /* …each byte is with one client… */
    HOLDS(lost_effect, produced == BYTES && drained == BYTES && drained_committed == BYTES);
    HOLDS(lost_effect, successes == BYTES && b_c.length == 0);
    for (k : 0 .. BYTES - 1) { HOLDS(lost_effect, delivered[k] == 1) }
    /* …and A knows what it has done. */
    HOLDS(broken_state, a_c.answers == successes);
    HOLDS(leaked_handle, handed == successes);
    HOLDS(broken_state, !a_c.waiting[0] && !a_c.waiting[1] && !b_c.parked[0] && !b_c.parked[1])
}
