/* SPDX-License-Identifier: MIT
 * A small server in several builds, for the upgrade test. By version:
 *   1 the first   2 another layout   3 another, dies when it imports   4 the layout of 1, dies when
 *   it starts   5 another, never ends its import   6 another, knows no records   7 the layout of 1,
 *   never comes to its first commit   8 another, takes no records whatever is in them   9 the
 * layout of 1 and another protocol
 */
#include <ipc/actor.h>
#include <ipc/heap.h>
#include <ipc/object.h>
#include <ipc/startup.h>

#include "tally.h"

ACTOR_IMAGE("tally", 0, TALLY_VERSION_NUMBER, PROTOCOL("tally", TALLY_PROTOCOL_VERSION));

#define SOUND 0x5a5a5a5au
#define PARKED 4
#define SESSIONS 8

#if TALLY_VERSION_NUMBER == 1 || TALLY_VERSION_NUMBER == 4 || TALLY_VERSION_NUMBER == 7 ||         \
    TALLY_VERSION_NUMBER == 9
#define TABLE 64
struct state {
    uint64_t shared;
    uint64_t counts[SESSIONS];
    token_t parked[PARKED];
    uint32_t sound, sessions;
    bool crash_at_event;
};
#else
#define TABLE 4096
struct state {
    bool crash_at_event;
    uint32_t sound, sessions;
    token_t parked[PARKED];
    uint8_t room[4096 + TALLY_VERSION_NUMBER]; /* each has a layout of its own */
    uint64_t counts[SESSIONS];
    uint64_t shared;
};
#endif

ARENA static struct state state;
ARENA static uint64_t *heap_table; /* an address within the arena, of this layout alone */

static volatile int zero;

static status_t create(void) {
    state.sound = SOUND;
    heap_table = arena_allocate(TABLE * sizeof *heap_table);
    return heap_table != NULL ? OK : E_NO_SPACE;
}

static const char *check(bool full) {
    if (state.sound != SOUND) {
        return "the mark is gone";
    }
    if (state.sessions > SESSIONS) {
        return "too many sessions";
    }
    return full && heap_table != NULL && !heap_check(arena_heap()) ? "the heap is damaged" : NULL;
}

/* ---- Records ------------------------------------------------------------------------------ */

enum { RECORD_STATE = 1, RECORD_PARKED, RECORD_SESSION };

struct record_state {
    uint64_t shared;
};

struct record_session {
    uint64_t number, count;
};

__attribute__((unused)) static void export(struct records_writer *records) {
    record_put(records, RECORD_STATE, 1, &(struct record_state){state.shared},
               sizeof(struct record_state));
    for (uint32_t i = 0; i < PARKED; i++) {
        if (state.parked[i] != TOKEN_NONE) {
            record_put(records, RECORD_PARKED, 1, &state.parked[i], sizeof state.parked[i]);
        }
    }
    for (uint32_t i = 0; i < state.sessions && i < SESSIONS; i++) {
        record_put(records, RECORD_SESSION, 1, &(struct record_session){i, state.counts[i]},
                   sizeof(struct record_session));
    }
}

static void park(token_t token) {
    for (uint32_t i = 0; i < PARKED; i++) {
        if (state.parked[i] == TOKEN_NONE) {
            state.parked[i] = token;
            return;
        }
    }
    reply_status(token, E_BUSY);
}

__attribute__((unused)) static status_t import(struct records_reader *records) {
    struct record record;
    while (TALLY_VERSION_NUMBER == 5 && zero == 0) {
    }
    while (record_next(records, &record)) {
        struct record_state whole;
        struct record_session session;
        token_t token;
        switch (record.tag) {
        case RECORD_STATE:
            record_copy(&record, &whole, sizeof whole);
            state.shared = whole.shared;
            break;
        case RECORD_PARKED:
            record_copy(&record, &token, sizeof token);
            park(token);
            break;
        case RECORD_SESSION:
            record_copy(&record, &session, sizeof session);
            if (session.number < SESSIONS) {
                state.counts[session.number] = session.count;
                state.sessions =
                    session.number < state.sessions ? state.sessions : (uint32_t)session.number + 1;
            }
            break;
        default:
            break;
        }
    }
    if (TALLY_VERSION_NUMBER == 3) {
        __builtin_trap();
    }
    return TALLY_VERSION_NUMBER == 8 ? E_FORMAT : create();
}

/* ---- Calls -------------------------------------------------------------------------------- */

static uint64_t *count_of(const struct event *event) {
    return (event->badge & BADGE_ROOT) != 0 || event->badge >= SESSIONS
               ? &state.shared
               : &state.counts[event->badge];
}

static status_t open(struct event *event) {
    handle_t session;
    if (state.sessions == SESSIONS) {
        return E_QUOTA;
    }
    status_t status = session_create(startup_handle("endpoint"), state.sessions, &session);
    if (status != OK) {
        return status;
    }
    state.sessions++;
    struct handle_slot slot = {session, RIGHT_CALL | RIGHT_COPY | HANDLE_MOVE};
    return reply_handles(event->token, OK, NULL, 0, &slot, 1);
}

static uint64_t release(void) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < PARKED; i++) {
        if (state.parked[i] != TOKEN_NONE) {
            reply(state.parked[i], OK, &state.shared, sizeof state.shared);
            state.parked[i] = TOKEN_NONE;
            count++;
        }
    }
    return count;
}

static void answer(const struct event *event, uint64_t word) {
    reply(event->token, OK, &word, sizeof word);
}

static void on_call(struct event *event) {
    uint64_t *count = count_of(event);
    status_t status;
    switch (event->label) {
    case TALLY_WILD:
        state.sound = event->attempt == 0 ? 0 : SOUND;
        __attribute__((fallthrough));
    case TALLY_ADD:
        *count += event->word_count > 0 ? event->words[0] : 0;
        answer(event, *count);
        break;
    case TALLY_OPEN:
        status = open(event);
        if (status != OK) {
            reply_status(event->token, status);
        }
        break;
    case TALLY_PARK:
        park(event->token);
        event_keep(event);
        break;
    case TALLY_RELEASE:
        answer(event, release());
        break;
    case TALLY_VERSION:
        answer(event, TALLY_VERSION_NUMBER);
        break;
    case TALLY_AT_EVENT:
        state.crash_at_event = true;
        reply_status(event->token, notification_signal(startup_handle("notification"), 1));
        break;
    default:
        reply_status(event->token, E_UNSUPPORTED);
        break;
    }
}

static void on_notify(struct event *event) {
    (void)event;
    if (state.crash_at_event) {
        __builtin_trap();
    }
}

static void start(void) {
    if (TALLY_VERSION_NUMBER == 4) {
        __builtin_trap();
    }
    while (TALLY_VERSION_NUMBER == 7 && zero == 0) {
    }
}

int main(void) {
    static const struct actor actor = {
        .create = create,
        .start = start,
        .call = on_call,
        .notify = on_notify,
#if TALLY_VERSION_NUMBER != 6
        .export = export,
        .import = import,
#endif
        .check = check,
    };
    actor_run(&actor);
}
