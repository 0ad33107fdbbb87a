/* SPDX-License-Identifier: MIT
 * Calls of the AI protocol. A relay session (root badge) may ask and look at the status; a
 * question's session may only read its answer.
 */
#include "service.h"

#include <ipc/dispatch.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/time.h>

#include <common/string.h>

#define READ_PIECE 4096u

/* Bounce buffer of one read; holds nothing from turn to turn. */
static uint8_t piece[READ_PIECE];

static bool is_relay_session(const struct event *event) {
    return (event->badge & BADGE_ROOT) != 0;
}

static status_t handle_status(struct event *event, const struct ai_empty *request,
                              struct ai_status *answer) {
    (void)request;
    if (!is_relay_session(event)) {
        return E_UNSUPPORTED;
    }
    if (service.uart.state == UART_READY) {
        relay_status(&service.relay, answer);
    }
    return OK;
}

/* Copies the prompt in and gives the question its session; undone by the caller on an error. */
static status_t question_fill(struct event *event, uint32_t index, size_t length) {
    struct question *question = &service.relay.questions[index];
    status_t status = lease_read(event->token, 0, 0, question->buffer, length);
    if (status != OK) {
        return status;
    }
    if (memchr(question->buffer, '\0', length) != NULL) {
        return E_INVALID;
    }
    handle_t session;
    status = session_create(startup_handle("endpoint"), question->badge, &session);
    if (status == OK) {
        event_answer_handle(event, session, RIGHT_CALL | RIGHT_COPY | HANDLE_MOVE);
    }
    return status;
}

static status_t handle_ask(struct event *event, const struct ai_ask_request *request,
                           struct ai_empty *answer) {
    (void)answer;
    if (!is_relay_session(event)) {
        return E_UNSUPPORTED;
    }
    if (service.uart.state != UART_READY) {
        return E_UNAVAILABLE;
    }
    if (event->lease_count < 1 || event->leases[0].length < request->length) {
        return E_INVALID;
    }
    uint64_t now = time_now_ns();
    uint32_t index;
    status_t status = relay_open(&service.relay, event->account, request->length, now, &index);
    if (status != OK) {
        return status;
    }
    status = question_fill(event, index, request->length);
    if (status != OK) {
        relay_close(&service.relay, index, now);
        return status;
    }
    relay_submit(&service.relay, index);
    return OK;
}

/* Tries to answer a read. E_WOULD_BLOCK: nothing to say yet, and nothing was done. Anything else is
 * the answer's status, *length its length. */
static status_t question_read(uint32_t index, token_t token, uint64_t size, uint64_t *length) {
    size_t available = 0;
    size_t room = size < sizeof piece ? (size_t)size : sizeof piece;
    status_t status = relay_peek(&service.relay, index, piece, room, &available);
    if (status == E_WOULD_BLOCK || available == 0) {
        return status;
    }
    status_t written = lease_write(token, 0, 0, piece, available);
    if (written != OK) {
        return written;
    }
    *length = available;
    if (status == OK) {
        relay_consume(&service.relay, index, available);
    }
    return status;
}

static status_t handle_read(struct event *event, const struct ai_read_request *request,
                            struct ai_read_reply *answer) {
    uint32_t index = relay_find(&service.relay, event->badge);
    if (is_relay_session(event) || index == RELAY_NONE) {
        return E_UNSUPPORTED;
    }
    struct question *question = &service.relay.questions[index];
    if (request->length == 0 || event->lease_count < 1 ||
        event->leases[0].length < request->length) {
        return E_INVALID;
    }
    if (question->read_token != TOKEN_NONE) {
        return E_BUSY;
    }
    status_t status = question_read(index, event->token, request->length, &answer->length);
    if (status == E_WOULD_BLOCK && (request->flags & AI_READ_NO_WAIT) == 0) {
        question->read_token = event->token;
        question->read_length = request->length;
        return DISPATCH_PARKED;
    }
    return status;
}

void service_deliver(void) {
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        struct question *question = &service.relay.questions[i];
        if (question->state == QUESTION_FREE || question->read_token == TOKEN_NONE) {
            continue;
        }
        struct ai_read_reply answer = {0};
        status_t status =
            question_read(i, question->read_token, question->read_length, &answer.length);
        if (status != E_WOULD_BLOCK) {
            reply(question->read_token, status, &answer, sizeof answer);
            question->read_token = TOKEN_NONE;
        }
    }
}

void service_cancel(struct event *event) {
    uint32_t index = relay_find(&service.relay, event->badge);
    if (index != RELAY_NONE && service.relay.questions[index].read_token == event->token) {
        service.relay.questions[index].read_token = TOKEN_NONE;
    }
    reply_status(event->token, E_CANCELLED);
}

void service_closed(struct event *event) {
    uint32_t index = relay_find(&service.relay, event->badge);
    if (index != RELAY_NONE) {
        service.relay.questions[index].read_token = TOKEN_NONE;
        relay_close(&service.relay, index, time_now_ns());
    }
}

void dispatch(struct event *event) {
    switch (event->label) {
#define OP(number, NAME, name, request, reply) DISPATCH_CASE(number, handle_##name, request, reply)
        AI_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
    }
}
