/* SPDX-License-Identifier: MIT
 * 16550: detection by the scratch register, 115200 8N1, FIFOs, interrupts for received bytes and
 * for an empty transmitter.
 */
#include "uart.h"

#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/startup.h>
#include <ipc/uart.h>

#define SCRATCH_PATTERN 0x5au
#define SETTLE_READS 8

static uint32_t uart_read(uint32_t offset) {
    uint32_t value = 0xff;
    (void)port_read(startup_handle("com2"), offset, 1, &value);
    return value;
}

static void uart_write(uint32_t offset, uint32_t value) {
    (void)port_write(startup_handle("com2"), offset, 1, value);
}

static void uart_configure(void) {
    uart_write(UART_INTERRUPT_ENABLE, 0);
    uart_write(UART_LINE_CONTROL, UART_LINE_DIVISOR);
    uart_write(UART_DATA, 1); /* 115200 */
    uart_write(UART_INTERRUPT_ENABLE, 0);
    uart_write(UART_LINE_CONTROL, UART_LINE_8N1);
    uart_write(UART_FIFO_CONTROL, UART_FIFO_ON | UART_FIFO_CLEAR | UART_FIFO_LEVEL_8);
    uart_write(UART_MODEM_CONTROL, UART_MODEM_DTR_RTS_OUT2);
    uart_write(UART_INTERRUPT_ENABLE, UART_ENABLE_RECEIVED | UART_ENABLE_TRANSMIT);
}

static bool uart_absent(struct uart *uart) {
    uart->state = UART_ABSENT;
    log_line("no COM2: questions are answered with \"unavailable\"");
    return false;
}

bool uart_detect(struct uart *uart) {
    switch (uart->state) {
    case UART_NEW:
        if (startup_handle("com2") == HANDLE_NONE) {
            return uart_absent(uart);
        }
        uart_write(UART_SCRATCH, SCRATCH_PATTERN);
        uart->state = UART_PROBE_FIRST;
        return true;
    case UART_PROBE_FIRST:
        if (uart_read(UART_SCRATCH) != SCRATCH_PATTERN) {
            return uart_absent(uart);
        }
        uart_write(UART_SCRATCH, SCRATCH_PATTERN ^ 0xff);
        uart->state = UART_PROBE_SECOND;
        return true;
    case UART_PROBE_SECOND:
        if (uart_read(UART_SCRATCH) != (SCRATCH_PATTERN ^ 0xff)) {
            return uart_absent(uart);
        }
        uart_configure();
        uart->state = UART_SETTLING;
        return true;
    case UART_SETTLING:
        uart->depth =
            (uart_read(UART_INTERRUPT_ID) & UART_ID_FIFO) == UART_ID_FIFO ? UART_FIFO_SIZE : 1;
        uart->state = UART_READY;
        return false;
    default:
        actor_abort("a port is looked for that is known"); /* all conversations would be lost */
    }
}

void uart_connect(uint64_t bits) {
    handle_t irq = startup_handle("com2-irq");
    if (irq == HANDLE_NONE) {
        return;
    }
    status_t status = irq_bind(irq, startup_handle("notification"), bits);
    if (status != OK) {
        log_line("COM2: can't bind the interrupt (%d)", status);
    }
}

size_t uart_receive(uint8_t *bytes, size_t size) {
    int64_t count = port_drain(startup_handle("com2"), UART_LINE_STATUS, UART_STATUS_RECEIVED,
                               UART_DATA, bytes, size);
    return count > 0 ? (size_t)count : 0;
}

bool uart_settle(struct uart *uart) {
    for (int i = 0; i < SETTLE_READS; i++) {
        uint32_t status = uart_read(UART_LINE_STATUS);
        uart->overruns += (status & UART_STATUS_OVERRUN) != 0;
        if ((status & UART_STATUS_RECEIVED) != 0) {
            return false;
        }
        if ((uart_read(UART_INTERRUPT_ID) & UART_ID_NONE) != 0) {
            (void)irq_ack(startup_handle("com2-irq"));
            return true;
        }
        (void)uart_read(UART_MODEM_STATUS);
    }
    return true;
}

size_t uart_room(const struct uart *uart) {
    return (uart_read(UART_LINE_STATUS) & UART_STATUS_TRANSMIT_EMPTY) != 0 ? uart->depth : 0;
}

void uart_send(const uint8_t *bytes, size_t count) {
    (void)port_fill(startup_handle("com2"), UART_DATA, bytes, count);
}
