/* SPDX-License-Identifier: MIT */
/* Stubs of the AI protocol. */
#include <client/ai.h>

status_t ai_status(handle_t ai, struct ai_status *status) {
    status_t result = call_words(ai, AI_STATUS, NULL, 0, status, sizeof *status);
    status->backend[sizeof status->backend - 1] = '\0';
    return result;
}

status_t ai_ask(handle_t ai, const char *prompt, size_t length, handle_t *question) {
    struct ai_ask_request request = {.length = length};
    struct lease lease = lease_in(prompt, length);
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = NULL};
    return call_handle(ai, AI_ASK, &message, &answer, question);
}

status_t ai_read(handle_t question, void *buffer, size_t size, uint64_t flags, size_t *length) {
    struct ai_read_request request = {.length = size, .flags = flags};
    struct ai_read_reply reply = {0};
    struct lease lease = lease_out(buffer, size);
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    struct answer answer = {.data = &reply, .size = sizeof reply};
    status_t status = call(question, AI_READ, &message, &answer);
    if (reply.length > size) {
        return E_PROTOCOL;
    }
    *length = reply.length;
    return status;
}
