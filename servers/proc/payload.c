/* SPDX-License-Identifier: MIT
 * Payload memory. It is populated at once: a page fault that the account can't pay for would be a
 * crash.
 */
#include "payload.h"

#include <ipc/memory.h>

#define TERMINALS_VA BLOCKS_VA
#define PIPES_VA (BLOCKS_VA + 0x1000000ull)
#define TERMINAL_SIZE (2 * PAGE_SIZE)

status_t payload_pipe(uint32_t index) {
    return memory_map_new((uintptr_t)payload_of_pipe(index), PROC_PIPE_SIZE, MAP_POPULATE);
}

status_t payload_terminals(void) {
    status_t status = memory_map_new(TERMINALS_VA, TERMINALS * TERMINAL_SIZE, MAP_POPULATE);
    return status == E_EXISTS ? OK : status;
}

uint8_t *payload_of_pipe(uint32_t index) {
    return (uint8_t *)(uintptr_t)(PIPES_VA + (uint64_t)index * PROC_PIPE_SIZE);
}

uint8_t *payload_output(uint32_t terminal) {
    return (uint8_t *)(uintptr_t)(TERMINALS_VA + (uint64_t)terminal * TERMINAL_SIZE);
}

uint8_t *payload_typed(uint32_t terminal) {
    return payload_output(terminal) + PAGE_SIZE;
}
