/* SPDX-License-Identifier: MIT
 * Memory beside the arena: 64 KiB for each pipe, a page for each terminal's output, one for what it
 * reads. All of it is allocated when it is first needed and then kept.
 */
#pragma once
#include "state.h"

#define OUTPUT_SIZE 4096u
#define TYPED_SIZE 256u

/* E_QUOTA. */
status_t payload_pipe(uint32_t index);
status_t payload_terminals(void);
uint8_t *payload_of_pipe(uint32_t index);
uint8_t *payload_output(uint32_t terminal);
uint8_t *payload_typed(uint32_t terminal);
