/* SPDX-License-Identifier: MIT */
/* AI protocol (proto/ai.h) for programs that may block. */
#pragma once

#include <ipc/message.h>
#include <proto/ai.h>

status_t ai_status(handle_t ai, struct ai_status *status);

/* Asks; *question becomes the caller's: read the answer from it, close it to drop the question.
 * E_UNAVAILABLE, E_MESSAGE_SIZE, E_BUSY. */
MUST_CHECK status_t ai_ask(handle_t ai, const char *prompt, size_t length, handle_t *question);

/* The next piece of the answer; *length 0: complete. E_IO: the bridge failed, the buffer has its
 * text. flags AI_READ_NO_WAIT: E_WOULD_BLOCK rather than wait. */
status_t ai_read(handle_t question, void *buffer, size_t size, uint64_t flags, size_t *length);
