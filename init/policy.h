/* SPDX-License-Identifier: MIT */
/*
 * What to do when a service dies: the ladder of docs/spec/manifest.md as a function of what is
 * known about this death and the ones before. No system calls.
 */
#pragma once

#include <stdbool.h>

#include <axolotl/abi.h>

/* A death counts as the same as the last when the first four are equal and, unless it was a call's,
 * it came within POLICY_SAME_TURNS turns. */
struct death {
    uint64_t vector; /* CPU exception; POLICY_EXIT, POLICY_HANG */
    uint64_t place;  /* instruction address; exit code for POLICY_EXIT */
    uint64_t event;  /* enum event_kind of the unfinished turn */
    uint64_t token;  /* of its call */
    uint64_t life;   /* ns since the start */
    uint64_t turns;  /* committed since then */
};
#define POLICY_EXIT 0x1000u /* the program ended by itself */
#define POLICY_HANG 0x1001u /* it computed or waited too long in one turn */

struct policy {
    struct death last;
    uint32_t same;       /* deaths in a row equal to `last` */
    uint32_t stuck;      /* deaths in a row in the call of `last`, wherever */
    uint32_t rapid;      /* deaths in a row, each soon after its start */
    uint32_t poisonings; /* since the last new instance */
    uint64_t poisoned_ns;
};

enum policy_step { STEP_RETRY = 0, STEP_POISON = 1, STEP_NEW_INSTANCE = 2 };

struct verdict {
    uint32_t step;     /* enum policy_step */
    uint32_t flags;    /* RESET_* */
    uint64_t delay_ns; /* before the restart */
};

#define POLICY_SAME_LIMIT 3
#define POLICY_SAME_TURNS 8 /* after so many an event that came again has been worked on */
#define POLICY_STUCK_LIMIT 6
#define POLICY_POISON_LIMIT 3
#define POLICY_POISON_MEMORY_NS 60000000000ull
#define POLICY_RAPID_NS 10000000000ull    /* a life shorter than this, */
#define POLICY_RAPID_COMMITS 2            /* with fewer turns than this, ends in a rapid death */
#define POLICY_RAPID_FREE 3               /* rapid deaths without a delay */
#define POLICY_DELAY_NS 100000000ull      /* the first delay; doubled each time */
#define POLICY_DELAY_MAX_NS 2000000000ull /* who works with the service notices no more */

/* Judges a death at `now`. */
struct verdict policy_judge(struct policy *policy, const struct death *death, uint64_t now);

/* An operator's restart: earlier deaths are forgotten. */
void policy_forget(struct policy *policy);
