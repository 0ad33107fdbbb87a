/* SPDX-License-Identifier: MIT
 *
 * Leases: what a server writes into the memory of its clients, and reads there.
 *
 * Two clients ask a server for the next two bytes of a stream and lend it a buffer for them, and a
 * byte that says what they want, which they may change at any time. The server writes one byte after
 * the other and answers; before its gate is open it parks the calls instead, and answers in the
 * turn of the notification. A client may cancel, or die: its memory then belongs to somebody else.
 * The server may be killed between any two steps.
 *
 * The properties: with an answer come both bytes of it, whatever dead turns have written there
 * before; bytes of the stream are neither lost nor doubled; nothing is written into memory that is
 * not lent; what the server has checked is what it uses.
 *
 * Without any of these rules (kernel.pml, or below) that is violated:
 *   LEND_TO_THE_DEAD: wild_write
 *   LEAVE_AT_ONCE: wild_write
 *   READ_EARLY: torn_bytes
 *   SKIP_WRITTEN: torn_bytes
 *   READ_TWICE: broken_state
 *   LOSE_CALL: waits_for_ever
 *   REQUEUE_ACCEPTED: lost_effect
 *
 *   LEAVE_AT_ONCE     a client that cancels does not wait for the server's answer
 *   READ_EARLY        a client looks at its buffer before the answer
 *   SKIP_WRITTEN      a call that comes again need not be written again
 *   READ_TWICE        the server checks a lent byte, then reads it again
 */
#ifndef ROUNDS
#define ROUNDS 2 /* calls that are made */
#endif
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef DEATHS
#define DEATHS 1 /* of clients */
#endif

#define CLIENTS 2
#define SERVERS 1
#define CALLS CLIENTS /* each client's slot */
#define SERVER_OF(s) 0
#define ATTEMPTS

typedef arena_t { byte position; bit open; bit parked[CLIENTS] };
arena_t arena_c, arena_w;

typedef memory_t {
    byte bytes[2];
    bit lent;    /* its owner has a call in progress */
    bit refused; /* the other lent byte: that this call is to be refused */
};
memory_t memory[CLIENTS];

byte calls_left = ROUNDS;
byte cancels, deaths, delivered[ROUNDS];
bit changed;

#define COPY_ARENA(to, from) \
    to.position = from.position; \
    to.open = from.open; \
    to.parked[0] = from.parked[0]; \
    to.parked[1] = from.parked[1]

inline arena_commit(x) { COPY_ARENA(arena_c, arena_w) }
inline arena_rollback(x) { COPY_ARENA(arena_w, arena_c) }
#define created_commit(x) skip
#define created_rollback(x) skip

#include "kernel.pml"

/* ---- Clients ------------------------------------------------------------------------------ */

#define BYTE(position, i) ((position) * 2 + (i) + 1)

inline deliver(what) {
    delivered[what]++;
    HOLDS(doubled_effect, delivered[what] == 1)
}

proctype Client(byte me) {
    byte k, early;
    bit asked;
end:
    do
    :: atomic {
            calls_left > 0 ->
            calls_left--;
            memory[me].bytes[0] = 0;
            memory[me].bytes[1] = 0;
            memory[me].lent = 1;
            kernel_send(me)
        };
        do
        :: atomic { calls[me].state == DONE -> break }
        :: atomic {
                !asked && cancels < CANCELS && calls[me].state != DONE ->
                cancels++;
                asked = 1;
#ifdef LEAVE_AT_ONCE
                memory[me].lent = 0;
#endif
                kernel_cancel(me)
            }
        :: atomic {
                deaths < DEATHS && calls[me].state != DONE ->
                deaths++;
                memory[me].lent = 0;
                kernel_abandon(me);
                goto dead
            }
        :: atomic {
                !changed && memory[me].lent -> changed = 1; memory[me].refused = 1
            }
#ifdef READ_EARLY
        :: atomic { memory[me].bytes[0] != 0 && early == 0 -> early = memory[me].bytes[0] }
#endif
        od;
        atomic {
            if
            :: calls[me].status == SUCCESS ->
                HOLDS(torn_bytes, memory[me].bytes[0] == BYTE(calls[me].value, 0));
                HOLDS(torn_bytes, memory[me].bytes[1] == BYTE(calls[me].value, 1));
                HOLDS(torn_bytes, early == 0 || early == BYTE(calls[me].value, 0));
                k = calls[me].value;
                deliver(k)
            :: calls[me].status == CANCELLED -> HOLDS(false_answer, asked)
            :: else -> HOLDS(false_answer, memory[me].refused)
            fi;
            k = 0;
            early = 0;
            asked = 0;
            memory[me].lent = 0;
            memory[me].refused = 0;
            call_free(me)
        }
    od;
dead: /* Nobody waits: the kernel frees the slot. What was sent to the dead client is gone. */
    atomic {
        calls[me].state == DONE ->
        if
        :: calls[me].status == SUCCESS -> k = calls[me].value; deliver(k); k = 0
        :: else -> skip
        fi;
        call_free(me)
    }
}

/* ---- The server --------------------------------------------------------------------------- */

/* E_STALE if the memory is not lent; nobody hears the answer either. */
inline lease_write(s, i) {
    if
    :: LENT(s) ->
        HOLDS(wild_write, memory[s].lent);
#ifdef SKIP_WRITTEN
        if
        :: calls[s].again && memory[s].bytes[i] != 0 -> skip
        :: else -> memory[s].bytes[i] = BYTE(arena_w.position, i)
        fi
#else
        memory[s].bytes[i] = BYTE(arena_w.position, i)
#endif
    :: else -> skip
    fi
}

#define SERVE(s) \
    atomic { lease_write(s, 0) }; \
    MAY_DIE(0); \
    atomic { \
        lease_write(s, 1); \
        stage_reply(0, s, SUCCESS, arena_w.position); \
        arena_w.parked[s] = 0; \
        arena_w.position++ \
    }; \
    MAY_DIE(0)

proctype Server() {
    byte k, current;
    bit refused;
start:
    current = 0;
    refused = 0;
    COMMIT(0);
end:
    if
    :: atomic { CANCEL_READY(0) -> take_cancel(0, 0) }
    :: atomic { CANCEL_READY(1) -> take_cancel(0, 1) }
    :: atomic { servers[0].pending -> take_bits(0) }
    :: atomic { calls[0].state == QUEUED -> take_call(0, 0) }
    :: atomic { calls[1].state == QUEUED -> take_call(0, 1) }
    fi;
    MAY_DIE(0);
    current = servers[0].slot;
    if
    :: servers[0].event == CALL ->
        refused = LENT(current) && memory[current].refused;
        MAY_DIE(0);
        if
        :: refused -> stage_reply(0, current, GONE, 0)
        :: !refused ->
#ifdef READ_TWICE
            refused = LENT(current) && memory[current].refused;
#endif
            HOLDS(broken_state, !refused);
            if
            :: arena_w.open -> SERVE(current)
            :: else -> arena_w.parked[current] = 1
            fi
        fi
    :: servers[0].event == CANCEL ->
        atomic {
            if
            :: arena_w.parked[current] ->
                arena_w.parked[current] = 0;
                stage_reply(0, current, CANCELLED, 0)
            :: else -> skip
            fi
        }
    :: servers[0].event == NOTIFY ->
        arena_w.open = 1;
        do
        :: arena_w.parked[0] -> SERVE(0)
        :: !arena_w.parked[0] && arena_w.parked[1] -> SERVE(1)
        :: else -> break
        od
    fi;
    MAY_DIE(0);
    goto start
}

init {
    byte k;
    atomic {
        run Client(0);
        run Client(1);
        run Server()
    };
    atomic { servers[0].pending = 1 };
    timeout;
    HOLDS(waits_for_ever, calls_left == 0);
    for (k : 0 .. CALLS - 1) { HOLDS(waits_for_ever, calls[k].state == FREE) }
    for (k : 0 .. ROUNDS - 1) { HOLDS(lost_effect, delivered[k] == (k < arena_c.position)) }
}
