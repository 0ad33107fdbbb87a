/* SPDX-License-Identifier: MIT
 *
 * Handles that move with calls and answers, and CLOSED.
 *
 * A client asks server A for a session, which A mints and moves to it with the answer. Then the
 * client makes a call on that session, and meanwhile gives it away: it moves the handle to server B
 * with a call, which it may cancel. B closes the handle at once, or keeps it and closes it later, or
 * keeps it and moves it back with a late answer; the client then closes it, or gives it again. A
 * hears with CLOSED that nobody has the session any more. Both servers may be killed between any
 * two steps.
 *
 * The properties: CLOSED comes exactly once for each session that A has committed, and for no other;
 * it comes when no handle is left in a table or a message and no call on the session is in progress;
 * a handle that was moved is with the sender or, if the call was accepted, with the receiver; in the
 * end nothing is left.
 *
 * Without any of these rules (kernel.pml) that is violated:
 *   KEEP_CREATED: leaked_handle
 *   MOVE_AT_ONCE: broken_state
 *   DROP_WHEN_TAKEN: lost_handle
 *   CLOSE_CANCELLED: lost_handle
 *   KEEP_MOVED: doubled_effect
 *   CALL_HOLDS_NOT: closed_too_early
 *   CLOSE_UNBORN: broken_state
 *   LOSE_CLOSED: leaked_handle
 *   LOSE_CALL: waits_for_ever
 *   NO_OUTBOX: lost_handle
 */
#ifndef OPENS
#define OPENS 2 /* sessions that are asked for */
#endif
#ifndef CANCELS
#define CANCELS 1
#endif

#define SERVERS 2 /* 0: A, 1: B */
#define SESSIONS OPENS
#define CALLS 3 /* the slots of the client's threads: */
#define OPEN 0
#define USE 1
#define GIVE 2
#define SERVER_OF(s) ((s) == GIVE)

typedef arena_a { bit open[SESSIONS + 1] }; /* sessions that somebody may have */
arena_a a_c, a_w;
typedef arena_b { byte kept; bit parked };
arena_b b_c, b_w;

byte opens_left = OPENS;
byte cancels, uses;

inline arena_commit(x) {
    for (k : 1 .. SESSIONS) { a_c.open[k] = (x == 0 -> a_w.open[k] : a_c.open[k]) }
    b_c.kept = (x == 1 -> b_w.kept : b_c.kept);
    b_c.parked = (x == 1 -> b_w.parked : b_c.parked);
    k = 0
}

inline arena_rollback(x) {
    for (k : 1 .. SESSIONS) { a_w.open[k] = (x == 0 -> a_c.open[k] : a_w.open[k]) }
    b_w.kept = (x == 1 -> b_c.kept : b_w.kept);
    b_w.parked = (x == 1 -> b_c.parked : b_w.parked);
    k = 0
}
#define created_commit(x) skip
#define created_rollback(x) skip

#include "kernel.pml"

/* ---- The client, a plain task ------------------------------------------------------------- */

proctype Client() {
    byte k, mine;
    bit asked;
end:
    do
    :: atomic { opens_left > 0 -> opens_left--; kernel_send(OPEN) };
        atomic {
            calls[OPEN].state == DONE ->
            HOLDS(lost_handle, calls[OPEN].returned != 0);
            mine = calls[OPEN].returned; /* from the message into the table */
            calls[OPEN].returned = 0;
            call_free(OPEN);
            calls[USE].session = mine;
            kernel_send(USE)
        };
        do
        :: mine != 0 -> /* the one handle goes from the table into the message */
            atomic { calls[GIVE].moved = mine; mine = 0; asked = 0; kernel_send(GIVE) };
            do
            :: atomic { calls[GIVE].state == DONE -> break }
            :: atomic {
                    !asked && cancels < CANCELS && calls[GIVE].state != DONE ->
                    cancels++;
                    asked = 1;
                    kernel_cancel(GIVE)
                }
            od;
            atomic {
                HOLDS(false_answer, calls[GIVE].status == SUCCESS || asked);
                HOLDS(lost_handle, calls[GIVE].accepted || calls[GIVE].kept != 0);
                HOLDS(doubled_effect, !(calls[GIVE].accepted && calls[GIVE].kept != 0));
                mine = (calls[GIVE].accepted -> calls[GIVE].returned : calls[GIVE].kept);
                calls[GIVE].returned = 0;
                calls[GIVE].kept = 0;
                call_free(GIVE);
                asked = 0
            }
        :: atomic { mine != 0 -> HANDLE_PUT(mine); mine = 0 }
        :: mine == 0 -> break
        od;
        atomic { calls[USE].state == DONE -> uses++; call_free(USE) }
    od
}

/* ---- Server A ----------------------------------------------------------------------------- */

proctype A() {
    byte k, s;
start:
    s = 0;
    COMMIT(0);
end:
    if
    :: atomic { sessions[1].closed -> take_closed(0, 1) }
#if OPENS > 1
    :: atomic { sessions[2].closed -> take_closed(0, 2) }
#endif
    :: atomic { calls[OPEN].state == QUEUED -> take_call(0, OPEN) }
    :: atomic { calls[USE].state == QUEUED -> take_call(0, USE) }
    fi;
    MAY_DIE(0);
    if
    :: servers[0].event == CALL && servers[0].slot == OPEN ->
        atomic {
            s = 1; /* one that is not in use */
            do
            :: s < SESSIONS && (sessions[s].handles != 0 || sessions[s].closed || a_w.open[s]) -> s++
            :: else -> break
            od;
            mint(0, s);
            a_w.open[s] = 1
        };
        MAY_DIE(0);
        atomic {
            HANDLE_GET(s);
            servers[0].returned[OPEN] = s;
            stage_close(0, s);
            stage_reply(0, OPEN, SUCCESS, 0)
        }
    :: servers[0].event == CALL && servers[0].slot == USE ->
        atomic {
            HOLDS(closed_too_early, calls[USE].session == 0 || a_w.open[calls[USE].session]);
            stage_reply(0, USE, SUCCESS, 0)
        }
    :: servers[0].event == CLOSED ->
        atomic {
            s = servers[0].slot;
            HOLDS(closed_too_early, sessions[s].handles == 0);
            HOLDS(broken_state, a_w.open[s]);
            a_w.open[s] = 0
        }
    fi;
    MAY_DIE(0);
    goto start
}

/* ---- Server B ----------------------------------------------------------------------------- */

/* The handle is in B's table, and no earlier output of this turn takes it away. */
#define HAS(s) (servers[1].handles[s] > servers[1].closing[s])

inline give_back_handle(what) {
    HANDLE_GET(s);
    servers[1].returned[GIVE] = s;
    stage_close(1, s);
    stage_reply(1, GIVE, what, 0);
    b_w.kept = 0;
    b_w.parked = 0
}

proctype B() {
    byte k, s;
start:
    s = 0;
    COMMIT(1);
end:
    if
    :: atomic { CANCEL_READY(GIVE) -> take_cancel(1, GIVE) }
    :: atomic { servers[1].pending -> take_bits(1) }
    :: atomic { calls[GIVE].state == QUEUED -> take_call(1, GIVE) }
    fi;
    MAY_DIE(1);
    if
    :: servers[1].event == CALL ->
        s = calls[GIVE].moved;
        HOLDS(lost_handle, s != 0 && HAS(s));
        if
        :: atomic { true -> stage_close(1, s); stage_reply(1, GIVE, SUCCESS, 0) }
        :: atomic { b_w.kept == 0 -> b_w.kept = s; stage_reply(1, GIVE, SUCCESS, 0) }
        :: atomic { b_w.kept == 0 -> b_w.kept = s; b_w.parked = 1 }
        fi
    :: servers[1].event == CANCEL && b_w.parked ->
        s = b_w.kept;
        HOLDS(lost_handle, HAS(s));
        atomic { give_back_handle(CANCELLED) }
    :: servers[1].event == NOTIFY && b_w.kept != 0 ->
        s = b_w.kept;
        HOLDS(lost_handle, HAS(s));
        if
        :: atomic { b_w.parked -> give_back_handle(SUCCESS) }
        :: atomic { !b_w.parked -> stage_close(1, s); b_w.kept = 0 }
        fi
    :: else -> skip
    fi;
    MAY_DIE(1);
    goto start
}

/* B's later: comes when B has something to do. */
proctype Later() {
end:
    do
    :: atomic { b_c.kept != 0 && servers[1].pending == 0 && servers[1].event == NO_EVENT ->
            servers[1].pending = 1 }
    od
}

init {
    byte k;
    atomic {
        run Client();
        run A();
        run B();
        run Later()
    };
    timeout;
    HOLDS(waits_for_ever, opens_left == 0 && uses == OPENS);
    for (k : 0 .. CALLS - 1) { HOLDS(waits_for_ever, calls[k].state == FREE) }
    for (k : 1 .. SESSIONS) {
        HOLDS(leaked_handle, sessions[k].handles == 0);
        HOLDS(leaked_handle, servers[0].handles[k] == 0 && servers[1].handles[k] == 0);
        HOLDS(leaked_handle, !a_c.open[k])
    }
    HOLDS(broken_state, b_c.kept == 0 && !b_c.parked)
}
