/* SPDX-License-Identifier: MIT
 * Guest end of the AI link: sessions, acknowledgement and repetition, and the choice between frames
 * and the line form. Invariants: at most one of our messages is unacknowledged; a message enters
 * the inbox only with the sequence after the last; no line is sent while a hello is under way (so
 * a host that answers the hello has either seen the whole line before it or never will).
 */
#include "link.h"

#include <common/string.h>

void link_init(struct link *link, uint32_t epoch, uint64_t now) {
    memset(link, 0, sizeof *link);
    link->form = LINK_PROBING;
    link->epoch = epoch;
    link->probe_end = now + LINK_PROBE_TIME;
    link->hello_at = LINK_NEVER;
    link->quiet_at = LINK_NEVER;
    link->data_at = LINK_NEVER;
    link->text_cr_at = LINK_NEVER;
}

static void hello_begin(struct link *link, uint64_t now) {
    if (link->hello_at == LINK_NEVER) {
        link->hello_left = LINK_HELLO_TRIES - 1;
        link->hello_due = true;
        link->hello_at = now + LINK_HELLO_TIME;
    }
}

static void hello_end(struct link *link) {
    link->hello_due = false;
    link->hello_at = LINK_NEVER;
}

static void heard(struct link *link, uint64_t now) {
    link->quiet_count = 0;
    link->quiet_at = now + LINK_QUIET_TIME;
}

/* What a frame carried of the old session is void; a half-sent frame is left to the next START. */
static void session_clear(struct link *link) {
    link->generation++;
    link->unsure = link->data_full;
    link->received = 0;
    link->sequence = 0;
    link->acknowledge_due = false;
    link->refused = false;
    link->inbox_full = false;
    link->data_full = false;
    link->data_due = false;
    link->data_busy = false;
    link->data_at = LINK_NEVER;
    if (link->wire_is_frame) {
        link->wire_sent = 0;
        link->wire_length = 0;
    }
}

static void session_begin(struct link *link, uint32_t session, uint64_t now) {
    session_clear(link);
    link->form = LINK_FRAMES;
    link->session = session;
    heard(link, now);
}

static void session_lose(struct link *link) {
    session_clear(link);
    link->form = LINK_LINE;
    link->epoch++;
    link->quiet_at = LINK_NEVER;
    link->backend[0] = '\0';
    hello_end(link);
}

/* ---- Receiving ---------------------------------------------------------------------------- */

static void receive_welcome(struct link *link, const struct frame *frame, uint64_t now) {
    const uint8_t *payload = frame->payload;
    if (frame->session != link->epoch || frame->length < 5 || payload[0] != LINK_VERSION) {
        return;
    }
    uint32_t session = (uint32_t)payload[1] | (uint32_t)payload[2] << 8 |
                       (uint32_t)payload[3] << 16 | (uint32_t)payload[4] << 24;
    size_t name = frame->length - 5u;
    if (name > sizeof link->backend - 1) {
        name = sizeof link->backend - 1;
    }
    memcpy(link->backend, payload + 5, name);
    link->backend[name] = '\0';
    if (link->form != LINK_FRAMES || link->session != session) {
        session_begin(link, session, now);
    }
    hello_end(link);
    heard(link, now);
}

static void receive_acknowledge(struct link *link, const struct frame *frame, uint64_t now) {
    if (!link->data_full) {
        return;
    }
    if (frame->acknowledge == link->sequence) {
        link->data_full = false;
        link->data_due = false;
        link->data_busy = false;
        link->data_at = LINK_NEVER;
    } else if ((frame->flags & FRAME_BUSY) != 0) {
        link->data_busy = true;
        link->data_at = now + LINK_REPEAT_TIME_MAX;
    } else if (link->data_busy) {
        link->data_busy = false;
        link->data_due = true;
    }
}

static void receive_data(struct link *link, const struct frame *frame) {
    if (frame->sequence == link->received) {
        link->acknowledge_due = true;
    } else if (frame->sequence == (uint16_t)(link->received + 1)) {
        link->acknowledge_due = true;
        if (link->inbox_full) {
            link->refused = true;
            return;
        }
        link->received = frame->sequence;
        link->inbox_full = true;
        link->inbox_length = frame->length;
        memcpy(link->inbox, frame->payload, frame->length);
    }
}

static void receive_frame(struct link *link, const struct frame *frame, uint64_t now) {
    if (frame->type == FRAME_WELCOME) {
        receive_welcome(link, frame, now);
        return;
    }
    if (frame->type != FRAME_DATA && frame->type != FRAME_ACKNOWLEDGE) {
        return;
    }
    if (link->form != LINK_FRAMES || frame->session != link->session) {
        hello_begin(link, now);
        return;
    }
    heard(link, now);
    receive_acknowledge(link, frame, now);
    if (frame->type == FRAME_DATA) {
        receive_data(link, frame);
    }
    if ((frame->flags & FRAME_POLL) != 0) {
        link->acknowledge_due = true;
    }
}

/* A byte outside frames: knocks are always heard, text only while an answer is awaited. CR and then
 * quiet ends a line too (a terminal's Enter key), an empty line is none. */
static void receive_text(struct link *link, uint8_t byte, uint64_t now) {
    bool open = link->line_open && !link->text_ended;
    if (byte == '\r') {
        link->text_cr_at = open && link->text_some ? now + LINK_CR_TIME : LINK_NEVER;
        if (++link->knock == LINK_KNOCK) {
            link->knock = 0;
            link->text_cr_at = LINK_NEVER;
            hello_begin(link, now);
        }
        return;
    }
    link->knock = 0;
    link->text_cr_at = LINK_NEVER;
    if (!open) {
        return;
    }
    if (byte == '\n') {
        link->text_ended = link->text_some;
        return;
    }
    link->text_some = true;
    if (link->text_length == sizeof link->text) {
        link->text_lost = true;
    } else {
        link->text[link->text_length++] = byte;
    }
}

void link_receive(struct link *link, const uint8_t *bytes, size_t count, uint64_t now) {
    link->received_bytes += count;
    for (size_t i = 0; i < count; i++) {
        struct frame frame;
        unsigned result = frame_decode(&link->decoder, bytes[i], &frame);
        if ((result & FRAME_IS_BAD) != 0) {
            link->bad_frames++;
        }
        if ((result & FRAME_IS_READY) != 0) {
            receive_frame(link, &frame, now);
        }
        if ((result & FRAME_IS_TEXT) != 0) {
            receive_text(link, bytes[i], now);
        }
    }
}

/* ---- Time --------------------------------------------------------------------------------- */

static void tick_hello(struct link *link, uint64_t now) {
    if (link->hello_left > 0) {
        link->hello_left--;
        link->hello_due = true;
        link->hello_at = now + LINK_HELLO_TIME;
    } else {
        hello_end(link);
    }
}

static void tick_quiet(struct link *link, uint64_t now) {
    link->quiet_at = now + LINK_QUIET_TIME;
    if (++link->quiet_count >= LINK_QUIET_MAX) {
        session_lose(link);
    }
}

void link_tick(struct link *link, uint64_t now) {
    if (link->form == LINK_PROBING && now >= link->probe_end) {
        link->form = LINK_LINE;
    }
    if (now >= link->hello_at) {
        tick_hello(link, now);
    }
    if (now >= link->quiet_at) {
        tick_quiet(link, now);
    }
    if (now >= link->data_at) {
        link->data_at = LINK_NEVER;
        link->data_due = link->data_full;
    }
    if (now >= link->text_cr_at) {
        link->text_cr_at = LINK_NEVER;
        link->text_ended = true;
    }
}

uint64_t link_deadline(const struct link *link) {
    uint64_t deadline = link->form == LINK_PROBING ? link->probe_end : LINK_NEVER;
    const uint64_t times[] = {link->hello_at, link->quiet_at, link->data_at, link->text_cr_at};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        deadline = times[i] < deadline ? times[i] : deadline;
    }
    return deadline;
}

/* ---- Sending ------------------------------------------------------------------------------ */

static void wire_frame(struct link *link, struct frame *frame) {
    link->wire_is_frame = true;
    link->wire_is_data = frame->type == FRAME_DATA;
    link->wire_length = (uint16_t)frame_encode(frame, link->wire);
}

static void wire_hello(struct link *link) {
    struct frame frame = {.type = FRAME_HELLO, .session = link->epoch, .length = 1};
    frame.payload[0] = LINK_VERSION;
    link->hello_due = false;
    wire_frame(link, &frame);
}

static void wire_line(struct link *link) {
    link->line_due = false;
    link->wire_is_frame = false;
    link->wire_is_data = false;
    link->wire_length = link->line_length;
    memcpy(link->wire, link->line, link->line_length);
}

/* Data if it is due, otherwise an acknowledgement; both acknowledge. */
static void wire_session(struct link *link) {
    struct frame frame = {.type = FRAME_ACKNOWLEDGE,
                          .flags = link->refused ? FRAME_BUSY : 0,
                          .acknowledge = link->received,
                          .session = link->session};
    if (link->data_due) {
        frame.type = FRAME_DATA;
        frame.sequence = link->sequence;
        frame.length = link->data_length;
        memcpy(frame.payload, link->data, link->data_length);
        link->data_due = false;
        link->repeats += link->data_tries > 0;
        if (link->data_tries < UINT8_MAX) {
            link->data_tries++;
        }
    }
    link->acknowledge_due = false;
    wire_frame(link, &frame);
}

static bool wire_next(struct link *link) {
    link->wire_sent = 0;
    link->wire_length = 0;
    if (link->line_due) {
        wire_line(link);
    } else if (link->hello_due) {
        wire_hello(link);
    } else if (link->form == LINK_FRAMES && (link->data_due || link->acknowledge_due)) {
        wire_session(link);
    }
    return link->wire_length > 0;
}

static void wire_done(struct link *link, uint64_t now) {
    if (link->wire_is_data && link->data_full) {
        bool slow = link->data_busy || link->data_tries > 2;
        link->data_at = now + (slow ? LINK_REPEAT_TIME_MAX : LINK_REPEAT_TIME * link->data_tries);
    }
    link->wire_is_data = false;
}

bool link_has_output(const struct link *link) {
    return link->wire_sent < link->wire_length || link->line_due || link->hello_due ||
           (link->form == LINK_FRAMES && (link->data_due || link->acknowledge_due));
}

size_t link_transmit(struct link *link, uint8_t *bytes, size_t room, uint64_t now) {
    size_t count = 0;
    while (count < room && (link->wire_sent < link->wire_length || wire_next(link))) {
        bytes[count++] = link->wire[link->wire_sent++];
        if (link->wire_sent == link->wire_length) {
            wire_done(link, now);
        }
    }
    link->sent_bytes += count;
    return count;
}

/* ---- Messages ----------------------------------------------------------------------------- */

bool link_can_send(const struct link *link) {
    return link->form == LINK_FRAMES && !link->data_full;
}

bool link_send(struct link *link, const uint8_t *message, size_t length) {
    if (!link_can_send(link) || length > sizeof link->data) {
        return false;
    }
    link->sequence++;
    link->data_full = true;
    link->data_due = true;
    link->data_tries = 0;
    link->data_length = (uint16_t)length;
    memcpy(link->data, message, length);
    return true;
}

const uint8_t *link_message(const struct link *link, size_t *length) {
    if (!link->inbox_full) {
        return NULL;
    }
    *length = link->inbox_length;
    return link->inbox;
}

void link_message_done(struct link *link) {
    link->inbox_full = false;
    if (link->refused) {
        link->refused = false;
        link->acknowledge_due = true;
    }
}

/* ---- Line form ---------------------------------------------------------------------------- */

bool link_line_ready(const struct link *link) {
    return link->form == LINK_LINE && link->hello_at == LINK_NEVER && !link->line_due &&
           !link->line_open;
}

void link_line_ask(struct link *link, const uint8_t *prompt, size_t length) {
    static const char command[] = "ASK ";
    const size_t head = sizeof command - 1;
    if (length > sizeof link->line - head - 1) {
        length = sizeof link->line - head - 1;
    }
    memcpy(link->line, command, head);
    memcpy(link->line + head, prompt, length);
    link->line[head + length] = '\n';
    link->line_length = (uint8_t)(head + length + 1);
    link->line_due = true;
    link->line_open = true;
    link->text_length = 0;
    link->text_some = false;
    link->text_ended = false;
    link->text_lost = false;
    link->text_cr_at = LINK_NEVER;
}

void link_line_close(struct link *link) {
    link->line_due = false;
    link->line_open = false;
    link->text_length = 0;
    link->text_ended = false;
    link->text_cr_at = LINK_NEVER;
}

size_t link_line_take(struct link *link, uint8_t text[LINK_TEXT_MAX], bool *ended, bool *lost) {
    size_t length = link->text_length;
    memcpy(text, link->text, length);
    *ended = link->text_ended;
    *lost = link->text_lost;
    link->text_length = 0;
    link->text_lost = false;
    return length;
}
