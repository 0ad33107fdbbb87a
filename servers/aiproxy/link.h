/* SPDX-License-Identifier: MIT
 * Guest end of the AI link (docs/spec/ailink.md): finds out what the host speaks, delivers messages
 * exactly once in frames, and carries the line form. Pure: bytes, messages and the time go in and
 * out by calls. The whole state is one struct without pointers, made to lie in an arena: copying it
 * back to an earlier turn together with the unread input undoes that turn.
 * Times are nanoseconds of any clock that does not go back; LINK_NEVER means none.
 */
#pragma once
#include "frame.h"

#include <stdbool.h>

#define LINK_VERSION 1u
#define LINK_NEVER UINT64_MAX
#define LINK_MESSAGE_MAX FRAME_PAYLOAD_MAX
#define LINK_LINE_MAX 245u /* "ASK ", 240 bytes, line end */
#define LINK_TEXT_MAX 256u
#define LINK_BACKEND_MAX 32u

#define LINK_SECOND 1000000000ull
#define LINK_PROBE_TIME (2 * LINK_SECOND)
#define LINK_HELLO_TIME (LINK_SECOND / 2)
#define LINK_HELLO_TRIES 3u
#define LINK_QUIET_TIME (2 * LINK_SECOND)
#define LINK_QUIET_MAX 3u
#define LINK_REPEAT_TIME (LINK_SECOND / 2)
#define LINK_REPEAT_TIME_MAX (2 * LINK_SECOND)
#define LINK_CR_TIME (LINK_SECOND / 2)
#define LINK_KNOCK 3u /* CRs */

enum link_form { LINK_PROBING = 0, LINK_LINE, LINK_FRAMES };

struct link {
    uint8_t form; /* enum link_form */
    uint32_t epoch;
    uint32_t session;    /* valid in LINK_FRAMES */
    uint32_t generation; /* changes whenever a session begins or ends */
    bool unsure;         /* then a message of ours was not acknowledged */
    uint64_t probe_end;
    char backend[LINK_BACKEND_MAX];

    uint8_t knock; /* CRs seen in a row */
    uint8_t hello_left;
    bool hello_due;
    uint64_t hello_at; /* next hello, or when to stop waiting; LINK_NEVER: none under way */

    uint64_t quiet_at;
    uint8_t quiet_count;

    struct frame_decoder decoder;
    uint16_t received; /* last sequence accepted */
    bool acknowledge_due;
    bool refused; /* data came while the inbox was full */
    bool inbox_full;
    uint16_t inbox_length;
    uint8_t inbox[LINK_MESSAGE_MAX];

    uint16_t sequence; /* of the message in data, or of the last one */
    bool data_full;    /* data waits for its acknowledgement */
    bool data_due;     /* it is to be sent, or again */
    bool data_busy;
    uint8_t data_tries;
    uint64_t data_at;
    uint16_t data_length;
    uint8_t data[LINK_MESSAGE_MAX];

    bool line_due;
    bool line_open; /* an answer in line form is awaited */
    uint8_t line_length;
    uint8_t line[LINK_LINE_MAX];
    bool text_some; /* the answer has begun */
    bool text_ended;
    bool text_lost;
    uint64_t text_cr_at;
    uint16_t text_length;
    uint8_t text[LINK_TEXT_MAX];

    bool wire_is_data;
    bool wire_is_frame;
    uint16_t wire_sent, wire_length;
    uint8_t wire[FRAME_WIRE_MAX];

    uint64_t sent_bytes, received_bytes, repeats, bad_frames;
};

/* epoch: random. */
void link_init(struct link *link, uint32_t epoch, uint64_t now);

/* Bytes from the wire, in order. */
void link_receive(struct link *link, const uint8_t *bytes, size_t count, uint64_t now);

/* Does what time demands; to be called at link_deadline() or more often, after link_receive(). */
void link_tick(struct link *link, uint64_t now);
uint64_t link_deadline(const struct link *link);

/* Takes up to room bytes for the wire; returns their number. They count as sent. */
size_t link_transmit(struct link *link, uint8_t *bytes, size_t room, uint64_t now);
bool link_has_output(const struct link *link);

/* Frames: one message at a time. link_send() copies; false: no session or the last one is not yet
 * acknowledged. */
bool link_can_send(const struct link *link);
bool link_send(struct link *link, const uint8_t *message, size_t length);

/* The message received, NULL if none; it stays until link_message_done(). */
const uint8_t *link_message(const struct link *link, size_t *length);
void link_message_done(struct link *link);

/* Line form: whether a question may be sent now; sends it; ends the wait for its answer. */
bool link_line_ready(const struct link *link);
void link_line_ask(struct link *link, const uint8_t *prompt, size_t length);
void link_line_close(struct link *link);

/* Text of the answer that came since the last call; *ended: the line is complete, *lost: some of it
 * had no room. Returns the length; the text is copied to text[LINK_TEXT_MAX]. */
size_t link_line_take(struct link *link, uint8_t text[LINK_TEXT_MAX], bool *ended, bool *lost);
