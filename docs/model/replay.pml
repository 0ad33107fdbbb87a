/* SPDX-License-Identifier: MIT
 *
 * Takes a run of the kernel through the model: is it one of the model's behaviours? The file
 * `trace` beside the checker has an event in each line: kind, server, call or session, two numbers.
 * tests/harness/tracer.py records them in a running machine; docs/model/README.md explains.
 *
 * What a server did in its turn is staged just before its commit or reset, as the kernel's list has
 * it. The model then does the whole of it, and everything that the kernel does after that must be
 * something that the model has done and that was not told yet: nothing else, nothing twice, and all
 * of it before the server's next event.
 */
#define CALLS 96
#define SERVERS 24
#define OBJECTS 250 /* sessions, timers */
#define SERVER_OF(s) holder[s]
#define BITS int
#define NONE 255

#define arena_commit(x) skip
#define arena_rollback(x) skip
#define created_commit(x) skip
#define created_rollback(x) skip

#include "kernel.pml"

/* Kinds of events, and what their numbers mean. */
#define TRACE_SEND 1 /* x: endpoint; c: call; v: session * 256 + handles in the request */
#define TRACE_SENT 2 /* the same, of a staged call */
#define TRACE_STAGE_CALL 3 /* x: server; c */
#define TRACE_STAGE_REPLY 4 /* x; c */
#define TRACE_STAGE_CANCEL 5 /* x; c */
#define TRACE_STAGED 6 /* x; v: other outputs; w: handles that the turn got */
#define TRACE_COMMIT 7 /* x; c: the event's call, or NONE */
#define TRACE_ANSWERED 8 /* c; v: whether its caller gets it as an event */
#define TRACE_FAIL 9 /* c: ended by the kernel */
#define TRACE_TAKE_CALL 10 /* x; c; v: endpoint; w: handles */
#define TRACE_TAKE_REPLY 11 /* x; c */
#define TRACE_TAKE_BITS 12 /* x; v */
#define TRACE_TAKE_CANCEL 13 /* x; c */
#define TRACE_TAKE_CLOSED 14 /* x; c: session */
#define TRACE_CLOSE 15 /* c: session without handles */
#define TRACE_RESET 16 /* x; v: whether the task ends */
#define TRACE_CANCEL 17 /* c: by its caller */
#define TRACE_ABANDON 18 /* c: its caller is dead */
#define TRACE_SIGNAL 19 /* x; v: bits */
#define TRACE_EFFECT 20 /* x: an output happens; v, w: what was staged, what happens */
#define TRACE_UNDO 21 /* x: a handle is taken away */
#define TRACE_LEASE 22 /* x; c: bytes are copied */
#define TRACE_TIMER_SET 23 /* c: timer; v: whether it is armed */
#define TRACE_EXPIRE 24 /* c */
#define TRACE_BIND 25 /* x; v: bits that wait already */

c_decl {
    \#include <stdio.h>
    \#include <stdlib.h>
    \#define EVENTS_MAX 400000
    static struct { int kind, x, c, v, w; } trace[EVENTS_MAX];
    static int length, position;
    static void tell(void) { printf("event %d of %d\n", position, length); }
    __attribute__((constructor)) static void load(void) {
        FILE *file = fopen("trace", "r");
        while (file != NULL && length < EVENTS_MAX &&
               fscanf(file, "%d %d %d %d %d", &trace[length].kind, &trace[length].x,
                      &trace[length].c, &trace[length].v, &trace[length].w) == 5) {
            length++;
        }
        atexit(tell);
    }
};

int at; /* in the trace */
byte holder[CALLS];   /* that has taken it */
byte endpoint[CALLS]; /* where it is queued */
byte session[CALLS];  /* that it was made on */
byte caller[CALLS];   /* of a staged call */
byte carried[CALLS];  /* handles in the request */
bit sent[CALLS], answered[CALLS]; /* told in the trace */
byte staged[SERVERS], due[SERVERS]; /* other outputs: in the turn; after the commit, not told */
byte created[SERVERS], undone[SERVERS];
bit closed[OBJECTS], armed[OBJECTS];

/* The trace says what the model does not allow. */
hidden byte no_behaviour;
#define MUST(condition) HOLDS(no_behaviour, condition)

inline fetch() {
    c_code { position = now.at; };
    kind = c_expr { trace[now.at].kind };
    x = c_expr { trace[now.at].x };
    c = c_expr { trace[now.at].c };
    v = c_expr { trace[now.at].v };
    w = c_expr { trace[now.at].w }
}

#define KIND(name) (kind == TRACE_##name)

inline idle() {
    MUST(servers[x].event == NO_EVENT && due[x] == 0 && undone[x] == 0)
}

inline no_cancel_waits() {
    for (k : 0 .. CALLS - 1) { MUST(!(holder[k] == x && CANCEL_READY(k))) }
    k = 0
}

inline forget(s) {
    call_free(s);
    sent[s] = 0;
    answered[s] = 0;
    carried[s] = 0;
    session[s] = 0;
    holder[s] = NONE
}

inline replay_event() {
    fetch();
    if
    :: KIND(SEND) || KIND(SENT) ->
        if
        :: KIND(SEND) -> kernel_send(c)
        :: else -> MUST(calls[c].state == QUEUED && !sent[c])
        fi;
        MUST(!closed[v / 256]);
        endpoint[c] = x;
        session[c] = v / 256;
        carried[c] = v % 256;
        sent[c] = 1
    :: KIND(STAGE_CALL) ->
        MUST(calls[c].state == FREE && !servers[x].call[c]);
        stage_call(x, c);
        caller[c] = x
    :: KIND(STAGE_REPLY) ->
        MUST(holder[c] == x && !servers[x].reply[c]);
        MUST(calls[c].state == TAKEN || calls[c].state == ACCEPTED);
        stage_reply(x, c, SUCCESS, 0)
    :: KIND(STAGE_CANCEL) -> stage_cancel(x, c)
    :: KIND(STAGED) ->
        staged[x] = v;
        created[x] = w
    :: KIND(COMMIT) ->
        MUST(undone[x] == 0 && due[x] == 0);
        if
        :: c == NONE -> /* no call in it, or one that is answered by now */
            MUST(servers[x].event == NO_EVENT || servers[x].event == NOTIFY ||
                 calls[servers[x].slot].state == FREE || calls[servers[x].slot].state == DONE)
        :: else -> MUST(servers[x].event != NO_EVENT && servers[x].slot == c)
        fi;
        MUST(servers[x].event != CALL || created[x] >= carried[servers[x].slot]);
        k = servers[x].slot;
        if
        :: servers[x].event == REPLY -> consume(x); k = c; forget(k)
        :: servers[x].event == CALL -> carried[k] = 0; consume(x)
        :: else -> consume(x)
        fi;
        k = 0;
        release(x);
        due[x] = staged[x];
        staged[x] = 0;
        created[x] = 0
    :: KIND(ANSWERED) ->
        MUST(calls[c].state == DONE && !answered[c]);
        answered[c] = 1;
        if
        :: v == 0 || calls[c].orphan -> forget(c) /* a thread has it at once, a dead one never */
        :: else -> skip
        fi
    :: KIND(FAIL) ->
        MUST(calls[c].state == QUEUED || calls[c].state == TAKEN || calls[c].state == ACCEPTED);
        call_finish(c, GONE)
    :: KIND(TAKE_CALL) ->
        idle();
        no_cancel_waits();
        MUST(calls[c].state == QUEUED && sent[c] && endpoint[c] == v && carried[c] == w);
        take_call(x, c);
        holder[c] = x
    :: KIND(TAKE_REPLY) ->
        idle();
        no_cancel_waits();
        MUST(calls[c].state == DONE && answered[c] && caller[c] == x);
        take_reply(x, c)
    :: KIND(TAKE_BITS) ->
        idle();
        no_cancel_waits();
        MUST(v != 0 && servers[x].pending == v);
        take_bits(x)
    :: KIND(TAKE_CANCEL) ->
        idle();
        MUST(holder[c] == x && CANCEL_READY(c));
        take_cancel(x, c)
    :: KIND(TAKE_CLOSED) ->
        idle();
        no_cancel_waits();
        MUST(closed[c]);
        closed[c] = 0;
        take(x, CLOSED, c)
    :: KIND(CLOSE) ->
        MUST(!closed[c]);
        for (k : 0 .. CALLS - 1) {
            MUST(session[k] != c || calls[k].state == FREE || calls[k].state == DONE)
        }
        k = 0;
        closed[c] = 1
    :: KIND(RESET) ->
        MUST(undone[x] == 0);
        if
        :: servers[x].event == CLOSED && v == 0 -> closed[servers[x].slot] = 1
        :: servers[x].event != CALL && v != 0 -> consume(x)
        :: else -> skip
        fi;
        reset(x);
        undone[x] = created[x];
        staged[x] = 0;
        created[x] = 0;
        due[x] = 0
    :: KIND(CANCEL) -> kernel_cancel(c)
    :: KIND(ABANDON) ->
        if
        :: calls[c].state == FREE || answered[c] -> forget(c)
        :: calls[c].state == DONE && !answered[c] -> calls[c].orphan = 1 /* by the same commit */
        :: else -> kernel_abandon(c)
        fi
    :: KIND(SIGNAL) -> servers[x].pending = servers[x].pending | v
    :: KIND(BIND) -> servers[x].pending = v
    :: KIND(EFFECT) ->
        MUST(due[x] > 0);
        MUST(v == w);
        due[x]--
    :: KIND(UNDO) ->
        MUST(undone[x] > 0);
        undone[x]--
    :: KIND(LEASE) -> MUST(holder[c] == x && LENT(c))
    :: KIND(TIMER_SET) -> armed[c] = (v != 0)
    :: KIND(EXPIRE) ->
        MUST(armed[c]);
        armed[c] = 0
    :: else -> MUST(false)
    fi;
    at++
}

init {
    byte k, kind, x, c;
    int v, w;
    d_step { for (k : 0 .. CALLS - 1) { holder[k] = NONE }; k = 0 };
    skip;
    do
    :: c_expr { now.at < length } -> d_step { replay_event() }
    :: c_expr { now.at >= length } -> break
    od;
    skip;
    /* What the model has done is told. */
    d_step {
        for (k : 0 .. CALLS - 1) {
            MUST(calls[k].state != QUEUED || sent[k]);
            MUST(calls[k].state != DONE || answered[k])
        }
        for (k : 0 .. SERVERS - 1) { MUST(due[k] == 0 && undone[k] == 0) }
    };
    c_code { position = length; }
}
