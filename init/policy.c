/* SPDX-License-Identifier: MIT */
/* The ladder: retry, poison the call, new instance; and back-off between rapid deaths. */
#include "policy.h"

#include <common/string.h>

static bool same_death(const struct death *a, const struct death *b) {
    return a->vector == b->vector && a->place == b->place && a->event == b->event &&
           (a->event != EVENT_CALL || a->token == b->token);
}

static uint64_t backoff(uint32_t rapid) {
    if (rapid <= POLICY_RAPID_FREE) {
        return 0;
    }
    uint32_t doublings = rapid - POLICY_RAPID_FREE - 1;
    if (doublings >= 16) {
        return POLICY_DELAY_MAX_NS;
    }
    uint64_t delay = POLICY_DELAY_NS << doublings;
    return delay < POLICY_DELAY_MAX_NS ? delay : POLICY_DELAY_MAX_NS;
}

/* The same call failed in the same way once too often. */
static uint32_t poison(struct policy *policy, uint64_t now) {
    if (policy->poisonings != 0 && now - policy->poisoned_ns > POLICY_POISON_MEMORY_NS) {
        policy->poisonings = 0;
    }
    policy->poisoned_ns = now;
    policy->poisonings++;
    return policy->poisonings >= POLICY_POISON_LIMIT ? STEP_NEW_INSTANCE : STEP_POISON;
}

struct verdict policy_judge(struct policy *policy, const struct death *death, uint64_t started,
                            uint64_t now) {
    struct verdict verdict = {STEP_RETRY, 0, 0};
    policy->same = policy->same != 0 && same_death(&policy->last, death) ? policy->same + 1 : 1;
    policy->last = *death;
    policy->rapid = now - started < POLICY_RAPID_NS ? policy->rapid + 1 : 1;
    if (policy->same >= POLICY_SAME_LIMIT) {
        policy->same = 0;
        verdict.step = death->event == EVENT_CALL ? poison(policy, now) : STEP_NEW_INSTANCE;
    }
    if (verdict.step == STEP_POISON) {
        verdict.flags = RESET_POISON;
    }
    if (verdict.step == STEP_NEW_INSTANCE) {
        verdict.flags = RESET_COLD | (death->event == EVENT_CALL ? RESET_POISON : 0);
        policy->poisonings = 0;
    }
    verdict.delay_ns = backoff(policy->rapid);
    return verdict;
}

void policy_forget(struct policy *policy) {
    memset(policy, 0, sizeof *policy);
}
