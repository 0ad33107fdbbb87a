/* SPDX-License-Identifier: MIT */
/* Invariants of the supervisor's state. */
#include "init.h"

#include <common/string.h>

#include <ipc/time.h>

#define STEP 8 /* words */

/* Sees every changed bit, and costs little: it is done in every turn, so that a damaged manifest is
 * never committed. Found only at the next start, it could not be made good: there is nobody above
 * init who has another. */
static uint64_t manifest_sum(void) {
    const uint64_t *words = (const uint64_t *)(const void *)&init.manifest;
    uint64_t sum = 0;
    size_t i = 0;
    for (; i + STEP <= sizeof init.manifest / sizeof *words; i += STEP) {
        sum ^= words[i] ^ words[i + 1] ^ words[i + 2] ^ words[i + 3] ^ words[i + 4] ^ words[i + 5] ^
               words[i + 6] ^ words[i + 7];
    }
    for (; i < sizeof init.manifest / sizeof *words; i++) {
        sum ^= words[i];
    }
    _Static_assert(sizeof init.manifest % sizeof *words == 0, "whole words");
    return sum;
}

void state_seal(void) {
    init.manifest_sum = manifest_sum();
}

static bool text_ends(const char *text, size_t size) {
    return strnlen(text, size) < size;
}

static bool service_sound(const struct service *service, uint32_t index) {
    return service->config == &init.manifest.services[index] && service->state <= SERVICE_STOPPED &&
           service->upgrade.step <= UPGRADE_BACK && service->upgrade.kind <= UPGRADE_PREVIOUS &&
           text_ends(service->program, sizeof service->program) &&
           text_ends(service->reason, sizeof service->reason) &&
           (service->upgrade.step == UPGRADE_NONE || service->upgrade.image != HANDLE_NONE) &&
           (service->state != SERVICE_RUNNING ||
            (service->task != HANDLE_NONE && service->account != HANDLE_NONE &&
             service->image != HANDLE_NONE));
}

const char *state_check(bool full) {
    (void)full;
    if (init.service_count > MANIFEST_SERVICES ||
        init.service_count != init.manifest.service_count || init.next_start > init.service_count ||
        !text_ends(init.reason, sizeof init.reason)) {
        return "the numbers of services are wrong";
    }
    for (uint32_t i = 0; i < init.service_count; i++) {
        if (!service_sound(&init.services[i], i)) {
            return "a damaged service";
        }
    }
    if (init.bell_ns > init.tick_ns + NS_PER_S) {
        return "no server would be looked at again";
    }
    return init.manifest_sum != manifest_sum() ? "the manifest has changed" : NULL;
}
