/* SPDX-License-Identifier: MIT
 * The questions of all clients and their way over the link: a queue, limits per account, one
 * question at a time on the wire, and the answer's text held until its reader takes it. Pure: no
 * system call; the whole state is one struct without pointers that lies in the arena.
 */
#pragma once
#include "link.h"
#include "text.h"

#include <axolotl/abi.h>
#include <proto/ai.h>

#ifndef RELAY_QUESTIONS
#define RELAY_QUESTIONS 8u
#endif
#define RELAY_PER_ACCOUNT 4u
#define RELAY_ACCOUNTS 16u
#define RELAY_BURST 64u                 /* questions an account may ask at once… */
#define RELAY_REFILL (LINK_SECOND / 10) /* …and the time in which it may ask one more */
#define RELAY_BUFFER AI_PROMPT_MAX      /* the prompt, later the answer not yet read */
#define RELAY_LINE_PROMPT 240u          /* bytes */
#define RELAY_ERROR_MAX 200u            /* bytes of an error's text */
#define RELAY_LINE_WAIT (20 * LINK_SECOND)
#define RELAY_LINE_WAIT_LONG (120 * LINK_SECOND)
#define RELAY_STALL (60 * LINK_SECOND) /* a reader may hold up others so long */
#define RELAY_NONE UINT32_MAX

enum question_state {
    QUESTION_FREE = 0,
    QUESTION_FILLING,   /* the caller writes the prompt */
    QUESTION_WAITING,   /* queued */
    QUESTION_ASKING,    /* pieces of the prompt go out in frames */
    QUESTION_ANSWERING, /* frames */
    QUESTION_LINE,      /* asked in line form */
    QUESTION_DONE,      /* all of the answer is in the buffer */
    QUESTION_FAILED,    /* error holds a text, partial answer in the buffer */
};

struct question {
    uint8_t state;  /* enum question_state */
    bool abandoned; /* line form: nobody reads it any more */
    uint32_t account;
    uint64_t badge;    /* of its session; 0: none */
    uint64_t order;    /* of asking */
    uint64_t deadline; /* line form */
    uint64_t stall_at;
    uint64_t read_token; /* parked read, 0: none; the dispatcher's */
    uint64_t read_length;
    uint32_t number; /* on the wire */
    uint32_t prompt_length, prompt_sent;
    uint32_t start, length; /* ring of answer text in buffer */
    uint32_t error_length;
    uint8_t head_length; /* line form: the first four bytes, until "ERR " is decided */
    bool head_decided;
    bool text_lost;
    uint8_t head[4];
    struct text_filter filter;
    uint8_t error[RELAY_ERROR_MAX];
    uint8_t buffer[RELAY_BUFFER];
};

struct relay_account {
    uint32_t id;
    uint32_t tokens;
    uint64_t refilled; /* 0: slot free */
};

struct relay {
    struct link link;
    uint32_t generation; /* of the link, as last seen */
    uint32_t active;     /* index of the question on the wire, or RELAY_NONE */
    uint32_t next_number;
    uint64_t next_order;
    bool cancel_due;
    uint32_t cancel_number;
    bool torn;          /* a message was not taken whole: never committed */
    bool line_answered; /* somebody speaks the line form */
    uint64_t prompts, responses, errors;
    struct relay_account accounts[RELAY_ACCOUNTS];
    struct question questions[RELAY_QUESTIONS];
};

void relay_init(struct relay *relay, uint32_t epoch, uint64_t now);

/* Reserves a question for a prompt of `length` bytes, to be written to its buffer. E_INVALID empty,
 * E_MESSAGE_SIZE too long, E_BUSY queue full or the account over its limits. */
status_t relay_open(struct relay *relay, uint32_t account, uint64_t length, uint64_t now,
                    uint32_t *index);
/* The prompt is in the buffer: queues the question. */
void relay_submit(struct relay *relay, uint32_t index);
/* Gives the question up (also while filling). */
void relay_close(struct relay *relay, uint32_t index, uint64_t now);
/* The question with that badge, or RELAY_NONE. */
uint32_t relay_find(const struct relay *relay, uint64_t badge);

/* Moves everything on as far as it goes; after every input and at relay_deadline(). */
void relay_run(struct relay *relay, uint64_t now);
uint64_t relay_deadline(const struct relay *relay);

/* Copies up to size bytes of the answer, or of the error's text, to out without consuming them.
 * OK: *length > 0 text, 0 the answer is complete; E_WOULD_BLOCK nothing yet; E_IO out holds the
 * error's text. */
status_t relay_peek(const struct relay *relay, uint32_t index, uint8_t *out, size_t size,
                    size_t *length);
/* Text given to the reader. */
void relay_consume(struct relay *relay, uint32_t index, size_t length);

void relay_status(const struct relay *relay, struct ai_status *status);
