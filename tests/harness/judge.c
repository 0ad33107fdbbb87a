/* SPDX-License-Identifier: MIT
 * What programs that judge from inside the machine share.
 */
#include "judge.h"

#include <client/init.h>
#include <common/string.h>
#include <ipc/log.h>

static uint32_t failures;

bool expect(int64_t got, int64_t wanted, const char *what) {
    if (got != wanted) {
        failures++;
        log_line("# %s: %ld, not %ld", what, got, wanted);
    }
    return got == wanted;
}

void result(const char *text) {
    static uint32_t number;
    log_line("%s %u - %s", failures == 0 ? "ok" : "not ok", ++number, text);
    failures = 0;
}

struct init_info_reply service_info(handle_t init, const char *name) {
    struct init_info_reply information = {0};
    for (uint64_t i = 0; init_info(init, i, &information) == OK; i++) {
        if (strcmp(information.name, name) == 0) {
            return information;
        }
    }
    return (struct init_info_reply){0};
}
