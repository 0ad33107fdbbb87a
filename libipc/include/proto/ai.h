/* SPDX-License-Identifier: MIT
 * AI protocol. Served by aiproxy. A *relay* session (root badge) asks; every question is answered
 * with a session of its own from which the answer is read as it streams in.
 */
#pragma once
#include <axolotl/abi.h>

#define AI_PROTOCOL_VERSION 1
#define AI_PROMPT_MAX 16384 /* bytes; 240 when only the line form is spoken */

#define AI_PROTOCOL(OP)                                                                            \
    OP(1, STATUS, status, struct ai_empty, struct ai_status)                                       \
    OP(2, ASK, ask, struct ai_ask_request, struct ai_empty)                                        \
    OP(3, READ, read, struct ai_read_request, struct ai_read_reply)

enum ai_operation { AI_STATUS = 1, AI_ASK, AI_READ };

struct ai_empty {
    uint64_t reserved;
};

/* NONE: lines would be spoken, and nobody has ever answered one. */
enum ai_link { AI_LINK_NONE = 0, AI_LINK_LINE = 1, AI_LINK_FRAMES = 2, AI_LINK_PROBING = 3 };

struct ai_status {
    uint64_t port; /* 1: COM2 is there */
    uint64_t link; /* enum ai_link */
    uint64_t prompts, responses, errors, pending;
    uint64_t tx_bytes, rx_bytes, retransmits, bad_frames;
    char backend[32]; /* as the bridge says */
};

/* Lease 0 LEASE_READ: the prompt, UTF-8. Answer: one handle, the question's session; closing it
 * cancels the question. E_UNAVAILABLE no port, E_MESSAGE_SIZE prompt too long, E_BUSY queue full.
 */
struct ai_ask_request {
    uint64_t length;
};

/* Lease 0 LEASE_WRITE. Parked until there is text; length 0: the answer is complete.
 * Errors of the bridge: E_IO and the text of the error in the lease, its length in the reply. */
struct ai_read_request {
    uint64_t length;
    uint64_t flags; /* AI_READ_NO_WAIT: E_WOULD_BLOCK rather than park */
};
#define AI_READ_NO_WAIT 1u

struct ai_read_reply {
    uint64_t length;
};
