/* SPDX-License-Identifier: MIT
 * The loop of a sweep program. Each wanted row runs twice: the server is killed in the first run,
 * and must work in the second.
 */
#include <common/format.h>

#include <ipc/thread.h>
#include <ipc/time.h>

#include "rows.h"

#define ROWS_MAX 128

struct sweep_row sweep_rows[ROWS_MAX];
uint64_t sweep_row_count;
volatile struct sweep_state sweep = {.magic = SWEEP_MAGIC, .wanted = SWEEP_IDLE};

__attribute__((noipa)) void sweep_point(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noipa)) void sweep_wish(enum sweep_wish wish) {
    __asm__ volatile("" ::"D"(wish) : "memory");
}

bool check(bool holds, const char *what, int64_t detail) {
    if (!holds && sweep.failures++ == 0) {
        format((char *)sweep.text, sizeof sweep.text, "%s: %ld", what, detail);
    }
    return holds;
}

void refuse(const char *why) {
    sweep.refused = 1;
    format((char *)sweep.text, sizeof sweep.text, "%s", why);
}

static void collect(void) {
    static const struct sweep_group *const groups[] = {&file_rows_group, &net_rows_group,
                                                       &console_rows_group, &other_rows_group};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        for (size_t k = 0; k < groups[i]->count && sweep_row_count < ROWS_MAX; k++) {
            sweep_rows[sweep_row_count++] = groups[i]->rows[k];
        }
    }
}

int main(void) {
    collect();
    for (;;) {
        sweep_point();
        if (sweep.wanted >= sweep_row_count) {
            (void)thread_sleep(20 * NS_PER_MS);
            continue;
        }
        const struct sweep_row *row = &sweep_rows[sweep.wanted];
        row->run();
        row->run();
        sweep.rounds++;
    }
}
