/* SPDX-License-Identifier: MIT
 * Answers every call with its next COMMIT_RECEIVE; the label says how many arena pages it changes
 * in the turn.
 */
#include <ipc/actor.h>
#include <ipc/startup.h>

#include "bench.h"

ACTOR_IMAGE("benchserver", 0, 1, "bench/1");

ARENA static volatile uint64_t pages[BENCH_PAGES_MAX][PAGE_SIZE / sizeof(uint64_t)];

int main(void) {
    if (actor_bind(startup_handle("endpoint"), HANDLE_NONE) != OK) {
        return 1;
    }
    struct bench_message message = {.r14 = TOKEN_NONE};
    uint64_t named = 0;
    for (;;) {
        message.rdi = message.r14;
        message.tag = TAG(OK, 3, 0, 0);
        message.r14 = RECEIVE_ALL | (named != 0 ? RECEIVE_NAMED : 0);
        message.r15 = named;
        bench_receive(&message);
        uint64_t count = TAG_LABEL(message.tag);
        named = 0;
        if (message.rax != EVENT_CALL) {
            message.r14 = TOKEN_NONE;
            continue;
        }
        if (count == BENCH_NAMED) {
            count = 1;
            named = ARENA_RANGE((uintptr_t)pages - ARENA_VA, sizeof pages[0][0]);
        }
        for (uint64_t i = 0; i < count; i++) {
            pages[i][0]++;
        }
    }
}
