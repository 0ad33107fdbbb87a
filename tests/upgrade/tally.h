/* SPDX-License-Identifier: MIT
 * What the server `tally` does for the upgrade test; one word of request, one of answer. A session
 * that it made has a count of its own; the sessions of the manifest share one.
 */
#pragma once

#if defined(TALLY_VERSION_NUMBER) && TALLY_VERSION_NUMBER == 9
#define TALLY_PROTOCOL_VERSION 2
#else
#define TALLY_PROTOCOL_VERSION 1
#endif

enum tally_operation {
    TALLY_ADD = 1,  /* adds the word to the count; answers the count */
    TALLY_OPEN,     /* answers with a session */
    TALLY_PARK,     /* answered by RELEASE, with the shared count */
    TALLY_RELEASE,  /* answers how many were parked */
    TALLY_VERSION,  /* answers the program's version */
    TALLY_WILD,     /* ADD, but the first attempt overwrites what a check guards */
    TALLY_AT_EVENT, /* from now on every notification crashes; sends itself one */
};
