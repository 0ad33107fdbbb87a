/* SPDX-License-Identifier: MIT
 * What the server `crasher` does on request; one word of request, one of answer.
 */
#pragma once

enum crasher_operation {
    CRASHER_ADD = 1,  /* adds the word to the sum; answers the sum */
    CRASHER_OPEN,     /* answers with a session of the server's own */
    CRASHER_PARK,     /* keeps the call for ever */
    CRASHER_CRASH,    /* at one place, each time it is delivered */
    CRASHER_STRAY,    /* at another place each time */
    CRASHER_LOOP,     /* never comes back */
    CRASHER_AT_EVENT, /* from now on every notification crashes; sends itself one */
    CRASHER_AT_START, /* from now on every start of this state crashes */
    CRASHER_LATE,     /* from now on every start of this state loops */
    CRASHER_WAIT,     /* waits for ever in its turn */
    CRASHER_FORGET,   /* neither answered nor kept when it is first delivered */
    CRASHER_REFUSE,   /* refused when it is first delivered; with a word other than 0: always */
    CRASHER_DEAF,     /* from now on this incarnation takes cancelled calls and closed sessions */
    CRASHER_BELLS,    /* answers how many notifications have come */
};
