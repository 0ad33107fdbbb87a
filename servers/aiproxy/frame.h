/* SPDX-License-Identifier: MIT
 * Frames of the AI link (docs/spec/ailink.md): encoding, and a decoder that is fed byte by byte and
 * finds its way again after any garbage. Pure; owns nothing but what the caller passes.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FRAME_START 0xf8u
#define FRAME_END 0xf9u
#define FRAME_ESCAPE 0xfau
#define FRAME_ESCAPE_XOR 0x40u

#define FRAME_HEADER 10u
#define FRAME_PAYLOAD_MAX 480u
#define FRAME_CHECK 4u
#define FRAME_BODY_MAX (FRAME_HEADER + FRAME_PAYLOAD_MAX + FRAME_CHECK)
#define FRAME_WIRE_MAX (2 * FRAME_BODY_MAX + 2)

enum frame_type {
    FRAME_HELLO = 'H',
    FRAME_WELCOME = 'W',
    FRAME_DATA = 'D',
    FRAME_ACKNOWLEDGE = 'A',
};

#define FRAME_POLL 1u /* flags: answer with an acknowledgement */
#define FRAME_BUSY 2u /* flags: data was refused for lack of room */

struct frame {
    uint8_t type; /* enum frame_type */
    uint8_t flags;
    uint16_t sequence;
    uint16_t acknowledge;
    uint32_t session; /* the epoch in HELLO and WELCOME */
    uint16_t length;  /* of payload */
    uint8_t payload[FRAME_PAYLOAD_MAX];
};

enum frame_state { FRAME_OUTSIDE = 0, FRAME_INSIDE, FRAME_ESCAPED, FRAME_SKIPPING };

/* All zero is its start. */
struct frame_decoder {
    uint8_t state; /* enum frame_state */
    uint16_t length;
    uint8_t body[FRAME_BODY_MAX];
};

/* What one byte amounted to; bits. */
#define FRAME_IS_TEXT 1u  /* the byte stands outside frames */
#define FRAME_IS_READY 2u /* *frame was filled with a valid frame */
#define FRAME_IS_BAD 4u   /* a damaged frame was dropped */

/* Returns the number of bytes written to wire. */
size_t frame_encode(const struct frame *frame, uint8_t wire[FRAME_WIRE_MAX]);

/* Feeds one byte; returns FRAME_IS_… bits. *frame is written only with FRAME_IS_READY. */
unsigned frame_decode(struct frame_decoder *decoder, uint8_t byte, struct frame *frame);
