/* SPDX-License-Identifier: MIT
 * Export, import and invariants of the relay. A record of version 1 holds link and question as the
 * structures are now; who changes one of them raises its record's version and keeps the old
 * structure here, to read records of before.
 */
#include "record.h"

#include <common/string.h>

_Static_assert(sizeof(struct link) == 3128 && sizeof(struct question) == 16680,
               "a changed structure needs another version of its record");

enum { RECORD_RELAY = 16, RECORD_LINK, RECORD_QUESTION, RECORD_ACCOUNT };

struct record_relay {
    uint64_t next_order, prompts, responses, errors;
    uint32_t generation, active, next_number;
    uint32_t cancel_due, cancel_number, line_answered;
};

struct record_account {
    uint64_t refilled;
    uint32_t id, tokens;
};

/* A question by its place, which badges and `active` don't need to know. */
struct record_question {
    uint64_t index;
    struct question question;
};

/* ---- Invariants ------------------------------------------------------------------------------ */

/* A time at which something will be done, not too far away: else it never will be. */
static bool time_sound(uint64_t at, uint64_t now, uint64_t most) {
    return at == LINK_NEVER || at <= now + most;
}

/* What is to come is due, on its way or has its time. */
static bool link_goes_on(const struct link *link, uint64_t now) {
    bool under_way = link->wire_is_data && link->wire_sent < link->wire_length;
    return (link->form != LINK_PROBING || link->probe_end <= now + LINK_PROBE_TIME) &&
           (link->form == LINK_FRAMES) == (link->quiet_at != LINK_NEVER) &&
           (!link->data_full || link->data_due || under_way || link->data_at != LINK_NEVER) &&
           (!link->hello_due || link->hello_at != LINK_NEVER) &&
           time_sound(link->hello_at, now, LINK_HELLO_TIME) &&
           time_sound(link->quiet_at, now, LINK_QUIET_TIME) &&
           time_sound(link->data_at, now, LINK_REPEAT_TIME_MAX) &&
           time_sound(link->text_cr_at, now, LINK_CR_TIME);
}

static bool link_sound(const struct link *link, uint64_t now) {
    return link_goes_on(link, now) && link->form <= LINK_FRAMES &&
           link->inbox_length <= sizeof link->inbox && link->data_length <= sizeof link->data &&
           link->line_length <= sizeof link->line && link->text_length <= sizeof link->text &&
           link->wire_length <= sizeof link->wire && link->wire_sent <= link->wire_length &&
           link->decoder.length <= sizeof link->decoder.body &&
           link->decoder.state <= FRAME_SKIPPING && record_text(link->backend, LINK_BACKEND_MAX);
}

static bool is_under_way(const struct question *question) {
    return question->state == QUESTION_ASKING || question->state == QUESTION_ANSWERING ||
           question->state == QUESTION_LINE;
}

static bool question_sound(const struct question *question, uint64_t now) {
    return time_sound(question->deadline, now, RELAY_LINE_WAIT_LONG) &&
           time_sound(question->stall_at, now, RELAY_STALL) && question->state <= QUESTION_FAILED &&
           question->start < RELAY_BUFFER && question->length <= RELAY_BUFFER &&
           question->prompt_length <= RELAY_BUFFER &&
           question->prompt_sent <= question->prompt_length &&
           question->error_length <= RELAY_ERROR_MAX && question->head_length <= 4 &&
           question->filter.have <= sizeof question->filter.pending;
}

const char *relay_check(const struct relay *relay, uint64_t now) {
    if (relay->torn) {
        return "a message was not taken whole";
    }
    if (!link_sound(&relay->link, now)) {
        return "the link is damaged";
    }
    if (relay->active != RELAY_NONE && relay->active >= RELAY_QUESTIONS) {
        return "the question under way does not exist";
    }
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        if (!question_sound(&relay->questions[i], now)) {
            return "a question is damaged";
        }
        if (is_under_way(&relay->questions[i]) != (i == relay->active)) {
            return "another question is under way than should be";
        }
        if (relay->questions[i].state == QUESTION_ASKING && !relay->link.data_full) {
            return "nobody goes on with a prompt";
        }
    }
    return NULL;
}

/* ---- Export ---------------------------------------------------------------------------------- */

void relay_export(const struct relay *relay, struct records_writer *records) {
    struct record_relay record = {
        .next_order = relay->next_order,
        .prompts = relay->prompts,
        .responses = relay->responses,
        .errors = relay->errors,
        .generation = relay->generation,
        .active = relay->active,
        .next_number = relay->next_number,
        .cancel_due = relay->cancel_due,
        .cancel_number = relay->cancel_number,
        .line_answered = relay->line_answered,
    };
    record_put(records, RECORD_RELAY, 1, &record, sizeof record);
    record_put(records, RECORD_LINK, 1, &relay->link, sizeof relay->link);
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        struct record_question *to = relay->questions[i].state != QUESTION_FREE
                                         ? record_add(records, RECORD_QUESTION, 1, sizeof *to)
                                         : NULL;
        if (to != NULL) {
            to->index = i;
            to->question = relay->questions[i];
        }
    }
    for (uint32_t i = 0; i < RELAY_ACCOUNTS; i++) {
        const struct relay_account *account = &relay->accounts[i];
        struct record_account to = {account->refilled, account->id, account->tokens};
        if (account->refilled != 0) {
            record_put(records, RECORD_ACCOUNT, 1, &to, sizeof to);
        }
    }
}

/* ---- Import ---------------------------------------------------------------------------------- */

static void import_relay(struct relay *relay, const struct record *record) {
    struct record_relay from;
    record_copy(record, &from, sizeof from);
    relay->next_order = from.next_order;
    relay->prompts = from.prompts;
    relay->responses = from.responses;
    relay->errors = from.errors;
    relay->generation = from.generation;
    relay->active = from.active;
    relay->next_number = from.next_number;
    relay->cancel_due = from.cancel_due != 0;
    relay->cancel_number = from.cancel_number;
    relay->line_answered = from.line_answered != 0;
}

static void import_link(struct relay *relay, const struct record *record, uint64_t now) {
    const struct link *link = record->data;
    if (record->length >= sizeof *link && link_sound(link, now)) {
        relay->link = *link;
    }
}

static void import_question(struct relay *relay, const struct record *record, uint64_t now) {
    const struct record_question *from = record->data;
    if (record->length >= sizeof *from && from->index < RELAY_QUESTIONS &&
        question_sound(&from->question, now)) {
        relay->questions[from->index] = from->question;
    }
}

static void import_account(struct relay *relay, const struct record *record, uint32_t *count) {
    struct record_account from;
    record_copy(record, &from, sizeof from);
    if (*count < RELAY_ACCOUNTS && from.refilled != 0) {
        relay->accounts[(*count)++] = (struct relay_account){from.id, from.tokens, from.refilled};
    }
}

/* At most one question is under way, on the link that there is; what else was so is asked again. */
static void import_finish(struct relay *relay) {
    if (relay->active >= RELAY_QUESTIONS || !is_under_way(&relay->questions[relay->active])) {
        relay->active = RELAY_NONE;
    }
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        struct question *question = &relay->questions[i];
        bool stands = question->state == QUESTION_ASKING && !relay->link.data_full;
        if (is_under_way(question) && (i != relay->active || stands)) {
            question->state = QUESTION_WAITING;
            relay->active = i == relay->active ? RELAY_NONE : relay->active;
        }
    }
}

void relay_import(struct relay *relay, struct records_reader *records, uint64_t now) {
    struct record record;
    uint32_t accounts = 0;
    while (record_next(records, &record)) {
        if (record.version != 1) {
            continue; /* of a later program than this */
        }
        switch (record.tag) {
        case RECORD_RELAY:
            import_relay(relay, &record);
            break;
        case RECORD_LINK:
            import_link(relay, &record, now);
            break;
        case RECORD_QUESTION:
            import_question(relay, &record, now);
            break;
        case RECORD_ACCOUNT:
            import_account(relay, &record, &accounts);
            break;
        default:
            break;
        }
    }
    import_finish(relay);
}
