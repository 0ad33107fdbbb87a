/* SPDX-License-Identifier: MIT */
/* The ladder: retry, poison the call, new instance; and back-off between rapid deaths. */
#include "policy.h"

#include <common/string.h>

static bool same_event(const struct death *a, const struct death *b) {
    return a->event == b->event && (a->event != EVENT_CALL || a->token == b->token);
}

static bool same_fault(const struct death *a, const struct death *b) {
    return a->vector == b->vector && a->place == b->place;
}

/* Whether it is the event of the last death that has come again, in the same way. A call tells so;
 * other events come again at once. */
static bool same_again(const struct policy *policy, const struct death *death) {
    return policy->same != 0 && same_event(&policy->last, death) &&
           same_fault(&policy->last, death) &&
           (death->event == EVENT_CALL || death->turns < POLICY_SAME_TURNS);
}

/* How often in a row the same thing has happened, with this death. */
static void count(struct policy *policy, const struct death *death) {
    bool rapid = death->life < POLICY_RAPID_NS && death->turns < POLICY_RAPID_COMMITS;
    bool stuck =
        policy->stuck != 0 && death->event == EVENT_CALL && same_event(&policy->last, death);
    policy->stuck = stuck ? policy->stuck + 1 : 1;
    policy->same = same_again(policy, death) ? policy->same + 1 : 1;
    policy->rapid = rapid ? policy->rapid + 1 : 1;
    policy->last = *death;
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

struct verdict policy_judge(struct policy *policy, const struct death *death, uint64_t now) {
    struct verdict verdict = {STEP_RETRY, 0, 0};
    count(policy, death);
    if (policy->same >= POLICY_SAME_LIMIT || policy->stuck >= POLICY_STUCK_LIMIT) {
        policy->same = policy->stuck = 0;
        verdict.step = death->event == EVENT_CALL ? poison(policy, now) : STEP_NEW_INSTANCE;
    }
    if (verdict.step == STEP_POISON) {
        verdict.flags = RESET_POISON;
    }
    if (verdict.step == STEP_NEW_INSTANCE) {
        verdict.flags = RESET_COLD | (death->event == EVENT_CALL ? RESET_POISON : RESET_DROP);
        policy->poisonings = 0;
    }
    verdict.delay_ns = backoff(policy->rapid);
    if (death->event == EVENT_CALL && verdict.step != STEP_RETRY) {
        policy->rapid = 0; /* the cause is gone: the other clients need not wait */
        verdict.delay_ns = 0;
    }
    return verdict;
}

void policy_forget(struct policy *policy) {
    memset(policy, 0, sizeof *policy);
}
