/* SPDX-License-Identifier: MIT
 * Decodes calls of the file protocol.
 */
#include "handlers.h"

void dispatch(struct event *event) {
    switch (event->label) {
#define OP(number, NAME, name, request, reply) DISPATCH_CASE(number, handle_##name, request, reply)
        FILE_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
    }
}
