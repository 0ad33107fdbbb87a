/* SPDX-License-Identifier: MIT
 * Questions: slots, limits per account, the ring of answer text, what readers and the status get.
 * What happens on the link is in conversation.c.
 */
#include "relay.h"

#include <common/string.h>

void relay_init(struct relay *relay, uint32_t epoch, uint64_t now) {
    memset(relay, 0, sizeof *relay);
    link_init(&relay->link, epoch, now);
    relay->generation = relay->link.generation;
    relay->active = RELAY_NONE;
}

/* ---- Limits ------------------------------------------------------------------------------- */

static void account_refill(struct relay_account *account, uint64_t now) {
    uint64_t earned = (now - account->refilled) / RELAY_REFILL;
    if (earned >= RELAY_BURST - account->tokens) {
        account->tokens = RELAY_BURST;
        account->refilled = now;
    } else {
        account->tokens += (uint32_t)earned;
        account->refilled += earned * RELAY_REFILL;
    }
}

/* The account's entry; a new one takes the place of the one that has rested longest. */
static struct relay_account *account_find(struct relay *relay, uint32_t id, uint64_t now) {
    struct relay_account *oldest = &relay->accounts[0];
    for (uint32_t i = 0; i < RELAY_ACCOUNTS; i++) {
        struct relay_account *account = &relay->accounts[i];
        if (account->refilled != 0 && account->id == id) {
            return account;
        }
        if (account->refilled < oldest->refilled) {
            oldest = account;
        }
    }
    *oldest = (struct relay_account){.id = id, .tokens = RELAY_BURST, .refilled = now};
    return oldest;
}

static status_t account_charge(struct relay *relay, uint32_t id, uint64_t now) {
    uint32_t open = 0;
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        const struct question *question = &relay->questions[i];
        open += question->state != QUESTION_FREE && question->account == id;
    }
    struct relay_account *account = account_find(relay, id, now);
    account_refill(account, now);
    if (open >= RELAY_PER_ACCOUNT || account->tokens == 0) {
        return E_BUSY;
    }
    account->tokens--;
    return OK;
}

/* ---- Questions ---------------------------------------------------------------------------- */

static bool lines_only(const struct relay *relay) {
    return relay->link.form == LINK_LINE && relay->link.hello_at == LINK_NEVER;
}

status_t relay_open(struct relay *relay, uint32_t account, uint64_t length, uint64_t now,
                    uint32_t *index) {
    if (length == 0) {
        return E_INVALID;
    }
    if (length > (lines_only(relay) ? RELAY_LINE_PROMPT : AI_PROMPT_MAX)) {
        return E_MESSAGE_SIZE;
    }
    uint32_t slot = 0;
    while (slot < RELAY_QUESTIONS && relay->questions[slot].state != QUESTION_FREE) {
        slot++;
    }
    if (slot == RELAY_QUESTIONS || account_charge(relay, account, now) != OK) {
        return E_BUSY;
    }
    struct question *question = &relay->questions[slot];
    memset(question, 0, offsetof(struct question, buffer));
    question->state = QUESTION_FILLING;
    question->account = account;
    question->prompt_length = (uint32_t)length;
    question->order = ++relay->next_order;
    question->badge = question->order << 8 | slot;
    question->stall_at = LINK_NEVER;
    *index = slot;
    return OK;
}

void relay_submit(struct relay *relay, uint32_t index) {
    relay->questions[index].state = QUESTION_WAITING;
    relay->prompts++;
}

void relay_close(struct relay *relay, uint32_t index, uint64_t now) {
    struct question *question = &relay->questions[index];
    question->badge = 0;
    if (question->state == QUESTION_LINE) {
        /* Its answer may still come and must not be taken for the next one's. */
        uint64_t limit = now + RELAY_LINE_WAIT;
        question->abandoned = true;
        question->deadline = limit < question->deadline ? limit : question->deadline;
        return;
    }
    if (question->state == QUESTION_ASKING || question->state == QUESTION_ANSWERING) {
        relay->cancel_due = true;
        relay->cancel_number = question->number;
        relay->active = RELAY_NONE;
    }
    question->state = QUESTION_FREE;
}

uint32_t relay_find(const struct relay *relay, uint64_t badge) {
    uint32_t index = (uint32_t)(badge & 0xff);
    bool found = badge != 0 && index < RELAY_QUESTIONS && relay->questions[index].badge == badge &&
                 relay->questions[index].state != QUESTION_FREE;
    return found ? index : RELAY_NONE;
}

/* ---- Readers ------------------------------------------------------------------------------ */

/* Copies the first `length` bytes of the ring. */
static void ring_copy(const struct question *question, uint8_t *out, size_t length) {
    size_t straight = RELAY_BUFFER - question->start;
    straight = straight < length ? straight : length;
    memcpy(out, question->buffer + question->start, straight);
    memcpy(out + straight, question->buffer, length - straight);
}

status_t relay_peek(const struct relay *relay, uint32_t index, uint8_t *out, size_t size,
                    size_t *length) {
    const struct question *question = &relay->questions[index];
    size_t available = question->length;
    if (available > 0) {
        size_t wanted = available < size ? available : size;
        ring_copy(question, out, wanted);
        if (wanted < available) {
            /* One byte more decides whether the cut lies between characters. */
            uint8_t next = question->buffer[(question->start + wanted) % RELAY_BUFFER];
            if ((next & 0xc0) == 0x80) {
                size_t cut = wanted;
                while (cut > 0 && (out[cut - 1] & 0xc0) == 0x80) {
                    cut--;
                }
                wanted = cut > 1 ? cut - 1 : wanted;
            }
        }
        *length = wanted;
        return OK;
    }
    if (question->state == QUESTION_DONE) {
        *length = 0;
        return OK;
    }
    if (question->state == QUESTION_FAILED) {
        *length = text_prefix(question->error, question->error_length, size);
        memcpy(out, question->error, *length);
        return E_IO;
    }
    return E_WOULD_BLOCK;
}

void relay_consume(struct relay *relay, uint32_t index, size_t length) {
    struct question *question = &relay->questions[index];
    question->length -= (uint32_t)length;
    question->start = (uint32_t)((question->start + length) % RELAY_BUFFER);
    if (question->length == 0) {
        question->start = 0;
    }
    question->stall_at = LINK_NEVER;
}

void relay_status(const struct relay *relay, struct ai_status *status) {
    static const uint8_t links[] = {AI_LINK_PROBING, AI_LINK_LINE, AI_LINK_FRAMES};
    const struct link *link = &relay->link;
    uint64_t pending = 0;
    for (uint32_t i = 0; i < RELAY_QUESTIONS; i++) {
        uint8_t state = relay->questions[i].state;
        pending += state >= QUESTION_WAITING && state <= QUESTION_LINE;
    }
    *status = (struct ai_status){
        .port = 1,
        .link = lines_only(relay) && !relay->line_answered ? AI_LINK_NONE : links[link->form],
        .prompts = relay->prompts,
        .responses = relay->responses,
        .errors = relay->errors,
        .pending = pending,
        .tx_bytes = link->sent_bytes,
        .rx_bytes = link->received_bytes,
        .retransmits = link->repeats,
        .bad_frames = link->bad_frames,
    };
    strlcpy(status->backend, link->backend, sizeof status->backend);
}
