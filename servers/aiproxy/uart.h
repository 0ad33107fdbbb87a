/* SPDX-License-Identifier: MIT
 * The 16550 behind the link (National Semiconductor PC16550D data sheet), reached by system calls
 * only. State lies in the arena; the chip itself keeps its settings over a restart of the server.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum uart_state {
    UART_NEW = 0,
    UART_PROBE_FIRST,  /* a pattern was written to the scratch register… */
    UART_PROBE_SECOND, /* …and its complement: each is there only after a commit */
    UART_SETTLING,     /* the settings are written */
    UART_READY,
    UART_ABSENT,
};

struct uart {
    uint8_t state; /* enum uart_state */
    uint8_t depth; /* bytes that the transmitter takes at once */
    uint64_t overruns;
};

/* Takes the detection one step on, once per turn; true when a further turn must follow soon. */
bool uart_detect(struct uart *uart);

/* Routes the interrupt; at every start of the program. */
void uart_connect(uint64_t bits);

/* Bytes received, up to size <= 64; they come again if this turn is rolled back. */
size_t uart_receive(uint8_t *bytes, size_t size);

/* Clears what makes the chip interrupt, so that its line falls and can rise again (it is
 * edge-triggered); false: bytes have come meanwhile, receive again. */
bool uart_settle(struct uart *uart);

/* How many bytes the transmitter takes now; uart_send stages them. */
size_t uart_room(const struct uart *uart);
void uart_send(const uint8_t *bytes, size_t count);
