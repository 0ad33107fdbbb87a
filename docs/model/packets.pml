/* SPDX-License-Identifier: MIT
 *
 * Packets between a network driver and the network server. They lie in the driver's DMA memory,
 * which the server maps; what lies where is said in calls (ADR 0004), so there are no indices that
 * a commit would have to publish.
 *
 * The device writes frames from the wire into the buffers that the driver has given it. The driver,
 * which keeps nothing over a kill, tells the server of each in a call, and gives the buffer back to
 * the device when that is answered. A new incarnation has new memory, and says hello before all
 * else. The kernel stops the device when its driver is killed, before the driver's calls are
 * cancelled and its memory goes, which lives on while the server still maps it. Driver and server
 * may be killed between any two steps.
 *
 * The properties: the server sees no frame that did not come, and none twice; frames may be lost;
 * the device writes into no memory that somebody else may own by then; no call is left over.
 *
 * Without any of these rules (kernel.pml, or below) that is violated:
 *   KEEP_THE_DEAD: invented_packet
 *   BUS_STAYS_ON: wild_write
 *   GIVE_EARLY: torn_bytes
 *   LOSE_CALL: waits_for_ever
 *
 *   KEEP_THE_DEAD     the queued calls of a dead driver are delivered
 *   BUS_STAYS_ON      the device goes on when its driver is killed
 *   GIVE_EARLY        the driver gives a buffer back before its call is answered
 */
#ifndef FRAMES
#define FRAMES 2 /* that come from the wire, numbered from 1 */
#endif

#define BUFFERS 2
#define CALLS 3 /* slots, all of the driver: one for each buffer, and HELLO */
#define HELLO 2
#define SERVERS 2 /* 0: the network server, 1: the driver, whose arena is empty */
#define SERVER_OF(s) 0

typedef arena_t { byte bound; /* generation of the memory */ bit seen[FRAMES + 1] };
arena_t arena_c, arena_w;

typedef buffer_t { byte frame; bit device; /* may write it */ };
typedef memory_t { buffer_t buffers[BUFFERS] };
byte generation = 1; /* of the driver and its memory */
byte hello;          /* what a HELLO says */
bit mastering;       /* the device writes… */
byte target = 1;     /* …into the memory of this generation */
byte frames;         /* that came */
byte told[BUFFERS];  /* which of them the driver means by a call */

inline arena_commit(x) {
    if
    :: x == 0 ->
        arena_c.bound = arena_w.bound;
        for (k : 1 .. FRAMES) { arena_c.seen[k] = arena_w.seen[k] }
        k = 0
    :: else -> skip
    fi
}
inline arena_rollback(x) {
    if
    :: x == 0 ->
        arena_w.bound = arena_c.bound;
        for (k : 1 .. FRAMES) { arena_w.seen[k] = arena_c.seen[k] }
        k = 0
    :: else -> skip
    fi
}
#define created_commit(x) skip
#define created_rollback(x) skip

#include "kernel.pml"

memory_t memory[KILLS + 2];

/* ---- The device --------------------------------------------------------------------------- */

proctype Device() {
    byte b;
end:
    do
    :: atomic {
            frames < FRAMES ->
            frames++;
            if
            :: mastering ->
                if
                :: memory[target].buffers[0].device -> b = 0
                :: memory[target].buffers[1].device -> b = 1
                :: else -> b = BUFFERS
                fi;
                if
                :: b < BUFFERS ->
                    /* Memory goes when neither the driver nor the server has it. */
                    HOLDS(wild_write, target == generation || target == arena_c.bound);
                    memory[target].buffers[b].frame = frames;
                    memory[target].buffers[b].device = 0;
                    servers[1].pending = 1
                :: else -> skip /* lost: no buffer */
                fi
            :: else -> skip /* lost: there is no driver */
            fi;
            b = 0
        }
    od
}

/* ---- The driver --------------------------------------------------------------------------- */

/* What a kill does beyond the reset: the arena is empty, so calls and handles go. */
inline driver_killed() {
#ifndef BUS_STAYS_ON
    mastering = 0;
#endif
    reset(1);
    generation++;
    for (s : 0 .. CALLS - 1) {
        if
        :: calls[s].state == DONE && !calls[s].orphan -> call_free(s)
#ifdef KEEP_THE_DEAD
        :: calls[s].state == QUEUED -> calls[s].orphan = 1
#endif
        :: calls[s].state == FREE || calls[s].orphan -> skip
        :: else -> kernel_abandon(s)
        fi
    }
    s = 0
}
#define DRIVER_MAY_DIE \
    if \
    :: kills < KILLS -> atomic { kills++; driver_killed() }; goto start \
    :: true -> skip \
    fi

#define mine memory[generation]

/* Tells the server of a frame that is in buffer s, if it has not been told. */
inline tell(s) {
    if
    :: !mine.buffers[s].device && (calls[s].state == FREE || calls[s].orphan) ->
        (calls[s].state == FREE); /* the slot is still a dead driver's: there are more in a kernel */
        stage_call(1, s);
        told[s] = mine.buffers[s].frame;
#ifdef GIVE_EARLY
        mine.buffers[s].device = 1
#endif
    :: else -> skip
    fi
}
proctype Driver() {
    byte k, s;
start:
    s = 0;
    COMMIT(1);
    atomic { calls[HELLO].state == FREE -> hello = generation; stage_call(1, HELLO) };
    DRIVER_MAY_DIE;
    COMMIT(1);
    do
    :: atomic { calls[HELLO].state == DONE && !calls[HELLO].orphan -> take_reply(1, HELLO); break }
    od;
    DRIVER_MAY_DIE;
    atomic { mine.buffers[0].device = 1; mine.buffers[1].device = 1 };
    atomic { target = generation; mastering = 1 };
turn:
    DRIVER_MAY_DIE;
    COMMIT(1);
end:
    if
    :: atomic { calls[0].state == DONE && !calls[0].orphan -> take_reply(1, 0) }
    :: atomic { calls[1].state == DONE && !calls[1].orphan -> take_reply(1, 1) }
    :: atomic { servers[1].pending -> take_bits(1) }
    fi;
    DRIVER_MAY_DIE;
    if
    :: servers[1].event == REPLY ->
        s = servers[1].slot;
        mine.buffers[s].device = 1;
        s = 0
    :: servers[1].event == NOTIFY ->
        atomic { tell(0) };
        DRIVER_MAY_DIE;
        atomic { tell(1) }
    fi;
    goto turn
}

/* The kernel frees the calls of dead drivers. */
proctype Reaper() {
    byte k, s;
end:
    do
    :: atomic { calls[0].state == DONE && calls[0].orphan -> s = 0; call_free(s) }
    :: atomic { calls[1].state == DONE && calls[1].orphan -> s = 1; call_free(s); s = 0 }
    :: atomic { calls[2].state == DONE && calls[2].orphan -> s = 2; call_free(s); s = 0 }
    od
}

/* ---- The server --------------------------------------------------------------------------- */

proctype Server() {
    byte k, s, frame;
start:
    s = 0;
    frame = 0;
    COMMIT(0);
end:
    if
    :: atomic { CANCEL_READY(0) -> take_cancel(0, 0) }
    :: atomic { CANCEL_READY(1) -> take_cancel(0, 1) }
    :: atomic { CANCEL_READY(2) -> take_cancel(0, 2) }
    :: atomic { calls[0].state == QUEUED -> take_call(0, 0) }
    :: atomic { calls[1].state == QUEUED -> take_call(0, 1) }
    :: atomic { calls[2].state == QUEUED -> take_call(0, 2) }
    fi;
    MAY_DIE(0);
    s = servers[0].slot;
    if
    :: servers[0].event == CALL && s == HELLO -> arena_w.bound = hello
    :: servers[0].event == CALL && s != HELLO ->
        frame = memory[arena_w.bound].buffers[s].frame;
        HOLDS(invented_packet, frame != 0);
        HOLDS(torn_bytes, frame == told[s]);
        MAY_DIE(0);
        HOLDS(doubled_effect, !arena_w.seen[frame]);
        arena_w.seen[frame] = 1
    :: else -> skip /* a cancelled call is answered already */
    fi;
    MAY_DIE(0);
    atomic {
        if
        :: servers[0].event == CALL -> stage_reply(0, s, SUCCESS, 0)
        :: else -> skip
        fi
    };
    MAY_DIE(0);
    goto start
}

init {
    byte s;
    atomic {
        run Device();
        run Driver();
        run Reaper();
        run Server()
    };
    timeout;
    HOLDS(waits_for_ever, frames == FRAMES && mastering && !servers[1].pending);
    for (s : 0 .. CALLS - 1) { HOLDS(waits_for_ever, calls[s].state == FREE) }
    for (s : 0 .. BUFFERS - 1) { HOLDS(waits_for_ever, memory[generation].buffers[s].device) }
}
