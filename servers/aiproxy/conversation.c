/* SPDX-License-Identifier: MIT
 * Questions and answers on the link, in frames or lines. Invariant: relay->active is the only
 * question in state ASKING, ANSWERING or LINE; a prompt stays in its buffer until the first text of
 * its answer comes, so a question that nobody has begun to answer can be asked in the other form.
 */
#include "conversation.h"
#include "relay.h"

#include <common/string.h>

/* ---- Answers ------------------------------------------------------------------------------ */

static size_t question_room(const struct question *question) {
    return RELAY_BUFFER - question->length;
}

static void ring_append(struct question *question, const uint8_t *text, size_t length) {
    uint32_t end = (question->start + question->length) % RELAY_BUFFER;
    size_t straight = RELAY_BUFFER - end;
    straight = straight < length ? straight : length;
    memcpy(question->buffer + end, text, straight);
    memcpy(question->buffer, text + straight, length - straight);
    question->length += (uint32_t)length;
}

/* Filters and appends; the caller has made sure of the room. */
static void question_append(struct question *question, const uint8_t *text, size_t length) {
    uint8_t clean[TEXT_GROWTH(LINK_MESSAGE_MAX)];
    ring_append(question, clean, text_filter(&question->filter, text, length, clean));
}

static void question_ended(struct relay *relay, struct question *question) {
    relay->active = RELAY_NONE;
    if (question->abandoned) {
        question->state = QUESTION_FREE;
    }
}

static void question_done(struct relay *relay, struct question *question) {
    uint8_t rest[4];
    if (question_room(question) >= sizeof rest) {
        ring_append(question, rest, text_finish(&question->filter, rest));
    }
    question->state = QUESTION_DONE;
    relay->responses++;
    question_ended(relay, question);
}

static void question_failed(struct relay *relay, struct question *question, const uint8_t *text,
                            size_t length) {
    uint8_t clean[TEXT_GROWTH(LINK_MESSAGE_MAX)];
    struct text_filter filter = {0};
    length = length < LINK_MESSAGE_MAX ? length : LINK_MESSAGE_MAX;
    size_t cleaned = text_filter(&filter, text, length, clean);
    cleaned = text_one_line(clean, cleaned);
    cleaned = text_prefix(clean, cleaned, sizeof question->error);
    memcpy(question->error, clean, cleaned);
    question->error_length = (uint32_t)cleaned;
    question->state = QUESTION_FAILED;
    relay->errors++;
    question_ended(relay, question);
}

static void question_refuse(struct relay *relay, struct question *question, const char *text) {
    question_failed(relay, question, (const uint8_t *)text, strlen(text));
}

/* ---- Frames ------------------------------------------------------------------------------- */

static size_t message_begin(uint8_t *message, uint8_t kind, uint32_t number) {
    message[0] = kind;
    for (unsigned i = 0; i < 4; i++) {
        message[1 + i] = (uint8_t)(number >> 8 * i);
    }
    return MESSAGE_HEAD;
}

static void send_prompt(struct relay *relay, struct question *question) {
    while (question->state == QUESTION_ASKING && link_can_send(&relay->link)) {
        uint8_t message[LINK_MESSAGE_MAX];
        size_t head = message_begin(message, MESSAGE_ASK, question->number);
        uint32_t left = question->prompt_length - question->prompt_sent;
        size_t piece = sizeof message - head - 1;
        bool more = left > piece;
        piece = more ? piece : left;
        message[head++] = more ? MESSAGE_MORE : 0;
        memcpy(message + head, question->buffer + question->prompt_sent, piece);
        (void)link_send(&relay->link, message, head + piece);
        question->prompt_sent += (uint32_t)piece;
        if (!more) {
            question->state = QUESTION_ANSWERING;
        }
    }
}

static void send_cancel(struct relay *relay) {
    uint8_t message[MESSAGE_HEAD];
    size_t length = message_begin(message, MESSAGE_CANCEL, relay->cancel_number);
    if (link_send(&relay->link, message, length)) {
        relay->cancel_due = false;
    }
}

/* A piece of an answer; false: no room for it yet. */
static bool take_text(struct relay *relay, struct question *question, uint8_t kind,
                      const uint8_t *text, size_t length) {
    if (kind == MESSAGE_ERROR) {
        question_failed(relay, question, text, length);
    } else if (question->state != QUESTION_ANSWERING) {
        return true; /* an answer before the whole question: no bridge of ours */
    } else if (kind == MESSAGE_TEXT) {
        if (question_room(question) < TEXT_GROWTH(length)) {
            return false;
        }
        question_append(question, text, length);
    } else if (kind == MESSAGE_FINISHED) {
        static const uint8_t mark[] = " [...]";
        if (length > 0 && (text[0] & MESSAGE_CUT) != 0 && question_room(question) > 32) {
            question_append(question, mark, sizeof mark - 1);
        }
        question_done(relay, question);
    }
    return true;
}

/* Handles one message, and returns how many bytes it was; 0: no room for it yet. */
static size_t take_message(struct relay *relay, const uint8_t *message, size_t length) {
    if (length < MESSAGE_HEAD || relay->active == RELAY_NONE) {
        return length;
    }
    struct question *question = &relay->questions[relay->active];
    uint32_t number = (uint32_t)message[1] | (uint32_t)message[2] << 8 |
                      (uint32_t)message[3] << 16 | (uint32_t)message[4] << 24;
    if (question->number == number &&
        !take_text(relay, question, message[0], message + MESSAGE_HEAD, length - MESSAGE_HEAD)) {
        return 0;
    }
    return length;
}

static void run_frames(struct relay *relay) {
    if (relay->link.form != LINK_FRAMES) {
        return;
    }
    size_t length;
    const uint8_t *message = link_message(&relay->link, &length);
    if (message != NULL) {
        size_t taken = take_message(relay, message, length);
        if (taken != 0 || relay->link.inbox_length == 0) {
            relay->torn |= taken != relay->link.inbox_length;
            link_message_done(&relay->link);
        }
    }
    if (relay->cancel_due) {
        send_cancel(relay);
    }
    if (relay->active != RELAY_NONE) {
        send_prompt(relay, &relay->questions[relay->active]);
    }
}

/* ---- Lines -------------------------------------------------------------------------------- */

/* Room is the reader's business: what finds none is lost, for the line form has no flow control. */
static void line_append(struct question *question, const uint8_t *text, size_t length) {
    if (question_room(question) < TEXT_GROWTH(length)) {
        question->text_lost = true;
    } else if (!question->abandoned) {
        question_append(question, text, length);
    }
}

/* Any of the answer has come. */
static bool line_begun(const struct question *question) {
    return question->head_decided || question->head_length > 0;
}

/* Holds back the first four bytes, which tell an error from an answer. */
static void line_text(struct question *question, const uint8_t *text, size_t length) {
    while (!question->head_decided && length > 0) {
        question->head[question->head_length++] = *text++;
        length--;
        if (question->head_length == sizeof question->head) {
            question->head_decided = true;
            if (memcmp(question->head, "ERR ", sizeof question->head) != 0) {
                line_append(question, question->head, sizeof question->head);
                question->head_length = 0;
            }
        }
    }
    if (length == 0) {
        return;
    }
    if (question->head_length > 0) {
        size_t room = sizeof question->error - question->error_length;
        length = length < room ? length : room;
        memcpy(question->error + question->error_length, text, length);
        question->error_length += (uint32_t)length;
    } else {
        line_append(question, text, length);
    }
}

static void line_ended(struct relay *relay, struct question *question) {
    link_line_close(&relay->link);
    relay->line_answered = true;
    if (!question->head_decided) {
        line_append(question, question->head, question->head_length);
        question_done(relay, question);
    } else if (question->head_length > 0) {
        uint8_t error[RELAY_ERROR_MAX];
        memcpy(error, question->error, question->error_length);
        question_failed(relay, question, error, question->error_length);
    } else if (question->text_lost) {
        question_refuse(relay, question, "part of the answer is lost: it was not read in time");
    } else {
        question_done(relay, question);
    }
}

static void run_line(struct relay *relay, struct question *question, uint64_t now) {
    uint8_t text[LINK_TEXT_MAX];
    bool ended, lost;
    size_t length = link_line_take(&relay->link, text, &ended, &lost);
    question->text_lost |= lost;
    if (length > 0) {
        question->deadline = now + RELAY_LINE_WAIT_LONG;
        line_text(question, text, length);
    }
    if (ended) {
        line_ended(relay, question);
    } else if (now >= question->deadline) {
        link_line_close(&relay->link);
        question_refuse(relay, question,
                        line_begun(question)
                            ? "the answer stopped in the middle of its line"
                            : "no answer on COM2: is the bridge (tools/aibridge) running?");
    }
}

static void run_active_line(struct relay *relay, uint64_t now) {
    if (relay->active != RELAY_NONE && relay->questions[relay->active].state == QUESTION_LINE) {
        run_line(relay, &relay->questions[relay->active], now);
    }
}

static void begin_line(struct relay *relay, struct question *question, uint64_t now) {
    uint8_t prompt[RELAY_LINE_PROMPT];
    if (question->prompt_length > sizeof prompt) {
        question_refuse(relay, question,
                        "no bridge on COM2, and the line form takes 240 bytes at most");
        return;
    }
    memcpy(prompt, question->buffer, question->prompt_length);
    size_t length = text_one_line(prompt, question->prompt_length);
    if (length == 0) {
        question_refuse(relay, question, "the question is empty");
        return;
    }
    link_line_ask(&relay->link, prompt, length);
    question->state = QUESTION_LINE;
    question->deadline = now + (relay->line_answered ? RELAY_LINE_WAIT_LONG : RELAY_LINE_WAIT);
}

/* ---- The course of things ----------------------------------------------------------------- */

/* Whether the question can be asked again: nothing of its answer has come, and either it went out
 * as a line (docs/spec/ailink.md says why no bridge has it), or a bridge that has been replaced had
 * not acknowledged it. */
static bool question_is_unheard(const struct link *link, const struct question *question) {
    if (question->state == QUESTION_LINE) {
        return !question->abandoned && !line_begun(question);
    }
    return link->form == LINK_FRAMES && (question->state == QUESTION_ASKING || link->unsure);
}

/* A session began or ended: what becomes of the question on the wire. */
static void session_changed(struct relay *relay) {
    relay->generation = relay->link.generation;
    relay->cancel_due = false;
    if (relay->active == RELAY_NONE) {
        return;
    }
    struct question *question = &relay->questions[relay->active];
    if (question->state == QUESTION_LINE) {
        link_line_close(&relay->link);
    }
    if (question_is_unheard(&relay->link, question)) {
        question->state = QUESTION_WAITING; /* first in the queue */
        relay->active = RELAY_NONE;
    } else if (relay->link.form == LINK_FRAMES) {
        question_refuse(relay, question,
                        "the AI bridge was restarted in the middle of the answer; ask again");
    } else {
        question_refuse(relay, question, "the AI bridge has gone in the middle of the answer");
    }
}

static uint32_t oldest_waiting(const struct relay *relay) {
    uint32_t oldest = RELAY_NONE;
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        if (relay->questions[i].state == QUESTION_WAITING &&
            (oldest == RELAY_NONE || relay->questions[i].order < relay->questions[oldest].order)) {
            oldest = i;
        }
    }
    return oldest;
}

static bool begin_next(struct relay *relay, uint64_t now) {
    bool frames = relay->link.form == LINK_FRAMES && !relay->cancel_due;
    uint32_t index = oldest_waiting(relay);
    if (index == RELAY_NONE || (!frames && !link_line_ready(&relay->link))) {
        return false;
    }
    struct question *question = &relay->questions[index];
    relay->active = index;
    if (frames) {
        question->number = ++relay->next_number;
        question->prompt_sent = 0;
        question->state = QUESTION_ASKING;
    } else {
        begin_line(relay, question, now);
    }
    return true;
}

/* A reader who takes nothing may not hold up the others for ever. */
static void check_stall(struct relay *relay, uint64_t now) {
    struct question *question = &relay->questions[relay->active];
    size_t length;
    bool full = link_message(&relay->link, &length) != NULL;
    if (!full || oldest_waiting(relay) == RELAY_NONE) {
        question->stall_at = LINK_NEVER;
    } else if (question->stall_at == LINK_NEVER) {
        question->stall_at = now + RELAY_STALL;
    } else if (now >= question->stall_at) {
        relay->cancel_due = true;
        relay->cancel_number = question->number;
        question_refuse(relay, question, "the answer was not read for a minute while others wait");
    }
}

void relay_run(struct relay *relay, uint64_t now) {
    link_tick(&relay->link, now);
    run_active_line(relay, now);
    if (relay->generation != relay->link.generation) {
        session_changed(relay);
    }
    do {
        run_frames(relay);
        run_active_line(relay, now);
        if (relay->active != RELAY_NONE) {
            check_stall(relay, now);
        }
    } while (relay->active == RELAY_NONE && begin_next(relay, now));
    run_frames(relay);
}

uint64_t relay_deadline(const struct relay *relay) {
    uint64_t deadline = link_deadline(&relay->link);
    if (relay->active != RELAY_NONE) {
        const struct question *question = &relay->questions[relay->active];
        if (question->state == QUESTION_LINE && question->deadline < deadline) {
            deadline = question->deadline;
        }
        deadline = question->stall_at < deadline ? question->stall_at : deadline;
    }
    return deadline;
}
