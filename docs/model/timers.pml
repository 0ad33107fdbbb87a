/* SPDX-License-Identifier: MIT
 *
 * Timers: staged, with absolute deadlines; they ring once, by a bit of their server's notification.
 *
 * Two clients ask a server to be woken, at 2 and at 3. The server parks them and sets its one timer
 * to the earliest deadline. A third client asks it to call the first one's alarm off, and may cancel
 * that. Time passes, and an expired timer rings, between any two steps; the server may be killed
 * there too.
 *
 * The properties: nobody is woken early or sleeps for ever, the timer stands at the earliest deadline
 * of the committed arena, one setting rings once, and an alarm is off only if that was answered so.
 *
 * Without any of these rules (kernel.pml) that is violated:
 *   SET_AT_ONCE: rang_late
 *   RELATIVE: rang_late
 *   RING_ON: doubled_effect
 *   MISS_THE_PAST: waits_for_ever
 *   DISARM: waits_for_ever
 *   LOSE_BITS: waits_for_ever
 */
#ifndef CANCELS
#define CANCELS 1
#endif

#define END_OF_TIME 3
#define SLEEPERS 2
#define OFF 2 /* the third client's call */
#define CALLS 3
#define SERVERS 1
#define SERVER_OF(s) 0
#define TIMERS 1
#define DEADLINE(s) ((s) + 2)

typedef arena_t { byte until[SLEEPERS]; /* 0: does not sleep */ };
arena_t arena_c, arena_w;
byte cancels;
bit gave_up, called_off; /* what the first and the third client were told */

#define EARLIEST(a) \
    (a.until[0] == 0 -> a.until[1] : (a.until[1] == 0 || a.until[0] < a.until[1] -> a.until[0] \
                                                                              : a.until[1]))

inline arena_commit(x) { arena_c.until[0] = arena_w.until[0]; arena_c.until[1] = arena_w.until[1] }
inline arena_rollback(x) { arena_w.until[0] = arena_c.until[0]; arena_w.until[1] = arena_c.until[1] }
#define created_commit(x) \
    HOLDS(rang_late, timers[0].deadline == 0 || timers[0].deadline == EARLIEST(arena_w))
#define created_rollback(x) skip

#include "kernel.pml"

/* ---- Clients and time --------------------------------------------------------------------- */

proctype Sleeper(byte me) {
    byte k;
    kernel_send(me);
    atomic {
        calls[me].state == DONE ->
        if
        :: calls[me].status == SUCCESS -> HOLDS(rang_early, now >= DEADLINE(me))
        :: else -> HOLDS(false_answer, me == 0); gave_up = 1
        fi;
        call_free(me)
    }
}

proctype Caller() {
    byte k;
    bit asked;
    kernel_send(OFF);
    do
    :: atomic { calls[OFF].state == DONE -> break }
    :: atomic {
            !asked && cancels < CANCELS && calls[OFF].state != DONE ->
            cancels++;
            asked = 1;
            kernel_cancel(OFF)
        }
    od;
    atomic {
        HOLDS(false_answer, calls[OFF].status == SUCCESS || asked);
        called_off = calls[OFF].status == SUCCESS;
        call_free(OFF)
    }
}

proctype Clock() {
end:
    do
    :: atomic { now < END_OF_TIME -> now++ }
    :: atomic { timers[0].deadline != 0 && timers[0].deadline <= now -> timer_expire(0) }
    od
}

/* ---- The server --------------------------------------------------------------------------- */

inline rearm() {
    soonest = EARLIEST(arena_w);
#ifdef RELATIVE
    soonest = (soonest > now -> soonest - now : soonest);
#endif
    stage_timer(0, 0, soonest);
    soonest = 0
}

inline wake(s, what) {
    arena_w.until[s] = 0;
    stage_reply(0, s, what, 0)
}

proctype Server() {
    byte k, s, soonest;
start:
    s = 0;
    COMMIT(0);
end:
    if
    :: atomic { CANCEL_READY(OFF) -> take_cancel(0, OFF) }
    :: atomic { servers[0].pending -> take_bits(0) }
    :: atomic { calls[0].state == QUEUED -> take_call(0, 0) }
    :: atomic { calls[1].state == QUEUED -> take_call(0, 1) }
    :: atomic { calls[OFF].state == QUEUED -> take_call(0, OFF) }
    fi;
    MAY_DIE(0);
    s = servers[0].slot;
    if
    :: servers[0].event == CALL && s == OFF ->
        atomic {
            if
            :: arena_w.until[0] != 0 -> wake(0, CANCELLED)
            :: else -> skip
            fi;
            stage_reply(0, OFF, SUCCESS, 0)
        };
        MAY_DIE(0);
        atomic { rearm() }
    :: servers[0].event == CALL && s != OFF ->
        arena_w.until[s] = DEADLINE(s);
        MAY_DIE(0);
        atomic { rearm() }
    :: servers[0].event == NOTIFY ->
        atomic {
            s = 0;
            do
            :: s < SLEEPERS ->
                if
                :: arena_w.until[s] != 0 && arena_w.until[s] <= now -> wake(s, SUCCESS)
                :: else -> skip
                fi;
                s++
            :: else -> break
            od
        };
        MAY_DIE(0);
        atomic { rearm() }
    :: servers[0].event == CANCEL -> skip /* too late: it is answered already */
    fi;
    MAY_DIE(0);
    goto start
}

init {
    byte k;
    atomic {
        timers[0].bit_set = 1;
        run Sleeper(0);
        run Sleeper(1);
        run Caller();
        run Server();
        run Clock()
    };
    timeout;
    for (k : 0 .. CALLS - 1) { HOLDS(waits_for_ever, calls[k].state == FREE) }
    HOLDS(false_answer, called_off || !gave_up);
    HOLDS(broken_state, timers[0].deadline == 0 && EARLIEST(arena_c) == 0)
}
