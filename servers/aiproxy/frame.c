/* SPDX-License-Identifier: MIT
 * Frames of the AI link. The three marking bytes never occur in UTF-8, and line ends are escaped,
 * so that the remains of a damaged frame can neither look like a frame nor like a line.
 */
#include "frame.h"

#include <common/crc.h>
#include <common/string.h>

static uint16_t load16(const uint8_t *from) {
    return (uint16_t)(from[0] | from[1] << 8);
}

static uint32_t load32(const uint8_t *from) {
    return (uint32_t)load16(from) | (uint32_t)load16(from + 2) << 16;
}

static void store16(uint8_t *to, uint16_t value) {
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static void store32(uint8_t *to, uint32_t value) {
    store16(to, (uint16_t)value);
    store16(to + 2, (uint16_t)(value >> 16));
}

static int needs_escape(uint8_t byte) {
    return byte == '\n' || byte == '\r' || byte == FRAME_START || byte == FRAME_END ||
           byte == FRAME_ESCAPE;
}

size_t frame_encode(const struct frame *frame, uint8_t wire[FRAME_WIRE_MAX]) {
    uint8_t body[FRAME_BODY_MAX];
    size_t length = FRAME_HEADER + frame->length;
    body[0] = frame->type;
    body[1] = frame->flags;
    store16(body + 2, frame->sequence);
    store16(body + 4, frame->acknowledge);
    store32(body + 6, frame->session);
    memcpy(body + FRAME_HEADER, frame->payload, frame->length);
    store32(body + length, crc32(CRC32_START, body, length));
    length += FRAME_CHECK;

    size_t out = 0;
    wire[out++] = FRAME_START;
    for (size_t i = 0; i < length; i++) {
        if (needs_escape(body[i])) {
            wire[out++] = FRAME_ESCAPE;
            wire[out++] = body[i] ^ FRAME_ESCAPE_XOR;
        } else {
            wire[out++] = body[i];
        }
    }
    wire[out++] = FRAME_END;
    return out;
}

/* Checks the collected body and takes it apart. */
static unsigned frame_finish(const struct frame_decoder *decoder, struct frame *frame) {
    const uint8_t *body = decoder->body;
    if (decoder->length < FRAME_HEADER + FRAME_CHECK) {
        return FRAME_IS_BAD;
    }
    size_t length = decoder->length - FRAME_CHECK;
    if (crc32(CRC32_START, body, length) != load32(body + length)) {
        return FRAME_IS_BAD;
    }
    if (body[0] != FRAME_HELLO && body[0] != FRAME_WELCOME && body[0] != FRAME_DATA &&
        body[0] != FRAME_ACKNOWLEDGE) {
        return FRAME_IS_BAD;
    }
    frame->type = body[0];
    frame->flags = body[1];
    frame->sequence = load16(body + 2);
    frame->acknowledge = load16(body + 4);
    frame->session = load32(body + 6);
    frame->length = (uint16_t)(length - FRAME_HEADER);
    memcpy(frame->payload, body + FRAME_HEADER, frame->length);
    return FRAME_IS_READY;
}

/* A byte between START and END that is not a marker or a line end. */
static void frame_collect(struct frame_decoder *decoder, uint8_t byte) {
    if (decoder->state == FRAME_ESCAPED) {
        byte ^= FRAME_ESCAPE_XOR;
        decoder->state = FRAME_INSIDE;
        if (!needs_escape(byte)) {
            decoder->state = FRAME_SKIPPING;
        }
    }
    if (decoder->length == FRAME_BODY_MAX) {
        decoder->state = FRAME_SKIPPING;
    }
    if (decoder->state == FRAME_INSIDE) {
        decoder->body[decoder->length++] = byte;
    }
}

unsigned frame_decode(struct frame_decoder *decoder, uint8_t byte, struct frame *frame) {
    unsigned bad = decoder->state == FRAME_OUTSIDE ? 0 : FRAME_IS_BAD;
    switch (byte) {
    case FRAME_START:
        decoder->state = FRAME_INSIDE;
        decoder->length = 0;
        return bad;
    case FRAME_END: {
        unsigned result = decoder->state == FRAME_INSIDE ? frame_finish(decoder, frame) : bad;
        decoder->state = FRAME_OUTSIDE;
        return result;
    }
    case '\n':
    case '\r':
        decoder->state = FRAME_OUTSIDE;
        return FRAME_IS_TEXT | bad;
    case FRAME_ESCAPE:
        if (decoder->state == FRAME_ESCAPED) {
            decoder->state = FRAME_SKIPPING;
        } else if (decoder->state == FRAME_INSIDE) {
            decoder->state = FRAME_ESCAPED;
        }
        return 0;
    default:
        break;
    }
    if (decoder->state == FRAME_OUTSIDE) {
        return FRAME_IS_TEXT;
    }
    if (decoder->state != FRAME_SKIPPING) {
        frame_collect(decoder, byte);
    }
    return 0;
}
