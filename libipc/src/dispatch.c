/* SPDX-License-Identifier: MIT */
/* The tail of every dispatched call. */
#include <ipc/dispatch.h>

#include <common/string.h>

#include <ipc/actor.h>
#include <ipc/handle.h>
#include <ipc/message.h>

/* Moved handles of an answer that can't be sent must not stay behind. */
static void drop_answer_handles(struct event *event) {
    for (uint32_t i = 0; i < event->answer_handle_count; i++) {
        if ((event->answer_handles[i].rights & HANDLE_MOVE) != 0) {
            handle_close(event->answer_handles[i].handle);
        }
    }
    event->answer_handle_count = 0;
}

status_t dispatch_begin(const struct event *event, void *request, size_t request_size,
                        const void *answer, size_t answer_size) {
    if (message_trim(answer, answer_size) != 0) {
        actor_abort("an answer is not empty");
    }
    return event_data(event, request, request_size);
}

void dispatch_answer(struct event *event, status_t status, const void *data, size_t size) {
    if (status == DISPATCH_PARKED) {
        event_keep(event);
        return;
    }
    if (status < 0) {
        drop_answer_handles(event);
    } else if (event->answer_size != size) {
        actor_abort("an answer is not its handler's");
    }
    if (event->answer_handle_count == 0) {
        reply(event->token, status, data, size);
        return;
    }
    status_t sent = reply_handles(event->token, status, data, size, event->answer_handles,
                                  event->answer_handle_count);
    if (sent != OK) {
        drop_answer_handles(event);
        reply_status(event->token, sent);
    }
}

bool dispatch_text_valid(const char *text, size_t size) {
    return strnlen(text, size) < size;
}
