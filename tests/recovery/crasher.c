/* SPDX-License-Identifier: MIT
 * A server with bugs on request, for the test of init's ladder. With the argument `broken` it
 * crashes at every start, whatever its state.
 */
#include <ipc/actor.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>

#include <common/string.h>

#include "crasher.h"

ACTOR_IMAGE("crasher", 1, 1, "crasher/1");

#define STRAYS 16
#define PAGED_VA 0x0000500000000000ull /* nothing else is there */

ARENA static struct {
    uint64_t sum, bells;
    bool crash_at_start, loop_at_start, crash_at_event;
} state;

static volatile int zero;

static _Noreturn void crash(void) {
    __builtin_trap();
}

/* The attempt decides where: a row of instructions each of which faults. */
static _Noreturn void crash_somewhere(uint64_t attempt) {
    __asm__ volatile("lea 1f(%%rip), %%rax\n\t"
                     "lea (%%rax,%0,2), %%rax\n\t"
                     "jmp *%%rax\n"
                     "1: .rept 16\n\tud2\n\t.endr"
                     :
                     : "r"(attempt % STRAYS)
                     : "rax");
    __builtin_unreachable();
}

static void loop(void) {
    while (zero == 0) {
    }
}

/* For a page that this server itself would have to bring. */
static status_t wait_for_myself(void) {
    handle_t pager, memory, account = startup_handle("account");
    status_t status = session_create(startup_handle("endpoint"), 2, &pager);
    if (status == OK) {
        status = memory_create_paged(account, PAGE_SIZE, pager, &memory);
    }
    if (status == OK) {
        status = memory_map(TASK_SELF, memory, 0, PAGED_VA, PAGE_SIZE, PROT_READ);
    }
    return status == OK ? *(volatile status_t *)PAGED_VA : status;
}

static void answer_session(struct event *event) {
    handle_t session;
    status_t status = session_create(startup_handle("endpoint"), 1, &session);
    if (status == OK) {
        struct handle_slot slot = {session, RIGHT_CALL | RIGHT_COPY | HANDLE_MOVE};
        status = reply_handles(event->token, OK, NULL, 0, &slot, 1);
    }
    if (status != OK) {
        reply_status(event->token, status);
    }
}

static void call_event(struct event *event) {
    switch (event->label) {
    case CRASHER_ADD:
        state.sum += event->words[0];
        reply(event->token, OK, &state.sum, sizeof state.sum);
        return;
    case CRASHER_OPEN:
        answer_session(event);
        return;
    case CRASHER_PARK:
        event_keep(event);
        return;
    case CRASHER_CRASH:
        state.sum += 1000; /* must never be seen */
        crash();
    case CRASHER_STRAY:
        crash_somewhere(event->attempt);
    case CRASHER_LOOP:
        state.sum += 1000;
        loop();
        return;
    case CRASHER_WAIT:
        state.sum += 1000;
        reply_status(event->token, wait_for_myself());
        return;
    case CRASHER_FORGET:
        if (event->attempt == 0) {
            return;
        }
        break;
    case CRASHER_REFUSE:
        reply_status(event->token, event->attempt == 0 || event->words[0] != 0 ? E_INVALID : OK);
        return;
    case CRASHER_DEAF:
        actor_set_mask(0);
        break;
    case CRASHER_BELLS:
        reply(event->token, OK, &state.bells, sizeof state.bells);
        return;
    case CRASHER_AT_EVENT:
        state.crash_at_event = true;
        reply_status(event->token, notification_signal(startup_handle("notification"), 1));
        return;
    case CRASHER_AT_START:
        state.crash_at_start = true;
        break;
    case CRASHER_LATE:
        state.loop_at_start = true;
        break;
    default:
        reply_status(event->token, E_UNSUPPORTED);
        return;
    }
    reply_status(event->token, OK);
}

static void notify_event(struct event *event) {
    (void)event;
    state.bells++;
    if (state.crash_at_event) {
        crash();
    }
}

static void start(void) {
    if (state.loop_at_start) {
        loop();
    }
    if (state.crash_at_start || (startup_argc() > 0 && strcmp(startup_argv(0), "broken") == 0)) {
        crash();
    }
}

int main(void) {
    static const struct actor actor = {.start = start, .call = call_event, .notify = notify_event};
    actor_run(&actor);
}
