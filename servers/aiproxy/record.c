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

static bool link_sound(const struct link *link) {
    return link->form <= LINK_FRAMES && link->inbox_length <= sizeof link->inbox &&
           link->data_length <= sizeof link->data && link->line_length <= sizeof link->line &&
           link->text_length <= sizeof link->text && link->wire_length <= sizeof link->wire &&
           link->wire_sent <= link->wire_length &&
           link->decoder.length <= sizeof link->decoder.body &&
           link->decoder.state <= FRAME_SKIPPING && record_text(link->backend, LINK_BACKEND_MAX);
}

static bool question_sound(const struct question *question) {
    return question->state <= QUESTION_FAILED && question->start < RELAY_BUFFER &&
           question->length <= RELAY_BUFFER && question->prompt_length <= RELAY_BUFFER &&
           question->prompt_sent <= question->prompt_length &&
           question->error_length <= RELAY_ERROR_MAX && question->head_length <= 4 &&
           question->filter.have <= sizeof question->filter.pending;
}

const char *relay_check(const struct relay *relay) {
    if (!link_sound(&relay->link)) {
        return "the link is damaged";
    }
    if (relay->active != RELAY_NONE && relay->active >= RELAY_QUESTIONS) {
        return "the question under way does not exist";
    }
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        if (!question_sound(&relay->questions[i])) {
            return "a question is damaged";
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

static void import_link(struct relay *relay, const struct record *record) {
    const struct link *link = record->data;
    if (record->length >= sizeof *link && link_sound(link)) {
        relay->link = *link;
    }
}

static void import_question(struct relay *relay, const struct record *record) {
    const struct record_question *from = record->data;
    if (record->length >= sizeof *from && from->index < RELAY_QUESTIONS &&
        question_sound(&from->question)) {
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

void relay_import(struct relay *relay, struct records_reader *records) {
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
            import_link(relay, &record);
            break;
        case RECORD_QUESTION:
            import_question(relay, &record);
            break;
        case RECORD_ACCOUNT:
            import_account(relay, &record, &accounts);
            break;
        default:
            break;
        }
    }
    if (relay->active >= RELAY_QUESTIONS ||
        relay->questions[relay->active].state == QUESTION_FREE) {
        relay->active = RELAY_NONE;
    }
}
