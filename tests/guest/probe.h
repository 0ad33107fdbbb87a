/* SPDX-License-Identifier: MIT
 * What the test's actor can be asked to do. Not a service: only the guest test speaks this.
 */
#pragma once
#include <axolotl/abi.h>

#define PROBE_BADGE 7u /* of the session that the test makes for itself */

enum probe_operation {
    PROBE_ECHO = 1, /* answers the words and handles that came */
    PROBE_ADD,      /* word 0 added to the counter; answers the sum */
    PROBE_CRASH,    /* adds word 0, then dies unless this is at least the word 1-th attempt */
    PROBE_LEASE, /* lease 0 summed up, lease 1 filled with word 0; answers sum, lengths, statuses */
    PROBE_PARK,  /* parked until UNPARK */
    PROBE_UNPARK,   /* answers what is parked with word 0; answers how many there were */
    PROBE_SYSCALL,  /* words: op, six arguments; answers rax and r14. COMMIT_RECEIVE must fail; its
                       token is that of this call; so must REPLY with PROBE_OWN_TOKEN */
    PROBE_MINT,     /* answers a session with badge word 0 */
    PROBE_BADGE_OF, /* answers the session's own badge */
    PROBE_STATE,    /* answers struct probe_state */
    PROBE_FORWARD,  /* handle 0: a session; stages ECHO of word 0 there, answers when that came */
    PROBE_SIGNAL,   /* handle 0: a notification; signals word 0, then dies if word 1 */
    PROBE_SPIN,     /* never ends its turn */
    PROBE_TOUCH,    /* writes word 0 into every page of a large table, dies if word 1 */
    PROBE_TABLE,    /* answers 1 if every page of the table holds word 0 */
    PROBE_CANCEL,   /* cancels are from now on answered with word 0 instead of E_CANCELLED */
    PROBE_FAULT,    /* answers the last fault message that it got as a supervisor */
    PROBE_FULL,     /* the same, once its account has no room for one more record: word 7, a
                       notification, is signalled until then */
    PROBE_FAULT_ANSWER, /* answers that fault with label word 0, words 1 and 2 */
    PROBE_TOKEN,        /* answers the token of that very call */
    PROBE_RIGHTS,       /* answers the rights with which handle 0 came */
};

struct probe_state {
    uint64_t counter;
    uint64_t incarnation;
    uint64_t closed; /* EVENT_CLOSED seen */
    uint64_t closed_badge;
    uint64_t cancels;
    uint64_t notified; /* bits seen */
    uint64_t attempt;  /* of this call */
    uint64_t parked;
    uint64_t faults;
    uint64_t pages; /* asked for, as a pager */
};

#define PROBE_PAGES 40
#define PROBE_OWN_TOKEN 1u /* as the first argument of REPLY: the token of that very call */
