/* SPDX-License-Identifier: MIT
 * Looks after init, as init looks after everybody else. A fault of init's ends in the kernel, which
 * starts it again; one that computes for ever, or hears nothing any more, is found here. init ticks
 * each second, so it has committed between two looks that lie some seconds apart.
 */
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#define LOOKS 5        /* one a second; this program counts, as time goes on in a stopped machine */
#define SAME_DEATHS 3u /* in a turn that is never committed; then it gets another event */

int main(void) {
    handle_t init = startup_handle("supervisor");
    uint64_t commits = 0, died_at = 0;
    uint32_t looks = 0, deaths = 0;
    for (;;) {
        struct task_info information = {0};
        status_t status = task_info(init, &information);
        if (status != OK) {
            log_line("no supervisor: %s", status_text(status));
            return 1;
        }
        looks = information.commits == commits ? looks + 1 : 0;
        commits = information.commits;
        if (looks >= LOOKS) {
            deaths = died_at == commits ? deaths + 1 : 1;
            died_at = commits;
            looks = 0;
            log_line("init has done nothing for %u s: starting it again", LOOKS);
            uint32_t flags = deaths % SAME_DEATHS == 0 ? RESET_POISON | RESET_DROP : 0;
            (void)task_reset(init, HANDLE_NONE, flags);
        }
        (void)thread_sleep(NS_PER_S);
    }
}
