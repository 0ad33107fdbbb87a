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
    uint64_t token = TOKEN_NONE, named = 0;
    for (;;) {
        uint64_t tag = TAG(OK, 2, 0, 0);
        uint64_t mask = RECEIVE_ALL | (named != 0 ? RECEIVE_NAMED : 0);
        int64_t kind = bench_message(SYS_COMMIT_RECEIVE, &token, &tag, &mask, named);
        uint64_t count = kind == EVENT_CALL ? TAG_LABEL(tag) : 0;
        named = 0;
        if (count == BENCH_NAMED) {
            count = 1;
            named = ARENA_RANGE((uintptr_t)pages - ARENA_VA, sizeof pages[0][0]);
        }
        for (uint64_t i = 0; i < count; i++) {
            pages[i][0]++;
        }
        token = kind == EVENT_CALL ? mask : TOKEN_NONE;
    }
}
